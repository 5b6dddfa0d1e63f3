"""Tally sheets as they are stored: their events as ``shared.sheets`` judges them, and what these come to.

Whoever adds an event locks the row of the sheet first (``locked``), so that two people cannot act on the same state.
Sessions come from the caller, nothing is committed.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import SheetEvent, TallySheet
from shared.sheets import Event, Numbers, Sheet
from shared.terms import SheetAct


def locked(session: Session, election_id: int, station_id: int) -> TallySheet | None:
    """The row of a sheet, which nobody else changes until the commit; None while nobody has entered it."""
    return session.get(TallySheet, (election_id, station_id), with_for_update=True, populate_existing=True)


def history(session: Session, election_id: int, station_id: int) -> list[Event]:
    """Everything that was done with a sheet, in order."""
    rows = session.scalars(
        sa.select(SheetEvent)
        .where(SheetEvent.election_id == election_id, SheetEvent.station_id == station_id)
        .order_by(SheetEvent.number)
    )
    return [event_of(row) for row in rows]


def add(session: Session, row: TallySheet, sheet: Sheet, event: Event) -> None:
    """Add ``event`` to the locked sheet of ``row``, which becomes ``sheet``: what ``advance`` said comes of it."""
    key = {"election_id": row.election_id, "station_id": row.station_id}
    session.add(SheetEvent(**key, **columns(event)))
    for name, value in outcome(sheet, event).items():
        setattr(row, name, value)


def columns(event: Event, event_id: str | None = None) -> dict[str, Any]:
    """An event as a row, without the sheet that it is of; without ``event_id`` it gets a new one."""
    return {
        "number": event.number,
        "id": event_id or uuid4().hex,
        "act": event.act.value,
        "actor": event.actor,
        "actor_jmbg": event.actor_jmbg or None,
        "at": event.at,
        "numbers": event.numbers.to_dict() if event.numbers else None,
        "explanations": dict(event.explanations) if event.numbers else None,
        "chosen": event.chosen,
        "reason": event.reason,
    }


def outcome(sheet: Sheet, last: Event) -> dict[str, Any]:
    """What a sheet has come to by its ``last`` event, as the columns of ``tally_sheets``.

    ``standing`` is there for one that waits for review, too; only the state says that it is accepted.
    """
    return {
        "state": sheet.state.value,
        "last": sheet.last,
        "standing": sheet.standing.number if sheet.standing else None,
        "changed_at": last.at,
    }


def numbers_of(stored: Mapping[str, Any]) -> Numbers:
    """The numbers of an entry as they were judged when they were taken in."""
    votes = {int(number): votes for number, votes in stored["votes"].items()}
    return Numbers(**{**stored, "votes": votes})


def event_of(row: Any) -> Event:
    """The event of a row of ``sheet_events``, whole or with the columns that an event has."""
    return Event(
        number=row.number,
        act=SheetAct(row.act),
        actor=row.actor,
        at=row.at,
        numbers=numbers_of(row.numbers) if row.numbers is not None else None,
        explanations=row.explanations or {},
        chosen=row.chosen,
        reason=row.reason,
        actor_jmbg=row.actor_jmbg or "",
    )
