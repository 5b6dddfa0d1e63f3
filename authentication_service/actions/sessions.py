"""Logging in, refreshing and logging out; failed log-ins are counted, and too many of them slowed down."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from authentication_service import rules, store
from authentication_service.actions.accounts import Account, account_of, write
from authentication_service.passwords import Passwords
from shared.auth import REFRESH_SECONDS
from shared.database import Database
from shared.errors import Forbidden, TooManyAttempts, Unauthenticated, Unavailable
from shared.schema.accounts import FailedLogin, RefreshSession, User
from shared.terms import Approval

WRONG_CREDENTIALS = "Invalid credentials."


@dataclass(frozen=True)
class Attempt:
    """A password that somebody offers from an address; ``most_failures`` is how many wrong ones a minute may bring."""

    password: str
    address: str
    most_failures: int


@dataclass(frozen=True)
class LoggedIn:
    """An account that proved to be itself, and the id of its new refresh session, the token's ``jti``."""

    account: Account
    session_id: str


def log_in(database: Database, passwords: Passwords, name: str, attempt: Attempt, now: datetime) -> LoggedIn:
    """Open a session for the account with this email, username or phone number.

    Raises ``Unauthenticated`` when there is no such account or the password is wrong, ``TooManyAttempts`` after too
    many of these, and ``Forbidden`` when only the approval is missing.
    """
    for _ in range(3):
        with database.reading() as session:
            user = _find(session, name)
            known = None if user is None else (user.id, user.password_hash)
        subject = f"name {name.lower()}" if known is None else f"account {known[0]}"
        prove(database, passwords, known[1] if known else None, subject, attempt, now)
        assert known is not None  # noqa: S101 -- nobody proves to be an account that does not exist.
        user_id, password_hash = known
        renewed = passwords.hash(attempt.password) if passwords.is_stale(password_hash) else None
        open_session = partial(_open, user_id=user_id, password_hash=password_hash, renewed=renewed, now=now)
        opened = write(database, open_session)
        if opened is not None:
            return opened
        # The password was changed while the old one was being checked; the new one decides.
    raise Unavailable("The account is being changed at this moment; try again.")


def prove(
    database: Database, passwords: Passwords, stored: str | None, subject: str, attempt: Attempt, now: datetime
) -> None:
    """Refuse an attempt whose password is not that of the hash ``stored``, and any after too many wrong ones.

    Only failures are counted, for ``subject`` and the caller's address together. Attempts at the same instant may
    overtake the count by as many as there are threads; they cannot go on doing so.
    """
    key = hashlib.sha256(f"{subject}\n{attempt.address}".encode("utf-8", "surrogatepass")).hexdigest()
    with database.reading() as session:
        failures = store.failures(session, key, now - rules.FAILURE_WINDOW, attempt.most_failures)
    if wait := rules.wait_after_failures(failures, attempt.most_failures, now):
        raise TooManyAttempts("Too many failed log-ins; wait before the next one.", retry_after=wait)
    if passwords.verify(stored, attempt.password):
        return

    def record(session: Session) -> None:
        store.delete_failures(session, now - rules.FAILURE_WINDOW)
        session.add(FailedLogin(key=key, failed_at=now))

    write(database, record)
    raise Unauthenticated(WRONG_CREDENTIALS)


def renew(database: Database, session_id: str, now: datetime) -> Account:
    """The account of a refresh session as it is now, from which a new access token may be made."""
    with database.reading() as session:
        found = store.session_and_user(session, session_id)
        if found is None:
            raise Unauthenticated("The account of this token does not exist any more.")
        opened, user = found
        if opened.revoked_at is not None or opened.expires_at <= now or user.approval != Approval.APPROVED:
            raise Unauthenticated("Token has been revoked")
        return account_of(user)


def log_out(database: Database, session_id: str, now: datetime) -> None:
    """Let the session refresh nothing any more; logging out twice is no error."""
    write(database, lambda session: store.revoke_session(session, session_id, now))


def _find(session: Session, name: str) -> User | None:
    found = rules.login_name(name)
    return None if found is None else store.user_by_name(session, *found)


def _open(session: Session, user_id: int, password_hash: str, renewed: str | None, now: datetime) -> LoggedIn | None:
    user = store.user_by_id(session, user_id)
    if user is None:
        raise Unauthenticated(WRONG_CREDENTIALS)
    if user.password_hash != password_hash:
        return None
    if user.approval == Approval.WAITING:
        raise Forbidden("This account waits for an administrator's approval.")
    if user.approval != Approval.APPROVED:
        raise Forbidden("An administrator has refused this account.")
    if renewed is not None:
        store.replace_password_hash(session, user_id, password_hash, renewed)
    store.delete_expired_sessions(session, now)
    opened = RefreshSession(
        id=str(uuid.uuid4()),
        user_id=user_id,
        created_at=now,
        expires_at=now + timedelta(seconds=REFRESH_SECONDS),
    )
    session.add(opened)
    return LoggedIn(account=account_of(user), session_id=opened.id)
