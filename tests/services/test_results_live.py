"""The stream of a result, from a real server with real readers, a real store and a real Redis."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from results_service.rules.holding_back import UNTIL_FINAL
from shared.queue import keys as queue_keys
from shared.schema.election import CANCELLED, DRAFT, Election
from shared.terms import Refusal
from tests.left_out import needs
from tests.servers import Redis, SQLite
from tests.services.casting import key_text
from tests.services.recorded import JMBG, Recorded
from tests.services.results import SECONDS, Results, running_results
from tests.services.tokens import Keys

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def open_election(night: Recorded, names: tuple[str, ...] = ("Left", "Right")) -> int:
    return night.election(names, hours=(now() - HOUR, now() + HOUR))


def publish(redis_server: Redis, *elections: int) -> None:
    """Say what a daemon says."""
    with redis_server.client() as client:
        client.publish(queue_keys.CHANGED, ",".join(map(str, elections)))


@pytest.fixture(scope="module")
def store_url(sqlite_files: SQLite) -> Iterator[str]:
    url = sqlite_files.new_database()
    yield url
    sqlite_files.drop_database(url)


@pytest.fixture(scope="module")
def night(store_url: str) -> Iterator[Recorded]:
    recorded = Recorded(store_url)
    yield recorded
    recorded.close()


@pytest.fixture(scope="module")
def service(night: Recorded, store_url: str, redis_server: Redis, keys: Keys) -> Iterator[Results]:
    """One for all tests that do not end it; each has elections of its own."""
    with running_results(store_url, redis_server.url, keys.public_pem) as running:
        yield running


def test_a_watcher_is_told_the_present_state_at_once_and_nothing_else(night: Recorded, service: Results) -> None:
    election = open_election(night, ("Liste „A“", "B\ndata: C"))
    night.part(election, {1: 30, 2: 10}, [(1, Refusal.DUPLICATE), (9, Refusal.INVALID_POLL_NUMBER)], received_at=now())
    night.part(None, outside=3, named=election, received_at=now())
    night.drained(now(), now())
    with service.watching(election) as stream:
        assert stream.answer.status == 200
        assert stream.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.line().startswith("retry: ")
        event = stream.event()
    _, headers, body = service.get(f"/api/elections/{election}/results")
    result = json.loads(body)
    assert f'"{event.id}"' == headers["ETag"]
    assert event.data == {
        "election_id": election,
        "state": "open",
        "certainty": "provisional",
        "counted_until": result["counted_until"],
        "ballots": {"received": 45, "counted": 40, "duplicate": 1, "invalid": 1, "outside": 3, "cast": 41},
        "valid_votes": 40,
        "held_back": None,
        "lists": [
            {"poll_number": 1, "name": "Liste „A“", "votes": 30, "share": "0.7500", "seats": 188},
            {"poll_number": 2, "name": "B\ndata: C", "votes": 10, "share": "0.2500", "seats": 62},
        ],
        "stations": {"counted": 0, "total": 0},
    }
    assert JMBG not in event.text
    assert "official" not in event.text


def test_each_change_is_told_to_all_who_watch_and_to_nobody_else(
    night: Recorded, service: Results, redis_server: Redis
) -> None:
    election, other = open_election(night), open_election(night)
    with ExitStack() as stack:
        streams = [stack.enter_context(service.watching(election)) for _ in range(5)]
        stream_of_other = stack.enter_context(service.watching(other))
        for stream in (*streams, stream_of_other):
            assert stream.event().data["valid_votes"] == 0
        for total in (1, 2, 3):
            night.part(election, {1: 1}, received_at=now())
            publish(redis_server, election)
            assert len({stream.event_with(valid_votes=total) for stream in streams}) == 1
        night.part(other, {2: 9}, received_at=now())
        # The first that it hears is its own change.
        assert stream_of_other.event().data["lists"][1]["votes"] == 9


def test_of_voters_own_ballots_a_watcher_is_told_how_many_there_are_and_the_votes_when_all_are_counted(
    night: Recorded, service: Results
) -> None:
    election = night.election(hours=(now() - HOUR, now() + HOUR), ballot_key=key_text())
    with service.watching(election) as stream:
        first = stream.event()
        assert first.data["held_back"] == {"why": UNTIL_FINAL, "until": first.data["held_back"]["until"]}
        night.part(election, {2: 3}, received_at=now())
        event = stream.event_with(valid_votes=3)
        assert (event.data["lists"], event.data["state"]) == ([], "open")
        with night.database.writing() as session:
            session.get_one(Election, election).end = now()
        event = stream.event_with(state="counting")
        assert event.data["lists"] == []
        night.drained(now(), now())
        event = stream.event_with(certainty="final")
        assert event.data["held_back"] is None
        assert [line["votes"] for line in event.data["lists"]] == [0, 3]


def test_a_change_that_nobody_published_is_told_too(night: Recorded, service: Results) -> None:
    election = open_election(night)
    with service.watching(election) as stream:
        stream.event()
        night.part(election, {1: 1}, received_at=now())
        assert stream.event().data["valid_votes"] == 1


def test_changes_in_quick_succession_are_told_together_and_computed_once_for_all_watchers(
    night: Recorded, service: Results, redis_server: Redis
) -> None:
    election = open_election(night)
    with ExitStack() as stack:
        streams = [stack.enter_context(service.watching(election)) for _ in range(20)]
        for stream in streams:
            stream.event()
        began = time.monotonic()
        for _ in range(60):
            night.part(election, {1: 1}, received_at=now())
            publish(redis_server, election)
        for stream in streams:
            stream.event_with(valid_votes=60)
        seconds = time.monotonic() - began
    # However long that took on this machine: one at once, and then one a second at most.
    events = service.logged("event", election)
    assert len(events) <= 2 + seconds
    assert len(service.logged("result computed", election)) == 1 + len(events)


def test_an_election_that_opens_ends_and_becomes_final_says_so_without_any_ballot(
    night: Recorded, service: Results
) -> None:
    start = now() + timedelta(seconds=3)
    election = night.election(hours=(start, start + timedelta(seconds=3)))
    night.drained(now(), now())
    with service.watching(election) as stream:
        assert stream.event().data["state"] == "scheduled"
        stream.event_with(state="open", certainty="provisional")
        stream.event_with(state="counting", certainty="provisional")
        night.drained(now() + HOUR, now() + HOUR)
        stream.event_with(state="final", certainty="final")


def test_what_an_administrator_changes_is_told(night: Recorded, service: Results) -> None:
    election = open_election(night)
    with service.watching(election) as stream:
        stream.event()
        with night.database.writing() as session:
            session.get_one(Election, election).stage = CANCELLED
        assert stream.event().data["certainty"] == "void"


def test_who_comes_back_with_the_newest_event_is_not_told_it_again(night: Recorded, service: Results) -> None:
    election = open_election(night)
    with service.watching(election) as stream:
        newest = stream.event().id
    with service.watching(election, seen=newest) as stream:
        assert stream.line().startswith("retry: ")
        night.part(election, {1: 1}, received_at=now())
        assert stream.event().data["valid_votes"] == 1
    with service.watching(election, seen=newest) as stream:
        assert stream.event().data["valid_votes"] == 1


def test_streams_go_on_without_redis_and_hear_of_changes_again_when_it_is_back(
    night: Recorded, store_url: str, keys: Keys
) -> None:
    election = open_election(night)
    # A Redis of its own, because others listen at the worker's, and nobody may take that away from them.
    needs(Redis)
    with (
        Redis() as redis,
        running_results(store_url, redis.url, keys.public_pem) as service,
        service.watching(election) as stream,
    ):
        stream.event()
        redis.kill()
        service.wait_until_logged("no news of changes")
        night.part(election, {1: 1}, received_at=now())
        assert stream.event().data["valid_votes"] == 1
        with service.watching(election) as another:
            assert another.event().data["valid_votes"] == 1
        redis.start()
        deadline = time.monotonic() + SECONDS
        with redis.client() as client:
            while client.pubsub_numsub(queue_keys.CHANGED) != [(queue_keys.CHANGED, 1)]:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        night.part(election, {1: 1}, received_at=now())
        assert stream.event().data["valid_votes"] == 2


def test_who_does_not_read_holds_nobody_up(night: Recorded, service: Results, redis_server: Redis) -> None:
    election = open_election(night, tuple(f"{number} {'x' * 240}" for number in range(50)))
    with ExitStack() as stack, service.watching(election) as stream:
        for _ in range(10):
            silent = stack.enter_context(socket.socket())
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            silent.connect(("127.0.0.1", service.port))
            silent.sendall(f"GET /api/elections/{election}/live HTTP/1.1\r\nHost: results\r\n\r\n".encode())
        for total in (1, 2, 3):
            night.part(election, {1: 1}, received_at=now())
            publish(redis_server, election)
            stream.event_with(valid_votes=total)


def test_streams_end_when_the_service_is_asked_to_end(
    night: Recorded, store_url: str, redis_server: Redis, keys: Keys
) -> None:
    election = open_election(night)
    with (
        running_results(store_url, redis_server.url, keys.public_pem) as service,
        service.watching(election) as stream,
        socket.socket() as silent,
    ):
        stream.event()
        silent.connect(("127.0.0.1", service.port))
        silent.sendall(f"GET /api/elections/{election}/live HTTP/1.1\r\nHost: results\r\n\r\n".encode())
        assert silent.recv(1)
        service.process.terminate()
        # As an answer that is complete, not as one that broke off, which would raise.
        assert stream.has_ended()
        assert service.process.wait(timeout=SECONDS) == 0
        assert "graceful timeout" not in service.log.read_text()


def test_so_many_may_watch_and_who_leaves_makes_room_at_once(
    night: Recorded, store_url: str, redis_server: Redis, keys: Keys
) -> None:
    election = open_election(night)
    with (
        running_results(store_url, redis_server.url, keys.public_pem, LIVE_WATCHERS="2") as service,
        service.watching(election) as first,
    ):
        first.event()
        with service.watching(election) as second:
            second.event()
            with service.watching(election) as refused:
                assert refused.answer.status == 503
                assert refused.answer.headers["Retry-After"]
                assert json.loads(refused.answer.read())["detail"].startswith("Too many watch")
            # Who does not watch is not concerned.
            assert service.get(f"/api/elections/{election}/results")[0] == 200
            assert service.get(f"/api/elections/{election}/live", "HEAD")[0] == 200
        deadline = time.monotonic() + SECONDS
        while True:
            with service.watching(election) as third:
                if third.answer.status == 200:
                    assert third.event()
                    break
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_who_asks_for_the_headers_alone_gets_them_and_does_not_watch(
    night: Recorded, store_url: str, redis_server: Redis, keys: Keys
) -> None:
    election = open_election(night)
    with running_results(store_url, redis_server.url, keys.public_pem, LIVE_WATCHERS="1") as service:
        for _ in range(3):
            status, headers, body = service.get(f"/api/elections/{election}/live", "HEAD")
            assert (status, headers["Content-Type"], body) == (200, "text/event-stream; charset=utf-8", b"")
        with service.watching(election) as stream:
            assert stream.event()


def test_drafts_and_unknown_elections_cannot_be_watched(night: Recorded, service: Results) -> None:
    draft = night.election(hours=(now(), now() + HOUR), stage=DRAFT)
    for election in (draft, 999, 2**40):
        for method in ("GET", "HEAD"):
            status, headers, _ = service.get(f"/api/elections/{election}/live", method)
            assert (status, headers["Content-Type"]) == (404, "application/problem+json")


def test_a_store_that_is_away_refuses_who_comes_and_keeps_who_watches(night: Recorded, service: Results) -> None:
    election, other = open_election(night), open_election(night)
    with service.watching(election) as stream:
        stream.event()
        with night.database.writing() as session:
            session.execute(sa.text("ALTER TABLE partitions RENAME TO elsewhere"))
        service.wait_until_logged("not looked")
        status, headers, _ = service.get(f"/api/elections/{other}/live")
        assert status == 503
        assert headers["Retry-After"]
        with night.database.writing() as session:
            session.execute(sa.text("ALTER TABLE elsewhere RENAME TO partitions"))
        night.part(election, {1: 1}, received_at=now())
        assert stream.event().data["valid_votes"] == 1
