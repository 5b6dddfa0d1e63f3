"""The stores of the suite under faults: real servers that are kept from one schedule to the next, each time emptied.

The data of a database lies on a small disk of its own in memory, so that its space can be taken. Only root may make
such a disk; `shell.in_own_room` puts the process into a room where the others do not see it.
"""

import os
import re
import secrets
import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from redis.exceptions import OutOfMemoryError

from shared.database import Database, migrate
from tests.servers import DatabaseServer, MariaDB, MySQL, PostgreSQL, Redis, ServerError, SQLite

ROOT = Path(__file__).resolve().parents[2]
DISK_MIB = 600
# What is left of the disk when its space is taken.
_LEFT_KIB = 48

# Passwords of a server that lives for one run, on loopback.
_PASSWORD = secrets.token_hex(16)
_SERVERS: dict[str, type[DatabaseServer]] = {"mariadb": MariaDB, "postgresql": PostgreSQL, "mysql": MySQL}


class Disk:
    """A small disk in memory that is mounted on a directory; without ``mounted`` there is none and nothing to take."""

    def __init__(self, directory: Path, owner: tuple[int, int] | None, mounted: bool) -> None:
        self.directory = directory
        self.mounted = mounted
        if mounted:
            _mount("-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "urna", str(directory))
            if owner is not None:
                os.chown(directory, *owner)

    def take(self) -> None:
        """Leave nearly nothing of the space that is free."""
        for attempt in range(1, 21):
            used = shutil.disk_usage(self.directory).used // 1024
            try:
                self._resize(used + _LEFT_KIB * attempt)
            except subprocess.CalledProcessError:
                # More was written meanwhile.
                continue
            return
        raise ServerError("The disk cannot be made smaller; it is written to too fast.")

    def give_back(self) -> None:
        self._resize(DISK_MIB * 1024)

    def _resize(self, kib: int) -> None:
        _mount("-o", f"remount,size={kib}k", str(self.directory))

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.directory], check=False, capture_output=True)
            shutil.rmtree(self.directory, ignore_errors=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


class QueueStore(Redis):
    """The suite's Redis, with the users of deploy/redis besides the tests' own, who may do everything."""

    def _prepare(self) -> None:
        super()._prepare()
        rules = (ROOT / "deploy" / "redis" / "users.acl").read_text().splitlines()
        # Each has a password here, too; the default user is the tests'.
        users = [
            rule.replace(" on ", f" on >{_PASSWORD} ", 1)
            for rule in rules
            if re.match(r"user (?!default |health )\w+ on ", rule)
        ]
        with (self.directory / "redis.conf").open("a") as configuration:
            configuration.write("\n".join(users) + "\n")

    def url_of(self, user: str, port: int) -> str:
        """The URL of one of the services, over the wire on that port."""
        return f"redis://{user}:{_PASSWORD}@127.0.0.1:{port}/0"

    def empty(self) -> None:
        """Begin anew."""
        with self.client() as client:
            client.config_set("maxmemory", 0)
            client.flushall()

    def fill(self) -> None:
        """Leave no memory: a filler takes what the limit would still allow."""
        with self.client() as client:
            client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
            # It may be full before the filler is in.
            with suppress(OutOfMemoryError):
                client.set("filler", "x" * 150_000)

    def clear(self) -> None:
        """Give the memory back."""
        with self.client() as client:
            client.config_set("maxmemory", 0)
            client.delete("filler")


class Store:
    """The election store on one engine, with the users of deploy/grants."""

    def __init__(self, engine: str, disk: bool) -> None:
        self.engine = engine
        self.server: DatabaseServer | None = None
        self.files: SQLite | None = None
        self.url = ""
        if engine == "sqlite":
            self.files = SQLite()
            self.disk = Disk(self.files.directory, None, disk)
        else:
            settings = {"postgresql": ["wal_keep_size=0", "max_wal_size=64MB"]}.get(
                engine, ["innodb-log-file-size=24M", "innodb-buffer-pool-size=32M"] if engine == "mariadb" else []
            )
            self.server = _SERVERS[engine](durable=True, settings=settings)
            self.disk = Disk(self.server.directory, self.server.user, disk)
            self.server.start()
            self._run(self.server.url, [_user(engine, user) for user in _users(engine)])
        self._lock = _Lock()

    def empty(self) -> None:
        """A new schema, with the rights of the services; the one before is removed."""
        source = self.server or self.files
        assert source is not None
        if self.url:
            source.drop_database(self.url)
        self.url = source.new_database()
        migrate(self.url, "election")
        if self.server is not None:
            self._run(self.url, [*_before_grants(self.engine), *_grants(self.engine).split(";")])

    def url_of(self, user: str, port: int) -> str:
        """The URL of one of the services, over the wire on that port; SQLite has neither."""
        if self.server is None:
            return self.url
        url = sa.make_url(self.url).set(username=user, password=_PASSWORD, port=port)
        return url.render_as_string(hide_password=False)

    def open(self) -> Database:
        """The store as the administrator of the database sees it, past every wire."""
        return Database(self.url, answer_seconds=None)

    def freeze(self) -> None:
        """Stop the server in its tracks; where there is none, hold the lock that every writer needs."""
        if self.server is not None:
            self.server.freeze()
        else:
            self._lock.hold(self.url)

    def thaw(self) -> None:
        if self.server is not None:
            self.server.thaw()
        else:
            self._lock.release()

    def refuse_writing(self, refuse: bool) -> None:
        """Make the whole server read-only for the services, or writable again."""
        assert self.server is not None
        if self.engine == "postgresql":
            setting = "on" if refuse else "off"
            statements = [f"ALTER SYSTEM SET default_transaction_read_only = {setting}", "SELECT pg_reload_conf()"]
        else:
            statements = [f"SET GLOBAL read_only = {int(refuse)}"]
        self._run(self.server.url, statements)

    def close(self) -> None:
        self._lock.release()
        if self.server is not None:
            self.server.close()
        self.disk.close()
        if self.files is not None:
            self.files.close()

    def _run(self, url: str, statements: list[str]) -> None:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    if statement.strip():
                        # A percent sign would be a place for a value to the drivers.
                        connection.exec_driver_sql(statement.replace("%", "%%"))
        finally:
            engine.dispose()


class _Lock:
    """Holds SQLite's lock for writing, as a program that hangs in the middle of a transaction does."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, url: str) -> None:
        self._end.clear()
        held = threading.Event()

        def work() -> None:
            database = Database(url)
            try:
                with suppress(Exception), database.writing():
                    held.set()
                    self._end.wait()
            finally:
                held.set()
                database.close()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        held.wait(timeout=40)

    def release(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=40)
            self._thread = None


def _user(engine: str, user: str) -> str:
    if engine == "postgresql":
        return f"CREATE ROLE {user} LOGIN PASSWORD '{_PASSWORD}'"
    return f"CREATE USER '{user}'@'%' IDENTIFIED BY '{_PASSWORD}'"


def _before_grants(engine: str) -> list[str]:
    return [f"GRANT USAGE ON SCHEMA public TO {user}" for user in _users(engine)] if engine == "postgresql" else []


def _users(engine: str) -> list[str]:
    """Everybody whom the grants name."""
    return sorted(set(re.findall(r" TO '?(\w+)'?", _grants(engine))))


def _grants(engine: str) -> str:
    kind = "postgresql" if engine == "postgresql" else "mysql"
    text = (ROOT / "deploy" / "grants" / f"election.{kind}.sql").read_text()
    return " ".join(line for line in text.splitlines() if not line.startswith("--"))


def can_take_disk() -> str | None:
    """Why this machine cannot take the space of a database; None when it can."""
    if os.geteuid() != 0:
        return "only root may mount a small disk in memory for the database"
    done = subprocess.run(
        [*IN_OWN_ROOM, "mount", "-t", "tmpfs", "-o", "size=1m", "urna", "/mnt"], check=False, capture_output=True
    )
    return None if done.returncode == 0 else f"mount says: {done.stderr.decode(errors='replace').strip()}"


IN_OWN_ROOM = ("unshare", "--mount", "--propagation", "private")
"""Before a command: whatever it mounts is seen by nobody else, and goes with it."""
