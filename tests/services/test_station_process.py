"""The station as it runs, under gunicorn: what a client on a socket sees of large, chunked and broken uploads."""

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from redis import Redis

from benchmarks.processes import family, memory_kib
from shared.queue.connection import connect
from shared.queue.keys import QUEUED_BALLOTS
from shared.terms import Role
from tests.servers import free_port
from tests.servers.nursling import Copied
from tests.services.station import BATCHES, MULTIPART, VOTE, contents, file_of, multipart, prepare
from tests.services.tokens import Keys, Token

LIMIT = 2_000_000
# More than the buffers of the sockets take, so that a sender whose body is not read cannot be done with it.
LARGE = multipart(b"x" * 30_000_000)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        prepare(client)
        yield client


@pytest.fixture
def port(redis: Redis, redis_url: str, keys: Keys) -> Iterator[int]:
    """The port of a running station."""
    with running(redis_url, keys, LIMIT) as (port, _):
        yield port


@contextmanager
def running(redis_url: str, keys: Keys, limit: int, **settings: str) -> Iterator[tuple[int, int]]:
    """The port and the process of a running station that takes files of so many bytes."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": redis_url,
        "JWT_PUBLIC_KEY": keys.public_pem,
        "MAX_UPLOAD_BYTES": str(limit),
        "LOG_LEVEL": "error",
        "PORT": str(port),
        "WEB_WORKERS": "1",
        **settings,
    }
    command = ("gunicorn", "--config", "python:shared.web.gunicorn", "voting_station_service.app:create_app()")
    service = Copied(command, environment)
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            assert service.poll() is None, "the station has ended"
            assert time.monotonic() < deadline, "the station does not answer"
            time.sleep(0.05)
        yield port, service.pid
    finally:
        service.terminate()
        service.wait(timeout=30)


def _answers(port: int) -> bool:
    with suppress(OSError):
        return send(port, b"", {}, "/health/ready", method="GET")[0] == 200
    return False


def send(
    port: int, body: bytes, headers: dict[str, str], path: str, *, method: str = "POST", chunked: bool = False
) -> tuple[int, bytes]:
    """Send a request as a plain client does, which reads the answer only when everything is sent."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        blocks = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
        extra = {"Content-Type": MULTIPART, **({"Transfer-Encoding": "chunked"} if chunked else {})}
        client.request(
            method, path, body=blocks if chunked else body, headers={**extra, **headers}, encode_chunked=chunked
        )
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_a_sender_sees_why_a_large_upload_is_refused(port: int, redis: Redis, token: Token, chunked: bool) -> None:
    before = contents(redis)
    for path, field in ((VOTE, "message"), (BATCHES, "detail")):
        status, body = send(port, LARGE, token(Role.OFFICIAL), path, chunked=chunked)
        assert status == 413
        assert "limit" in json.loads(body)[field]
    status, body = send(port, LARGE, {}, VOTE, chunked=chunked)
    assert (status, json.loads(body)) == (401, {"msg": "Missing Authorization Header"})
    status, _ = send(port, LARGE, token(Role.VOTER), BATCHES, chunked=chunked)
    assert status == 403
    assert contents(redis) == before


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_an_upload_arrives_whole_with_a_length_or_in_chunks(
    port: int, redis: Redis, token: Token, chunked: bool
) -> None:
    status, body = send(port, multipart(file_of(40_000)), token(Role.OFFICIAL), BATCHES, chunked=chunked)
    assert (status, json.loads(body)["lines"]) == (202, 40_000)
    assert redis.get(QUEUED_BALLOTS) == b"40000"


def test_a_large_upload_takes_less_memory_than_its_file_and_gives_it_back(
    redis: Redis, redis_url: str, keys: Keys, token: Token
) -> None:
    lines = 700_000
    file = file_of(lines)
    with running(redis_url, keys, len(file)) as (port, process):
        _, worker = family(process)
        assert send(port, multipart(file_of(10)), token(Role.OFFICIAL), BATCHES)[0] == 202
        before = memory_kib(worker, "VmRSS")
        status, body = send(port, multipart(file), token(Role.OFFICIAL), BATCHES)
        assert (status, json.loads(body)["lines"]) == (202, lines)
        assert (memory_kib(worker, "VmHWM") - before) * 1024 < len(file)
        assert (memory_kib(worker, "VmRSS") - before) * 1024 < len(file) / 2


@pytest.mark.parametrize("path", [VOTE, BATCHES])
@pytest.mark.parametrize("lines", [100, 40_000])
def test_an_upload_whose_sender_goes_away_half_way_stores_nothing(
    port: int, redis: Redis, token: Token, path: str, lines: int
) -> None:
    before = contents(redis)
    body = multipart(file_of(lines))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: station\r\nAuthorization: {token(Role.OFFICIAL)['Authorization']}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    for place in (0, len(body) // 2, len(body) - 20):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(head.encode() + body[:place])
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(1000)
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 422"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(head.encode() + body[:place])
    # Still alive, and able to take the next one.
    assert send(port, body, token(Role.OFFICIAL), path)[0] in (200, 202)
    before_and_one = {key for key in contents(redis) if key.startswith(b"urna:batch:")}
    assert len(before_and_one) == 1
    assert not any(key.startswith(b"urna:batch:") for key in before)
