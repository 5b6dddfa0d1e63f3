"""How a service ends, with a real gunicorn on real sockets: who is in it is served, who comes later is refused."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from shared.queue.connection import connect
from tests.services.station import file_of, multipart, prepare
from tests.services.test_slow_callers import answer, connected, upload_head
from tests.services.test_station_process import running
from tests.services.tokens import Keys, Token

_PATIENCE = 20.0


@pytest.fixture
def station(redis_url: str, keys: Keys) -> Iterator[tuple[int, int]]:
    """Port and process of a station with two workers, each of which holds the socket that takes connections."""
    with connect(redis_url) as client:
        prepare(client)
        with running(redis_url, keys, 2_000_000, WEB_WORKERS="2") as found:
            yield found


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return True
    return False


def test_a_service_that_ends_answers_what_is_in_flight_and_refuses_whoever_comes(
    station: tuple[int, int], token: Token
) -> None:
    port, process = station
    body = multipart(file_of(1000))
    with ExitStack() as stack:
        in_flight = connected(stack, port, upload_head(token, len(body)) + body[:100])
        # Until a worker has it in hands.
        time.sleep(1.0)
        assert not _is_refused(port)
        os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE / 2
        while not _is_refused(port):
            assert time.monotonic() < deadline, "While it ends it still takes connections, which nobody serves."
            time.sleep(0.1)
        in_flight.sendall(body[100:])
        status, _, rest = answer(in_flight).partition(b"\r\n")
    assert status == b"HTTP/1.1 202 ACCEPTED"
    assert json.loads(rest.partition(b"\r\n\r\n")[2])["lines"] == 1000


def test_whoever_was_connected_when_the_end_began_is_served(station: tuple[int, int], token: Token) -> None:
    port, process = station
    body = multipart(file_of(10))
    with ExitStack() as stack:
        # The workers do nothing while they are stopped, so that these wait in the system's queue when the end begins.
        workers = [int(one) for one in _children(process)]
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        waiting = [connected(stack, port, upload_head(token, len(body)) + body) for _ in range(5)]
        os.kill(process, signal.SIGTERM)
        time.sleep(0.5)
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        answers = [answer(client) for client in waiting]
    assert [one.partition(b"\r\n")[0] for one in answers] == [b"HTTP/1.1 202 ACCEPTED"] * 5


def _children(process: int) -> list[str]:
    with open(f"/proc/{process}/task/{process}/children") as file:
        return file.read().split()
