"""Accounts as the actions hand them out, and how changes to them are written."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, object_session

from authentication_service import rules, store
from shared.auth import Identity
from shared.database import Database, lost_a_race
from shared.errors import Conflict, Forbidden, Unauthenticated, Unavailable
from shared.schema.accounts import User
from shared.sentences import say
from shared.terms import Approval, Role

T = TypeVar("T")

# Refuses the version that it is given unless the caller has read just that one.
Matches = Callable[[int], None]

# A transaction that loses against another one three times meets something else than chance.
_ATTEMPTS = 3


@dataclass(frozen=True)
class Account:
    """A live account without its password hash, which leaves the store only to be compared."""

    id: int
    email: str
    jmbg: str
    forename: str
    surname: str
    username: str | None
    phone: str | None
    roles: list[Role]
    stations: list[int]
    participant: int | None
    approval: Approval
    created_at: datetime
    has_second_factor: bool
    version: int


def account_of(user: User) -> Account:
    """The account that a live user's row describes."""
    session = object_session(user)
    if session is None or user.email is None:
        raise ValueError("An account is handed out inside its transaction, and a deleted one not at all.")
    return Account(
        id=user.id,
        email=user.email,
        jmbg=store.national_id_of(session, user),
        forename=user.forename,
        surname=user.surname,
        username=user.username,
        phone=user.phone,
        roles=sorted(Role(row.role) for row in user.roles),
        stations=sorted(row.station_id for row in user.stations),
        participant=user.participant_id,
        approval=Approval(user.approval),
        created_at=user.created_at,
        has_second_factor=user.second_factor is not None,
        version=user.version,
    )


def subject(user_id: int) -> str:
    """How the journal names an account: by its number, which says nothing about the person."""
    return f"account {user_id}"


def write(database: Database, work: Callable[[Session], T]) -> T:
    """Do ``work`` in one transaction, and again when another one was faster.

    Two registrations of one address can both find it free. The unique constraint then refuses the second, and the
    repeat finds the first one's row and gives the reason in words.
    """
    for _ in range(_ATTEMPTS):
        try:
            with database.writing() as session:
                result = work(session)
                # A constraint has to be met inside this block, not while its end commits.
                session.flush()
                return result
        except IntegrityError:
            continue
        except Unavailable as error:
            if error.__cause__ is None or not lost_a_race(error.__cause__):
                raise
    raise Unavailable("Too many changes to the same accounts at this moment; nothing was stored.")


def is_ready(database: Database) -> bool:
    """Whether the store answers and has the tables and columns of this program."""
    try:
        with database.reading() as session:
            store.touch_every_table(session)
    except (Unavailable, DBAPIError):
        return False
    return True


def own_user(session: Session, actor: Identity, *, lock: bool = False) -> User:
    """The account that a token speaks for.

    Address and national id must both still be its own: the address of a deleted account may meanwhile be another
    person's, and the deleted one's last access token must not open it.
    """
    user = store.user_by_name(session, rules.LoginName.EMAIL, rules.email_key(actor.email), lock=lock)
    if user is None or user.jmbg_key != store.national_ids(session).key_of(actor.jmbg):
        raise Unauthenticated("The account of this token does not exist any more; log in again.")
    if user.approval != Approval.APPROVED:
        raise Forbidden("This account may not act at the moment.")
    return user


def require_administrator(session: Session, actor: Identity) -> None:
    """Refuse who was an administrator when the token was made, and is not one any more."""
    if not any(row.role == Role.ADMINISTRATOR for row in own_user(session, actor).roles):
        raise Forbidden("This account is not an administrator any more.")


def refuse_taken(
    session: Session,
    *,
    email: str | None = None,
    jmbg: str | None = None,
    username: str | None = None,
    phone: str | None = None,
    owner: int | None = None,
) -> None:
    """Refuse what another account than ``owner`` already has, in the order and the words of the classic contract."""
    if email is not None:
        by_email = store.user_by_name(session, rules.LoginName.EMAIL, rules.email_key(email))
        _refuse_other(by_email, owner, "email", say("Email already exists."))
    if jmbg is not None:
        _refuse_other(store.user_by_jmbg(session, jmbg), owner, "jmbg", say("JMBG already exists."))
    if username is not None:
        by_username = store.user_by_name(session, rules.LoginName.USERNAME, username)
        _refuse_other(by_username, owner, "username", say("Username already exists."))
    if phone is not None:
        by_phone = store.user_by_name(session, rules.LoginName.PHONE, phone)
        _refuse_other(by_phone, owner, "phone", say("Phone number already exists."))


def _refuse_other(found: User | None, owner: int | None, field: str, message: str) -> None:
    if found is not None and found.id != owner:
        raise Conflict(message, field=field)
