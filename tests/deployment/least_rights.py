"""A store as the deployment makes it, on a test's server: users by deploy/*/users.sh, rights by deploy/grants."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shared.database import migrate
from tests.deployment.test_files import COMPOSE
from tests.left_out import leave_out
from tests.servers import DatabaseServer, PostgreSQL
from tests.source import ROOT

DEPLOY = ROOT / "deploy"

# MySQL and MariaDB: no right to this database, to what reaches files, to end somebody else's statement, to this command
# on this table, on this column, to this statement at all, to this routine. PostgreSQL: insufficient privilege.
_MYSQL_DENIED = {1044, 1045, 1095, 1142, 1143, 1227, 1370}
_POSTGRESQL_DENIED = "42501"


def users_of(store: str) -> list[str]:
    """The database users of a store, as docker-compose.yml makes them."""
    return str(COMPOSE["services"][f"{store}-database"]["environment"]["USERS"]).split()


def is_denied(error: DBAPIError) -> bool:
    """Whether a database refuses a statement for want of a right, and for nothing else."""
    if getattr(error.orig, "sqlstate", None) == _POSTGRESQL_DENIED:
        return True
    return error.orig is not None and bool(error.orig.args) and error.orig.args[0] in _MYSQL_DENIED


class LeastRights:
    """A migrated store and its users."""

    def __init__(self, server: DatabaseServer, store: str, folder: Path) -> None:
        self.server = server
        self.store = store
        self.users = users_of(store)
        self.is_postgresql = isinstance(server, PostgreSQL)
        client = "psql" if self.is_postgresql else "mysql"
        if shutil.which(client) is None:
            leave_out(client, f"deploy/grants needs it; install the client of {server.part}")
        self._administrator = server.new_database()
        self._folder = folder
        folder.mkdir()
        (folder / "root_password").touch()
        for user in self.users:
            (folder / f"{user}_password").write_text(secrets.token_hex(12))
        self._run(DEPLOY / ("postgresql" if self.is_postgresql else "mysql") / "users.sh")
        migrate(self.url("prepare"), store)
        self.apply()

    @property
    def _address(self) -> sa.URL:
        return sa.make_url(self._administrator)

    @property
    def name(self) -> str:
        """The database's name."""
        return str(self._address.database)

    def apply(self) -> None:
        """Give the rights, as the deployment does after every migration."""
        self._run(DEPLOY / "grants" / f"apply-{self._kind}.sh")

    def url(self, user: str) -> str:
        """The store's URL for one of its users."""
        password = (self._folder / f"{user}_password").read_text()
        return self._address.set(username=user, password=password).render_as_string(hide_password=False)

    @contextmanager
    def engine(self, user: str, database: str | None = None) -> Iterator[sa.Engine]:
        """An engine with which every statement is a transaction; ``administrator`` may do everything."""
        url = self._address if user == "administrator" else sa.make_url(self.url(user))
        # As the daemon does, so that what is refused is not refused by the client.
        arguments = {} if self.is_postgresql else {"local_infile": True}
        engine = sa.create_engine(
            url.set(database=database or url.database), isolation_level="AUTOCOMMIT", connect_args=arguments
        )
        try:
            yield engine
        finally:
            engine.dispose()

    def may(self, user: str, *statements: str | sa.Executable, database: str | None = None) -> list[bool]:
        """Which statements the database lets the user execute; any other fault than a missing right is raised."""
        with self.engine(user, database) as engine:
            return [_is_let(engine, statement) for statement in statements]

    def close(self) -> None:
        """Take the users away again: they belong to the server and not to the store."""
        self.server.drop_database(self._administrator)
        engine = sa.create_engine(self.server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for user in self.users:
                connection.exec_driver_sql(f"DROP ROLE {user}" if self.is_postgresql else f"DROP USER '{user}'@'%%'")
        engine.dispose()

    @property
    def _kind(self) -> str:
        return "postgresql" if self.is_postgresql else "mysql"

    def _run(self, script: Path) -> None:
        address = self._address
        environment = {
            "PATH": os.environ["PATH"],
            "SECRETS_DIR": str(self._folder),
            "USERS": " ".join(self.users),
            "STORE_HOST": "127.0.0.1",
            "STORE_PORT": str(address.port),
            "GRANTS": str(DEPLOY / "grants" / f"{self.store}.{self._kind}.sql"),
            "ATTEMPTS": "1",
        }
        if self.is_postgresql:
            environment |= {
                "POSTGRES_USER": str(address.username),
                "POSTGRES_DB": str(address.database),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(address.port),
            }
            if script.name == "users.sh":
                environment["PGPASSWORD"] = str(address.password)
        else:
            environment |= {"MYSQL_DATABASE": str(address.database), "SOCKET": str(self.server.directory / "s")}
        done = subprocess.run(
            [script], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{script.name}: {done.stdout}{done.stderr}"


def _is_let(engine: sa.Engine, statement: str | sa.Executable) -> bool:
    with engine.connect() as connection:
        try:
            if isinstance(statement, str):
                # A percent sign would be a place for a value to the drivers.
                connection.exec_driver_sql(statement.replace("%", "%%"))
            else:
                connection.execute(statement)
        except DBAPIError as error:
            if not is_denied(error):
                raise
            return False
    return True
