"""What the daemon does with the queues: own a partition, look at its front, remove what is recorded.

A part stays at the front of its queue until the database has it. So a daemon that dies leaves its unfinished
parts where they were, in order, and whoever takes the partition over simply starts at the front.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from shared.errors import InvalidInput
from shared.queue import keys
from shared.queue.batches import HEAD, BatchHead, PartOutcome, head
from shared.queue.connection import ALSO_WHEN_FULL, as_bytes, translated
from shared.queue.entries import FIELDS, RefusedJob, is_job_id, read_part
from shared.queue.intake import LEEWAY_SECONDS, STAMP
from shared.queue.parts import PartContents, unpack

# An empty queue means that everything received before this stamp is recorded; later receipts get later stamps.
_IDLE = "if redis.call('LLEN', KEYS[2]) > 0 then return false end\n" + STAMP + "return stamp"

# The clock goes on from the latest watermark. Beside it stands the latest moment that Redis's clock is known to have
# shown, if only by a watermark; a station can read it and not write it.
_SEED = f"""{ALSO_WHEN_FULL}
local time = redis.call('TIME')
local latest = math.max(time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[2]) or '0'))
redis.call('SET', KEYS[2], string.format('%.0f', latest))
if (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return redis.call('GET', KEYS[2])
"""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_RESET = f"""{ALSO_WHEN_FULL}
for i = 2, #KEYS do
  if redis.call('LLEN', KEYS[i]) > 0 then return end
end
if redis.call('GET', KEYS[1]) ~= '0' then redis.call('SET', KEYS[1], 0) end
"""
# Checked and set in one step: a station watches the number, so that whatever it has cut for the old one either waits
# here already, or is refused by Redis and cut anew. What the stations cut by counts, and not only what the store has
# recorded: a daemon may have died when it had changed the one and not yet the other.
_REPARTITION = f"""{ALSO_WHEN_FULL}
local known = redis.call('GET', KEYS[1]) or ARGV[1]
local waiting = {{}}
if known ~= ARGV[2] then
  for i = 0, math.max(tonumber(known), tonumber(ARGV[1])) - 1 do
    if redis.call('LLEN', ARGV[3] .. i) > 0 then waiting[#waiting + 1] = i end
  end
end
if #waiting == 0 then redis.call('SET', KEYS[1], ARGV[2]) end
return waiting
"""
# By Redis's clock, because those of the daemons' machines may differ by more than a lease.
_ANNOUNCE = f"""{ALSO_WHEN_FULL}
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZCARD', KEYS[1])
"""
_LEASE = ALSO_WHEN_FULL + "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])"
_RESTORE = ALSO_WHEN_FULL + "redis.call('SETNX', KEYS[1], ARGV[1])\nreturn redis.call('GET', KEYS[1])"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

# A part may come here twice (its daemon died before this, or a frozen one woke up); only the first time counts down.
# The batch is forgotten a while after its last part is recorded, never while one still waits or is buried.
_FINISH = (
    ALSO_WHEN_FULL
    + """
for i = 1, #ARGV - 2, 5 do
  local job, batch, field, text, keep = ARGV[i], KEYS[2 + (i + 4) / 5], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if redis.call('LREM', KEYS[1], 1, job) > 0 then
    redis.call('DECRBY', KEYS[2], ARGV[i + 4])
  end
  redis.call('DEL', 'rq:job:' .. job, 'urna:payload:' .. job)
  if redis.call('EXISTS', batch) == 1 then
    redis.call('HDEL', batch, 'dead:' .. field)
    if redis.call('HSET', batch, 'part:' .. field, text) == 1 and
        redis.call('HINCRBY', batch, 'recorded', 1) >= tonumber(redis.call('HGET', batch, 'parts')) then
      redis.call('EXPIRE', batch, keep)
    end
  end
end
if ARGV[#ARGV] ~= '' then redis.call('PUBLISH', ARGV[#ARGV - 1], ARGV[#ARGV]) end
"""
)
# What is damaged may be of any type.
_BURY = f"""{ALSO_WHEN_FULL}
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[1])
redis.call('HSET', KEYS[6], ARGV[1], ARGV[4])
if redis.call('LREM', KEYS[1], 1, ARGV[1]) > 0 then redis.call('DECRBY', KEYS[2], ARGV[2]) end
if redis.call('EXISTS', KEYS[5]) == 1 then redis.pcall('HSET', KEYS[5], 'status', 'failed') end
if ARGV[3] ~= '' and redis.call('EXISTS', KEYS[3]) == 1 then
  redis.pcall('HSET', KEYS[3], 'dead:' .. ARGV[3], ARGV[4])
end
"""


# Some 200,000 ballots at most (``MAX_PART_BALLOTS``), of 28 bytes at most.
_LONGEST_PAYLOAD = 8 * 1024 * 1024


@dataclass(frozen=True)
class QueuedPart:
    """A part at the front of its queue, with everything that is needed to judge it."""

    batch: BatchHead
    part: int
    payload: bytes
    contents: PartContents

    @property
    def job_id(self) -> str:
        return keys.job_id(self.batch.id, self.part)

    @property
    def ballots(self) -> int:
        return len(self.contents.poll_numbers)


@dataclass(frozen=True)
class DamagedPart:
    """A job at the front of a queue that can never be recorded, and why; what of it could be read is kept."""

    job_id: str
    reason: str
    batch_id: str | None = None
    part: int | None = None
    received_at: datetime | None = None
    ballots: int = 0
    request_id: str = ""


@dataclass(frozen=True)
class RecordedPart:
    """A part that the database has, what became of it, and the election that it was received for."""

    part: QueuedPart
    outcome: PartOutcome
    election_id: int | None


def front(redis: Redis, partition: int, *, jobs: int, ballots: int) -> list[QueuedPart | DamagedPart]:
    """The first parts of a partition, in order: at most ``jobs``, and no more once ``ballots`` ballots are reached."""
    with translated():
        found = [
            as_bytes(job).decode(errors="surrogateescape") for job in redis.lrange(keys.queue(partition), 0, jobs - 1)
        ]
        taken: list[QueuedPart | DamagedPart] = []
        total = 0
        # The payloads come by and by, because the front of a long queue can be larger than the memory.
        for start in range(0, len(found), 32):
            for part in _load(redis, found[start : start + 32]):
                if isinstance(part, DamagedPart) and not _still_waits(redis, partition, part):
                    continue
                taken.append(part)
                total += part.ballots if isinstance(part, QueuedPart) else 0
                if total >= ballots:
                    return taken
        return taken


def _still_waits(redis: Redis, partition: int, part: DamagedPart) -> bool:
    """Whether the part is in its queue after it was read.

    A daemon that was frozen, or whose connection was slow, may remove what it has recorded between our look at the
    queue and that at the part, which then seems to have lost its entries. It removes all of it in one step.
    """
    job_id = part.job_id.encode(errors="surrogateescape")
    return redis.lpos(keys.queue(partition), job_id) is not None  # type: ignore[arg-type]  # Typed for text.


def _load(redis: Redis, ids: list[str]) -> list[QueuedPart | DamagedPart]:
    known = [job_id for job_id in ids if is_job_id(job_id)]
    # The parts of a batch mostly lie in several partitions, so that here each has another one.
    batch_ids = list(dict.fromkeys(job_id.rpartition("_")[0] for job_id in known))
    pipe = redis.pipeline(transaction=False)
    for job_id in known:
        pipe.hmget(keys.job(job_id), FIELDS)
        # Of what is longer than any part only so much that its length is seen to be wrong.
        pipe.getrange(keys.payload(job_id), 0, _LONGEST_PAYLOAD)
    for batch_id in batch_ids:
        pipe.hmget(keys.batch(batch_id), HEAD)
    # One key that is not what it should be must not keep the others from being read.
    answers = [_none_if_of_a_wrong_type(answer) for answer in pipe.execute(raise_on_error=False)]
    heads = dict(zip(batch_ids, answers[2 * len(known) :], strict=True))
    read = {
        job_id: _read(job_id, fields or (), payload, heads[job_id.rpartition("_")[0]] or (None,) * len(HEAD))
        for job_id, fields, payload in zip(known, answers[: 2 * len(known) : 2], answers[1::2], strict=False)
    }
    return [read.get(job_id) or DamagedPart(job_id, "The job's id is not that of a part.") for job_id in ids]


def _none_if_of_a_wrong_type(answer: Any) -> Any:
    """An answer of Redis; what is under the key but is no string or no hash is not what we have written."""
    if isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE"):
        return None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _read(
    job_id: str, fields: Sequence[bytes | None], payload: bytes | None, stored: Sequence[bytes | None]
) -> QueuedPart | DamagedPart:
    if not any(fields):
        return _without_job(job_id, "The job's entry is missing in Redis.", payload, stored)
    try:
        batch_id, part, ballots = read_part(job_id, fields)
    except RefusedJob as error:
        return _without_job(job_id, str(error), payload, stored)
    try:
        batch = head(batch_id, stored)
    except ValueError:
        return DamagedPart(job_id, "The batch's entry is missing or damaged in Redis.", batch_id, part, None, ballots)
    if not payload:
        return DamagedPart(
            job_id,
            "The part's ballots are missing in Redis.",
            batch_id,
            part,
            batch.received_at,
            ballots,
            batch.request_id,
        )
    try:
        contents = unpack(payload)
    except InvalidInput as error:
        return DamagedPart(job_id, error.message, batch_id, part, batch.received_at, ballots, batch.request_id)
    return QueuedPart(batch, part, payload, contents)


def _without_job(job_id: str, reason: str, payload: bytes | None, stored: Sequence[bytes | None]) -> DamagedPart:
    """A job that says nothing of use; where its id is that of a part which a batch has, ballots are missing."""
    batch_id, _, number = job_id.rpartition("_")
    try:
        batch = head(batch_id, stored)
        known = int(number) < batch.parts and keys.job_id(batch_id, int(number)) == job_id
    except ValueError:
        known = False
    if not known:
        return DamagedPart(job_id, reason)
    try:
        ballots = len(unpack(payload or b"").poll_numbers)
    except InvalidInput:
        ballots = 0
    return DamagedPart(job_id, reason, batch_id, int(number), batch.received_at, ballots, batch.request_id)


def finish(redis: Redis, partition: int, recorded: Sequence[RecordedPart]) -> None:
    """Remove recorded parts from their queue, tell what became of them, and publish which elections have changed."""
    arguments: list[str | int] = []
    for one in recorded:
        part = one.part
        arguments += [part.job_id, part.part, one.outcome.to_json(), part.batch.keep_seconds, part.ballots]
    batches = [keys.batch(one.part.batch.id) for one in recorded]
    changed = ",".join(sorted({str(one.election_id) for one in recorded if one.election_id is not None}))
    with translated():
        redis.eval(
            _FINISH,
            2 + len(batches),
            keys.queue(partition),
            keys.QUEUED_BALLOTS,
            *batches,
            *map(str, arguments),
            keys.CHANGED,
            changed,
        )


def bury(redis: Redis, partition: int, part: DamagedPart) -> None:
    """Move a part out of the way into RQ's registry of failed jobs, where an operator sees it and can replay it."""
    # RQ's own tools throw away what has a score between zero and now; so the moment is written as a negative one.
    score = -int(time.time())
    # Whatever bytes stand in a queue were read as text, and go back as what they were.
    job_id = part.job_id.encode(errors="surrogateescape")
    with translated():
        redis.eval(
            _BURY,
            6,
            keys.queue(partition),
            keys.QUEUED_BALLOTS,
            keys.batch(part.batch_id or ""),
            keys.buried(partition),
            keys.job("").encode() + job_id,
            keys.REASONS,
            job_id,
            str(part.ballots),
            "" if part.part is None else str(part.part),
            part.reason,
            str(score),
        )


def idle_stamp(redis: Redis, partition: int) -> datetime | None:
    """A moment before which nothing of this partition waits and after which everything will come; None if not empty."""
    with translated():
        stamp = redis.eval(_IDLE, 2, keys.CLOCK, keys.queue(partition))
    return None if stamp is None else keys.from_microseconds(int(stamp))


def seed_clock(redis: Redis, moment: datetime | None) -> datetime:
    """Never give a receipt before ``moment``, even if Redis has lost what it knew.

    Returns the latest moment that any receipt can have by now.
    """
    least = 0 if moment is None else keys.to_microseconds(moment)
    with translated():
        latest = redis.eval(_SEED, 2, keys.CLOCK, keys.LATEST, str(least))
    return keys.from_microseconds(int(latest)) + timedelta(seconds=LEEWAY_SECONDS)


def repartition(redis: Redis, recorded: int, partitions: int) -> list[int]:
    """Set the number of partitions if it is new and every queue empty; return the partitions where something waits.

    ``recorded`` is the number in the store, 0 before the first start. A number that Redis has already needs no empty
    queues.
    """
    with translated():
        prefix = keys.queue(0).removesuffix("0")
        waiting = redis.eval(_REPARTITION, 1, keys.PARTITIONS, str(recorded), str(partitions), prefix)
    return [int(partition) for partition in waiting]


def known_partitions(redis: Redis) -> int | None:
    """The number of partitions that the stations cut by; None if Redis has lost it."""
    with translated():
        number = redis.get(keys.PARTITIONS)
    return None if number is None else int(number)


def restore_partitions(redis: Redis, partitions: int) -> int:
    """Tell the stations the number of partitions if Redis has lost it; return the number that they cut by."""
    with translated():
        return int(redis.eval(_RESTORE, 1, keys.PARTITIONS, str(partitions)))


def settle_count(redis: Redis, partitions: int) -> None:
    """Start the count of waiting ballots anew if none waits.

    A job whose entry was lost may have left a rest, and a station in wrong hands may have raised it, so that all the
    others would refuse what comes.
    """
    queues = [keys.queue(partition) for partition in range(partitions)]
    with translated():
        redis.eval(_RESET, 1 + len(queues), keys.QUEUED_BALLOTS, *queues)


def lease(redis: Redis, partition: int, owner: str, seconds: float) -> bool:
    """Take the lease of a partition that nobody holds; it only says who may try, the epoch says who may write."""
    with translated():
        return bool(redis.eval(_LEASE, 1, keys.lease(partition), owner, str(int(seconds * 1000))))


def renew(redis: Redis, partition: int, owner: str, seconds: float) -> bool:
    """Hold a lease for longer; False when it is somebody else's by now."""
    with translated():
        return bool(redis.eval(_RENEW, 1, keys.lease(partition), owner, str(int(seconds * 1000))))


def release(redis: Redis, partition: int, owner: str) -> None:
    """Give a lease back, if it is still ours."""
    with translated():
        redis.eval(_RELEASE, 1, keys.lease(partition), owner)


def announce(redis: Redis, owner: str, seconds: float) -> int:
    """Say that a daemon lives, and learn how many do."""
    with translated():
        return int(redis.eval(_ANNOUNCE, 1, keys.DAEMONS, owner, str(seconds)))


def leave(redis: Redis, owner: str) -> None:
    """Say that a daemon ends."""
    with translated():
        redis.zrem(keys.DAEMONS, owner)
