"""Watchers of the live stream: thousands of connections in a process of its own that note when an event has come."""

import json
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

from benchmarks.companion import FAILED, answer, told, wait_for_the_word

_PATIENCE = 60.0
_BLOCK = 65_536


@dataclass(frozen=True)
class Plan:
    """So many connections to the live stream at ``path``."""

    port: int
    path: str
    watchers: int


@dataclass
class Heard:
    """What the watchers heard.

    ``all_know`` has a pair for each change: a moment of ``time.monotonic``, and the number of received ballots that
    every watcher had been told of by then.
    """

    watchers: int = 0
    events: int = 0
    bytes: int = 0
    lost: int = 0
    all_know: list[tuple[float, int]] = field(default_factory=list)


class Failed(Exception):
    """The stream is not as it has to be."""


class Stream:
    """What comes over one connection, in whatever pieces, as events."""

    def __init__(self) -> None:
        self._bytes = b""
        self._text = b""
        self._headed = False
        self._chunked = False

    def events(self, piece: bytes) -> list[bytes]:
        """The data of the events that this piece has made whole; raises ``Failed`` when it is no event stream."""
        self._bytes += piece
        if not self._headed and not self._read_head():
            return []
        self._take_text()
        *whole, self._text = self._text.split(b"\n\n")
        return [line[5:].strip() for event in whole for line in event.split(b"\n") if line.startswith(b"data:")]

    def _read_head(self) -> bool:
        head, found, rest = self._bytes.partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 200 " not in head.split(b"\r\n", 1)[0] or b"text/event-stream" not in head.lower():
            raise Failed(f"The live stream begins with {head[:300].decode(errors='replace')}")
        self._chunked = b"transfer-encoding: chunked" in head.lower()
        self._headed, self._bytes = True, rest
        return True

    def _take_text(self) -> None:
        if not self._chunked:
            self._text, self._bytes = self._text + self._bytes, b""
            return
        while (end := self._bytes.find(b"\r\n")) >= 0:
            length = int(self._bytes[:end], 16)
            if len(self._bytes) < end + 2 + length + 2:
                return
            self._text += self._bytes[end + 2 : end + 2 + length]
            self._bytes = self._bytes[end + 2 + length + 2 :]


class _Watcher:
    """One connection. ``knows`` is the number of received ballots in its last event; -1 before any."""

    def __init__(self, plan: Plan) -> None:
        self.socket = socket.create_connection(("127.0.0.1", plan.port), timeout=_PATIENCE)
        self.socket.sendall(
            f"GET {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        self.socket.setblocking(False)
        self.stream = Stream()
        self.knows = -1


class Watchers:
    """All connections, and what the slowest of them knows."""

    def __init__(self, plan: Plan) -> None:
        self.heard = Heard(watchers=plan.watchers)
        self._waiting = select.epoll()
        self._watchers: dict[int, _Watcher] = {}
        self._known: Counter[int] = Counter()
        self._least = -1
        # The same event comes to everybody, and is read once.
        self._last = (b"", 0)
        for _ in range(plan.watchers):
            watcher = _Watcher(plan)
            self._watchers[watcher.socket.fileno()] = watcher
            self._known[-1] += 1
            self._waiting.register(watcher.socket, select.EPOLLIN)
            self.listen(0.0)
        deadline = time.monotonic() + _PATIENCE
        while self._known[-1]:
            self.listen(1.0)
            if time.monotonic() > deadline:
                raise Failed(f"{self._known[-1]} of {plan.watchers} watchers were told nothing in {_PATIENCE:.0f} s.")
        self.heard.events = self.heard.bytes = 0

    def listen(self, seconds: float) -> bool:
        """Wait at most so long for something; False when the benchmark has said a word meanwhile."""
        for number, _ in self._waiting.poll(seconds):
            if number == sys.stdin.fileno():
                return False
            self._hear(number)
        least = min(number for number, count in self._known.items() if count)
        if least != self._least:
            self._least = least
            self.heard.all_know.append((time.monotonic(), least))
        return True

    def listen_until_told(self) -> None:
        """Go on until the benchmark says a word."""
        self._waiting.register(sys.stdin, select.EPOLLIN)
        while self.listen(1.0):
            pass

    def _hear(self, number: int) -> None:
        watcher = self._watchers[number]
        try:
            piece = watcher.socket.recv(_BLOCK)
        except ConnectionError:
            piece = b""
        if not piece:
            self._lose(number)
            return
        self.heard.bytes += len(piece)
        for data in watcher.stream.events(piece):
            self.heard.events += 1
            self._known[watcher.knows] -= 1
            watcher.knows = self._received(data)
            self._known[watcher.knows] += 1

    def _received(self, data: bytes) -> int:
        if data != self._last[0]:
            self._last = (data, int(json.loads(data)["ballots"]["received"]))
        return self._last[1]

    def _lose(self, number: int) -> None:
        self.heard.lost += 1
        self._waiting.unregister(number)
        watcher = self._watchers.pop(number)
        self._known[watcher.knows] -= 1
        watcher.socket.close()
        if not self._watchers:
            raise Failed("The service has ended every connection of the live stream.")


def main() -> int:
    """Do what the plan on the input says."""
    try:
        watchers = Watchers(Plan(**told()))
        wait_for_the_word()
        watchers.listen_until_told()
        answer(asdict(watchers.heard))
    except (Failed, OSError) as error:
        answer({FAILED: str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
