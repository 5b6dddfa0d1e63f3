"""The wires of the fault machine carry, cut and slow what goes over them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.faults.wire import Wire, Wires


@contextmanager
def echo() -> Iterator[int]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while block := connection.recv(65536):
                connection.sendall(block)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with echo() as port, Wires() as wires:
        yield wires.lay(port)


def connect(wire: Wire) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=5)


def said_back(connection: socket.socket, words: bytes) -> bytes:
    """What comes back; nothing when the connection is broken."""
    found = b""
    with suppress(ConnectionError):
        connection.sendall(words)
        while len(found) < len(words) and (block := connection.recv(65536)):
            found += block
    return found


def test_a_wire_carries_everything_in_order(wire: Wire) -> None:
    words = bytes(range(256)) * 2000
    with connect(wire) as connection:
        assert said_back(connection, words) == words
    assert wire.is_used


def test_a_cut_ends_every_connection_and_each_new_one_until_it_is_mended(wire: Wire) -> None:
    with connect(wire) as connection:
        assert said_back(connection, b"here") == b"here"
        wire.cut(0)
        assert said_back(connection, b"there") == b""
    with connect(wire) as connection:
        assert said_back(connection, b"there") == b""
    wire.mend()
    with connect(wire) as connection:
        assert said_back(connection, b"again") == b"again"


def test_a_cut_after_some_bytes_lets_no_more_pass(wire: Wire) -> None:
    with connect(wire) as connection:
        wire.cut(100)
        assert len(said_back(connection, b"x" * 5000)) < 100
    assert wire.is_cut


def test_a_slow_wire_holds_each_block_back_until_it_is_mended(wire: Wire) -> None:
    with connect(wire) as connection:
        wire.slow(0.2)
        began = time.monotonic()
        assert said_back(connection, b"here") == b"here"
        assert time.monotonic() - began >= 0.2
        wire.slow(3600)
        mending = threading.Timer(0.2, wire.mend)
        mending.start()
        assert said_back(connection, b"there") == b"there"
        mending.join()


def test_the_client_learns_that_nobody_is_at_the_other_end() -> None:
    with echo() as port:
        pass
    with Wires() as wires, connect(wires.lay(port)) as connection:
        assert said_back(connection, b"here") == b""
