"""The candidates of an election as they were approved last; what is being changed about them is not read here."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Candidate, CandidatePublication, Entry


def published(session: Session, election_id: int) -> list[tuple[int, CandidatePublication]]:
    """The public candidates of the lists of an election, each with the poll number, in the order of the lists."""
    return [(number, found) for number, found in session.execute(_published(election_id))]


def published_page(
    session: Session, election_id: int, poll_number: int | None, limit: int, offset: int
) -> list[tuple[int, CandidatePublication]]:
    """Some of these, of one list where a poll number is given."""
    statement = _published(election_id).limit(limit).offset(offset)
    if poll_number is not None:
        statement = statement.where(Entry.poll_number == poll_number)
    return [(number, found) for number, found in session.execute(statement)]


def published_on_lists(session: Session, election_id: int) -> dict[int, int]:
    """How many public candidates each list of an election has, by poll number; lists without any are left out."""
    rows = session.execute(
        sa.select(Entry.poll_number, sa.func.count())
        .join(Candidate, Candidate.participant_id == Entry.participant_id)
        .join(CandidatePublication, CandidatePublication.candidate_id == Candidate.id)
        .where(Entry.election_id == election_id)
        .group_by(Entry.poll_number)
    )
    return dict(rows.all())


def _published(election_id: int) -> "sa.Select[int, CandidatePublication]":
    return (
        sa.select(Entry.poll_number, CandidatePublication)
        .join(Candidate, Candidate.participant_id == Entry.participant_id)
        .join(CandidatePublication, CandidatePublication.candidate_id == Candidate.id)
        .where(Entry.election_id == election_id)
        .order_by(Entry.poll_number, Candidate.place, Candidate.id)
    )


def picture(session: Session, election_id: int, candidate_id: int, *, small: bool) -> tuple[bytes, str] | None:
    """The public picture of a candidate in an election, and its digest; None where there is none."""
    column = CandidatePublication.small if small else CandidatePublication.large
    row = session.execute(
        sa.select(column, CandidatePublication.sha256)
        .join(Candidate, Candidate.id == CandidatePublication.candidate_id)
        .join(Entry, Entry.participant_id == Candidate.participant_id)
        .where(
            Entry.election_id == election_id,
            CandidatePublication.candidate_id == candidate_id,
            CandidatePublication.sha256.is_not(None),
        )
    ).first()
    # Both pictures are there where the digest is.
    return None if row is None else (row[0] or b"", row[1] or "")
