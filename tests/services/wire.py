"""A wire between a client and a server that can be cut at an exact word, for what no signal to a process can do."""

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_BLOCK = 1 << 16


class Wire:
    """Carries connections on ``port`` to the server on ``target``, unless it is told otherwise.

    ``lose_answer_to`` names a word: what the client sends with it still reaches the server, but the answer does not
    come back, and the connection is closed. ``lose`` names a word with which the connection is closed before the server
    has it. ``hold`` names one from which on what the client sends is kept back, until ``deliver`` is called. While
    ``cut``, what is carried is closed, and so is at once what comes.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.lose: bytes | None = None
        self.lose_answer_to: bytes | None = None
        self.hold: bytes | None = None
        self.cut = False
        self._held: list[tuple[socket.socket, bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._ended = False

    def deliver(self) -> None:
        """Hand over to the server what was held back, although the client has long gone."""
        self.hold = None
        for server, block in self._held:
            server.sendall(block)
            # The server closes when it has read to the end.
            server.shutdown(socket.SHUT_WR)
            server.settimeout(10)
            while server.recv(_BLOCK):
                pass
            server.close()
        self._held.clear()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        # Wakes the thread that waits for connections.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._listener.close()
        for server, _ in self._held:
            server.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended:
            client, _ = self._listener.accept()
            if self._ended:
                client.close()
                return
            if self.cut:
                client.close()
                continue
            self._start(self._carry, client, socket.create_connection(("127.0.0.1", self.target)))

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        held = b""
        with client, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            with suppress(OSError):
                while not self._ended and not self.cut:
                    for key, _ in ready.select(timeout=0.1):
                        block = key.fileobj.recv(_BLOCK) if isinstance(key.fileobj, socket.socket) else b""
                        if key.fileobj is server:
                            client.sendall(block)
                        elif held or (self.hold is not None and self.hold in block):
                            if block:
                                held += block
                                continue
                            self._held.append((server, held))
                            return
                        elif self.lose is not None and self.lose in block:
                            server.close()
                            return
                        else:
                            server.sendall(block)
                        if self.lose_answer_to is not None and key.fileobj is client and self.lose_answer_to in block:
                            server.recv(_BLOCK)
                            server.close()
                            return
                        if not block:
                            server.close()
                            return
            server.close()
