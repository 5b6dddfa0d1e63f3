"""Programs of ours that start in a fourth of the time, as copies of a process that has read in their libraries.

Reading in SQLAlchemy, Flask and the like takes a program longer than all that a short test asks of it. Whoever measures
the programs, or looks at how they start, starts them as everybody does.
"""

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.source import ROOT

_STARTING = threading.Lock()
_nursery: socket.socket | None = None


class Nursling:
    """The supervisor (tests/servers/supervisor.py) of a program that was started so, with the ways of a `Popen`."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.stdin = stdin
        self.stdout = stdout

    def poll(self) -> int | None:
        """0 once it has ended: nobody learns the status of a process that somebody else has started."""
        return 0 if self._has_ended(0.0) else None

    def wait(self, timeout: float) -> None:
        """Wait until it has ended; raises `subprocess.TimeoutExpired`."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired("a program of the nursery", timeout)

    def _has_ended(self, seconds: float) -> bool:
        if self.stdout.closed:
            return True
        # It alone holds the other end. What it has said and nobody has read yet stays there.
        its_end = select.poll()
        its_end.register(self.stdout, 0)
        return bool(its_end.poll(1000 * seconds))


def start(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, log: IO[bytes], last_signal: str
) -> Nursling:
    """Start what ``python -m`` with these arguments would start, under a supervisor. Threads may do so at once."""
    order = [list(arguments), dict(environment), str(directory), last_signal]
    its_input, stdin = os.pipe()
    stdout, its_output = os.pipe()
    try:
        with _STARTING:
            socket.send_fds(_line(), [json.dumps(order).encode()], [its_input, its_output, log.fileno()])
    finally:
        os.close(its_input)
        os.close(its_output)
    return Nursling(os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"))


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
