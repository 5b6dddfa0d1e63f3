"""The board of all polling stations: where the sheet of each stands, and what is missing."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from admin_service.actions.station_import import import_stations
from shared.schema.election import Electorate, ElectorateConstituency, ElectorateStation
from shared.terms import Lacking, Role
from tests.left_out import leave_out
from tests.services.administration import Administration, answered
from tests.services.declared import SERBIA, numbers, whole_of_serbia
from tests.services.recorded import Recorded
from tests.services.supervising import STATIONS, VOTES, Night, night


@pytest.fixture
def evening(admin: Administration, recorded: Recorded) -> Night:
    return night(admin, recorded)


def stations(board: Any) -> list[int]:
    return [row["station_id"] for row in board["items"]]


def test_the_board_has_every_active_station_with_the_missing_ones_first(evening: Night) -> None:
    evening.enter(1)
    evening.wait(2)
    evening.differ(3)
    evening.files(1)
    evening.files(2, {1: 5}, refused=[])
    evening.declared.photograph(evening.election, 3)
    found = evening.board()
    assert [(row["station_id"], row["state"], row["open_differences"]) for row in found["items"]] == [
        (4, "empty", None),
        (3, "differing", None),
        (2, "waiting_for_review", None),
        (1, "accepted", 0),
    ]
    assert [(row["has_files"], row["counted"], row["photographs"]) for row in found["items"]] == [
        *((False, 0, 0), (False, 0, 1), (True, 5, 0), (True, 100, 0))
    ]
    assert [row["last"] for row in found["items"]] == [0, 2, 2, 2]
    assert [row["since"] is None for row in found["items"]] == [True, False, False, False]
    assert (found["items"][0]["code"], found["items"][0]["constituency"]) == ("Ђ 1", "Друга")
    assert (found["total"], found["accepted"], found["registered"]) == (4, 1, 2800)
    assert {one["state"]: (one["stations"], one["registered"]) for one in found["states"]} == {
        **dict.fromkeys(["empty", "differing", "waiting_for_review", "accepted"], (1, 700)),
        **dict.fromkeys(["reopened", "entered_once"], (0, 0)),
    }
    # Which stations an election has is settled when it opens.
    answered(evening.admin.call("PATCH", "/api/polling-stations/4",
                                {"status": "disabled", "reason": "merged"}, match=1), 200)  # fmt: skip
    assert stations(evening.board()) == [4, 3, 2, 1]
    now = datetime.now(UTC)
    later = replace(evening, election=evening.recorded.election(hours=(now, now + timedelta(hours=1))))
    assert stations(later.board()) == [1, 2, 3]


def test_the_totals_are_those_of_the_filter_and_not_of_the_page(evening: Night) -> None:
    evening.enter(1)
    evening.wait(2)
    for query, found in {
        "state=accepted": [1],
        "state=accepted,waiting_for_review": [2, 1],
        "municipality=Ада": [2, 1],
        "municipality=ад": [],
        "constituency_id=2": [4],
        "search=ђ": [4],
        "search=дом": [3, 4],
        "search=АДА 2": [2],
        "search=%25": [],
        "order=station": [1, 2, 3, 4],
        "order=changed&state=accepted,waiting_for_review": [1, 2],
        "order=registered&search=бор": [3],
        "search=дом&state=accepted": [],
    }.items():
        board = evening.board(query)
        assert (stations(board), board["total"], board["registered"]) == (found, len(found), 700 * len(found)), query
    board = evening.board("per_page=1&page=3&order=station")
    assert (stations(board), board["total"], board["accepted"]) == ([3], 4, 1)


def test_a_query_that_means_nothing_is_refused(evening: Night) -> None:
    for query in ("state=lost", "state=accepted,", "order=best", "constituency_id=0", "stat=empty", "search=%00"):
        evening.admin.get(f"{evening.path}/sheets?{query}", 422)
    for path in ("/api/elections/9/sheets", "/api/elections/9/sheets.csv", f"{evening.path}/sheets/9"):
        evening.admin.get(path, 404)
    for path in ("sheets", "sheets.csv", "sheets/1"):
        evening.admin.get(f"{evening.path}/{path}", role=Role.AUDITOR) if "csv" not in path else None
        evening.admin.get(f"{evening.path}/{path}", 403, role=Role.OFFICIAL)


def test_the_board_goes_by_the_geography_that_the_election_was_opened_with(evening: Night) -> None:
    evening.files(1)
    evening.enter(1)
    with evening.admin.database.writing() as session:
        session.add(Electorate(election_id=evening.election, frozen_at=datetime.now(UTC)))
        session.flush()
        session.add(
            ElectorateConstituency(
                election_id=evening.election, constituency_id=1, name="Стара", region_id=1, region="Југ", seats=None
            )
        )
        session.add(
            ElectorateStation(
                election_id=evening.election,
                station_id=1,
                code="Стара 1",
                centre_id=1,
                centre="Школа",
                municipality="Ада",
                constituency_id=1,
                registered=650,
                status="active",
            )
        )
    (row,) = evening.board()["items"]
    assert (row["code"], row["constituency"], row["registered"]) == ("Стара 1", "Стара", 650)
    shown = evening.sheet(1)
    assert (shown["registered"], shown["entries"][0]["findings"][0]["code"]) == (650, "W207")
    evening.admin.get(f"{evening.path}/sheets/2", 404)


def test_a_spreadsheet_gets_every_station_and_no_formula(admin: Administration, recorded: Recorded) -> None:
    lines = 'municipality,station,registered\n"=HYPERLINK(""http://x"")",+381,700\n  @Ада,-1,700\n'
    for content in (STATIONS, lines):
        answered(admin.call("POST", "/api/polling-stations/import", data=content.encode()), 200)
    evening = night(admin, recorded)
    evening.enter(1, numbers(VOTES, voted=99), explanations={"W204": "One too many.", "W206": "One too many."})
    evening.files(1)
    assert evening.sheet(1)["state"] == "waiting_for_review"
    evening.decide(1, "acceptance", {})
    answer = evening.admin.call("GET", f"{evening.path}/sheets.csv?order=station&per_page=1")
    assert answer.status_code == 422
    answer = evening.admin.call("GET", f"{evening.path}/sheets.csv?order=station")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="sheets-{evening.election}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert len(rows) == 6
    assert (rows[0]["state"], rows[0]["counted"], rows[0]["open_differences"]) == ("accepted", "100", "2")
    assert (rows[4]["municipality"], rows[4]["code"]) == ('\'=HYPERLINK("http://x")', "'+381")
    assert (rows[5]["municipality"], rows[5]["code"]) == ("'@Ада", "'-1")


def test_the_whole_of_serbia_differs_where_it_did_in_2014_and_where_it_was_planted(
    admin: Administration, recorded: Recorded
) -> None:
    if not SERBIA.exists():
        leave_out("the election of 2014", "its file is not beside the checkout")
    now = datetime.now(UTC)
    names = [f"List {number}" for number in range(1, 20)]
    # Where people vote is settled before the election opens.
    import_stations(admin.database, SERBIA.read_bytes(), preview=False)
    election = recorded.election(names, hours=(now - timedelta(hours=1), now + timedelta(hours=1)))
    with SERBIA.open(encoding="utf-8", newline="") as lines:
        official = list(csv.DictReader(lines))
    votes = {number: int(official[10][f"list_{number}"]) for number in range(1, 20)}
    # A vote that the sheet has for another list than the file.
    planted = numbers(
        {**votes, 1: votes[1] - 1, 2: votes[2] + 1},
        registered=int(official[10]["registered"]),
        voted=int(official[10]["voted"]),
        invalid=int(official[10]["invalid"]),
    )
    ids = whole_of_serbia(admin.database, election, {10: planted})
    board = admin.get(f"/api/elections/{election}/sheets?per_page=200")
    assert (board["total"], board["accepted"], len(board["items"])) == (8387, 8387, 200)
    assert board["registered"] == sum(int(line["registered"]) for line in official)
    unlike = {one for one, line in zip(ids, official, strict=True) if line["voted"] != line["ballots_in_box"]}
    found = admin.get(f"/api/elections/{election}/reconciliation?per_page=200&show=open")
    assert found["lacking"] == dict.fromkeys(Lacking, 0)
    assert (found["stations"], found["open"], found["clean"]) == (8387, len(unlike) + 1, 8387 - len(unlike) - 1)
    assert {one["code"]: one["open"] for one in found["codes"]} == {
        **dict.fromkeys(["voters_ballots", "voters_sheet"], len(unlike)),
        **dict.fromkeys(["list.1", "list.2"], 1),
    }
    (of_station,) = (one for one in found["items"] if one["station_id"] == ids[10])
    assert [one["delta"] for one in of_station["differences"]] == [1, -1]
