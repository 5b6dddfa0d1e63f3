"""Results per place, per constituency, as of a moment, over the time, and the log of corrections."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from shared.database import Database
from shared.schema.election import (
    CANCELLED,
    Dismissal,
    Election,
    Part,
    PollingStation,
    SheetEvent,
)
from shared.terms import Refusal, SheetAct
from tests.services.places import HOUR, HOURS, MINUTE, NOW, START, accept_sheet, asked, get
from tests.services.recorded import Recorded

INVALID = (9, Refusal.INVALID_POLL_NUMBER)
DUPLICATE = (1, Refusal.DUPLICATE)


def add_up(children: list[dict[str, Any]], name: str) -> int:
    return sum(int(child[name]) for child in children)


@pytest.fixture
def country(night: Recorded) -> tuple[Recorded, int, list[int]]:
    """Eight stations of 100 voters and more, five of which sent files; the sheets of two are accepted."""
    election = night.election(["Left", "Right", "Third"], hours=HOURS)
    stations = night.stations([100, 110, 120, 130, 140, 150, 160, 170])
    sent = [
        (0, {1: 30, 2: 10}, [INVALID]),
        (1, {1: 5, 2: 20}, [DUPLICATE]),
        (2, {2: 7, 3: 7}, []),
        (0, {3: 4}, []),
        (5, {}, [DUPLICATE]),
        (6, {1: 1}, []),
        (None, {2: 3}, [INVALID]),
    ]
    for number, (station, votes, refused) in enumerate(sent):
        night.part(
            *(election, votes, refused),
            received_at=START + number * MINUTE,
            partition=number % 2,
            station=None if station is None else stations[station],
        )
    night.drained(NOW, NOW)
    accept_sheet(night, election, stations[0], voted=46, in_box=46, invalid=1, blank=1)
    accept_sheet(night, election, stations[7])
    return night, election, stations


def test_the_result_says_how_many_stations_have_reported_and_of_whom_the_turnout_is(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night, election, _ = country
    found = get(client_of(night), election)
    # Stations 1, 2, 3 and 7 have ballots in the box, and of 8 the sheet says that nobody voted; 6 sent duplicates only.
    cast, registered = 30 + 10 + 1 + 4 + 25 + 14 + 1, 100 + 110 + 120 + 160 + 170
    assert found["stations"] == {
        "total": 8,
        "counted": 5,
        "sheets": 2,
        "registered": 1080,
        "registered_counted": registered,
        "cast": cast,
        "turnout": f"{cast / registered:.4f}",
    }
    assert (found["registered"], found["turnout"], found["turnout_of"]) == (
        *(1080, f"{cast / registered:.4f}"),
        "registered_counted",
    )
    assert found["unattributed"] == 4
    assert found["last_change"] == (START + 6 * MINUTE).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("level", ["region", "constituency", "municipality", "centre", "station"])
def test_the_places_of_each_level_add_up_to_all_that_is_of_a_station(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient], level: str
) -> None:
    night, election, _ = country
    client = client_of(night)
    found = get(client, election, "/places", level=level, per_page=500)
    assert found["total"] == {"region": 2, "constituency": 2, "municipality": 4, "centre": 4, "station": 8}[level]
    assert [one["name"] for one in found["items"]] == sorted(one["name"] for one in found["items"])
    whole = get(client, election)
    for name in ("total", "counted", "sheets", "registered", "registered_counted", "cast"):
        assert sum(one["stations"][name] for one in found["items"]) == whole["stations"][name]
    votes: Counter[int] = Counter()
    for one in found["items"]:
        votes.update({line["poll_number"]: line["votes"] for line in one["lists"]})
        assert one["valid_votes"] == one["counted"] == sum(line["votes"] for line in one["lists"])
        most = max(line["votes"] for line in one["lists"])
        leaders = [line["poll_number"] for line in one["lists"] if line["votes"] == most]
        assert one["leading"] == (leaders[0] if most and len(leaders) == 1 else None)
    assert votes == {1: 36, 2: 37, 3: 11}
    # The whole has what the sheets of all places declare, and says by how many.
    for name in ("sheets", "voted", "in_box", "invalid", "blank"):
        assert sum(one["declared"][name] for one in found["items"] if one["declared"]) == whole["declared"][name]
    assert whole["declared"]["sheets"] == whole["stations"]["sheets"] == 2
    assert (whole["declared"]["blank"], whole["declared"]["blank_share"]) == (1, "0.0217")
    assert (add_up(found["items"], "duplicate"), add_up(found["items"], "invalid")) == (2, 1)


def test_one_goes_down_from_a_region_to_a_station_and_back_along_the_trail(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night, election, stations = country
    client = client_of(night)
    place = get(client, election, "/places", level="region")["items"][0]
    trail: list[dict[str, Any]] = []
    while True:
        found = get(client, election, f"/places/{place['level']}/{place['id']}")
        assert found["place"] == place
        assert found["trail"] == trail
        trail.append({name: place[name] for name in ("level", "id", "name")})
        if not found["children"]:
            break
        assert add_up(found["children"], "counted") == place["counted"]
        query = {"level": found["children"][0]["level"], "within": f"{place['level']}:{place['id']}"}
        assert get(client, election, "/places", **query)["items"] == found["children"]
        place = found["children"][0]
    assert [one["level"] for one in trail] == ["region", "constituency", "municipality", "centre", "station"]
    assert trail[-1]["id"] == str(stations[0])
    assert (place["counted"], place["invalid"], place["leading"]) == (44, 1, 1)
    assert place["declared"] == {
        "sheets": 1,
        "voted": 46,
        "in_box": 46,
        "invalid": 1,
        "blank": 1,
        "invalid_share": "0.0217",
        "blank_share": "0.0217",
    }
    assert (place["latitude"], place["longitude"]) == (45.0, 20.0)


def test_places_that_there_are_not_and_parameters_that_say_nothing_are_refused_in_a_sentence(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night, election, _ = country
    client = client_of(night)
    assert "no region 99" in get(client, election, "/places/region/99", 404)["detail"]
    assert get(client, 99, "/places", 404, level="region")["detail"] == "There is no election 99."
    for path, query, field in (
        ("/places/village/1", {}, "level"),
        ("/places", {}, "level"),
        ("/places", {"level": "region", "within": "village:1"}, "within"),
        ("/places", {"level": "region", "within": "station:1"}, "within"),
        ("/places", {"level": "region", "as_of": NOW + HOUR}, "as_of"),
        ("", {"as_of": NOW + HOUR}, "as_of"),
        ("", {"as_of": "yesterday"}, "as_of"),
        ("", {"as_of": "2026-04-12T21:00:00"}, "as_of"),
        ("", {"asof": "2026-04-12T21:00:00Z"}, "asof"),
        ("", {"as_of": "0001-01-01T00:00:00+14:00"}, "as_of"),
        # Of now alone.
        ("/timeline", {"as_of": START}, "as_of"),
        ("/stations.csv", {"as_of": START}, "as_of"),
        (".csv", {"as_of": START}, "as_of"),
        (".nist.json", {"as_of": START}, "as_of"),
    ):
        assert get(client, election, path, 422, **query)["errors"][0]["field"] == field


def test_who_has_a_place_is_told_so_until_something_of_it_changes(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night, election, stations = country
    first, other = client_of(night), client_of(night)
    path = f"/api/elections/{election}/results/places?level=municipality"
    answer = first.get(path)
    tag = answer.headers["ETag"]
    assert other.get(path, headers={"If-None-Match": tag}).status_code == 304
    accept_sheet(night, election, stations[3])
    changed = first.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert sum(one["stations"]["sheets"] for one in changed.get_json()["items"]) == 3
    with night.database.writing() as session:
        session.get_one(PollingStation, stations[4]).registered += 1000
    again = first.get(path, headers={"If-None-Match": changed.headers["ETag"]})
    assert sum(one["stations"]["registered"] for one in again.get_json()["items"]) == 2080
    assert get(first, election)["registered"] == 2080


def test_the_result_of_a_moment_is_what_was_shown_when_the_queue_was_drained_at_that_moment(
    anywhere: Recorded, client_of: Callable[[Recorded], FlaskClient]
) -> None:
    """Stopped after each file, and asked for later; on every engine."""
    night = anywhere
    rules = {"seats": 12, "method": "dhondt", "threshold": "0.05", "threshold_base": "ballots_cast"}
    election = night.election(["Left", "Right", "Third"], hours=(START, NOW + HOUR), rules=rules)
    stations = night.stations([100, 200, 300, 400])
    client = client_of(night)
    shown = []
    for number in range(6):
        moment = START + (number + 1) * MINUTE + timedelta(microseconds=number)
        votes = {1: 10 + number, 2: 5 * number, 3: 1}
        refused = [INVALID] * number + ([DUPLICATE] if number % 2 else [])
        night.part(election, votes, refused, received_at=moment, partition=number % 2, station=stations[number % 3])
        night.drained(moment + MINUTE / 2, moment + MINUTE / 2)
        levels = {level: get(client, election, "/places", level=level) for level in ("region", "station")}
        shown.append((moment, get(client, election), levels))
    night.drained(NOW, NOW)
    later = client_of(night)
    for moment, live, levels in shown:
        past = get(later, election, as_of=moment)
        for name in live.keys() - {"counted_until", "as_of", "waits_for"}:
            assert past[name] == live[name], (moment, name)
        assert (past["certainty"], past["waits_for"]) == ("provisional", [])
        assert past["as_of"] == past["counted_until"] == moment.isoformat().replace("+00:00", "Z")
        for level, found in levels.items():
            assert get(later, election, "/places", level=level, as_of=moment) == found
        before = get(later, election, as_of=moment - timedelta(microseconds=1))
        assert before["ballots"]["received"] < live["ballots"]["received"]
    nothing = get(later, election, as_of=START - HOUR)
    assert (nothing["ballots"]["received"], nothing["stations"]["counted"], nothing["registered"]) == (0, 0, 1000)
    assert {line["votes"] for line in nothing["lists"]} == {0}


def test_what_was_at_a_moment_may_be_kept_for_long_once_it_cannot_change_any_more(
    night: Recorded, client_of: Callable[[Recorded], FlaskClient]
) -> None:
    election = night.election(hours=(START, NOW + HOUR))
    night.part(election, {1: 7}, received_at=START + MINUTE)
    client = client_of(night)
    moment = START + HOUR

    def kept() -> tuple[str, int]:
        answer = asked(client, election, as_of=moment)
        return answer.headers["Cache-Control"], answer.get_json()["ballots"]["counted"]

    night.drained(moment, moment)
    assert kept() == ("public, max-age=1", 7)
    night.part(election, {1: 2}, received_at=moment, partition=1)
    assert kept() == ("public, max-age=1", 9)
    night.drained(moment + MINUTE, moment + MINUTE)
    assert kept() == ("public, max-age=600", 9)
    buried = night.dead_letter(START + 2 * MINUTE)
    assert kept() == ("public, max-age=1", 9)
    night.part(election, {2: 4}, received_at=START + 2 * MINUTE, batch_id=buried)
    assert kept() == ("public, max-age=600", 13)
    night.part(election, {1: 50}, received_at=moment + MINUTE)
    statements: list[str] = []
    database: Database = client.application.extensions["database"]
    sa.event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert kept() == ("public, max-age=600", 13)
    statements.clear()
    assert kept() == ("public, max-age=600", 13)
    assert not [statement for statement in statements if "tallies" in statement]


def test_the_time_line_says_how_much_had_come_in_and_agrees_with_the_moments(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night, election, _ = country
    client = client_of(night)
    found = get(client, election, "/timeline")["moments"]
    assert len(found) == 200
    assert (found[0]["at"], found[-1]["at"]) == tuple(one.isoformat().replace("+00:00", "Z") for one in HOURS)
    assert (found[0]["counted"], found[-1]["counted"], found[-1]["stations"]) == (0, 87, 4)
    for one in found[1:6]:
        past = get(client, election, as_of=datetime.fromisoformat(one["at"]))
        assert past["ballots"]["counted"] == one["counted"]
    # A sheet that says that nobody voted is accepted later, and no ballots came.
    assert get(client, election, as_of=datetime.fromisoformat(found[5]["at"]))["stations"]["counted"] == 4


def test_corrections_are_listed_without_the_names_of_those_who_made_them(
    country: tuple[Recorded, int, list[int]], client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night, election, stations = country
    replayed, dismissed = night.dead_letter(START + MINUTE), night.dead_letter(None)
    foreign = night.dead_letter(START - HOUR)
    assert foreign not in (replayed, dismissed)
    night.part(election, {1: 1}, batch_id=replayed, received_at=START + MINUTE)
    with night.database.writing() as session:
        session.execute(sa.update(Part).where(Part.batch_id == replayed).values(recorded_at=NOW))
        session.add(Dismissal(batch_id=dismissed, part=0, reason="Nothing in it.", dismissed_at=NOW + MINUTE))
        for number, act, reason in (
            (3, SheetAct.REOPENING, "Two numbers swapped."),
            (4, SheetAct.RESOLUTION, "Paper."),
        ):
            session.add(
                SheetEvent(
                    election_id=election,
                    station_id=stations[0],
                    number=number,
                    id=f"event-{number}",
                    act=act.value,
                    actor="vera@example.org",
                    at=NOW + number * HOUR,
                    reason=reason,
                )
            )
        row = session.get_one(Election, election)
        row.lots, row.stage = [2], CANCELLED
        row.cancelled_at, row.cancelled_reason = NOW + 9 * HOUR, "A flood."
    answer = client_of(night).get(f"/api/elections/{election}/corrections")
    assert b"@" not in answer.data
    found = answer.get_json()
    assert [(one["kind"], one["reason"], one["station"]) for one in found["items"]] == [
        ("part_laid_aside", "", None),
        ("part_laid_aside", "", None),
        ("part_replayed", "", None),
        ("part_dismissed", "Nothing in it.", None),
        ("sheet_reopened", "Two numbers swapped.", "1"),
        ("sheet_resolved", "Paper.", "1"),
        ("election_cancelled", "A flood.", None),
        ("lots_drawn", "", None),
    ]
    assert (found["total"], found["items"][-1]["lots"]) == (8, [2])
