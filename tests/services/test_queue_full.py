"""A Redis without memory: the stations take nothing more, and daemons drain it, also one that starts only now."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.queue import inspection, keys, snapshot, work
from shared.queue.work import DamagedPart
from tests.left_out import needs
from tests.servers import Redis
from tests.services.counting import Counting, DaemonProcess, counting, guid
from tests.services.station import OPEN, known


@pytest.fixture(params=["redis", "embedded"])
def server(request: pytest.FixtureRequest) -> Iterator[Redis]:
    """A Redis of the test's own; the embedded one is older and draws other lines."""
    needs(Redis)
    with Redis(program=Redis.embedded_program() if request.param == "embedded" else None) as made:
        yield made


@pytest.fixture
def full(server: Redis, sqlite_url: str) -> Iterator[Counting]:
    """A queue in which two files wait, in a Redis that is full."""
    with counting(sqlite_url, server.url, partitions=2) as made:
        made.election()
        for start in (1, 1000):
            made.accept([(guid(number << 100), 1) for number in range(start, start + 100)])
        made.redis.config_set("maxmemory", 1)
        yield made


def test_a_daemon_that_starts_while_redis_is_full_counts_what_waits(
    full: Counting, server: Redis, sqlite_url: str
) -> None:
    daemon = DaemonProcess(sqlite_url, server.url, 2)
    try:
        deadline = time.monotonic() + 60
        while full.waiting():
            assert time.monotonic() < deadline, "the daemon did not drain a full Redis"
            time.sleep(0.05)
    finally:
        daemon.end()
    assert int(full.redis.get(keys.QUEUED_BALLOTS) or 0) == 0
    assert sum(votes for _, _, votes in full.state()["tallies"]) == 200


def test_everything_that_a_daemon_does_to_drain_a_queue_needs_no_memory(full: Counting) -> None:
    redis = full.redis
    assert work.announce(redis, "me", 5) == 1
    assert work.lease(redis, 0, "me", 5)
    assert not work.lease(redis, 0, "another", 5)
    assert work.renew(redis, 0, "me", 5)
    work.seed_clock(redis, datetime.now(UTC) + timedelta(minutes=1))
    work.settle_count(redis, 2)
    (first, *_) = full.front(0)
    work.bury(redis, 0, DamagedPart(first.job_id, "For the test.", first.batch.id, 0, None, first.ballots))
    assert len(inspection.buried(redis)) == 1
    assert inspection.replay(redis, first.batch.id, first.part) == 0
    full.record_all()
    assert full.waiting() == 0
    assert work.idle_stamp(redis, 0) is not None
    work.release(redis, 0, "me")
    work.leave(redis, "me")


def test_the_stations_learn_of_elections_also_while_redis_is_full(full: Counting) -> None:
    snapshot.write(full.redis, [known(OPEN, -1, 1)])
    assert [election.id for election in snapshot.read(full.redis)[0]] == [OPEN]
