"""Another number of partitions than the recorded one: when it is taken, and that nothing is lost or counted twice."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from daemon import actions
from shared.errors import Misconfigured
from shared.queue import work
from shared.schema.election import Partition
from tests.services.counting import Counting, DaemonProcess, counting, new_lines


def repartition(suite: Counting, partitions: int) -> None:
    """Start a daemon with another number of partitions."""
    actions.prepare(suite.database, suite.redis, partitions)
    suite.partitions = partitions


def test_a_partition_that_comes_back_goes_on_after_its_parts(election_database_url: str, redis_url: str) -> None:
    with counting(election_database_url, redis_url, 4) as suite:
        election = suite.election()
        files = [new_lines(60, seed=seed) for seed in range(3)]
        for partitions, lines in zip((4, 2, 4), files, strict=True):
            repartition(suite, partitions)
            suite.accept(lines)
            suite.record_all()
        assert sum(suite.tally(election).values()) == 180
        again = [suite.accept(lines) for lines in files]
        suite.record_all()
        assert [suite.status(batch).duplicate for batch in again] == [60, 60, 60]
        assert sum(suite.tally(election).values()) == 180


def test_the_number_changes_in_redis_only_while_nothing_waits(sqlite_url: str, redis_url: str) -> None:
    with counting(sqlite_url, redis_url, 2) as suite:
        suite.election()
        suite.accept(new_lines(40))
        assert work.repartition(suite.redis, 2, 3) == [0, 1]
        assert suite.redis.get("urna:partitions") == b"2"
        with pytest.raises(Misconfigured, match="Start with PARTITIONS=2"):
            actions.prepare(suite.database, suite.redis, 3)
        suite.record_all()
        assert work.repartition(suite.redis, 2, 3) == []
        assert suite.redis.get("urna:partitions") == b"3"


def test_a_second_daemon_follows_the_number_that_the_first_has_set(sqlite_url: str, redis_url: str) -> None:
    with counting(sqlite_url, redis_url, 2) as suite:
        suite.election()
        # The first daemon dies between the two stores, and the stations use the new number already.
        assert work.repartition(suite.redis, 2, 3) == []
        suite.accept(new_lines(40))
        repartition(suite, 3)
        assert sum(part.outcome.counted for part in suite.record_all()) == 40


@pytest.mark.parametrize("recorded", [True, False])
def test_nothing_is_left_in_a_partition_that_only_redis_knows_of(
    sqlite_url: str, redis_url: str, recorded: bool
) -> None:
    with counting(sqlite_url, redis_url, 2) as suite:
        suite.election()
        # A daemon dies between the two stores, and its operator goes back to the old number; or the store is a new one.
        assert work.repartition(suite.redis, 2, 4) == []
        suite.accept(new_lines(80))
        if not recorded:
            with suite.database.writing() as session:
                session.execute(sa.delete(Partition))
        with pytest.raises(Misconfigured, match="Start with PARTITIONS=4"):
            actions.prepare(suite.database, suite.redis, 2)
        assert suite.redis.get("urna:partitions") == b"4"
        repartition(suite, 4)
        assert sum(part.outcome.counted for part in suite.record_all()) == 80
        repartition(suite, 2)
        assert suite.redis.get("urna:partitions") == b"2"


def test_redis_gives_no_receipt_before_a_watermark_when_it_has_lost_its_memory(sqlite_url: str, redis_url: str) -> None:
    with counting(sqlite_url, redis_url, 1) as suite:
        suite.election()
        ahead = datetime.now(UTC) + timedelta(hours=1)
        actions.advance(suite.database, suite.claim(0), ahead)
        # Nobody has claimed the partition anew when the stations get their number again.
        suite.redis.flushall()
        actions.restore(suite.database, suite.redis, 1)
        assert suite.status(suite.accept(new_lines(1))).head.received_at > ahead


def test_a_daemon_with_another_number_leaves_every_partition_to_the_others(sqlite_url: str, redis_url: str) -> None:
    with counting(sqlite_url, redis_url, 2) as suite, ExitStack() as ending:
        suite.election()

        def start(partitions: int) -> DaemonProcess:
            daemon = DaemonProcess(sqlite_url, redis_url, partitions)
            ending.callback(daemon.end)
            return daemon

        def wait_for_owners(partitions: int, daemon: DaemonProcess) -> None:
            deadline = time.monotonic() + 30
            while True:
                leases = [suite.redis.get(f"urna:lease:{number}") or b"" for number in range(partitions)]
                if all(f"-{daemon.process.pid}-".encode() in owner for owner in leases):
                    return
                assert time.monotonic() < deadline, leases
                time.sleep(0.05)

        old = start(2)
        wait_for_owners(2, old)
        # Somebody forgets to stop the old one.
        new = start(4)
        wait_for_owners(4, new)
        assert len(suite.redis.zrange("urna:daemons", 0, -1)) == 1
        assert new.stop() == 0
        repartition(suite, 2)
        wait_for_owners(2, old)
        assert old.stop() == 0
