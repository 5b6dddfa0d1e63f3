"""Who can vote where in an election: its polling stations with their registered voters, as they were at its opening.

See docs/electorate.md. The administration freezes; the results service, and whoever compares sheets, read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import (
    Constituency,
    Electorate,
    ElectorateConstituency,
    ElectorateStation,
    PollingCentre,
    PollingStation,
    Region,
)
from shared.terms import StationStatus


@dataclass(frozen=True)
class Station:
    """A polling station with the centre that it is in. ``registered`` voters are those on its electoral roll."""

    id: int
    code: str
    centre_id: int
    centre: str
    municipality: str
    constituency_id: int
    latitude: float | None
    longitude: float | None
    registered: int
    status: str

    @property
    def is_active(self) -> bool:
        """Whether people vote there; the voters of one that is disabled vote elsewhere."""
        return self.status == StationStatus.ACTIVE


@dataclass(frozen=True)
class Part:
    """A constituency and the region that it belongs to; ``seats`` is None where seats are given over the whole."""

    id: int
    name: str
    region_id: int
    region: str
    seats: int | None


@dataclass(frozen=True)
class Geography:
    """Stations and constituencies by their numbers; ``frozen``: they cannot change any more."""

    frozen: bool
    stations: Mapping[int, Station]
    constituencies: Mapping[int, Part]

    @cached_property
    def active(self) -> tuple[Station, ...]:
        """The stations at which people vote, in the order of their numbers."""
        return tuple(station for station in self.stations.values() if station.is_active)

    @cached_property
    def registered(self) -> int:
        """Registered voters of all active stations."""
        return sum(station.registered for station in self.active)


_LIVE_STATIONS = (
    sa.select(
        PollingStation.id.label("station_id"),
        PollingStation.code,
        PollingStation.centre_id,
        PollingCentre.name.label("centre"),
        PollingCentre.municipality,
        PollingCentre.constituency_id,
        PollingCentre.latitude,
        PollingCentre.longitude,
        PollingStation.registered,
        PollingStation.status,
    )
    .join(PollingCentre, PollingCentre.id == PollingStation.centre_id)
    .order_by(PollingStation.id)
)
_LIVE_CONSTITUENCIES = (
    sa.select(
        Constituency.id.label("constituency_id"),
        Constituency.name,
        Constituency.region_id,
        Region.name.label("region"),
        Constituency.seats,
    )
    .join(Region, Region.id == Constituency.region_id)
    .order_by(Constituency.id)
)


def of_today() -> "tuple[sa.Select[*tuple[Any, ...]], sa.Select[*tuple[Any, ...]]]":
    """The stations and the constituencies of today, with the columns in which an electorate keeps them."""
    return _LIVE_STATIONS.order_by(None), _LIVE_CONSTITUENCIES.order_by(None)


def is_frozen(session: Session, election_id: int) -> bool:
    """Whether the geography of an election is a copy of its own."""
    return session.scalar(sa.select(Electorate.election_id).where(Electorate.election_id == election_id)) is not None


def geography(session: Session, election_id: int) -> Geography:
    """Who can vote where in this election."""
    if is_frozen(session, election_id):
        constituencies = _frozen(ElectorateConstituency, election_id).order_by(ElectorateConstituency.constituency_id)
        return _read(session, True, _frozen_stations(election_id), constituencies)
    return _read(session, False, _LIVE_STATIONS, _LIVE_CONSTITUENCIES)


def stations_of(session: Session, election_id: int) -> "sa.Select[*tuple[Any, ...]]":
    """The same stations as a query for whoever needs a few of them, in the order of their numbers.

    Its columns are named as those of ``electorate_stations``, without the election.
    """
    return _frozen_stations(election_id) if is_frozen(session, election_id) else _LIVE_STATIONS


def fingerprint(session: Session, election_id: int) -> str:
    """Another text whenever ``geography`` may say something else; costs four sums at most."""
    if is_frozen(session, election_id):
        return "frozen"
    sums = []
    for model in (Region, Constituency, PollingCentre, PollingStation):
        columns = (sa.func.count(), sa.func.sum(model.id), sa.func.sum(model.version))
        sums.append(":".join(map(str, session.execute(sa.select(*columns).select_from(model)).one())))
    return "/".join(sums)


def _frozen_stations(election_id: int) -> "sa.Select[*tuple[Any, ...]]":
    return _frozen(ElectorateStation, election_id).order_by(ElectorateStation.station_id)


def _frozen(model: Any, election_id: int) -> "sa.Select[*tuple[Any, ...]]":
    columns = [column for column in model.__table__.columns if column.name != "election_id"]
    return sa.select(*columns).where(model.election_id == election_id)


def _read(session: Session, frozen: bool, stations: sa.Executable, constituencies: sa.Executable) -> Geography:
    return Geography(
        frozen=frozen,
        stations={row.station_id: Station(*row) for row in session.execute(stations)},
        constituencies={row.constituency_id: Part(*row) for row in session.execute(constituencies)},
    )
