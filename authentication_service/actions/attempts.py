"""Proving a password, and slowing down who fails at it, registers or asks for another one too often.

What was tried is counted in the store, for all processes and replicas together. Attempts at the same instant may
overtake a limit by as many as there are threads; they cannot go on doing so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from authentication_service import rules, store
from authentication_service.actions.accounts import subject, write
from authentication_service.passwords import Passwords
from authentication_service.rules import limits
from authentication_service.rules.limits import Limits
from shared.database import Database
from shared.errors import TooManyAttempts, Unauthenticated
from shared.journal.store import note
from shared.schema.accounts import User
from shared.sentences import say
from shared.terms import Outcome

WRONG_CREDENTIALS = say("Invalid credentials.")


@dataclass(frozen=True)
class Caller:
    """Who calls: from which place (``limits.place``), and as which program it describes itself."""

    place: str
    program: str


@dataclass(frozen=True)
class Attempt:
    """A password that a caller offers."""

    password: str = field(repr=False)
    caller: Caller
    limits: Limits


@dataclass(frozen=True)
class Proven:
    """An account that proved to be itself: its number, and the hash that the password was compared with."""

    user_id: int
    password_hash: str = field(repr=False)


def prove(
    database: Database, passwords: Passwords, name: str, attempt: Attempt, now: datetime, *, opens: bool
) -> Proven:
    """The account with this email, username or phone number, if the password is its own.

    Raises ``Unauthenticated`` when there is no such account or the password is wrong, and ``TooManyAttempts`` after too
    many of these. Whether there is such an account changes neither the answer nor the work: the same queries, and one
    hash is computed, of nobody's password if need be. ``opens``: a session is to be opened, and the journal tells that
    it was not.
    """
    kind, key = rules.login_name(name) or (rules.LoginName.EMAIL, "")
    with database.reading() as session:
        found = store.credentials(session, kind, key)
        user_id, password_hash = found or (0, None)
        keys = keys_of_failure(session, user_id, key or name.lower(), attempt.caller, attempt.limits, now)
    if passwords.verify(password_hash, attempt.password):
        assert password_hash is not None  # noqa: S101 -- nobody proves to be an account that does not exist.
        return Proven(user_id, password_hash)
    # Of what nobody is called the journal says nothing: people type passwords into the wrong field.
    about = subject(user_id) if found else ""
    count_failure(database, keys, attempt.limits, now, about=about, reason=WRONG_CREDENTIALS, opens=opens)
    raise Unauthenticated(WRONG_CREDENTIALS)


def keys_of_failure(
    session: Session, user_id: int, name: str, caller: Caller, most: Limits, now: datetime
) -> dict[str, int]:
    """Under which keys a failure of this caller with this name counts; raises ``TooManyAttempts`` after too many."""
    is_known = store.has_logged_in_from(session, user_id, caller.place, now)
    keys = limits.failure_keys(name, caller.place, most, is_known=is_known)
    tries = store.tries(session, keys, now - limits.WINDOW)
    if wait := limits.wait(keys, tries, most, now):
        raise TooManyAttempts("Too many failed log-ins; wait before the next one.", retry_after=wait)
    return keys


def count_failure(
    database: Database, keys: dict[str, int], most: Limits, now: datetime, *, about: str, reason: str, opens: bool
) -> None:
    """Count a wrong password or code under ``keys``; the journal tells of it where a session was to be opened."""

    def record(session: Session) -> None:
        store.delete_attempts(session, now - limits.WINDOW)
        store.add_attempts(session, keys, now)
        nobody = "" if opens else None
        if opens:
            note(session, "session.opened", about, outcome=Outcome.REFUSED, reason=str(reason), actor=nobody)
        failed = store.tries(session, keys, now - limits.WINDOW)
        if seconds := limits.wait(keys, failed, most, now):
            note(session, "session.delayed", about, {"seconds": seconds}, actor=nobody)

    write(database, record)


def forget_failures(session: Session, user: User, caller: Caller) -> None:
    """Count the failures of this account from this place from nought again; those from elsewhere stay."""
    names: Sequence[str | None] = (user.email_key, user.username, user.phone)
    store.forget_attempts(session, [limits.key_of_pair(name, caller.place) for name in names if name])


def note_not_opened(database: Database, user_id: int, attempt: Attempt, reason: str, now: datetime) -> None:
    """Let the journal tell of a log-in whose password was right, as often in an hour as failures are free.

    Everybody may register, and could otherwise fill the journal with these.
    """
    key = limits.not_opened_key(user_id)

    def record(session: Session) -> None:
        tries = store.tries(session, [key], now - limits.WINDOW).get(key)
        if tries is None or tries.number < attempt.limits.of_name_from_address:
            store.add_attempts(session, [key], now)
            note(session, "session.opened", subject(user_id), outcome=Outcome.REFUSED, reason=reason, actor="")

    write(database, record)


def admit_registration(database: Database, caller: Caller, most: Limits, now: datetime) -> None:
    """Count a registration, and refuse it after too many from one place.

    This is also what slows down who tries which addresses are registered: the classic contract tells it.
    """
    if limits.hides_who_calls(caller.place, most):
        return
    key = limits.registration_key(caller.place)
    with database.reading() as session:
        tries = store.tries(session, [key], now - limits.WINDOW).get(key)
    if wait := limits.wait_after_registrations(tries, most, now):
        raise TooManyAttempts("Too many registrations from this address; wait before the next one.", retry_after=wait)

    def record(session: Session) -> None:
        store.delete_attempts(session, now - limits.WINDOW)
        store.add_attempts(session, [key], now)

    write(database, record)


def admit_reset(database: Database, name: str, caller: Caller, most: Limits, now: datetime) -> None:
    """Count that somebody asks to set a password anew, and refuse it after too many for this name or from one place.

    It counts alike whether or not somebody has the name.
    """
    keys = limits.reset_keys(name, caller.place, most)
    with database.reading() as session:
        tries = store.tries(session, keys, now - limits.WINDOW)
    if wait := max(limits.wait_within_hour(tries.get(key), number, now) for key, number in keys.items()):
        raise TooManyAttempts(
            "A link was asked for too often, for this name or from this address; wait before the next one. Those that "
            "were sent are good for half an hour.",
            retry_after=wait,
        )

    def record(session: Session) -> None:
        store.delete_attempts(session, now - limits.WINDOW)
        store.add_attempts(session, keys, now)

    write(database, record)
