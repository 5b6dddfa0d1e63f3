"""What is read of Redis: whatever was accepted and is not in the store yet, and what its senders may still ask for.

The queues, the dead letters and the journal are seen at one moment. What belongs to their jobs is read afterwards, and
may be gone by then: it was recorded in the store meanwhile, which is read later still.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from cli.backup.archive import Columns
from cli.backup.columns import Kind, Row
from cli.failure import UNAVAILABLE, Failure
from shared.queue import keys
from shared.queue.batches import HEAD, head
from shared.queue.connection import as_bytes, translated

# A key of Redis is as many rows as it has values. A string has one, without a name; a hash has one for each field, a
# list one for each value, without a name, a sorted set one for each member, whose score is the value. ``expires_in``
# is in milliseconds.
KEYS = Columns(
    ("key", "sort", "name", "value", "expires_in"),
    (Kind.BYTES, Kind.TEXT, Kind.BYTES, Kind.BYTES, Kind.INTEGER),
    rows_a_block=256,
)

# A payload may have some hundred kilobytes; one that is longer than any part is damaged in any case.
_JOBS_AT_ONCE, _KEYS_AT_ONCE = 32, 500
_LONGEST_PAYLOAD = 8 * 1024 * 1024
_ATTEMPTS = 100

Fields = dict[bytes, bytes]


@dataclass(frozen=True)
class Look:
    """The queues, the dead letters (with their scores) by partition, and the journal, all at one moment.

    ``time`` is Redis's own, ``clock`` the last stamp, ``latest`` the latest known time: microseconds since 1970.
    """

    partitions: int | None
    time: int
    clock: int
    latest: int
    queues: dict[int, list[bytes]]
    buried: dict[int, list[tuple[bytes, float]]]
    reasons: Fields
    journal: list[bytes]
    # The partitions whose queues RQ remembers: also those that there were, of which dead letters may be left.
    remembered: list[int]
    # The numbers of the parts of each batch that wait or are dead letters.
    parts: dict[str, set[int]] = field(default_factory=dict)

    @property
    def next_receipt(self) -> datetime:
        """No upload that was accepted after the look has an earlier moment of receipt; see ``intake.STAMP``."""
        return keys.from_microseconds(min(self.time, self.clock))

    @property
    def jobs(self) -> Iterator[bytes]:
        """The ids of all jobs that wait or are dead letters."""
        for waiting in self.queues.values():
            yield from waiting
        for dead in self.buried.values():
            yield from (job for job, _ in dead)


@dataclass(frozen=True)
class Job:
    """What lies in Redis under the id of a job; nothing when its part was recorded meanwhile."""

    id: bytes
    fields: Fields
    payload: bytes

    def rows(self) -> Iterator[Row]:
        yield from hash_rows(keys.job("").encode() + self.id, self.fields)
        if self.payload:
            yield string_row(keys.payload("").encode() + self.id, self.payload)

    @property
    def is_gone(self) -> bool:
        return not self.fields and not self.payload


def look(redis: Redis) -> Look:
    """See at one moment what waits."""
    with translated():
        for _ in range(_ATTEMPTS):
            known = _partitions(redis.get(keys.PARTITIONS), redis.smembers(keys.QUEUES))
            pipe: Any = redis.pipeline(transaction=True)
            pipe.time().get(keys.PARTITIONS).smembers(keys.QUEUES).mget(keys.CLOCK, keys.LATEST)
            pipe.hgetall(keys.REASONS).lrange(keys.JOURNAL, 0, -1)
            for number in known:
                pipe.lrange(keys.queue(number), 0, -1).zrange(keys.buried(number), 0, -1, withscores=True)
            (seconds, rest), partitions, queues, stamps, reasons, journal, *found = pipe.execute()
            # A queue that nobody knew of a moment ago was not read.
            if _partitions(partitions, queues) == known:
                remembered = _partitions(None, queues)
                return _look(known, remembered, partitions, seconds * 1_000_000 + rest, stamps, reasons, journal, found)
    raise Failure("The queues change all the time; nobody can read them. Try again.", status=UNAVAILABLE)


def _look(
    known: Sequence[int],
    remembered: list[int],
    partitions: bytes | None,
    time: int,
    stamps: Sequence[bytes | None],
    reasons: Fields,
    journal: list[bytes],
    found: Sequence[Any],
) -> Look:
    made = Look(
        None if partitions is None else int(partitions),
        time,
        _number(stamps[0]),
        _number(stamps[1]),
        dict(zip(known, found[::2], strict=True)),
        dict(zip(known, found[1::2], strict=True)),
        reasons,
        journal,
        remembered,
    )
    parts: dict[str, set[int]] = defaultdict(set)
    for job in made.jobs:
        batch, part = keys.letter(job.decode(errors="surrogateescape"))
        parts[batch].add(part)
    made.parts.update(parts)
    return made


def first_rows(redis: Redis, seen: Look, batches: set[str]) -> Iterator[Row]:
    """All that belongs to a first look; the ids of the batches whose entries are among it are added to ``batches``."""
    gone = set()
    for job in jobs(redis, seen.jobs):
        if job.is_gone:
            gone.add(job.id)
        yield from job.rows()
    if gone:
        # What is empty and waits all the same was never written whole, and is the daemon's to bury.
        gone -= set(look(redis).jobs)
    # After the jobs: of a part that was recorded before we saw its job, the entry of its batch tells here.
    yield from batch_rows(redis, seen, batches)
    yield from list_rows(seen, gone)


def list_rows(seen: Look, gone: set[bytes]) -> Iterator[Row]:
    """The queues, dead letters and journal of a look, without the jobs that are gone."""
    for number, waiting in seen.queues.items():
        key = keys.queue(number).encode()
        yield from (list_row(key, job) for job in waiting if job not in gone)
    for number, dead in seen.buried.items():
        for job, score in dead:
            if job not in gone:
                yield from dead_rows(number, job, score, seen.reasons)
    yield from (list_row(keys.JOURNAL.encode(), entry) for entry in seen.journal)


def dead_rows(partition: int, job: bytes, score: float, reasons: Fields) -> Iterator[Row]:
    """A dead letter, and why it was laid aside."""
    yield keys.buried(partition).encode(), "scores", job, repr(float(score)).encode(), None
    if job in reasons:
        yield keys.REASONS.encode(), "hash", job, reasons[job], None


def batch_rows(redis: Redis, seen: Look, batches: set[str]) -> Iterator[Row]:
    """The entries of the batches that were accepted as a whole before the look; their ids are added to ``batches``."""
    prefix = keys.batch("").encode()
    for found in chunks(scan(redis, prefix), _KEYS_AT_ONCE):
        pipe: Any = redis.pipeline(transaction=False)
        for key in found:
            pipe.hgetall(key).pttl(key)
        answers = execute(pipe)
        for key, fields, expires in zip(found, answers[::2], answers[1::2], strict=True):
            batch_id = key[len(prefix) :].decode(errors="replace")
            if fields and _is_whole(batch_id, fields, seen.parts.get(batch_id, set())):
                batches.add(batch_id)
                yield from hash_rows(key, fields, expires if expires > 0 else None)


def remembered_rows(redis: Redis, batches: set[str]) -> Iterator[Row]:
    """The idempotency keys of these batches. Those of any other would promise that ballots are here which are not."""
    for found in chunks(scan(redis, b"urna:idempotency:"), _KEYS_AT_ONCE):
        pipe: Any = redis.pipeline(transaction=False)
        for key in found:
            pipe.get(key).pttl(key)
        answers = execute(pipe)
        for key, text, expires in zip(found, answers[::2], answers[1::2], strict=True):
            if text and expires > 0 and _batch_of(text) in batches:
                yield string_row(key, text, expires)


def own_rows(redis: Redis, batches: set[str]) -> Iterator[Row]:
    """The officials' lists of their own batches, as far as these are in the archive, newest first as they are."""
    for key in scan(redis, b"urna:own-batches:"):
        pipe: Any = redis.pipeline(transaction=False)
        found, expires = execute(pipe.lrange(key, 0, -1).pttl(key))
        kept = [batch for batch in found or () if batch.decode(errors="replace") in batches]
        yield from ((key, "list", None, batch, expires if expires > 0 else None) for batch in kept)


def jobs(redis: Redis, ids: Iterable[bytes]) -> Iterator[Job]:
    """What lies under these ids. Each is read in one step, so that it is whole or gone."""
    for some in chunks(ids, _JOBS_AT_ONCE):
        pipe: Any = redis.pipeline(transaction=True)
        for job in some:
            pipe.hgetall(keys.job("").encode() + job)
            pipe.getrange(keys.payload("").encode() + job, 0, _LONGEST_PAYLOAD)
        answers = execute(pipe)
        for job, fields, payload in zip(some, answers[::2], answers[1::2], strict=True):
            yield Job(job, fields or {}, payload or b"")


def execute(pipe: Any) -> list[Any]:
    """The answers of a pipeline; None for a key that is of another type than any that we write."""
    with translated():
        answers = pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not _is_wrong_type(answer):
                raise answer
    return [None if isinstance(answer, Exception) else answer for answer in answers]


def hash_rows(key: bytes, fields: Mapping[bytes, bytes], expires: int | None = None) -> Iterator[Row]:
    return ((key, "hash", as_bytes(name), as_bytes(value), expires) for name, value in fields.items())


def string_row(key: bytes, value: bytes, expires: int | None = None) -> Row:
    return key, "string", None, value, expires


def list_row(key: bytes, value: bytes) -> Row:
    return key, "list", None, value, None


def outcomes(fields: Fields) -> set[int]:
    """The parts of which a batch's entry says what became of them."""
    names = (name.partition(b":") for name in fields)
    return {int(number) for sort, _, number in names if sort == b"part" and number.isdigit()}


def _is_whole(batch_id: str, fields: Fields, waiting: set[int]) -> bool:
    """Whether a batch was accepted before the look: a part of it waits, or of each is known what became of it.

    What was accepted after it, and of which a part is not recorded yet, is for the second look.
    """
    if waiting:
        return True
    try:
        parts = head(batch_id, [fields.get(name.encode()) for name in HEAD]).parts
    except ValueError:
        return False
    return len(outcomes(fields)) >= parts


def _batch_of(text: bytes) -> str:
    try:
        return str(json.loads(text)["batch"])
    except (ValueError, KeyError, TypeError):
        return ""


def scan(redis: Redis, prefix: bytes) -> Iterator[bytes]:
    """The keys with a prefix, each once."""
    seen: set[bytes] = set()
    with translated():
        for key in redis.scan_iter(match=prefix + b"*", count=1000):
            if key not in seen:
                seen.add(key)
                yield key


def chunks(items: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _partitions(number: bytes | str | None, queues: Iterable[Any]) -> list[int]:
    """The partitions that there are, and those that there were, as far as RQ remembers their queues."""
    found = set(range(int(number or 0)))
    prefix = keys.queue(0).removesuffix("0").encode()
    found |= {int(as_bytes(name)[len(prefix) :]) for name in queues if _is_queue(as_bytes(name), prefix)}
    return sorted(found)


def _is_queue(name: bytes, prefix: bytes) -> bool:
    rest = name[len(prefix) :]
    return name.startswith(prefix) and rest.isdigit() and len(rest) < 6


def _number(text: bytes | None) -> int:
    """A moment in microseconds; 0 for what is none, as the programs of the suite take it."""
    return int(text) if text and text.isdigit() and len(text) < 18 else 0


def _is_wrong_type(error: Exception) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")
