"""What is counted so far, for whoever reads Redis: a copy that the daemon keeps of the sums in the election store.

The store is what counts. This is for a reader who has no way to it, or while it is away; while a daemon works it is a
second old, for a large election some seconds, and says itself how far it reaches.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from redis import Redis

from shared.queue import keys
from shared.queue.connection import ALSO_WHEN_FULL, as_bytes, translated

# As long as the stations know an election after its end.
_KEPT_SECONDS = 30 * 86400

_WRITE = ALSO_WHEN_FULL + "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])"


@dataclass(frozen=True)
class ProvisionalCounts:
    """Ballots of an election by what became of them, and its votes by poll number.

    ``counted_until`` is the moment, in microseconds since 1970, before which everything received is in these sums; None
    while nobody can say. ``votes`` are None while they are held back: voters cast ballots themselves, and not all of
    them are counted.
    """

    election_id: int
    counted_until: int | None
    counted: int
    duplicate: int
    invalid: int
    outside: int
    votes: Mapping[int, int] | None

    def to_json(self) -> str:
        votes = None if self.votes is None else {str(number): self.votes[number] for number in sorted(self.votes)}
        return json.dumps({**asdict(self), "votes": votes}, separators=(",", ":"))


def write(redis: Redis, counts: ProvisionalCounts) -> None:
    """Replace what is known of an election."""
    with translated():
        redis.eval(_WRITE, 1, keys.provisional(counts.election_id), counts.to_json(), str(_KEPT_SECONDS))


def read(redis: Redis, election_id: int) -> ProvisionalCounts | None:
    """What is counted so far; None where no daemon has said it, or not for a long time."""
    with translated():
        text = redis.get(keys.provisional(election_id))
    if text is None:
        return None
    said = json.loads(as_bytes(text))
    votes = said.pop("votes")
    return ProvisionalCounts(**said, votes=None if votes is None else {int(one): votes[one] for one in votes})


def is_there(redis: Redis, election_id: int) -> bool:
    """Whether Redis has not lost it."""
    with translated():
        return bool(redis.exists(keys.provisional(election_id)))
