"""Queries about regions, constituencies, polling centres and polling stations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Constituency, ElectionBase, PollingCentre, PollingStation, Region

# A statement may have so many values in every database.
_AT_ONCE = 500

Place = Region | Constituency | PollingCentre | PollingStation
P = TypeVar("P", Region, Constituency, PollingCentre, PollingStation)

_OF_A_STATION: tuple[Any, ...] = (
    PollingStation.id.label("station_id"),
    PollingStation.code,
    PollingStation.key,
    Region.name.label("region"),
    Constituency.name.label("constituency"),
    PollingCentre.municipality,
    PollingCentre.name.label("centre"),
    PollingCentre.address,
    PollingCentre.latitude,
    PollingCentre.longitude,
    PollingStation.registered,
    PollingStation.contact,
    PollingStation.status,
    PollingStation.reason,
    PollingStation.note,
)


def regions(name: str = "") -> sa.Select[Any]:
    """Regions by name; ``name`` is a part of it."""
    statement = sa.select(Region).order_by(Region.name, Region.id)
    return statement.where(Region.name.icontains(name, autoescape=True)) if name else statement


def constituencies(name: str = "", region_id: int | None = None) -> sa.Select[Any]:
    """Constituencies by name; ``name`` is a part of it."""
    statement = sa.select(Constituency).order_by(Constituency.name, Constituency.id)
    if name:
        statement = statement.where(Constituency.name.icontains(name, autoescape=True))
    return statement if region_id is None else statement.where(Constituency.region_id == region_id)


def centres(name: str = "", municipality: str = "", constituency_id: int | None = None) -> sa.Select[Any]:
    """Polling centres by municipality and name; ``name`` and ``municipality`` are parts of theirs."""
    statement = sa.select(PollingCentre).order_by(PollingCentre.municipality, PollingCentre.name, PollingCentre.id)
    if name:
        statement = statement.where(PollingCentre.name.icontains(name, autoescape=True))
    if municipality:
        statement = statement.where(PollingCentre.municipality.icontains(municipality, autoescape=True))
    return statement if constituency_id is None else statement.where(PollingCentre.constituency_id == constituency_id)


def stations(code: str = "", centre_id: int | None = None, status: str | None = None) -> sa.Select[Any]:
    """Polling stations in the order of their creation; ``code`` is a part of theirs."""
    statement = sa.select(PollingStation).order_by(PollingStation.id)
    if code:
        statement = statement.where(PollingStation.code.icontains(code, autoescape=True))
    if centre_id is not None:
        statement = statement.where(PollingStation.centre_id == centre_id)
    return statement if status is None else statement.where(PollingStation.status == status)


def everything_of_stations(session: Session, keys: Iterable[str] | None = None) -> list[Mapping[str, Any]]:
    """Each station with its centre, constituency and region, in the order of their creation.

    ``keys`` are those of the stations that are wanted; None: all of them. The columns are named as those of a file of
    stations, and there are ``station_id``, ``code`` and ``key`` beside them.
    """
    statement = (
        sa.select(*_OF_A_STATION)
        .select_from(PollingStation)
        .join(PollingCentre, PollingCentre.id == PollingStation.centre_id)
        .join(Constituency, Constituency.id == PollingCentre.constituency_id)
        .join(Region, Region.id == Constituency.region_id)
        .order_by(PollingStation.id)
    )
    pieces = [statement] if keys is None else [statement.where(PollingStation.key.in_(some)) for some in _pieces(keys)]
    return [dict(row) for piece in pieces for row in session.execute(piece).mappings()]


def by_key(session: Session, model: type[P], keys: Iterable[str]) -> dict[str, P]:
    """The places of one sort that have these keys, by their key, and locked until the commit."""
    found: dict[str, P] = {}
    for some in _pieces(keys):
        statement = sa.select(model).where(model.key.in_(some)).order_by(model.id).with_for_update()
        found |= {place.key: place for place in session.scalars(statement)}
    return found


def add(session: Session, model: type[ElectionBase], rows: Sequence[dict[str, Any]]) -> None:
    """Insert many rows at once."""
    if rows:
        session.execute(sa.insert(model), rows)


def has(session: Session, column: Any, number: int) -> bool:
    """Whether a row refers to ``number`` in this column."""
    return session.scalar(sa.select(column).where(column == number).limit(1)) is not None


def _pieces(keys: Iterable[str]) -> list[list[str]]:
    distinct = sorted(set(keys))
    return [distinct[start : start + _AT_ONCE] for start in range(0, len(distinct), _AT_ONCE)]
