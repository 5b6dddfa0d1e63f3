"""Another number of partitions than the recorded one: when it is taken, and that nothing is lost or counted twice."""

import pytest

from daemon import actions
from shared.errors import Misconfigured
from shared.queue import work
from tests.services.counting import Counting, counting, new_lines


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
