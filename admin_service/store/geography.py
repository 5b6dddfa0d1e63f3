"""Queries about regions, constituencies, polling centres and polling stations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin_service.rules.geography import Searched
from shared.schema.election import Constituency, ElectionBase, PollingCentre, PollingStation, Region
from shared.terms import StationStatus

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


def centres_named(text: str = "") -> sa.Select[Any]:
    """Polling centres by municipality and name; ``text`` is a part of either or of the address."""
    statement = sa.select(PollingCentre).order_by(PollingCentre.municipality, PollingCentre.name, PollingCentre.id)
    columns = (PollingCentre.municipality, PollingCentre.name, PollingCentre.address)
    return statement.where(sa.or_(*(one.icontains(text, autoescape=True) for one in columns))) if text else statement


def stations(code: str = "", centre_id: int | None = None, status: str | None = None) -> sa.Select[Any]:
    """Polling stations in the order of their creation; ``code`` is a part of theirs."""
    statement = sa.select(PollingStation).order_by(PollingStation.id)
    if code:
        statement = statement.where(PollingStation.code.icontains(code, autoescape=True))
    if centre_id is not None:
        statement = statement.where(PollingStation.centre_id == centre_id)
    return statement if status is None else statement.where(PollingStation.status == status)


def found_stations(wanted: Searched) -> sa.Select[Any]:
    """Polling stations as a list shows them, by municipality and in the order of their creation.

    The columns are those of ``everything_of_stations``, and ``centre_id``.
    """
    statement = _whole_stations().add_columns(PollingStation.centre_id)
    if wanted.text:
        columns = (PollingStation.code, PollingCentre.municipality, PollingCentre.name, PollingCentre.address)
        statement = statement.where(sa.or_(*(one.icontains(wanted.text, autoescape=True) for one in columns)))
    if wanted.municipality:
        statement = statement.where(PollingCentre.municipality == wanted.municipality)
    if wanted.centre_id is not None:
        statement = statement.where(PollingStation.centre_id == wanted.centre_id)
    if wanted.constituency_id is not None:
        statement = statement.where(PollingCentre.constituency_id == wanted.constituency_id)
    if wanted.status is not None:
        statement = statement.where(PollingStation.status == wanted.status)
    return statement.order_by(None).order_by(PollingCentre.municipality, PollingStation.id)


def page_of(
    session: Session, statement: sa.Select[Any], limit: int, offset: int
) -> tuple[list[Mapping[str, Any]], int]:
    """Some rows of a statement by the names of their columns, and how many it has in all."""
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.order_by(None).subquery())) or 0
    rows = session.execute(statement.limit(limit).offset(offset)).mappings()
    return [dict(row) for row in rows], total


def places_of(session: Session, statement: sa.Select[Any], limit: int, offset: int) -> tuple[Sequence[Any], int]:
    """Some of the places of a statement, and how many it has in all."""
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.order_by(None).subquery())) or 0
    return session.scalars(statement.limit(limit).offset(offset)).all(), total


def municipalities(session: Session) -> list[str]:
    """The municipalities that have a polling centre, by name."""
    found = session.scalars(sa.select(PollingCentre.municipality).distinct().order_by(PollingCentre.municipality))
    return list(found)


def centre_names(session: Session, municipality: str, limit: int) -> list[str]:
    """The names of a municipality's polling centres, by name."""
    statement = sa.select(PollingCentre.name).where(PollingCentre.municipality == municipality)
    return list(session.scalars(statement.order_by(PollingCentre.name).limit(limit)))


def centre_id(session: Session, key: str) -> int | None:
    """The number of the polling centre of this key, None where there is none."""
    return session.scalar(sa.select(PollingCentre.id).where(PollingCentre.key == key))


def numbers_below(session: Session, column: Any, parents: Sequence[int]) -> dict[int, int]:
    """How many rows refer to each of ``parents`` by this column; those that none refers to are left out."""
    rows = session.execute(sa.select(column, sa.func.count()).where(column.in_(parents)).group_by(column))
    return dict(rows.all())


def registered_in(session: Session, wanted: Searched) -> tuple[int, int]:
    """How many of these stations are active, and the voters on their electoral rolls."""
    found = found_stations(wanted).order_by(None).subquery()
    count, registered = session.execute(
        sa.select(sa.func.count(), sa.func.sum(found.c.registered)).where(found.c.status == StationStatus.ACTIVE.value)
    ).one()
    # MySQL and PostgreSQL sum integers to decimals.
    return count, int(registered or 0)


def everything_of_stations(session: Session, keys: Iterable[str] | None = None) -> list[Mapping[str, Any]]:
    """Each station with its centre, constituency and region, in the order of their creation.

    ``keys`` are those of the stations that are wanted; None: all of them. The columns are named as those of a file of
    stations, and there are ``station_id``, ``code`` and ``key`` beside them.
    """
    statement = _whole_stations()
    pieces = [statement] if keys is None else [statement.where(PollingStation.key.in_(some)) for some in _pieces(keys)]
    return [dict(row) for piece in pieces for row in session.execute(piece).mappings()]


def _whole_stations() -> sa.Select[Any]:
    return (
        sa.select(*_OF_A_STATION)
        .select_from(PollingStation)
        .join(PollingCentre, PollingCentre.id == PollingStation.centre_id)
        .join(Constituency, Constituency.id == PollingCentre.constituency_id)
        .join(Region, Region.id == Constituency.region_id)
        .order_by(PollingStation.id)
    )


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
