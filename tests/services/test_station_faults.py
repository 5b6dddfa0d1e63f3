"""The station while Redis is down, loading, full, read-only or frozen: 503, never a traceback, nothing half stored."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from shared.queue import keys
from shared.queue.connection import TIMEOUT_SECONDS
from tests.left_out import needs
from tests.servers import Redis, free_port
from tests.services.station import BATCHES, NAMED, VOTE, Station, contents, file_of, json_of, running
from tests.services.tokens import ServiceSettings, Token

ALL = pytest.mark.parametrize("path", [VOTE, BATCHES, NAMED])


@pytest.fixture
def server() -> Iterator[Redis]:
    """A Redis of the test's own, to be ill-treated."""
    needs(Redis)
    with Redis() as made:
        yield made


@pytest.fixture
def station(server: Redis, service_settings: ServiceSettings, token: Token) -> Iterator[Station]:
    with running(server.url, service_settings, token) as made:
        yield made


def assert_unavailable(answer: TestResponse, path: str) -> None:
    """An answer that says when to come again, in the form of its kind of route."""
    assert answer.status_code == 503, answer.get_data(as_text=True)
    assert int(answer.headers["Retry-After"]) > 0
    if path == VOTE:
        assert set(json_of(answer)) == {"message"}
    else:
        assert answer.content_type == "application/problem+json"
        assert json_of(answer)["status"] == 503
    assert "Traceback" not in answer.get_data(as_text=True)


def ask_everything(station: Station) -> None:
    """Every route that needs Redis says that it is away."""
    for path in (VOTE, BATCHES, NAMED):
        assert_unavailable(station.send(file_of(3), path), path)
        assert_unavailable(station.send(file_of(3), path, key="key"), path)
    for path in ("/api/elections", "/api/batches/none", "/health/ready"):
        assert_unavailable(station.client.get(path, headers=station.official()), path)
    assert station.client.get("/health/live").status_code == 200


@ALL
def test_what_was_accepted_survives_the_sudden_death_of_redis(station: Station, server: Redis, path: str) -> None:
    answer = station.send(file_of(50_000), path, key="key")
    assert answer.status_code in (200, 202)
    server.kill()
    server.start()
    batch = station.only_batch()
    found = station.status(batch)
    assert (found.head.lines, found.head.parts) == (50_000, len(station.waiting()))
    for job in station.waiting():
        assert station.redis.exists(keys.job(job), keys.payload(job)) == 2
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"50000"
    # The key is known, too: sending it again adds nothing.
    before = contents(station.redis)
    again = station.send(file_of(50_000), path, key="key")
    assert contents(station.redis) == before
    if path != VOTE:
        assert json_of(again) == {**json_of(answer), "repeated": True}


def test_receipts_go_on_increasing_over_the_death_of_redis(station: Station, server: Redis) -> None:
    first = station.accepted(file_of(1))["received_at"]
    server.kill()
    server.start()
    assert station.accepted(file_of(1, first=2))["received_at"] > first


def test_while_redis_is_down_everything_is_answered_with_503_and_afterwards_all_goes_on(
    station: Station, server: Redis
) -> None:
    station.accepted(file_of(1))
    before = contents(station.redis)
    server.stop()
    ask_everything(station)
    server.start()
    assert contents(station.redis) == before
    assert not station.accepted(file_of(3), key="key")["repeated"]


def test_a_station_starts_before_redis_does(service_settings: ServiceSettings, token: Token) -> None:
    url = f"redis://:secret@127.0.0.1:{free_port()}/0"
    with running(url, service_settings, token, prepared=False) as station:
        ask_everything(station)


def test_a_wrong_password_is_a_redis_that_is_away(
    server: Redis, service_settings: ServiceSettings, token: Token
) -> None:
    with running(server.url.replace(server.password, "wrong"), service_settings, token, prepared=False) as station:
        ask_everything(station)


def test_while_redis_loads_its_file_everything_is_answered_with_503(station: Station, server: Redis) -> None:
    for number in range(200):
        station.redis.set(f"filling:{number}", "x")
    station.accepted(file_of(3))
    with (server.directory / "redis.conf").open("a") as configuration:
        configuration.write("key-load-delay 10000\n")
    server.kill()
    starting = threading.Thread(target=server.start)
    starting.start()
    seen = set()
    try:
        while starting.is_alive():
            for path in (VOTE, BATCHES):
                answer = station.send(file_of(5, first=10), path, key=path)
                seen.add(answer.status_code)
                if answer.status_code == 503:
                    assert_unavailable(answer, path)
    finally:
        starting.join()
    assert 503 in seen
    assert seen <= {200, 202, 503}
    assert station.accepted(file_of(5, first=20))["lines"] == 5


@ALL
@pytest.mark.parametrize("lines", [1, 20_000], ids=["one ballot", "many parts"])
def test_an_upload_that_does_not_fit_into_memory_leaves_no_key_at_all(
    server: Redis, service_settings: ServiceSettings, token: Token, path: str, lines: int
) -> None:
    with running(server.url, service_settings, token, max_part_ballots=100) as station:
        station.send(file_of(1, first=900_000), VOTE)
        before = contents(station.redis)
        # Reading is still possible; the upload comes over the limit in the middle of what it sends.
        used = int(station.redis.info("memory")["used_memory"])
        station.redis.config_set("maxmemory", used + 200_000 if lines > 1 else 1)
        assert_unavailable(station.send(file_of(lines), path, key="key"), path)
        assert contents(station.redis) == before
        station.redis.config_set("maxmemory", 0)
        assert station.send(file_of(lines), path, key="key").status_code in (200, 202)
        assert station.status(_newest(station)).head.lines == lines


def _newest(station: Station) -> str:
    batches = [key.decode().rpartition(":")[2] for key in contents(station.redis) if key.startswith(b"urna:batch:")]
    return max(batches, key=lambda batch: station.status(batch).head.received_at)


@ALL
def test_a_redis_that_may_not_be_written_to_takes_nothing(station: Station, server: Redis, path: str) -> None:
    before = contents(station.redis)
    station.redis.config_set("min-replicas-to-write", 1)
    assert_unavailable(station.send(file_of(300), path, key="key"), path)
    assert contents(station.redis) == before
    station.redis.config_set("min-replicas-to-write", 0)
    station.redis.replicaof("127.0.0.1", free_port())
    assert_unavailable(station.send(file_of(300), path, key="key"), path)
    assert contents(station.redis) == before
    station.redis.replicaof("NO", "ONE")
    assert station.send(file_of(300), path, key="key").status_code in (200, 202)


def test_a_frozen_redis_is_answered_with_503_within_the_time_out(station: Station, server: Redis) -> None:
    station.accepted(file_of(1))
    before = contents(station.redis)
    server.freeze()
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda path: (path, station.send(file_of(9), path)), [VOTE, BATCHES, NAMED, VOTE]))
        assert time.monotonic() - began < TIMEOUT_SECONDS + 4
    finally:
        server.thaw()
    for path, answer in answers:
        assert_unavailable(answer, path)
    time.sleep(0.1)
    assert contents(station.redis) == before
    assert station.accepted(file_of(9))["lines"] == 9


def test_uploads_while_redis_dies_again_and_again_are_stored_whole_or_not_at_all(
    station: Station, server: Redis
) -> None:
    ended = threading.Event()
    accepted: list[tuple[str, int]] = []
    refused = 0

    def hand_in(sender: int) -> int:
        failures, number = 0, 0
        while not ended.is_set():
            number += 1
            lines = 200 + sender
            answer = station.send(file_of(lines, first=sender * 1_000_000 + number * 1000))
            if answer.status_code == 202:
                accepted.append((json_of(answer)["id"], lines))
            else:
                assert_unavailable(answer, BATCHES)
                failures += 1
                time.sleep(0.01)
        return failures

    with ThreadPoolExecutor(3) as pool:
        senders = [pool.submit(hand_in, sender) for sender in range(3)]
        for _ in range(4):
            time.sleep(0.3)
            server.kill()
            server.start()
        ended.set()
        refused = sum(sender.result() for sender in senders)
    assert accepted
    assert refused
    assert len({batch for batch, _ in accepted}) == len(accepted)
    for batch, lines in accepted:
        assert station.status(batch).head.lines == lines
    # A batch that nobody was told of may be stored, but then it is stored whole, as everything else.
    waiting = station.waiting()
    assert len(waiting) == len(set(waiting))
    total = 0
    for key in contents(station.redis):
        if key.startswith(b"urna:batch:"):
            batch = key.decode().rpartition(":")[2]
            head = station.status(batch).head
            total += head.lines
            assert sorted(job for job in waiting if job.startswith(batch)) == sorted(
                keys.job_id(batch, part) for part in range(head.parts)
            )
    assert int(station.redis.get(keys.QUEUED_BALLOTS) or 0) == total
    assert all(station.redis.exists(keys.job(job), keys.payload(job)) == 2 for job in waiting)


@ALL
def test_where_too_many_ballots_wait_the_station_takes_no_more_until_they_are_counted(
    server: Redis, service_settings: ServiceSettings, token: Token, path: str
) -> None:
    with running(server.url, service_settings, token, max_queued_ballots=10) as station:
        assert station.send(file_of(9), path, key="first").status_code in (200, 202)
        # One below the limit is enough for a file to be taken whole.
        assert station.send(file_of(5, first=100), path, key="second").status_code in (200, 202)
        before = contents(station.redis)
        answer = station.send(file_of(1, first=200), path, key="third")
        assert_unavailable(answer, path)
        assert answer.headers["Retry-After"] == "10"
        assert contents(station.redis) == before
        # What was accepted before gets its receipt nevertheless, and a bad file its reason.
        assert station.send(file_of(5, first=100), path, key="second").status_code in (200, 202)
        assert station.send(b"none,1\n", path).status_code in (400, 422)
        station.redis.set(keys.QUEUED_BALLOTS, 9)
        assert station.send(file_of(1, first=200), path, key="third").status_code in (200, 202)
