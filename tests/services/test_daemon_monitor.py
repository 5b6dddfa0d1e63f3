"""The daemon's own port, while its stores are there and while they are not."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.queue import keys
from tests.left_out import needs
from tests.servers import MariaDB, Redis, free_port
from tests.servers.nursling import Copied
from tests.services.counting import Counting, counting, guid, new_lines
from tests.services.test_daemon_processes import until
from tests.services.test_metrics import Samples, read, value


@pytest.fixture
def database() -> Iterator[MariaDB]:
    """A database server of this test's own, which it may stop."""
    needs(MariaDB)
    with MariaDB() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    needs(Redis)
    with Redis() as server:
        yield server


@pytest.fixture
def suite(database: MariaDB, own_redis: Redis) -> Iterator[Counting]:
    with counting(database.new_database(), own_redis.url, 2) as made:
        yield made


class Daemon:
    """A real daemon with a port of its own."""

    def __init__(self, suite: Counting, port: int) -> None:
        self.port = port
        url = suite.database.engine.url.render_as_string(hide_password=False)
        settings = {"ELECTION_DATABASE_URL": url, "REDIS_URL": suite.redis_url, "PARTITIONS": str(suite.partitions)}
        settings |= {"LEASE_SECONDS": "3", "METRICS_PORT": str(port), "LOG_LEVEL": "error"}
        self.process = Copied(["daemon.app"], {**os.environ, **settings})

    def get(self, path: str) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def status(self, path: str) -> int:
        try:
            return self.get(path)[0]
        except OSError:
            return 0

    def samples(self) -> Samples:
        status, body = self.get("/metrics")
        assert status == 200
        return read(body.decode())


@contextmanager
def running(suite: Counting) -> Iterator[Daemon]:
    daemon = Daemon(suite, free_port())
    try:
        until(lambda: daemon.status("/health/ready") == 200)
        yield daemon
    finally:
        daemon.process.terminate()
        daemon.process.wait(120)


def test_a_daemon_counts_parts_and_ballots_by_what_became_of_them(suite: Counting) -> None:
    suite.election()
    with running(suite) as daemon:
        assert value(daemon.samples(), "urna_ballots_judged_total") == 0
        batches = [suite.accept([*new_lines(40), (guid(1), 1), (guid(1), 2), (guid(2), 77)])]
        until(lambda: suite.waiting() == 0)
        batches.append(suite.accept(new_lines(5, seed=9)))
        until(lambda: suite.waiting() == 0)
        found = daemon.samples()
        outcomes = {
            name: value(found, "urna_ballots_judged_total", outcome=name)
            for name in ("counted", "duplicate", "invalid", "outside")
        }
        assert outcomes == {"counted": 40 + 1 + 5, "duplicate": 1, "invalid": 1, "outside": 0}
        parts = sum(suite.status(batch).head.parts for batch in batches)
        assert value(found, "urna_parts_total", outcome="recorded") == parts
        assert value(found, "urna_parts_total", outcome="buried") == 0
        assert value(found, "urna_recording_duration_seconds_count") >= 2

        suite.redis.lpush(keys.queue(0), "no job of ours")
        until(lambda: value(daemon.samples(), "urna_dead_letters", partition="0") == 1)
        found = daemon.samples()
        assert value(found, "urna_parts_total", outcome="buried") == 1
        assert value(found, "urna_dead_letters", partition="1") == 0
        assert value(found, "urna_partitions_held") == 2
        assert found["urna_partition_worked"] == {(("partition", "0"),): 1, (("partition", "1"),): 1}


def test_while_the_database_is_away_the_daemon_lives_is_not_ready_and_its_queues_grow_old(
    suite: Counting, database: MariaDB
) -> None:
    suite.election()
    with running(suite) as daemon:
        suite.accept(new_lines(10))
        until(lambda: suite.waiting() == 0)
        found = daemon.samples()
        assert [value(found, "urna_ready", check=name) for name in ("queue", "election store")] == [1, 1]
        until(lambda: value(daemon.samples(), "urna_watermark_lag_seconds") > 0)
        database.kill()
        suite.accept(new_lines(30, seed=2))
        until(lambda: value(daemon.samples(), "urna_queue_oldest_part_age_seconds") > 1)
        away = daemon.samples()
        assert value(away, "urna_ready", check="election store") == 0
        assert value(away, "urna_ready", check="queue") == 1
        assert value(away, "urna_queued_ballots") == 30
        assert value(away, "urna_queue_parts") == 2
        assert value(away, "urna_database_errors_total", kind="away") > 0
        lag = value(away, "urna_watermark_lag_seconds", partition="1")
        until(lambda: value(daemon.samples(), "urna_watermark_lag_seconds", partition="1") > lag + 1)
        assert daemon.status("/health/live") == 200
        status, body = daemon.get("/health/ready")
        assert (status, json.loads(body)["detail"]) == (
            503,
            "Not ready: the election store cannot be used at the moment.",
        )
        database.start()
        until(lambda: daemon.status("/health/ready") == 200)
        until(lambda: suite.waiting() == 0)
        until(lambda: value(daemon.samples(), "urna_queue_oldest_part_age_seconds") == 0)


def test_while_redis_is_away_the_daemon_lives_and_is_not_ready(suite: Counting, own_redis: Redis) -> None:
    with running(suite) as daemon:
        own_redis.kill()
        until(lambda: daemon.status("/health/ready") == 503)
        assert b"the queue cannot be used" in daemon.get("/health/ready")[1]
        assert daemon.status("/health/live") == 200
        away = daemon.samples()
        assert value(away, "urna_ready", check="queue") == 0
        assert value(away, "urna_redis_errors_total", kind="away") > 0
        own_redis.start()
        until(lambda: daemon.status("/health/ready") == 200)


def test_a_caller_who_says_nothing_keeps_nobody_from_the_port_for_long(suite: Counting) -> None:
    with running(suite) as daemon:
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as silent:
            assert daemon.status("/health/live") == 200
            assert silent.recv(10) == b""
        assert daemon.status("/elsewhere") == 404


def test_a_daemon_whose_port_is_taken_says_so(suite: Counting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        daemon = Daemon(suite, taken.getsockname()[1])
        assert daemon.process.wait(60) == 2
