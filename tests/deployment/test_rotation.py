"""Passwords of a database and of Redis are changed while ballots come in, as docs/operations.md says; none is lost."""

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis import Redis as Client
from redis.exceptions import AuthenticationError, RedisError

from shared.queue.connection import connect
from tests.deployment.least_rights import LeastRights
from tests.deployment.test_secrets import Secrets, secrets
from tests.left_out import leave_out
from tests.servers import DatabaseServer, MariaDB, PostgreSQL, free_port
from tests.services.counting import Counting, DaemonProcess, Line, counting, new_lines, reference
from tests.source import ROOT

__all__ = ["secrets"]
SERVERS = pytest.mark.parametrize("engine", ["mysql", "mariadb", "postgresql"])
PATIENCE = 180.0


class Intake:
    """Files that are accepted one after the other, as long as it lasts."""

    def __init__(self, counted: Counting) -> None:
        self.files: list[list[Line]] = []
        self._counted = counted
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ends.is_set():
            lines = new_lines(50, seed=len(self.files))
            self._counted.accept(lines)
            self.files.append(lines)
            self._ends.wait(0.02)

    def wait_for(self, more: int) -> None:
        """Until so many more files were accepted."""
        wanted = len(self.files) + more
        until(lambda: len(self.files) >= wanted, "No file is accepted any more.")

    def __enter__(self) -> "Intake":
        self._thread.start()
        return self

    def end(self) -> None:
        """Until nothing more is accepted."""
        self._ends.set()
        self._thread.join()

    def __exit__(self, *_error: object) -> None:
        self.end()


def until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


class Store:
    """An election store with the users of the deployment, whose daemon's password is in the deployment's secrets."""

    def __init__(self, rights: LeastRights, made: Secrets) -> None:
        self.rights = rights
        self.secrets = made
        kinds = {PostgreSQL: "postgresql", MariaDB: "mariadb"}
        self.kind = kinds.get(type(rights.server), "mysql")
        self.passwords = {"old": sa.make_url(rights.url("daemon")).password or ""}
        path = made.directory / "election_daemon_password"
        path.chmod(0o600)
        path.write_text(self.passwords["old"])

    def step(self, name: str) -> None:
        """Do a step and let the administrator of the database say what the script wrote for him."""
        said = self.secrets.done(name, "election_daemon", DATABASE=self.kind)
        with self.rights.engine("administrator") as engine, engine.connect() as connection:
            for statement in filter(None, map(str.strip, said.split(";"))):
                connection.exec_driver_sql(statement.replace("%", "%%"))
        if name == "next":
            self.passwords["new"] = self.secrets.of("next/election_daemon_password")

    def url(self, which: str) -> str:
        url = sa.make_url(self.rights.url("daemon")).set(password=self.passwords[which])
        return url.render_as_string(hide_password=False)

    def takes(self, which: str) -> bool:
        engine = sa.create_engine(self.url(which))
        try:
            with engine.connect():
                return True
        except sa.exc.OperationalError:
            return False
        finally:
            engine.dispose()


@pytest.fixture
def store(databases: DatabaseServer, secrets: Secrets, tmp_path: Path) -> Iterator[Store]:
    rights = LeastRights(databases, "election", tmp_path / "rights")
    yield Store(rights, secrets)
    rights.close()


@SERVERS
def test_a_daemons_password_is_changed_while_ballots_come_in_and_each_is_counted_once(
    store: Store, redis_url: str
) -> None:
    two_are_good = store.kind != "postgresql"
    with counting(store.rights.url("prepare"), redis_url, partitions=2) as counted:
        store.rights.apply()
        election = counted.election()
        old = DaemonProcess(store.url("old"), redis_url, 2)
        try:
            with Intake(counted) as intake:
                intake.wait_for(20)
                until(lambda: bool(counted.tally(election)), "The daemon has not begun to count.")
                store.step("next")
                assert store.takes("old")
                assert store.takes("new") == two_are_good
                # Somebody who is not sure whether it was done does it again.
                store.step("next")
                assert store.takes("old")
                intake.wait_for(20)
                store.step("switch")
                assert store.takes("new")
                assert store.takes("old") == two_are_good
                assert store.secrets.of("election_daemon_password") == store.passwords["new"]
                intake.wait_for(20)
                assert old.stop() == 0
                new = DaemonProcess(store.url("new"), redis_url, 2)
                try:
                    store.step("retire")
                    assert store.takes("new")
                    assert not store.takes("old")
                    intake.wait_for(20)
                    intake.end()
                    until(lambda: counted.waiting() == 0, "Not everything was counted.")
                finally:
                    assert new.stop() == 0
        finally:
            old.end()
        assert counted.tally(election) == reference(intake.files, 3)
        received = sum(part[2] for part in counted.state()["parts"])
        assert received == sum(len(lines) for lines in intake.files)


class Queue:
    """Redis as the container starts it: deploy/redis/start.sh with the deployment's secrets."""

    def __init__(self, folder: Path, made: Secrets) -> None:
        if shutil.which("redis-server") is None:
            leave_out("redis-server", "install it with: apt-get install redis-server")
        version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.partition("v=")[2].partition(".")[0]) < 7:
            leave_out("Redis 7", f"{version} does not know rules for reading only; install a newer redis-server")
        self.secrets = made
        self.port = free_port()
        self.folder = folder
        settings = (ROOT / "deploy" / "redis" / "redis.conf").read_text()
        for name, value in {"port": self.port, "dir": folder, "aclfile": folder / "users.acl"}.items():
            settings, found = re.subn(rf"^{name} .*$", f"{name} {value}", settings, flags=re.MULTILINE)
            assert found == 1
        (folder / "redis.conf").write_text(settings.replace("bind * -::*", "bind 127.0.0.1"))

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server for a while, with the passwords as they are now."""
        given = self.folder / "secrets"
        given.mkdir(exist_ok=True)
        for user in ("station", "daemon", "results", "operator", "backup"):
            (given / f"{user}_password").write_text(self.secrets.of(f"redis_{user}_password"))
        environment = {
            "PATH": os.environ["PATH"],
            "SECRETS_DIR": str(given),
            "RULES": str(ROOT / "deploy" / "redis" / "users.acl"),
            "USERS_FILE": str(self.folder / "users.acl"),
            "CONFIGURATION": str(self.folder / "redis.conf"),
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([ROOT / "deploy" / "redis" / "start.sh"], env=environment, stdout=log)
        try:
            until(lambda: self._answers() or process.poll() is not None, "Redis does not answer.")
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0

    def _answers(self) -> bool:
        try:
            with Client(port=self.port, username="health", password="none") as client:
                return bool(client.ping())
        except RedisError:
            return False

    def url(self, user: str, password: str = "") -> str:
        """As the container of this user would be given it; or with another password."""
        given = password or self.secrets.of(f"redis_{user}_url").partition(f"{user}:")[2].partition("@")[0]
        return f"redis://{user}:{given}@127.0.0.1:{self.port}/0"

    def takes(self, user: str, password: str = "") -> bool:
        with connect(self.url(user, password)) as client:
            try:
                return bool(client.ping())
            except AuthenticationError:
                return False


def test_a_station_s_password_of_redis_is_changed_and_what_waits_is_still_there(
    secrets: Secrets, sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    queue = Queue(tmp_path / "redis", secrets)
    old = secrets.of("redis_station_password")
    lines = new_lines(100)
    with queue.running(), counting(sqlite_url, queue.url("daemon")) as counted:
        election = counted.election()
        counted.accept(lines)
        assert queue.takes("station")
        assert not queue.takes("station", "another")
    secrets.done("next", "redis_station")
    new = secrets.of("redis_station_password").splitlines()[1]
    with queue.running():
        # The stations have the old one until they are started again.
        assert queue.url("station") == queue.url("station", old)
        assert [queue.takes("station", one) for one in (old, new)] == [True, True]
        secrets.done("switch", "redis_station")
        assert queue.url("station") == queue.url("station", new)
        assert [queue.takes("station", one) for one in (old, new)] == [True, True]
    secrets.done("retire", "redis_station")
    with queue.running(), counting(sqlite_url, queue.url("daemon")) as counted:
        assert [queue.takes("station", one) for one in (old, new)] == [False, True]
        # No other user's has changed, nor is any good for another user.
        assert [queue.takes(user) for user in ("daemon", "results", "operator")] == [True, True, True]
        assert not queue.takes("daemon", new)
        assert counted.waiting() > 0
        counted.record_all()
        assert counted.tally(election) == reference([lines], 3)


def test_what_was_accepted_is_there_when_redis_starts_again_and_nobody_is_its_default_user(
    secrets: Secrets, sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    queue = Queue(tmp_path / "redis", secrets)
    files = [new_lines(20, seed=number) for number in range(10)]
    with queue.running(), counting(sqlite_url, queue.url("daemon")) as counted:
        election = counted.election()
        # An upload is one transaction, whichever user sends it.
        batches = [counted.accept(lines) for lines in files]
        with connect(queue.url("daemon")) as client:
            before = sorted(client.scan_iter(count=1000))
    with queue.running(), counting(sqlite_url, queue.url("daemon")) as counted:
        with connect(queue.url("daemon")) as client:
            assert sorted(client.scan_iter(count=1000)) == before
        assert counted.waiting() == len(batches)
        counted.record_all()
        assert counted.tally(election) == reference(files, 3)
        for user, password in (("default", "none"), ("default", "default"), ("", "none")):
            assert not queue.takes(user, password)
        with Client(port=queue.port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()


def test_redis_does_not_start_with_a_secret_that_is_empty(secrets: Secrets, tmp_path: Path) -> None:
    for contents in ("", "\n", " \n"):
        path = secrets.directory / "redis_results_password"
        path.chmod(0o600)
        path.write_text(contents)
        environment = {
            "PATH": os.environ["PATH"],
            "SECRETS_DIR": str(tmp_path / "given"),
            "RULES": str(ROOT / "deploy" / "redis" / "users.acl"),
            "USERS_FILE": str(tmp_path / "users.acl"),
        }
        (tmp_path / "given").mkdir(exist_ok=True)
        for user in ("station", "daemon", "results", "operator", "backup"):
            (tmp_path / "given" / f"{user}_password").write_text(secrets.of(f"redis_{user}_password"))
        done = subprocess.run(
            [ROOT / "deploy" / "redis" / "start.sh"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (1, "The secret results_password is empty.\n")
