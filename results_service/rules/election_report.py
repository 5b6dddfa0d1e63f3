"""A result as a report of NIST SP 1500-100, version 2 (Election Results Reporting), in its JSON form.

The standard is a common format for election results; its schema names every class and property that is here. Which
of our figures goes where, and why, stands in ``docs/results-export.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from results_service.rules.areas import Area, AreaCounts, AreaKind, checked_areas
from shared.errors import Conflict, InvalidInput
from shared.terms import Kind, State

Json = dict[str, Any]
"""A JSON object."""

Text = Mapping[str, str]
"""A text in one language or more, by language tag (BCP 47): ``{"sr-Latn": "Lista 1", "en": "List 1"}``."""


class ReportStatus(StrEnum):
    """How far the results of a report have come, in the standard's words."""

    BEFORE = "pre-election"
    PARTIAL = "unofficial-partial"
    COMPLETE = "unofficial-complete"
    CERTIFIED = "certified"
    CORRECTION = "correction"
    RECOUNT = "recount"


@dataclass(frozen=True, slots=True)
class Participant:
    """A party, a coalition or a person that stands; ``key`` is the store's number of it, ``color`` six hex digits."""

    key: str
    name: Text
    abbreviation: str = ""
    color: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A participant on the ballot of a contest, under a poll number and the ``name`` that the ballot shows."""

    poll_number: int
    participant_key: str
    name: Text


@dataclass(frozen=True, slots=True)
class Contest:
    """What is voted on in one district: the whole country, or a constituency that elects for itself.

    ``key``          tells it from others of the election: ``whole``, or the constituency's number.
    ``district_id``  the area whose voters vote; ``counts`` must have its numbers, and may have those of any other.
    ``individual``   whether persons stand in it, and not parties or coalitions with lists.
    ``elected``      how many are elected, or None where nobody says.
    """

    key: str
    name: Text
    district_id: str
    individual: bool
    standing: tuple[Standing, ...]
    counts: tuple[AreaCounts, ...]
    elected: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says. ``start`` and ``end`` are the first and the last day of voting.

    ``generated``  the moment of the numbers, with its offset from UTC.
    ``issuer``     who publishes it, with an abbreviation; ``application`` the program with its version.
    ``test``       what kind of test this is, when the results are none of a real election; otherwise empty.
    """

    election_key: str
    election_name: Text
    kind: Kind
    start: date
    end: date
    scope_id: str
    areas: tuple[Area, ...]
    participants: tuple[Participant, ...]
    contests: tuple[Contest, ...]
    status: ReportStatus
    generated: datetime
    issuer: str
    issuer_abbreviation: str
    application: str
    notes: str = ""
    test: str = ""
    areas_by_id: Mapping[str, Area] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.generated.tzinfo is None:
            raise InvalidInput("The moment of a report needs its offset from UTC.", field="generated")
        object.__setattr__(self, "areas_by_id", checked_areas(self.areas))
        _check_contests(self)


_UNIT_TYPES: Mapping[AreaKind, Json] = {
    AreaKind.COUNTRY: {"Type": "country"},
    AreaKind.REGION: {"Type": "state"},
    # The standard names the kinds of districts of the United States only; others are named in words.
    AreaKind.CONSTITUENCY: {"Type": "other", "OtherType": "constituency", "IsDistricted": True},
    AreaKind.MUNICIPALITY: {"Type": "municipality"},
    AreaKind.CENTRE: {"Type": "polling-place"},
    AreaKind.STATION: {"Type": "precinct"},
}
_ELECTION_TYPES: Mapping[Kind, Json] = {
    Kind.PARLIAMENTARY: {"Type": "general"},
    Kind.PRESIDENTIAL: {"Type": "general"},
}


def status_of(
    state: State, *, reported: int, stations: int, certified: bool = False, corrected: bool = False
) -> ReportStatus:
    """The standard's word for where the count is.

    A result that is complete stays unofficial until an authority certifies it, which Urna never does by itself: whoever
    calls says so. ``corrected`` means that an earlier complete report said otherwise. Conflict for a cancelled
    election, which has no results.
    """
    if state is State.CANCELLED:
        raise Conflict("The election was cancelled, so there are no results to report.")
    if state in (State.DRAFT, State.SCHEDULED):
        return ReportStatus.BEFORE
    if state is not State.FINAL or reported < stations:
        return ReportStatus.PARTIAL
    if corrected:
        return ReportStatus.CORRECTION
    return ReportStatus.CERTIFIED if certified else ReportStatus.COMPLETE


def election_report(report: Report) -> Json:
    """The report as a JSON object, an ``ElectionResults.ElectionReport``; the same report always gives the same."""
    by_station = any(
        report.areas_by_id[counts.area_id].kind is AreaKind.STATION
        for contest in report.contests
        for counts in contest.counts
    )
    document: Json = {
        "@type": "ElectionResults.ElectionReport",
        "Format": "precinct-level" if by_station else "summary-contest",
        "GeneratedDate": report.generated.isoformat(timespec="seconds"),
        "Issuer": report.issuer,
        "IssuerAbbreviation": report.issuer_abbreviation,
        # One document holds all; a report in several would count them here.
        "SequenceStart": 1,
        "SequenceEnd": 1,
        "Status": report.status.value,
        "VendorApplicationId": report.application,
        "IsTest": bool(report.test),
        "Election": [_election(report)],
        "GpUnit": _units(report),
        "Party": [_party(participant) for participant in _parties(report)],
    }
    if report.test:
        document["TestType"] = report.test
    if report.notes:
        document["Notes"] = report.notes
    return document


def _election(report: Report) -> Json:
    election: Json = {
        "@type": "ElectionResults.Election",
        "Name": _text(report.election_name),
        "StartDate": report.start.isoformat(),
        "EndDate": report.end.isoformat(),
        "ElectionScopeId": _unit_id(report.scope_id),
        "ExternalIdentifier": [_identifier("urna-election", report.election_key)],
        "Contest": [_contest(contest, place) for place, contest in enumerate(report.contests, start=1)],
    }
    election |= _ELECTION_TYPES.get(report.kind, {"Type": "other", "OtherType": report.kind.value})
    candidates = [
        {
            "@type": "ElectionResults.Candidate",
            "@id": _candidate_id(contest, one),
            "BallotName": _text(one.name),
            "ExternalIdentifier": [_identifier("urna-participant", one.participant_key)],
        }
        for contest in report.contests
        if contest.individual
        for one in contest.standing
    ]
    if candidates:
        election["Candidate"] = candidates
    return election


def _contest(contest: Contest, place: int) -> Json:
    whole = _whole(contest)
    made: Json = {
        "@type": f"ElectionResults.{'CandidateContest' if contest.individual else 'PartyContest'}",
        "@id": f"contest-{contest.key}",
        "Name": next(iter(_text(contest.name)["Text"]))["Content"],
        "BallotTitle": _text(contest.name),
        "ElectoralDistrictId": _unit_id(contest.district_id),
        "SequenceOrder": place,
        "SubUnitsReported": whole.reported,
        "TotalSubUnits": whole.stations,
        "CountStatus": [_count_status(whole)],
        "SummaryCounts": [_summary(counts) for counts in contest.counts],
        "BallotSelection": [_selection(contest, one) for one in contest.standing],
    }
    if contest.individual:
        made |= {"VoteVariation": "1-of-m", "VotesAllowed": 1}
        if contest.elected is not None:
            made["NumberElected"] = contest.elected
    else:
        made["VoteVariation"] = "proportional"
    return made


def _selection(contest: Contest, one: Standing) -> Json:
    made: Json = {"@id": f"selection-{contest.key}-{one.poll_number}", "SequenceOrder": one.poll_number}
    if contest.individual:
        made |= {
            "@type": "ElectionResults.CandidateSelection",
            "CandidateIds": [_candidate_id(contest, one)],
        }
    else:
        made |= {"@type": "ElectionResults.PartySelection", "PartyIds": [_party_id(one.participant_key)]}
    made["VoteCounts"] = list(chain.from_iterable(_vote_counts(counts, one.poll_number) for counts in contest.counts))
    return made


def _vote_counts(counts: AreaCounts, poll_number: int) -> list[Json]:
    about: Json = {"@type": "ElectionResults.VoteCounts", "GpUnitId": _unit_id(counts.area_id)}
    made = [{**about, "Type": "total", "Count": counts.votes.get(poll_number, 0)}]
    if counts.seats is not None:
        # The standard has no place for seats; the readers of its XML form know them by this name.
        seats = counts.seats.get(poll_number, 0)
        made.append({**about, "Type": "other", "OtherType": "seats-won", "Count": seats})
    return made


def _summary(counts: AreaCounts) -> Json:
    """Ballots without a valid vote: rejected ones have no choice that can be told, undervotes none at all."""
    made: Json = {
        "@type": "ElectionResults.SummaryCounts",
        "GpUnitId": _unit_id(counts.area_id),
        "Type": "total",
        "BallotsCast": counts.ballots,
        "BallotsRejected": counts.invalid,
    }
    if counts.blank is not None:
        made["Undervotes"] = counts.blank
    if counts.outstanding is not None:
        made["BallotsOutstanding"] = counts.outstanding
    return made


def _units(report: Report) -> list[Json]:
    composing: dict[str, list[str]] = {area.id: [] for area in report.areas}
    for area in report.areas:
        for parent in area.within:
            composing[parent].append(_unit_id(area.id))
    numbers = {counts.area_id: counts for contest in report.contests for counts in contest.counts}
    return [_unit(area, composing[area.id], numbers.get(area.id)) for area in report.areas]


def _unit(area: Area, composing: Sequence[str], counts: AreaCounts | None) -> Json:
    unit: Json = {
        "@type": "ElectionResults.ReportingUnit",
        "@id": _unit_id(area.id),
        "Name": area.name,
        "ExternalIdentifier": [_identifier(f"urna-{area.kind.value}", area.key)],
        **_UNIT_TYPES[area.kind],
    }
    if area.code:
        unit["Number"] = area.code
    if composing:
        unit["ComposingGpUnitIds"] = list(composing)
    contact: Json = {}
    if area.address:
        contact["AddressLine"] = [area.address]
    if area.latitude is not None and area.longitude is not None:
        contact["LatLng"] = {
            "@type": "ElectionResults.LatLng",
            "Latitude": area.latitude,
            "Longitude": area.longitude,
        }
    if contact:
        unit["ContactInformation"] = {"@type": "ElectionResults.ContactInformation", **contact}
    if counts is not None:
        unit |= {
            "VotersRegistered": counts.registered,
            "SubUnitsReported": counts.reported,
            "TotalSubUnits": counts.stations,
            "CountStatus": [_count_status(counts)],
        }
        if counts.voted is not None:
            unit["VotersParticipated"] = counts.voted
    return unit


def _count_status(counts: AreaCounts) -> Json:
    status = "completed" if counts.is_complete else "in-process" if counts.reported else "not-processed"
    return {"@type": "ElectionResults.CountStatus", "Type": "total", "Status": status}


def _parties(report: Report) -> list[Participant]:
    """Those who stand with a list; persons are candidates and no parties."""
    listed = {one.participant_key for contest in report.contests if not contest.individual for one in contest.standing}
    return [participant for participant in report.participants if participant.key in listed]


def _party(participant: Participant) -> Json:
    party: Json = {
        "@type": "ElectionResults.Party",
        "@id": _party_id(participant.key),
        "Name": _text(participant.name),
        "ExternalIdentifier": [_identifier("urna-participant", participant.key)],
    }
    if participant.abbreviation:
        party["Abbreviation"] = participant.abbreviation
    if participant.color:
        party["Color"] = participant.color.lower()
    return party


def _identifier(kind: str, value: str) -> Json:
    return {"@type": "ElectionResults.ExternalIdentifier", "Type": "other", "OtherType": kind, "Value": value}


def _text(text: Text) -> Json:
    if not text:
        raise InvalidInput("A name of the report is in no language.", field="name")
    return {
        "@type": "ElectionResults.InternationalizedText",
        "Text": [
            {"@type": "ElectionResults.LanguageString", "Language": language, "Content": content}
            for language, content in text.items()
        ],
    }


def _unit_id(area_id: str) -> str:
    return f"unit-{area_id}"


def _party_id(key: str) -> str:
    return f"party-{key}"


def _candidate_id(contest: Contest, one: Standing) -> str:
    return f"candidate-{contest.key}-{one.poll_number}"


def _whole(contest: Contest) -> AreaCounts:
    return next(counts for counts in contest.counts if counts.area_id == contest.district_id)


def _check_contests(report: Report) -> None:
    """InvalidInput for what names something that is not there, or comes twice: the schema cannot see either."""
    if report.scope_id not in report.areas_by_id:
        raise InvalidInput(f"The scope {report.scope_id} is none of the areas.", field="scope_id")
    known = [participant.key for participant in report.participants]
    _refuse_twice(known, "participants")
    _refuse_twice([contest.key for contest in report.contests], "contests")
    for contest in report.contests:
        numbers = [one.poll_number for one in contest.standing]
        _refuse_twice(numbers, "standing")
        for one in contest.standing:
            if one.participant_key not in known:
                raise InvalidInput(f"Nobody has the key of poll number {one.poll_number}.", field="standing")
        counted = [counts.area_id for counts in contest.counts]
        _refuse_twice(counted, "counts")
        if contest.district_id not in counted:
            raise InvalidInput(f"The counts of the district {contest.district_id} are missing.", field="counts")
        for counts in contest.counts:
            if counts.area_id not in report.areas_by_id:
                raise InvalidInput(f"The area {counts.area_id} of counts is not there.", field="counts")
            foreign = sorted({*counts.votes, *(counts.seats or ())} - set(numbers))
            if foreign:
                raise InvalidInput(
                    f"Poll number {foreign[0]} is counted in {counts.area_id} but does not stand.", field="counts"
                )


def _refuse_twice(keys: Sequence[str] | Sequence[int], name: str) -> None:
    seen: set[str | int] = set()
    for key in keys:
        if key in seen:
            raise InvalidInput(f"Among the {name}, {key} comes twice.", field=name)
        seen.add(key)
