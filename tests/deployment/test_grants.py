"""The rights that deploy/grants gives, tried on real servers: every service, every table, every kind of statement."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shared.database import migrate
from shared.schema.accounts import AccountsBase
from shared.schema.election import ElectionBase

GRANTS = Path(__file__).parents[2] / "deploy" / "grants"
PASSWORD = "Aa0" + "b" * 21

# What each service may do to each table: select, insert, update, delete. A table that is not named here is not reached.
ACCOUNTS_RIGHTS = {
    "authentication": {
        "users": "siu",
        "user_roles": "siud",
        "refresh_sessions": "siud",
        "failed_logins": "sid",
        "journal": "si",
        "journal_head": "su",
    },
}
_VOTED_ON = ("jurisdictions", "participants", "candidates", "elections", "entries")
_COUNTED = ("batches", "parts", "ballots", "refused_lines", "tallies", "dead_letters", "partitions")
_JOURNAL = {"journal": "si", "journal_head": "su"}
ELECTION_RIGHTS = {
    "administration": dict.fromkeys(_VOTED_ON, "siud") | dict.fromkeys(_COUNTED, "s") | _JOURNAL,
    "daemon": dict.fromkeys(("jurisdictions", "participants", "elections", "entries"), "s")
    | dict.fromkeys(_COUNTED, "si")
    | {"partitions": "siud"}
    | _JOURNAL,
    "results": dict.fromkeys(_VOTED_ON + _COUNTED, "s"),
}

# MySQL and MariaDB: this command is denied on this table. PostgreSQL: insufficient privilege.
_MYSQL_DENIED = 1142
_POSTGRESQL_DENIED = "42501"


def _statements(table: sa.Table) -> dict[str, sa.Executable]:
    """One statement of each kind that touches no row; what is refused is refused for want of the right."""
    column = list(table.columns)[-1]
    nothing = sa.select(table).where(sa.false())
    return {
        "s": sa.select(sa.literal(1)).select_from(table).where(sa.false()),
        "i": table.insert().from_select(list(table.columns), nothing, include_defaults=False),
        "u": table.update().values({column: column}).where(sa.false()),
        "d": table.delete().where(sa.false()),
    }


def _may(engine: sa.Engine, statement: sa.Executable) -> bool:
    with engine.connect() as connection:
        try:
            connection.execute(statement)
        except DBAPIError as error:
            denied = getattr(error.orig, "sqlstate", None) == _POSTGRESQL_DENIED
            if not denied and not (error.orig and error.orig.args[0] == _MYSQL_DENIED):
                raise
            return False
    return True


class Store:
    """A store with its tables, to which users are added with the rights that deploy/grants gives them."""

    def __init__(self, url: str, store: str, users: list[str]) -> None:
        self.url = sa.make_url(url)
        self.users = users
        self.owner = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        self.is_postgresql = self.owner.dialect.name == "postgresql"
        migrate(url, store)
        with self.owner.connect() as connection:
            for user in users:
                for statement in self._made(user):
                    connection.exec_driver_sql(statement)
            text = (GRANTS / f"{store}.{'postgresql' if self.is_postgresql else 'mysql'}.sql").read_text()
            lines = [line for line in text.splitlines() if not line.startswith("--")]
            for statement in " ".join(lines).split(";"):
                if statement.strip():
                    # A percent sign would be a place for a value to the drivers.
                    connection.exec_driver_sql(statement.replace("%", "%%"))

    def _made(self, user: str) -> list[str]:
        if self.is_postgresql:
            return [f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'", f"GRANT USAGE ON SCHEMA public TO {user}"]
        return [f"CREATE USER '{user}'@'%%' IDENTIFIED BY '{PASSWORD}'"]

    def rights(self, user: str, tables: list[sa.Table]) -> dict[str, str]:
        """What the user may do, by table, found out by trying."""
        engine = sa.create_engine(self.url.set(username=user, password=PASSWORD))
        try:
            found = {
                table.name: "".join(kind for kind, statement in _statements(table).items() if _may(engine, statement))
                for table in tables
            }
        finally:
            engine.dispose()
        return {name: kinds for name, kinds in found.items() if kinds}

    def close(self) -> None:
        """Take the users away again: they belong to the server and not to the store."""
        with self.owner.connect() as connection:
            for user in self.users:
                if self.is_postgresql:
                    connection.exec_driver_sql(f"DROP OWNED BY {user}")
                    connection.exec_driver_sql(f"DROP ROLE {user}")
                else:
                    connection.exec_driver_sql(f"DROP USER '{user}'@'%%'")
        self.owner.dispose()


SERVERS = pytest.mark.parametrize("engine", ["mariadb", "mysql", "postgresql"])


@pytest.fixture
def election(election_database_url: str) -> Iterator[Store]:
    store = Store(election_database_url, "election", list(ELECTION_RIGHTS))
    yield store
    store.close()


@pytest.fixture
def accounts(accounts_database_url: str) -> Iterator[Store]:
    store = Store(accounts_database_url, "accounts", list(ACCOUNTS_RIGHTS))
    yield store
    store.close()


def _version_table() -> sa.Table:
    return sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32)))


@SERVERS
def test_each_service_may_do_in_the_election_store_what_its_work_needs_and_nothing_more(election: Store) -> None:
    tables = [*ElectionBase.metadata.sorted_tables, _version_table()]
    for user, rights in ELECTION_RIGHTS.items():
        assert election.rights(user, tables) == rights | {"alembic_version": "s"}, user


@SERVERS
def test_the_authentication_service_may_do_in_its_store_what_its_work_needs_and_nothing_more(accounts: Store) -> None:
    tables = [*AccountsBase.metadata.sorted_tables, _version_table()]
    for user, rights in ACCOUNTS_RIGHTS.items():
        assert accounts.rights(user, tables) == rights | {"alembic_version": "s"}, user


@SERVERS
def test_the_administration_can_number_what_it_makes(election: Store) -> None:
    engine = sa.create_engine(election.url.set(username="administration", password=PASSWORD))
    jurisdictions = ElectionBase.metadata.tables["jurisdictions"]
    with engine.begin() as connection:
        made = connection.execute(jurisdictions.insert().values(name="Vojvodina")).inserted_primary_key
        assert made is not None
        assert made[0] > 0
    engine.dispose()


def test_no_service_changes_or_removes_what_is_counted() -> None:
    for rights in ELECTION_RIGHTS.values():
        for table in set(_COUNTED) - {"partitions"}:
            assert not set(rights.get(table, "")) & {"u", "d"}
