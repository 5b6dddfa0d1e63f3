"""The record of an election and of a polling station: all figures of one are of the same moment."""

from dataclasses import dataclass

from results_service.actions import Desk, ElectionResult, Kept, Stations, result_of_count
from results_service.actions.places import InPlace, place_of, places_of
from results_service.actions.standings import look_at_stations
from results_service.rules import fingerprint
from results_service.rules.places import Level, PlaceResult, Reconciled, reconciled

_FORM = 1
_MOST_PLACES = 1000


@dataclass(frozen=True)
class Record:
    """A result with the places of the largest level of which there are several, and its sheets beside the count."""

    result: Kept[ElectionResult]
    places: list[PlaceResult]
    sheets: Reconciled


@dataclass(frozen=True)
class StationRecord:
    """What was counted at a polling station, and the result of which that is a part."""

    result: Kept[ElectionResult]
    found: InPlace


def read_record(desk: Desk, election_id: int) -> Kept[Record]:
    """The record of an election; NotFound for a draft too."""
    stations = look_at_stations(desk, election_id, None)
    result = result_of_count(desk, stations.counted, stations.standing)
    places = places_of(stations, None, None, _MOST_PLACES, 0).items
    return Kept(_tag(stations), result.settled, Record(result, places, reconciled(stations.facts)))


def read_station_record(desk: Desk, election_id: int, station: str) -> Kept[StationRecord]:
    """The record of a polling station; NotFound for one that there is not, and for a draft."""
    stations = look_at_stations(desk, election_id, None)
    result = result_of_count(desk, stations.counted, stations.standing)
    return Kept(_tag(stations), result.settled, StationRecord(result, place_of(stations, (Level.STATION, station))))


def _tag(stations: Stations) -> str:
    return fingerprint(_FORM, stations.tag, stations.counted.ground.tag)
