"""What a station puts into Redis for a job is what RQ itself would put there, and RQ's tools can read it."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from shared.queue import keys
from shared.queue.connection import as_bytes, connect
from shared.queue.jobs import RECORD
from tests.services.station import Station, file_of, prepare


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        prepare(client)
        yield client


def fields(redis: Redis, job_id: str) -> dict[bytes, bytes]:
    """A job's entry, with its data as it was before it was compressed."""
    entry = {as_bytes(name): as_bytes(value) for name, value in redis.hgetall(keys.job(job_id)).items()}
    return {**entry, b"data": zlib.decompress(entry[b"data"])}


def moment(entry: dict[bytes, bytes], name: bytes) -> datetime:
    return datetime.strptime(entry[name].decode(), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def test_an_entry_is_the_one_that_rq_writes_for_the_same_job(station: Station) -> None:
    for _ in range(2):
        station.accepted(file_of(60))
    queues = {job: number for number in range(2) for job in _waiting(station.redis, number)}
    assert len(queues) == 4
    for job_id, number in queues.items():
        ours = fields(station.redis, job_id)
        job = Job.fetch(job_id, connection=station.redis, serializer=JSONSerializer)
        batch_id, part, ballots = job.args
        station.redis.delete(keys.job(job_id))
        Queue(keys.queue_name(number), connection=station.redis, serializer=JSONSerializer).enqueue_many(
            [
                Queue.prepare_data(
                    RECORD,
                    args=(batch_id, part, ballots),
                    job_id=job_id,
                    timeout=-1,
                    result_ttl=0,
                    failure_ttl=-1,
                    description=f"part {part} of batch {batch_id}",
                )
            ]
        )
        theirs = fields(station.redis, job_id)
        for name in (b"created_at", b"enqueued_at"):
            assert timedelta() <= moment(theirs, name) - moment(ours, name) < timedelta(seconds=30)
            del ours[name], theirs[name]
        assert ours == theirs


def _waiting(redis: Redis, number: int) -> list[str]:
    return [as_bytes(job).decode() for job in redis.lrange(keys.queue(number), 0, -1)]


def test_rq_finds_the_queues_and_the_jobs_in_them(station: Station) -> None:
    receipt = station.accepted(file_of(60))
    found = Queue.all(connection=station.redis, serializer=JSONSerializer)
    assert sorted(queue.name for queue in found) == [keys.queue_name(0), keys.queue_name(1)]
    ballots = 0
    for queue in found:
        (job,) = queue.jobs
        assert (job.func_name, job.kwargs, job.origin) == (RECORD, {}, queue.name)
        assert job.get_status() == JobStatus.QUEUED
        assert (job.timeout, job.result_ttl, job.failure_ttl) == (-1, 0, -1)
        assert job.args[0] == receipt["id"]
        assert job.id == keys.job_id(job.args[0], job.args[1])
        ballots += job.args[2]
    assert ballots == 60
