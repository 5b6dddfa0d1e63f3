"""A real PostgreSQL for the tests."""

import os
import re
import secrets
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.servers.process import DatabaseServer, find_program

ADMINISTRATOR = "administrator"
# Debian gives each version a folder of its own here.
VERSIONS = Path("/usr/lib/postgresql")


class PostgreSQL(DatabaseServer):
    """PostgreSQL from the distribution's packages, the newest that is installed."""

    part: ClassVar[str] = "PostgreSQL"
    # SIGTERM would wait until every client has gone.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    # A killed PostgreSQL leaves its System V memory segment to the machine; this one ends at once, but takes it along.
    last_signal: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(self, *, durable: bool = False, settings: Sequence[str] = ()) -> None:
        super().__init__(durable=durable, settings=settings)
        self.password = secrets.token_hex(16)

    @staticmethod
    def find_program(name: str) -> Path | None:
        """A program of the server, which Debian keeps out of PATH; None if there is none."""
        folders = sorted(VERSIONS.glob("*/bin"), key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))])
        return find_program(name, folders=[str(folder) for folder in reversed(folders)])

    @classmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run PostgreSQL; None when it can."""
        for name in ("postgres", "initdb"):
            if cls.find_program(name) is None:
                return f"no {name}; install it with: apt-get install postgresql"
        return None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the administrator, in the server's own database."""
        return self._url("postgres")

    def new_database(self) -> str:
        """Create an empty database and return its SQLAlchemy URL."""
        name = f"urna_{secrets.token_hex(6)}"
        self._execute("CREATE DATABASE {} TEMPLATE template0", name)
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Close the connections to the database and remove it."""
        self._execute("DROP DATABASE {} WITH (FORCE)", make_url(url).database or "")

    def _url(self, database: str) -> str:
        url = URL.create("postgresql+psycopg", ADMINISTRATOR, self.password, "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMINISTRATOR,
            password=self.password,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        ) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))

    def _prepare(self) -> None:
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(self.password)
        if self.user is not None:
            os.chown(password, *self.user)
        self.run(
            str(self.find_program("initdb")),
            f"--pgdata={self.directory / 'data'}",
            f"--username={ADMINISTRATOR}",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )

    def _command(self) -> list[str]:
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=64MB",
            "max_connections=200",
        ]
        if not self.durable:
            # Leaves out the wait for the disk at each commit. A killed server loses nothing by that, only a power cut
            # would; synchronous_commit stays on, for without it a killed server would lose commits.
            settings += ["fsync=off", "full_page_writes=off"]
        # The server takes the last of two values.
        options = [option for setting in [*settings, *self.settings] for option in ("-c", setting)]
        return [str(self.find_program("postgres")), "-D", str(self.directory / "data"), *options]

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
