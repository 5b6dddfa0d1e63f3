"""The stations' events on their way to the journal: a list in Redis, in the order in which things happened.

Each entry is the moment in microseconds by Redis's clock, a blank, and ``Event.to_json``. What tells of an accepted
upload is added by the transaction that accepts it (``intake``). The daemon moves the entries to the election store.
"""

import hashlib
from dataclasses import dataclass

from redis import Redis

from shared.journal.events import Event
from shared.queue import keys
from shared.queue.connection import ALSO_WHEN_FULL, as_bytes, translated

# So many events may wait that nothing depends on; beyond that none of them is added, or they would fill Redis while no
# daemon works.
MOST_REFUSALS_WAITING = 10_000

_LARGEST_EVENT = 64 * 1024

# In scripts the list is named in the text and not handed over as a key: the station's user may only add to it, and what
# is handed over has to be allowed together with the other keys, among which it may do more.
_REFUSED = f"""
if redis.call('LLEN', '{keys.JOURNAL}') >= tonumber(ARGV[2]) then return 0 end
local time = redis.call('TIME')
redis.call('RPUSH', '{keys.JOURNAL}', string.format('%.0f', time[1] * 1000000 + time[2]) .. ' ' .. ARGV[1])
return 1
"""
# Only what was read is removed: a daemon that was frozen finds other entries at the front than those that it has moved.
_TRIM = f"""{ALSO_WHEN_FULL}
if redis.call('LINDEX', KEYS[1], 0) ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
return 1
"""


@dataclass(frozen=True)
class Waiting:
    """The first entries of the list: as they stand there, and what they tell."""

    first: bytes
    events: list[Event]


def add_refusal(redis: Redis, event: Event) -> bool:
    """Add an event that nothing depends on; False when too many wait."""
    with translated():
        return bool(redis.eval(_REFUSED, 0, event.to_json(), str(MOST_REFUSALS_WAITING)))


def front(redis: Redis, most: int) -> Waiting | None:
    """The entries that have waited for longest; None when none waits."""
    with translated():
        found = [as_bytes(text) for text in redis.lrange(keys.JOURNAL, 0, most - 1)]
    return Waiting(found[0], [_read(text) for text in found]) if found else None


def waiting(redis: Redis) -> int:
    """How many entries wait."""
    with translated():
        return int(redis.llen(keys.JOURNAL))


def remove(redis: Redis, moved: Waiting) -> bool:
    """Take entries out of the list that the journal has; False when somebody else has done so."""
    with translated():
        return bool(redis.eval(_TRIM, 1, keys.JOURNAL, moved.first, str(len(moved.events))))


def _read(text: bytes) -> Event:
    """What an entry tells; one that no program of ours has written is told as what it is, without its words."""
    stamp, _, said = text.partition(b" ")
    try:
        if len(text) > _LARGEST_EVENT:
            raise ValueError("No event is as long as this.")
        return Event.from_json(said, keys.from_microseconds(int(stamp)))
    except (ValueError, TypeError, OverflowError, RecursionError):
        digest = hashlib.sha256(text).hexdigest()
        # The id follows from the text, so that this is written once, too.
        return Event("journal.damaged", "entry in Redis", {"sha256": digest, "bytes": len(text)}, id=digest[:32])
