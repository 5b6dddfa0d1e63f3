"""Queries of who has got the signature of an election."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.accounts import BallotSignature, VoterElection


def of(session: Session, election_id: int, citizen_id: int) -> BallotSignature | None:
    """The signature that a citizen has got in an election."""
    return session.get(BallotSignature, (election_id, citizen_id))


def given_to(session: Session, election_id: int, citizen_ids: Sequence[int]) -> frozenset[int]:
    """Which of these citizens have got the signature of an election."""
    wanted = sa.select(BallotSignature.citizen_id).where(
        BallotSignature.election_id == election_id, BallotSignature.citizen_id.in_(citizen_ids)
    )
    return frozenset(session.scalars(wanted))


def number_given(session: Session, election_id: int) -> int:
    """How many citizens have got the signature of an election."""
    return session.scalar(sa.select(sa.func.count()).where(BallotSignature.election_id == election_id)) or 0


def elections_until(session: Session, now: datetime) -> Sequence[VoterElection]:
    """The elections that have not ended, those that open first first."""
    return session.scalars(
        sa.select(VoterElection)
        .where(VoterElection.closes_at > now)
        .order_by(VoterElection.opens_at, VoterElection.election_id)
        .limit(200)
    ).all()
