"""What was changed after it was said first: of the tally sheets, of parts that were laid aside, of the election."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import DeadLetter, Dismissal, Election, Part, SheetEvent
from shared.terms import SheetAct


def decisions_about_sheets(session: Session, election_id: int) -> Sequence[Any]:
    """Resolutions and reopenings of sheets: ``station_id``, ``act``, ``at``, ``reason``; not by whom."""
    return session.execute(
        sa.select(SheetEvent.station_id, SheetEvent.act, SheetEvent.at, SheetEvent.reason).where(
            SheetEvent.election_id == election_id,
            SheetEvent.act.in_([SheetAct.RESOLUTION.value, SheetAct.REOPENING.value]),
        )
    ).all()


def parts_laid_aside(session: Session, election: Election) -> Sequence[Any]:
    """Parts of the hours of an election that could not be recorded, and what became of them.

    ``buried_at``, ``ballots`` (None: unknown); ``recorded_at`` and ``election_id`` once they were replayed,
    ``dismissed_at`` and ``reason`` once they were dismissed. One of unknown time may belong to any election; after a
    replay it belongs to that in which it was counted.
    """
    in_its_hours = sa.and_(DeadLetter.received_at >= election.start, DeadLetter.received_at < election.end)
    unknown = sa.and_(
        DeadLetter.received_at.is_(None), sa.or_(DeadLetter.not_before.is_(None), DeadLetter.not_before < election.end)
    )
    return session.execute(
        sa.select(
            DeadLetter.buried_at,
            DeadLetter.ballots,
            Part.election_id,
            Part.recorded_at,
            Dismissal.dismissed_at,
            Dismissal.reason,
        )
        .select_from(DeadLetter)
        .outerjoin(Part, sa.and_(Part.batch_id == DeadLetter.batch_id, Part.part == DeadLetter.part))
        .outerjoin(Dismissal, sa.and_(Dismissal.batch_id == DeadLetter.batch_id, Dismissal.part == DeadLetter.part))
        .where(
            sa.or_(
                Part.election_id == election.id,
                sa.and_(Part.batch_id.is_(None), sa.or_(in_its_hours, unknown)),
            )
        )
    ).all()
