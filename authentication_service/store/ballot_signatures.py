"""Queries of who has got the signature of an election."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.accounts import BallotSignature, VoterElection


def of(session: Session, election_id: int, citizen_id: int) -> BallotSignature | None:
    """The one ballot that a citizen has had in an election: a signature for it, or a ballot paper."""
    return session.get(BallotSignature, (election_id, citizen_id))


def had_by(session: Session, election_id: int, citizen_ids: Sequence[int]) -> dict[int, bool]:
    """Which of these citizens have had their ballot in an election, and whether it was on paper."""
    found = session.execute(
        sa.select(BallotSignature.citizen_id, BallotSignature.blinded_digest.is_(None)).where(
            BallotSignature.election_id == election_id, BallotSignature.citizen_id.in_(citizen_ids)
        )
    )
    return {citizen_id: bool(is_on_paper) for citizen_id, is_on_paper in found}


def number_given(session: Session, election_id: int) -> int:
    """How many citizens have got the signature of an election."""
    wanted = sa.select(sa.func.count()).where(
        BallotSignature.election_id == election_id, BallotSignature.blinded_digest.is_not(None)
    )
    return session.scalar(wanted) or 0


def elections_until(session: Session, now: datetime) -> Sequence[VoterElection]:
    """The elections that have not ended, those that open first first."""
    return session.scalars(
        sa.select(VoterElection)
        .where(VoterElection.closes_at > now)
        .order_by(VoterElection.opens_at, VoterElection.election_id)
        .limit(200)
    ).all()
