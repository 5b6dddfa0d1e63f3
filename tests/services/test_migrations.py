"""The schema that the migrations make is the schema that the models describe, on every database."""

import subprocess
import sys
from contextlib import ExitStack, nullcontext
from subprocess import PIPE

import pytest
import sqlalchemy as sa
from alembic import command, op

from shared.database import Database, alembic_config, migrate
from shared.errors import Misconfigured
from shared.schema.accounts import AccountsBase
from shared.schema.election import ElectionBase, Jurisdiction
from shared.sealing import NationalIds
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
from alembic import command, op
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


def older_accounts(url: str) -> Database:
    """A store before the citizens' register, with an account and one that was deleted."""
    command.upgrade(alembic_config(url, "accounts"), "0004")
    database = Database(url)
    with database.writing() as session:
        for number, national_id in ((1, "'0101990710008'"), (2, "NULL")):
            session.execute(
                sa.text(
                    "INSERT INTO users (id, email, email_key, jmbg, forename, surname, password_hash, approval,"
                    " created_at, version) VALUES"
                    f" ({number}, 'vera{number}', 'vera{number}', {national_id}, 'Vera', 'Verić', '', 'approved',"
                    " '2026-01-01 00:00:00', 3)"
                )
            )
        session.execute(sa.text("INSERT INTO user_roles (user_id, role) VALUES (1, 'official'), (2, 'voter')"))
    return database


def test_the_national_ids_of_an_older_store_are_sealed_and_nothing_else_of_it_changes(
    election_database_url: str,
) -> None:
    url, key = election_database_url, "a key of the register for this test"
    database = older_accounts(url)
    try:
        with pytest.raises(Misconfigured, match="REGISTER_KEY"):
            migrate(url, "accounts")
        migrate(url, "accounts", key)
        command.check(alembic_config(url, "accounts"))
        with database.reading() as session:
            users = sa.table("users", *map(sa.column, ("id", "jmbg_key", "jmbg_sealed", "surname", "version")))
            found = session.execute(sa.select(users).order_by(users.c.id)).all()
            ids = NationalIds(key)
            assert bytes(found[0].jmbg_key) == ids.key_of("0101990710008")
            assert ids.open(bytes(found[0].jmbg_sealed), bytes(found[0].jmbg_key)) == "0101990710008"
            assert [(row.surname, row.version) for row in found] == [("Verić", 3)] * 2
            assert found[1].jmbg_key is None
            roles = session.execute(sa.text("SELECT user_id, role FROM user_roles ORDER BY user_id")).all()
            assert [tuple(row) for row in roles] == [(1, "official"), (2, "voter")]
        command.downgrade(alembic_config(url, "accounts", key), "0004")
        with database.reading() as session:
            assert session.scalars(sa.text("SELECT jmbg FROM users ORDER BY id")).all() == ["0101990710008", None]
    finally:
        database.close()


def test_no_national_id_is_lost_when_the_migration_is_cut_off(
    election_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL and MariaDB take back no change of a table, so the sealed ones are there before the plain ones go."""
    url, key = election_database_url, "a key of the register for this test"
    database = older_accounts(url)
    drop = op.drop_column

    def cut_off(table: str, column: str) -> None:
        drop(table, column)
        raise InterruptedError

    monkeypatch.setattr(op, "drop_column", cut_off)
    try:
        # SQLite makes the table anew, as a whole or not at all.
        with nullcontext() if database.dialect == "sqlite" else pytest.raises(InterruptedError):
            migrate(url, "accounts", key)
        names = {column["name"] for column in sa.inspect(database.engine).get_columns("users")}
        with database.reading() as session:
            if "jmbg" in names:
                assert session.scalar(sa.text("SELECT jmbg FROM users WHERE id = 1")) == "0101990710008"
            else:
                sealed, its_key = session.execute(sa.text("SELECT jmbg_sealed, jmbg_key FROM users WHERE id = 1")).one()
                assert NationalIds(key).open(bytes(sealed), bytes(its_key)) == "0101990710008"
    finally:
        database.close()
