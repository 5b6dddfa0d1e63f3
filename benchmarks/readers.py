"""Readers of a result: keep-alive connections in a process of their own that ask again as soon as they are answered."""

import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks.companion import FAILED, answer, told, wait_for_the_word

_PATIENCE = 30.0


@dataclass(frozen=True)
class Plan:
    """``connections`` ask for ``path`` until ``requests`` are answered or ``seconds`` have passed.

    Who remembers sends the ETag of the answer that it has; the others send none.
    """

    port: int
    path: str
    connections: int
    requests: int
    seconds: float
    remembers: bool = False


@dataclass
class Read:
    """What happened: the seconds that each answer took, those of all, the length of the last answer in bytes, and how
    many answers said that nothing has changed.
    """

    took: list[float] = field(default_factory=list)
    seconds: float = 0.0
    length: int = 0
    unchanged: int = 0


class Failed(Exception):
    """The service does not answer as it has to."""


class _Reader:
    """One connection; ``asked`` is the moment of the question that waits."""

    def __init__(self, plan: Plan) -> None:
        self.socket = socket.create_connection(("127.0.0.1", plan.port), timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._remembers = plan.remembers
        self._head = f"GET {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n".encode()
        self._condition = b""
        self._received = b""
        self.is_unchanged = False
        self.asked = 0.0

    def ask(self) -> None:
        self._received = b""
        self.asked = time.monotonic()
        self.socket.sendall(self._head + self._condition + b"\r\n")

    def answered(self) -> int:
        """Read what is there; the length of the answer when it is whole, else 0."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise Failed("The service has ended a connection.")
        self._received += piece
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return 0
        head = self._received[:end].lower()
        self.is_unchanged = head.startswith(b"http/1.1 304 ")
        if not self.is_unchanged and not head.startswith(b"http/1.1 200 "):
            raise Failed(f"The service answered {self._received[:300].decode(errors='replace')}")
        # A 304 has no body, whatever it says of its length.
        length = 0 if self.is_unchanged else int(_field(head, b"content-length") or 0)
        whole = end + 4 + length
        if len(self._received) < whole:
            return 0
        if self._remembers and not self.is_unchanged:
            self._condition = b"If-None-Match: %b\r\n" % _field(head, b"etag")
        return whole


def _field(head: bytes, name: bytes) -> bytes:
    """A field of an answer's head, which is in lower case; an ETag of ours has no other letters."""
    place = head.find(b"\r\n%b:" % name)
    return head[place + len(name) + 3 :].split(b"\r\n", 1)[0].strip() if place >= 0 else b""


def read(plan: Plan) -> Read:
    """Ask and be answered."""
    found = Read()
    readers = {}
    waiting = select.epoll()
    for _ in range(plan.connections):
        reader = _Reader(plan)
        readers[reader.socket.fileno()] = reader
        waiting.register(reader.socket, select.EPOLLIN)
    wait_for_the_word()
    began = time.monotonic()
    for reader in readers.values():
        reader.ask()
    while len(found.took) < plan.requests and time.monotonic() < began + plan.seconds:
        ready = waiting.poll(_PATIENCE)
        if not ready:
            raise Failed(f"The service has not answered for {_PATIENCE:.0f} s.")
        for number, _ in ready:
            reader = readers[number]
            if length := reader.answered():
                found.took.append(time.monotonic() - reader.asked)
                found.length = length
                found.unchanged += reader.is_unchanged
                reader.ask()
    found.seconds = time.monotonic() - began
    return found


def main() -> int:
    """Do what the plan on the input says."""
    try:
        answer(asdict(read(Plan(**told()))))
    except (Failed, OSError) as error:
        answer({FAILED: str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
