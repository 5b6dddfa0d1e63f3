"""The record of an election and of a polling station: all figures of one are of the same moment."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from results_service.actions import Desk, ElectionResult, Stations, result_of_count
from results_service.actions.answers import Kept
from results_service.actions.exports import table_of_stations
from results_service.actions.places import InPlace, place_of, places_of
from results_service.actions.standings import look_at_stations
from results_service.rules import fingerprint
from results_service.rules.places import Key, Level, PlaceResult, Reconciled, reconciled
from shared.version import VERSION

_FORM = 3
_MOST_PLACES = 1000


@dataclass(frozen=True)
class Record:
    """A result with the places of the largest level of which there are several, and its sheets beside the count.

    ``stations_sha256`` gives the digest of the table of all polling stations of the same moment, in hexadecimal, which
    is made when somebody asks for it.
    """

    result: Kept[ElectionResult]
    election_version: int
    places: list[PlaceResult]
    sheets: Reconciled
    stations_sha256: Callable[[], str]


@dataclass(frozen=True)
class StationRecord:
    """What was counted at a polling station, and the result of which that is a part."""

    result: Kept[ElectionResult]
    election_version: int
    found: InPlace


def read_record(desk: Desk, election_id: int) -> Kept[Record]:
    """The record of an election; NotFound for a draft too."""
    stations = look_at_stations(desk, election_id, None)
    result = result_of_count(desk, stations.counted, stations.standing)
    places = places_of(stations, None, None, _MOST_PLACES, 0).items
    record = Record(
        result=result,
        election_version=stations.counted.look.version,
        places=places,
        sheets=reconciled(stations.facts),
        stations_sha256=lambda: sha256(table_of_stations(desk, stations).content).hexdigest(),
    )
    return Kept(_tag(stations, None), result.settled, record)


def read_station_record(desk: Desk, election_id: int, station: str) -> Kept[StationRecord]:
    """The record of a polling station; NotFound for one that there is not, and for a draft."""
    stations = look_at_stations(desk, election_id, None)
    result = result_of_count(desk, stations.counted, stations.standing)
    key = (Level.STATION, station)
    found = place_of(stations, key)
    record = StationRecord(result, stations.counted.look.version, found)
    return Kept(_tag(stations, key), result.settled, record)


def _tag(stations: Stations, place: Key | None) -> str:
    # The program stands in the record.
    return fingerprint(_FORM, VERSION, stations.tag, stations.counted.ground.tag, place)
