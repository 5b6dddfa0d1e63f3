"""What waits for a person, in numbers, and dead letters."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Candidate, DeadLetter, TallySheet
from shared.tallies import IS_DISMISSED, IS_REPLAYED
from shared.terms import Approval, SheetState


@dataclass(frozen=True)
class Letter:
    """A dead letter, and what has become of it; at most one of the two is true."""

    batch_id: str
    part: int
    partition: int
    received_at: datetime | None
    buried_at: datetime
    ballots: int | None
    reason: str
    recorded: bool
    dismissed: bool


def candidates_waiting(session: Session) -> int:
    """How many candidates wait for a decision."""
    waiting = sa.select(sa.func.count(Candidate.id)).where(
        Candidate.approval == Approval.WAITING.value, Candidate.submitted_at.is_not(None)
    )
    return session.scalar(waiting) or 0


def sheets_waiting(session: Session, election_ids: Iterable[int]) -> dict[tuple[int, SheetState], int]:
    """How many tally sheets of these elections differ or wait for review."""
    states = (SheetState.DIFFERING.value, SheetState.WAITING_FOR_REVIEW.value)
    rows = session.execute(
        sa.select(TallySheet.election_id, TallySheet.state, sa.func.count(TallySheet.station_id))
        .where(TallySheet.election_id.in_(list(election_ids)), TallySheet.state.in_(states))
        .group_by(TallySheet.election_id, TallySheet.state)
    )
    return {(election_id, SheetState(state)): found for election_id, state, found in rows}


def sheets_reopened(session: Session, election_id: int) -> int:
    """How many tally sheets of this election were opened again and are not entered twice since."""
    begun = sa.and_(TallySheet.state == SheetState.ENTERED_ONCE.value, TallySheet.last > 1)
    count = sa.select(sa.func.count(TallySheet.station_id)).where(
        TallySheet.election_id == election_id, sa.or_(TallySheet.state == SheetState.REOPENED.value, begun)
    )
    return session.scalar(count) or 0


def dead_letters_waiting(session: Session) -> int:
    """How many dead letters are neither recorded nor dismissed."""
    count = sa.select(sa.func.count(DeadLetter.batch_id)).where(~IS_REPLAYED, ~IS_DISMISSED)
    return session.scalar(count) or 0


def dead_letters(session: Session, limit: int, offset: int, *, settled: bool | None) -> tuple[list[Letter], int]:
    """Dead letters, the latest first, and how many there are; None: all of them."""
    condition: sa.ColumnElement[bool] = sa.true()
    if settled is not None:
        is_settled = sa.or_(IS_REPLAYED, IS_DISMISSED)
        condition = is_settled if settled else ~is_settled
    columns = [getattr(DeadLetter, name) for name in Letter.__dataclass_fields__ if hasattr(DeadLetter, name)]
    rows = session.execute(
        sa.select(*columns, IS_REPLAYED.label("recorded"), IS_DISMISSED.label("dismissed"))
        .where(condition)
        .order_by(DeadLetter.buried_at.desc(), DeadLetter.batch_id, DeadLetter.part)
        .limit(limit)
        .offset(offset)
    ).mappings()
    total = session.scalar(sa.select(sa.func.count(DeadLetter.batch_id)).where(condition)) or 0
    return [Letter(**row) for row in rows], total
