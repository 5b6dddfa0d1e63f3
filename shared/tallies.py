"""What is counted in an election, and how certain that is: sums over the rows that the daemon has recorded.

The administration's classic results and the results service both need this. Nothing here reads a ballot or unpacks a
part: a sum costs the number of recorded parts and poll numbers, not the number of ballots. Sessions come from the
caller, nothing is committed. Who wants a state and sums that fit together asks for both in one snapshot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import (
    CANCELLED,
    DRAFT,
    Batch,
    DeadLetter,
    Election,
    Entry,
    Part,
    Partition,
    RefusedLine,
    Tally,
)
from shared.terms import Refusal, State


@dataclass(frozen=True)
class Standing:
    """How far an election is: its state, and the moment before which everything received is counted.

    ``drained`` is None while a partition has not been worked yet. ``dead_letter`` says that ballots which may be of
    this election could not be recorded; it stays open until they are replayed.
    """

    state: State
    drained: datetime | None
    dead_letter: bool


@dataclass(frozen=True)
class Counts:
    """Ballots of an election by what became of them; ``received`` is the sum of the other three."""

    received: int
    counted: int
    duplicate: int
    invalid: int


@dataclass(frozen=True)
class RefusedBallot:
    """A ballot received during an election that is not counted: a duplicate, or with a poll number of nobody."""

    official_jmbg: str
    guid: bytes
    poll_number: int
    reason: Refusal


def drained_until(session: Session) -> datetime | None:
    """The moment before which everything received is counted or a dead letter: the least watermark of all partitions.

    None when there is no partition yet, or one that no daemon has worked.
    """
    partitions, worked, least = session.execute(
        sa.select(sa.func.count(), sa.func.count(Partition.watermark), sa.func.min(Partition.watermark)).select_from(
            Partition
        )
    ).one()
    return least if partitions and partitions == worked else None


def counted_until(session: Session) -> datetime | None:
    """A moment by Redis's clock that no recorded receipt is later than: the greatest watermark, if there is one."""
    return session.scalar(sa.select(sa.func.max(Partition.watermark)))


def state_of(election: Election, now: datetime, drained: datetime | None, has_dead_letter: bool) -> State:
    """The state of an election at ``now``; it is open from its start, inclusive, to its end, exclusive.

    Final is an election that has ended, when everything received before its end is counted.
    """
    if election.stage == DRAFT:
        return State.DRAFT
    if election.stage == CANCELLED:
        return State.CANCELLED
    if now < election.start:
        return State.SCHEDULED
    if now < election.end:
        return State.OPEN
    if drained is not None and drained >= election.end and not has_dead_letter:
        return State.FINAL
    return State.COUNTING


def has_dead_letter(session: Session, election: Election) -> bool:
    """Whether a part that may hold ballots of ``election`` could not be recorded and is not settled yet."""
    return election.id in _with_dead_letters(session, [election.id])


def current(session: Session, election: Election, now: datetime) -> Standing:
    """How far one election is at ``now``."""
    return standings(session, [election], now)[election.id]


def standings(session: Session, elections: Iterable[Election], now: datetime) -> dict[int, Standing]:
    """How far each of ``elections`` is at ``now``, by its id; two queries for any number of elections."""
    asked = list(elections)
    if not asked:
        return {}
    drained = drained_until(session)
    stuck = _with_dead_letters(session, [election.id for election in asked])
    return {
        election.id: Standing(
            state=state_of(election, now, drained, election.id in stuck),
            drained=drained,
            dead_letter=election.id in stuck,
        )
        for election in asked
    }


def votes(session: Session, election_id: int) -> dict[int, int]:
    """The votes of every poll number of an election, in the order of the poll numbers; zeros included."""
    summed = session.execute(
        sa.select(Tally.poll_number, sa.func.sum(Tally.votes))
        .where(Tally.election_id == election_id)
        .group_by(Tally.poll_number)
    )
    # MySQL and PostgreSQL sum integers to decimals.
    found = {poll_number: int(total) for poll_number, total in summed}
    entered = session.scalars(
        sa.select(Entry.poll_number).where(Entry.election_id == election_id).order_by(Entry.poll_number)
    )
    return {poll_number: found.get(poll_number, 0) for poll_number in entered}


def counts(session: Session, election_id: int) -> Counts:
    """How many ballots were received during an election, and what became of them."""
    received, counted, duplicate, invalid = session.execute(
        sa.select(
            sa.func.sum(Part.counted + Part.duplicate + Part.invalid),
            sa.func.sum(Part.counted),
            sa.func.sum(Part.duplicate),
            sa.func.sum(Part.invalid),
        ).where(Part.election_id == election_id)
    ).one()
    return Counts(int(received or 0), int(counted or 0), int(duplicate or 0), int(invalid or 0))


def outside(session: Session, election_id: int) -> int:
    """How many ballots were sent for an election by name at a moment when it was not open."""
    total = session.scalar(
        sa.select(sa.func.sum(Part.outside))
        .join(Batch, Batch.id == Part.batch_id)
        # The index on the election of a part finds those that belong to none.
        .where(Batch.election_id == election_id, Part.election_id.is_(None))
    )
    return int(total or 0)


def refused_ballots(
    session: Session, election_id: int, limit: int | None = None, offset: int = 0
) -> list[RefusedBallot]:
    """The ballots of an election that are not counted, in the order of receipt, batch and line.

    Ballots received outside of it are none of its ballots and do not stand here. ``official_jmbg`` is empty when the
    record of the batch is not there.
    """
    # Outer join: what was refused stays visible even if the record of its upload were lost. Databases do not agree
    # on where NULL belongs in an order, so it is said.
    statement = (
        sa.select(Batch.official_jmbg, RefusedLine.guid, RefusedLine.poll_number, RefusedLine.reason)
        .outerjoin_from(RefusedLine, Batch, Batch.id == RefusedLine.batch_id)
        .where(
            RefusedLine.election_id == election_id,
            RefusedLine.reason.in_([Refusal.DUPLICATE.value, Refusal.INVALID_POLL_NUMBER.value]),
        )
        .order_by(
            sa.case((Batch.received_at.is_(None), 1), else_=0),
            Batch.received_at,
            RefusedLine.batch_id,
            RefusedLine.line,
        )
    )
    if limit is not None:
        statement = statement.limit(limit).offset(offset)
    return [
        RefusedBallot(official_jmbg or "", guid, poll_number, Refusal(reason))
        for official_jmbg, guid, poll_number, reason in session.execute(statement)
    ]


def _with_dead_letters(session: Session, election_ids: list[int]) -> set[int]:
    """Which of the elections have an unsettled dead letter; one of unknown time may belong to any of them."""
    settled = sa.exists().where(Part.batch_id == DeadLetter.batch_id, Part.part == DeadLetter.part)
    found = session.scalars(
        sa.select(Election.id)
        .where(
            Election.id.in_(election_ids),
            sa.exists().where(
                sa.or_(
                    DeadLetter.received_at.is_(None),
                    sa.and_(DeadLetter.received_at >= Election.start, DeadLetter.received_at < Election.end),
                ),
                ~settled,
            ),
        )
        .distinct()
    )
    return set(found)
