"""gunicorn's worker with a thread for each request, as all services but the results service have it.

A thread is given to a request only when its headers are complete; until then the connection waits with all others in
the poller, which costs nothing. Then its sender has to keep up a pace, and so has the reader of the answer. Without
this, as many slow callers as there are threads would stop a service.
"""

import errno
import socket
import time
from http import HTTPStatus
from typing import Any, ClassVar, SupportsIndex

from gunicorn.http.errors import LimitRequestHeaders, ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from shared.web.careful import Careful

# For all headers of a request, from its first byte on, and for their length with the line before them.
HEAD_SECONDS = 10.0
HEAD_BYTES = 1 << 15
# A body, and the answer, may take so long besides what they take at this pace.
GRACE_SECONDS = 15.0
BYTES_PER_SECOND = 16 * 1024


class SlowHead(ParseException):  # type: ignore[misc]  # gunicorn has no types.
    """The headers did not come in time."""


class Watched(socket.socket):
    """A caller's connection, which breaks when the caller is too slow.

    The two errors are those of a caller who has gone away, for which service and server are prepared.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(fileno=connection.detach())
        self.asked_at: float | None = None
        self.seen = 0
        self._began = 0.0
        self._received = 0

    def begin(self) -> None:
        """From now on a body is received."""
        self.asked_at = None
        self.seen = 0
        self._began = time.monotonic()
        self._received = 0

    def head_is_complete(self) -> bool:
        """Whether a thread can read all headers without waiting; raises what is wrong with those that never end."""
        if self.asked_at is None:
            self.asked_at = time.monotonic()
        try:
            head = self.recv(HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        # A caller who has hung up sends nothing more.
        if b"\r\n\r\n" in head or len(head) == self.seen:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return True
        if len(head) == HEAD_BYTES:
            raise LimitRequestHeaders("too many")
        if time.monotonic() - self.asked_at > HEAD_SECONDS:
            raise SlowHead
        self.seen = len(head)
        # The poller is to wake up for more, not for what is known.
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, self.seen + 1)
        return False

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if flags & socket.MSG_DONTWAIT:
            return super().recv(size, flags)
        left = self._began + GRACE_SECONDS + self._received / BYTES_PER_SECOND - time.monotonic()
        try:
            with _Within(self, left):
                received = super().recv(size, flags)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "The body came too slowly.") from error
        self._received += len(received)
        return received

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        try:
            with _Within(self, GRACE_SECONDS + len(data) / BYTES_PER_SECOND):
                super().sendall(data, flags)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, "The answer was read too slowly.") from error

    def sendfile(self, file: Any, offset: SupportsIndex = 0, count: SupportsIndex | None = None) -> int:
        try:
            with _Within(self, GRACE_SECONDS):
                return super().sendfile(file, int(offset), None if count is None else int(count))
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, "The answer was read too slowly.") from error


class _Within:
    """The time that one call to a socket may take, if the socket allows no less."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._before = connection.gettimeout()
        # Zero would mean not to wait at all, which is another error.
        self._seconds = max(0.001, seconds if self._before is None else min(seconds, self._before))

    def __enter__(self) -> None:
        self._connection.settimeout(self._seconds)

    def __exit__(self, *_: object) -> None:
        self._connection.settimeout(self._before)


class Threads(Careful, ThreadWorker):  # type: ignore[misc]  # gunicorn has no types.
    """Gives threads to requests, not to connections."""

    statuses: ClassVar = {**Careful.statuses, SlowHead: HTTPStatus.REQUEST_TIMEOUT}

    def handle(self, conn: Any) -> Any:
        if not isinstance(conn.sock, Watched):
            conn.sock = Watched(conn.sock)
        # What came behind the last request was read together with it, and lies in the parser.
        if conn.parser is None or not conn.parser.unreader.buf.getvalue():
            try:
                if not conn.sock.head_is_complete():
                    return _DEFER
            except ParseException as error:
                self.handle_error(None, conn.sock, conn.client, error)
                return False
        conn.data_ready = True
        conn.sock.begin()
        try:
            return super().handle(conn)
        finally:
            # What is left of a refused body is read away for a moment, so that its sender sees why it was refused.
            conn.sock.begin()

    def handle_request(self, req: Any, conn: Any) -> Any:
        conn.sock.begin()
        return super().handle_request(req, conn)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        # The end has begun, and may take as long as the slowest request here. Whoever is connected already is served;
        # whoever comes now is refused at once and goes elsewhere, instead of waiting for nothing in the system's queue.
        for listener in self.sockets:
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
