"""Whether the election of a whole country came out exactly right. Pure: it compares a plan with what was answered."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from cli.demo import facts
from cli.demo.ballots import BallotFile
from cli.demo.country.night import Night
from cli.demo.country.plan import Plan, Station
from shared.terms import Progress, Refusal, SheetState

GAPS_OF_2014 = 694
"""Polling stations of 2014 on whose own sheet the voters who voted are not as many as the ballots in the box."""

_SHOWN_REFUSALS = 100
_LEVEL = "unit-"


@dataclass(frozen=True)
class Check:
    """Something that has to hold, as a sentence, and all that is wrong with it."""

    what: str
    wrong: tuple[str, ...] = ()


def checks(plan: Plan, files: Mapping[str, BallotFile], night: Night) -> list[Check]:
    """Everything that is checked, in the order in which it is told."""
    made = [
        _checked(f"{len(plan.stations):,} polling stations are there as in the file", _stations, plan, night),
        _checked("Every sheet is accepted, each after two entries", _sheets, plan, night),
        _checked(
            f"{_count(plan, 'has_slip'):,} second entries with a slip were told where they differ", _slips, plan, night
        ),
        _checked(
            f"{len(night.batches):,} files that were handed in by page are counted, line by line",
            lambda: _batches(plan, files, night),
        ),
        _checked("Every polling station is counted, with every vote of its ballots", _station_votes, plan, night),
        _checked(f"The result is final: {plan.cast:,} ballots, turnout, votes", _result, plan, night),
        _checked(
            "The seats are the official ones" if plan.is_whole else "The seats are those of these votes",
            _seats,
            plan,
            night,
        ),
    ]
    made += [
        _checked(f"Found in the list and in the CSV: {one.code}: {one.planted}", lambda one=one: _planted(one, night))
        for one in plan.planted
    ]
    spoilt = len(plan.planted)
    made.append(
        _checked(
            f"Reconciliation is clean but for these {spoilt} and the {len(plan.with_gap):,} polling stations whose own "
            "sheet has another number of voters than of ballots",
            _reconciliation,
            plan,
            night,
        )
    )
    made.append(_checked("The CSV of the differences says the same", _difference_table, plan, night))
    made.append(_checked("The CSV of the lists says the same", _list_table, plan, night))
    made.append(
        _checked("The report of NIST SP 1500-100 says the same, for the whole and summed up", _nist, plan, night)
    )
    if plan.is_whole:
        made.append(_checked("The papers are those of 2014", _published, plan))
    return made


def _checked(what: str, find: Callable[..., list[str]], *arguments: Any) -> Check:
    return Check(what, tuple(find(*arguments)))


def _stations(plan: Plan, night: Night) -> list[str]:
    found = _differing("polling stations", len(plan.stations), len(night.numbers))
    for one in plan.stations:
        found += _differing(f"{one.code}: registered voters", one.paper.registered, night.registered.get(one.code))
    return found


def _sheets(plan: Plan, night: Night) -> list[str]:
    right = {state.value: 0 for state in SheetState} | {SheetState.ACCEPTED.value: len(plan.stations)}
    return _differing("sheets by state", right, dict(night.answers["board"]))


def _slips(plan: Plan, night: Night) -> list[str]:
    right = {one.code: one.slipped() for one in plan.stations if one.has_slip}
    found = _differing("sheets that differed", sorted(right), sorted(night.slipped))
    for code, fields in night.slipped.items():
        found += _differing(f"{code}: fields that differ", right.get(code), fields)
    return found


def _batches(plan: Plan, files: Mapping[str, BallotFile], night: Night) -> list[str]:
    by_page = sorted(one.code for one in plan.stations if one.by_page and one.code in files)
    found = _differing("files by page", by_page, sorted(night.batches))
    for code, batch in night.batches.items():
        file = files[code]
        right: dict[str, Any] = {
            "status": Progress.COUNTED.value,
            "received": file.ballots,
            "counted": file.counted,
            "duplicate": 0,
            "invalid": file.count(Refusal.INVALID_POLL_NUMBER),
            "outside": 0,
            "refused": [vars(one) for one in file.refused[:_SHOWN_REFUSALS]],
        }
        for name, value in right.items():
            found += _differing(f"{code}: {name}", value, batch.get(name))
    return found


def _station_votes(plan: Plan, night: Night) -> list[str]:
    rows = {_text(row["station"]): row for row in _table(night.answers["stations.csv"])}
    found = _differing("polling stations in the table", len(plan.stations), len(rows))
    for one in plan.stations:
        row = rows.get(one.code, {})
        right = {
            "municipality": one.municipality,
            "counted": "true",
            "registered": str(one.paper.registered),
            "voted": str(one.sheet.voted),
            "ballots": str(one.cast),
            "invalid": str(one.invalid - (one.blank or 0)),
            "blank": "" if one.blank is None else str(one.blank),
            "valid_votes": str(sum(one.votes.values())),
            "sheet_in_box": str(one.sheet.in_box),
            "sheet_invalid": str(one.sheet.invalid),
            "sheet_blank": str(one.sheet.blank),
            **{f"votes_{number}": str(votes) for number, votes in one.votes.items()},
        }
        for name, value in right.items():
            found += _differing(f"{one.code}: {name}", value, _text(row.get(name, "")))
    return found


def _result(plan: Plan, night: Night) -> list[str]:
    result = night.answers["result"]
    found = _differing("certainty", "final", result["certainty"])
    stations, ballots = result["stations"], result["ballots"]
    total, valid = len(plan.stations), sum(plan.votes.values())
    for name, value in (("total", total), ("counted", total), ("sheets", total), ("registered", plan.registered)):
        found += _differing(f"stations: {name}", value, stations[name])
    right = {"received": plan.cast, "counted": valid, "duplicate": 0, "invalid": plan.invalid, "outside": 0}
    for name, value in {**right, "cast": plan.cast}.items():
        found += _differing(f"ballots: {name}", value, ballots[name])
    declared = result["declared"] or {}
    found += _differing("sheets that declare something", total, declared.get("sheets"))
    for name in ("voted", "in_box", "invalid", "blank"):
        found += _differing(
            f"declared: {name}", sum(getattr(one.sheet, name) for one in plan.stations), declared.get(name)
        )
    found += _differing("valid votes", valid, result["valid_votes"])
    found += _differing("ballots of no polling station", 0, result["unattributed"])
    turnout = Fraction(plan.cast, plan.registered)
    if result["turnout"] is None or abs(Fraction(result["turnout"]) - turnout) > Fraction(1, 20_000):
        found.append(f"turnout: {result['turnout']}, and not {float(turnout):.4f}.")
    found += _differing("votes", plan.votes, {one["poll_number"]: one["votes"] for one in result["lists"]})
    found += _differing("answer of the page of results", 200, night.answers["page"])
    return found


def _seats(plan: Plan, night: Night) -> list[str]:
    return _differing(
        "seats", plan.seats, {one["poll_number"]: one["seats"] for one in night.answers["result"]["lists"]}
    )


def _planted(station: Station, night: Night) -> list[str]:
    """A planted difference has to be named in the list and in the table, with its two figures."""
    wrong = []
    listed = {one["code"]: one for one in night.answers["differences"]}.get(station.code)
    told = {one["code"]: tuple(one["figures"].values()) for one in listed["differences"]} if listed else {}
    rows = [row for row in _table(night.answers["differences.csv"]) if _text(row["code"]) == station.code]
    tabled = {row["difference"]: (int(row["first"]), int(row["second"])) for row in rows}
    for code, figures in station.differences().items():
        for where, found in (("list", told), ("CSV", tabled)):
            if found.get(code) != figures:
                wrong.append(
                    f"Planted and not found in the {where}: {station.code}, {code}, {figures[0]} and {figures[1]} "
                    f"({station.planted})."
                )
    return wrong


def _reconciliation(plan: Plan, night: Night) -> list[str]:
    expected = {one.code: one.differences() for one in plan.stations}
    right = {code: differences for code, differences in expected.items() if differences}
    summed, nowhere = night.answers["reconciliation"], night.answers["nowhere"]
    found = _differing("polling stations held against each other", len(plan.stations), summed["stations"])
    found += _differing("polling stations with differences", len(plan.with_gap) + len(plan.planted), summed["open"])
    found += _differing("polling stations without", len(plan.stations) - len(right), summed["clean"])
    found += _differing("explained differences", 0, summed["explained"])
    found += _differing("polling stations that lack something", 0, sum(summed["lacking"].values()))
    found += _differing("ballots of no polling station", 0, nowhere["ballots"])
    shown = {
        one["code"]: {it["code"]: tuple(it["figures"].values()) for it in one["differences"]}
        for one in night.answers["differences"]
    }
    for code in sorted({*right, *shown}):
        found += _differing(f"{code}: differences", right.get(code), shown.get(code))
    return found


def _difference_table(plan: Plan, night: Night) -> list[str]:
    right = {(one.code, code): figures for one in plan.stations for code, figures in one.differences().items()}
    shown = {
        (_text(row["code"]), row["difference"]): (int(row["first"]), int(row["second"]))
        for row in _table(night.answers["differences.csv"])
    }
    found = []
    for key in sorted({*right, *shown}):
        found += _differing(f"{key[0]}, {key[1]}", right.get(key), shown.get(key))
    return found


def _list_table(plan: Plan, night: Night) -> list[str]:
    rows = {int(row["poll_number"]): row for row in _table(night.answers["results.csv"])}
    found = _differing("lists", sorted(plan.votes), sorted(rows))
    for number, row in rows.items():
        found += _differing(f"votes of list {number}", str(plan.votes.get(number)), row["votes"])
        found += _differing(f"seats of list {number}", str(plan.seats.get(number)), row["seats"])
    return found


def _nist(plan: Plan, night: Night) -> list[str]:
    """The contest's own totals, and the same as the sums over its polling stations."""
    report = night.answers["nist"]
    (contest,) = report["Election"][0]["Contest"]
    stations = {unit["@id"] for unit in report["GpUnit"] if unit["Type"] == "precinct"}
    whole, total = contest["ElectoralDistrictId"], len(plan.stations)
    found = _differing("status", "unofficial-complete", report["Status"])
    found += _differing("polling stations", total, len(stations))
    found += _differing("reported", (total, total), (contest["SubUnitsReported"], contest["TotalSubUnits"]))
    told = sum(one.blank or 0 for one in plan.stations)
    for name, value, parts in (
        ("BallotsCast", plan.cast, plan.cast),
        ("BallotsRejected", plan.invalid - (plan.blank or 0), plan.invalid - told),
        ("Undervotes", plan.blank, told),
    ):
        of_whole = [one.get(name) for one in contest["SummaryCounts"] if one["GpUnitId"] == whole]
        summed = sum(one.get(name, 0) for one in contest["SummaryCounts"] if one["GpUnitId"] in stations)
        found += _differing(name, ([value], parts), (of_whole, summed))
    for selection in contest["BallotSelection"]:
        number = selection["SequenceOrder"]
        counts = [one for one in selection["VoteCounts"] if one["Type"] == "total"]
        seats = [one["Count"] for one in selection["VoteCounts"] if one.get("OtherType") == "seats-won"]
        of_whole = [one["Count"] for one in counts if one["GpUnitId"] == whole]
        summed = sum(one["Count"] for one in counts if one["GpUnitId"] in stations)
        votes = plan.votes.get(number)
        found += _differing(f"votes of list {number}", ([votes], votes), (of_whole, summed))
        found += _differing(f"seats of list {number}", [plan.seats.get(number)], seats)
    return found


def _published(plan: Plan) -> list[str]:
    found = _differing("polling stations with a gap of their own", GAPS_OF_2014, len(plan.with_gap))
    found += _differing("ballots in the boxes", facts.BALLOTS_IN_BOX, sum(one.paper.in_box for one in plan.stations))
    valid = sum(sum(one.paper.votes.values()) for one in plan.stations)
    return found + _differing("valid votes", facts.VALID_VOTES, valid)


def _count(plan: Plan, name: str) -> int:
    return sum(bool(getattr(one, name)) for one in plan.stations)


def _differing(what: str, right: Any, shown: Any) -> list[str]:
    return [] if right == shown else [f"{what}: {shown}, and not {right}."]


def _table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def _text(cell: str) -> str:
    """A text as it was before it was made harmless for spreadsheets."""
    return cell.removeprefix("'")
