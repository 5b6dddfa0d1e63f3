"""What a process of the results service keeps: always right, the same in every process, looked up once for a crowd."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from results_service import actions, store
from results_service.actions import ground
from results_service.app import create_app
from results_service.live import Live, Watcher
from results_service.memory import Crowd, Recent
from results_service.routes import EVENTS
from shared import tallies
from shared.config import ResultsSettings
from shared.database import Database
from shared.errors import NotFound
from shared.queue.connection import connect
from shared.terms import Refusal
from tests.services.recorded import Recorded
from tests.services.tokens import ServiceSettings

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
OPEN = (NOW - HOUR, NOW + HOUR)
NO_REDIS = "redis://127.0.0.1:1/0"
SECONDS = 60


@pytest.fixture
def night(election_database_url: str) -> Iterator[Recorded]:
    recorded = Recorded(election_database_url)
    yield recorded
    recorded.close()


@pytest.fixture
def new_client(
    night: Recorded, election_database_url: str, service_settings: ServiceSettings
) -> Iterator[Callable[[], FlaskClient]]:
    """Makes services that know nothing of each other, as processes do."""
    made = []

    def make() -> FlaskClient:
        settings = service_settings(ResultsSettings, election_database_url=election_database_url, redis_url=NO_REDIS)
        app = create_app(settings)
        made.append(app)
        return app.test_client()

    yield make
    for app in made:
        app.extensions["database"].close()


def result(client: FlaskClient, election: int) -> tuple[str, dict[str, Any]]:
    """The ETag and the body."""
    answer = client.get(f"/api/elections/{election}/results")
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"], answer.get_json()


def assert_plain(night: Recorded, election: int, found: dict[str, Any]) -> None:
    """The result is the sums over all rows."""
    with night.database.reading() as session:
        votes, counts = tallies.votes(session, election), tallies.counts(session, election)
        outside = tallies.outside(session, election)
    assert {line["poll_number"]: line["votes"] for line in found["lists"]} == votes
    assert found["ballots"] == {
        "received": counts.received + outside,
        "counted": counts.counted,
        "duplicate": counts.duplicate,
        "invalid": counts.invalid,
        "outside": outside,
        "cast": counts.counted + counts.invalid,
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_result_is_the_plain_sums_after_whatever_was_recorded(
    night: Recorded, new_client: Callable[[], FlaskClient], seed: int
) -> None:
    """Parts, replayed dead letters, other owners, partitions that go, come back and are new; asked now and then."""
    chance = random.Random(seed)
    elections = [night.election(hours=OPEN), night.election(hours=OPEN)]
    buried: list[str] = []
    partitions = 2
    often, seldom = new_client(), new_client()

    def record() -> None:
        election = chance.choice(elections)
        partition = chance.randrange(partitions)
        refused = [
            (1, chance.choice([Refusal.DUPLICATE, Refusal.INVALID_POLL_NUMBER])) for _ in range(chance.randint(0, 2))
        ]
        batch = buried.pop() if buried and chance.random() < 0.5 else None
        votes = {number: chance.randint(1, 9) for number in (1, 2) if chance.random() < 0.8}
        night.part(election, votes, refused, partition=partition, received_at=NOW, batch_id=batch)

    for _ in range(20):
        match chance.randrange(8):
            case 0:
                buried.append(night.dead_letter(NOW))
            case 1:
                partitions = chance.randint(1, 4)
                night.repartition(partitions)
            case 2:
                night.part(None, outside=4, named=chance.choice(elections), partition=chance.randrange(partitions))
            case 3:
                night.drained(*[NOW] * partitions)
            case _:
                record()
        for election in elections:
            tag, found = result(often, election)
            assert_plain(night, election, found)
            if chance.random() < 0.2:
                assert result(seldom, election) == (tag, found)
    for election in elections:
        assert result(often, election) == result(seldom, election) == result(new_client(), election)


def test_a_part_outside_is_known_with_the_batch_also_if_the_first_part_was_inside(
    night: Recorded, new_client: Callable[[], FlaskClient]
) -> None:
    election = night.election(hours=OPEN)
    client = new_client()
    # The election was cancelled between the two, and the second was recorded first.
    batch = night.part(None, outside=5, number=1, partition=1, received_at=NOW, with_batch=False)
    assert result(client, election)[1]["ballots"]["outside"] == 0
    night.part(election, {1: 2}, named=election, partition=0, received_at=NOW, batch_id=batch)
    assert result(client, election) == result(new_client(), election)
    assert result(client, election)[1]["ballots"]["outside"] == 5


def test_parts_of_partitions_that_came_and_went_between_two_questions_are_counted(
    night: Recorded, new_client: Callable[[], FlaskClient]
) -> None:
    election = night.election(hours=OPEN)
    client = new_client()
    night.part(election, {1: 1}, received_at=NOW)
    assert result(client, election)[1]["valid_votes"] == 1
    night.repartition(4)
    night.part(election, {1: 5}, partition=3, received_at=NOW)
    night.repartition(2)
    assert result(client, election)[1]["valid_votes"] == 6


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_unchanged_result_costs_one_query_and_a_changed_one_as_many_for_any_number_of_parts(
    night: Recorded, new_client: Callable[[], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Geography and tally sheets are looked at once a second, however slow this machine is.
    monkeypatch.setattr(ground, "SECONDS_BETWEEN_LOOKS", SECONDS)
    election = night.election(hours=OPEN)
    client = new_client()
    statements: list[str] = []
    database: Database = client.application.extensions["database"]
    sa.event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def queries() -> list[str]:
        statements.clear()
        result(client, election)
        return [statement for statement in statements if statement != "BEGIN"]

    queries()
    (look,) = queries()
    night.part(election, {1: 1}, received_at=NOW)
    night.part(election, {1: 1}, partition=1, received_at=NOW)
    after_two_parts = queries()
    assert look == after_two_parts[0]
    assert len(after_two_parts) == 6
    for number in range(50):
        night.part(election, {1: 1_000_000, 2: 7}, [(1, Refusal.DUPLICATE)], partition=number % 2, received_at=NOW)
    assert queries() == after_two_parts
    assert queries() == [look]
    assert not [statement for statement in after_two_parts if "ballots" in statement or "payload" in statement]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_another_page_or_form_of_a_result_is_not_computed_again(
    night: Recorded, new_client: Callable[[], FlaskClient]
) -> None:
    election = night.election(hours=OPEN)
    client = new_client()
    desk = client.application.extensions["desk"]
    result(client, election)
    kept = desk.results.get(election)
    assert client.get(f"/elections/{election}").status_code == 200
    assert client.get(f"/api/elections/{election}/refused-ballots").status_code == 200
    result(client, election)
    assert desk.results.get(election) is kept


def test_only_the_values_that_were_used_last_are_kept() -> None:
    recent: Recent[int, str] = Recent(2)
    recent.keep(1, "a")
    recent.keep(2, "b")
    assert recent.get(1) == "a"
    recent.keep(3, "c")
    assert [recent.get(key) for key in (1, 2, 3)] == ["a", None, "c"]
    assert len(recent) == 2


def test_who_asks_during_a_look_shares_the_next_one() -> None:
    crowd: Crowd[str, int] = Crowd()
    looks = count(1)
    began, may_go_on = threading.Event(), threading.Event()

    def look() -> int:
        number = next(looks)
        began.set()
        assert may_go_on.wait(SECONDS)
        return number

    with ThreadPoolExecutor(20) as threads:
        first = threads.submit(crowd.ask, "a", look)
        assert began.wait(SECONDS)
        others = [threads.submit(crowd.ask, "a", look) for _ in range(10)]
        # Another question does not wait for this one.
        assert crowd.ask("b", lambda: 0) == 0
        while crowd.asking("a") < 11:
            time.sleep(0.001)
        may_go_on.set()
        assert first.result(SECONDS) == 1
        assert {other.result(SECONDS) for other in others} == {2}
    assert crowd.asking("a") == 0


def test_an_error_is_raised_to_all_who_asked_and_is_not_kept() -> None:
    crowd: Crowd[str, int] = Crowd()

    def fail() -> int:
        raise NotFound("There is none.")

    with ThreadPoolExecutor(8) as threads:
        for asked in [threads.submit(crowd.ask, "a", fail) for _ in range(8)]:
            with pytest.raises(NotFound):
                asked.result(SECONDS)
    assert crowd.ask("a", lambda: 1) == 1


@contextmanager
def live_results(url: str, **settings: Any) -> Iterator[Live]:
    """The streams of a process, without a server."""
    database = Database(url)
    store.hold_still(database.engine)
    desk = actions.Desk(database, lambda: datetime.now(UTC))
    live = Live(
        read=lambda election: actions.read_result(desk, election),
        redis=connect(NO_REDIS),
        limit=10,
        is_stopping=lambda: False,
        **settings,
    )
    yield live
    live.stop()
    database.close()


def votes_in(event: bytes) -> int:
    """The valid votes that an event tells."""
    return int(event.partition(b'"valid_votes":')[2].partition(b",")[0])


@pytest.mark.parametrize("engine", ["sqlite"])
def test_for_who_reads_slowly_only_the_newest_event_is_kept(night: Recorded, election_database_url: str) -> None:
    election = night.election(hours=OPEN)
    with live_results(election_database_url) as live:
        slow, quick = live.watch(election, EVENTS, None, None), live.watch(election, EVENTS, None, None)
        assert votes_in(next(slow)) == votes_in(next(quick)) == 0
        for total in (1, 2, 3):
            night.part(election, {1: 1}, received_at=NOW)
            newest = next(quick)
            assert votes_in(newest) == total
        # The very bytes that the others were sent.
        assert next(slow) is newest
        slow.close()
        quick.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_silent_stream_is_kept_alive(night: Recorded, election_database_url: str) -> None:
    election = night.election(hours=OPEN)
    with live_results(election_database_url, heartbeat_seconds=0.05) as live:
        watcher = live.watch(election, EVENTS, None, None)
        next(watcher)
        assert [next(watcher) for _ in range(3)] == [b":\n\n"] * 3
        watcher.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_who_has_stopped_reading_is_cut_off(night: Recorded, election_database_url: str) -> None:
    election = night.election(hours=OPEN)
    server, client = socket.socketpair()

    def serve(watcher: Watcher) -> None:
        for chunk in watcher:
            # Far more than a connection takes up for somebody who does not read.
            server.sendall(chunk * 1_000_000)

    with live_results(election_database_url, heartbeat_seconds=0.05) as live, client, server:
        watcher = live.watch(election, EVENTS, None, server)
        with ThreadPoolExecutor(1) as threads, pytest.raises(OSError, match="Broken pipe"):
            threads.submit(serve, watcher).result(SECONDS)
        watcher.close()
