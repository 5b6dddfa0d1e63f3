"""What the station tells of a batch while the daemon works, up to the last sum."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from daemon import actions
from shared.queue import inspection, keys, work
from shared.queue.batches import SHOWN_LINES, PartOutcome
from shared.queue.work import DamagedPart, QueuedPart, RecordedPart
from tests.services.counting import Counting, DaemonProcess, counting
from tests.services.station import BATCHES, VOTE, Station, file_of, guid, json_of, running
from tests.services.tokens import ServiceSettings, Token

SUMS = ("received", "counted", "duplicate", "invalid", "outside", "dead_parts")


@pytest.fixture
def suite(sqlite_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(sqlite_url, redis_url, partitions=2) as made:
        yield made


@pytest.fixture
def station(suite: Counting, service_settings: ServiceSettings, token: Token) -> Iterator[Station]:
    with running(suite.redis_url, service_settings, token, prepared=False, max_part_ballots=50) as made:
        yield made


@pytest.fixture
def election(suite: Counting, station: Station) -> int:
    """An open election with three lists, which the station knows as the daemon has told it."""
    made = suite.election()
    actions.publish_elections(suite.database, suite.redis, datetime.now(UTC), timedelta(days=1))
    return made


def sums(batch: dict[str, object]) -> tuple[object, ...]:
    return tuple(batch[name] for name in SUMS)


def count(suite: Counting, number: int) -> None:
    """Count one partition to its end."""
    recorded = actions.record(suite.database, suite.claim(number), suite.front(number), datetime.now(UTC))
    work.finish(suite.redis, number, recorded)


def test_a_batch_is_queued_then_counting_then_counted(suite: Counting, station: Station, election: int) -> None:
    receipt = station.accepted(file_of(200))
    batch = station.batch(receipt["id"])
    assert batch == {
        "id": receipt["id"],
        "status": "queued",
        "election_id": election,
        "station_id": None,
        "file_name": "station-1.csv",
        "sha256": receipt["sha256"],
        "received_at": receipt["received_at"],
        "received": 200,
        "counted": 0,
        "duplicate": 0,
        "invalid": 0,
        "outside": 0,
        "dead_parts": 0,
        "refused": [],
    }
    count(suite, 0)
    half = station.batch(receipt["id"])
    assert half["status"] == "counting"
    assert 0 < half["counted"] < 200
    count(suite, 1)
    assert station.batch(receipt["id"]) == {**batch, "status": "counted", "counted": 200}
    assert suite.redis.get(keys.QUEUED_BALLOTS) == b"0"


@pytest.mark.parametrize("path", [BATCHES, VOTE])
def test_every_line_of_a_counted_batch_is_accounted_for(
    suite: Counting, station: Station, election: int, path: str
) -> None:
    lines = [f"{guid(number)},{number % 3 + 1}" for number in range(1, 101)]
    lines[10] = lines[9]
    lines[50] = f"{guid(51)},4"
    lines[99] = f"{guid(10)},99"
    assert station.send("\n".join(lines).encode(), path).status_code in (200, 202)
    suite.record_all()
    batch = station.batch(station.only_batch())
    assert sums(batch) == (100, 97, 2, 1, 0, 0)
    assert batch["refused"] == [
        {"line": 10, "guid": guid(10), "poll_number": 2, "reason": "duplicate"},
        {"line": 50, "guid": guid(51), "poll_number": 4, "reason": "invalid_poll_number"},
        {"line": 99, "guid": guid(10), "poll_number": 99, "reason": "duplicate"},
    ]


def test_ballots_outside_of_any_election_are_accounted_for(suite: Counting, station: Station) -> None:
    suite.election(begins=-7200, ends=-3600)
    assert station.send(file_of(30), VOTE).status_code == 200
    suite.record_all()
    batch = station.batch(station.only_batch())
    assert (batch["status"], sums(batch)) == ("counted", (30, 0, 0, 0, 30, 0))


def test_the_first_hundred_refused_lines_are_shown_in_the_order_of_the_file(
    suite: Counting, station: Station, election: int
) -> None:
    content = "".join(f"{guid(number)},99\n" for number in range(1, 501)).encode()
    batch = station.accepted(content)["id"]
    suite.record_all()
    found = station.batch(batch)
    assert sums(found) == (500, 0, 0, 500, 0, 0)
    assert [line["line"] for line in found["refused"]] == list(range(SHOWN_LINES))


def test_a_file_sent_twice_without_a_key_is_all_duplicates(suite: Counting, station: Station, election: int) -> None:
    first, second = station.accepted(file_of(80))["id"], station.accepted(file_of(80))["id"]
    suite.record_all()
    assert sums(station.batch(first)) == (80, 80, 0, 0, 0, 0)
    assert sums(station.batch(second)) == (80, 0, 80, 0, 0, 0)


def test_a_part_that_cannot_be_recorded_is_told_and_counted_after_its_replay(
    suite: Counting, station: Station, election: int
) -> None:
    batch = station.accepted(file_of(40))["id"]
    (part,) = suite.front(0)
    damaged = DamagedPart(part.job_id, "For the test.", batch, part.part, part.batch.received_at, part.ballots)
    actions.bury(suite.database, suite.redis, suite.claim(0), damaged, datetime.now(UTC))
    suite.record_all()
    found = station.batch(batch)
    assert (found["status"], found["dead_parts"], found["counted"]) == ("counting", 1, 40 - part.ballots)
    assert inspection.replay(suite.redis, batch, part.part) == 0
    suite.record_all()
    found = station.batch(batch)
    assert (found["status"], sums(found)) == ("counted", (40, 40, 0, 0, 0, 0))
    assert suite.redis.get(keys.QUEUED_BALLOTS) == b"0"


def test_a_batch_of_many_parts_is_counted_only_with_the_last(station: Station, suite: Counting, election: int) -> None:
    batch = station.accepted(file_of(1000))["id"]
    parts = [(number, part) for number in range(2) for part in suite.front(number)]
    assert len(parts) >= 20
    assert all(isinstance(part, QueuedPart) for _, part in parts)
    for place, (number, part) in enumerate(parts):
        assert station.batch(batch)["status"] == ("counting" if place else "queued")
        outcome = PartOutcome(part.ballots, part.ballots, 0, 0, 0)
        work.finish(suite.redis, number, [RecordedPart(part, outcome, election)])
    assert station.batch(batch)["status"] == "counted"
    assert station.batch(batch)["counted"] == 1000


def test_a_daemon_of_its_own_counts_what_the_station_has_taken_in(
    suite: Counting, station: Station, election: int, sqlite_url: str
) -> None:
    batch = station.accepted(file_of(300))["id"]
    daemon = DaemonProcess(sqlite_url, suite.redis_url, 2)
    try:
        deadline = time.monotonic() + 60
        while station.batch(batch)["status"] != "counted":
            assert time.monotonic() < deadline, "the daemon did not count the batch"
            time.sleep(0.05)
        known = json_of(station.client.get("/api/elections", headers=station.official()))["items"]
        assert [item["id"] for item in known] == [election]
    finally:
        daemon.end()
    assert sums(station.batch(batch)) == (300, 300, 0, 0, 0, 0)
    assert 0 < suite.redis.ttl(keys.batch(batch)) <= 30 * 86400
