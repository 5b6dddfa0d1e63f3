"""The line of what officials have sent of tally sheets, as the daemon works it: read in front, removed when done."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from shared.queue import keys
from shared.queue.connection import ALSO_WHEN_FULL, as_bytes, translated
from shared.queue.sheets import ENTRY, PHOTOGRAPH
from shared.sheets import Person, photographs

# An entry with the longest explanations of every warning, each character escaped, has a third of it.
_LONGEST = 256 * 1024

# Only what was read is removed: a daemon that was frozen finds something else at the front. What became of it is told
# only where it is still remembered, or a key would stay for ever. KEYS: the line, the count of bytes, and for each of
# those removed the official's hash and the photograph; ARGV: the first of them, how many, and for each its id and what
# became of it, which is empty when nobody is to be told.
_REMOVE = (
    ALSO_WHEN_FULL
    + """
if redis.call('LINDEX', KEYS[1], 0) ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
for place = 1, tonumber(ARGV[2]) do
    local own, photograph = KEYS[2 * place + 1], KEYS[2 * place + 2]
    local bytes = redis.call('STRLEN', photograph)
    if bytes > 0 then
        redis.call('DEL', photograph)
        redis.call('DECRBY', KEYS[2], bytes)
    end
    if ARGV[2 * place + 2] ~= '' and redis.call('EXISTS', own) == 1 then
        redis.call('HSET', own, 'became:' .. ARGV[2 * place + 1], ARGV[2 * place + 2])
    end
end
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('SET', KEYS[2], '0') end
return 1
"""
)


@dataclass(frozen=True)
class Waiting:
    """Something at the front of the line: ``text`` as it stands there, the rest as it was read.

    What no station of ours has written has a ``fault`` that says what is wrong with it, and may lack all the rest.
    """

    text: bytes
    id: str
    kind: str = ""
    election_id: int = 0
    station_id: int = 0
    official_email: str = ""
    address: str = ""
    request_id: str = ""
    received_at: datetime | None = None
    said: Any = None
    fault: str = ""
    official_jmbg: str = ""

    @property
    def official(self) -> Person:
        return Person(self.official_email, self.official_jmbg)

    @property
    def sheet(self) -> tuple[int, int]:
        """Election and polling station."""
        return self.election_id, self.station_id


@dataclass(frozen=True)
class Done:
    """Something that can be removed, and what its official is told of it; None: nobody is told."""

    waiting: Waiting
    became: Mapping[str, Any] | None


def front(redis: Redis, most: int) -> list[Waiting]:
    """What has waited for longest."""
    with translated():
        return [read(as_bytes(text)) for text in redis.lrange(keys.SHEETS, 0, most - 1)]


def waiting(redis: Redis) -> int:
    """How much waits."""
    with translated():
        return int(redis.llen(keys.SHEETS))


def oldest(redis: Redis) -> datetime | None:
    """Since when the first of the line waits; None when nothing does, or nobody can read since when."""
    first = front(redis, 1)
    return first[0].received_at if first else None


def content(redis: Redis, photograph_id: str) -> bytes:
    """The content of a photograph that waits; empty when there is none, cut off where it is longer than any."""
    with translated():
        return as_bytes(redis.getrange(keys.photograph(photograph_id), 0, photographs.MOST_BYTES))


def now(redis: Redis) -> datetime:
    """Redis's own time."""
    with translated():
        seconds, microseconds = redis.time()
    return keys.from_microseconds(seconds * 1_000_000 + microseconds)


def remove(redis: Redis, done: Sequence[Done]) -> bool:
    """Take the first of the line out of it, once they are recorded; False when somebody else has done so."""
    names, words = [keys.SHEETS, keys.PHOTOGRAPHS], [done[0].waiting.text, str(len(done)).encode()]
    for one in done:
        item = one.waiting
        names += [keys.sent(*item.sheet, item.official_email), keys.photograph(item.id)]
        words += [item.id.encode(), b"" if one.became is None else json.dumps(one.became).encode()]
    with translated():
        return bool(redis.eval(_REMOVE, len(names), *names, *words))


def read(text: bytes) -> Waiting:
    """What an element of the line says."""
    stamp, _, words = text.partition(b" ")
    # The id follows from the text, so that the journal is told once, too.
    digest = hashlib.sha256(text).hexdigest()[:32]
    try:
        if len(text) > _LONGEST:
            raise ValueError("It is too long.")
        said = json.loads(words)
        if not isinstance(said, dict) or not isinstance(said.get("said"), dict):
            raise ValueError("It is no JSON object of a station's.")
        election, station = said["election"], said["station"]
        texts = [said[name] for name in ("id", "kind", "official", "address", "request_id")]
        if not all(type(number) is int and 0 < number < 2**31 for number in (election, station)):
            raise ValueError("It names no election and polling station.")
        if not all(isinstance(one, str) and one.isprintable() and len(one) <= 256 for one in texts):
            raise ValueError("It names no official.")
        sending_id, kind, official, address, request_id = texts
        # A station of an earlier version does not say it.
        jmbg = said.get("jmbg", "")
        if not isinstance(jmbg, str) or not jmbg.isprintable() or len(jmbg) > 13:
            raise ValueError("It names no person.")
        if len(sending_id) != 32 or not sending_id.isalnum() or kind not in (ENTRY, PHOTOGRAPH) or not official:
            raise ValueError("It is neither an entry nor a photograph.")
        moment = keys.from_microseconds(int(stamp))
        head = (text, sending_id, kind, election, station, official, address, request_id, moment)
        return Waiting(*head, said["said"], official_jmbg=jmbg)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        return Waiting(text, digest, fault=f"It is not as a voting station writes it: {type(error).__name__}.")
