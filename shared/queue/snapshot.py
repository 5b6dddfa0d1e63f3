"""The elections and polling stations as the voting stations know them: a copy that the daemon keeps in Redis."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import lru_cache

from redis import Redis

from shared.errors import Unavailable
from shared.queue import keys
from shared.queue.connection import ALSO_WHEN_FULL, as_bytes, translated

_WRITE = ALSO_WHEN_FULL + "redis.call('SET', KEYS[1], ARGV[1])"
_WRITE_STATIONS = (
    ALSO_WHEN_FULL
    + """
redis.call('DEL', KEYS[1])
for place = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1]) end
"""
)

# Beside the stations' numbers: which state of the store the copy is of.
_COPY_OF = "copy of"

NOT_VOTED_AT, NOT_KNOWN_AT = -1, -2
"""Instead of the registered voters of a station: nobody could vote at it when the geography of the election was frozen,
for it was disabled, or was not there at all and so is in no constituency of that election.
"""


@dataclass(frozen=True)
class KnownElection:
    """A published election: open from ``start``, inclusive, to ``end``, exclusive, in microseconds since 1970."""

    id: int
    title: str
    kind: str
    jurisdiction_id: int
    start: int
    end: int
    poll_numbers: list[int]
    # Each constituency elects for itself, so ballots that are of no polling station could not be attributed.
    by_constituency: bool = False
    # By which the signatures of voters' ballots are checked: DER in base64. None where voters do not vote so.
    ballot_key: str | None = None
    # Whether everybody may read how each ballot was cast, once all are counted; who votes is told that before.
    choices_public: bool = False

    def is_open(self, moment: datetime) -> bool:
        return self.start <= keys.to_microseconds(moment) < self.end


_FIELDS = frozenset(field.name for field in fields(KnownElection))


def write(redis: Redis, elections: list[KnownElection]) -> None:
    """Replace the snapshot, if it says anything else."""
    text = json.dumps([_written(election) for election in elections])
    with translated():
        if redis.get(keys.ELECTIONS) != text.encode():
            redis.eval(_WRITE, 1, keys.ELECTIONS, text)


def knows_stations(redis: Redis, fingerprint: str) -> bool:
    """Whether the copy of the polling stations is of this state of the store."""
    with translated():
        return as_bytes(redis.hget(keys.STATIONS, _COPY_OF) or b"") == fingerprint.encode()


def write_stations(redis: Redis, fingerprint: str, statuses: Mapping[int, str]) -> None:
    """Replace the copy of the polling stations, active or disabled by their numbers."""
    said: list[str | int] = [_COPY_OF, fingerprint] if statuses else []
    for number, status in statuses.items():
        said += [number, status]
    with translated():
        redis.eval(_WRITE_STATIONS, 1, keys.STATIONS, *said)


@dataclass(frozen=True)
class Roll:
    """What a voting station knows of a polling station beside its status.

    ``registered`` voters are on its electoral roll, in the election that was asked for. ``voted_at``: people
    could vote at it in that election, or its geography is not frozen yet; ``known_at``: at least it was there.
    """

    code: str
    municipality: str
    registered: int
    voted_at: bool = True
    known_at: bool = True


def knows_rolls(redis: Redis, fingerprint: str) -> bool:
    """Whether the copy of what stations are called and of their rolls is of this state of the store."""
    with translated():
        return as_bytes(redis.hget(keys.ROLLS, _COPY_OF) or b"") == fingerprint.encode()


def write_rolls(
    redis: Redis, fingerprint: str, rolls: Mapping[int, Roll], frozen: Mapping[tuple[int, int], int]
) -> None:
    """Replace the copy of the stations' names and rolls.

    ``frozen`` has, by election and station, the registered voters where they were others at the election's opening,
    and ``NOT_VOTED_AT`` or ``NOT_KNOWN_AT`` where nobody could vote at the station then.
    """
    said: list[str | int] = [_COPY_OF, fingerprint] if rolls else []
    for number, roll in rolls.items():
        said += [number, json.dumps([roll.code, roll.municipality, roll.registered])]
    for (election, station), registered in frozen.items():
        said += [f"{election}:{station}", registered]
    with translated():
        redis.eval(_WRITE_STATIONS, 1, keys.ROLLS, *said)


def read_roll(live: bytes | None, frozen: bytes | None) -> Roll | None:
    """What the copy says of a station in an election; None where a daemon has not told it."""
    if live is None:
        return None
    code, municipality, registered = json.loads(live)
    if frozen is None:
        return Roll(code, municipality, registered)
    at_opening = int(frozen)
    if at_opening in (NOT_VOTED_AT, NOT_KNOWN_AT):
        return Roll(code, municipality, registered, voted_at=False, known_at=at_opening == NOT_VOTED_AT)
    return Roll(code, municipality, at_opening)


def stations(redis: Redis, election_id: int, numbers: Sequence[int]) -> list[tuple[str | None, Roll | None]]:
    """The status of each of these stations, None for one that is not known, and what is known of it besides."""
    if not numbers:
        return []
    with translated():
        pipe = redis.pipeline(transaction=False)
        pipe.hmget(keys.STATIONS, *map(str, numbers))
        pipe.hmget(keys.ROLLS, *map(str, numbers))
        pipe.hmget(keys.ROLLS, *(f"{election_id}:{number}" for number in numbers))
        found = zip(*pipe.execute(), strict=True)
    return [(status.decode() if status else None, read_roll(live, frozen)) for status, live, frozen in found]


def write_lists(redis: Redis, lists: Mapping[int, Mapping[int, str]]) -> None:
    """Replace what the lists are called, by election and poll number, if that says anything else.

    It is beside the elections, because a station needs those for every upload, and the names for a page only.
    """
    text = json.dumps(lists)
    with translated():
        if redis.get(keys.LISTS) != text.encode():
            redis.eval(_WRITE, 1, keys.LISTS, text)


def read_lists(redis: Redis, election_id: int) -> dict[int, str]:
    """What the lists of an election are called, by poll number; empty where no daemon has told it."""
    with translated():
        text = redis.get(keys.LISTS)
    found = _parsed_lists(as_bytes(text)) if text is not None else {}
    return {int(number): name for number, name in found.get(str(election_id), {}).items()}


@lru_cache(maxsize=4)
def _parsed_lists(text: bytes) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


def read(redis: Redis) -> tuple[tuple[KnownElection, ...], datetime]:
    """The elections and Redis's time, read together; ``Unavailable`` before any daemon has written them."""
    with translated():
        pipe = redis.pipeline(transaction=False)
        pipe.get(keys.ELECTIONS)
        pipe.time()
        text, (seconds, microseconds) = pipe.execute()
    return parsed(text), keys.from_microseconds(seconds * 1_000_000 + microseconds)


# The text hardly ever changes, and a station needs it for every upload.
@lru_cache(maxsize=4)
def parsed(text: bytes | None) -> tuple[KnownElection, ...]:
    """The elections in a snapshot; ``Unavailable`` before any daemon has written one."""
    if text is None:
        raise Unavailable("No daemon has told the stations of the elections yet; send it again in a moment.")
    # What a later version says beside that is passed over.
    return tuple(
        KnownElection(**{name: value for name, value in found.items() if name in _FIELDS}) for found in json.loads(text)
    )


def _written(election: KnownElection) -> dict[str, object]:
    """What an earlier version does not know is said only where it matters: that version cannot read it."""
    said = asdict(election)
    if not election.by_constituency:
        del said["by_constituency"]
    if election.ballot_key is None:
        del said["ballot_key"]
    if not election.choices_public:
        del said["choices_public"]
    return said
