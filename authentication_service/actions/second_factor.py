"""The second factor of an account: set up, asked for when somebody logs in, renewed, turned off, and taken away.

A code counts as used in the transaction that it is used for, by one conditional change of a row: of two devices that
send one code at the same instant, one gets what it asked for.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from authentication_service import store
from authentication_service.actions.accounts import own_user, require_administrator, subject, write
from authentication_service.actions.attempts import Attempt, Caller, count_failure, keys_of_failure, prove
from authentication_service.actions.sessions import Opened, open_session, require_approval
from authentication_service.passwords import Passwords
from authentication_service.rules import second_factor as rules
from authentication_service.rules.limits import Limits
from authentication_service.second_factors import Challenge, Offer, SecondFactors, matching_step
from authentication_service.store import second_factors as factors_store
from shared.auth import Identity
from shared.database import Database
from shared.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from shared.journal.store import note
from shared.schema.accounts import User
from shared.sentences import say

WRONG_CODE = say("This code is wrong, or was used before. Wait for the next one that your device shows.")
OUT_OF_DATE = say("This log-in took too long, or the account has changed meanwhile. Begin again with the password.")
_OFFER_IS_OVER = say("This secret is of no use any more. Begin again, and take the new one into your device.")
_OTHER_DEVICE = say("This is not the code that belongs to this secret. Wait for the next one that your device shows.")
_HAS_ONE = say("This account has a second factor already. Turn that off before you set up another one.")
_HAS_NONE = say("This account has no second factor.")


T = TypeVar("T")


class _WrongCode(Exception):
    """A code that cannot be used; the transaction in which it was tried leaves nothing."""


@dataclass(frozen=True)
class Standing:
    """An account's second factor as its owner sees it; ``is_demanded`` by one of the account's roles."""

    set_up_at: datetime | None
    recovery_codes_left: int
    is_demanded: bool


@dataclass(frozen=True)
class Offered:
    """A code that somebody offers who is logged in, with the password."""

    code: str
    attempt: Attempt


def standing(database: Database, factors: SecondFactors, actor: Identity) -> Standing:
    """How the own account stands."""
    with database.reading() as session:
        user = own_user(session, actor)
        return Standing(
            set_up_at=user.second_factor.set_up_at if user.second_factor else None,
            recovery_codes_left=factors_store.recovery_codes_left(session, user.id),
            is_demanded=_is_demanded(user, factors),
        )


def offer(
    database: Database, passwords: Passwords, factors: SecondFactors, actor: Identity, attempt: Attempt, now: datetime
) -> Offer:
    """A new secret for the own account, which needs the password: a session alone could be a stolen one."""
    with database.reading() as session:
        user = own_user(session, actor)
        if user.second_factor is not None:
            raise Conflict(_HAS_ONE)
        user_id, email = user.id, user.email or ""
    _prove_password(database, passwords, email, attempt, now)
    return factors.offer(user_id, email, now)


def offered_again(
    database: Database, factors: SecondFactors, actor: Identity, carried: str, now: datetime
) -> Offer | None:
    """The offer of which the code was wrong; None when it is over."""
    with database.reading() as session:
        user = own_user(session, actor)
        return factors.offered_again(carried, user.id, user.email or "", now)


def confirm(
    database: Database, factors: SecondFactors, actor: Identity, carried: str, code: str, now: datetime
) -> list[str]:
    """Set up the second factor whose secret was offered, with a code made from it; the recovery codes.

    All other sessions end: they were opened without it.
    """

    def set_up(session: Session) -> list[str]:
        user = own_user(session, actor, lock=True)
        return _set_up(session, user, factors, carried, code, now, keep=actor.session)

    return write(database, set_up)


def renew_recovery_codes(
    database: Database, passwords: Passwords, factors: SecondFactors, actor: Identity, offered: Offered, now: datetime
) -> list[str]:
    """New recovery codes in the place of all earlier ones; needs the password and a code."""

    def renew(session: Session, user: User) -> list[str]:
        codes = _new_recovery_codes(session, user.id)
        note(session, "second_factor.codes_renewed", subject(user.id))
        return codes

    return _with_both(database, passwords, factors, actor, offered, now, renew)


def turn_off(
    database: Database, passwords: Passwords, factors: SecondFactors, actor: Identity, offered: Offered, now: datetime
) -> None:
    """Turn the own second factor off; needs the password and a code, and no role may demand one."""

    def remove(session: Session, user: User) -> None:
        if _is_demanded(user, factors):
            raise Conflict("A role of this account needs a second factor, so it cannot be turned off.")
        factors_store.remove(session, user.id)
        _count_change(user)
        note(session, "second_factor.removed", subject(user.id))

    _with_both(database, passwords, factors, actor, offered, now, remove)


def take_away(database: Database, actor: Identity, user_id: int, now: datetime) -> None:
    """Take the second factor of another account away, whose device is lost; its sessions end.

    The own one needs password and code: else whoever has stolen an administrator's session could do without.
    """

    def remove(session: Session) -> None:
        require_administrator(session, actor)
        user = store.user_by_id(session, user_id, lock=True)
        if user is None:
            raise NotFound("There is no account with this number.")
        if user.id == own_user(session, actor).id:
            raise Conflict("You turn your own second factor off on the page of your account, with a code.")
        if not factors_store.remove(session, user.id):
            raise Conflict(_HAS_NONE)
        _count_change(user)
        ended = store.revoke_sessions(session, user.id, now)
        note(session, "second_factor.removed", subject(user.id), {"sessions_ended": ended})

    write(database, remove)


def finish_log_in(
    database: Database,
    factors: SecondFactors,
    challenge: str,
    code: str,
    caller: Caller,
    limits: Limits,
    now: datetime,
    *,
    rotates: bool,
) -> Opened:
    """Open the session for which a password was proved, with a code of the device or a recovery code.

    Raises ``Unauthenticated`` for a wrong code or when the challenge is over, and ``TooManyAttempts`` after too many
    wrong codes, which count like wrong passwords.
    """
    asked = _read(factors, challenge, now)
    with database.reading() as session:
        user = _still(session, asked)
        keys = keys_of_failure(session, user.id, user.email_key or "", caller, limits, now)

    def finish(session: Session) -> Opened:
        user = _still(session, asked)
        told = _use(session, user.id, factors, code, now)
        return open_session(session, user, caller, now, rotates=rotates, told=told)

    try:
        return write(database, finish)
    except _WrongCode:
        about = subject(asked.user_id)
        count_failure(database, keys, limits, now, about=about, reason=WRONG_CODE, opens=True)
        raise Unauthenticated(WRONG_CODE) from None


def offer_at_log_in(
    database: Database, factors: SecondFactors, challenge: str, now: datetime, *, carried: str = ""
) -> Offer:
    """A new secret for whoever may log in only to set a second factor up; that of ``carried`` again, if it is good."""
    asked = _read(factors, challenge, now)
    with database.reading() as session:
        user = _still(session, asked)
        if user.second_factor is not None:
            raise Unauthenticated(OUT_OF_DATE)
        email = user.email or ""
    again = factors.offered_again(carried, asked.user_id, email, now) if carried else None
    return again or factors.offer(asked.user_id, email, now)


def confirm_at_log_in(
    database: Database,
    factors: SecondFactors,
    challenge: str,
    carried: str,
    code: str,
    caller: Caller,
    now: datetime,
    *,
    rotates: bool,
) -> tuple[Opened, list[str]]:
    """Set up a second factor that a role demands, and open the session; the recovery codes beside it."""
    asked = _read(factors, challenge, now)

    def set_up(session: Session) -> tuple[Opened, list[str]]:
        user = store.user_by_id(session, asked.user_id, lock=True)
        if user is None or not asked.is_about(user.password_hash):
            raise Unauthenticated(OUT_OF_DATE)
        require_approval(user)
        codes = _set_up(session, user, factors, carried, code, now, keep=None)
        return open_session(session, user, caller, now, rotates=rotates), codes

    return write(database, set_up)


def _read(factors: SecondFactors, challenge: str, now: datetime) -> Challenge:
    asked = factors.read_challenge(challenge, now)
    if asked is None:
        raise Unauthenticated(OUT_OF_DATE)
    return asked


def _still(session: Session, asked: Challenge) -> User:
    """The account whose password was proved, if it is still that."""
    user = store.user_by_id(session, asked.user_id)
    if user is None or not asked.is_about(user.password_hash):
        raise Unauthenticated(OUT_OF_DATE)
    require_approval(user)
    return user


def _set_up(
    session: Session, user: User, factors: SecondFactors, carried: str, code: str, now: datetime, *, keep: str | None
) -> list[str]:
    if user.second_factor is not None:
        raise Conflict(_HAS_ONE)
    secret = factors.read_offer(carried, user.id, now)
    if secret is None:
        raise Conflict(_OFFER_IS_OVER)
    digits = rules.device_code(code)
    step = matching_step(secret, digits, now) if digits else None
    if step is None:
        raise InvalidInput(_OTHER_DEVICE, field="code")
    factors_store.add(session, user.id, factors.close(user.id, secret), step, now)
    codes = _new_recovery_codes(session, user.id)
    _count_change(user)
    ended = store.revoke_sessions(session, user.id, now, keep=keep)
    note(session, "second_factor.set_up", subject(user.id), {"sessions_ended": ended}, actor=user.email)
    return codes


def _with_both(
    database: Database,
    passwords: Passwords,
    factors: SecondFactors,
    actor: Identity,
    offered: Offered,
    now: datetime,
    work: Callable[[Session, User], T],
) -> T:
    """Do ``work`` for whoever has proved the password and a code, both in the session of ``actor``."""
    with database.reading() as session:
        user = own_user(session, actor)
        if user.second_factor is None:
            raise Conflict(_HAS_NONE)
        user_id, email, key = user.id, user.email or "", user.email_key or ""
    _prove_password(database, passwords, email, offered.attempt, now)
    with database.reading() as session:
        keys = keys_of_failure(session, user_id, key, offered.attempt.caller, offered.attempt.limits, now)

    def proved(session: Session) -> T:
        user = own_user(session, actor, lock=True)
        _use(session, user.id, factors, offered.code, now)
        return work(session, user)

    try:
        return write(database, proved)
    except _WrongCode:
        most, about = offered.attempt.limits, subject(user_id)
        count_failure(database, keys, most, now, about=about, reason=WRONG_CODE, opens=False)
        raise InvalidInput(WRONG_CODE, field="code") from None


def _prove_password(database: Database, passwords: Passwords, email: str, attempt: Attempt, now: datetime) -> None:
    try:
        prove(database, passwords, email, attempt, now, opens=False)
    except Unauthenticated as error:
        raise InvalidInput("The current password is another one.", field="password") from error


def _use(session: Session, user_id: int, factors: SecondFactors, code: str, now: datetime) -> dict[str, Any]:
    """Use a code up, and tell what the journal adds about it; raises ``_WrongCode`` when it cannot be used."""
    sealed = factors_store.secret_of(session, user_id)
    if sealed is None:
        raise _WrongCode
    if (digits := rules.device_code(code)) is not None:
        step = factors.matching_step(user_id, sealed, digits, now)
        if step is None or not factors_store.use_step(session, user_id, sealed, step):
            raise _WrongCode
        return {"second_factor": "device"}
    is_one = rules.recovery_code(code) is not None
    if not is_one or not factors_store.use_recovery_code(session, user_id, rules.recovery_digest(user_id, code)):
        raise _WrongCode
    return {"second_factor": "recovery code", "left": factors_store.recovery_codes_left(session, user_id)}


def _new_recovery_codes(session: Session, user_id: int) -> list[str]:
    codes = [rules.new_recovery_code(secrets.token_bytes(rules.RECOVERY_BYTES)) for _ in range(rules.RECOVERY_CODES)]
    factors_store.replace_recovery_codes(session, user_id, [rules.recovery_digest(user_id, code) for code in codes])
    return codes


def _is_demanded(user: User, factors: SecondFactors) -> bool:
    return rules.must_have_one([row.role for row in user.roles], factors.demanding)


def _count_change(user: User) -> None:
    # It stands in a table of its own; the account's version has to count its change all the same.
    flag_modified(user, "approval")
