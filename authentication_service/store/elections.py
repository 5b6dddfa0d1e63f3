"""Queries of the elections of voters."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.accounts import VoterElection, VoterElectionCitizen


def elections() -> sa.Select[VoterElection]:
    """All, those that open last first."""
    return sa.select(VoterElection).order_by(VoterElection.opens_at.desc(), VoterElection.election_id.desc())


def election(session: Session, election_id: int, *, lock: bool = False) -> VoterElection | None:
    """The one of this number in the election store."""
    statement = sa.select(VoterElection).where(VoterElection.election_id == election_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def listed(session: Session, election_id: int) -> frozenset[int]:
    """The numbers of the citizens whom an election of the restriction ``citizens`` is for."""
    wanted = sa.select(VoterElectionCitizen.citizen_id).where(VoterElectionCitizen.election_id == election_id)
    return frozenset(session.scalars(wanted))


def is_listed(session: Session, election_id: int, citizen_id: int) -> bool:
    """Whether it is for this citizen."""
    return session.get(VoterElectionCitizen, (election_id, citizen_id)) is not None


def list_nobody(session: Session, election_id: int) -> None:
    """Forget whom an election is for."""
    session.execute(sa.delete(VoterElectionCitizen).where(VoterElectionCitizen.election_id == election_id))


def list_citizens(session: Session, election_id: int, citizens: Collection[int]) -> None:
    """Add citizens whom an election is for."""
    if citizens:
        rows = [{"election_id": election_id, "citizen_id": number} for number in citizens]
        session.execute(sa.insert(VoterElectionCitizen), rows)


def number_listed(session: Session, election_id: int) -> int:
    """How many citizens are on its list."""
    wanted = sa.select(sa.func.count()).where(VoterElectionCitizen.election_id == election_id)
    return session.scalar(wanted) or 0
