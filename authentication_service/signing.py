"""What both kinds of routes share: the parts of the running service, and the tokens that it signs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app, request
from flask_jwt_extended import create_access_token, create_refresh_token, get_jwt

from authentication_service.actions.accounts import Account
from authentication_service.actions.sessions import Attempt, LoggedIn, log_in
from authentication_service.passwords import Passwords
from shared.config import AuthenticationSettings
from shared.database import Database

EXTENSION = "authentication"


@dataclass(frozen=True)
class Parts:
    """What the running service is made of."""

    settings: AuthenticationSettings
    database: Database
    passwords: Passwords


def parts() -> Parts:
    """The parts of the service that answers this request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Parts)  # noqa: S101 -- create_app has put it there.
    return found


def now() -> datetime:
    """The moment of this request."""
    return datetime.now(UTC)


def attempt(password: str) -> Attempt:
    """This request's caller offering a password."""
    return Attempt(password, request.remote_addr or "", parts().settings.failed_logins_per_minute)


def open_session(name: str, password: str) -> LoggedIn:
    """Log this request's caller in."""
    service = parts()
    return log_in(service.database, service.passwords, name, attempt(password), now())


def session_id() -> str:
    """The id of the session that this request's refresh token belongs to."""
    return str(get_jwt().get("jti"))


def access_token(account: Account) -> str:
    """A token that lets an account act for an hour."""
    return str(create_access_token(account.email, additional_claims=_claims(account)))


def refresh_token(opened: LoggedIn) -> str:
    """The token of a session, good for 30 days or until the session is revoked."""
    claims = {**_claims(opened.account), "jti": opened.session_id}
    return str(create_refresh_token(opened.account.email, additional_claims=claims))


def _claims(account: Account) -> dict[str, Any]:
    return {
        "email": account.email,
        "jmbg": account.jmbg,
        "forename": account.forename,
        "surname": account.surname,
        "roles": [role.value for role in account.roles],
    }
