"""Queries of second factors and their recovery codes."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authentication_service.store import changed
from shared.schema.accounts import RecoveryCode, SecondFactor


def secret_of(session: Session, user_id: int) -> bytes | None:
    """The sealed secret of an account; None when it has no second factor."""
    return session.scalar(sa.select(SecondFactor.secret_sealed).where(SecondFactor.user_id == user_id))


def use_step(session: Session, user_id: int, secret_sealed: bytes, step: int) -> bool:
    """Use the code of this half minute up; False when it, or one of a later half minute, was used before.

    Of two that come with one code at the same instant, the database lets the second wait for the first. The secret has
    to be the one that the code was compared with.
    """
    statement = (
        sa.update(SecondFactor)
        .where(
            SecondFactor.user_id == user_id, SecondFactor.secret_sealed == secret_sealed, SecondFactor.last_step < step
        )
        .values(last_step=step)
        .execution_options(synchronize_session=False)
    )
    return changed(session, statement) == 1


def use_recovery_code(session: Session, user_id: int, digest: bytes) -> bool:
    """Use a recovery code up; False when there is none (any more)."""
    statement = sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.digest == digest)
    return changed(session, statement.execution_options(synchronize_session=False)) == 1


def recovery_codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes were not used yet."""
    counted = sa.select(sa.func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    return session.scalar(counted) or 0


def add(session: Session, user_id: int, secret_sealed: bytes, step: int, now: datetime) -> None:
    """Give an account that has none a second factor, of whose secret the code of ``step`` was just used."""
    session.execute(
        sa.insert(SecondFactor),
        [{"user_id": user_id, "secret_sealed": secret_sealed, "last_step": step, "set_up_at": now}],
    )


def replace_recovery_codes(session: Session, user_id: int, digests: Collection[bytes]) -> None:
    """Let these be the account's recovery codes, and no others."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    if digests:
        session.execute(sa.insert(RecoveryCode), [{"user_id": user_id, "digest": digest} for digest in digests])


def remove(session: Session, user_id: int) -> bool:
    """Take an account's second factor away; whether it had one."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    return changed(session, sa.delete(SecondFactor).where(SecondFactor.user_id == user_id)) == 1
