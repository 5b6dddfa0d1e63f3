"""What people do with their own account."""

from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from authentication_service import rules, store
from authentication_service.actions import registration
from authentication_service.actions.accounts import Account, Matches, account_of, own_user, refuse_taken, subject, write
from authentication_service.actions.attempts import Attempt, prove
from authentication_service.passwords import Passwords
from authentication_service.store.password_resets import void_links
from shared.auth import Identity
from shared.database import Database
from shared.errors import InvalidInput, Unauthenticated
from shared.journal.store import note


class ProfileChanges(TypedDict, total=False):
    """The details to change; username and phone are removed by None."""

    forename: str
    surname: str
    email: str
    username: str | None
    phone: str | None
    password: str


def own_account(database: Database, actor: Identity) -> Account:
    """The account that a token speaks for, as it is now."""
    with database.reading() as session:
        return account_of(own_user(session, actor))


def change_profile(
    database: Database,
    passwords: Passwords,
    actor: Identity,
    changes: ProfileChanges,
    proof: Attempt | None,
    matches: Matches,
    now: datetime,
) -> Account:
    """Change the own account. A new address or password needs ``proof``, the current password.

    Tokens name the address, so after a new one the access token is of no use and has to be refreshed; a new password
    ends all refresh sessions, since the old one may be known to somebody who has opened one.
    """
    stored = stored_form(changes)
    with database.reading() as session:
        user = own_user(session, actor)
        matches(user.version)
        email = user.email_key or ""
    if changes.keys() & {"email", "password"}:
        _prove_current(database, passwords, email, proof, now)
    if "password" in changes:
        stored["password_hash"] = passwords.hash(changes["password"])

    def change(session: Session) -> Account:
        user = own_user(session, actor, lock=True)
        matches(user.version)
        refuse_taken(
            session,
            email=changes.get("email"),
            username=stored.get("username"),
            phone=stored.get("phone"),
            owner=user.id,
        )
        for name, value in stored.items():
            setattr(user, name, value)
        if changes.keys() & {"email", "password"}:
            # Links that went to an old address, or were asked for before, are good no more.
            void_links(session, user.id)
        told: dict[str, Any] = {"fields": sorted(changes)}
        if "password" in changes:
            told["sessions_ended"] = store.revoke_sessions(session, user.id, now)
        note(session, "account.changed", subject(user.id), told)
        session.flush()
        return account_of(user)

    return write(database, change)


def stored_form(changes: ProfileChanges) -> dict[str, str | None]:
    """The columns that the changes fill, without the password's; refuses a detail that is not of its form."""
    stored: dict[str, str | None] = {}
    if "forename" in changes:
        registration.check_name("forename", changes["forename"])
        stored["forename"] = changes["forename"]
    if "surname" in changes:
        registration.check_name("surname", changes["surname"])
        stored["surname"] = changes["surname"]
    if "email" in changes:
        registration.check_email(changes["email"])
        stored["email"] = changes["email"]
        stored["email_key"] = rules.email_key(changes["email"])
    if "username" in changes:
        stored["username"] = registration.check_username(changes["username"])
    if "phone" in changes:
        stored["phone"] = registration.check_phone(changes["phone"])
    if "password" in changes:
        registration.check_password(changes["password"])
    return stored


def _prove_current(database: Database, passwords: Passwords, email: str, proof: Attempt | None, now: datetime) -> None:
    if proof is None:
        raise InvalidInput("A new address or password needs the current password.", field="current_password")
    try:
        prove(database, passwords, email, proof, now, opens=False)
    except Unauthenticated as error:
        raise InvalidInput("The current password is another one.", field="current_password") from error
