"""Runs one server for the tests, passes on its signals, and ends it when the tests are gone.

Why a process stands between the tests and their server: the kernel's parent-death signal would be less work, but it
fires when the *thread* that started the server ends (a fault test restarts servers from threads), it is lost when the
server changes its user, it does not reach the server's own children, and setting it before exec needs Popen's
preexec_fn, which warns in a process with threads (every worker of pytest-xdist is one). Here it is enough that the
tests' end of a pipe closes, which the kernel does for every kind of death.

Called by path, with the standard library alone: supervisor.py DIRECTORY USER LAST_SIGNAL COMMAND...
It prints the server's process id, then reads one word a line from its standard input, the name of a signal, and answers
each with a line when it has been sent. STOP and CONT go to the server and all its descendants, other signals to the
server. When the server ends, the supervisor ends its descendants and exits with its status. When its own input
ends first, nobody is interested any more: the server gets LAST_SIGNAL, and DIRECTORY is removed.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

PR_SET_CHILD_SUBREAPER = 36
SECONDS_TO_END = 5.0


def descendants(ancestor: int) -> list[int]:
    """Ids of all processes below ``ancestor``, parents before their children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # The command's name stands in parentheses and may hold blanks, so the fields are counted after it.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = list(children.get(ancestor, []))
    for process in found:
        found.extend(children.get(process, []))
    return found


def send(process: int, number: int) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


def send_to_tree(server: int, number: int) -> None:
    """Send a signal to the server first, so that it starts no further child, then to its descendants."""
    send(server, number)
    for process in descendants(server):
        send(process, number)


def end_descendants() -> None:
    """Kill and reap what the server left behind; the kernel has made them this process's children."""
    while left := descendants(os.getpid()):
        for process in left:
            send(process, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


class Child(Protocol):
    """What is known of a server that this process has started."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its status, negative for a signal, when it has ended."""

    def wait(self) -> int:
        """The same, once it has ended."""


def end_abandoned(server: Child, number: int, directory: str) -> None:
    """End the server when the tests are gone, frozen or not, and remove its files."""
    send(server.pid, number)
    send_to_tree(server.pid, signal.SIGCONT)
    deadline = time.monotonic() + SECONDS_TO_END
    while server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    end_descendants()
    if directory:
        shutil.rmtree(directory, ignore_errors=True)


def supervise(start: Callable[[], Child], directory: str, last_signal: str) -> int:
    """Run the server that is started until it ends or until the standard input does.

    Returns its status, negative for a signal. ``directory`` is empty where nothing is to be removed with the server.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = start()
    print(server.pid, flush=True)
    # The descriptor becomes readable when the server ends, but the server stays unreaped: its id cannot be given to
    # another process while a signal is on its way.
    ended = os.pidfd_open(server.pid)
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        if ended in ready:
            break
        words = os.read(0, 4096).split()
        if not words:
            end_abandoned(server, signal.Signals[f"SIG{last_signal}"], directory)
            return 0
        for word in words:
            number = signal.Signals[f"SIG{word.decode()}"]
            if number in (signal.SIGSTOP, signal.SIGCONT):
                send_to_tree(server.pid, number)
            else:
                send(server.pid, number)
            print("sent", flush=True)
    status = server.wait()
    end_descendants()
    return status


def main() -> int:
    """Run the command that was given."""
    directory, user, last_signal, *command = sys.argv[1:]
    owner = [int(number) for number in user.split(":")] if user else [None, None]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            stderr=sys.stderr.fileno(),
            user=owner[0],
            group=owner[1],
            extra_groups=[] if user else None,
        )

    status = supervise(start, directory, last_signal)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
