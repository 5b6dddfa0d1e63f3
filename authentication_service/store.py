"""Queries of the accounts store. Deleted accounts are found by nothing here but the sessions that they once had."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authentication_service.rules import LoginName
from shared.schema.accounts import AccountsBase, FailedLogin, RefreshSession, User, UserRole
from shared.terms import Approval, Role

_NAMES = {LoginName.EMAIL: User.email_key, LoginName.USERNAME: User.username, LoginName.PHONE: User.phone}


def touch_every_table(session: Session) -> None:
    """Ask each table for its columns, which fails where the schema is not there or is an older one."""
    for table in AccountsBase.metadata.sorted_tables:
        session.execute(sa.select(table).limit(1))


def user_by_name(session: Session, kind: LoginName, key: str, *, lock: bool = False) -> User | None:
    """The account with this email, username or phone number in its stored form."""
    return session.scalar(_live(lock).where(_NAMES[kind] == key))


def user_by_id(session: Session, user_id: int, *, lock: bool = False) -> User | None:
    """The account with this number."""
    return session.scalar(_live(lock).where(User.id == user_id))


def user_by_jmbg(session: Session, jmbg: str) -> User | None:
    """The account of this citizen."""
    return session.scalar(_live(False).where(User.jmbg == jmbg))


def users(search: str | None, role: Role | None, approval: Approval | None) -> sa.Select[User]:
    """Accounts in the order of their numbers; ``search`` is a part of an address or a name, or a whole JMBG."""
    statement = _live(False).order_by(User.id)
    if search:
        parts = (User.email, User.username, User.forename, User.surname)
        contained = [column.icontains(search, autoescape=True) for column in parts]
        statement = statement.where(sa.or_(*contained, User.jmbg == search))
    if role:
        statement = statement.where(User.roles.any(UserRole.role == role.value))
    if approval:
        statement = statement.where(User.approval == approval.value)
    return statement


def lock_administrators(session: Session) -> list[int]:
    """The numbers of the administrators that may log in, and nobody else may change these until the transaction ends.

    They are locked in one order, so that two who change administrators wait for each other instead of deadlocking.
    """
    statement = (
        sa.select(User.id)
        .join(UserRole, UserRole.user_id == User.id)
        .where(
            UserRole.role == Role.ADMINISTRATOR.value,
            User.deleted_at.is_(None),
            User.approval == Approval.APPROVED.value,
        )
        .order_by(User.id)
        .with_for_update()
    )
    return list(session.scalars(statement))


def replace_password_hash(session: Session, user_id: int, old: str, new: str) -> None:
    """Store the same password's new hash, unless the hash was replaced meanwhile. The account has not changed by it."""
    session.execute(sa.update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new))


def session_and_user(session: Session, session_id: str) -> tuple[RefreshSession, User] | None:
    """The refresh session with this id, and the account that it belongs to."""
    statement = (
        sa.select(RefreshSession, User)
        .join(User, User.id == RefreshSession.user_id)
        .where(RefreshSession.id == session_id, User.deleted_at.is_(None))
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else (row[0], row[1])


def revoke_session(session: Session, session_id: str, now: datetime) -> None:
    """Let this session refresh nothing any more."""
    session.execute(
        sa.update(RefreshSession)
        .where(RefreshSession.id == session_id, RefreshSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_sessions(session: Session, user_id: int, now: datetime) -> None:
    """Let no session of this account refresh anything any more."""
    session.execute(
        sa.update(RefreshSession)
        .where(RefreshSession.user_id == user_id, RefreshSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def delete_expired_sessions(session: Session, now: datetime) -> None:
    """Forget the sessions whose tokens have expired anyway."""
    session.execute(sa.delete(RefreshSession).where(RefreshSession.expires_at <= now))


def failures(session: Session, key: str, since: datetime, most: int) -> Sequence[datetime]:
    """The moments of at most ``most`` failed log-ins under this key after ``since``, newest first."""
    statement = (
        sa.select(FailedLogin.failed_at)
        .where(FailedLogin.key == key, FailedLogin.failed_at > since)
        .order_by(FailedLogin.failed_at.desc())
        .limit(most)
    )
    return session.scalars(statement).all()


def delete_failures(session: Session, before: datetime) -> None:
    """Forget the failed log-ins that limit nobody any more."""
    session.execute(sa.delete(FailedLogin).where(FailedLogin.failed_at <= before))


def _live(lock: bool) -> sa.Select[User]:
    statement = sa.select(User).where(User.deleted_at.is_(None))
    # Without populate_existing a locked read would still show what an earlier read of the transaction saw.
    return statement.with_for_update().execution_options(populate_existing=True) if lock else statement
