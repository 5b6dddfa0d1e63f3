"""One running process of the suite, and its end."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from cli.suite.plan import Process

LAUNCHER = Path(__file__).with_name("launcher.py")


class Running:
    """A started process, with its output appended to a log file of its own.

    It leads a session of its own, so that Ctrl-C reaches ``urna up`` alone, which then ends everything in order.
    """

    def __init__(self, process: Process, folder: Path, log: Path, lock: int) -> None:
        self.process = process
        self.log = log
        self._earlier = log.stat().st_size if log.exists() else 0
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *process.command],
                cwd=folder,
                env=process.environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                pass_fds=(lock,),
            )
        finally:
            os.close(descriptor)
        self.started = time.monotonic()

    @property
    def id(self) -> int:
        return self._popen.pid

    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def ask_to_end(self) -> None:
        """Ask it to finish what it is doing and end."""
        if self.status() is None:
            self._popen.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; its exit status, or None when it still runs."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it and its own children at once."""
        self.kill_leftovers()
        self._popen.wait()

    def kill_leftovers(self) -> None:
        """End what the process left behind: workers of a killed gunicorn would keep its port for a moment.

        The group keeps the id as long as it has a member, so this can hit nobody else while one is left.
        """
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, signal.SIGKILL)

    def last_lines(self, count: int = 15) -> str:
        """The end of what it wrote to its log."""
        with self.log.open("rb") as file:
            file.seek(max(self._earlier, self.log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-count:])
