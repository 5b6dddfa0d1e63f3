"""What became of a voter's ballot, by the GUID that its voter has kept: whether it is there, and never for whom."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Ballot, RefusedLine
from shared.terms import Refusal


def is_recorded(session: Session, election_id: int, guid: bytes) -> bool:
    """Whether a ballot of this GUID was received first by the election, whatever became of it."""
    statement = sa.select(Ballot.guid).where(Ballot.election_id == election_id, Ballot.guid == guid)
    return session.scalar(statement) is not None


def came_again(session: Session, election_id: int, guid: bytes) -> bool:
    """Whether a ballot of this GUID was received again after the first one."""
    statement = (
        sa.select(RefusedLine.guid)
        .where(
            RefusedLine.election_id == election_id,
            RefusedLine.guid == guid,
            RefusedLine.reason == Refusal.DUPLICATE.value,
        )
        .limit(1)
    )
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


def counted(session: Session, election_id: int, after: UUID | None, limit: int) -> list[UUID]:
    """The GUIDs of counted ballots in their order, which says nothing of who came when: those after a GUID."""
    # A ballot for a number that nobody has takes its GUID up and is not counted.
    of_nobody = sa.exists().where(
        RefusedLine.election_id == Ballot.election_id,
        RefusedLine.guid == Ballot.guid,
        RefusedLine.reason == Refusal.INVALID_POLL_NUMBER.value,
    )
    found = session.scalars(
        sa.select(Ballot.guid)
        .where(Ballot.election_id == election_id, Ballot.guid > after.bytes if after else sa.true(), ~of_nobody)
        .order_by(Ballot.guid)
        .limit(limit)
    )
    return [UUID(bytes=guid) for guid in found]
