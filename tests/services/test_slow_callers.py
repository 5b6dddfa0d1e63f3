"""Callers who are slow, with a real gunicorn on real sockets: they cost others nothing, or not for long."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from shared.queue.connection import connect
from shared.terms import Role
from shared.web.threads import GRACE_SECONDS, HEAD_SECONDS
from tests.services.station import BATCHES, MULTIPART, contents, file_of, multipart, prepare
from tests.services.test_station_process import running, send
from tests.services.tokens import Keys, Token

THREADS = 2
CROWD = 100
# Generous, for a machine that has much else to do; a caller who waited for a slow one would wait longer.
SOON = 8.0


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        prepare(client)
        yield client


@pytest.fixture
def port(redis: Redis, redis_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a station of one process with two threads."""
    with running(redis_url, keys, 2_000_000, WEB_THREADS=str(THREADS)) as (port, _):
        yield port


def connected(stack: ExitStack, port: int, sent: bytes = b"") -> socket.socket:
    client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
    client.sendall(sent)
    return client


def answer(client: socket.socket) -> bytes:
    """All that comes until the other side ends the connection, also in the hard way."""
    received = b""
    try:
        while block := client.recv(65536):
            received += block
    except ConnectionResetError:
        pass
    return received


def upload_head(token: Token, length: int) -> bytes:
    return (
        f"POST {BATCHES} HTTP/1.1\r\nHost: station\r\nAuthorization: {token(Role.OFFICIAL)['Authorization']}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_callers_who_never_finish_their_headers_hold_nobody_up_and_are_told_to_go(
    port: int, redis: Redis, token: Token
) -> None:
    began = time.monotonic()
    over = threading.Event()
    with ExitStack() as stack:
        stack.callback(over.set)
        silent = [connected(stack, port) for _ in range(CROWD)]
        half = [connected(stack, port, b"POST /vote HTTP/1.1\r\nHost: a\r\n") for _ in range(CROWD)]

        def trickle() -> None:
            while not over.wait(1.0):
                for client in half:
                    try:
                        client.sendall(b"X: y\r\n")
                    except OSError:
                        continue

        trickling = threading.Thread(target=trickle)
        trickling.start()
        asked = time.monotonic()
        assert send(port, multipart(file_of(20)), token(Role.OFFICIAL), BATCHES)[0] == 202
        assert time.monotonic() - asked < SOON
        for client in half:
            assert answer(client).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < HEAD_SECONDS + 4 * SOON
        for client in silent:
            assert answer(client) == b""
        over.set()
        trickling.join()
    assert send(port, b"", {}, "/health/live", method="GET")[0] == 200


def test_headers_in_many_pieces_are_read_when_they_are_complete(port: int, redis: Redis) -> None:
    with ExitStack() as stack:
        client = connected(stack, port)
        for _ in range(2):
            for piece in (b"GET /hea", b"lth/live HTTP/1.1\r\nHo", b"st: station\r", b"\n\r", b"\n"):
                client.sendall(piece)
                time.sleep(0.2)
            # The connection is kept, and the next request comes in pieces as well.
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        client.sendall(2 * b"GET /health/live HTTP/1.1\r\nHost: station\r\n\r\n")
        received = b""
        while received.count(b'{"status":"live"}') < 2:
            block = client.recv(65536)
            assert block, "The second of two requests that came together has no answer."
            received += block
        assert received.count(b"HTTP/1.1 200 ") == 2
        # Who hangs up in the middle is let go.
        client.sendall(b"GET /health")
        client.shutdown(socket.SHUT_WR)
        assert answer(client) == b""


def test_senders_of_endless_bodies_hold_the_threads_for_a_moment_only_and_nothing_is_stored(
    port: int, redis: Redis, token: Token
) -> None:
    before = contents(redis)
    body = multipart(file_of(20_000))
    with ExitStack() as stack:
        slow = [connected(stack, port, upload_head(token, len(body)) + body[:1000]) for _ in range(THREADS)]
        over = threading.Event()
        stack.callback(over.set)

        def trickle() -> None:
            place = 1000
            while not over.wait(0.5):
                for client in slow:
                    try:
                        client.sendall(body[place : place + 10])
                    except OSError:
                        continue
                place += 10

        trickling = threading.Thread(target=trickle)
        trickling.start()
        asked = time.monotonic()
        assert send(port, multipart(file_of(20)), token(Role.OFFICIAL, email="b@example.org"), BATCHES)[0] == 202
        assert time.monotonic() - asked < GRACE_SECONDS + 2 * SOON
        over.set()
        trickling.join()
        for client in slow:
            assert not answer(client).startswith(b"HTTP/1.1 202")
    stored = {key for key in contents(redis) if key.startswith(b"urna:batch:")} - before.keys()
    assert len(stored) == 1


def test_a_body_that_nobody_reads_because_its_sender_may_not_send_it_holds_a_thread_for_five_seconds_at_most(
    port: int, redis: Redis
) -> None:
    head = f"POST {BATCHES} HTTP/1.1\r\nHost: station\r\nContent-Length: 1000000\r\n\r\n".encode()
    with ExitStack() as stack:
        slow = [connected(stack, port, head) for _ in range(THREADS)]
        asked = time.monotonic()
        assert send(port, b"", {}, "/health/live", method="GET")[0] == 200
        assert time.monotonic() - asked < 5 + SOON
        for client in slow:
            assert answer(client).startswith(b"HTTP/1.1 401 ")


def test_readers_who_do_not_read_hold_the_threads_for_a_moment_only(port: int, redis: Redis) -> None:
    request = b"GET /api/static/vendor/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: station\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(THREADS):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stack.enter_context(client)
            client.connect(("127.0.0.1", port))
            # More than the buffers of both sides take.
            client.sendall(20 * request)
        time.sleep(0.5)
        asked = time.monotonic()
        assert send(port, b"", {}, "/health/live", method="GET")[0] == 200
        assert time.monotonic() - asked < GRACE_SECONDS + 2 * SOON


def test_a_slow_line_that_keeps_its_pace_is_waited_for(port: int, redis: Redis, token: Token) -> None:
    body = multipart(file_of(1000))
    with ExitStack() as stack:
        client = connected(stack, port, upload_head(token, len(body)))
        for start in range(0, len(body), 10_000):
            client.sendall(body[start : start + 10_000])
            time.sleep(1.0)
        status, _, rest = client.recv(65536).partition(b"\r\n")
        assert status == b"HTTP/1.1 202 ACCEPTED"
        assert json.loads(rest.partition(b"\r\n\r\n")[2])["lines"] == 1000


def test_only_an_upload_may_be_large(port: int, redis: Redis, token: Token) -> None:
    large = multipart(b"x" * 1_100_000)
    # As an upload it is within the limit, and read: its line is wrong.
    assert send(port, large, token(Role.OFFICIAL), BATCHES)[0] == 422
    head = f"X-Large: {'a' * 9000}\r\n"
    with ExitStack() as stack:
        client = connected(stack, port, f"GET /health/live HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        assert answer(client).startswith(b"HTTP/1.1 431 ")
        client = connected(stack, port, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 40_000)
        assert answer(client).startswith(b"HTTP/1.1 431 ")
