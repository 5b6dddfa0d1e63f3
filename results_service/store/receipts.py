"""What became of a voter's ballot, by the GUID that its voter has kept: whether it is there, and never for whom."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Ballot, RefusedLine
from shared.terms import Refusal


def is_recorded(session: Session, election_id: int, guid: bytes) -> bool:
    """Whether a ballot of this GUID was received first by the election, whatever became of it."""
    statement = sa.select(Ballot.guid).where(Ballot.election_id == election_id, Ballot.guid == guid)
    return session.scalar(statement) is not None


def refusal(session: Session, election_id: int, guid: bytes) -> Refusal | None:
    """Why the ballot of this GUID does not count; None when nothing but repetitions of it was refused."""
    statement = (
        sa.select(RefusedLine.reason)
        .where(
            RefusedLine.election_id == election_id,
            RefusedLine.guid == guid,
            RefusedLine.reason != Refusal.DUPLICATE.value,
        )
        .order_by(RefusedLine.reason)
        .limit(1)
    )
    found = session.scalar(statement)
    return None if found is None else Refusal(found)
