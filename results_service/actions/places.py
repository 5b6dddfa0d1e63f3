"""Results per place, and how they came in over the time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from results_service.actions import Desk, Stations
from results_service.actions.answers import Answer, Known, Listing, Summary, summary_of
from results_service.actions.standings import look_at_stations, look_at_turnout
from results_service.rules import fingerprint
from results_service.rules.places import Key, Level, Place, PlaceResult, moments_of, result_of_place
from shared.errors import InvalidInput, NotFound
from shared.sentences import say

MOST_MOMENTS = 200
"""So many moments has a time line at most."""

_FORM = 2


@dataclass(frozen=True)
class Name:
    """A place that another one lies in."""

    level: Level
    id: str
    name: str


@dataclass(frozen=True)
class InPlace:
    """The result of a place, what it lies in, the largest first, and what lies in it."""

    place: PlaceResult
    trail: tuple[Name, ...]
    children: tuple[PlaceResult, ...]


@dataclass(frozen=True)
class Moment:
    """How much had come in by a moment: ballots that count, and polling stations that had reported."""

    at: datetime
    counted: int
    stations: int


@dataclass(frozen=True)
class TimeLine:
    """How ballots came in, from the opening of an election to its end or to now."""

    election: Summary
    moments: tuple[Moment, ...]


def list_places(
    desk: Desk,
    election_id: int,
    level: Level | None,
    within: Key | None,
    limit: int,
    offset: int,
    known: Known,
    as_of: datetime | None = None,
) -> Answer[Listing[PlaceResult]]:
    """The results of the places of a level by name, of all or of those in another place; see ``places_of``.

    NotFound for a draft and for a place that there is not; InvalidInput (``as_of``) for what has not come yet.
    """
    stations = look_at_stations(desk, election_id, as_of)
    tag = fingerprint(_FORM, stations.tag, stations.counted.ground.tag, level, within, limit, offset)
    if known(tag):
        return Answer(tag, stations.settled, None)
    return Answer(tag, stations.settled, places_of(stations, level, within, limit, offset))


def places_of(
    stations: Stations, level: Level | None, within: Key | None, limit: int, offset: int
) -> Listing[PlaceResult]:
    """The results of the places of a level by name; if none is named, of the largest with more than one place."""
    tree = stations.counted.ground.tree
    level = level or tree.widest
    if within is not None:
        _refuse_smaller(within[0], level)
        found = tree.within(_place(stations, within).key, level)
    else:
        found = tree.levels[level]
    return Listing([_result(stations, place) for place in found[offset : offset + limit]], len(found))


def read_place(desk: Desk, election_id: int, key: Key, known: Known, as_of: datetime | None = None) -> Answer[InPlace]:
    """The result of one place with those of the places in it; the same errors."""
    stations = look_at_stations(desk, election_id, as_of)
    _place(stations, key)
    tag = fingerprint(_FORM, stations.tag, stations.counted.ground.tag, key)
    return Answer(tag, stations.settled, None if known(tag) else place_of(stations, key))


def place_of(stations: Stations, key: Key) -> InPlace:
    """The result of one place with those of the places in it; NotFound for one that there is not."""
    place, tree = _place(stations, key), stations.counted.ground.tree
    return InPlace(
        place=_result(stations, place),
        trail=tuple(Name(one.level, one.id, one.name) for one in tree.trail(place)),
        children=tuple(_result(stations, child) for child in tree.children.get(place.key, ())),
    )


def read_time_line(desk: Desk, election_id: int, known: Known) -> Answer[TimeLine]:
    """How the ballots of an election came in; NotFound for a draft too."""
    stations = look_at_turnout(desk, election_id)
    election, reports = stations.election, stations.reports
    start = _seconds(election.start)
    end = _seconds(min(max(desk.now(), election.start), election.end))
    tag = fingerprint(_FORM, stations.tag, end)
    if known(tag):
        return Answer(tag, stations.settled, None)
    seconds = sorted(reports.seconds.items())
    firsts = sorted(reports.first[number] for number in reports.first)
    moments, ballots, position, reported = [], [0, *accumulate(count for _, count in seconds)], 0, 0
    for at in moments_of(start, end, MOST_MOMENTS):
        moment = datetime.fromtimestamp(at, UTC)
        # What came in the second that begins at the moment had not been received by then, unless at its very start.
        while position < len(seconds) and seconds[position][0] < moment:
            position += 1
        while reported < len(firsts) and firsts[reported] < moment:
            reported += 1
        moments.append(Moment(moment, ballots[position], reported))
    summary = summary_of(election, stations.standing.state)
    return Answer(tag, stations.settled, TimeLine(summary, tuple(moments)))


def _result(stations: Stations, place: Place) -> PlaceResult:
    return result_of_place(place, stations.facts, stations.votes_of)


def _place(stations: Stations, key: Key) -> Place:
    found = stations.counted.ground.tree.places.get(key)
    if found is None:
        raise NotFound(say("There is no {level} {number} in this election.", level=_LEVELS[key[0]], number=str(key[1])))
    return found


def _refuse_smaller(outer: Level, level: Level) -> None:
    levels = list(Level)
    if levels.index(outer) > levels.index(level):
        words = say("A {level} does not lie in a {outer}.", level=_LEVELS[level], outer=_LEVELS[outer])
        raise InvalidInput(words, field="within")


_LEVELS = {
    Level.REGION: say("region"),
    Level.CONSTITUENCY: say("constituency"),
    Level.MUNICIPALITY: say("municipality"),
    Level.CENTRE: say("centre"),
    Level.STATION: say("station"),
}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
