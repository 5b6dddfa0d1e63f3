"""WebSockets (RFC 6455) for streams that only tell: what the service has to say goes out, and nothing is taken in.

``wsproto`` speaks the protocol. Who sends a message has mistaken the stream for something else, and is told so; so
nobody can fill our memory with what nobody reads.
"""

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from flask import Response
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from results_service.live import Watcher
from shared.errors import InvalidInput

NO_MESSAGES = "Nothing is taken in here; close the connection to end the stream."
_READ_BYTES = 4096
# What a handshake is made of. Extensions and protocols that somebody offers are not taken, so nobody reads them.
_HEADERS = ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version")


class Ended(Response):
    """What is left to answer when a connection has become a WebSocket and has ended: nothing."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        # gunicorn takes this for a connection that was dealt with.
        raise StopIteration


def begin(environ: dict[str, Any]) -> "Socket":
    """Read what the request asks for; InvalidInput if that is no handshake of ours. Nothing is answered yet."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        raise InvalidInput("WebSockets need the server that this service is started with; read the events instead.")
    protocol = WSConnection(ConnectionType.SERVER)
    lines = [f"{name}: {environ[key]}" for name in _HEADERS if (key := _variable_of(name)) in environ]
    try:
        head = [f"{environ['REQUEST_METHOD']} / HTTP/1.1", "Host: results", *lines, "", ""]
        protocol.receive_data("\r\n".join(head).encode("latin-1"))
        request = next(iter(protocol.events()), None)
    except (RemoteProtocolError, UnicodeDecodeError) as error:
        raise InvalidInput("This is no handshake of a WebSocket of version 13.") from error
    if not isinstance(request, Request):
        raise InvalidInput("This is no handshake of a WebSocket of version 13.")
    return Socket(connection, protocol)


def _variable_of(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


class Socket:
    """One connection. Two greenlets use it: ``serve`` writes, and another one reads what its reader says."""

    def __init__(self, connection: socket.socket, protocol: WSConnection) -> None:
        self._connection = connection
        self._protocol = protocol
        self._writing = threading.Lock()

    def serve(self, watcher: Watcher) -> Response:
        """Send what the watcher has to tell until the stream or its reader ends."""
        try:
            self._send(AcceptConnection())
            threading.Thread(target=self._read, args=(watcher,), name="websocket", daemon=True).start()
            for message in watcher:
                self._send(TextMessage(message.decode()) if message else Ping())
            # The service ends; whoever watches may come back to another process at once.
            self._send(CloseConnection(CloseReason.GOING_AWAY))
        except (OSError, LocalProtocolError):
            # The reader has gone, or has closed the connection properly.
            pass
        finally:
            watcher.close()
        return Ended()

    def _send(self, event: Event) -> None:
        with self._writing:
            self._connection.sendall(self._protocol.send(event))

    def _read(self, watcher: Watcher) -> None:
        try:
            while received := self._connection.recv(_READ_BYTES):
                self._protocol.receive_data(received)
                for event in self._protocol.events():
                    self._answer(event)
        except (OSError, LocalProtocolError, RemoteProtocolError):
            pass
        finally:
            watcher.end()

    def _answer(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            with suppress(OSError):
                self._send(event.response())
            raise LocalProtocolError("closed")
        elif isinstance(event, TextMessage | BytesMessage):
            self._send(CloseConnection(CloseReason.POLICY_VIOLATION, NO_MESSAGES))
            raise LocalProtocolError("closed")
