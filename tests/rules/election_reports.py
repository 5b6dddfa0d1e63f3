"""Small countries whose results are exported, and what a report has to keep beyond its schema."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from results_service.rules.areas import Area, AreaCounts, AreaKind
from results_service.rules.election_report import Contest, Participant, Report, ReportStatus, Standing
from shared.terms import Kind

PARTIES = (
    Participant("11", {"sr-Cyrl": "Листа за Дунав", "sr-Latn": "Lista za Dunav", "en": "List for the Danube"}, "LD"),
    Participant("12", {"sr-Cyrl": "Сава", "sr-Latn": "Sava", "en": "Sava"}, color="0A7FFF"),
)
STANDING = tuple(Standing(number, party.key, party.name) for number, party in enumerate(PARTIES, start=1))


def sums(area_id: str, parts: list[AreaCounts], **more: Any) -> AreaCounts:
    """The counts of an area that is made of these parts."""
    votes: dict[int, int] = {}
    for part in parts:
        for number, count in part.votes.items():
            votes[number] = votes.get(number, 0) + count
    return AreaCounts(
        area_id,
        registered=sum(part.registered for part in parts),
        ballots=sum(part.ballots for part in parts),
        invalid=sum(part.invalid for part in parts),
        blank=sum(part.blank or 0 for part in parts),
        votes=votes,
        reported=sum(part.reported for part in parts),
        stations=sum(part.stations for part in parts),
        **more,
    )


def country(regions: int = 1, centres: int = 1, stations: int = 2, *, by_station: bool = True) -> Report:
    """A country whose last station is not counted yet; every centre is in a municipality and a constituency."""
    areas = [Area(AreaKind.COUNTRY, "1", "Србија")]
    counts: list[AreaCounts] = []
    number = 0
    for region in range(1, regions + 1):
        key = str(region)
        areas += [
            Area(AreaKind.REGION, key, f"Регион {key}", ("country-1",)),
            Area(AreaKind.CONSTITUENCY, key, f"Изборна јединица {key}", (f"region-{key}",)),
            Area(AreaKind.MUNICIPALITY, f"m{key}", f"Општина {key}", (f"region-{key}",)),
        ]
        for centre in range(1, centres + 1):
            place = f"{key}.{centre}"
            within = (f"municipality-m{key}", f"constituency-{key}")
            areas.append(Area(AreaKind.CENTRE, place, "Школа", within, "", "Главна 1", 45.8 + region / 100, 20.1))
            for _ in range(stations):
                number += 1
                code = f"Општина {key} {number}"
                areas.append(Area(AreaKind.STATION, str(number), code, (f"centre-{place}",), code))
                counts.append(
                    AreaCounts(
                        f"station-{number}",
                        700,
                        400 + number,
                        6,
                        {1: 250 + number, 2: 140},
                        1,
                        1,
                        voted=402 + number,
                        blank=4,
                    )
                )
    counts[-1] = AreaCounts(f"station-{number}", 650, 0, 0, {}, 0, 1, blank=0, outstanding=650)
    whole = sums("country-1", counts, outstanding=650, seats={1: 6, 2: 4})
    return Report(
        election_key="7",
        election_name={"sr-Cyrl": "Избори за народне посланике", "en": "Parliamentary election"},
        kind=Kind.PARLIAMENTARY,
        start=date(2026, 3, 1),
        end=date(2026, 3, 1),
        scope_id="country-1",
        areas=tuple(areas),
        participants=PARTIES,
        contests=(
            Contest(
                "whole",
                {"sr-Cyrl": "Народна скупштина", "en": "National Assembly"},
                "country-1",
                individual=False,
                standing=STANDING,
                counts=(whole, *counts) if by_station else (whole,),
                elected=10,
            ),
        ),
        status=ReportStatus.PARTIAL,
        generated=datetime(2026, 3, 1, 21, 30, 5, tzinfo=UTC),
        issuer="Републичка изборна комисија",
        issuer_abbreviation="РИК",
        application="Urna 1.0.0",
    )


def presidency() -> Report:
    """The same country, where persons stand."""
    whole = country()
    contest = replace(whole.contests[0], key="president", individual=True, elected=1)
    counts = tuple(replace(one, seats=None) for one in contest.counts)
    return replace(whole, kind=Kind.PRESIDENTIAL, contests=(replace(contest, counts=counts),), test="rehearsal")


def by_constituency() -> Report:
    """Two constituencies that elect for themselves."""
    whole = country(regions=2)
    contests = []
    for key, numbers in (("1", ("1", "2")), ("2", ("3", "4"))):
        counted = [one for one in whole.contests[0].counts if one.area_id.removeprefix("station-") in numbers]
        district = sums(f"constituency-{key}", counted, seats={1: 3, 2: 2})
        contests.append(
            replace(
                whole.contests[0], key=key, district_id=f"constituency-{key}", counts=(district, *counted), elected=5
            )
        )
    return replace(whole, kind=Kind.REGIONAL, contests=tuple(contests), status=ReportStatus.COMPLETE)


# What the standard says a property refers to; its schema can only say that it is a text.
REFERENCES = {
    "ElectionScopeId": "ReportingUnit",
    "ElectoralDistrictId": "ReportingUnit",
    "GpUnitId": "ReportingUnit",
    "ComposingGpUnitIds": "ReportingUnit",
    "PartyIds": "Party",
    "CandidateIds": "Candidate",
    "PartyId": "Party",
    "PersonId": "Person",
}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within a JSON value."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from objects(part)


def faults(document: dict[str, Any]) -> list[str]:
    """Identifiers that come twice, references to what is not there or is something else, and types that say nothing."""
    kinds: dict[str, str] = {}
    found = []
    for one in objects(document):
        kind = str(one.get("@type")).removeprefix("ElectionResults.")
        if one.get("Type") == "other" and not one.get("OtherType"):
            found.append(f"A {kind} is of another type, but not of which.")
        if "@id" in one:
            if one["@id"] in kinds:
                found.append(f"{one['@id']} comes twice.")
            kinds[one["@id"]] = kind
    for one in objects(document):
        for name, value in one.items():
            if name.endswith(("Id", "Ids")) and name != "VendorApplicationId":
                for reference in value if isinstance(value, list) else [value]:
                    if kinds.get(reference) != REFERENCES[name]:
                        found.append(f"{name} {reference} is no {REFERENCES[name]}.")
    return found


def sums_that_differ(document: dict[str, Any]) -> list[str]:
    """The areas of a report in which votes, rejected ballots and undervotes are not the ballots cast."""
    found = []
    for contest in document["Election"][0]["Contest"]:
        votes: dict[str, int] = {}
        for selection in contest["BallotSelection"]:
            for count in selection["VoteCounts"]:
                if count["Type"] == "total":
                    votes[count["GpUnitId"]] = votes.get(count["GpUnitId"], 0) + count["Count"]
        for summary in contest["SummaryCounts"]:
            without = summary["BallotsRejected"] + summary.get("Undervotes", 0)
            if votes.get(summary["GpUnitId"], 0) + without != summary["BallotsCast"]:
                found.append(f"{contest['@id']}: {summary['GpUnitId']}")
    return found
