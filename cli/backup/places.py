"""Where a suite keeps what it knows: the data directory of an embedded one, or the URLs of a deployment."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from redis import Redis

from cli.failure import CANNOT_START, USAGE, Failure
from cli.suite import ports
from cli.suite.directory import DataDirectory, make_password, sqlite_url
from cli.suite.plan import Process
from cli.suite.process import Running
from cli.suite.redis import find_program, write_configuration
from shared.database import migrate
from shared.queue.connection import connect, is_reachable

_SECONDS_TO_START, _SECONDS_TO_END = 60.0, 120.0


@dataclass(frozen=True)
class Places:
    """The two stores and Redis, by their URLs."""

    accounts: str = field(repr=False)
    election: str = field(repr=False)
    redis: str = field(repr=False)

    def url(self, store: str) -> str:
        return self.accounts if store == "accounts" else self.election


def named(accounts: str | None, election: str | None, redis: str | None) -> Places:
    """Those of a deployment; fails with the names of what is missing."""
    given = {"ACCOUNTS_DATABASE_URL": accounts, "ELECTION_DATABASE_URL": election, "REDIS_URL": redis}
    missing = [name for name, url in given.items() if not url]
    if missing or not accounts or not election or not redis:
        raise Failure(
            f"Say where everything is: --data with the directory of an embedded suite, or {', '.join(missing)}.",
            status=USAGE,
        )
    return Places(accounts, election, redis)


@contextmanager
def of_directory(path: Path) -> Iterator[Places]:
    """Those of the embedded suite in a data directory; where none runs, its Redis is started for the while."""
    directory = DataDirectory(path)
    facts = directory.facts()
    if facts is not None:
        yield Places(*(str(facts[name]) for name in ("accounts_database_url", "election_database_url", "redis_url")))
        return
    for needed in (directory.accounts, directory.election, directory.redis):
        if not needed.exists():
            raise Failure(
                f"{needed} is missing; is {path} the data directory of an embedded suite? If its stores lie elsewhere, "
                "start it before, or name them by their URLs.",
                status=USAGE,
            )
    directory.open()
    try:
        with _redis(directory) as redis_url:
            yield Places(sqlite_url(directory.accounts), sqlite_url(directory.election), redis_url)
    finally:
        directory.close()


@contextmanager
def new_directory(path: Path) -> Iterator[tuple[Places, Path]]:
    """Places in a data directory that appears under its name when the block has ended, and not at all if it raises.

    Besides gives the directory where the secrets belong. What a killed process has left behind is thrown away.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Failure(f"{path} is not empty; restore into a data directory that is not there yet.")
    directory = DataDirectory(path.absolute().with_name(f".{path.absolute().name}.restoring"))
    directory.open()
    try:
        for left in directory.path.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name != "lock":
                left.unlink()
        directory.logs.mkdir(mode=0o700)
        # The engine would refuse a file that is missing, as for everybody who only means to read.
        for store, file in (("accounts", directory.accounts), ("election", directory.election)):
            migrate(sqlite_url(file), store)
        with _redis(directory) as redis_url:
            yield (
                Places(sqlite_url(directory.accounts), sqlite_url(directory.election), redis_url),
                directory.secrets,
            )
        try:
            directory.path.rename(path)
        except OSError as error:
            raise Failure(f"{path} cannot be made: {error.strerror}.", status=CANNOT_START) from None
    finally:
        directory.close()
        shutil.rmtree(directory.path, ignore_errors=True)


@contextmanager
def _redis(directory: DataDirectory) -> Iterator[str]:
    """The Redis of a data directory while the block lasts, with a password that nobody else has."""
    port = ports.free_base("127.0.0.1", 1)
    password = make_password()
    configuration = write_configuration(directory, port, password)
    command = (str(find_program()), str(configuration))
    running = Running(Process("redis", command, {}), directory.path, directory.logs / "redis.log", directory.lock)
    redis = connect(f"redis://:{quote(password)}@127.0.0.1:{port}/0")
    try:
        _wait_for(redis, running)
        yield f"redis://:{quote(password)}@127.0.0.1:{port}/0"
    finally:
        redis.close()
        running.ask_to_end()
        if running.wait(_SECONDS_TO_END) is None:
            running.kill()


def _wait_for(redis: Redis, running: Running) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not is_reachable(redis):
        if running.status() is not None or time.monotonic() > deadline:
            raise Failure(f"Redis did not start: {running.last_lines()}", status=CANNOT_START)
        time.sleep(0.05)
