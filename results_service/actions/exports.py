"""Results for other programs: areas and what was counted in them, from the store; the forms are made by the rules."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta

from results_service.actions import Desk, ElectionResult, Stations, result_of_count
from results_service.actions.answers import Answer, Kept, Known
from results_service.actions.standings import look_at_stations
from results_service.rules import fingerprint
from results_service.rules.areas import Area, AreaCounts, AreaKind
from results_service.rules.declared import Declared, blank_among_counted
from results_service.rules.election_report import (
    Contest,
    Participant,
    Report,
    Standing,
    election_report,
    status_of,
)
from results_service.rules.places import Level, Place, reporting
from results_service.rules.tables import list_table, station_table
from shared.errors import Conflict
from shared.terms import Kind, State
from shared.version import VERSION

_FORM = 2
_COUNTRY = Area(AreaKind.COUNTRY, "1", "The whole country")

# The names in the store say nothing of their language; this is the tag for such a text (BCP 47).
_UNDETERMINED = "und"


@dataclass(frozen=True)
class Document:
    """A file for other programs."""

    content: bytes


def as_list_table(result: Kept[ElectionResult]) -> bytes:
    """The table of the lists of a result."""
    return list_table(result.body.result.lists)


def stations_as_csv(desk: Desk, election_id: int, known: Known) -> Answer[Document]:
    """A table with a line for each polling station; NotFound for a draft too."""
    stations = look_at_stations(desk, election_id, None)
    tag = _tag("csv", stations)
    return Answer(tag, stations.settled, None if known(tag) else table_of_stations(desk, stations))


def table_of_stations(desk: Desk, stations: Stations) -> Document:
    """The same table of what was looked at already."""

    def make() -> bytes:
        numbers = sorted(entry.poll_number for entry in stations.election.entries)
        counts = _used(_counts(stations, place) for place in stations.counted.ground.tree.levels[Level.STATION])
        return station_table(list(_areas(stations)), counts, numbers)

    # While ballots may come, the moment until which all is counted moves on each second; the table does not name it.
    sums, counted = stations.sums, stations.counted
    state = (sorted(sums.votes.items()), sums.counts, sums.outside, counted.look.ballot, counted.ground.tag)
    return _kept(desk, "csv", stations, fingerprint(_FORM, VERSION, state), make)


def as_nist_report(desk: Desk, election_id: int, level: Level, known: Known) -> Answer[Document]:
    """The report of NIST SP 1500-100 with counts of the whole and of the places of a level.

    NotFound for a draft too; Conflict for a cancelled election.
    """
    stations = look_at_stations(desk, election_id, None)
    if stations.standing.state is State.CANCELLED:
        raise Conflict("The election was cancelled, so there are no results to report.")
    tag = fingerprint(_tag("nist", stations), level)
    if known(tag):
        return Answer(tag, stations.settled, None)

    def make() -> bytes:
        # Of the same moment as the stations, so that these add up to it.
        result = result_of_count(desk, stations.counted, stations.standing)
        report = _report(stations, result.body, level)
        return json.dumps(election_report(report), ensure_ascii=False, separators=(",", ":")).encode()

    return Answer(tag, stations.settled, _kept(desk, f"nist by {level}", stations, tag, make))


def _tag(name: str, stations: Stations) -> str:
    return fingerprint(_FORM, VERSION, name, stations.tag, stations.counted.ground.tag)


def _kept(desk: Desk, name: str, stations: Stations, tag: str, make: Callable[[], bytes]) -> Document:
    key = (stations.election.id, name)
    known = desk.documents.get(key)
    if known is not None and known[0] == tag:
        return Document(known[1])
    content = make()
    desk.documents.keep(key, (tag, content))
    return Document(content)


def _report(stations: Stations, whole: ElectionResult, level: Level) -> Report:
    election, result = stations.election, whole.result
    people = [(entry.participant_id, entry.participant.name) for entry in election.entries]
    standing = tuple(
        Standing(entry.poll_number, str(entry.participant_id), {_UNDETERMINED: entry.participant.name or "–"})
        for entry in election.entries
    )
    title = {_UNDETERMINED: election.title or f"Election {election.id}"}
    tree = stations.counted.ground.tree
    contests = []
    smallest = level
    parts = result.apportionment.constituencies if result.apportionment else None
    if parts is None:
        counts = (_whole(stations, whole), *_used(_counts(stations, place) for place in tree.levels[level]))
        seats = result.apportionment.seats if result.apportionment else None
        contests.append(Contest("whole", title, _COUNTRY.id, election.individual, standing, counts, seats))
    else:
        # A region has no part in it, but the areas have to go down to the constituencies that are voted in.
        smallest = Level.CONSTITUENCY if level is Level.REGION else level
        for part in parts:
            place = tree.places[Level.CONSTITUENCY, str(part.id)]
            seats_there = {one.poll_number: one.seats for one in part.lists}
            inner = [] if smallest is Level.CONSTITUENCY else tree.within(place.key, level)
            counts = (_counts(stations, place, seats_there), *_used(_counts(stations, one) for one in inner))
            name = {_UNDETERMINED: part.name}
            contests.append(Contest(str(part.id), name, _id(place), election.individual, standing, counts, part.seats))
    return Report(
        election_key=str(election.id),
        election_name=title,
        kind=Kind(election.kind),
        start=election.start.astimezone(UTC).date(),
        # The end is the first moment at which nobody votes any more.
        end=(election.end - timedelta.resolution).astimezone(UTC).date(),
        scope_id=_COUNTRY.id,
        areas=tuple(_areas(stations, smallest)),
        participants=tuple(Participant(str(key), {_UNDETERMINED: name or "–"}) for key, name in people),
        contests=tuple(contests),
        status=status_of(stations.standing.state, reported=result.stations.counted, stations=result.stations.total),
        # The moment of the numbers, which is the same whoever asks and when.
        generated=result.last_change or election.start,
        issuer="Urna, results service",
        issuer_abbreviation="Urna",
        application=f"Urna {VERSION}",
    )


def _areas(stations: Stations, smallest: Level = Level.STATION) -> Iterator[Area]:
    """The country and every place down to a level, each within the one that it belongs to."""
    tree = stations.counted.ground.tree
    yield _COUNTRY
    for level in Level:
        for place in tree.levels[level]:
            within = (_COUNTRY.id,) if place.parent is None else (_id(tree.places[place.parent]),)
            middle = place.middle if level in (Level.CENTRE, Level.STATION) else None
            yield Area(
                AreaKind(level.value),
                _key(place),
                place.name,
                within,
                code=place.name if level is Level.STATION else "",
                latitude=middle[0] if middle else None,
                longitude=middle[1] if middle else None,
            )
        if level is smallest:
            return


def _key(place: Place) -> str:
    # A municipality has no number; its constituency and its name are what tells it apart.
    return fingerprint(place.id)[:16] if place.level is Level.MUNICIPALITY else place.id


def _id(place: Place) -> str:
    return f"{place.level.value}-{_key(place)}"


def _whole(stations: Stations, whole: ElectionResult) -> AreaCounts:
    """The whole country, with ballots that are of no polling station."""
    result, facts = whole.result, stations.facts
    found = result.stations
    # Ballots of no polling station are on no sheet.
    blank = None if result.unattributed else _blank(stations, facts.stations)
    return AreaCounts(
        _COUNTRY.id,
        registered=found.registered,
        ballots=result.ballots.cast,
        invalid=result.ballots.invalid - (blank or 0),
        votes={one.poll_number: one.votes for one in result.lists},
        reported=found.counted,
        stations=found.total,
        voted=_voted(facts.declared.values(), found.sheets, found.total),
        blank=blank,
        outstanding=whole.basis.outstanding,
        seats=None if result.apportionment is None else {one.poll_number: one.seats or 0 for one in result.lists},
    )


def _counts(stations: Stations, place: Place, seats: Mapping[int, int] | None = None) -> AreaCounts:
    facts = stations.facts
    found = reporting(facts, place.station_ids)
    votes = stations.votes_of(place.station_ids)
    invalid = sum(facts.received[number].invalid for number in place.station_ids if number in facts.received)
    blank = _blank(stations, place.station_ids)
    declared = [facts.declared[number] for number in place.station_ids if number in facts.declared]
    return AreaCounts(
        _id(place),
        registered=found.registered,
        ballots=sum(votes.values()) + invalid,
        invalid=invalid - (blank or 0),
        votes=votes,
        reported=found.counted,
        stations=found.total,
        voted=_voted(declared, found.sheets, found.total),
        blank=blank,
        # As for the certainty of the seats.
        outstanding=0 if stations.standing.state is State.FINAL else found.outstanding,
        seats=seats,
        sheet=facts.declared.get(int(place.id)) if place.level is Level.STATION else None,
    )


def _blank(stations: Stations, station_ids: Iterable[int]) -> int | None:
    """The blank ballots of some stations; None where their sheets do not tell of the ballots that were counted."""
    received, declared = stations.facts.received, stations.facts.declared
    return blank_among_counted((received.get(number), declared.get(number)) for number in station_ids)


def _used(counts: Iterable[AreaCounts]) -> list[AreaCounts]:
    """Without the places at which nobody votes and from which nothing came."""
    return [one for one in counts if one.stations]


def _voted(declared: Iterable[Declared], sheets: int, total: int) -> int | None:
    """Who voted by the marks on the rolls, once the sheets of all stations say it."""
    return sum(one.voted for one in declared) if total and sheets == total else None
