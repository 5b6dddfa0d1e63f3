"""The export by NIST SP 1500-100: valid by the standard's schema, whole, and with our figures in the right places."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from results_service.rules.areas import Area, AreaCounts, AreaKind
from results_service.rules.election_report import Report, ReportStatus, election_report, status_of
from shared.errors import Conflict, InvalidInput
from shared.terms import State
from tests.rules.election_reports import by_constituency, country, faults, objects, presidency, sums_that_differ
from tests.rules.report_schema import PREFIX, SCHEMA, invalid_by_the_standard, laxer, standards

Json = dict[str, Any]

WORLDS: list[Callable[[], Report]] = [
    country,
    presidency,
    by_constituency,
    lambda: country(by_station=False),
    lambda: country(regions=5, centres=8, stations=6),
]
NAMES = ["one region", "presidency", "by constituency", "summary", "240 stations"]


def exported(report: Report) -> Json:
    """The report as its reader gets it."""
    made: Json = json.loads(json.dumps(election_report(report), ensure_ascii=False))
    return made


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_a_report_is_valid_by_the_schema_of_the_standard(world: Callable[[], Report]) -> None:
    document = exported(world())
    assert invalid_by_the_standard(document) == []
    for schema in standards().values():
        for spoil in SPOILT.values():
            spoilt = copy.deepcopy(document)
            spoil(spoilt)
            assert invalid_by_the_standard(spoilt, schema) != [], spoil.__name__


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


def in_no_language(document: Json) -> None:
    document["Election"][0]["Name"]["Text"] = []


def on_a_day_that_there_is_not(document: Json) -> None:
    document["Election"][0]["StartDate"] = "2026-02-30"


SPOILT: dict[str, Callable[[Json], None]] = {
    spoil.__name__: spoil
    for spoil in (
        without_a_name,
        with_another_status,
        with_a_figure_as_text,
        with_something_of_our_own,
        with_an_unknown_kind_of_area,
        with_a_contest_of_no_kind,
        in_no_language,
        on_a_day_that_there_is_not,
    )
}


@pytest.mark.parametrize("standard", standards().values(), ids=standards())
@pytest.mark.parametrize(
    ("loosen", "told"),
    [
        (lambda one: one("SummaryCounts").pop("additionalProperties"), "SummaryCounts: additionalProperties"),
        (lambda one: one("ElectionReport")["required"].remove("Issuer"), "ElectionReport.Issuer: required"),
        (lambda one: one("ResultsStatus")["enum"].append("final"), "ResultsStatus: enum"),
        (lambda one: one("ResultsStatus").pop("enum"), "ResultsStatus: enum"),
        (lambda one: one("SummaryCounts", "BallotsCast").update(type="number"), "SummaryCounts.BallotsCast: type"),
        (lambda one: one("SummaryCounts", "Turnout").update(type="number"), "SummaryCounts.Turnout is not there."),
        (lambda one: one("Election", "StartDate").pop("format"), "Election.StartDate: format"),
        (lambda one: one("HtmlColorString").pop("pattern"), "HtmlColorString: pattern"),
        (lambda one: one("PartySelection", "PartyIds").update(minItems=0), "PartySelection.PartyIds: minItems"),
        (lambda one: one("ReportingUnit", "CountStatus").update(items={}), "ReportingUnit.CountStatus[]: class"),
        (lambda one: one("Party", "@type").update(enum=["ElectionResults.List"]), "Party.@type: enum"),
        (lambda one: one("List").update(type="object"), "List is not there."),
    ],
)
def test_our_schema_allows_nothing_that_the_standard_does_not_and_a_looser_one_is_told(
    standard: Json, loosen: Callable[[Callable[..., Json]], object], told: str
) -> None:
    assert laxer(SCHEMA, standard) == []
    looser = copy.deepcopy(SCHEMA)

    def part(name: str, attribute: str = "") -> Json:
        own: Json = looser["definitions"].setdefault(f"{PREFIX}{name}", {})
        return own["properties"].setdefault(attribute, {}) if attribute else own

    loosen(part)
    assert laxer(looser, standard) == [f"{PREFIX}{told}"]


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_everything_that_a_report_refers_to_is_in_it_once(world: Callable[[], Report]) -> None:
    document = exported(world())
    assert faults(document) == []
    removed = copy.deepcopy(document)
    gone = removed["GpUnit"].pop()["@id"]
    assert any(gone in fault for fault in faults(removed))
    document["GpUnit"].append(document["GpUnit"][0])
    assert faults(document) == ["unit-country-1 comes twice."]


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_in_every_area_votes_rejected_ballots_and_undervotes_are_the_ballots_cast(world: Callable[[], Report]) -> None:
    document = exported(world())
    assert sums_that_differ(document) == []
    document["Election"][0]["Contest"][0]["SummaryCounts"][0]["Undervotes"] += 1
    assert sums_that_differ(document) != []


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
