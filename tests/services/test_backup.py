"""``urna backup`` and ``urna restore``: the same deployment on another engine, and what is refused."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from admin_service.prepare import prepare as prepare_election
from cli.app import main
from cli.backup import refilling, stores
from cli.backup.archive import ArchiveWriter
from cli.backup.places import Places
from cli.backup.sealing import SealingWriter
from cli.failure import CANNOT_START, REFUSED, SUCCESS, UNAVAILABLE, USAGE, Failure
from cli.recount.command import recounted
from daemon import actions
from shared.database import Database, migrate
from shared.errors import Unavailable
from shared.journal import store as journal
from shared.queue import inspection, keys, work
from shared.schema.election import Jurisdiction, Participant, Partition
from tests.journey.command import Outcome
from tests.left_out import needs
from tests.servers import DatabaseServer, Redis, SQLite
from tests.services.backing_up import (
    WORD,
    back_up,
    check,
    fill_accounts,
    fill_election,
    in_redis,
    restore,
    summaries,
)
from tests.services.counting import Counting, counting, new_lines

ACROSS = [("mysql", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "sqlite"), ("sqlite", "mysql")]


@dataclass
class Deployment:
    """A deployment to back up, with an election."""

    places: Places
    suite: Counting
    election: int


@pytest.fixture(scope="module")
def second_redis() -> Iterator[Redis]:
    """Another Redis than the one that is backed up."""
    needs(Redis)
    with Redis() as server:
        yield server


@pytest.fixture
def empty_redis(second_redis: Redis) -> str:
    """The URL of an empty Redis to restore into."""
    with second_redis.client() as client:
        client.flushall()
    return second_redis.url


@pytest.fixture
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From which engine to which; SQLite for a test to which that does not matter."""
    return getattr(request, "param", ("sqlite", "sqlite"))


def _databases(request: pytest.FixtureRequest, engine: str, stack: ExitStack) -> tuple[str, str]:
    source: DatabaseServer | SQLite = request.getfixturevalue(
        "sqlite_files" if engine == "sqlite" else f"{engine}_server"
    )
    urls = source.new_database(), source.new_database()
    for url in urls:
        stack.callback(source.drop_database, url)
    return urls


@pytest.fixture
def deployment(request: pytest.FixtureRequest, way: tuple[str, str], redis_url: str) -> Iterator[Deployment]:
    with ExitStack() as stack:
        accounts, election = _databases(request, way[0], stack)
        fill_accounts(accounts)
        suite = stack.enter_context(counting(election, redis_url, partitions=2))
        yield Deployment(Places(accounts, election, redis_url), suite, fill_election(suite))


@pytest.fixture
def empty(request: pytest.FixtureRequest, way: tuple[str, str], empty_redis: str) -> Iterator[Places]:
    """Two empty databases and an empty Redis."""
    with ExitStack() as stack:
        accounts, election = _databases(request, way[1], stack)
        yield Places(accounts, election, empty_redis)


Command = Callable[..., Outcome]


@pytest.fixture
def urna(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command with these settings and nobody at the keyboard, in this process, which saves it its start."""

    def call(*arguments: str, **settings: str) -> Outcome:
        with monkeypatch.context() as environment:
            environment.delenv("URNA_BACKUP_PASSPHRASE", raising=False)
            for name, value in settings.items():
                environment.setenv(name, value)
            status = main(list(arguments))
        said = capsys.readouterr()
        return Outcome(status, said.out, said.err)

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "archive.urna"


def settings_of(places: Places, **others: str) -> dict[str, str]:
    """The environment of a command."""
    return {
        "ACCOUNTS_DATABASE_URL": places.accounts,
        "ELECTION_DATABASE_URL": places.election,
        "REDIS_URL": places.redis,
        "URNA_BACKUP_PASSPHRASE": WORD,
        **others,
    }


@pytest.mark.parametrize("way", ACROSS, indirect=True, ids="-to-".join)
def test_a_restored_deployment_is_the_one_that_was_backed_up_on_whichever_engine(
    deployment: Deployment, empty: Places, file: Path
) -> None:
    before, waiting = summaries(deployment.places), in_redis(deployment.places.redis)
    back_up(deployment.places, file)
    assert summaries(deployment.places) == before, "a backup changes nothing"
    done = restore(empty, file)
    assert done.stores == ["accounts", "election"]
    assert done.waiting_parts == deployment.suite.waiting() > 0
    assert summaries(empty) == before
    assert in_redis(empty.redis) == waiting

    # The count goes on where it was, and ends as the other one does.
    deployment.suite.record_all()
    expected = deployment.suite.state()
    with counting(empty.election, empty.redis, partitions=2) as suite:
        suite.record_all()
        assert suite.waiting() == 0
        assert suite.redis.get(keys.QUEUED_BALLOTS) == b"0"
        assert suite.state() == expected
        found = recounted(empty.election, deployment.election, 20)
        assert found["findings"] == [{**one, "kind": "dead_letter_unsettled"} for one in found["findings"]]
        assert found["ballots"]["counted"]["recounted"] == sum(suite.tally(deployment.election).values()) > 600
        # Dead letters can be replayed here, too.
        for letter in inspection.buried(suite.redis):
            inspection.replay(suite.redis, letter.batch_id, letter.part)
        suite.record_all()
        assert recounted(empty.election, deployment.election, 20)["agrees"]
        _numbers_go_on(suite.database)
    for url in (empty.accounts, empty.election):
        with closing(Database(url)) as database, database.reading() as session:
            newest, findings = journal.check(session)
            assert findings == []
            assert newest.sequence > 0


def _numbers_go_on(database: Database) -> None:
    """What is made after a restore gets a number that nothing has had."""
    with database.writing() as session:
        area = Jurisdiction(name="Made afterwards")
        party = Participant(name="Made afterwards", individual=False, created_at=datetime.now(UTC))
        session.add_all([area, party])
        session.flush()
        assert (area.id, party.id) == (10, 301)


def test_receipts_after_a_restore_are_later_than_every_watermark_and_every_receipt_before(
    deployment: Deployment, empty: Places, file: Path
) -> None:
    deployment.suite.redis.set(keys.CLOCK, int(deployment.suite.redis.get(keys.CLOCK)) + 30_000_000)
    last = deployment.suite.accept(new_lines(3, seed=90))
    received = deployment.suite.status(last).head.received_at
    back_up(deployment.places, file)
    restore(empty, file)
    with counting(empty.election, empty.redis, partitions=2) as suite:
        newer = suite.status(suite.accept(new_lines(3, seed=91))).head.received_at
        assert newer > received
        assert all(mark is None or newer > mark for mark in suite.watermarks())
        # Nothing of it is taken for forged.
        for number in range(2):
            parts = suite.front(number)
            assert actions.forged(suite.database, suite.redis, suite.claim(number), parts) == []


def test_an_upload_that_is_sent_again_after_a_restore_gets_its_receipt_of_before(
    deployment: Deployment, empty: Places, file: Path
) -> None:
    lines = new_lines(20, seed=50)
    batch = deployment.suite.accept(lines, key="again")
    back_up(deployment.places, file)
    restore(empty, file)
    with counting(empty.election, empty.redis, partitions=2) as suite:
        waiting = suite.waiting()
        assert suite.accept(lines, key="again") == batch
        assert suite.waiting() == waiting
        assert 0 < suite.redis.pttl(keys.idempotency("official@example.org", "again")) <= 3_600_000
        assert suite.accept(lines, key="another") != batch


def test_no_lease_and_no_epoch_of_before_keeps_a_daemon_from_working(
    deployment: Deployment, empty: Places, file: Path
) -> None:
    assert work.lease(deployment.suite.redis, 0, "a daemon", 600)
    work.announce(deployment.suite.redis, "a daemon", 600)
    for _ in range(5):
        deployment.suite.claim(0)
    back_up(deployment.places, file)
    restore(empty, file)
    with counting(empty.election, empty.redis, partitions=2) as suite:
        assert work.lease(suite.redis, 0, "another", 600)
        assert work.announce(suite.redis, "another", 600) == 1
        suite.record_all()
        assert suite.waiting() == 0


def test_dead_letters_of_a_partition_that_is_gone_are_still_known_after_a_restore(
    deployment: Deployment, empty: Places, file: Path
) -> None:
    deployment.suite.record_all()
    letters = inspection.buried(deployment.suite.redis)
    assert {letter.partition for letter in letters} == {0, 1}
    actions.prepare(deployment.suite.database, deployment.suite.redis, 1)
    back_up(deployment.places, file)
    restore(empty, file)
    with counting(empty.election, empty.redis, partitions=1) as suite:
        assert inspection.buried(suite.redis) == letters == inspection.buried(deployment.suite.redis)


def test_what_prepares_a_store_is_no_obstacle_and_anything_else_is(
    deployment: Deployment, empty: Places, file: Path
) -> None:
    back_up(deployment.places, file)
    prepare_election(empty.election)
    migrate(empty.accounts, "accounts")
    with counting(empty.election, empty.redis, partitions=3) as suite:
        suite.redis.set(keys.ELECTIONS, "[]")
        with suite.database.writing() as session:
            session.add(Jurisdiction(id=2, name="Somebody's"))
        with pytest.raises(Failure, match=r"election store is not empty .*jurisdictions"):
            restore(empty, file)
        with suite.database.writing() as session:
            session.execute(sa.delete(Jurisdiction).where(Jurisdiction.id == 2))
        suite.redis.hset(keys.batch("0" * 32), "lines", 1)
        with pytest.raises(Failure, match="Redis is not empty"):
            restore(empty, file)
        suite.redis.delete(keys.batch("0" * 32))
        work.announce(suite.redis, "a daemon", 600)
        with pytest.raises(Failure, match="A daemon works on this Redis"):
            restore(empty, file)
        with suite.database.reading() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Participant)) == 0
            assert session.scalar(sa.select(sa.func.count()).select_from(Partition)) == 3
        assert suite.redis.get(keys.PARTITIONS) == b"3"
        suite.redis.delete(keys.DAEMONS)
    restore(empty, file)
    assert summaries(empty) == summaries(deployment.places)
    with pytest.raises(Failure, match="restored here already"):
        restore(empty, file)


def test_a_file_that_is_accepted_while_a_restore_begins_is_not_thrown_away(empty: Places) -> None:
    migrate(empty.election, "election")
    with counting(empty.election, empty.redis, partitions=2) as suite:
        refilling.refuse_full(suite.redis, "an archive")
        suite.accept(new_lines(30))
        before = in_redis(empty.redis)
        with pytest.raises(Failure, match="Redis is not empty"):
            refilling.claim(suite.redis, "an archive")
        assert in_redis(empty.redis) == before
        suite.redis.flushall()
        refilling.claim(suite.redis, "an archive")
        with pytest.raises(Unavailable):
            suite.accept(new_lines(30))


def test_an_archive_of_another_schema_is_refused_with_what_to_do(empty: Places, file: Path) -> None:
    with file.open("wb") as target:
        archive = ArchiveWriter(
            SealingWriter(target, WORD, cost=2),
            {"id": "0" * 32, "urna": "0.0.9", "revisions": {"accounts": "0001", "election": "0001"}},
        )
        archive.close({})
    with pytest.raises(Failure, match=r"schema 0001 of the accounts store.* Restore it with urna 0\.0\.9"):
        restore(empty, file)
    assert not in_redis(empty.redis).get(keys.RESTORING.encode())


@pytest.mark.parametrize("spoil", ["flipped", "cut", "passphrase"])
def test_nothing_is_stored_of_an_archive_that_is_damaged_or_cannot_be_opened(
    deployment: Deployment, empty: Places, file: Path, spoil: str, urna: Command
) -> None:
    back_up(deployment.places, file)
    content = bytearray(file.read_bytes())
    if spoil == "flipped":
        content[-100] ^= 1
    if spoil == "cut":
        del content[-1:]
    file.write_bytes(content)
    word = "another passphrase" if spoil == "passphrase" else WORD
    done = urna("restore", str(file), **settings_of(empty, URNA_BACKUP_PASSPHRASE=word))
    assert done.status == REFUSED, done.err
    assert ("The passphrase is wrong" if spoil == "passphrase" else "damaged or cut off") in done.err
    assert in_redis(empty.redis) == {b"journal": []}
    with closing(Database(empty.election)) as database, database.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_the_commands_say_what_they_did_and_can_be_checked(
    deployment: Deployment, empty: Places, file: Path, tmp_path: Path, urna: Command
) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "below").mkdir(parents=True)
    (secrets / "jwt_private_key").write_text("-----BEGIN")
    (secrets / "jwt_private_key").chmod(0o400)
    (secrets / "below" / "tls_key").write_bytes(bytes(range(256)))
    env_file = tmp_path / ".env"
    env_file.write_text("PARTITIONS=2\n")
    given = ("--secrets", str(secrets), "--configuration", str(env_file))
    done = urna("backup", str(file), *given, "--json", **settings_of(deployment.places))
    assert done.status == SUCCESS, done.err
    said = json.loads(done.out)
    assert said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert said["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".archive*"))
    assert b"BEGIN" not in file.read_bytes()

    again = urna("backup", str(file), **settings_of(deployment.places))
    assert again.status == REFUSED
    assert "is there already and stays as it is" in again.err

    verified = urna("backup", str(file), "--verify", **settings_of(deployment.places))
    assert verified.status == SUCCESS, verified.err
    assert "The archive is whole." in verified.out
    assert said["sha256"] in verified.out

    where = ("--secrets", str(tmp_path / "new"), "--configuration", str(tmp_path / "configuration"))
    only = urna("restore", str(file), "--files-only", *where, **settings_of(empty))
    assert only.status == SUCCESS, only.err
    assert (tmp_path / "new" / "jwt_private_key").read_text() == "-----BEGIN"
    assert (tmp_path / "new" / "jwt_private_key").stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "below" / "tls_key").read_bytes() == bytes(range(256))
    assert (tmp_path / "configuration" / ".env").read_text() == "PARTITIONS=2\n"
    assert urna("restore", str(file), "--files-only", *where, **settings_of(empty)).status == REFUSED

    done = urna("restore", str(file), **settings_of(empty))
    assert done.status == SUCCESS, done.err
    assert "Both stores were compared with the archive" in " ".join(done.out.split())
    assert summaries(empty) == summaries(deployment.places)
    whole = urna("journal", "verify", **settings_of(empty))
    assert whole.status == SUCCESS, whole.out
    told = urna("journal", "list", "--action", "store.restored", "--json", **settings_of(empty))
    (entry,) = json.loads(told.out)["items"]
    assert entry["subject"] == f"archive {said['id']}"
    assert said["sha256"] in entry["details"]


def test_the_commands_say_what_they_need(deployment: Deployment, file: Path, tmp_path: Path, urna: Command) -> None:
    settings = settings_of(deployment.places)
    del settings["URNA_BACKUP_PASSPHRASE"]
    done = urna("backup", str(file), **settings)
    assert (done.status, "URNA_BACKUP_PASSPHRASE" in done.err) == (USAGE, True)
    word = tmp_path / "passphrase"
    word.write_text("short\n")
    done = urna("backup", str(file), "--passphrase-file", str(word), **settings)
    assert (done.status, "at least 12 characters" in done.err) == (USAGE, True)
    word.write_text(f"{WORD}\n")
    done = urna("backup", str(file), "--passphrase-file", str(word), **{**settings, "REDIS_URL": ""})
    assert (done.status, "REDIS_URL" in done.err) == (USAGE, True)
    away = {**settings, "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert urna("backup", str(file), "--passphrase-file", str(word), **away).status == UNAVAILABLE
    nowhere = {**settings, "ELECTION_DATABASE_URL": f"sqlite:///{tmp_path}/missing.db"}
    done = urna("backup", str(file), "--passphrase-file", str(word), **nowhere)
    assert (done.status, "no election store" in done.err) == (UNAVAILABLE, True)
    assert list(tmp_path.iterdir()) == [word], "nothing half is left behind"
    assert urna("backup", str(file), "--passphrase-file", str(word), **settings).status == SUCCESS
    assert check(file).manifest["redis"]["partitions"] == 2


def test_a_store_of_another_schema_is_not_backed_up(deployment: Deployment, file: Path) -> None:
    with deployment.suite.database.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(Failure, match="has the schema 0001, and this program knows") as refused:
        back_up(deployment.places, file)
    assert refused.value.status == CANNOT_START
    assert stores.newest_revision("election") != "0001"
