"""What an operator asks of the queues: what waits and since when, what was buried and why, and to try that again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import cast

from redis import Redis
from redis.exceptions import ResponseError

from shared.errors import NotFound
from shared.journal.events import event
from shared.queue import keys
from shared.queue.connection import as_bytes, translated
from shared.queue.entries import FIELDS, RefusedJob, is_job_id, read_part
from shared.queue.intake import partitions
from shared.sentences import say

# The part's ballots count as waiting again; a part that was replayed by somebody else meanwhile is not put in twice.
_REPLAY = """
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[5], ARGV[1])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('INCRBY', KEYS[3], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
local time = redis.call('TIME')
redis.call('RPUSH', KEYS[4], string.format('%.0f', time[1] * 1000000 + time[2]) .. ' ' .. ARGV[5])
return 1
"""


@dataclass(frozen=True)
class QueueState:
    """One partition's queue: the parts that wait in it, since when the first does, and who works it."""

    partition: int
    parts: int
    oldest: datetime | None
    owner: str | None
    dead_letters: int


@dataclass(frozen=True)
class BuriedPart:
    """A part that was laid aside, and why; what no station has written is shown as part 0 of a batch of its name."""

    partition: int
    job_id: str
    batch_id: str
    part: int
    buried_at: datetime
    reason: str


def states(redis: Redis) -> list[QueueState]:
    """Every partition's queue; ``Unavailable`` when Redis is away or no daemon has prepared it.

    Partitions of an earlier number are among them as long as something of them is left.
    """
    current = partitions(redis)
    found = [_state(redis, partition) for partition in _known(redis)]
    return [state for state in found if state.partition < current or state.parts or state.dead_letters]


def buried(redis: Redis) -> list[BuriedPart]:
    """Every dead letter, the oldest of each partition first."""
    with translated():
        return [part for partition in _known(redis) for _, part in _buried(redis, partition)]


def replay(redis: Redis, batch_id: str, part: int) -> int:
    """Put a dead letter at the end of its queue; return the partition. Raises ``NotFound`` when there is none such.

    One from a partition that there is no more goes to another: whoever works it, no ballot is counted twice.
    """
    current = partitions(redis)
    # What no station has written is shown as part 0 of a batch of its own name.
    ids = [keys.job_id(batch_id, part), *([batch_id] if part == 0 else [])]
    with translated():
        for job_id, partition in product(ids, _known(redis)):
            put = redis.eval(
                _REPLAY,
                5,
                keys.buried(partition),
                keys.queue(partition % current),
                keys.QUEUED_BALLOTS,
                keys.JOURNAL,
                keys.REASONS,
                job_id,
                str(_ballots(redis, job_id)),
                keys.ARRIVED,
                str(partition % current),
                event(
                    "part.replayed", f"part {part} of batch {batch_id}", {"partition": partition % current}
                ).to_json(),
            )
            if put:
                return partition % current
    raise NotFound(
        say(
            "No dead letter is part {part} of batch {batch}; see `urna queue` for those there are.",
            part=str(part),
            batch=str(batch_id),
        )
    )


def find(redis: Redis, batch_id: str, part: int) -> bytes | None:
    """The id, whatever bytes it has, of the job that is shown as this part of this batch among the dead letters."""
    with translated():
        for partition in _known(redis):
            for job_id, shown in _buried(redis, partition):
                if (shown.batch_id, shown.part) == (batch_id, part):
                    return job_id
    return None


def forget(redis: Redis, job_id: bytes) -> None:
    """Remove a dead letter for good, with its job and its ballots."""
    with translated():
        for partition in _known(redis):
            redis.zrem(keys.buried(partition), job_id)
        redis.hdel(keys.REASONS, job_id)
        redis.delete(keys.job("").encode() + job_id, keys.payload("").encode() + job_id)


def _known(redis: Redis) -> list[int]:
    """The partitions that there are, and those that there were, as far as RQ remembers their queues."""
    found = set(range(partitions(redis)))
    with translated():
        for queue in redis.smembers(keys.QUEUES):
            number = as_bytes(queue).rpartition(b"-")[2]
            found |= {int(number)} if number.isdigit() else set()
    return sorted(found)


def _ballots(redis: Redis, job_id: str) -> int:
    """The ballots of a part; 0 for what is none, which the daemon will bury again with the reason."""
    if not is_job_id(job_id):
        return 0
    fields = [None if field is None else as_bytes(field) for field in redis.hmget(keys.job(job_id), FIELDS)]
    try:
        return read_part(job_id, fields)[2]
    except RefusedJob:
        return 0


def _state(redis: Redis, partition: int) -> QueueState:
    with translated():
        pipe = redis.pipeline(transaction=False)
        pipe.llen(keys.queue(partition))
        pipe.lindex(keys.queue(partition), 0)
        pipe.get(keys.lease(partition))
        pipe.zcard(keys.buried(partition))
        waiting, first, owner, dead = pipe.execute()
        oldest = None
        if first is not None:
            batch_id = first.decode(errors="backslashreplace").rpartition("_")[0]
            stamp = _of_batch(redis, batch_id, "received_at")
            oldest = keys.from_microseconds(int(stamp)) if stamp and stamp.isdigit() and len(stamp) < 18 else None
    return QueueState(partition, waiting, oldest, owner.decode() if owner else None, dead)


def _buried(redis: Redis, partition: int) -> Iterator[tuple[bytes, BuriedPart]]:
    # The scores are negative moments; see ``work.bury``.
    found = cast("list[tuple[bytes, float]]", redis.zrevrange(keys.buried(partition), 0, -1, withscores=True))
    for job_id, score in found:
        name = as_bytes(job_id).decode(errors="backslashreplace")
        batch_id, _, part = name.rpartition("_")
        if not is_job_id(name):
            batch_id, part = name, "0"
        reason = redis.hget(keys.REASONS, job_id)
        buried_at = keys.from_microseconds(int(-score * 1_000_000))
        shown = BuriedPart(partition, name, batch_id, int(part), buried_at, as_bytes(reason or b"").decode())
        yield as_bytes(job_id), shown


def _of_batch(redis: Redis, batch_id: str, field: str) -> bytes | None:
    """A field of a batch's entry; None also where something else lies under the key, which is shown all the same."""
    try:
        value = redis.hget(keys.batch(batch_id), field)
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        return None
    return None if value is None else as_bytes(value)
