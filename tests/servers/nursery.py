"""The process whose copies are programs of ours: ``python -m tests.servers.nursery``, for tests/servers/nursling.py.

It has read in what others wrote, and nothing of ours: a module of ours may look at its settings while it is read in.
For the same reason it leaves out prometheus_client, which then looks at its environment. It never has a thread.

Each order comes over the standard input, a socket, as one message: the arguments of ``python -m``, an environment, the
directory to work in, the one to remove when the tests are gone, and the last signal; with three descriptors that become
the supervisor's input, output and log. The last line that a supervisor writes is the status of its program.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from contextlib import suppress

from tests.servers.supervisor import supervise

LIBRARIES = (
    "apiflask",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.x509",
    "flask_babel",
    "flask_cors",
    "flask_jwt_extended",
    "flask_limiter",
    "gunicorn.app.wsgiapp",
    "h11",
    "jwt",
    "psycopg",
    "pydantic_settings",
    "pymysql",
    "redis",
    "rq",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
    "structlog",
    "wsproto",
)
_LARGEST_ORDER = 200_000


class Copy:
    """A copy of this process, which the supervisor has started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its status, negative for a signal, when it has ended."""
        return self._waited(os.WNOHANG)

    def wait(self) -> int:
        """The same, once it has ended."""
        status = self._waited(0)
        assert status is not None
        return status

    def _waited(self, how: int) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status


def main() -> int:
    """Follow orders until nobody is left to give one. A copy leaves by the same way as a program that has ended."""
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()
    # Supervisors are nobody's to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    line = socket.socket(fileno=os.dup(0))
    while True:
        order, descriptors, _, _ = socket.recv_fds(line, _LARGEST_ORDER, 3)
        if not order:
            return 0
        if os.fork() == 0:
            line.close()
            return _follow(order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _follow(order: bytes, descriptors: list[int]) -> int:
    """Be the supervisor of the program that is ordered."""
    arguments, environment, folder, removed, last_signal = json.loads(order)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)

    def start() -> Copy:
        if pid := os.fork():
            return Copy(pid)
        os.chdir(folder)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        os.environ.clear()
        os.environ.update(environment)
        module, *rest = arguments
        sys.argv = [module, *rest]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        sys.exit()

    status = supervise(start, removed, last_signal)
    # When the tests are gone, nobody reads it.
    with suppress(BrokenPipeError):
        os.write(1, f"{status}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
