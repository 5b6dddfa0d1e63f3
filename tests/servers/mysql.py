"""Real MariaDB and MySQL servers for the tests; they share a protocol and most of their settings."""

import fcntl
import os
import secrets
import subprocess
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pymysql
from sqlalchemy import URL, make_url

from tests.servers.process import DatabaseServer, find_program

ADMINISTRATOR = "administrator"


class _MySQLProtocolServer(DatabaseServer):
    """What MariaDB and MySQL have in common."""

    def __init__(self, *, durable: bool = False, settings: Sequence[str] = ()) -> None:
        super().__init__(durable=durable, settings=settings)
        self.password = secrets.token_hex(16)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the administrator."""
        return self._url(None)

    def new_database(self) -> str:
        """Create an empty utf8mb4 database and return its SQLAlchemy URL."""
        name = f"urna_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Close the connections to the database and remove it; an open transaction would hold the removal up."""
        name = make_url(url).database
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
            for (identifier,) in cursor.fetchall():
                try:
                    cursor.execute(f"KILL {identifier}")
                except pymysql.err.OperationalError as error:
                    # Its client closed it in the meantime.
                    if error.args[0] != pymysql.constants.ER.NO_SUCH_THREAD:
                        raise
            cursor.execute(f"DROP DATABASE {name}")

    def _url(self, database: str | None) -> str:
        url = URL.create("mysql+pymysql", ADMINISTRATOR, self.password, "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    def _connect(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMINISTRATOR,
            password=self.password,
            connect_timeout=5,
            read_timeout=30,
            autocommit=True,
            ssl_disabled=True,
        )

    def _execute(self, statement: str) -> None:
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _write_first_statements(self) -> None:
        """Statements that the server runs at every start: the administrator may come in over TCP, nobody else."""
        path = self.directory / "init.sql"
        path.touch(mode=0o600)
        path.write_text(
            f"CREATE USER IF NOT EXISTS {ADMINISTRATOR}@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO {ADMINISTRATOR}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        if self.user is not None:
            os.chown(path, *self.user)

    @abstractmethod
    def _program(self) -> list[str]:
        """The server's binary, with the options that must come first."""

    def _prepare(self) -> None:
        self._write_first_statements()

    def _settings(self) -> list[str]:
        settings = [
            f"--datadir={self._data}",
            f"--socket={self.directory / 's'}",
            f"--pid-file={self.directory / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--local-infile=ON",
            "--skip-log-bin",
            # As in the deployment: the client sends a photograph in hexadecimal, which doubles it.
            "--max-allowed-packet=64M",
            "--innodb-buffer-pool-size=64M",
            "--performance-schema=OFF",
            f"--init-file={self.directory / 'init.sql'}",
        ]
        if self.durable:
            settings.append("--innodb-flush-log-at-trx-commit=1")
        else:
            # 2 hands each commit to the operating system and leaves out the wait for the disk. A killed server loses
            # nothing by that, only a power cut would; 0 would lose commits of a killed server.
            settings += ["--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=OFF"]
        return settings

    def _command(self) -> list[str]:
        # The server takes the last of two values.
        return [*self._program(), *self._settings(), *(f"--{setting}" for setting in self.settings)]

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except pymysql.err.OperationalError:
            return False
        return True


class MariaDB(_MySQLProtocolServer):
    """MariaDB from the distribution's packages."""

    part: ClassVar[str] = "MariaDB"

    @classmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run MariaDB; None when it can."""
        for name in ("mariadbd", "mariadb-install-db"):
            if find_program(name) is None:
                return f"no {name}; install it with: apt-get install mariadb-server"
        return None

    def _program(self) -> list[str]:
        return [str(find_program("mariadbd")), "--no-defaults"]

    def _prepare(self) -> None:
        super()._prepare()
        self.run(
            str(find_program("mariadb-install-db")),
            "--no-defaults",
            f"--datadir={self._data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )


class MySQL(_MySQLProtocolServer):
    """MySQL as its makers ship it, from a folder where it was unpacked.

    The folder is the one that ``URNA_TEST_MYSQL`` names (with bin/mysqld or sbin/mysqld in it). Without it, root may
    have the laboratory script that stands beside the checkout unpack one, once for this machine.
    """

    part: ClassVar[str] = "MySQL"

    LABORATORY_SCRIPT = Path(__file__).parents[3] / "shared" / "lab" / "mysql-host.sh"
    # Root alone may write here, and nobody, who runs the server, may read here; neither holds for root's home or for
    # a directory for temporary files.
    CACHE = Path("/var/cache/urna/mysql")

    @classmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run MySQL; None when it can."""
        if prefix := os.environ.get("URNA_TEST_MYSQL"):
            if cls._program_in(Path(prefix)) is None:
                return f"URNA_TEST_MYSQL names {prefix}, which holds no bin/mysqld or sbin/mysqld"
            return None
        if os.geteuid() != 0 or not cls.LABORATORY_SCRIPT.exists():
            return "no MySQL; unpack one (9.7 is the one we support) and name its folder in URNA_TEST_MYSQL"
        return None

    @staticmethod
    def _program_in(prefix: Path) -> Path | None:
        found = [path for path in (prefix / "bin" / "mysqld", prefix / "sbin" / "mysqld") if os.access(path, os.X_OK)]
        return found[0] if found else None

    @classmethod
    def _unpack(cls) -> Path:
        """Let the laboratory script unpack MySQL, once: the workers of a parallel run wait for the first of them."""
        cls.CACHE.parent.mkdir(parents=True, exist_ok=True)
        with cls.CACHE.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            subprocess.run([cls.LABORATORY_SCRIPT, cls.CACHE], check=True, stdin=subprocess.DEVNULL)
        return cls.CACHE

    def _program(self) -> list[str]:
        # Without --no-defaults: what the laboratory unpacks is a wrapper that gives this option itself, and MySQL
        # refuses it a second time.
        return [str(self._program_in(Path(os.environ.get("URNA_TEST_MYSQL") or self.CACHE)))]

    def _prepare(self) -> None:
        if not os.environ.get("URNA_TEST_MYSQL"):
            self._unpack()
        super()._prepare()
        self.run(*self._program(), "--initialize-insecure", f"--datadir={self._data}", "--performance-schema=OFF")

    def _settings(self) -> list[str]:
        return [*super()._settings(), "--mysqlx=OFF"]
