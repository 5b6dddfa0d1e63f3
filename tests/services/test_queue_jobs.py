"""The jobs that the queues carry: one function, written as JSON, never pickled; any other is laid aside, not run."""

import json
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from shared.queue import inspection, keys, work
from shared.queue.connection import as_bytes, connect
from shared.queue.entries import FIELDS, RefusedJob, is_job_id, read_part
from shared.queue.jobs import RECORD
from shared.queue.work import DamagedPart, QueuedPart
from tests.services.station import Station, file_of, prepare

BATCH = "0123456789abcdef0123456789abcdef"
JOB = f"{BATCH}_0"


class Trap:
    """What a pickle would run when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was loaded",)


def trap(*_: Any, **__: Any) -> None:
    """A function that a job may name; it must never be called."""
    pytest.fail("a job was run")


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        prepare(client)
        yield client


def queue(redis: Redis, number: int = 0) -> Queue:
    """A queue as somebody would open it who is not a station."""
    return Queue(keys.queue_name(number), connection=redis, serializer=JSONSerializer)


def only(redis: Redis, number: int = 0) -> QueuedPart | DamagedPart:
    (found,) = work.front(redis, number, jobs=10, ballots=1000)
    return found


def test_a_job_is_json_that_names_the_one_function_and_its_part(station: Station) -> None:
    station.accepted(file_of(1))
    (job,) = station.waiting()
    entry = station.redis.hgetall(keys.job(job))
    assert json.loads(zlib.decompress(_bytes(entry[b"data"]))) == [RECORD, None, [station.only_batch(), 0, 1], {}]
    # It waits as long as it has to, and leaves nothing behind that somebody would have to look after.
    assert station.redis.ttl(keys.job(job)) == -1
    assert entry[b"status"] == b"queued"
    assert entry[b"timeout"] == b"-1"


def _bytes(value: bytes | str) -> bytes:
    assert isinstance(value, bytes)
    return value


def test_a_job_says_its_batch_its_part_and_its_ballots(redis: Redis) -> None:
    queue(redis).enqueue(RECORD, args=(BATCH, 3, 17), job_id=f"{BATCH}_3")
    found = redis.hmget(keys.job(f"{BATCH}_3"), FIELDS)
    assert read_part(f"{BATCH}_3", [None if value is None else as_bytes(value) for value in found]) == (BATCH, 3, 17)


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        ("os.system", ["true"], {}),
        ("tests.services.test_queue_jobs.trap", [BATCH, 0, 1], {}),
        ("daemon.actions.bury", [BATCH, 0, 1], {}),
        (RECORD, [], {}),
        (RECORD, [BATCH], {}),
        (RECORD, [BATCH, 0], {}),
        (RECORD, [BATCH, 0, 1, 2], {}),
        (RECORD, [BATCH, 0, 1], {"database": "sqlite://"}),
        (RECORD, [BATCH, 0, 0], {}),
        (RECORD, [BATCH, 0, -1], {}),
        (RECORD, [BATCH, 0, 2**31], {}),
        (RECORD, [BATCH, 0, 10**300], {}),
        (RECORD, [BATCH, 0, 1.5], {}),
        (RECORD, [BATCH, 0, True], {}),
        (RECORD, [BATCH, "0", 1], {}),
        (RECORD, [BATCH, 1, 1], {}),
        (RECORD, ["f" * 32, 0, 1], {}),
        (RECORD, [[BATCH], 0, 1], {}),
    ],
)
def test_a_job_that_is_not_a_station_s_is_laid_aside_and_never_run(
    redis: Redis, function: str, arguments: list[Any], named: dict[str, Any]
) -> None:
    queue(redis).enqueue(function, args=arguments, kwargs=named, job_id=JOB)
    found = only(redis)
    assert isinstance(found, DamagedPart)
    assert (found.job_id, found.batch_id, found.ballots) == (JOB, None, 0)


@pytest.mark.parametrize(
    "job_id", [f"{BATCH}_True", f"{BATCH}_-1", f"{BATCH}_00", BATCH, "_0", f"{BATCH}_0 ", f"{BATCH}_٣"]
)
def test_a_job_whose_id_is_not_that_of_its_part_is_laid_aside(redis: Redis, job_id: str) -> None:
    for part in (True, -1, 0, 3):
        redis.flushdb()
        prepare(redis)
        job = Job(JOB, connection=redis, serializer=JSONSerializer)
        job.data = json.dumps((RECORD, None, (BATCH, part, 1), {})).encode()
        redis.hset(f"rq:job:{job_id}", mapping=job.to_dict())
        redis.rpush(keys.queue(0), job_id)
        found = only(redis)
        assert isinstance(found, DamagedPart)
        assert found.job_id == job_id


def test_a_pickled_job_is_never_loaded(redis: Redis) -> None:
    for data in (
        pickle.dumps((RECORD, None, (BATCH, 0, 1), {})),
        pickle.dumps(Trap()),
        zlib.compress(pickle.dumps(Trap())),
    ):
        redis.flushdb()
        prepare(redis)
        redis.hset(keys.job(JOB), mapping={"data": data, "meta": pickle.dumps(Trap()), "status": "queued"})
        redis.rpush(keys.queue(0), JOB)
        found = only(redis)
        assert isinstance(found, DamagedPart)
        assert "JSON" in found.reason


@pytest.mark.parametrize("moment", ["on_success", "on_failure", "on_stopped"])
def test_a_job_with_a_callback_is_laid_aside(redis: Redis, moment: str) -> None:
    made = {moment: Callback("tests.services.test_queue_jobs.trap")}
    queue(redis).enqueue(RECORD, args=(BATCH, 0, 1), job_id=JOB, **made)
    found = only(redis)
    assert isinstance(found, DamagedPart)
    assert "callback" in found.reason


def test_a_job_with_a_webhook_is_laid_aside(redis: Redis) -> None:
    queue(redis).enqueue(RECORD, args=(BATCH, 0, 1), job_id=JOB)
    hooks = [{"url": "http://example.org/", "statuses": ["finished"], "headers": {}, "timeout": 10}]
    for written in (json.dumps(hooks), "not JSON"):
        redis.hset(keys.job(JOB), "webhooks", written)
        found = only(redis)
        assert isinstance(found, DamagedPart)
        assert "webhook" in found.reason


@pytest.mark.parametrize(
    "entry",
    [
        {"nothing": "of RQ"},
        {"data": "", "status": "queued"},
        {"data": "[", "status": "queued"},
        {"data": "{}", "status": "queued"},
        {"data": "null", "status": "queued"},
        {"data": "[1, 2, 3, 4]", "status": "queued"},
        {"data": "[]", "status": "no status"},
        {"data": "[]", "created_at": "yesterday"},
        {"data": "[]", "timeout": "long"},
        {"data": b"\xff\xfe", "description": b"\xff\xfe"},
        {"data": "[]", "dependency_ids": "{"},
    ],
    ids=str,
)
def test_a_wrong_entry_is_laid_aside_and_does_not_keep_others_from_being_read(
    station: Station, entry: dict[Any, Any]
) -> None:
    receipt = station.accepted(file_of(1))
    (number,) = [number for number in range(2) if station.redis.llen(keys.queue(number))]
    station.redis.hset(keys.job(JOB), mapping=entry)
    station.redis.lpush(keys.queue(number), JOB)
    wrong, right = work.front(station.redis, number, jobs=10, ballots=1000)
    assert isinstance(wrong, DamagedPart)
    assert isinstance(right, QueuedPart)
    assert right.batch.id == receipt["id"]
    work.bury(station.redis, number, wrong)
    assert station.waiting() == [right.job_id]
    assert [part.job_id for part in inspection.buried(station.redis)] == [JOB]


@pytest.mark.parametrize("written", [b"\xff\xfe_0", b"", b"a:b:c", b"x" * 100_000, b"\x00_0"])
def test_whatever_bytes_stand_in_a_queue_they_can_be_laid_aside(redis: Redis, written: bytes) -> None:
    redis.rpush(keys.queue(0), written)
    found = only(redis)
    assert isinstance(found, DamagedPart)
    work.bury(redis, 0, found)
    assert redis.llen(keys.queue(0)) == 0
    assert redis.zrange(keys.buried(0), 0, -1) == [written]
    assert len(inspection.buried(redis)) == 1
    assert inspection.states(redis)[0].dead_letters == 1


def test_jobs_without_entry_or_ballots_or_batch_are_damaged_and_say_why(station: Station) -> None:
    station.accepted(file_of(60))
    reasons = []
    for number, wrong in ((0, keys.job), (1, keys.payload)):
        (job,) = [job.decode() for job in station.redis.lrange(keys.queue(number), 0, -1) if isinstance(job, bytes)]
        station.redis.delete(wrong(job))
        found = only(station.redis, number)
        assert isinstance(found, DamagedPart)
        reasons.append(found.reason)
    assert reasons == ["The job's entry is missing in Redis.", "The part's ballots are missing in Redis."]
    station.redis.delete(keys.batch(station.only_batch()))
    found = only(station.redis, 1)
    assert isinstance(found, DamagedPart)
    assert (found.part, found.received_at) == (1, None)
    assert "batch's entry" in found.reason


def test_ballots_that_were_damaged_in_redis_are_laid_aside(station: Station) -> None:
    station.accepted(file_of(1))
    (job,) = station.waiting()
    payload = bytearray(_bytes(station.redis.get(keys.payload(job)) or b""))
    payload[-1] ^= 1
    station.redis.set(keys.payload(job), bytes(payload))
    (number,) = [number for number in range(2) if station.redis.llen(keys.queue(number))]
    found = only(station.redis, number)
    assert isinstance(found, DamagedPart)
    assert "damaged" in found.reason
    assert found.received_at == station.status(station.only_batch()).head.received_at


def test_a_refused_job_is_an_error_and_no_part() -> None:
    part = json.dumps([RECORD, None, [BATCH, 0, 1], {}]).encode()
    assert read_part(JOB, [part, None, None, None, None]) == (BATCH, 0, 1)
    for data in (b"no JSON", b"[" * 1000, zlib.compress(b"[" + b" " * 10_000_000 + part[1:]), None):
        with pytest.raises(RefusedJob):
            read_part(JOB, [data, None, None, None, None])


def test_the_ids_of_parts_are_told_from_others() -> None:
    assert is_job_id(JOB)
    assert is_job_id(f"{BATCH}_170")
    others = ["", "_1", f"{BATCH}_", f"{BATCH}_b", f"{JOB}\n", f"{BATCH}_٣", f"{BATCH[1:]}_1", f"0{JOB}", JOB.upper()]
    assert not any(map(is_job_id, others))


@pytest.mark.parametrize(
    "written", [None, b"", b"short", b"x" * 65, b'","level":"error"', b"\xff" * 20, b"abc def ghi jkl"]
)
def test_a_part_counts_whatever_its_batch_says_of_the_request_that_brought_it(
    station: Station, written: bytes | None
) -> None:
    # Entries that an earlier version wrote say nothing; whoever can write to Redis may say anything.
    station.accepted(file_of(1), header={**station.official(), "X-Request-ID": "request-0123"})
    batch = keys.batch(station.only_batch())
    queued = [only(station.redis, number) for number in (0, 1) if station.redis.llen(keys.queue(number))]
    assert [part.batch.request_id for part in queued if isinstance(part, QueuedPart)] == ["request-0123"]
    station.redis.hdel(batch, "request_id")
    if written is not None:
        station.redis.hset(batch, "request_id", written)
    queued = [only(station.redis, number) for number in (0, 1) if station.redis.llen(keys.queue(number))]
    assert [part.batch.request_id for part in queued if isinstance(part, QueuedPart)] == [""]
