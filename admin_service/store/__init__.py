"""Queries of the administration service. A session comes in, nothing is committed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, lazyload
from sqlalchemy.orm.attributes import flag_modified

from admin_service.rules.elections import Period
from admin_service.store.rows import GREATEST_ID, one
from shared import tallies
from shared.schema.election import (
    CANCELLED,
    DRAFT,
    PUBLISHED,
    Batch,
    Candidate,
    CandidatePicture,
    Election,
    Entry,
    Jurisdiction,
    Part,
    Participant,
)
from shared.terms import Approval, Progress, State


@dataclass(frozen=True)
class BatchTotals:
    """A batch, and what has become of its ballots so far."""

    batch: Batch
    progress: Progress
    received: int
    counted: int
    duplicate: int
    invalid: int
    outside: int


def schema_is_there(session: Session) -> bool:
    """Whether the tables exist; without the migrations there is no jurisdiction either."""
    return session.scalar(sa.select(Jurisdiction.id).limit(1)) is not None


def participants(name: str = "", individual: bool | None = None) -> sa.Select[Participant]:
    """Participants in the order of their creation; ``name`` is a part of the name."""
    statement = sa.select(Participant).order_by(Participant.id)
    if name:
        statement = statement.where(Participant.name.icontains(name, autoescape=True))
    if individual is not None:
        statement = statement.where(Participant.individual == individual)
    return statement


def participant(session: Session, participant_id: int, *, lock: bool = False) -> Participant:
    """One participant; NotFound when there is none. ``lock`` keeps everybody else from changing or entering it."""
    return one(session, Participant, participant_id, lock=lock)


def known_participants(session: Session, participant_ids: Iterable[int]) -> dict[int, bool]:
    """Of these ids those that exist, and whether each is an individual; they stay as they are until the commit."""
    possible = {participant_id for participant_id in participant_ids if 0 < participant_id <= GREATEST_ID}
    found = session.execute(
        sa.select(Participant.id, Participant.individual)
        .where(Participant.id.in_(possible))
        .order_by(Participant.id)
        .with_for_update(read=True)
    )
    return dict(found.all())


def names_of_participants(session: Session, participant_ids: Iterable[int]) -> dict[int, str]:
    """The names of those of these participants that exist."""
    asked = {participant_id for participant_id in participant_ids if 0 < participant_id <= GREATEST_ID}
    return dict(session.execute(sa.select(Participant.id, Participant.name).where(Participant.id.in_(asked))).all())


def is_used(session: Session, participant_id: int) -> bool:
    """Whether a participant stands in an election of whatever state, or has candidates."""
    entry = sa.exists().where(Entry.participant_id == participant_id)
    candidate = sa.exists().where(Candidate.participant_id == participant_id)
    return bool(session.scalar(sa.select(sa.or_(entry, candidate))))


def stands(session: Session, participant_id: int, begun_by: datetime | None = None) -> bool:
    """Whether a participant stands in an election; with ``begun_by`` in a published one that has begun by then."""
    statement = sa.select(Entry.election_id).where(Entry.participant_id == participant_id)
    if begun_by is not None:
        statement = statement.join(Election, Election.id == Entry.election_id).where(
            Election.stage == PUBLISHED, Election.start <= begun_by
        )
    return session.scalar(statement.limit(1)) is not None


def candidates(participant_id: int | None = None, approval: str | None = None, name: str = "") -> sa.Select[Candidate]:
    """Candidates in the order of their creation; ``name`` is a part of the forename, surname or code name."""
    statement = sa.select(Candidate).order_by(Candidate.id)
    if name:
        columns = (Candidate.forename, Candidate.surname, Candidate.code_name)
        statement = statement.where(sa.or_(*(column.icontains(name, autoescape=True) for column in columns)))
    if participant_id is not None:
        statement = statement.where(Candidate.participant_id == participant_id)
    if approval is not None:
        statement = statement.where(Candidate.approval == approval)
    if approval == Approval.WAITING.value:
        # What is still being written waits for nobody but who writes it.
        statement = statement.where(Candidate.submitted_at.is_not(None))
    return statement


def candidate(session: Session, candidate_id: int, *, lock: bool = False) -> Candidate:
    """One candidate; NotFound when there is none."""
    return one(session, Candidate, candidate_id, lock=lock)


def picture(session: Session, candidate_id: int, column: InstrumentedAttribute[bytes]) -> tuple[bytes, str] | None:
    """One of a candidate's pictures and its digest."""
    row = session.execute(
        sa.select(column, CandidatePicture.sha256).where(CandidatePicture.candidate_id == candidate_id)
    ).first()
    return None if row is None else (row[0], row[1])


def with_pictures(session: Session, candidate_ids: Iterable[int]) -> dict[int, str]:
    """Of these candidates those who have a picture, each with its digest."""
    asked = list(candidate_ids)
    rows = session.execute(
        sa.select(CandidatePicture.candidate_id, CandidatePicture.sha256).where(
            CandidatePicture.candidate_id.in_(asked)
        )
    )
    return dict(rows.all())


def delete_picture(session: Session, candidate_id: int) -> bool:
    """Forget a candidate's picture; whether there was one."""
    found = with_pictures(session, [candidate_id])
    session.execute(sa.delete(CandidatePicture).where(CandidatePicture.candidate_id == candidate_id))
    return bool(found)


def touch(candidate: Candidate) -> None:
    """Let the version of a candidate count this change, whatever else of it stays."""
    flag_modified(candidate, "approval")


def jurisdictions() -> sa.Select[Jurisdiction]:
    """Jurisdictions in the order of their creation, the whole country first."""
    return sa.select(Jurisdiction).order_by(Jurisdiction.id)


def jurisdiction(session: Session, jurisdiction_id: int) -> Jurisdiction:
    """One jurisdiction; NotFound when there is none."""
    return one(session, Jurisdiction, jurisdiction_id)


def lock_jurisdiction(session: Session, jurisdiction_id: int) -> None:
    """Let nobody else make or move an election of this jurisdiction until the commit; NotFound when there is none."""
    one(session, Jurisdiction, jurisdiction_id, lock=True)


def overlapping(session: Session, jurisdiction_id: int, period: Period, without: int | None = None) -> Election | None:
    """A published election of the jurisdiction, except ``without``, that overlaps with the period or touches it.

    Touching counts: between one election's end and the next one's start there has to be some time, a second in
    practice, so that nobody can doubt which of the two a ballot of that moment was meant for.
    """
    statement = (
        sa.select(Election)
        .where(
            Election.jurisdiction_id == jurisdiction_id,
            Election.stage == PUBLISHED,
            Election.start <= period.end,
            Election.end >= period.start,
        )
        .options(lazyload(Election.entries))
        .order_by(Election.start)
        .limit(1)
    )
    if without is not None:
        statement = statement.where(Election.id != without)
    return session.scalar(statement)


def election(session: Session, election_id: int, *, lock: bool = False) -> Election:
    """One election with its entries; NotFound when there is none. ``lock`` keeps everybody else from changing it."""
    return one(session, Election, election_id, lock=lock)


def published_elections(session: Session) -> list[Election]:
    """All elections that are neither drafts nor cancelled, in the order of their creation, with their entries."""
    return list(session.scalars(sa.select(Election).where(Election.stage == PUBLISHED).order_by(Election.id)))


def elections(
    session: Session, now: datetime, state: State | None = None, jurisdiction_id: int | None = None
) -> sa.Select[Election]:
    """Elections that are in ``state`` at ``now``, the latest start first."""
    statement = sa.select(Election).order_by(Election.start.desc(), Election.id.desc())
    if jurisdiction_id is not None:
        statement = statement.where(Election.jurisdiction_id == jurisdiction_id)
    published = Election.stage == PUBLISHED
    if state is State.DRAFT:
        return statement.where(Election.stage == DRAFT)
    if state is State.CANCELLED:
        return statement.where(Election.stage == CANCELLED)
    if state is State.SCHEDULED:
        return statement.where(published, Election.start > now)
    if state is State.OPEN:
        return statement.where(published, Election.start <= now, Election.end > now)
    if state in (State.COUNTING, State.FINAL):
        # Whether everything is counted follows from partitions and dead letters; elections are few, so they are asked.
        ended = session.scalars(
            sa.select(Election).where(published, Election.end <= now).options(lazyload(Election.entries))
        )
        standings = tallies.standings(session, ended, now)
        return statement.where(
            Election.id.in_([number for number, standing in standings.items() if standing.state is state])
        )
    return statement


def delete_entries(session: Session, election_id: int) -> None:
    """Empty a ballot at once, so that its participants can come back under other numbers in the same transaction."""
    session.execute(sa.delete(Entry).where(Entry.election_id == election_id))


def batches(election_id: int) -> sa.Select[Batch]:
    """The uploads that were sent for an election or hold ballots of it, in the order of receipt."""
    with_parts = sa.select(Part.batch_id).where(Part.election_id == election_id)
    return (
        sa.select(Batch)
        .where(sa.or_(Batch.election_id == election_id, Batch.id.in_(with_parts)))
        .order_by(Batch.received_at, Batch.id)
    )


def totals(session: Session, found: Iterable[Batch]) -> list[BatchTotals]:
    """What has become of the ballots of these batches, in the same order."""
    asked = list(found)
    columns = (Part.received, Part.counted, Part.duplicate, Part.invalid, Part.outside)
    rows = session.execute(
        sa.select(Part.batch_id, sa.func.count(), *(sa.func.sum(column) for column in columns))
        .where(Part.batch_id.in_([batch.id for batch in asked]))
        .group_by(Part.batch_id)
    )
    # MySQL and PostgreSQL sum integers to decimals.
    sums = {batch_id: (parts, [int(value) for value in values]) for batch_id, parts, *values in rows}
    shown = []
    for batch in asked:
        parts, values = sums.get(batch.id, (0, [0] * len(columns)))
        shown.append(BatchTotals(batch, _progress(parts, batch.parts), *values))
    return shown


def _progress(recorded: int, parts: int) -> Progress:
    if recorded >= parts:
        return Progress.COUNTED
    return Progress.COUNTING if recorded else Progress.QUEUED
