"""What is counted in an election, and how certain that is: sums over the rows that the daemon has recorded.

The administration's classic results and the results service both need this. Nothing here reads a ballot or unpacks a
part: a sum costs the number of recorded parts and poll numbers, not the number of ballots, and who keeps ``Sums`` pays
for the parts only that were recorded since. Sessions come from the caller, nothing is committed. Who wants a state and
sums that fit together asks for both in one snapshot.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from shared.schema.election import (
    CANCELLED,
    DRAFT,
    Batch,
    DeadLetter,
    Dismissal,
    Election,
    Entry,
    Part,
    Partition,
    RefusedLine,
    Tally,
)
from shared.terms import Refusal, State

_ELECTION = sa.bindparam("election", type_=sa.Integer)


# Not the asterisk that exists() has otherwise: PostgreSQL would want the right to read every column for it.
_ONE: sa.ColumnClause[int] = sa.literal_column("1")

# What settles a dead letter: its part was recorded after all, or an operator has dismissed it.
IS_REPLAYED = sa.exists(_ONE).where(Part.batch_id == DeadLetter.batch_id, Part.part == DeadLetter.part)
IS_DISMISSED = sa.exists(_ONE).where(Dismissal.batch_id == DeadLetter.batch_id, Dismissal.part == DeadLetter.part)

# Of an election: it has an unsettled dead letter. One of unknown time may belong to any election, but to none that had
# ended before the watermark of its partition: what is final stays final, whatever comes later.
HAS_DEAD_LETTER = sa.exists(_ONE).where(
    sa.or_(
        sa.and_(
            DeadLetter.received_at.is_(None),
            sa.or_(DeadLetter.not_before.is_(None), DeadLetter.not_before < Election.end),
        ),
        sa.and_(DeadLetter.received_at >= Election.start, DeadLetter.received_at < Election.end),
    ),
    ~IS_REPLAYED,
    ~IS_DISMISSED,
)

# Joins the votes of a part to it.
IS_OF_PART = sa.and_(
    Tally.election_id == Part.election_id, Tally.partition == Part.partition, Tally.sequence == Part.sequence
)


@dataclass(frozen=True)
class Standing:
    """How far an election is: its state, and the moment before which everything received is counted.

    ``drained`` is None while a partition has not been worked yet. ``dead_letter`` says that ballots which may be of
    this election could not be recorded; it stays open until they are replayed, or dismissed where there were none.
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
class Sums:
    """What the recorded parts of an election add up to, as far as ``places`` says.

    ``places`` has, by partition, the place of the last part that was looked at; ``votes`` go by poll number, without
    zeros.
    """

    places: Mapping[int, int]
    votes: Mapping[int, int]
    counts: Counts
    outside: int


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
    return least_of(session.scalars(sa.select(Partition.watermark)).all())


def least_of(watermarks: Sequence[datetime | None]) -> datetime | None:
    """The least of the watermarks of all partitions; None when there is no partition, or one without a watermark."""
    known = [watermark for watermark in watermarks if watermark is not None]
    return min(known) if known and len(known) == len(watermarks) else None


def counted_until(session: Session) -> datetime | None:
    """A moment by Redis's clock that no recorded receipt is later than: the greatest watermark, if there is one."""
    return session.scalar(sa.select(sa.func.max(Partition.watermark)))


class HasHours(Protocol):
    """What the state of an election follows from, beside how far the count is."""

    @property
    def stage(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...


def state_of(election: HasHours, now: datetime, drained: datetime | None, has_dead_letter: bool) -> State:
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


def outside(session: Session, election_id: int, until: datetime | None = None) -> int:
    """How many ballots were sent for an election by name before its end, at a moment when it was not open.

    What was received later stands in its batch alone: a result that is final must not change any more, and an upload
    that a station let in just in time may be stamped after the end. ``until`` leaves out what was received later.
    """
    statement = (
        sa.select(sa.func.sum(Part.outside))
        .join(Batch, Batch.id == Part.batch_id)
        .join(Election, Election.id == Batch.election_id)
        # The index on the election of a part finds those that belong to none.
        .where(Batch.election_id == election_id, Batch.received_at < Election.end, Part.election_id.is_(None))
    )
    if until is not None:
        statement = statement.where(Batch.received_at <= until)
    return int(session.scalar(statement) or 0)


def places(session: Session) -> dict[int, int]:
    """The place of the last part of every partition that ever had one, also of those that have been taken away."""
    rows = session.execute(sa.select(Part.partition, sa.func.max(Part.sequence)).group_by(Part.partition))
    return dict(rows.all())


def sums(session: Session, election_id: int) -> Sums:
    """Everything that is recorded of an election; costs the number of its parts, as the plain sums do."""
    return Sums(
        places=places(session),
        votes={poll_number: total for poll_number, total in votes(session, election_id).items() if total},
        counts=counts(session, election_id),
        outside=outside(session, election_id),
    )


def sums_since(session: Session, election_id: int, kept: Sums, reached: Mapping[int, int]) -> Sums:
    """The sums of an election up to the places that are ``reached``: ``kept``, and what was recorded after it.

    Rows of parts and tallies are never changed, and places grow by one in the order of the commits of their partition,
    so that nothing can come before a place that was reached. ``reached`` has to be read in the same snapshot, and the
    end of the election has to be what it was for ``kept``.
    """
    grown = [(partition, place) for partition, place in reached.items() if place > kept.places.get(partition, 0)]
    if not grown:
        return kept
    bounds: dict[str, int] = {"election": election_id}
    for number, (partition, place) in enumerate(grown):
        bounds |= {f"partition{number}": partition, f"last{number}": place}
        bounds[f"after{number}"] = kept.places.get(partition, 0)
    found = Counter(kept.votes)
    for poll_number, total in session.execute(_votes_of_stretches(len(grown)), bounds):
        found[poll_number] += int(total)
    counted = duplicate = invalid = concerned = newly_outside = 0
    for stretch in session.execute(_counts_of_stretches(len(grown)), bounds):
        counted += int(stretch.counted or 0)
        duplicate += int(stretch.duplicate or 0)
        invalid += int(stretch.invalid or 0)
        concerned += int(stretch.concerned or 0)
    if concerned:
        # A part that comes by itself and with the part 0 of its batch is there twice.
        found_outside = set(session.execute(_outside_of_stretches(len(grown)), bounds))
        newly_outside = sum(part.outside for part in found_outside)
    return Sums(
        places={**kept.places, **dict(grown)},
        votes=found,
        counts=Counts(
            received=kept.counts.received + counted + duplicate + invalid,
            counted=kept.counts.counted + counted,
            duplicate=kept.counts.duplicate + duplicate,
            invalid=kept.counts.invalid + invalid,
        ),
        outside=kept.outside + newly_outside,
    )


def is_in_stretch(number: int, table: type[Part | Tally]) -> sa.ColumnElement[bool]:
    """A stretch is the parts of one partition after one place, up to another one, bound as in ``sums_since``."""
    return sa.and_(
        table.partition == sa.bindparam(f"partition{number}", type_=sa.Integer),
        table.sequence > sa.bindparam(f"after{number}", type_=sa.BigInteger),
        table.sequence <= sa.bindparam(f"last{number}", type_=sa.BigInteger),
    )


# A query for each stretch, united, since SQLite uses its index for one range and not for alternatives of ranges. They
# are kept by the number of stretches, because to put one together costs more than to execute it.
@lru_cache(maxsize=256)
def _votes_of_stretches(stretches: int) -> sa.CompoundSelect[int, int]:
    return sa.union_all(
        *(
            sa.select(Tally.poll_number, sa.func.sum(Tally.votes))
            .where(Tally.election_id == _ELECTION, is_in_stretch(number, Tally))
            .group_by(Tally.poll_number)
            for number in range(stretches)
        )
    )


@lru_cache(maxsize=256)
def _counts_of_stretches(stretches: int) -> sa.CompoundSelect[int, int, int, int]:
    """Of each stretch: ballots counted, duplicate and invalid, and how many of its parts may tell of ones outside."""

    # Not a condition on the election, for which there is another index, that leads to all parts of the election.
    def of_election(column: InstrumentedAttribute[int]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((Part.election_id == _ELECTION, column), else_=0))

    return sa.union_all(
        *(
            sa.select(
                of_election(Part.counted).label("counted"),
                of_election(Part.duplicate).label("duplicate"),
                of_election(Part.invalid).label("invalid"),
                sa.func.sum(sa.case((sa.or_(Part.election_id.is_(None), Part.part == 0), 1), else_=0)).label(
                    "concerned"
                ),
            ).where(is_in_stretch(number, Part))
            for number in range(stretches)
        )
    )


@lru_cache(maxsize=256)
def _outside_of_stretches(stretches: int) -> sa.CompoundSelect[str, int, int]:
    """The parts outside that were not known to be sent for the election before the stretches.

    Only the batch says for which one they were sent, and it is recorded with its part 0: with that come all its parts
    that are outside, those recorded earlier too, also if part 0 is not outside itself: an election may be cancelled
    between two parts. Any other part comes by itself, once its batch is there.
    """
    new, of_batch = aliased(Part), aliased(Part)
    return sa.union_all(
        *(
            sa.select(of_batch.batch_id, of_batch.part, of_batch.outside)
            .select_from(new)
            .join(Batch, Batch.id == new.batch_id)
            .join(Election, Election.id == Batch.election_id)
            .join(of_batch, of_batch.batch_id == new.batch_id)
            .where(
                is_in_stretch(number, new),
                Batch.election_id == _ELECTION,
                Batch.received_at < Election.end,
                of_batch.election_id.is_(None),
                sa.or_(new.part == 0, of_batch.part == new.part),
            )
            for number in range(stretches)
        )
    )


def refused_ballots(
    session: Session, election_id: int, limit: int | None = None, offset: int = 0, *, officials: bool = True
) -> list[RefusedBallot]:
    """The ballots of an election that are not counted, in the order of receipt, batch and line.

    Ballots received outside of it are none of its ballots and do not stand here. ``official_jmbg`` is empty when the
    record of the batch is not there, and without ``officials``: not everybody who asks may read it.
    """
    # Outer join: what was refused stays visible even if the record of its upload were lost. Databases do not agree
    # on where NULL belongs in an order, so it is said.
    statement = (
        sa.select(
            Batch.official_jmbg if officials else sa.null(),
            RefusedLine.guid,
            RefusedLine.poll_number,
            RefusedLine.reason,
        )
        .outerjoin_from(RefusedLine, Batch, Batch.id == RefusedLine.batch_id)
        .where(
            RefusedLine.election_id == election_id,
            RefusedLine.reason.in_(
                [Refusal.DUPLICATE.value, Refusal.INVALID_POLL_NUMBER.value, Refusal.INVALID_SIGNATURE.value]
            ),
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
    return set(session.scalars(sa.select(Election.id).where(Election.id.in_(election_ids), HAS_DEAD_LETTER)))
