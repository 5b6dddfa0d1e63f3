"""Programs of ours that start in a fourth of the time, as copies of a process that has read in their libraries.

Reading in SQLAlchemy, Flask and the like takes a program longer than all that a short test asks of it. Whoever measures
the programs, or looks at how they start, starts them as everybody does.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.source import ROOT

_STARTING = threading.Lock()
_nursery: socket.socket | None = None


class Nursling:
    """The supervisor (tests/servers/supervisor.py) of a program that was started so, with the ways of a `Popen`.

    ``directory`` is where the program works, and is removed when the tests are gone.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        log: IO[bytes],
        last_signal: signal.Signals,
    ) -> None:
        self.stdin, self.stdout = _start(arguments, environment, directory, directory, log.fileno(), last_signal)

    def poll(self) -> int | None:
        """0 once it has ended; the server's own status does not matter to who supervises it."""
        return 0 if self.stdout.closed or has_hung_up(self.stdout, 0.0) else None

    def wait(self, timeout: float) -> None:
        """Wait until it has ended; raises `subprocess.TimeoutExpired`."""
        if not self.stdout.closed and not has_hung_up(self.stdout, timeout):
            raise subprocess.TimeoutExpired("a program of the nursery", timeout)


class Copied:
    """A program that was started so, with the ways of a `Popen`; it ends with the tests.

    It works in the checkout, and what it writes goes to the descriptor ``log``.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: int = 2) -> None:
        self._stdin, self._stdout = _start(arguments, environment, ROOT, None, log, signal.SIGKILL)
        self.pid = int(self._stdout.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its status, negative for a signal, when it has ended."""
        if self.returncode is None and has_hung_up(self._stdout, 0.0):
            self.returncode = int(self._stdout.read())
            self._stdin.close()
            self._stdout.close()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The same, once it has ended; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None and not has_hung_up(self._stdout, timeout):
            raise subprocess.TimeoutExpired("a program of the nursery", timeout)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def has_hung_up(pipe: IO[bytes], seconds: float) -> bool:
    """Whether nobody holds the other end, now or within that time. What was said and not read yet stays there."""
    end = select.poll()
    end.register(pipe, 0)
    return bool(end.poll(1000 * seconds))


def _start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    removed: Path | None,
    log: int,
    last_signal: signal.Signals,
) -> tuple[IO[bytes], IO[bytes]]:
    """Start what ``python -m`` with these arguments would start, under a supervisor; threads may do so at once.

    Returns the supervisor's input and output.
    """
    last = last_signal.name.removeprefix("SIG")
    order = [list(arguments), dict(environment), str(folder), str(removed or ""), last]
    its_input, stdin = os.pipe()
    stdout, its_output = os.pipe()
    try:
        with _STARTING:
            socket.send_fds(_line(), [json.dumps(order).encode()], [its_input, its_output, log])
    finally:
        os.close(its_input)
        os.close(its_output)
    return os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")


def _line() -> socket.socket:
    """To the nursery of this process, which ends with it."""
    global _nursery  # One for all threads.
    if _nursery is None:
        _nursery, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.nursery"],
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"},
                stdin=its.fileno(),
                start_new_session=True,
            )
        atexit.register(_end, _nursery, process)
    return _nursery


def _end(line: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    line.close()
    process.wait(30)
