"""Sessions: opened by a log-in, renewed by refresh tokens, and ended.

Of a session that is renewed on the ``/api`` route one refresh token at a time is good. Whoever comes with an earlier
one has stolen it, or somebody else has stolen a later one: nobody can tell which, so the session ends for both.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from authentication_service import store
from authentication_service.actions.accounts import Account, account_of, own_user, subject, write
from authentication_service.actions.attempts import (
    WRONG_CREDENTIALS,
    Attempt,
    Caller,
    Proven,
    forget_failures,
    note_not_opened,
    prove,
)
from authentication_service.passwords import Passwords
from authentication_service.rules.second_factor import must_have_one
from shared.auth import REFRESH_SECONDS, Identity
from shared.database import Database
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.journal import events
from shared.journal.store import note
from shared.schema.accounts import RefreshSession, User
from shared.sentences import say
from shared.terms import Approval, Outcome, Role
from shared.web.requests import PageQuery, paginate

REVOKED = say("Token has been revoked")

log = structlog.get_logger()


@dataclass(frozen=True)
class Opened:
    """An account, its session, and the ``jti`` of the session's refresh token that is good now."""

    account: Account
    session_id: str
    token: str


@dataclass(frozen=True)
class Halfway:
    """A log-in whose password was right, and that opens a session only with a code of the second factor.

    ``sets_up``: there is none yet, though one of the account's roles demands it.
    """

    proven: Proven
    sets_up: bool


@dataclass(frozen=True)
class OwnSession:
    """A session as its owner sees it; ``current`` is the one that asks."""

    id: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    address: str | None
    program: str | None
    current: bool


def log_in(
    database: Database,
    passwords: Passwords,
    name: str,
    attempt: Attempt,
    now: datetime,
    *,
    demanding: Collection[Role],
    rotates: bool,
) -> Opened | Halfway:
    """Open a session for the account with this email, username or phone number, unless it takes a second factor.

    ``demanding``: the roles that have to have one. ``rotates``: each refresh token is good once. Raises as ``prove``
    does, and ``Forbidden`` when only the approval is missing.
    """
    for _ in range(3):
        proven = prove(database, passwords, name, attempt, now, opens=True)
        stale = passwords.is_stale(proven.password_hash)
        renewed = passwords.hash(attempt.password) if stale else None
        begin = partial(
            _begin,
            proven=proven,
            renewed=renewed,
            caller=attempt.caller,
            now=now,
            demanding=demanding,
            rotates=rotates,
        )
        try:
            begun = write(database, begin)
        except Forbidden as error:
            note_not_opened(database, proven.user_id, attempt, error.message, now)
            raise
        if begun is not None:
            return begun
        # The password was changed while the old one was being checked; the new one decides.
    raise Unavailable("The account is being changed at this moment; try again.")


def rotate(database: Database, session_id: str, token: str, now: datetime, demanding: Collection[Role]) -> Opened:
    """Supersede a refresh token; the session of one that was superseded before ends here."""

    def exchange(session: Session) -> Opened | None:
        successor = str(uuid.uuid4())
        is_good = store.supersede(session, session_id, token, successor, now)
        opened, user = _usable(session, session_id, now, demanding)
        if is_good:
            return Opened(account_of(user), session_id, successor)
        _end_for_reuse(session, opened, now)
        return None

    done = write(database, exchange)
    if done is None:
        raise _nobody(REVOKED)
    return done


def renew(database: Database, session_id: str, token: str, now: datetime, demanding: Collection[Role]) -> Account:
    """The account of a classic session, whose refresh token stays good.

    A token that is good once must not become one that is good for thirty days by being sent here: it is refused.
    """

    def note(session: Session) -> Account | None:
        opened, user = _usable(session, session_id, now, demanding)
        if opened.token is None and token == session_id:
            store.use_session(session, session_id, now)
            return account_of(user)
        if opened.token != token:
            _end_for_reuse(session, opened, now)
        return None

    account = write(database, note)
    if account is None:
        raise _nobody(REVOKED)
    return account


def log_out(database: Database, session_id: str, now: datetime) -> None:
    """Let the session refresh nothing any more; logging out twice is no error.

    The journal has nothing of a voter's own log-out: it comes with the signature of the ballot, and its moment and its
    place among the entries could be held against the ballots'.
    """

    def end(session: Session) -> None:
        found = store.session_and_user(session, session_id)
        if store.revoke_session(session, session_id, now) and found is not None:
            opened, user = found
            if not any(row.role == Role.VOTER for row in user.roles):
                _note_end(session, opened)

    write(database, end)


def own_sessions(database: Database, actor: Identity, page: PageQuery, now: datetime) -> dict[str, Any]:
    """One page of the sessions of the own account that still refresh, the newest first."""

    with database.reading() as session:
        found = store.live_sessions(own_user(session, actor).id, now)
        return paginate(session, found, page, partial(described, actor))


def described(actor: Identity, opened: RefreshSession) -> OwnSession:
    """A session as its owner and administrators see it."""
    return OwnSession(
        id=opened.id,
        created_at=opened.created_at,
        used_at=opened.used_at or opened.created_at,
        expires_at=opened.expires_at,
        address=opened.address or None,
        program=opened.program or None,
        current=opened.id == actor.session,
    )


def account_of_session(database: Database, actor: Identity, now: datetime, demanding: Collection[Role]) -> Account:
    """The account that a token speaks for while its session lasts; a session that was ended is refused at once."""
    with database.reading() as session:
        user = own_user(session, actor)
        _, owner = _usable(session, actor.session, now, demanding)
        if owner.id != user.id:
            raise Unauthenticated(REVOKED)
        return account_of(user)


def end_session(database: Database, actor: Identity, session_id: str, now: datetime) -> None:
    """End one of the own sessions."""

    def end(session: Session) -> None:
        owner = own_user(session, actor)
        opened = session.get(RefreshSession, session_id)
        is_own = opened is not None and opened.user_id == owner.id
        if opened is None or not is_own or not store.revoke_session(session, session_id, now):
            raise NotFound("There is no session of yours with this id.")
        _note_end(session, opened)

    write(database, end)


def end_other_sessions(database: Database, actor: Identity, now: datetime) -> None:
    """End all own sessions but the one that asks."""

    def end(session: Session) -> None:
        owner = own_user(session, actor).id
        if ended := store.revoke_sessions(session, owner, now, keep=actor.session):
            note(session, "session.ended", subject(owner), {"others": ended})

    write(database, end)


def _usable(
    session: Session, session_id: str, now: datetime, demanding: Collection[Role]
) -> tuple[RefreshSession, User]:
    found = store.session_and_user(session, session_id)
    if found is None:
        raise _nobody(say("The account of this token does not exist any more."))
    opened, user = found
    if opened.revoked_at is not None or opened.expires_at <= now or user.approval != Approval.APPROVED:
        raise _nobody(REVOKED)
    # The role was granted, or began to demand it, after the session was opened.
    if user.second_factor is None and must_have_one([row.role for row in user.roles], demanding):
        raise _nobody(REVOKED)
    return opened, user


def _end_for_reuse(session: Session, opened: RefreshSession, now: datetime) -> None:
    if store.revoke_session(session, opened.id, now):
        told = {"opened": opened.created_at}
        why = "A superseded refresh token was used, so the session has ended."
        # Whether by the owner or by a thief, nobody can tell.
        note(session, "session.reused", subject(opened.user_id), told, outcome=Outcome.REFUSED, reason=why, actor="")
        log.warning("refresh token used again", account=opened.user_id, session=opened.id)


def _note_end(session: Session, opened: RefreshSession) -> None:
    note(session, "session.ended", subject(opened.user_id), {"opened": opened.created_at})


def _nobody(message: str) -> Unauthenticated:
    """A refusal of a token that speaks for nobody: the journal must not say that its account has tried it."""
    events.act_as("")
    return Unauthenticated(message)


def _begin(
    session: Session,
    proven: Proven,
    renewed: str | None,
    caller: Caller,
    now: datetime,
    demanding: Collection[Role],
    rotates: bool,
) -> Opened | Halfway | None:
    user = store.user_by_id(session, proven.user_id)
    if user is None:
        raise Unauthenticated(WRONG_CREDENTIALS)
    if user.password_hash != proven.password_hash:
        return None
    require_approval(user)
    if renewed is not None:
        store.replace_password_hash(session, proven.user_id, proven.password_hash, renewed)
        proven = Proven(proven.user_id, renewed)
    sets_up = user.second_factor is None
    if not sets_up or must_have_one([row.role for row in user.roles], demanding):
        return Halfway(proven, sets_up)
    return open_session(session, user, caller, now, rotates=rotates)


def require_approval(user: User) -> None:
    """Refuse a session to an account that no administrator has approved."""
    if user.approval == Approval.WAITING:
        raise Forbidden("This account waits for an administrator's approval.")
    if user.approval != Approval.APPROVED:
        raise Forbidden("An administrator has refused this account.")


def open_session(
    session: Session, user: User, caller: Caller, now: datetime, *, rotates: bool, told: dict[str, Any] | None = None
) -> Opened:
    """Open a session for somebody who has proved all that he has to; ``told`` is what the journal adds."""
    store.delete_expired_sessions(session, now)
    forget_failures(session, user, caller)
    opened = RefreshSession(
        id=str(uuid.uuid4()),
        user_id=user.id,
        created_at=now,
        expires_at=now + timedelta(seconds=REFRESH_SECONDS),
        address=caller.place,
        program=caller.program,
    )
    # The first token has the session's own id.
    opened.token = opened.id if rotates else None
    session.add(opened)
    note(session, "session.opened", subject(user.id), told, actor=user.email)
    return Opened(account_of(user), opened.id, opened.id)
