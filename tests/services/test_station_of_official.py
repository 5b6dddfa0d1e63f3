"""Officials belong to polling stations, and hand in ballots for these only."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.queue import keys, snapshot
from shared.terms import Role
from tests.services.station import BATCHES, NAMED, OPEN, VOTE, Station, contents, file_of, json_of, known

STATIONS = {7: "active", 8: "active", 9: "disabled"}


@pytest.fixture(autouse=True)
def _known_stations(station: Station) -> None:
    snapshot.write_stations(station.redis, "a state", STATIONS)


def official(station: Station, *stations: Any) -> dict[str, str]:
    """The header of an official of these polling stations."""
    return station.token(Role.OFFICIAL, email="official1@example.org", stations=list(stations))


@pytest.mark.parametrize("path", [BATCHES, VOTE])
@pytest.mark.parametrize(
    ("own", "named", "found"),
    [
        ((), "", None),
        ((7,), "", 7),
        ((7,), "?station=7", 7),
        ((7, 8), "?station=8", 8),
    ],
)
def test_a_file_is_of_the_station_that_is_named_or_the_only_one(
    station: Station, path: str, own: tuple[int, ...], named: str, found: int | None
) -> None:
    assert station.send(file_of(3), path + named, header=official(station, *own)).status_code in (200, 202)
    batch = station.only_batch()
    assert station.status(batch).head.station_id == found
    assert station.batch(batch)["station_id"] == found


@pytest.mark.parametrize("path", [BATCHES, VOTE])
@pytest.mark.parametrize(
    ("own", "named", "status", "words"),
    [
        ((), "?station=7", 403, "do not belong to polling station 7"),
        ((8,), "?station=7", 403, "do not belong to polling station 7"),
        ((7, 8), "", 422, "You belong to 2 polling stations"),
        ((9,), "", 409, "Polling station 9 is disabled"),
        ((5,), "", 404, "Polling station 5 is not known"),
        ((7,), "?station=x", 422, "station"),
        ((7,), "?station=0", 422, "station"),
        ((7,), "?station=", 422, "station"),
        ((7,), "?station=99999999999999999999", 422, "station"),
        # What is no number in a token is no station of anybody.
        (("7", True, None, 7.0), "?station=7", 403, "do not belong"),
    ],
)
def test_a_file_for_another_station_is_refused_and_leaves_nothing(
    station: Station, path: str, own: tuple[Any, ...], named: str, status: int, words: str
) -> None:
    before = contents(station.redis)
    answer = station.send(file_of(3), path + named, header=official(station, *own))
    if path == VOTE and named == "?station=0":
        words = "do not belong"
    assert answer.status_code == (400 if path == VOTE else status)
    assert words in answer.get_data(as_text=True)
    assert contents(station.redis) == before
    assert station.send(file_of(3), path, header=official(station)).status_code in (200, 202)


def test_a_key_that_was_used_for_one_station_is_refused_for_another(station: Station) -> None:
    header = official(station, 7, 8)
    first = station.accepted(file_of(3), f"{BATCHES}?station=7", key="key", header=header)
    assert first["station_id"] == 7
    again = station.accepted(file_of(3), f"{BATCHES}?station=7", key="key", header=header)
    assert (again["id"], again["station_id"], again["repeated"]) == (first["id"], 7, True)
    refused = station.send(file_of(3), f"{BATCHES}?station=8", key="key", header=header)
    assert json_of(refused)["errors"][0]["field"] == "Idempotency-Key"


def test_the_copy_of_the_stations_is_replaced_as_a_whole(station: Station) -> None:
    assert snapshot.knows_stations(station.redis, "a state")
    assert not snapshot.knows_stations(station.redis, "another state")
    snapshot.write_stations(station.redis, "another state", dict.fromkeys(range(1, 20_001), "active"))
    assert station.redis.hlen(keys.STATIONS) == 20_001
    snapshot.write_stations(station.redis, "", {})
    assert not station.redis.exists(keys.STATIONS)
    # Where there is no station at all there is nothing to be written.
    assert snapshot.knows_stations(station.redis, "")


@pytest.mark.parametrize(("path", "status"), [(BATCHES, 409), (VOTE, 400)])
def test_an_election_per_constituency_takes_ballots_of_polling_stations_only(
    station: Station, path: str, status: int
) -> None:
    snapshot.write(station.redis, [replace(known(OPEN, -1, 1), by_constituency=True)])
    before = contents(station.redis)
    refused = station.send(file_of(3), path, header=official(station))
    assert refused.status_code == status
    body = json_of(refused)
    assert "ballots have to be of a polling station" in body["detail" if path == BATCHES else "message"]
    # Nor does a check say that they would be taken.
    assert station.send(file_of(3), f"{NAMED}/check", header=official(station)).status_code == 409
    assert contents(station.redis) == before
    assert station.send(file_of(3), path, header=official(station, 7)).status_code in (200, 202)
    assert station.status(station.only_batch()).head.station_id == 7


@pytest.mark.parametrize(("path", "status"), [(BATCHES, 409), (NAMED, 409), (f"{NAMED}/check", 409), (VOTE, 400)])
def test_nor_does_it_take_those_of_a_station_that_was_made_after_its_opening(
    station: Station, path: str, status: int
) -> None:
    parted = replace(known(OPEN, -1, 1), by_constituency=True)
    rolls = {number: snapshot.Roll(f"Ада {number}", "Ада", 500) for number in STATIONS}
    snapshot.write_rolls(station.redis, "a state", rolls, {(OPEN, 7): snapshot.NOT_KNOWN_AT})
    snapshot.write(station.redis, [parted])
    before = contents(station.redis)
    refused = station.send(file_of(3), path, header=official(station, 7))
    assert refused.status_code == status
    assert "was made after the election opened" in refused.get_data(as_text=True)
    assert contents(station.redis) == before
    # Ballots of the whole country are counted wherever they are from.
    snapshot.write(station.redis, [replace(parted, by_constituency=False)])
    assert station.send(file_of(3), path, header=official(station, 7)).status_code in (200, 202)
    # And in any case those of a station that was there, in a constituency, if disabled.
    snapshot.write(station.redis, [parted])
    snapshot.write_rolls(station.redis, "another state", rolls, {(OPEN, 7): snapshot.NOT_VOTED_AT})
    assert station.send(file_of(4), path, header=official(station, 7)).status_code in (200, 202)


def test_a_file_without_a_number_is_refused_a_moment_before_an_election_per_constituency_opens(
    station: Station,
) -> None:
    """It would be received when that is open; who hands in for another election goes on."""
    soon = replace(known(8, 0.01, 1), by_constituency=True)
    snapshot.write(station.redis, [known(OPEN, -1, 1), soon])
    assert station.send(file_of(3), VOTE, header=official(station)).status_code == 400
    assert station.send(file_of(3), BATCHES, header=official(station)).status_code == 202


def test_elections_are_read_from_a_snapshot_of_an_earlier_and_of_a_later_version(station: Station) -> None:
    snapshot.write(station.redis, [known(OPEN, -1, 1), replace(known(8, -1, 1), by_constituency=True)])
    plain, parted = json.loads(station.redis.get(keys.ELECTIONS) or b"")
    # An earlier version reads what it knows, as long as no election needs more.
    assert ("by_constituency" in plain, parted["by_constituency"]) == (False, True)
    (read,) = snapshot.parsed(json.dumps([{**plain, "of_the_next_version": [1]}]).encode())
    assert (read.id, read.by_constituency) == (OPEN, False)
