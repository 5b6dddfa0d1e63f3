"""The candidates of an election as they were approved last; what is being changed about them is not read here."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Candidate, CandidatePublication, Entry


def published(session: Session, election_id: int) -> list[tuple[int, CandidatePublication]]:
    """The public candidates of the lists of an election, each with the poll number, in the order of the lists."""
    rows = session.execute(
        sa.select(Entry.poll_number, CandidatePublication)
        .join(Candidate, Candidate.participant_id == Entry.participant_id)
        .join(CandidatePublication, CandidatePublication.candidate_id == Candidate.id)
        .where(Entry.election_id == election_id)
        .order_by(Entry.poll_number, Candidate.place, Candidate.id)
    )
    return [(number, found) for number, found in rows]


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
