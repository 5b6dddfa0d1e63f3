"""What was waiting, back into an empty Redis.

A restore that is under way says so in ``urna:restoring``, and nobody can use what it has written so far: the queues lie
under other names until one transaction gives them theirs, together with the number of partitions, without which no
station takes anything in. Whoever repeats a restore that was killed throws away what it has left behind.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from redis import Redis

from cli.backup.columns import Row
from cli.backup.queue import execute
from cli.failure import UNAVAILABLE, Failure
from shared.queue import keys
from shared.queue.connection import as_bytes, translated
from shared.queue.entries import FIELDS, RefusedJob, is_job_id, read_part

_ROWS_AT_ONCE = 200
_JOBS_AT_ONCE = 1000
_PREFIXES = (b"urna:", b"rq:")
# What stations and daemons that have taken nothing in yet leave behind; nothing of it is worth keeping.
_FRESH = {
    keys.RESTORING,
    keys.PARTITIONS,
    keys.ELECTIONS,
    keys.STATIONS,
    keys.ROLLS,
    keys.SHEET_COPIES,
    keys.PHOTOGRAPHS,
    keys.LISTS,
    keys.CLOCK,
    keys.LATEST,
    keys.QUEUED_BALLOTS,
    keys.DAEMONS,
}
_PHOTOGRAPH = keys.photograph("").encode()
_ASIDE = f"{keys.RESTORING}:".encode()


def is_interrupted(redis: Redis, archive_id: str) -> bool:
    """Whether a restore of this archive has begun here and not ended; refused while that of another one has."""
    with translated():
        marker = redis.get(keys.RESTORING)
    if marker is not None and as_bytes(marker).decode() != archive_id:
        raise Failure(
            "The restore of another archive was interrupted here: repeat that one, or begin with two empty databases "
            "and an empty Redis (FLUSHDB)."
        )
    return marker is not None


def refuse_full(redis: Redis, archive_id: str) -> None:
    """Raise ``Failure`` if daemons work here, or if it holds more than an interrupted restore of this archive."""
    with translated():
        seconds, _ = redis.time()
        if redis.zcount(keys.DAEMONS, f"({seconds}", "+inf"):
            raise Failure("A daemon works on this Redis; stop all daemons and stations before a restore.")
        if is_interrupted(redis, archive_id):
            return
        _refuse_strange_keys(redis)


def _refuse_strange_keys(redis: Redis) -> None:
    for key in _ours(redis):
        if key.decode(errors="replace") not in _FRESH and not key.startswith(b"urna:lease:"):
            raise Failure(
                f"This Redis is not empty (it has the key {key.decode(errors='backslashreplace')}); restore into an "
                "empty one."
            )


def claim(redis: Redis, archive_id: str) -> None:
    """Begin: nobody can hand anything in from now on. What an interrupted restore has left behind goes.

    Raises ``Failure``, and leaves everything as it was, if something was handed in since ``refuse_full``.
    """
    is_first = not is_interrupted(redis, archive_id)
    with translated():
        pipe: Any = redis.pipeline(transaction=True)
        pipe.get(keys.PARTITIONS).set(keys.RESTORING, archive_id).delete(keys.PARTITIONS, keys.ELECTIONS, keys.STATIONS)
        partitions = pipe.execute()[0]
        try:
            if is_first:
                _refuse_strange_keys(redis)
        except Failure:
            redis.delete(keys.RESTORING)
            if partitions is not None:
                redis.setnx(keys.PARTITIONS, partitions)
            raise
        for key in _ours(redis):
            if key != keys.RESTORING.encode():
                redis.unlink(key)


class Refill:
    """Writes the keys of an archive; nothing of it can be used before ``finish``."""

    def __init__(self, redis: Redis, archive_id: str) -> None:
        self._redis = redis
        self._id = archive_id
        self._lists: set[bytes] = set()
        self._photographs = 0

    def put(self, rows: Sequence[Row]) -> None:
        """Write the rows of a block."""
        for some in _chunks(rows):
            pipe: Any = self._redis.pipeline(transaction=False)
            for key, sort, name, value, expires in some:
                if not key.startswith(_PREFIXES):
                    raise Failure(f"The archive has a key of Redis that is none of the suite's: {key!r}.")
                if sort == "list":
                    self._lists.add(key)
                    pipe.rpush(_ASIDE + key, value)
                elif sort == "hash":
                    pipe.hset(key, name, value)
                elif sort == "scores":
                    pipe.zadd(key, {name: float(value)})
                elif sort == "string":
                    pipe.set(key, value)
                    self._photographs += len(value) if key.startswith(_PHOTOGRAPH) else 0
                else:
                    raise Failure(f"The archive has a key of Redis of a sort that this program does not know: {sort}.")
                if expires is not None:
                    pipe.pexpire(_ASIDE + key if sort == "list" else key, expires)
            with translated():
                pipe.execute()

    def finish(self, facts: Mapping[str, Any], watermark: datetime | None) -> int:
        """Let everything that was put be there at once; return how many parts wait. ``facts`` are the manifest's.

        The clock goes on after every receipt that was given, and after the latest watermark of the store.
        """
        ballots, parts = 0, 0
        queues = sorted(key for key in self._lists if key.startswith(keys.queue(0).removesuffix("0").encode()))
        for key in queues:
            for some in self._waiting(_ASIDE + key):
                parts += len(some)
                ballots += sum(self._ballots(some))
        clock = max(facts["clock"], 0 if watermark is None else keys.to_microseconds(watermark))
        names = {*queues, *(keys.queue(number).encode() for number in facts["remembered"])}
        with translated():
            marker = self._redis.get(keys.RESTORING)
            if marker is None or as_bytes(marker).decode() != self._id:
                raise Failure("Somebody else has written to this Redis meanwhile; begin again.", status=UNAVAILABLE)
            pipe: Any = self._redis.pipeline(transaction=True)
            for key in self._lists:
                pipe.rename(_ASIDE + key, key)
            if names:
                pipe.sadd(keys.QUEUES, *names)
            if self._photographs:
                pipe.set(keys.PHOTOGRAPHS, self._photographs)
            pipe.set(keys.QUEUED_BALLOTS, ballots).set(keys.CLOCK, clock).set(keys.LATEST, facts["latest"])
            if facts["partitions"] is not None:
                pipe.set(keys.PARTITIONS, facts["partitions"])
            pipe.delete(keys.RESTORING)
            pipe.execute()
        return parts

    def _waiting(self, key: bytes) -> Iterator[list[bytes]]:
        start = 0
        with translated():
            while some := self._redis.lrange(key, start, start + _JOBS_AT_ONCE - 1):
                yield [as_bytes(job) for job in some]
                start += _JOBS_AT_ONCE

    def _ballots(self, jobs: Sequence[bytes]) -> Iterator[int]:
        """How many ballots these jobs say that they have; what is no job of ours counts as none, as for the daemon."""
        pipe: Any = self._redis.pipeline(transaction=False)
        for job in jobs:
            pipe.hmget(keys.job("").encode() + job, FIELDS)
        for job, fields in zip(jobs, execute(pipe), strict=True):
            name = job.decode(errors="surrogateescape")
            try:
                yield read_part(name, fields or ())[2] if is_job_id(name) and any(fields or ()) else 0
            except RefusedJob:
                yield 0


def _ours(redis: Redis) -> Iterator[bytes]:
    for prefix in _PREFIXES:
        yield from map(as_bytes, redis.scan_iter(match=prefix + b"*", count=1000))


def _chunks(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
