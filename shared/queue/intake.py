"""How an upload enters the queue: whole, once, and with the moment at which Redis had it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.errors import InvalidInput, Unavailable
from shared.queue import keys
from shared.queue.connection import translated
from shared.queue.jobs import Queues, prepared
from shared.queue.parts import pack

# Redis's clock may be set back; a receipt may not. So each receipt is later than the one before and than every
# watermark, which the daemon takes from the same key. It begins with a write that needs no memory: Redis 6 takes
# the lack of memory that another client met for the script's own, and refuses its first write but none that follows.
STAMP = """
redis.call('PERSIST', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if now <= last then now = last + 1 end
local stamp = string.format('%.0f', now)
redis.call('SET', KEYS[1], stamp)
"""
_RECEIVE = STAMP + "redis.call('HSET', KEYS[2], 'received_at', stamp)\nreturn stamp"

# A transaction whose answer was lost is executed already, or never will be: this says which, and writes to a key that
# the transaction watches, so that one still on its way is refused by Redis.
_SETTLE = """
local stamp = redis.call('HGET', KEYS[1], 'received_at')
if stamp then return stamp end
redis.call('SET', KEYS[1], '', 'PX', 1)
return false
"""

# How often the number of partitions or an idempotency key may change under our hands before we give up.
_ATTEMPTS = 8


class CutPart(Protocol):
    """Ballots of one partition: 16 bytes of GUID, a poll number and a line for each."""

    @property
    def partition(self) -> int: ...
    @property
    def guids(self) -> bytes: ...
    @property
    def poll_numbers(self) -> Sequence[int]: ...
    @property
    def lines(self) -> Sequence[int]: ...


@dataclass(frozen=True)
class Upload:
    """What is known of an upload before Redis has it."""

    batch_id: str
    election_id: int | None
    official_email: str
    official_jmbg: str
    file_name: str
    sha256: str
    lines: int
    keep_seconds: int
    election_was_named: bool = True

    @property
    def fingerprint(self) -> str:
        """What has to be the same when an idempotency key comes again: what the sender sent, not what was found."""
        named = self.election_id if self.election_was_named else None
        return f"{named or ''}:{self.sha256}"


@dataclass(frozen=True)
class Receipt:
    """What the sender of an accepted upload gets."""

    batch_id: str
    election_id: int | None
    sha256: str
    lines: int
    received_at: datetime
    repeated: bool = False


def partitions(redis: Redis) -> int:
    """The number of partitions as the daemon has recorded it; ``Unavailable`` before any daemon has."""
    with translated():
        recorded = redis.get(keys.PARTITIONS)
    if recorded is None:
        raise Unavailable("No daemon has prepared the queue yet; send it again in a moment.")
    return int(recorded)


def queued_ballots(redis: Redis) -> int:
    """Ballots that were accepted and are not recorded yet."""
    with translated():
        return int(redis.get(keys.QUEUED_BALLOTS) or 0)


def earlier_receipt(redis: Redis, upload: Upload, idempotency_key: str | None) -> Receipt | None:
    """The receipt of the same upload under the same key, if there is one; another upload under it is refused."""
    if idempotency_key is None:
        return None
    with translated():
        return _earlier(redis, redis.get(keys.idempotency(upload.official_email, idempotency_key)), upload)


def accept(
    redis: Redis, queues: Queues, upload: Upload, cut: Callable[[int], Sequence[CutPart]], idempotency_key: str | None
) -> Receipt:
    """Put an upload into the queues in one transaction; when this returns, it is in the append-only file.

    ``cut`` parts the ballots for a number of partitions. Raises ``Unavailable`` when Redis cannot take all of it, and
    ``InvalidInput`` when the key was used for something else.
    """
    parts: Sequence[CutPart] = []
    cut_for = 0
    for _ in range(_ATTEMPTS):
        number = partitions(redis)
        if number != cut_for:
            parts, cut_for = cut(number), number
        try:
            with translated():
                return _transact(redis, queues, upload, number, parts, idempotency_key)
        except WatchError:
            continue
    raise Unavailable("The queue is changing at the moment; nothing was stored. Send it again.")


def _transact(
    redis: Redis,
    queues: Queues,
    upload: Upload,
    number: int,
    parts: Sequence[CutPart],
    idempotency_key: str | None,
) -> Receipt:
    batch = keys.batch(upload.batch_id)
    remembered = keys.idempotency(upload.official_email, idempotency_key) if idempotency_key else None
    with redis.pipeline(transaction=True) as pipe:
        pipe.watch(  # type: ignore[no-untyped-call]  # The library has not typed it.
            keys.PARTITIONS, batch, *([remembered] if remembered else [])
        )
        if int(pipe.get(keys.PARTITIONS) or 0) != number:
            raise WatchError
        if remembered:
            earlier = _earlier(redis, pipe.get(remembered), upload)
            if earlier:
                return earlier
        pipe.multi()
        by_partition: dict[int, list[Any]] = {}
        for index, part in enumerate(parts):
            by_partition.setdefault(part.partition, []).append(prepared(upload.batch_id, index, len(part.lines)))
            pipe.set(keys.payload(keys.job_id(upload.batch_id, index)), pack(part.guids, part.poll_numbers, part.lines))
        for partition, jobs in by_partition.items():
            queues.of(partition).enqueue_many(jobs, pipeline=pipe)
        pipe.hset(
            batch,
            mapping={
                "election_id": upload.election_id or "",
                "official_email": upload.official_email,
                "official_jmbg": upload.official_jmbg,
                "file_name": upload.file_name,
                "sha256": upload.sha256,
                "lines": upload.lines,
                "parts": len(parts),
                "keep_seconds": upload.keep_seconds,
            },
        )
        if remembered:
            said = json.dumps({"batch": upload.batch_id, "fingerprint": upload.fingerprint})
            pipe.set(remembered, said, ex=upload.keep_seconds)
        pipe.incrby(keys.QUEUED_BALLOTS, upload.lines)
        pipe.eval(_RECEIVE, 2, keys.CLOCK, batch)
        pipe.publish(keys.ARRIVED, ",".join(map(str, by_partition)))
        # EXEC ends the watch in any case. A client that believes in one reports a lost connection as a changed key, as
        # if nothing could have been executed, and then waits for an answer to UNWATCH.
        pipe.watching = False
        try:
            stamp = int(pipe.execute()[-2])
        except (RedisConnectionError, RedisTimeoutError):
            stamp = _settle(redis, upload)
    return _receipt(upload, stamp)


def _settle(redis: Redis, upload: Upload) -> int:
    """The stamp of a transaction whose answer was lost; ``Unavailable`` when it was not executed or nobody knows."""
    try:
        stamp = redis.eval(_SETTLE, 1, keys.batch(upload.batch_id))
    except RedisError as error:
        raise Unavailable(
            "The queue did not answer, so it is not known whether the file was stored. Send it again, with the same "
            "Idempotency-Key if it had one; no ballot is counted twice."
        ) from error
    if stamp is None:
        raise Unavailable("The queue could not be reached; nothing was stored. Send it again.")
    return int(stamp)


def _receipt(upload: Upload, stamp: int) -> Receipt:
    return Receipt(upload.batch_id, upload.election_id, upload.sha256, upload.lines, keys.from_microseconds(stamp))


def _earlier(redis: Redis, said: bytes | str | None, upload: Upload) -> Receipt | None:
    if said is None:
        return None
    earlier = json.loads(said)
    if earlier["fingerprint"] != upload.fingerprint:
        raise InvalidInput(
            "This Idempotency-Key was used for another upload; use a new key for a new upload.",
            field="Idempotency-Key",
        )
    lines, stamp, election_id = redis.hmget(keys.batch(earlier["batch"]), "lines", "received_at", "election_id")
    if lines is None or stamp is None:
        return None
    return Receipt(
        earlier["batch"],
        int(election_id) if election_id else None,
        upload.sha256,
        int(lines),
        keys.from_microseconds(int(stamp)),
        repeated=True,
    )
