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

    ``status`` is what each answer has to have; ``etag`` is what the reader has already.
    """

    port: int
    path: str
    connections: int
    requests: int
    seconds: float
    status: int = 200
    etag: str = ""


@dataclass
class Read:
    """What happened: the seconds that each answer took, those of all, and the length of the last answer in bytes."""

    took: list[float] = field(default_factory=list)
    seconds: float = 0.0
    length: int = 0


class Failed(Exception):
    """The service does not answer as it has to."""


class _Reader:
    """One connection; ``asked`` is the moment of the question that waits."""

    def __init__(self, plan: Plan) -> None:
        self.socket = socket.create_connection(("127.0.0.1", plan.port), timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        condition = f"If-None-Match: {plan.etag}\r\n" if plan.etag else ""
        self._question = f"GET {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n{condition}\r\n".encode()
        self._expected = b"HTTP/1.1 %d " % plan.status
        self._received = b""
        self.asked = 0.0

    def ask(self) -> None:
        self._received = b""
        self.asked = time.monotonic()
        self.socket.sendall(self._question)

    def answered(self) -> int:
        """Read what is there; the length of the answer when it is whole, else 0."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise Failed("The service has ended a connection.")
        self._received += piece
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not self._received.startswith(self._expected):
            raise Failed(f"The service answered {self._received[:300].decode(errors='replace')}")
        head = self._received[:end].lower()
        place = head.find(b"\r\ncontent-length:")
        # A 304 has none, and no body.
        length = int(head[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 and b" 304 " not in head[:20] else 0
        whole = end + 4 + length
        return whole if len(self._received) >= whole else 0


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
