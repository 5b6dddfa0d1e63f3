"""What the station takes in, what it answers, and for which elections."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.queue import keys, snapshot, work
from shared.queue.work import QueuedPart
from shared.terms import Role
from tests.services.station import (
    BATCHES,
    COMING,
    NAMED,
    OPEN,
    OVER,
    VOTE,
    Station,
    contents,
    file_of,
    guid,
    json_of,
    known,
)

API = pytest.mark.parametrize("path", [BATCHES, NAMED])
ALL = pytest.mark.parametrize("path", [VOTE, BATCHES, NAMED])


def ballots(station: Station) -> list[tuple[int, str, int]]:
    """Everything that waits: line, GUID and poll number."""
    found = []
    for number in range(2):
        for part in work.front(station.redis, number, jobs=10_000, ballots=10_000_000):
            assert isinstance(part, QueuedPart), part
            for place, line in enumerate(part.contents.lines):
                value = part.contents.guids[16 * place : 16 * place + 16]
                found.append((line, str(UUID(bytes=value)), part.contents.poll_numbers[place]))
    return sorted(found)


@API
def test_an_accepted_file_is_answered_with_a_receipt(station: Station, path: str) -> None:
    content = file_of(7)
    before = datetime.now(UTC) - timedelta(seconds=1)
    answer = station.send(content, path)
    receipt = json_of(answer)
    assert answer.status_code == 202
    received_at = datetime.fromisoformat(receipt["received_at"])
    assert before < received_at < before + timedelta(seconds=30)
    assert receipt == {
        "id": station.only_batch(),
        "election_id": OPEN,
        "station_id": None,
        "sha256": hashlib.sha256(content).hexdigest(),
        "lines": 7,
        "received_at": receipt["received_at"],
        "repeated": False,
    }
    assert received_at.tzinfo is not None
    assert answer.headers["Location"] == f"/api/batches/{receipt['id']}"
    shown = station.client.get(answer.headers["Location"], headers=station.official())
    assert json_of(shown)["received_at"] == receipt["received_at"]


def test_an_accepted_file_is_answered_with_nothing_on_the_classic_route(station: Station) -> None:
    answer = station.send(file_of(7), VOTE)
    assert (answer.status_code, answer.data) == (200, b"")
    status = station.status(station.only_batch())
    assert (status.head.lines, status.head.election_id) == (7, None)


@ALL
def test_what_waits_is_what_the_file_says(station: Station, path: str) -> None:
    assert station.send(file_of(500), path).status_code in (200, 202)
    assert ballots(station) == [(line, guid(line + 1), (line + 1) % 3 + 1) for line in range(500)]
    head = station.status(station.only_batch()).head
    assert (head.official_email, head.official_jmbg) == ("official1@example.org", "0101994704401")
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"500"


WELL_FORMED = {
    "a byte order mark": f"\ufeff{guid(1)},1\n{guid(2)},2\n",
    "CRLF": f"{guid(1)},1\r\n{guid(2)},2\r\n",
    "a lone CR": f"{guid(1)},1\r{guid(2)},2\r",
    "no line end": f"{guid(1)},1\n{guid(2)},2",
    "blanks": f" {guid(1)} , 1 \n\t{guid(2)}\t,\t2\t\n",
    "quotes": f'"{guid(1)}","1"\n{guid(2)},"2"\n',
    "capitals": f"{guid(1).upper()},1\n{guid(2).upper()},2\n",
    "GUIDs without hyphens": f"{guid(1).replace('-', '')},1\n{guid(2).replace('-', '')},2\n",
    "leading zeros": f"{guid(1)},01\n{guid(2)},002\n",
}


@ALL
@pytest.mark.parametrize("content", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_a_file_means_the_same_however_it_is_written(station: Station, path: str, content: str) -> None:
    assert station.send(content.encode(), path).status_code in (200, 202)
    assert ballots(station) == [(0, guid(1), 1), (1, guid(2), 2)]


def test_the_same_guid_twice_in_a_file_and_unknown_poll_numbers_are_for_the_daemon_to_judge(station: Station) -> None:
    station.accepted(f"{guid(1)},1\n{guid(1)},2\n{guid(2)},99\n{guid(3)},999999999999999999\n".encode())
    assert ballots(station) == [(0, guid(1), 1), (1, guid(1), 2), (2, guid(2), 99), (3, guid(3), 999999999999999999)]


@ALL
@pytest.mark.parametrize("lines", [13_200, 52_000], ids=["around the size that is kept in memory", "two megabytes"])
def test_a_large_file_is_read_from_its_file(station: Station, path: str, lines: int) -> None:
    content = file_of(lines)
    assert len(content) > 500 * 1024
    began = time.monotonic()
    assert station.send(content, path).status_code in (200, 202)
    assert time.monotonic() - began < 20
    found = ballots(station)
    assert len(found) == lines
    assert [found[line] for line in (0, 1, lines - 1)] == [
        (line, guid(line + 1), (line + 1) % 3 + 1) for line in (0, 1, lines - 1)
    ]
    head = station.status(station.only_batch()).head
    assert (head.lines, head.sha256) == (lines, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("station-1.csv", "station-1.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\\\ballots\\\\Београд 1.csv", "Београд 1.csv"),
        ("/", ""),
        ("a\x00b\x07c.csv", "abc.csv"),
        ("evil\u202evsc.exe", "evilvsc.exe"),
        ("<script>alert(1)</script>", "script>"),
        ("x" * 5000, "x" * 256),
        ("=cmd|'calc'!A1.csv", "=cmd|'calc'!A1.csv"),
        ("", ""),
    ],
)
def test_a_hostile_file_name_does_no_harm(station: Station, sent: str, kept: str) -> None:
    receipt = station.accepted(file_of(2), name=sent)
    assert station.batch(receipt["id"])["file_name"] == kept


def test_receipts_strictly_increase(station: Station) -> None:
    received = [station.accepted(file_of(1, first=number))["received_at"] for number in range(1, 20)]
    moments = [datetime.fromisoformat(moment) for moment in received]
    assert moments == sorted(set(moments))


def test_a_receipt_is_never_earlier_than_what_was_said_to_be_counted(station: Station) -> None:
    future = datetime.now(UTC) + timedelta(hours=5)
    work.seed_clock(station.redis, future)
    first, second = (station.accepted(file_of(1, first=number))["received_at"] for number in (1, 2))
    assert future < datetime.fromisoformat(first) < datetime.fromisoformat(second)


@pytest.mark.parametrize(
    ("election", "status", "sentence"),
    [
        (COMING, 409, "The election has not begun yet; nothing was stored."),
        (OVER, 409, "The election has ended; nothing was stored."),
        (99, 404, "No published election has this number, or it was cancelled."),
    ],
)
def test_a_file_for_an_election_that_is_not_open_is_refused_at_once(
    station: Station, election: int, status: int, sentence: str
) -> None:
    before = contents(station.redis)
    answer = station.send(file_of(3), f"/api/elections/{election}/batches")
    assert answer.status_code == status
    assert json_of(answer)["detail"] == sentence
    assert contents(station.redis) == before


def test_a_cancelled_election_is_not_known_any_more(station: Station) -> None:
    snapshot.write(station.redis, [known(OVER, -3, -2)])
    answer = station.send(file_of(3), NAMED)
    assert (answer.status_code, json_of(answer)["detail"]) == (
        404,
        "No published election has this number, or it was cancelled.",
    )


def test_an_election_is_open_from_its_start_on_and_no_longer_at_its_end(station: Station) -> None:
    begins = snapshot.KnownElection(7, "", "parliamentary", 1, 1_000_000, 2_000_000, [1])
    assert [begins.is_open(keys.from_microseconds(at)) for at in (999_999, 1_000_000, 1_999_999, 2_000_000)] == [
        False,
        True,
        True,
        False,
    ]
    snapshot.write(station.redis, [known(OPEN, -1, 0.4 / 3600)])
    assert station.send(file_of(1), NAMED).status_code == 202
    time.sleep(0.5)
    assert station.send(file_of(1, first=2), NAMED).status_code == 409
    snapshot.write(station.redis, [known(OPEN, 0.3 / 3600, 1)])
    assert station.send(file_of(1, first=3), NAMED).status_code == 409
    time.sleep(0.4)
    assert station.send(file_of(1, first=4), NAMED).status_code == 202


def test_where_no_election_is_open_a_file_that_names_none_is_refused(station: Station) -> None:
    snapshot.write(station.redis, [known(OVER, -3, -2), known(COMING, 2, 3)])
    answer = station.send(file_of(3))
    assert (answer.status_code, json_of(answer)["detail"]) == (
        409,
        "No election is open at the moment; nothing was stored.",
    )


def test_where_several_elections_are_open_a_file_has_to_name_one(station: Station) -> None:
    snapshot.write(station.redis, [known(OPEN, -1, 1), known(8, -1, 1, jurisdiction=2)])
    answer = station.send(file_of(3))
    assert answer.status_code == 409
    assert "name one" in json_of(answer)["detail"]
    assert station.accepted(file_of(3), "/api/elections/8/batches")["election_id"] == 8


@pytest.mark.parametrize("elections", [[], [known(OVER, -3, -2)], [known(OPEN, -1, 1), known(8, -1, 1, 2)]])
def test_the_classic_route_takes_ballots_in_whatever_is_open_and_leaves_the_rest_to_the_daemon(
    station: Station, elections: list[snapshot.KnownElection]
) -> None:
    snapshot.write(station.redis, elections)
    assert station.send(file_of(3), VOTE).status_code == 200
    assert len(ballots(station)) == 3


def test_the_station_tells_the_elections_that_it_knows(station: Station) -> None:
    answer = station.client.get("/api/elections", headers=station.official())
    items = json_of(answer)["items"]
    assert [(item["id"], item["open"]) for item in items] == [(OPEN, True), (OVER, False), (COMING, False)]
    assert items[0]["poll_numbers"] == [1, 2, 3]
    assert datetime.fromisoformat(items[0]["start"]) < datetime.now(UTC) < datetime.fromisoformat(items[0]["end"])


def test_before_a_daemon_has_prepared_the_queue_the_station_asks_for_patience(station: Station) -> None:
    station.redis.flushdb()
    official = station.official()
    for answer in (
        station.send(file_of(3), VOTE),
        station.send(file_of(3), BATCHES),
        station.send(file_of(3), NAMED),
        station.client.get("/api/elections", headers=official),
        station.client.get("/health/ready"),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert station.client.get("/health/live").status_code == 200
    assert contents(station.redis) == {}


def test_the_station_is_ready_when_the_queue_is_prepared(station: Station) -> None:
    assert station.client.get("/health/ready").status_code == 200


def test_the_official_is_written_down_as_the_token_says(station: Station) -> None:
    header = station.token(Role.OFFICIAL, email="Žarko@Primer.rs", jmbg="0101994704401")
    receipt = station.accepted(file_of(1), header=header)
    assert station.status(receipt["id"]).head.official_email == "Žarko@Primer.rs"
    assert json_of(station.client.get(f"/api/batches/{receipt['id']}", headers=header))["received"] == 1
