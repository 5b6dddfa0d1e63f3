"""A forgotten password is set anew by a link that is sent to the account's address, good once and for half an hour.

Whether somebody has the name that a link is asked for changes neither the answer nor the work: for a name that nobody
has, a link of nobody and a mail to nobody are stored, which nobody can use and nothing sends.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from authentication_service import rules
from authentication_service import store as accounts
from authentication_service.actions import outbox
from authentication_service.actions.accounts import subject, write
from authentication_service.actions.attempts import Caller, admit_reset, forget_failures
from authentication_service.actions.outbox import Letter
from authentication_service.actions.registration import check_password
from authentication_service.passwords import Passwords
from authentication_service.rules.limits import Limits
from authentication_service.rules.mails import INVITATION_IS_GOOD, LINK_IS_GOOD, NOTICE_IS_GOOD
from authentication_service.store import password_resets as store
from shared.database import Database
from shared.errors import InvalidInput
from shared.journal.store import note
from shared.sealing import Seal
from shared.sentences import say

LINK_IS_NO_GOOD = say("This link is good no more: it was used, a newer password was set, or its time has passed.")


def ask(
    database: Database,
    seal: Seal,
    name: str,
    write_letter: Callable[[str], Letter],
    *,
    caller: Caller,
    limits: Limits,
    now: datetime,
) -> None:
    """Send a link to the address of the account with this email, username or phone number, if there is one.

    ``write_letter`` is given the link's token. Raises ``TooManyAttempts`` when this caller has asked too often, or
    anybody for this name, whether or not somebody has it. Links that were sent before stay good until one is used.
    """
    kind, key = rules.login_name(name) or (rules.LoginName.EMAIL, "")
    admit_reset(database, key or name.lower(), caller, limits, now)
    token = secrets.token_urlsafe(32)
    letter = write_letter(token)

    def keep(session: Session) -> None:
        store.delete_old_links(session, now)
        found = store.address_of(session, kind, key)
        user_id, address = found or (None, "")
        good_until = now + LINK_IS_GOOD
        store.add_link(session, _hash(token), user_id, good_until)
        outbox.put(session, seal, user_id, address, letter, good_until, now)
        # Nobody knows who has asked, and of what nobody is called the journal says nothing.
        note(session, "account.reset_asked", subject(user_id) if user_id else "", actor="")

    write(database, keep)


def invite(
    session: Session, seal: Seal, user_id: int, address: str, write_letter: Callable[[str], Letter], now: datetime
) -> None:
    """Send the owner of an account that somebody else has made, in its transaction, a link to choose a password."""
    token, good_until = secrets.token_urlsafe(32), now + INVITATION_IS_GOOD
    store.add_link(session, _hash(token), user_id, good_until)
    outbox.put(session, seal, user_id, address, write_letter(token), good_until, now)


def is_good(database: Database, token: str, now: datetime) -> bool:
    """Whether a link with this token may set a password."""
    with database.reading() as session:
        return store.owner_of_link(session, _hash(token), now) is not None


def set_password(
    database: Database,
    passwords: Passwords,
    seal: Seal,
    token: str,
    password: str,
    letter: Letter | None,
    *,
    caller: Caller,
    now: datetime,
) -> None:
    """Set another password with a link, which uses it up; all other links and sessions of the account end with it.

    ``letter`` then tells the account's address. Raises ``InvalidInput`` for a password that is too simple and for a
    link that is good no more.
    """
    check_password(password)
    # Asked before the hash is computed, which costs something, and again below, where it counts.
    if not is_good(database, token, now):
        raise InvalidInput(LINK_IS_NO_GOOD, field="token")
    password_hash = passwords.hash(password)

    def change(session: Session) -> None:
        owner = store.owner_of_link(session, _hash(token), now)
        # Two links of one account wait for each other here.
        user = accounts.user_by_id(session, owner, lock=True) if owner is not None else None
        if user is None or not store.use_link(session, _hash(token), now):
            raise InvalidInput(LINK_IS_NO_GOOD, field="token")
        user.password_hash = password_hash
        store.void_links(session, user.id)
        ended = accounts.revoke_sessions(session, user.id, now)
        forget_failures(session, user, caller)
        if letter is not None and user.email is not None:
            outbox.put(session, seal, user.id, user.email, letter, now + NOTICE_IS_GOOD, now)
        note(session, "account.password_reset", subject(user.id), {"sessions_ended": ended}, actor=user.email)

    write(database, change)


def _hash(token: str) -> bytes:
    # The token is 256 random bits, which nobody guesses; a slow hash would add nothing.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
