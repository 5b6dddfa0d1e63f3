"""The schema that the migrations make is the schema that the models describe, on every database."""

import subprocess
import sys
from contextlib import ExitStack
from subprocess import PIPE

import pytest
import sqlalchemy as sa
from alembic import command

from shared.database import Database, alembic_config, migrate
from shared.schema.accounts import AccountsBase
from shared.schema.election import ElectionBase, Jurisdiction
from tests.servers import SQLite

STORES = pytest.mark.parametrize("store", ["accounts", "election"])
BASES = {"accounts": AccountsBase, "election": ElectionBase}


def tables(url: str) -> set[str]:
    database = Database(url)
    try:
        return set(sa.inspect(database.engine).get_table_names()) - {"alembic_version"}
    finally:
        database.close()


@STORES
def test_the_migrations_make_what_the_models_describe(election_database_url: str, store: str) -> None:
    migrate(election_database_url, store)
    assert tables(election_database_url) == set(BASES[store].metadata.tables)
    # Raises when a column, type, index or constraint differs.
    command.check(alembic_config(election_database_url, store))


@STORES
def test_a_migrated_store_is_migrated_again_without_a_change(election_database_url: str, store: str) -> None:
    migrate(election_database_url, store)
    migrate(election_database_url, store)
    command.check(alembic_config(election_database_url, store))


@STORES
def test_the_migrations_can_be_taken_back_and_made_again(election_database_url: str, store: str) -> None:
    migrate(election_database_url, store)
    command.downgrade(alembic_config(election_database_url, store), "base")
    assert tables(election_database_url) == set()
    migrate(election_database_url, store)
    command.check(alembic_config(election_database_url, store))


def test_processes_that_migrate_at_once_do_it_once(election_database_url: str) -> None:
    # Each says that it is there and waits for the word, so that no start of a program keeps them apart.
    program = """
import sys
from alembic import command
from shared.database import migrate
print("ready", flush=True)
sys.stdin.readline()
migrate(sys.argv[1], "election")
"""
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", program, election_database_url], stdin=PIPE, stdout=PIPE)
            )
            for _ in range(4)
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(timeout=60) for process in running] == [0, 0, 0, 0]
    command.check(alembic_config(election_database_url, "election"))


@STORES
def test_a_store_in_sqlite_is_migrated_in_one_transaction_so_that_nobody_comes_between_two_revisions(
    sqlite_files: SQLite, store: str
) -> None:
    commits: list[sa.Connection] = []

    def note(connection: sa.Connection) -> None:
        commits.append(connection)

    sa.event.listen(sa.Engine, "commit", note)
    try:
        migrate(sqlite_files.new_database(), store)
    finally:
        sa.event.remove(sa.Engine, "commit", note)
    assert len(commits) == 1


def test_the_country_is_there_from_the_start(election_database_url: str) -> None:
    migrate(election_database_url, "election")
    database = Database(election_database_url)
    with database.writing() as session:
        assert session.execute(sa.select(Jurisdiction.id, Jurisdiction.name)).all() == [(1, "The whole country")]
        added = Jurisdiction(name="Vojvodina")
        session.add(added)
        session.flush()
        assert added.id == 2
    database.close()
