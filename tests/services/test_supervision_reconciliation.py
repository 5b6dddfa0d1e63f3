"""Reconciliation: what a sheet declares held against what was counted from files, each difference open or explained."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from shared import station_tallies
from shared.schema.election import Election
from shared.sheets import Counted
from shared.terms import Refusal, Role
from tests.services.administration import running
from tests.services.declared import numbers
from tests.services.recorded import Recorded
from tests.services.supervising import VOTES, Night, night
from tests.services.tokens import ServiceSettings, Token

INVALID, DUPLICATE = Refusal.INVALID_POLL_NUMBER, Refusal.DUPLICATE


@pytest.fixture
def evening(recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Night]:
    with running(sqlite_url, service_settings, token, prepared=False) as service:
        yield night(service, recorded)


@pytest.fixture
def anywhere(election_database_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Night]:
    """The same on each database engine in turn."""
    with (
        closing(Recorded(election_database_url)) as recorded,
        running(election_database_url, service_settings, token, prepared=False) as service,
    ):
        yield night(service, recorded)


def differences(found: Any) -> dict[str, tuple[list[int], int, bool]]:
    return {one["code"]: (list(one["figures"].values()), one["delta"], one["open"]) for one in found["differences"]}


def listing(evening: Night, query: str = "") -> Any:
    return evening.admin.get(f"{evening.path}/reconciliation?{query}")


def test_the_files_of_a_station_are_counted_apart_from_all_others(anywhere: Night) -> None:
    first = anywhere.files(1, {1: 3}, [(9, INVALID), (1, DUPLICATE)], parts=2)
    anywhere.files(1, {1: 1, 2: 2}, batch_id=first, number=1, with_batch=False, partition=1)
    anywhere.files(1, {2: 4})
    anywhere.files(2, {1: 5}, parts=2)
    anywhere.files(None, {1: 7})
    anywhere.files(3, {2: 1}, with_batch=False)
    other = anywhere.recorded.election()
    anywhere.recorded.part(other, {1: 100}, station=1)
    one = Counted({1: 4, 2: 6}, valid=10, invalid=1, duplicate=1, uploads=2, is_complete=True)
    two = Counted({1: 5}, valid=5, uploads=1, is_complete=False)
    with anywhere.admin.database.reading() as session:
        assert station_tallies.by_station(session, anywhere.election) == {
            1: one,
            2: two,
            # A part whose upload nobody knows is of no station.
            None: Counted({1: 7, 2: 1}, valid=8, uploads=2, is_complete=True),
        }
        assert station_tallies.of_stations(session, anywhere.election, [1]) == {1: one}
        assert station_tallies.of_stations(session, anywhere.election, [2, 1, 4]) == {1: one, 2: two}
        assert station_tallies.of_stations(session, anywhere.election, [3]) == {}
        assert station_tallies.of_stations(session, anywhere.election, []) == {}


def test_a_difference_stays_explained_for_its_two_figures_and_no_others(anywhere: Night) -> None:
    anywhere.enter(1)
    anywhere.files(1, {1: 59, 2: 40})
    found = anywhere.reconciliation(1)
    assert differences(found) == {
        "voters_ballots": ([100, 99], -1, True),
        "sheet_ballots": ([100, 99], -1, True),
        "list.1": ([60, 59], -1, True),
    }
    assert found["differences"][2]["message"] == (
        "The sheet has 60 votes for this list, and 59 were counted from the files."
    )
    explained = anywhere.explain(1, found["differences"][2], reason="A ballot was torn.")
    assert [one["open"] for one in explained["differences"]] == [True, True, False]
    said = explained["differences"][2]["explanation"]
    assert (said["reason"], said["actor"]) == ("A ballot was torn.", "administrator@example.org")
    assert anywhere.board("order=station")["items"][0]["open_differences"] == 2
    anywhere.files(1, {1: 3})
    again = anywhere.reconciliation(1)
    assert differences(again)["list.1"] == ([60, 62], 2, True)
    # Whoever has read the figures of before explains something that is not so any more.
    assert "look at them again" in anywhere.explain(1, found["differences"][2], 409)["detail"]
    anywhere.explain(1, again["differences"][-1], reason="The file was sent twice.")
    anywhere.explain(1, again["differences"][-1], reason="Two files of one box.")
    assert anywhere.reconciliation(1)["differences"][-1]["explanation"]["reason"] == "Two files of one box."
    assert anywhere.sheet(1)["reconciliation"] == anywhere.reconciliation(1)
    assert listing(anywhere)["items"] == [anywhere.reconciliation(1)]


def test_each_of_the_three_counts_is_held_against_the_others(evening: Night) -> None:
    because = dict.fromkeys(["W201", "W202", "W203", "W206"], "Counted again.")
    evening.enter(1, numbers(VOTES, invalid=5, blank=5, voted=120), explanations=because)
    evening.decide(1, "acceptance", {})
    evening.files(1, {1: 58, 2: 40}, [*[(7, INVALID)] * 11, *[(1, DUPLICATE)] * 6])
    found = evening.reconciliation(1)
    assert differences(found) == {
        "voters_ballots": ([120, 109], -11, True),
        "voters_sheet": ([120, 110], -10, True),
        "sheet_ballots": ([100, 98], -2, True),
        "invalid": ([10, 11], 1, True),
        "list.1": ([60, 58], -2, True),
    }
    assert (found["counted"]["duplicate"], found["counted"]["ballots"], found["registered"]) == (6, 109, 700)


def test_what_is_not_there_yet_is_named_and_not_compared(evening: Night) -> None:
    evening.files(1)
    evening.wait(1)
    evening.enter(2)
    evening.enter(3)
    evening.files(3, {1: 10}, parts=2)
    assert [evening.reconciliation(station)["lacking"] for station in (1, 2, 3, 4)] == [
        *(["sheet"], ["files"], ["count"], ["sheet", "files"])
    ]
    found = listing(evening, "show=lacking")
    assert [one["station_id"] for one in found["items"]] == [1, 2, 3, 4]
    assert all(one["differences"] == [] for one in found["items"])
    assert found["lacking"] == {"sheet": 2, "files": 2, "count": 1}
    assert (found["stations"], found["clean"], found["open"]) == (4, 0, 0)
    evening.decide(1, "acceptance", {})
    assert listing(evening, "show=lacking")["total"] == 3


def test_a_station_where_nobody_voted_needs_no_file(evening: Night) -> None:
    evening.enter(1, numbers({1: 0, 2: 0}))
    assert evening.reconciliation(1)["lacking"] == []
    assert listing(evening)["clean"] == 1
    evening.files(1, {1: 1})
    assert set(differences(evening.reconciliation(1))) == {"voters_ballots", "sheet_ballots", "list.1"}


def test_a_sheet_that_is_opened_again_is_compared_with_nothing(evening: Night) -> None:
    evening.enter(1)
    evening.files(1, {1: 59, 2: 41})
    difference = evening.reconciliation(1)["differences"][0]
    evening.decide(1, "reopening", {"reason": "A mistake."})
    assert evening.reconciliation(1)["lacking"] == ["sheet"]
    evening.explain(1, difference, 409)
    evening.enter(1, numbers({1: 59, 2: 41}))
    assert listing(evening)["clean"] == 1


def test_the_listing_is_filtered_and_paged_with_the_totals_of_the_search(evening: Night) -> None:
    for station, votes in {1: {1: 59, 2: 41}, 2: {1: 61, 2: 39}, 3: {1: 60, 2: 40}, 4: {1: 59, 2: 41}}.items():
        evening.enter(station)
        evening.files(station, votes)
    for difference in evening.reconciliation(2)["differences"]:
        evening.explain(2, difference)
    evening.explain(1, evening.reconciliation(1)["differences"][0])
    evening.files(None, {1: 2}, [(5, INVALID)])
    evening.files(77, {1: 1})
    for query, ids in {
        "": [1, 2, 4],
        "show=open": [1, 4],
        "show=explained": [2],
        "show=lacking": [],
        "search=ада": [1, 2],
        "municipality=Ђ": [4],
        "constituency_id=1": [1, 2],
        "per_page=1&page=2": [2],
    }.items():
        assert [one["station_id"] for one in listing(evening, query)["items"]] == ids, query
    found = listing(evening, "search=ада&show=open")
    assert (found["total"], found["stations"], found["open"], found["explained"], found["clean"]) == (1, 2, 1, 1, 0)
    assert found["codes"] == [
        {"code": "list.1", "open": 0, "explained": 2},
        {"code": "list.2", "open": 1, "explained": 1},
    ]
    assert (found["nowhere"]["uploads"], found["nowhere"]["valid"], found["nowhere"]["invalid"]) == (2, 3, 1)
    for query in ("show=some", "constituency_id=x", "per_page=0"):
        evening.admin.get(f"{evening.path}/reconciliation?{query}", 422)
    answer = evening.admin.call("GET", f"{evening.path}/reconciliation.csv?show=open&search=ада", role=Role.AUDITOR)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [row[4:8] for row in rows] == [
        ["difference", "first", "second", "delta"],
        ["list.1", "60", "59", "-1"],
        ["list.2", "40", "41", "1"],
    ]
    assert [row[9] for row in rows[1:]] == ["explained", "open"]
    lacking = evening.admin.call("GET", f"{evening.path}/reconciliation.csv?show=lacking")
    assert len(lacking.data.decode().splitlines()) == 1


def test_what_is_no_explanation_is_refused_and_nothing_is_kept(evening: Night) -> None:
    evening.enter(1)
    evening.files(1, {1: 59, 2: 41})
    (difference, _) = evening.reconciliation(1)["differences"]
    path = f"{evening.path}/reconciliation/1/explanations"
    right = {"difference": "list.1", "figures": difference["figures"], "reason": "A slip."}
    for status, wrong in [
        (422, {**right, "reason": "  "}),
        (422, {**right, "figures": {"declared": "60", "counted": 59}}),
        (422, {**right, "figures": [60, 59]}),
        (422, {**right, "more": 1}),
        (409, {**right, "figures": {"declared": 60, "counted": 58}}),
        (409, {**right, "figures": {}}),
        (409, {**right, "difference": "list.3"}),
        (409, {**right, "difference": "invalid"}),
    ]:
        evening.admin.post(path, wrong, status)
    evening.admin.post(f"{evening.path}/reconciliation/9/explanations", right, 404)
    assert evening.reconciliation(1)["differences"][0]["open"]
    with evening.admin.database.writing() as session:
        session.execute(sa.update(Election).values(stage="cancelled"))
    evening.admin.post(path, right, 409)
    with evening.admin.database.writing() as session:
        session.execute(sa.update(Election).values(stage="published"))
    assert not evening.admin.post(path, right, 201)["differences"][0]["open"]
