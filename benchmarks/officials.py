"""Officials who hand files in: a process of its own, with the least work for each file that HTTP allows.

The bodies lie ready in a memory file that it inherits, and the kernel sends them from there. Moments are those of
``time.monotonic``, which is one clock for all processes of a machine.
"""

import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from benchmarks.companion import FAILED, answer, told, wait_for_the_word

BOUNDARY = "a-line-that-is-in-no-file"
_PATIENCE = 120.0
_CONNECTIONS_AGAIN = 5


@dataclass(frozen=True)
class File:
    """Where the body of an upload lies in the memory file, and the key under which it is handed in."""

    offset: int
    length: int
    key: str


@dataclass(frozen=True)
class Plan:
    """Who sends what: ``tokens`` are the officials that share ``files``, each sending as fast as answers come.

    One more official, if there is a ``paced_token``, sends ``paced`` files ``every`` so many seconds, for as long as
    the others send.
    """

    port: int
    path: str
    memory: int
    tokens: list[str]
    files: list[File]
    paced_token: str | None = None
    paced: list[File] = field(default_factory=list)
    every: float = 0.2

    @staticmethod
    def of_one(port: int, path: str, memory: int) -> "Plan":
        """For an official who is told each file."""
        return Plan(port, path, memory, [], [])


@dataclass
class Sent:
    """What happened. ``took`` and ``paced_took`` are seconds from the first byte to the answer, a file each."""

    began: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    paced_took: list[float] = field(default_factory=list)
    refused_for_now: int = 0
    reconnected: int = 0


class Refused(Exception):
    """The station does not take a file."""


class Official:
    """One connection that is kept."""

    def __init__(self, plan: Plan, token: str, sent: Sent) -> None:
        self._plan = plan
        self._sent = sent
        self._head = (
            f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        )
        self._socket = self._connect()

    def hand_in(self, file: File) -> float:
        """Send until it is accepted; the seconds that it took."""
        began = time.monotonic()
        broken = 0
        while True:
            try:
                self._send(file)
                status, wait, body = self._answer()
            except (ConnectionError, TimeoutError):
                # The server has ended an idle connection, as it may; the key makes the repetition harmless.
                broken += 1
                if broken > _CONNECTIONS_AGAIN:
                    raise
                self._sent.reconnected += 1
                self._socket.close()
                self._socket = self._connect()
                continue
            if status == 202:
                return time.monotonic() - began
            if status not in (429, 503):
                raise Refused(f"The station answered {status}: {body[:500].decode(errors='replace')}")
            self._sent.refused_for_now += 1
            time.sleep(wait)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._plan.port), timeout=_PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _send(self, file: File) -> None:
        head = f"{self._head}Idempotency-Key: {file.key}\r\nContent-Length: {file.length}\r\n\r\n"
        self._socket.sendall(head.encode(), socket.MSG_MORE)
        offset, end = file.offset, file.offset + file.length
        while offset < end:
            # A socket with a time-out does not block, and says so when its buffer is full.
            try:
                offset += os.sendfile(self._socket.fileno(), self._plan.memory, offset, end - offset)
            except BlockingIOError:
                _wait_until_writable(self._socket)

    def _answer(self) -> tuple[int, float, bytes]:
        """Status, seconds to wait before the next attempt, and body."""
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        lines = received[:end].split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        body = received[end + 4 :]
        while len(body) < int(fields.get(b"content-length", b"0")):
            body += self._more()
        if fields.get(b"connection", b"").lower() == b"close":
            self._socket.close()
            self._socket = self._connect()
        return int(lines[0].split()[1]), float(fields.get(b"retry-after", b"1")), body

    def _more(self) -> bytes:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionResetError("The station has ended the connection.")
        return piece


def _wait_until_writable(connection: socket.socket) -> None:
    waiting = select.poll()
    waiting.register(connection, select.POLLOUT)
    if not waiting.poll(_PATIENCE * 1000):
        raise TimeoutError("The station takes no more bytes.")


def send(plan: Plan) -> Sent:
    """Hand all files in."""
    sent = Sent()
    officials = [Official(plan, token, sent) for token in plan.tokens]
    paced = Official(plan, plan.paced_token, sent) if plan.paced_token else None
    wait_for_the_word()
    failures: list[BaseException] = []
    files = iter(plan.files)
    turn = threading.Lock()
    over = threading.Event()

    def work(official: Official) -> None:
        try:
            while not failures:
                with turn:
                    file = next(files, None)
                if file is None:
                    return
                sent.took.append(official.hand_in(file))
        except BaseException as error:
            failures.append(error)

    def keep_pace(official: Official, files: Iterator[File]) -> None:
        try:
            due = time.monotonic()
            while not over.wait(max(0.0, due - time.monotonic())):
                file = next(files, None)
                if file is None:
                    return
                sent.paced_took.append(official.hand_in(file))
                due += plan.every
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[official]) for official in officials]
    pacing = threading.Thread(target=keep_pace, args=[paced, iter(plan.paced)]) if paced else None
    used = _processor_seconds()
    sent.began = time.monotonic()
    for thread in [*threads, *([pacing] if pacing else [])]:
        thread.start()
    for thread in threads:
        thread.join()
    sent.ended = time.monotonic()
    over.set()
    if pacing:
        pacing.join()
    sent.seconds = _processor_seconds() - used
    if failures:
        raise failures[0]
    return sent


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Do what the plan on the input says."""
    plan = told()
    for name in ("files", "paced"):
        plan[name] = [File(*one) for one in plan[name]]
    try:
        answer(asdict(send(Plan(**plan))))
    except (Refused, OSError) as error:
        answer({FAILED: str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
