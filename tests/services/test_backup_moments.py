"""A backup while ballots come in: what was accepted before it is in it, and whatever came later is whole or absent."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.backup.places import Places
from cli.recount.command import recounted
from daemon import actions, relay
from shared.database import Database, migrate
from shared.journal import store as journal
from shared.queue import inspection, keys, work
from shared.queue.connection import as_bytes, connect
from shared.queue.work import DamagedPart
from shared.schema.election import Batch, Journal, Part
from tests.left_out import needs
from tests.servers import Redis, SQLite
from tests.services.backing_up import restore, steps, url_of
from tests.services.counting import Counting, counting, new_lines

PARTITIONS = 2


@pytest.fixture(scope="module")
def second_redis() -> Iterator[Redis]:
    """Another Redis than the one that is backed up."""
    needs(Redis)
    with Redis() as server:
        yield server


@pytest.fixture
def suite(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    """A suite that counts in two partitions."""
    with counting(election_database_url, redis_url, PARTITIONS) as made:
        yield made


@pytest.fixture
def accounts(sqlite_files: SQLite) -> Iterator[str]:
    """An accounts store, about which nothing is asked here."""
    url = sqlite_files.new_database()
    migrate(url, "accounts")
    yield url
    sqlite_files.drop_database(url)


@pytest.fixture
def places(suite: Counting, accounts: str) -> Places:
    return Places(accounts, url_of(suite.database), suite.redis_url)


class Second:
    """The suite that comes out of an archive."""

    def __init__(self, server: Redis, databases: SQLite, file: Path) -> None:
        with server.client() as client:
            client.flushall()
        self.urls = databases.new_database(), databases.new_database()
        self.drop = databases.drop_database
        self.places = Places(*self.urls, server.url)
        self.restored = restore(self.places, file)
        with closing(Database(self.places.election)) as database, database.reading() as session:
            self.recorded = set(session.scalars(sa.select(Part.batch_id)))
        with closing(connect(server.url)) as client:
            self.waiting = {
                as_bytes(job).decode(errors="replace").partition("_")[0]
                for number in range(PARTITIONS)
                for job in client.lrange(keys.queue(number), 0, -1)
            }
            self.waiting |= {part.batch_id for part in inspection.buried(client)}

    @property
    def batches(self) -> set[str]:
        """Every upload of which anything is here."""
        return self.recorded | self.waiting

    def check(self, election: int, accepted: dict[str, int]) -> None:
        """Count to the end, and see that each upload that is here is here as a whole (``accepted``: its lines)."""
        with counting(self.places.election, self.places.redis, PARTITIONS) as suite:
            for letter in inspection.buried(suite.redis):
                inspection.replay(suite.redis, letter.batch_id, letter.part)
            suite.record_all()
            while relay.move(suite.database, suite.redis):
                pass
            assert suite.waiting() == 0
            assert not inspection.buried(suite.redis)
            with suite.database.reading() as session:
                lines = {row.id: row.lines for row in session.execute(sa.select(Batch.id, Batch.lines))}
                received = sa.select(Part.batch_id, sa.func.sum(Part.received)).group_by(Part.batch_id)
                sums = {batch: int(number) for batch, number in session.execute(received)}
                told = list(session.scalars(sa.select(Journal.subject).where(Journal.action == "batch.accepted")))
                assert journal.check(session)[1] == []
            here = {batch: accepted[batch] for batch in self.batches}
            assert lines == here
            assert sums == here
            assert sorted(told) == sorted(f"batch {batch}" for batch in here)
            for batch in here:
                assert suite.status(batch).status == "counted"
        found = recounted(self.places.election, election, 20)
        assert found["agrees"], found["findings"]
        assert found["parts_waiting"] == 0
        assert found["batches_without_journal"] == 0

    def close(self) -> None:
        for url in self.urls:
            self.drop(url)


@pytest.fixture
def second(second_redis: Redis, sqlite_files: SQLite, tmp_path: Path) -> Iterator[Callable[[], Second]]:
    """Restores the archive of the test."""
    made: list[Second] = []

    def make() -> Second:
        made.append(Second(second_redis, sqlite_files, tmp_path / "archive.urna"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def record(suite: Counting, number: int, most: int = 1000) -> None:
    """Count at most so many of the parts that wait in a partition."""
    parts = suite.front(number)[:most]
    if parts:
        work.finish(suite.redis, number, actions.record(suite.database, suite.claim(number), parts, datetime.now(UTC)))


def commit_only(suite: Counting, number: int) -> None:
    """Count what waits in a partition, and die before it is taken out of the queue."""
    parts = suite.front(number)
    if parts:
        actions.record(suite.database, suite.claim(number), parts, datetime.now(UTC))


def bury(suite: Counting, number: int, most: int = 1000) -> None:
    for part in suite.front(number)[:most]:
        head = part.batch
        damaged = DamagedPart(part.job_id, "A test wants it.", head.id, part.part, head.received_at, part.ballots)
        actions.bury(suite.database, suite.redis, suite.claim(number), damaged, datetime.now(UTC))


def move_journal(suite: Counting) -> None:
    while relay.move(suite.database, suite.redis):
        pass


def test_what_waits_when_the_backup_begins_is_in_it_even_if_it_is_recorded_meanwhile(
    suite: Counting, places: Places, second: Callable[[], Second], tmp_path: Path
) -> None:
    election = suite.election()
    accepted = {suite.accept(new_lines(30, seed=seed), max_part=5): 30 for seed in range(3)}
    with steps(places, tmp_path / "archive.urna") as backup:
        backup.first_look()
        record(suite, 0)
        move_journal(suite)
        backup.hold()
        record(suite, 1)
        done = backup.rest()
    assert done.facts["lost_parts"] == 0
    found = second()
    assert found.batches == set(accepted)
    found.check(election, accepted)


# What happens to an upload between the look at the queues and that at the store, and after that: what must be fetched
# for it to be whole comes once from Redis and once from the store.
Deed = Callable[[Counting], None]


def record_all(suite: Counting) -> None:
    for number in range(PARTITIONS):
        record(suite, number)


def record_all_and_move_the_journal(suite: Counting) -> None:
    record_all(suite)
    move_journal(suite)


def bury_all(suite: Counting) -> None:
    for number in range(PARTITIONS):
        bury(suite, number)


BETWEEN: dict[str, Deed] = {
    "a part of it is recorded": lambda suite: record(suite, 0),
    "the part without the batch is recorded": lambda suite: record(suite, 1),
    "a part of it is committed and not removed": lambda suite: commit_only(suite, 0),
    "all of it is recorded": record_all,
    "only the journal knows it": move_journal,
    "a part of it is laid aside": lambda suite: bury(suite, 0),
    "all of it is laid aside": bury_all,
}
AFTERWARDS: dict[str, Deed] = {
    "nothing": lambda suite: None,
    "the rest is recorded": record_all,
    "the rest and the journal are recorded": record_all_and_move_the_journal,
    "the rest is laid aside": bury_all,
}


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("afterwards", AFTERWARDS)
@pytest.mark.parametrize("between", BETWEEN)
def test_an_upload_that_the_store_knows_is_whole_in_the_backup(
    suite: Counting,
    places: Places,
    second: Callable[[], Second],
    tmp_path: Path,
    between: str,
    afterwards: str,
) -> None:
    _let_it_happen(suite, places, second, tmp_path, BETWEEN[between], AFTERWARDS[afterwards])


@pytest.mark.parametrize("engine", ["mariadb", "postgresql", "mysql"])
def test_every_engine_shows_the_store_at_one_moment(
    suite: Counting, places: Places, second: Callable[[], Second], tmp_path: Path
) -> None:
    _let_it_happen(
        suite,
        places,
        second,
        tmp_path,
        BETWEEN["a part of it is recorded"],
        AFTERWARDS["the rest and the journal are recorded"],
    )


def _let_it_happen(
    suite: Counting,
    places: Places,
    second: Callable[[], Second],
    tmp_path: Path,
    between: Deed,
    afterwards: Deed,
) -> None:
    election = suite.election()
    lines = new_lines(24, seed=1)
    accepted = {suite.accept(lines, max_part=6): 24}
    for number in range(PARTITIONS):
        record(suite, number)
    with steps(places, tmp_path / "archive.urna") as backup:
        backup.first_look()
        # Half of it are duplicates, which have to be so afterwards as well.
        meanwhile = suite.accept([*lines[:12], *new_lines(24, seed=2)], max_part=9, key="meanwhile")
        between(suite)
        backup.hold()
        later = suite.accept(new_lines(20, seed=3), max_part=9, key="later")
        afterwards(suite)
        done = backup.rest()
    assert done.facts["lost_parts"] == 0
    accepted |= {meanwhile: 36, later: 20}
    found = second()
    assert found.batches == {*accepted} - {later}
    with counting(found.places.election, found.places.redis, PARTITIONS) as restored:
        # A receipt of what is not here would keep its sender from sending it again.
        assert restored.redis.get(keys.idempotency("official@example.org", "later")) is None
    found.check(election, accepted)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_upload_of_which_nothing_was_seen_is_absent(
    suite: Counting, places: Places, second: Callable[[], Second], tmp_path: Path
) -> None:
    election = suite.election()
    accepted = {suite.accept(new_lines(24, seed=1)): 24}
    with steps(places, tmp_path / "archive.urna") as backup:
        backup.first_look()
        suite.accept(new_lines(24, seed=2), key="meanwhile")
        backup.hold()
        backup.rest()
    found = second()
    assert found.batches == set(accepted)
    assert found.restored.waiting_parts == 2
    found.check(election, accepted)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_redis_loses_during_a_backup_is_told_and_promised_to_nobody(
    suite: Counting, places: Places, second: Callable[[], Second], tmp_path: Path
) -> None:
    election = suite.election()
    accepted = {suite.accept(new_lines(24, seed=1)): 24}
    suite.record_all()
    move_journal(suite)
    with steps(places, tmp_path / "archive.urna") as backup:
        backup.first_look()
        suite.accept(new_lines(24, seed=2), key="lost")
        move_journal(suite)
        backup.hold()
        suite.redis.flushall()
        actions.prepare(suite.database, suite.redis, PARTITIONS)
        done = backup.rest()
    assert done.facts["lost_parts"] == 1
    found = second()
    assert found.batches == set(accepted)
    # The recount says of the restored store what it says of the one that was backed up.
    assert recounted(found.places.election, election, 9)["found"] == recounted(places.election, election, 9)["found"]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_no_station_wrote_is_as_strange_after_a_restore(
    suite: Counting, places: Places, second: Callable[[], Second], tmp_path: Path
) -> None:
    suite.election()
    strange = b"\xff\x00 not a job"
    suite.redis.rpush(keys.queue(0), strange)
    suite.redis.rpush(keys.queue(1), b"0" * 32 + b"_0")
    suite.redis.set(keys.batch("1" * 32), "no hash")
    suite.redis.set(keys.job("2" * 32 + "_0"), "no hash either")
    suite.redis.rpush(keys.queue(1), b"2" * 32 + b"_0")
    suite.redis.set(keys.idempotency("x", "y"), "{no JSON", ex=100)
    with steps(places, tmp_path / "archive.urna") as backup:
        backup.first_look()
        damaged = DamagedPart(strange.decode(errors="surrogateescape"), "It is strange.")
        actions.bury(suite.database, suite.redis, suite.claim(0), damaged, datetime.now(UTC))
        backup.hold()
        backup.rest()
    found = second()
    with counting(found.places.election, found.places.redis, PARTITIONS) as restored:
        assert restored.redis.lrange(keys.queue(0), 0, -1) == [strange]
        assert restored.redis.lrange(keys.queue(1), 0, -1) == [b"0" * 32 + b"_0", b"2" * 32 + b"_0"]
        assert [part.job_id for part in work.front(restored.redis, 0, jobs=9, ballots=9)] == [damaged.job_id]


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("seed", range(12))
def test_in_whichever_order_things_happen_every_upload_is_whole_or_absent(
    suite: Counting, places: Places, second: Callable[[], Second], tmp_path: Path, seed: int
) -> None:
    election = suite.election()
    chance = random.Random(seed)
    accepted: dict[str, int] = {}
    known = new_lines(200, seed=seed)

    def accept() -> None:
        lines = chance.sample(known, chance.randint(1, 25))
        accepted[suite.accept(lines, max_part=chance.choice([3, 9, 100]), key=f"{len(accepted)}")] = len(lines)

    def one_thing(number: int, most: int) -> None:
        deeds: list[Deed] = [
            lambda suite: record(suite, number, most),
            lambda suite: commit_only(suite, number),
            lambda suite: bury(suite, number, 1),
            move_journal,
        ]
        if chance.random() < 0.35:
            accept()
        else:
            chance.choice(deeds)(suite)

    def something() -> None:
        for _ in range(chance.randint(0, 8)):
            one_thing(chance.randrange(PARTITIONS), chance.randint(1, 3))

    accept()
    something()
    before = set(accepted)
    with steps(places, tmp_path / "archive.urna") as backup:
        backup.first_look()
        something()
        backup.hold()
        something()
        done = backup.rest()
    assert done.facts["lost_parts"] == 0
    found = second()
    assert before <= found.batches
    found.check(election, accepted)
