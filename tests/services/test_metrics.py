"""What services give out at ``/metrics``: right over all processes of a server, bounded, told also without a store."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis as RedisClient

from benchmarks.processes import family
from results_service.app import create_app as create_results
from shared import metrics
from shared.config import ResultsSettings
from shared.database import Database
from shared.errors import Unavailable
from shared.queue.connection import connect
from shared.terms import Role
from tests.left_out import needs
from tests.servers import MariaDB, Redis
from tests.services.recorded import Recorded
from tests.services.station import BATCHES, NAMED, VOTE, file_of, multipart, prepare
from tests.services.test_daemon_processes import until
from tests.services.test_station_process import running, send
from tests.services.tokens import Keys, ServiceSettings, Token

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def read(text: str) -> Samples:
    """The samples of an exposition by name and labels."""
    found: Samples = {}
    for one in text_string_to_metric_families(text):
        for sample in one.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def scraped(port: int) -> Samples:
    status, body = send(port, b"", {}, "/metrics", method="GET")
    assert status == 200
    return read(body.decode())


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum over the series that have these labels."""
    wanted = set(labels.items())
    return sum(number for its, number in samples.get(name, {}).items() if wanted <= set(its))


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis of this test's own, which it may stop."""
    needs(Redis)
    with Redis() as server, connect(server.url) as client:
        prepare(client)
        yield server


def test_the_processes_of_a_station_answer_for_all_of_them_and_the_next_start_begins_anew(
    own_redis: Redis, keys: Keys, token: Token, tmp_path: Path
) -> None:
    official = token(Role.OFFICIAL)
    settings = {"WEB_WORKERS": "2", "METRICS_DIR": str(tmp_path / "metrics")}
    with running(own_redis.url, keys, 1_000_000, **settings) as (port, server):
        before = scraped(port)
        assert value(before, "urna_uploads_total") == 0
        assert {dict(labels)["outcome"] for labels in before["urna_uploads_total"]} == set(metrics.Uploads.OUTCOMES)
        for number in range(12):
            assert send(port, multipart(file_of(5, first=5 * number + 1)), official, BATCHES)[0] == 202
        key = {**official, "Idempotency-Key": "again"}
        for path in (NAMED, NAMED):
            assert send(port, multipart(file_of(3, first=100)), key, path)[0] == 202
        assert send(port, multipart(b"not a ballot\n"), official, NAMED)[0] == 422
        assert send(port, multipart(b""), official, VOTE)[0] == 200
        for _ in range(4):
            after = scraped(port)
            outcomes = {name: value(after, "urna_uploads_total", outcome=name) for name in metrics.Uploads.OUTCOMES}
            assert outcomes == {
                "accepted": 13,
                "repeated": 1,
                "empty": 1,
                "refused": 1,
                "limited": 0,
                "unavailable": 0,
            }
            assert value(after, "urna_ballots_received_total") == 12 * 5 + 3
            asked = {"method": "POST", "route": "/api/batches"}
            assert value(after, "urna_http_requests_total", **asked, status="202") == 12
            assert value(after, "urna_http_request_duration_seconds_count", **asked) == 12
            assert value(after, "urna_http_requests_in_flight") == 1, "This one."
            assert value(after, "urna_queued_ballots") == 12 * 5 + 3
            assert value(after, "urna_ready", check="queue") == 1

        # A worker that dies, in the middle of a request, takes nothing along but what it had in hands.
        with socket.create_connection(("127.0.0.1", port), timeout=30) as half:
            half.sendall(
                f"POST {BATCHES} HTTP/1.1\r\nHost: station\r\nAuthorization: {official['Authorization']}\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n".encode()
            )
            until(lambda: value(scraped(port), "urna_http_requests_in_flight") == 2)
            for worker in family(server)[1:]:
                os.kill(worker, signal.SIGKILL)
            until(lambda: _in_flight(port) == 1)
        assert value(scraped(port), "urna_ballots_received_total") == 12 * 5 + 3
    with running(own_redis.url, keys, 1_000_000, **settings) as (port, _):
        assert value(scraped(port), "urna_uploads_total") == 0


def _in_flight(port: int) -> float:
    try:
        return value(scraped(port), "urna_http_requests_in_flight")
    except (OSError, http.client.HTTPException):
        # The workers are being replaced.
        return -1


def test_no_label_holds_what_a_caller_can_choose(own_redis: Redis, keys: Keys, token: Token) -> None:
    official = token(Role.OFFICIAL, email="marked@example.org")
    with running(own_redis.url, keys, 1_000_000) as (port, _):
        receipt = send(port, multipart(file_of(3)), {**official, "X-Request-ID": "marked-request"}, BATCHES)
        assert receipt[0] == 202
        batch = re.findall(rb'"id":"([0-9a-f]{32})"', receipt[1])[0].decode()
        for method, path in (
            ("GET", f"/api/batches/{batch}"),
            ("GET", "/marked-path?token=marked"),
            ("MARKED", "/api/elections"),
            ("DELETE", "/vote"),
            ("GET", "/api/batches/marked"),
            ("POST", "/api/elections/987654321/batches"),
        ):
            send(port, b"", {**official, "User-Agent": "marked"}, path, method=method)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"MARKED this is no request\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        text = send(port, b"", {}, "/metrics", method="GET")[1].decode()
    assert "marked" not in text.lower()
    assert batch not in text
    assert "987654321" not in text
    found = read(text)
    requests = [dict(labels) for labels in found["urna_http_requests_total"]]
    assert {one["method"] for one in requests} <= {"GET", "POST", "DELETE", "other"}
    assert {"none", "unreadable", "/api/batches/<string:batch_id>", "/vote"} >= {
        one["route"] for one in requests if one["method"] in ("DELETE", "other")
    }
    assert {"method": "other", "route": "unreadable", "status": "400"} in requests
    # And every name is ours, or says so.
    assert all(name.startswith("urna_") for name in found)


def test_a_station_tells_that_redis_is_away_and_answers_also_while_it_stands_still(
    own_redis: Redis, keys: Keys, token: Token
) -> None:
    official = token(Role.OFFICIAL)
    with running(own_redis.url, keys, 1_000_000) as (port, _):
        assert value(scraped(port), "urna_ready", check="queue") == 1
        assert value(scraped(port), "urna_redis_errors_total") == 0
        own_redis.freeze()
        try:
            began = time.monotonic()
            frozen = scraped(port)
            took = time.monotonic() - began
            assert value(frozen, "urna_ready", check="queue") == 0
            assert "urna_queued_ballots" not in frozen, "What nobody can see is not told."
            # As long as a look takes, whatever is looked at, and not as long as Redis itself would be waited for.
            assert took >= metrics.LOOK_SECONDS
            assert took < 4 * metrics.LOOK_SECONDS
        finally:
            own_redis.thaw()
        until(lambda: value(scraped(port), "urna_ready", check="queue") == 1)
        own_redis.kill()
        assert send(port, multipart(file_of(3)), official, BATCHES)[0] == 503
        away = scraped(port)
        assert value(away, "urna_ready", check="queue") == 0
        assert value(away, "urna_redis_errors_total", kind="away") >= 2
        assert value(away, "urna_uploads_total", outcome="unavailable") == 1
        assert send(port, b"", {}, "/health/live", method="GET")[0] == 200
        assert send(port, b"", {}, "/health/ready", method="GET")[0] == 503
        own_redis.start()
        until(lambda: send(port, b"", {}, "/health/ready", method="GET")[0] == 200)
        assert value(scraped(port), "urna_ready", check="queue") == 1


def test_a_full_redis_is_told_apart_from_one_that_is_away(own_redis: Redis, keys: Keys, token: Token) -> None:
    with running(own_redis.url, keys, 1_000_000) as (port, _), RedisClient.from_url(own_redis.url) as administrator:
        administrator.config_set("maxmemory", "1")
        assert send(port, multipart(file_of(3)), token(Role.OFFICIAL), BATCHES)[0] == 503
        found = scraped(port)
        assert value(found, "urna_redis_errors_total", kind="full") == 1
        assert value(found, "urna_redis_errors_total") == 1


def test_errors_of_a_database_are_counted_by_what_they_mean() -> None:
    needs(MariaDB)
    with MariaDB() as server:
        database = Database(server.new_database())

        def counted(kind: str) -> float:
            return value(read(metrics.exposition().decode()), "urna_database_errors_total", kind=kind)

        before = {kind: counted(kind) for kind in ("away", "race", "refused")}
        with pytest.raises(sa.exc.ProgrammingError), database.reading() as session:
            session.execute(sa.text("SELECT * FROM nowhere"))
        assert (counted("refused"), counted("away")) == (before["refused"] + 1, before["away"])
        server.kill()
        with pytest.raises(Unavailable), database.reading() as session:
            session.execute(sa.text("SELECT 1"))
        assert not database.is_reachable()
        assert counted("away") == before["away"] + 2
        assert (counted("race"), counted("refused")) == (before["race"], before["refused"] + 1)
        database.close()


def test_open_streams_are_counted_until_their_readers_leave(
    sqlite_url: str, redis_url: str, service_settings: ServiceSettings
) -> None:
    settings = service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=redis_url, live_watchers=7)
    recorded = Recorded(sqlite_url)
    election = recorded.election()
    app = create_results(settings)
    try:
        client = app.test_client()

        def watching() -> float:
            return value(read(client.get("/metrics").get_data(as_text=True)), "urna_live_watchers")

        before = watching()
        streams = [client.get(f"/api/elections/{election}/live") for _ in range(3)]
        for stream in streams:
            next(iter(stream.response))
        assert watching() == before + 3
        for stream in streams:
            stream.close()
        assert watching() == before
    finally:
        app.extensions["live"].stop()
        app.extensions["database"].close()
        recorded.close()


def test_threads_that_ask_for_a_group_at_the_same_moment_get_the_same_one() -> None:
    """In a process of its own, where nothing has been counted yet."""
    program = """
import sys, threading
from shared import metrics
sys.setswitchinterval(1e-6)
groups = ("requests", "uploads", "counting", "watchers", "database_errors", "redis_errors", "unexpected_errors")
for name in groups:
    start, found = threading.Barrier(16), []
    def ask():
        start.wait()
        found.append(getattr(metrics, name)())
    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16, name
    assert len(set(map(id, found))) == 1, name
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (outcome.returncode, outcome.stderr) == (0, "")
