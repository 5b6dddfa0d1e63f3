"""The export by NIST SP 1500-100: valid by the public schema, whole, and with our figures in the right places."""

import copy
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from results_service.rules.areas import Area, AreaCounts, AreaKind
from results_service.rules.election_report import Report, ReportStatus, election_report, status_of
from shared.errors import Conflict, InvalidInput
from shared.terms import State
from tests.left_out import MARK
from tests.rules.election_reports import by_constituency, country, faults, objects, presidency
from tests.source import ROOT

Json = dict[str, Any]

SCHEMA = ROOT.parent / "shared" / "data" / "NIST_V2_election_results_reporting.json"
SCHEMA_SHA256 = "b1e1c53f4f7d72c82893728e331f572b3496726bc3282d3b732c9a4e2058f1bd"
WORLDS: list[Callable[[], Report]] = [
    country,
    presidency,
    by_constituency,
    lambda: country(by_station=False),
    lambda: country(regions=5, centres=8, stations=6),
]
NAMES = ["one region", "presidency", "by constituency", "summary", "240 stations"]


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema as NIST publishes it, which is not the project's and so no part of it."""
    path = Path(os.environ.get("URNA_TEST_NIST_SCHEMA", SCHEMA))
    if not path.exists():
        # No machine has to have it: it is not ours to hand on. What it can say is partly tried without it, too.
        pytest.skip(f"{MARK}NIST schema: URNA_TEST_NIST_SCHEMA names no file; docs/results-export.md says of which")
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == SCHEMA_SHA256, f"{path} is another version than the one tried."
    loaded = json.loads(content)
    # The package has no types.
    validator = import_module("jsonschema").Draft4Validator
    validator.check_schema(loaded)
    return validator(loaded, format_checker=validator.FORMAT_CHECKER)


def exported(report: Report) -> Json:
    """The report as its reader gets it."""
    made: Json = json.loads(json.dumps(election_report(report), ensure_ascii=False))
    return made


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_a_report_is_valid_by_the_schema_of_the_standard(world: Callable[[], Report], schema: Any) -> None:
    document = exported(world())
    assert [error.message for error in schema.iter_errors(document)] == []
    for spoil in SPOILT.values():
        spoilt = copy.deepcopy(document)
        spoil(spoilt)
        assert not schema.is_valid(spoilt)


def without_a_name(document: Json) -> None:
    del document["Election"][0]["Contest"][0]["Name"]


def with_another_status(document: Json) -> None:
    document["Status"] = "final"


def with_a_figure_as_text(document: Json) -> None:
    document["Election"][0]["Contest"][0]["SummaryCounts"][0]["BallotsCast"] = "400"


def with_something_of_our_own(document: Json) -> None:
    document["GpUnit"][0]["Turnout"] = 50


def with_an_unknown_kind_of_area(document: Json) -> None:
    document["GpUnit"][0]["Type"] = "constituency"


def with_a_contest_of_no_kind(document: Json) -> None:
    document["Election"][0]["Contest"][0]["@type"] = "ElectionResults.ListContest"


SPOILT: dict[str, Callable[[Json], None]] = {
    spoil.__name__: spoil
    for spoil in (
        without_a_name,
        with_another_status,
        with_a_figure_as_text,
        with_something_of_our_own,
        with_an_unknown_kind_of_area,
        with_a_contest_of_no_kind,
    )
}


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_everything_that_a_report_refers_to_is_in_it_once(world: Callable[[], Report]) -> None:
    document = exported(world())
    assert faults(document) == []
    removed = copy.deepcopy(document)
    gone = removed["GpUnit"].pop()["@id"]
    assert any(gone in fault for fault in faults(removed))
    unnamed = copy.deepcopy(document)
    del unnamed["Election"][0]["Contest"][0]["Name"]
    assert any(fault.startswith("Name of a ") for fault in faults(unnamed))
    document["GpUnit"].append(document["GpUnit"][0])
    assert faults(document) == ["unit-country-1 comes twice."]


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_in_every_area_votes_rejected_ballots_and_undervotes_are_the_ballots_cast(world: Callable[[], Report]) -> None:
    document = exported(world())
    for contest in document["Election"][0]["Contest"]:
        votes: dict[str, int] = {}
        for selection in contest["BallotSelection"]:
            for count in selection["VoteCounts"]:
                if count["Type"] == "total":
                    votes[count["GpUnitId"]] = votes.get(count["GpUnitId"], 0) + count["Count"]
        for summary in contest["SummaryCounts"]:
            without = summary["BallotsRejected"] + summary["Undervotes"]
            assert votes[summary["GpUnitId"]] + without == summary["BallotsCast"]


def test_the_figures_of_a_small_country_stand_where_the_page_says() -> None:
    document = exported(country())
    assert (document["Format"], document["Status"], document["IsTest"]) == (
        "precinct-level",
        "unofficial-partial",
        False,
    )
    assert document["GeneratedDate"] == "2026-03-01T21:30:05+00:00"
    units = {unit["@id"]: unit for unit in document["GpUnit"]}
    assert [(unit["Type"], unit.get("ComposingGpUnitIds")) for unit in units.values()] == [
        ("country", ["unit-region-1"]),
        ("state", ["unit-constituency-1", "unit-municipality-m1"]),
        ("other", ["unit-centre-1.1"]),
        ("municipality", ["unit-centre-1.1"]),
        ("polling-place", ["unit-station-1", "unit-station-2"]),
        ("precinct", None),
        ("precinct", None),
    ]
    assert units["unit-constituency-1"]["OtherType"] == "constituency"
    assert units["unit-station-1"]["VotersRegistered"] == 700
    assert units["unit-station-1"]["VotersParticipated"] == 403
    assert [units[f"unit-station-{number}"]["CountStatus"][0]["Status"] for number in (1, 2)] == [
        "completed",
        "not-processed",
    ]
    assert (units["unit-country-1"]["SubUnitsReported"], units["unit-country-1"]["TotalSubUnits"]) == (1, 2)
    (contest,) = document["Election"][0]["Contest"]
    assert contest["SummaryCounts"][0] == {
        "@type": "ElectionResults.SummaryCounts",
        "GpUnitId": "unit-country-1",
        "Type": "total",
        "BallotsCast": 401,
        "BallotsRejected": 6,
        "Undervotes": 4,
        "BallotsOutstanding": 650,
    }
    first = contest["BallotSelection"][0]
    assert (first["@id"], first["PartyIds"]) == ("selection-whole-1", ["party-11"])
    assert [(one["GpUnitId"], one.get("OtherType", one["Type"]), one["Count"]) for one in first["VoteCounts"]] == [
        ("unit-country-1", "total", 251),
        ("unit-country-1", "seats-won", 6),
        ("unit-station-1", "total", 251),
        ("unit-station-2", "total", 0),
    ]
    assert document["Party"][0]["Name"]["Text"][1] == {
        "@type": "ElectionResults.LanguageString",
        "Language": "sr-Latn",
        "Content": "Lista za Dunav",
    }
    assert document["Party"][1]["Color"] == "0a7fff"


def test_persons_are_candidates_and_no_parties() -> None:
    document = exported(presidency())
    assert document["Party"] == []
    assert (document["IsTest"], document["TestType"]) == (True, "rehearsal")
    election = document["Election"][0]
    assert [one["@id"] for one in election["Candidate"]] == ["candidate-president-1", "candidate-president-2"]
    (contest,) = election["Contest"]
    assert (contest["@type"], contest["VotesAllowed"], contest["NumberElected"]) == (
        "ElectionResults.CandidateContest",
        1,
        1,
    )


def test_identifiers_are_the_same_in_the_next_report() -> None:
    before = exported(country())
    later = exported(replace(country(stations=3), status=ReportStatus.COMPLETE))
    known = {one["@id"] for one in objects(before) if "@id" in one}
    assert known <= {one["@id"] for one in objects(later) if "@id" in one}


def test_a_report_without_station_counts_is_a_summary() -> None:
    document = exported(country(by_station=False))
    assert document["Format"] == "summary-contest"
    assert len(document["Election"][0]["Contest"][0]["SummaryCounts"]) == 1


@pytest.mark.parametrize(
    ("state", "reported", "more", "status"),
    [
        (State.SCHEDULED, 0, {}, "pre-election"),
        (State.OPEN, 0, {}, "unofficial-partial"),
        (State.COUNTING, 5, {}, "unofficial-partial"),
        (State.FINAL, 4, {"certified": True}, "unofficial-partial"),
        (State.FINAL, 5, {}, "unofficial-complete"),
        (State.FINAL, 5, {"certified": True}, "certified"),
        (State.FINAL, 5, {"certified": True, "corrected": True}, "correction"),
    ],
)
def test_a_result_is_certified_only_when_somebody_says_so(
    state: State, reported: int, more: dict[str, bool], status: str
) -> None:
    assert status_of(state, reported=reported, stations=5, **more) == status


def test_a_cancelled_election_has_no_results_to_report() -> None:
    with pytest.raises(Conflict, match="cancelled"):
        status_of(State.CANCELLED, reported=5, stations=5)


def with_counts(report: Report, counts: AreaCounts) -> Report:
    contest = report.contests[0]
    return replace(report, contests=(replace(contest, counts=(*contest.counts, counts)),))


@pytest.mark.parametrize(
    ("field", "spoil"),
    [
        ("scope_id", lambda report: replace(report, scope_id="country-2")),
        ("within", lambda report: replace(report, areas=(Area(AreaKind.REGION, "9", "R", ("country-9",)),))),
        ("within", lambda report: replace(report, areas=(Area(AreaKind.REGION, "9", "R", ("region-9",)),))),
        ("areas", lambda report: replace(report, areas=(*report.areas, report.areas[0]))),
        ("participants", lambda report: replace(report, participants=report.participants[:1] * 2)),
        ("standing", lambda report: replace(report, participants=report.participants[:1])),
        ("counts", lambda report: with_counts(report, AreaCounts("station-9", 1, 0, 0, {}, 0, 1))),
        ("counts", lambda report: with_counts(report, AreaCounts("region-1", 1, 1, 0, {3: 1}, 0, 1))),
        ("ballots", lambda report: with_counts(report, AreaCounts("region-1", 1, 2, 0, {1: 1}, 0, 1))),
        ("invalid", lambda report: with_counts(report, AreaCounts("region-1", 1, 0, -1, {1: 1}, 0, 1))),
        ("reported", lambda report: with_counts(report, AreaCounts("region-1", 1, 1, 0, {1: 1}, 2, 1))),
        ("generated", lambda report: replace(report, generated=datetime(2026, 3, 1))),  # noqa: DTZ001 -- the fault.
        ("name", lambda report: election_report(replace(report, election_name={}))),
        ("key", lambda report: replace(report, areas=(Area(AreaKind.REGION, "Ада", "R"),))),
        ("latitude", lambda report: replace(report, areas=(Area(AreaKind.REGION, "1", "R", latitude=1.0),))),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(field: str, spoil: Callable[[Report], object]) -> None:
    report = country()
    election_report(report)
    with pytest.raises(InvalidInput) as refused:
        spoil(report)
    assert refused.value.field == field
