"""Results per place: what belongs to which place, and what the figures of a place are."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from results_service.rules.declared import Declared, together
from results_service.rules.result import Reporting
from results_service.rules.seats import share


class Level(StrEnum):
    """The sorts of places, from the largest to the smallest."""

    REGION = "region"
    CONSTITUENCY = "constituency"
    MUNICIPALITY = "municipality"
    CENTRE = "centre"
    STATION = "station"


Key = tuple[Level, str]


class Station(Protocol):
    """A polling station with the centre that it is in."""

    @property
    def id(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def centre_id(self) -> int: ...
    @property
    def centre(self) -> str: ...
    @property
    def municipality(self) -> str: ...
    @property
    def constituency_id(self) -> int: ...
    @property
    def latitude(self) -> float | None: ...
    @property
    def longitude(self) -> float | None: ...
    @property
    def registered(self) -> int: ...
    @property
    def is_active(self) -> bool: ...


class Constituency(Protocol):
    """A constituency and the region that it belongs to."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def region_id(self) -> int: ...
    @property
    def region(self) -> str: ...


class Received(Protocol):
    """Ballots that were received from a station."""

    @property
    def counted(self) -> int: ...
    @property
    def duplicate(self) -> int: ...
    @property
    def invalid(self) -> int: ...
    @property
    def cast(self) -> int: ...


@dataclass
class Place:
    """A place, what it belongs to, and the stations in it."""

    level: Level
    id: str
    name: str
    parent: Key | None
    station_ids: list[int] = field(default_factory=list)
    centres: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.level, self.id)

    @property
    def middle(self) -> tuple[float, float] | None:
        """The mean of the coordinates of its centres, latitude first; None where none has any."""
        found = self.centres.values()
        if not found:
            return None
        return sum(one[0] for one in found) / len(found), sum(one[1] for one in found) / len(found)


def _by_name(place: Place) -> tuple[str, str]:
    return (place.name.casefold(), place.id)


class Tree:
    """All places of an election. Each belongs to one of the next larger level, a region to none.

    The part of a municipality that lies in another constituency is another place. It has no number, so that of its
    constituency and its name make its id.
    """

    def __init__(self, stations: Iterable[Station], constituencies: Iterable[Constituency]) -> None:
        self.places: dict[Key, Place] = {}
        self._names: dict[tuple[int, str], str] = {}
        for part in constituencies:
            region = self._place(Level.REGION, str(part.region_id), part.region, None)
            self._place(Level.CONSTITUENCY, str(part.id), part.name, region.key)
        for station in stations:
            self._add(station)
        self.levels: dict[Level, list[Place]] = {level: [] for level in Level}
        self.children: dict[Key, list[Place]] = {}
        for place in sorted(self.places.values(), key=_by_name):
            self.levels[place.level].append(place)
            if place.parent is not None:
                self.children.setdefault(place.parent, []).append(place)

    @property
    def widest(self) -> Level:
        """The largest level with more than one place: one place alone says nothing that the whole does not say."""
        return next((level for level in Level if len(self.levels[level]) > 1), Level.STATION)

    def within(self, key: Key, level: Level) -> list[Place]:
        """The places of a level that lie in another place, by name; itself, if it is of that level."""
        found = [self.places[key]]
        while found and found[0].level is not level:
            found = [child for place in found for child in self.children.get(place.key, ())]
        return sorted(found, key=_by_name)

    def trail(self, place: Place) -> list[Place]:
        """What a place lies in, the largest first."""
        found: list[Place] = []
        while place.parent is not None:
            place = self.places[place.parent]
            found.insert(0, place)
        return found

    def _add(self, station: Station) -> None:
        constituency = self.places[Level.CONSTITUENCY, str(station.constituency_id)]
        # As the administration compares names: without regard to case and to the number of blanks.
        spoken = " ".join(station.municipality.split())
        name = self._names.setdefault((station.constituency_id, spoken.casefold()), spoken)
        municipality = self._place(Level.MUNICIPALITY, f"{station.constituency_id}:{name}", name, constituency.key)
        centre = self._place(Level.CENTRE, str(station.centre_id), station.centre, municipality.key)
        own = self._place(Level.STATION, str(station.id), station.code, centre.key)
        for place in (*self.trail(own), own):
            place.station_ids.append(station.id)
            if station.latitude is not None and station.longitude is not None:
                place.centres[station.centre_id] = (station.latitude, station.longitude)

    def _place(self, level: Level, number: str, name: str, parent: Key | None) -> Place:
        return self.places.setdefault((level, number), Place(level, number, name, parent))


@dataclass(frozen=True)
class Facts:
    """What is known of the stations of an election, by their numbers."""

    stations: Mapping[int, Station]
    received: Mapping[int, Received]
    declared: Mapping[int, Declared]

    def takes_part(self, station_id: int) -> bool:
        """Whether people vote at a station; ballots of one that is disabled count as they are."""
        return self.stations[station_id].is_active or station_id in self.received

    def outstanding(self, station_id: int) -> int:
        """The most ballots that may still come from a station that takes part, as long as ballots are taken.

        After one file another one may come, so a station that has reported has not sent all for that reason. What may
        be in its box is a ballot for each registered voter, and what its sheet says once that is accepted.
        """
        received, declared = self.received.get(station_id), self.declared.get(station_id)
        in_box = self.stations[station_id].registered if declared is None else declared.in_box
        return max(0, in_box - (0 if received is None else received.cast))

    def is_counted(self, station_id: int) -> bool:
        """Whether a station has reported: it has ballots in the box, or its accepted sheet says that nobody voted."""
        received, declared = self.received.get(station_id), self.declared.get(station_id)
        return (received is not None and received.cast > 0) or (declared is not None and declared.nobody_voted)


@dataclass(frozen=True)
class ListShare:
    """The votes of a list in a place, and their share of the valid votes there."""

    poll_number: int
    votes: int
    share: str


@dataclass(frozen=True)
class PlaceResult:
    """What was counted in a place. ``leading`` has the most votes; nobody where several have as many, or nobody any."""

    level: Level
    id: str
    name: str
    latitude: float | None
    longitude: float | None
    stations: Reporting
    counted: int
    duplicate: int
    invalid: int
    valid_votes: int
    lists: tuple[ListShare, ...]
    leading: int | None
    declared: Declared | None


def reporting(facts: Facts, station_ids: Iterable[int]) -> Reporting:
    """How far these stations are."""
    total = counted = sheets = registered = registered_counted = cast = outstanding = 0
    for number in station_ids:
        if not facts.takes_part(number):
            continue
        station, received = facts.stations[number], facts.received.get(number)
        total += 1
        outstanding += facts.outstanding(number)
        registered += station.registered
        sheets += number in facts.declared
        if facts.is_counted(number):
            counted += 1
            registered_counted += station.registered
            cast += received.cast if received is not None else 0
    turnout = share(cast, registered_counted) if registered_counted else None
    return Reporting(total, counted, sheets, registered, registered_counted, cast, turnout, outstanding)


def outstanding_in(facts: Facts) -> Mapping[int, int]:
    """The most ballots that may still come from the stations of each constituency, as long as ballots are taken."""
    found: Counter[int] = Counter()
    for number, station in facts.stations.items():
        if facts.takes_part(number):
            found[station.constituency_id] += facts.outstanding(number)
    return found


def result_of_place(place: Place, facts: Facts, votes_of: Callable[[Sequence[int]], Mapping[int, int]]) -> PlaceResult:
    """What was counted in a place; ``votes_of`` gives the votes of some stations by poll number, zeros included."""
    received = [facts.received[number] for number in place.station_ids if number in facts.received]
    votes = votes_of(place.station_ids)
    valid = sum(votes.values())
    most = max(votes.values(), default=0)
    first = [number for number, found in votes.items() if found == most]
    latitude, longitude = place.middle or (None, None)
    return PlaceResult(
        level=place.level,
        id=place.id,
        name=place.name,
        latitude=latitude,
        longitude=longitude,
        stations=reporting(facts, place.station_ids),
        counted=sum(one.counted for one in received),
        duplicate=sum(one.duplicate for one in received),
        invalid=sum(one.invalid for one in received),
        valid_votes=valid,
        lists=tuple(ListShare(number, found, share(found, valid)) for number, found in votes.items()),
        leading=first[0] if most and len(first) == 1 else None,
        declared=together(facts.declared[number] for number in place.station_ids if number in facts.declared),
    )


@dataclass(frozen=True)
class Reconciled:
    """Stations whose tally sheet is accepted: how many, and at how many of them something else was counted.

    ``in_box`` are the ballots in the box by these sheets, ``cast`` those counted at the same stations.
    """

    sheets: int
    different: int
    in_box: int
    cast: int


def reconciled(facts: Facts) -> Reconciled:
    """The accepted sheets held against what was counted at their stations."""
    different = in_box = cast = 0
    for number, declared in facts.declared.items():
        received = facts.received.get(number)
        own = received.cast if received is not None else 0
        in_box, cast, different = in_box + declared.in_box, cast + own, different + (own != declared.in_box)
    return Reconciled(len(facts.declared), different, in_box, cast)


def moments_of(start: int, end: int, at_most: int) -> list[int]:
    """Moments from ``start`` to ``end``, both among them, as whole seconds and evenly apart; ``at_most`` of them."""
    if end <= start:
        return [start]
    steps = min(at_most - 1, end - start)
    return [start + (end - start) * step // steps for step in range(steps + 1)]
