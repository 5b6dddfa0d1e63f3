"""What both kinds of routes share: the parts of the running service, and the tokens that it signs."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request
from flask_jwt_extended import create_access_token, create_refresh_token

from authentication_service.actions.accounts import Account
from authentication_service.actions.attempts import Attempt, Caller
from authentication_service.actions.sessions import Halfway, Opened, log_in
from authentication_service.passwords import Passwords
from authentication_service.rules.limits import Limits, place
from authentication_service.second_factors import SecondFactors
from shared.auth import ACCOUNT_CLAIM, PARTICIPANT_CLAIM, STATIONS_CLAIM, identity
from shared.config import AuthenticationSettings
from shared.database import Database
from shared.terms import Role
from shared.web.cookies import CSRF_CLAIM
from shared.web.extensions import extension

EXTENSION = "authentication"


@dataclass(frozen=True)
class Parts:
    """What the running service is made of."""

    settings: AuthenticationSettings
    database: Database
    passwords: Passwords
    second_factors: SecondFactors


def parts() -> Parts:
    """The parts of the service that answers this request."""
    return extension(EXTENSION, Parts)


def now() -> datetime:
    """The moment of this request."""
    return datetime.now(UTC)


def caller() -> Caller:
    """Who sends this request."""
    program = "".join(character for character in request.user_agent.string if character.isprintable())
    return Caller(place(request.remote_addr or ""), program[:256])


def limits() -> Limits:
    """How often callers may fail and register."""
    settings = parts().settings
    return Limits(
        of_name_from_address=settings.login_failures,
        of_name=settings.login_failures_per_account,
        from_address=settings.login_failures_per_address,
        first_delay=timedelta(seconds=settings.login_delay_seconds),
        longest_delay=timedelta(seconds=settings.login_longest_delay_seconds),
        registrations=settings.registrations_per_hour,
        resets=settings.password_resets_per_hour,
        resets_of_name=settings.password_resets_per_name,
        shared_addresses=tuple(settings.shared_addresses),
    )


def attempt(password: str) -> Attempt:
    """This request's caller offering a password."""
    return Attempt(password, caller(), limits())


def begin_session(name: str, password: str, *, rotates: bool) -> Opened | Halfway:
    """Log this request's caller in, as far as a password does; ``rotates``: each refresh token is good once."""
    service = parts()
    demanding = service.second_factors.demanding
    return log_in(
        service.database, service.passwords, name, attempt(password), now(), demanding=demanding, rotates=rotates
    )


def challenge(halfway: Halfway) -> str:
    """What this request's caller brings back with a code."""
    proven = halfway.proven
    return parts().second_factors.challenge(proven.user_id, proven.password_hash, now(), sets_up=halfway.sets_up)


def presented() -> tuple[str, str]:
    """The session that this request's refresh token belongs to, and the token's own id."""
    who = identity()
    # The tokens of the first version named no session: they were the only ones of theirs.
    return who.session or who.token, who.token


def access_token(account: Account, session_id: str) -> str:
    """A token that lets an account act for an hour."""
    return str(create_access_token(account.email, additional_claims={**_claims(account), "sid": session_id}))


def page_token(account: Account, session_id: str, form_value: str = "") -> str:
    """The same for the cookie of pages, with the value that their forms have to bring back.

    ``form_value`` is that of the token that this one takes the place of, so that forms that are open stay good.
    """
    claims = {**_claims(account), "sid": session_id, CSRF_CLAIM: form_value or secrets.token_urlsafe(32)}
    return str(create_access_token(account.email, additional_claims=claims))


def refresh_token(opened: Opened) -> str:
    """A token that renews a session; good for 30 days, unless it is superseded or the session ends before."""
    claims = {**_claims(opened.account), "sid": opened.session_id, "jti": opened.token}
    return str(create_refresh_token(opened.account.email, additional_claims=claims))


def _claims(account: Account) -> dict[str, Any]:
    # The tokens of whoever belongs to no station, participant or candidacy have the claims of the classic contract and
    # no other.
    more: dict[str, Any] = {STATIONS_CLAIM: account.stations} if account.stations else {}
    if account.participant is not None:
        more[PARTICIPANT_CLAIM] = account.participant
    if Role.CANDIDATE in account.roles:
        more[ACCOUNT_CLAIM] = account.id
    return {
        **more,
        "email": account.email,
        "jmbg": account.jmbg,
        "forename": account.forename,
        "surname": account.surname,
        "roles": [role.value for role in account.roles],
    }
