"""Areas, and what was counted in each: what the exports of a result are made of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from results_service.rules.declared import Declared
from shared.errors import InvalidInput

# What an identifier of an area may be made of, so that it can stand in any file and any address.
_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")


class AreaKind(StrEnum):
    """What an area is. A station is where ballots are counted; all others are sums."""

    COUNTRY = "country"
    REGION = "region"
    CONSTITUENCY = "constituency"
    MUNICIPALITY = "municipality"
    CENTRE = "centre"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the country for which results are reported.

    ``key``      tells it from others of its kind and stays the same from report to report: the number that the store
                 has for it, or, for a municipality, which has none, a fingerprint of its name. ASCII letters,
                 digits, dots, hyphens and underscores.
    ``name``     as people call it, in the language of the place: ``Ада``.
    ``within``   the ``id`` of every area that it is directly a part of, for instance of its municipality and of its
                 constituency; none for the country.
    ``code``     what officials call a station by (``Ада 1``), or empty.
    ``address``  one line, or empty.
    ``latitude``, ``longitude``  degrees, WGS 84, both or none.
    """

    kind: AreaKind
    key: str
    name: str
    within: tuple[str, ...] = ()
    code: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise InvalidInput(
                f"The key of an area is of ASCII letters, digits, dots, hyphens and underscores; this is “{self.key}”.",
                field="key",
            )
        if (self.latitude is None) is not (self.longitude is None):
            raise InvalidInput(f"The area “{self.name}” has only one of its two coordinates.", field="latitude")

    @property
    def id(self) -> str:
        """What other areas and counts name it by: ``station-17``."""
        return f"{self.kind.value}-{self.key}"


@dataclass(frozen=True, slots=True)
class AreaCounts:
    """What was counted in an area so far.

    ``registered``  voters on the electoral roll; ``voted`` those who voted by the roll, None where nobody knows it yet.
    ``ballots``     ballots counted: votes, ``blank`` ones (without any mark) and ``invalid`` ones (without a choice
                    that can be told). Where blank ballots are not told apart, ``blank`` is None and they are among
                    the invalid.
    ``votes``       poll number → valid votes; a list that is not named has none.
    ``seats``       poll number → seats that are given in this area, or None where none are.
    ``reported`` of ``stations``  how many of its polling stations are counted; for a station 0 or 1 of 1.
    ``sheet``       of a station: what its accepted tally sheet declares, None where none is accepted. It is none of the
                    other numbers, and need not be the same.
    ``outstanding``  the greatest number of ballots that may still come, or None where nobody knows it.
    """

    area_id: str
    registered: int
    ballots: int
    invalid: int
    votes: Mapping[int, int]
    reported: int
    stations: int
    voted: int | None = None
    blank: int | None = None
    outstanding: int | None = None
    seats: Mapping[int, int] | None = None
    sheet: Declared | None = None

    def __post_init__(self) -> None:
        numbers = {
            "registered": self.registered,
            "ballots": self.ballots,
            "invalid": self.invalid,
            "reported": self.reported,
            "stations": self.stations,
            "voted": self.voted or 0,
            "blank": self.blank or 0,
            "outstanding": self.outstanding or 0,
            "votes": min(self.votes.values(), default=0),
            "seats": min(self.seats.values(), default=0) if self.seats else 0,
        }
        for field, number in numbers.items():
            if number < 0:
                raise InvalidInput(f"The {field} of {self.area_id} are {number}, and cannot be below 0.", field=field)
        if self.valid + self.invalid + (self.blank or 0) != self.ballots:
            raise InvalidInput(
                f"The ballots of {self.area_id} are {self.ballots}, but votes, invalid and blank ones add up to "
                f"{self.valid + self.invalid + (self.blank or 0)}.",
                field="ballots",
            )
        if self.reported > self.stations:
            raise InvalidInput(f"More stations of {self.area_id} are counted than it has.", field="reported")

    @property
    def valid(self) -> int:
        """The valid votes."""
        return sum(self.votes.values())

    @property
    def is_complete(self) -> bool:
        """Whether every station of it is counted."""
        return self.reported == self.stations


def checked_areas(areas: Sequence[Area]) -> dict[str, Area]:
    """The areas by ``id``; InvalidInput when one comes twice, is within an unknown one, or is within itself."""
    by_id: dict[str, Area] = {}
    for area in areas:
        if area.id in by_id:
            raise InvalidInput(f"The area {area.id} comes twice.", field="areas")
        by_id[area.id] = area
    for area in areas:
        for parent in area.within:
            if parent not in by_id:
                raise InvalidInput(f"The area {area.id} is within {parent}, which is not there.", field="within")
    above: dict[str, frozenset[str]] = {}
    for area in areas:
        _ancestors(area.id, by_id, above, ())
    return by_id


def _ancestors(
    area_id: str, by_id: Mapping[str, Area], above: dict[str, frozenset[str]], path: tuple[str, ...]
) -> frozenset[str]:
    """Everything that an area is within, directly or not."""
    if area_id in path:
        raise InvalidInput(f"The area {area_id} is within itself.", field="within")
    if area_id not in above:
        parents = by_id[area_id].within
        further = [_ancestors(parent, by_id, above, (*path, area_id)) for parent in parents]
        above[area_id] = frozenset(parents).union(*further)
    return above[area_id]
