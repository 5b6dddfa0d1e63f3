"""Real daemons as processes: shared partitions, sudden deaths, take-overs, and faults of the stores."""

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.database import Database
from shared.queue import inspection
from shared.queue.parts import pack
from shared.schema.election import DeadLetter, Partition
from shared.terms import Progress
from tests.left_out import needs
from tests.servers import MariaDB, Redis
from tests.services.counting import Counting, DaemonProcess, Line, counting, guid, new_lines, reference

PARTITIONS = 4
ON_SERVERS = pytest.mark.parametrize("engine", ["mariadb", "postgresql"])


@pytest.fixture
def parted(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, PARTITIONS) as made:
        yield made


@pytest.fixture
def daemons(election_database_url: str, redis_url: str) -> Iterator[Callable[[], DaemonProcess]]:
    """Starts daemons for the test's stores; those that are left at its end are ended."""
    with ExitStack() as ending:

        def start() -> DaemonProcess:
            daemon = DaemonProcess(election_database_url, redis_url, PARTITIONS)
            ending.callback(daemon.end)
            return daemon

        yield start


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds, and fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


def drained(suite: Counting) -> bool:
    """Whether everything received so far is counted, as the watermarks say it."""
    return suite.waiting() == 0


def is_up(suite: Counting, daemon: DaemonProcess) -> bool:
    """Whether a daemon has begun its work; before that it dies of any signal."""
    return any(f"-{daemon.process.pid}-".encode() in owner for owner in suite.redis.zrange("urna:daemons", 0, -1))


def owners(suite: Counting) -> list[str]:
    with suite.database.reading() as session:
        return list(session.scalars(sa.select(Partition.owner).order_by(Partition.partition)))


def night(seed: int) -> list[list[Line]]:
    """Files with duplicates within and across them, some with another choice, and wrong poll numbers."""
    source = random.Random(seed)
    pool = new_lines(600, seed=seed)
    files = []
    for _ in range(60):
        lines = [source.choice(pool) for _ in range(source.randint(1, 80))]
        files.append([(ballot, source.choice([number, number, number, 1, 2, 3, 7])) for ballot, number in lines])
    return files


@ON_SERVERS
def test_two_daemons_killed_and_started_at_random_count_exactly_as_one(
    parted: Counting,
    daemons: Callable[[], DaemonProcess],
    databases: MariaDB,
    redis_server: Redis,
) -> None:
    files = night(seed=7)
    election = parted.election()
    source = random.Random(11)
    running = [daemons(), daemons()]
    ends = {9: "killed", 19: "stopped", 29: "killed", 39: "killed", 49: "stopped"}
    for place, lines in enumerate(files):
        victim = source.randrange(2)
        if place in ends:
            until(partial(is_up, parted, running[victim]))
        parted.accept(lines, max_part=10)
        if place in ends:
            time.sleep(source.uniform(0, 0.05))
            if ends[place] == "killed":
                running[victim].kill()
            else:
                assert running[victim].stop() == 0
            running[victim] = daemons()
    until(lambda: drained(parted))
    for daemon in running:
        until(partial(is_up, parted, daemon))
        assert daemon.stop() == 0
    shared_by_two = parted.state()
    assert parted.tally(election) == reference(files, 3)

    # The same files in the same order, counted by one daemon that nothing happens to.
    url = databases.new_database()
    parted.redis.flushall()
    try:
        with counting(url, redis_server.url, PARTITIONS) as alone:
            assert alone.election() == election
            for lines in files:
                alone.accept(lines, max_part=10)
            daemon = DaemonProcess(url, redis_server.url, PARTITIONS)
            try:
                until(lambda: drained(alone))
                assert daemon.stop() == 0
            finally:
                daemon.end()
            by_one = alone.state()
    finally:
        databases.drop_database(url)
    assert by_one["ballots"] == shared_by_two["ballots"]
    assert by_one["tallies"] == shared_by_two["tallies"]
    # The batches' ids differ from run to run; what became of the files, one after the other, does not.
    for what in ("parts", "refused"):
        assert sorted(row[1:] for row in by_one[what]) == sorted(row[1:] for row in shared_by_two[what])


@ON_SERVERS
def test_daemons_share_the_partitions_and_take_over_those_of_a_dead_one(
    parted: Counting, daemons: Callable[[], DaemonProcess]
) -> None:
    parted.election()
    first, second = daemons(), daemons()
    until(lambda: len(set(owners(parted)) - {""}) == 2)
    until(lambda: sorted(owners(parted).count(owner) for owner in set(owners(parted))) == [2, 2])
    before = set(owners(parted))
    first.kill()
    until(lambda: len(set(owners(parted))) == 1)
    assert set(owners(parted)) < before
    batch = parted.accept(new_lines(200))
    until(lambda: parted.status(batch).status == Progress.COUNTED)
    assert second.stop() == 0


@ON_SERVERS
def test_a_frozen_daemon_that_wakes_up_changes_nothing_that_was_counted_meanwhile(
    parted: Counting, daemons: Callable[[], DaemonProcess]
) -> None:
    election = parted.election()
    frozen = daemons()
    until(lambda: "" not in owners(parted))
    files = [new_lines(300, seed=seed) for seed in range(6)]
    frozen.process.send_signal(signal.SIGSTOP)
    for lines in files:
        parted.accept(lines, max_part=20)
    awake = daemons()
    until(lambda: drained(parted))
    counted = parted.state()
    frozen.process.send_signal(signal.SIGCONT)
    later = parted.accept([*files[0], (guid(5), 1)])
    until(lambda: parted.status(later).status == Progress.COUNTED)
    assert parted.status(later).duplicate == 300
    for daemon in (frozen, awake):
        assert daemon.stop() == 0
    assert set(counted["ballots"]) < set(parted.state()["ballots"])
    assert parted.tally(election) == reference([*files, [(guid(5), 1)]], 3)


@pytest.mark.parametrize("engine", ["mariadb"])
def test_an_idle_partition_moves_its_watermark_past_the_end_of_an_election(
    parted: Counting, daemons: Callable[[], DaemonProcess]
) -> None:
    parted.election(begins=-10, ends=2)
    batch = parted.accept(new_lines(20))
    daemon = daemons()
    until(lambda: parted.status(batch).status == Progress.COUNTED)
    end = datetime.now(UTC)
    until(lambda: all(mark is not None and mark > end for mark in parted.watermarks()))
    assert daemon.stop() == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_part_without_ballots_is_buried_shown_and_replayed(
    parted: Counting, daemons: Callable[[], DaemonProcess]
) -> None:
    parted.election()
    batch = parted.accept(new_lines(3))
    key = f"urna:payload:{batch}_0"
    payload = parted.redis.get(key)
    parted.redis.delete(key)
    daemon = daemons()
    until(lambda: len(inspection.buried(parted.redis)) == 1)
    letter = inspection.buried(parted.redis)[0]
    assert (letter.batch_id, letter.part) == (batch, 0)
    assert letter.reason == "The part's ballots are missing in Redis."
    with parted.database.reading() as session:
        assert session.scalars(sa.select(DeadLetter.batch_id)).all() == [batch]

    # An operator has found the ballots again.
    parted.redis.set(key, payload)
    inspection.replay(parted.redis, batch, 0)
    until(lambda: parted.status(batch).status == Progress.COUNTED)
    assert parted.status(batch).counted == 3
    assert inspection.buried(parted.redis) == []
    assert parted.redis.get("urna:queued") == b"0"
    assert daemon.stop() == 0


@pytest.mark.parametrize("engine", ["mariadb"])
def test_a_part_that_the_database_refuses_for_good_does_not_stop_the_others(
    parted: Counting, daemons: Callable[[], DaemonProcess]
) -> None:
    parted.election()
    refused = parted.accept([(guid(1), 1)])
    # The column for the file's name ends at 256 characters; no station writes a longer one.
    parted.redis.hset(f"urna:batch:{refused}", "file_name", "x" * 300)
    good = parted.accept(new_lines(50))
    daemon = daemons()
    until(lambda: parted.status(good).status == Progress.COUNTED)
    until(lambda: parted.status(refused).dead_parts == 1)
    assert parted.status(refused).counted == 0
    assert daemon.stop() == 0


def test_a_daemon_waits_while_the_database_is_away_and_counts_everything_in_order(redis_url: str) -> None:
    needs(MariaDB)
    with MariaDB() as server, counting(server.new_database(), redis_url, PARTITIONS) as suite:
        election = suite.election()
        daemon = DaemonProcess(suite.database.engine.url.render_as_string(hide_password=False), redis_url, PARTITIONS)
        try:
            until(lambda: "" not in owners(suite))
            server.kill()
            files = [new_lines(100, seed=seed) for seed in range(5)] + [[(guid(1), 1)], [(guid(1), 2)]]
            for lines in files:
                suite.accept(lines)
            time.sleep(1.0)
            assert not drained(suite)
            server.restart()
            suite.database = Database(suite.database.engine.url.render_as_string(hide_password=False))
            until(lambda: drained(suite))
            assert daemon.stop() == 0
            assert suite.tally(election) == reference(files, 3)
        finally:
            daemon.end()


def test_a_daemon_survives_the_loss_of_redis_connections(sqlite_url: str) -> None:
    needs(Redis)
    with Redis() as server, counting(sqlite_url, server.url, PARTITIONS) as suite:
        election = suite.election()
        daemon = DaemonProcess(sqlite_url, server.url, PARTITIONS)
        try:
            first = suite.accept(new_lines(50))
            until(lambda: suite.status(first).status == Progress.COUNTED)
            server.kill()
            time.sleep(0.5)
            server.restart()
            second = suite.accept(new_lines(50, seed=2))
            until(lambda: suite.status(second).status == Progress.COUNTED)
            assert daemon.stop() == 0
            assert sum(suite.tally(election).values()) == 100
        finally:
            daemon.end()


def test_a_daemon_whose_housekeeping_breaks_down_ends_as_a_whole(
    sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "heartbeat"
    folder.mkdir()
    monkeypatch.setenv("HEARTBEAT_FILE", str(folder / "alive"))
    with counting(sqlite_url, redis_url, PARTITIONS) as suite:
        daemon = DaemonProcess(sqlite_url, redis_url, PARTITIONS)
        try:
            until(lambda: is_up(suite, daemon))
            # Workers that went on alone would keep no lease and look alive to their supervisor.
            shutil.rmtree(folder)
            assert daemon.process.wait(timeout=30) != 0
        finally:
            daemon.end()


def test_a_part_with_a_poll_number_beyond_every_column_does_not_stop_the_others(
    parted: Counting, daemons: Callable[[], DaemonProcess]
) -> None:
    election = parted.election()
    wrong = parted.accept([(guid(1), 1)])
    # No station packs such a number; who can write to Redis may.
    parted.redis.set(f"urna:payload:{wrong}_0", pack(bytes(16), [2**64 - 1], [0]))
    good = parted.accept(new_lines(50))
    daemon = daemons()
    until(lambda: parted.status(good).status == Progress.COUNTED)
    until(lambda: parted.status(wrong).dead_parts == 1)
    assert sum(parted.tally(election).values()) == 50
    assert daemon.stop() == 0
