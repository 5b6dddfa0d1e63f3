"""Queries about the tally sheets of an election."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload

from admin_service.rules.sheets import URGENCY, Filter, Order
from shared.electorate import stations_of
from shared.errors import NotFound
from shared.schema.election import (
    PUBLISHED,
    Constituency,
    DifferenceNote,
    Election,
    Electorate,
    ElectorateConstituency,
    ElectorateStation,
    Part,
    PollingStation,
    SheetEvent,
    SheetPhotograph,
    TallySheet,
)
from shared.sentences import say
from shared.sheet_rows import numbers_of
from shared.sheets import Note, Numbers
from shared.terms import SheetState, StationStatus

_OF_A_PHOTOGRAPH = (
    SheetPhotograph.id,
    SheetPhotograph.actor,
    SheetPhotograph.at,
    SheetPhotograph.name,
    SheetPhotograph.media_type,
    SheetPhotograph.sha256,
    SheetPhotograph.size,
)


@dataclass(frozen=True)
class Photograph:
    """What is known of a photograph beside its content."""

    id: str
    actor: str
    at: datetime
    name: str
    media_type: str
    sha256: str
    size: int


def board(session: Session, election_id: int, wanted: Filter, order: Order) -> sa.Select[Any]:
    """The active stations of an election with the state of their sheets."""
    places = stations_of(session, election_id).order_by(None).subquery("stations")
    state = sa.func.coalesce(TallySheet.state, SheetState.EMPTY.value)
    statement = (
        sa.select(places, state.label("state"), TallySheet.changed_at, TallySheet.last)
        .select_from(places)
        .outerjoin(
            TallySheet, sa.and_(TallySheet.election_id == election_id, TallySheet.station_id == places.c.station_id)
        )
        .where(places.c.status == StationStatus.ACTIVE.value)
    )
    if wanted.states:
        statement = statement.where(state.in_([one.value for one in wanted.states]))
    if wanted.municipality:
        statement = statement.where(places.c.municipality == wanted.municipality)
    if wanted.constituency_id is not None:
        statement = statement.where(places.c.constituency_id == wanted.constituency_id)
    if wanted.text:
        columns = (places.c.code, places.c.municipality, places.c.centre)
        statement = statement.where(sa.or_(*(one.icontains(wanted.text, autoescape=True) for one in columns)))
    urgency = sa.case({one.value: rank for rank, one in enumerate(URGENCY)}, value=state)
    first: dict[Order, tuple[Any, ...]] = {
        Order.MISSING: (urgency,),
        Order.STATION: (),
        Order.REGISTERED: (places.c.registered.desc(),),
        # Databases do not agree on where NULL belongs in an order, so it is said.
        Order.CHANGED: (sa.case((TallySheet.changed_at.is_(None), 1), else_=0), TallySheet.changed_at.desc()),
    }
    return statement.order_by(*first[order], places.c.station_id)


def totals(session: Session, statement: sa.Select[Any]) -> dict[SheetState, tuple[int, int]]:
    """Of the stations of a board, by the state of their sheets: how many there are, and their registered voters."""
    found = statement.order_by(None).subquery()
    rows = session.execute(
        sa.select(found.c.state, sa.func.count(), sa.func.sum(found.c.registered)).group_by(found.c.state)
    )
    # MySQL and PostgreSQL sum integers to decimals.
    return {SheetState(state): (count, int(registered)) for state, count, registered in rows}


def municipalities(session: Session, election_id: int) -> list[str]:
    """The municipalities of an election, by name."""
    places = stations_of(session, election_id).order_by(None).subquery()
    return list(session.scalars(sa.select(places.c.municipality).distinct().order_by(places.c.municipality)))


def by_municipality(session: Session, statement: sa.Select[Any]) -> list[tuple[str, int, int]]:
    """Of the stations of a board, by municipality: how many there are, and how many have no accepted sheet.

    Those with the most to come are the first.
    """
    found = statement.order_by(None).subquery()
    to_come = sa.func.sum(sa.case((found.c.state == SheetState.ACCEPTED.value, 0), else_=1))
    rows = session.execute(
        sa.select(found.c.municipality, sa.func.count(), to_come)
        .group_by(found.c.municipality)
        .order_by(to_come.desc(), found.c.municipality)
    )
    return [(name, count, int(missing)) for name, count, missing in rows]


def explained(session: Session, election_id: int, station_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """What officials explained with the standing entries of these sheets, by station and code.

    Of two entries that say the same numbers either may be the one with the explanation.
    """
    found: dict[int, dict[str, str]] = {}
    if station_ids:
        rows = session.execute(
            sa.select(SheetEvent.station_id, SheetEvent.explanations)
            .join(
                TallySheet,
                sa.and_(
                    TallySheet.election_id == SheetEvent.election_id,
                    TallySheet.station_id == SheetEvent.station_id,
                    TallySheet.standing <= SheetEvent.number,
                ),
            )
            .where(SheetEvent.election_id == election_id, SheetEvent.station_id.in_(station_ids))
            .order_by(SheetEvent.station_id, SheetEvent.number.desc())
        )
        for station_id, explanations in rows:
            found.setdefault(station_id, {}).update(explanations or {})
    return found


def place(session: Session, election_id: int, station_id: int) -> Mapping[str, Any]:
    """A station of an election, by the names of the columns; NotFound where it has none of this number."""
    columns = stations_of(session, election_id).order_by(None).subquery()
    found = None
    if 0 < station_id < 2**31:
        found = session.execute(sa.select(columns).where(columns.c.station_id == station_id)).mappings().first()
    if found is None:
        raise NotFound(
            say(
                "Election {election} has no polling station {station}.",
                election=str(election_id),
                station=str(station_id),
            )
        )
    return dict(found)


def codes(session: Session, election_id: int, station_ids: Collection[int]) -> dict[int, str]:
    """The codes of those of these stations that the election has, by their numbers."""
    places = stations_of(session, election_id).order_by(None).subquery()
    rows = session.execute(sa.select(places.c.station_id, places.c.code).where(places.c.station_id.in_(station_ids)))
    return dict(rows.all())


def elections_with_sheets(session: Session, now: datetime, limit: int) -> list[Election]:
    """The published elections that have opened, the latest first."""
    found = session.scalars(
        sa.select(Election)
        .where(Election.stage == PUBLISHED, Election.start <= now)
        .order_by(Election.start.desc(), Election.id.desc())
        .limit(limit)
    )
    return list(found)


def of_station(session: Session, station_id: int, now: datetime) -> list[tuple[Election, SheetState]]:
    """The elections that have opened and in which people vote at a station, the latest first, and its sheet in each.

    Where the geography of an election is not frozen yet, that of today is its electorate. Of a station of it that is
    disabled no sheet is missing, so only one that was entered is told.
    """
    frozen = sa.exists().where(Electorate.election_id == Election.id)
    known = sa.exists().where(ElectorateStation.election_id == Election.id, ElectorateStation.station_id == station_id)
    active = StationStatus.ACTIVE.value
    active_today = sa.exists().where(PollingStation.id == station_id, PollingStation.status == active)
    has_sheet = TallySheet.station_id.is_not(None)
    votes = sa.or_(
        known.where(ElectorateStation.status == active),
        sa.and_(~frozen, active_today),
        sa.and_(has_sheet, sa.or_(~frozen, known)),
    )
    rows = session.execute(
        sa.select(Election, TallySheet.state)
        .outerjoin(TallySheet, sa.and_(TallySheet.election_id == Election.id, TallySheet.station_id == station_id))
        .where(Election.stage == PUBLISHED, Election.start <= now, votes)
        .order_by(Election.start.desc(), Election.id.desc())
        .options(lazyload(Election.entries))
    )
    return [(election, SheetState(state or SheetState.EMPTY)) for election, state in rows]


def stations(session: Session, statement: sa.Select[Any]) -> list[Mapping[str, Any]]:
    """The rows of a board, by the names of their columns."""
    return [dict(row) for row in session.execute(statement).mappings()]


def constituencies(session: Session, election_id: int) -> dict[int, str]:
    """The names of the constituencies of an election, by their numbers."""
    frozen = sa.select(ElectorateConstituency.constituency_id, ElectorateConstituency.name).where(
        ElectorateConstituency.election_id == election_id
    )
    names = dict(session.execute(frozen).all())
    return names or dict(session.execute(sa.select(Constituency.id, Constituency.name)).all())


def declared(session: Session, election_id: int, station_ids: Collection[int] | None = None) -> dict[int, Numbers]:
    """The accepted numbers of stations, by station; None: of all that have any."""
    statement = (
        sa.select(SheetEvent.station_id, SheetEvent.numbers)
        .join(
            TallySheet,
            sa.and_(
                TallySheet.election_id == SheetEvent.election_id,
                TallySheet.station_id == SheetEvent.station_id,
                TallySheet.standing == SheetEvent.number,
            ),
        )
        .where(TallySheet.election_id == election_id, TallySheet.state == SheetState.ACCEPTED.value)
    )
    if station_ids is not None:
        statement = statement.where(TallySheet.station_id.in_(station_ids))
    return {station_id: numbers_of(numbers) for station_id, numbers in session.execute(statement) if numbers}


def evidence(session: Session, election_id: int) -> str:
    """Another text whenever a sheet, a counted part or an explanation was added to an election; costs three counts."""
    asked: Sequence[Any] = (
        sa.select(sa.func.count(), sa.func.sum(TallySheet.last)).where(TallySheet.election_id == election_id),
        sa.select(sa.func.count(Part.batch_id)).where(Part.election_id == election_id),
        sa.select(sa.func.count(DifferenceNote.id)).where(DifferenceNote.election_id == election_id),
    )
    return "/".join(":".join(map(str, session.execute(one).one())) for one in asked)


def notes(session: Session, election_id: int, station_ids: Collection[int] | None = None) -> dict[int, list[Note]]:
    """What was said about differences, by station and in order; None: of all stations."""
    statement = sa.select(DifferenceNote).where(DifferenceNote.election_id == election_id).order_by(DifferenceNote.id)
    if station_ids is not None:
        statement = statement.where(DifferenceNote.station_id.in_(station_ids))
    found: dict[int, list[Note]] = {}
    for row in session.scalars(statement):
        note = Note(row.difference, row.figures, row.reason, row.actor, row.at)
        found.setdefault(row.station_id, []).append(note)
    return found


def photographs(session: Session, election_id: int, station_id: int) -> list[Photograph]:
    """The photographs of one sheet, in the order of receipt, without their content."""
    rows = session.execute(
        sa.select(*_OF_A_PHOTOGRAPH)
        .where(SheetPhotograph.election_id == election_id, SheetPhotograph.station_id == station_id)
        .order_by(SheetPhotograph.at, SheetPhotograph.id)
    )
    return [Photograph(*row) for row in rows]


def photograph_counts(session: Session, election_id: int, station_ids: Iterable[int] | None = None) -> dict[int, int]:
    """How many photographs there are, by station; None: of all stations that have any."""
    statement = (
        sa.select(SheetPhotograph.station_id, sa.func.count())
        .where(SheetPhotograph.election_id == election_id)
        .group_by(SheetPhotograph.station_id)
    )
    if station_ids is not None:
        statement = statement.where(SheetPhotograph.station_id.in_(station_ids))
    return dict(session.execute(statement).all())


def photograph(session: Session, election_id: int, station_id: int, photograph_id: str) -> tuple[Photograph, bytes]:
    """One photograph with its content; NotFound where this sheet has none of this number."""
    row = session.execute(
        sa.select(*_OF_A_PHOTOGRAPH, SheetPhotograph.content).where(
            SheetPhotograph.id == photograph_id,
            SheetPhotograph.election_id == election_id,
            SheetPhotograph.station_id == station_id,
        )
    ).first()
    if row is None:
        raise NotFound("This tally sheet has no such photograph.")
    return Photograph(*row[:-1]), row.content
