"""A backup or a restore that is killed leaves nothing half behind, and can simply be done again."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.backup.places import Places
from cli.failure import Failure
from shared.database import Database, migrate
from shared.queue import intake, keys
from shared.queue.connection import connect
from tests.left_out import needs
from tests.servers import PostgreSQL, Redis
from tests.services.backing_up import (
    WORD,
    back_up,
    check,
    fill_accounts,
    fill_election,
    in_redis,
    restore,
    summaries,
    url_of,
)
from tests.services.counting import Counting, counting, new_lines
from tests.source import ROOT


class Command:
    """The command in a process of its own, to be killed."""

    def __init__(self, *arguments: str | Path, **settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "URNA_BACKUP_PASSPHRASE": WORD, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill_when(self, is_so: Callable[[], bool]) -> None:
        """Kill it as soon as something is so; it may not have ended before."""
        deadline = time.monotonic() + 120
        while not is_so():
            if self.process.poll() is not None:
                raise AssertionError(f"It ended before: {self.process.communicate()[0]}")
            assert time.monotonic() < deadline
            time.sleep(0.002)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def suite(sqlite_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(sqlite_url, redis_url, partitions=2) as made:
        fill_election(made)
        made.accept(new_lines(60_000, seed=8))
        made.record_all()
        made.accept(new_lines(50, seed=9), key="still waiting")
        yield made


@pytest.fixture
def places(suite: Counting, tmp_path: Path) -> Places:
    accounts = f"sqlite:///{tmp_path}/accounts.db"
    fill_accounts(accounts)
    return Places(accounts, url_of(suite.database), suite.redis_url)


@pytest.fixture
def empty(postgresql_server: PostgreSQL) -> Iterator[Places]:
    """Two prepared databases of PostgreSQL and an empty Redis."""
    needs(Redis)
    with ExitStack() as stack:
        urls = postgresql_server.new_database(), postgresql_server.new_database()
        for url, store in zip(urls, ("accounts", "election"), strict=True):
            stack.callback(postgresql_server.drop_database, url)
            migrate(url, store)
        yield Places(*urls, stack.enter_context(Redis()).url)


def settings_of(places: Places) -> dict[str, str]:
    return {
        "ACCOUNTS_DATABASE_URL": places.accounts,
        "ELECTION_DATABASE_URL": places.election,
        "REDIS_URL": places.redis,
    }


def rows(url: str, table: str) -> int:
    with closing(Database(url)) as database, database.engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0


def is_closed(places: Places) -> bool:
    """Whether a Redis says that a restore is under way, and lets no station take anything in."""
    with closing(connect(places.redis)) as redis:
        with pytest.raises(Exception, match="No daemon has prepared the queue yet"):
            intake.partitions(redis)
        return bool(redis.exists(keys.RESTORING)) and not redis.exists(keys.queue(0), keys.queue(1))


def test_a_killed_backup_leaves_no_file_of_its_name_and_can_be_done_again(places: Places, tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    file = folder / "archive.urna"
    for least in (0, 1, 200_000):
        command = Command("backup", file, **settings_of(places))
        command.kill_when(lambda least=least: any(one.stat().st_size >= least for one in _partial(folder)))  # type: ignore[misc]
        assert not file.exists()
        (left,) = _partial(folder)
        # Not even whoever takes the rest for an archive gets anything out of it.
        with pytest.raises(Failure, match=r"cut off|not an archive"):
            check(left)
        left.unlink()
    done = Command("backup", file, **settings_of(places))
    said, _ = done.process.communicate(timeout=300)
    assert done.process.returncode == 0, said
    assert check(file).size == file.stat().st_size
    assert not _partial(folder)


def _partial(folder: Path) -> list[Path]:
    return list(folder.glob(".archive.urna.*.partial"))


def test_a_restore_that_is_killed_while_it_loads_leaves_both_stores_empty_and_can_be_done_again(
    places: Places, empty: Places, tmp_path: Path
) -> None:
    file = tmp_path / "archive.urna"
    back_up(places, file)
    with closing(Database(empty.election)) as database, database.engine.connect() as watching:
        watching = watching.execution_options(isolation_level="AUTOCOMMIT")
        loading = sa.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY ballots%'")
        Command("restore", file, **settings_of(empty)).kill_when(lambda: bool(watching.scalar(loading)))
    for table in ("ballots", "parts", "elections", "journal"):
        assert rows(empty.election, table) == 0
    assert rows(empty.accounts, "users") == 0
    assert is_closed(empty)
    done = restore(empty, file)
    assert done.stores == ["accounts", "election"]
    assert summaries(empty) == summaries(places)
    assert in_redis(empty.redis) == in_redis(places.redis)


def test_a_restore_that_is_killed_between_the_stores_keeps_the_one_that_is_whole_and_does_the_other(
    places: Places, empty: Places, tmp_path: Path
) -> None:
    file, other = tmp_path / "archive.urna", tmp_path / "other.urna"
    back_up(places, file)
    back_up(places, other)
    with closing(Database(empty.accounts)) as database, database.engine.connect() as held:
        # The accounts can be read and not be written, so the restore waits for them when the election is committed.
        held.execute(sa.text("LOCK TABLE users IN EXCLUSIVE MODE"))
        command = Command("restore", file, **settings_of(empty))
        command.kill_when(lambda: rows(empty.election, "ballots") > 0)
        held.rollback()
    assert rows(empty.accounts, "users") == 0
    assert is_closed(empty)
    with pytest.raises(Failure, match="The election store is not empty"):
        restore(empty, other)
    done = restore(empty, file)
    assert done.stores == ["accounts"]
    assert done.waiting_parts > 0
    assert summaries(empty) == summaries(places)
    assert in_redis(empty.redis) == in_redis(places.redis)


def test_a_killed_restore_into_a_data_directory_leaves_none_of_its_name_and_can_be_done_again(
    places: Places, tmp_path: Path
) -> None:
    file, data = tmp_path / "archive.urna", tmp_path / "data"
    back_up(places, file)
    scratch = tmp_path / ".data.restoring"
    Command("restore", file, "--data", data).kill_when(lambda: (scratch / "redis" / "redis.conf").exists())
    assert not data.exists()
    assert scratch.exists()
    (scratch / "election.db").write_text("whatever was half there")
    done = Command("restore", file, "--data", data)
    said, _ = done.process.communicate(timeout=300)
    assert done.process.returncode == 0, said
    assert not scratch.exists()
    for name, url in (("accounts", places.accounts), ("election", places.election)):
        for table in ("users",) if name == "accounts" else ("ballots", "parts", "refused_lines"):
            assert rows(f"sqlite:///{data}/{name}.db", table) == rows(url, table) > 0
