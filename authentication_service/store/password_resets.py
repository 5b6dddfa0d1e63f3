"""Queries of the links by which passwords are set anew, and of the mails that bring them."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authentication_service.rules import LoginName
from authentication_service.store import NAMES, changed
from shared.schema.accounts import Mail, PasswordReset, User


def address_of(session: Session, kind: LoginName, key: str) -> tuple[int, str] | None:
    """Number and mail address of the account with this name, by one query whether or not there is one."""
    statement = sa.select(User.id, User.email).where(User.deleted_at.is_(None), NAMES[kind] == key)
    row = session.execute(statement).one_or_none()
    return None if row is None else (row[0], row[1] or "")


def delete_old_links(session: Session, now: datetime) -> None:
    """Forget the links that are of no use any more."""
    session.execute(sa.delete(PasswordReset).where(PasswordReset.good_until <= now))


def add_link(session: Session, token_hash: bytes, user_id: int | None, good_until: datetime) -> None:
    """Keep a link; that of nobody (None) is never good."""
    session.add(PasswordReset(token_hash=token_hash, user_id=user_id, good_until=good_until))


def owner_of_link(session: Session, token_hash: bytes, now: datetime) -> int | None:
    """The number of the account that a link is good for; None when it is good for none."""
    return session.scalar(
        sa.select(PasswordReset.user_id).where(PasswordReset.token_hash == token_hash, PasswordReset.good_until > now)
    )


def use_link(session: Session, token_hash: bytes, now: datetime) -> bool:
    """Use a link up; False when somebody else was faster, or it is good no more."""
    statement = sa.delete(PasswordReset).where(
        PasswordReset.token_hash == token_hash, PasswordReset.user_id.is_not(None), PasswordReset.good_until > now
    )
    return changed(session, statement) == 1


def void_links(session: Session, user_id: int) -> None:
    """Let no link be good for this account any more."""
    session.execute(sa.delete(PasswordReset).where(PasswordReset.user_id == user_id))


def waiting_mails(session: Session) -> tuple[int, datetime | None]:
    """How many mails wait, also for nobody, and since when the first of them does."""
    number, oldest = session.execute(sa.select(sa.func.count(), sa.func.min(Mail.created_at))).one()
    return number, oldest


def due_mails(session: Session, now: datetime, most: int) -> Sequence[Mail]:
    """The mails that may be tried now, those that have waited longest first."""
    return session.scalars(sa.select(Mail).where(Mail.due_at <= now).order_by(Mail.due_at, Mail.id).limit(most)).all()


def claim_mail(session: Session, mail_id: str, tries: int, now: datetime, until: datetime) -> bool:
    """Keep a mail that was tried ``tries`` times for the caller; False when another sender was faster.

    The database lets the second wait for the first, on every engine; nothing is locked while the mail is sent.
    """
    statement = (
        sa.update(Mail)
        .where(Mail.id == mail_id, Mail.tries == tries, Mail.due_at <= now)
        .values(tries=tries + 1, due_at=until)
        .execution_options(synchronize_session=False)
    )
    return changed(session, statement) == 1


def put_mail_off(session: Session, mail_id: str, until: datetime) -> None:
    """Let a mail that could not be sent be tried again later."""
    statement = sa.update(Mail).where(Mail.id == mail_id).values(due_at=until)
    session.execute(statement.execution_options(synchronize_session=False))


def delete_mail(session: Session, mail_id: str) -> None:
    """Forget a mail that was sent or given up."""
    session.execute(sa.delete(Mail).where(Mail.id == mail_id).execution_options(synchronize_session=False))
