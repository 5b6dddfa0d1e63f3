"""What the tests' real servers have in common: a port, a directory, a user, and a life that ends with the tests."""

import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

from tests.servers.nursling import Nursling

SUPERVISOR = Path(__file__).with_name("supervisor.py")
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 30.0

# An ordinary user's PATH lacks the folders where Debian keeps its servers.
SERVER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class ServerError(Exception):
    """A server did not start, or did not do as it was told."""


def find_program(*names: str, folders: Sequence[str] = ()) -> Path | None:
    """The first of these programs on PATH, in the servers' usual folders or in ``folders``; None if there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *SERVER_FOLDERS, *folders])
    for name in names:
        if found := shutil.which(name, path=path):
            return Path(found)
    return None


def free_port() -> int:
    """A loopback TCP port that nothing listens on.

    It lies below the ports that the kernel gives to outgoing connections: one of those could be taken by a client while
    a fault test has the server down, and the server could not come back on its port.
    """
    numbers = random.SystemRandom()
    while True:
        port = numbers.randrange(15000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def server_user() -> tuple[int, int] | None:
    """User and group of the databases, which refuse to run as root: nobody when the tests are root, else None."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def make_directory(user: tuple[int, int] | None) -> Path:
    """An empty directory of that user, where its servers can reach it (root's TMPDIR may be closed to others)."""
    parent = tempfile.gettempdir()
    if user is not None and not _others_may_enter(Path(parent)):
        parent = "/var/tmp"
    directory = Path(tempfile.mkdtemp(prefix="urna-", dir=parent))
    if user is not None:
        os.chown(directory, *user)
    return directory


def _others_may_enter(directory: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in [directory.resolve(), *directory.resolve().parents])


class Server(ABC):
    """A real server as a process of its own, on a loopback port, in a temporary directory.

    Use it as a context manager, or call `start` and, whatever happens, `close`. ``durable`` asks for a server that
    survives a power cut; without it a database may leave out what only a power cut would need (see `_command`), since
    whatever a killed process has handed to the operating system is not lost.
    """

    part: ClassVar[str]
    """What is left out on a machine without this server."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    last_signal: ClassVar[signal.Signals] = signal.SIGKILL
    """Ends the server at once, when nobody needs its data any more."""

    def __init__(self, *, durable: bool = False) -> None:
        if reason := self.missing():
            raise ServerError(f"{self.part}: {reason}")
        self.durable = durable
        self.port = free_port()
        self.user = self._user()
        self.directory = make_directory(self.user)
        self._supervisor: subprocess.Popen[bytes] | Nursling | None = None
        self._process_id: int | None = None
        self._prepared = False
        self._log: IO[bytes] | None = None

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run the server, and what to install; None when it can."""

    @classmethod
    def _user(cls) -> tuple[int, int] | None:
        return server_user()

    @abstractmethod
    def _prepare(self) -> None:
        """Make the data directory, once, before the first start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The server in the foreground."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server does its work by now; False or an `OSError` while it does not."""

    @property
    def running(self) -> bool:
        """Whether the process exists; a frozen server is running."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def process_id(self) -> int:
        """The process id of the running server."""
        if not self.running or self._process_id is None:
            raise ServerError(f"{self.part} is not running")
        return self._process_id

    def start(self) -> None:
        """Start the server on its port and data and return when it answers."""
        if self.running:
            raise ServerError(f"{self.part} is running already")
        # One that ended by itself has left its pipes.
        self._wait_for_the_end()
        if not self._prepared:
            self._prepare()
        attempts = 1 if self._prepared else 3
        for attempt in range(1, attempts + 1):
            self._launch()
            if self._wait_until_it_answers():
                self._prepared = True
                return
            # Between looking for a free port and listening on it another process may have taken it; once clients know
            # the port it is kept.
            if attempt < attempts:
                self.port = free_port()
        raise ServerError(f"{self.part} ended instead of starting:\n{self.log_tail()}")

    def stop(self) -> None:
        """End the server the way its operator would, with its data written; do nothing if it is not running."""
        if self.running:
            self._signal(self.stop_signal)
            self._signal(signal.SIGCONT)
            self._wait_for_the_end()

    def kill(self) -> None:
        """End the server at once, with no chance to write anything (SIGKILL)."""
        if self.running:
            self._signal(signal.SIGKILL)
            self._wait_for_the_end()

    def restart(self) -> None:
        """Start the server again on the same port and data; stop it first if it is running."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Make the server stand still with its connections open (SIGSTOP), as a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server, without regard to its data, and remove its files. Calling it twice is fine."""
        if self.running:
            self._signal(self.last_signal)
            self._signal(signal.SIGCONT)
        self._wait_for_the_end()
        if self._log is not None:
            self._log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def log_tail(self) -> str:
        """The last lines that the server wrote, for messages about its failure."""
        try:
            text = (self.directory / "log").read_text(errors="replace")
        except FileNotFoundError:
            return "(it wrote nothing)"
        return "\n".join(text.splitlines()[-20:])

    def run(self, *command: str, seconds: float = SECONDS_TO_START) -> None:
        """Run a preparing command as the server's user; a failure raises with the command's output."""
        outcome = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
            user=self.user[0] if self.user else None,
            group=self.user[1] if self.user else None,
            extra_groups=[] if self.user else None,
        )
        if outcome.returncode != 0:
            output = outcome.stdout.decode(errors="replace")
            raise ServerError(f"{self.part}: {command[0]} ended with {outcome.returncode}:\n{output}")

    def _environment(self) -> dict[str, str]:
        """Nothing of the developer's environment: PGDATA or a my.cnf in the home would change the server."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            "LC_ALL": "C.UTF-8",
        }

    def _launch(self) -> None:
        if self._log is None:
            self._log = (self.directory / "log").open("ab")
        self._supervisor = self._supervised(self._log)
        assert self._supervisor.stdout is not None
        line = self._supervisor.stdout.readline()
        if not line:
            self._wait_for_the_end()
            raise ServerError(f"{self.part} could not be started:\n{self.log_tail()}")
        self._process_id = int(line)

    def _supervised(self, log: IO[bytes]) -> subprocess.Popen[bytes] | Nursling:
        """A supervisor that has started the server."""
        user = f"{self.user[0]}:{self.user[1]}" if self.user else ""
        last_signal = self.last_signal.name.removeprefix("SIG")
        return subprocess.Popen(
            [sys.executable, "-I", "-S", SUPERVISOR, self.directory, user, last_signal, *self._command()],
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # A session of its own: Ctrl-C is for the tests, which then end their servers.
            start_new_session=True,
        )

    def _wait_until_it_answers(self) -> bool:
        deadline = time.monotonic() + SECONDS_TO_START
        while self.running:
            with suppress(OSError):
                if self._answers():
                    return True
            if time.monotonic() > deadline:
                raise ServerError(f"{self.part} did not answer in {SECONDS_TO_START:.0f} s:\n{self.log_tail()}")
            time.sleep(0.03)
        self._wait_for_the_end()
        return False

    def _signal(self, number: signal.Signals) -> None:
        """Have the supervisor send a signal, and return when it was sent; the server may have ended before."""
        supervisor = self._supervisor
        if supervisor is None or supervisor.stdin is None or supervisor.stdout is None:
            raise ServerError(f"{self.part} was never started")
        with suppress(BrokenPipeError):
            supervisor.stdin.write(f"{number.name.removeprefix('SIG')}\n".encode())
            supervisor.stdin.flush()
            supervisor.stdout.readline()

    def _wait_for_the_end(self) -> None:
        supervisor = self._supervisor
        if supervisor is None:
            return
        try:
            supervisor.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            raise ServerError(f"{self.part} did not end in {SECONDS_TO_STOP:.0f} s:\n{self.log_tail()}") from None
        finally:
            # A supervisor that still runs takes the closed pipe as its order to end everything.
            for pipe in (supervisor.stdin, supervisor.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()


class DatabaseServer(Server):
    """A server with any number of databases, empty until a test asks for one.

    ``settings`` replace our own; each is written as on the server's command line, without the dashes
    (``innodb-buffer-pool-size=1G``, ``shared_buffers=1GB``).
    """

    def __init__(self, *, durable: bool = False, settings: Sequence[str] = ()) -> None:
        super().__init__(durable=durable)
        self.settings = tuple(settings)

    @property
    @abstractmethod
    def url(self) -> str:
        """SQLAlchemy URL of the administrator, who may create databases and users."""

    @abstractmethod
    def new_database(self) -> str:
        """Create an empty database of a new name and return its SQLAlchemy URL, as the administrator."""

    @abstractmethod
    def drop_database(self, url: str) -> None:
        """Remove a database that `new_database` made; connections that a test left open are closed first."""
