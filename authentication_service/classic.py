"""The classic routes: the checks, their order and their words are a contract with existing clients.

A present value of another type than text, or one that is too long, fails the check of its field's form. Three refusals
go beyond the contract and come where they overtake none of its own checks of form: ``Invalid forename.`` and ``Invalid
surname.`` after ``Invalid password.``, and ``JMBG already exists.`` last.
"""

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from authentication_service import rules, signing
from authentication_service.actions import administration, registration, sessions
from authentication_service.actions.attempts import WRONG_CREDENTIALS, note_not_opened
from authentication_service.signing import parts
from shared.auth import ClassicUnauthorized, classic_requires, classic_requires_refresh, identity, public
from shared.errors import Forbidden, Unauthenticated
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.problems import ClassicRefusal, classic_body, classic_input, require_fields

classic = APIBlueprint("classic", __name__, tag="Classic")


class ClassicRegistration(BaseModel):
    """A new election official."""

    jmbg: str = Field(description="Unique citizen number, 13 digits.")
    forename: str = Field(max_length=256)
    surname: str = Field(max_length=256)
    email: str = Field(max_length=256)
    password: str = Field(description="8 to 256 characters with a digit, a lower-case and an upper-case letter.")


class ClassicCredentials(BaseModel):
    """Who logs in."""

    email: str
    password: str


class ClassicEmail(BaseModel):
    """Whose account is meant."""

    email: str


class ClassicTokens(BaseModel):
    """The tokens of a new session."""

    accessToken: str = Field(description="Good for an hour.")  # noqa: N815 -- the contract's name.
    refreshToken: str = Field(description="Good for 30 days.")  # noqa: N815


class ClassicAccessToken(BaseModel):
    """A new access token."""

    accessToken: str = Field(description="Good for an hour.")  # noqa: N815


@classic.post("/register")
@public
@journaled("account.registered", "account")
@classic_input(ClassicRegistration)
@classic.doc(
    summary="Register as an election official",
    responses={
        200: "Empty",
        400: "The first check that failed",
        429: "Too many registrations from this address; Retry-After says when the next one may be tried",
    },
)
def register() -> str:
    body = classic_body()
    require_fields(body, "jmbg", "forename", "surname", "email", "password")
    for name, is_well_formed in (
        ("jmbg", rules.is_jmbg),
        ("email", rules.is_email),
        ("password", rules.is_password),
        ("forename", rules.is_name),
        ("surname", rules.is_name),
    ):
        if not is_well_formed(body[name]):
            raise ClassicRefusal(f"Invalid {name}.")
    new = registration.NewAccount(
        jmbg=body["jmbg"],
        forename=body["forename"],
        surname=body["surname"],
        email=body["email"],
        password=body["password"],
        role=Role.OFFICIAL,
    )
    service = parts()
    registration.register(
        service.database,
        service.passwords,
        new,
        registration=service.settings.registration,
        caller=signing.caller(),
        limits=signing.limits(),
        now=signing.now(),
    )
    return ""


@classic.post("/login")
@public
@journaled("session.opened", "session")
@classic_input(ClassicCredentials)
@classic.output(ClassicTokens)
@classic.doc(
    summary="Log in",
    description="An account with a second factor, or with a role that demands one, logs in at `POST /api/login` only.",
    responses={
        400: "The first check that failed",
        429: "Too many failed log-ins; Retry-After says when the next one may be tried",
    },
)
def login() -> dict[str, str]:
    body = classic_body()
    require_fields(body, "email", "password")
    email = _email(body)
    # Any value may be sent as a password, but only a text can be the right one; no account's password is empty.
    password = body["password"] if isinstance(body["password"], str) else ""
    try:
        opened = signing.begin_session(email, password, rotates=False)
    except (Unauthenticated, Forbidden) as error:
        raise ClassicRefusal(error.message) from error
    if isinstance(opened, sessions.Halfway):
        # The contract has no place for a code, and no other words for somebody who is not let in.
        proven, told = opened.proven, "A second factor is needed, which the classic API cannot ask for."
        note_not_opened(parts().database, proven.user_id, signing.attempt(password), told, signing.now())
        raise ClassicRefusal(WRONG_CREDENTIALS)
    access = signing.access_token(opened.account, opened.session_id)
    return {"accessToken": access, "refreshToken": signing.refresh_token(opened)}


@classic.post("/refresh")
@classic_requires_refresh
@journaled("session.refreshed", "session")
@classic.output(ClassicAccessToken)
@classic.doc(
    summary="Get a new access token",
    description="Takes refresh tokens of `POST /login` only, which stay good. Those of `POST /api/login` are good once,"
    " on `POST /api/refresh`.",
    responses={401: "The token or its account is of no use any more"},
)
def refresh() -> dict[str, str]:
    session_id, token = signing.presented()
    service = parts()
    account = sessions.renew(service.database, session_id, token, signing.now(), service.second_factors.demanding)
    return {"accessToken": signing.access_token(account, session_id)}


@classic.post("/delete")
@classic_requires(Role.ADMINISTRATOR)
@journaled("account.deleted", "account")
@classic_input(ClassicEmail)
@classic.doc(summary="Delete an account", responses={200: "Empty", 400: "The first check that failed"})
def delete() -> str:
    body = classic_body()
    require_fields(body, "email")
    try:
        administration.delete_account_of(parts().database, identity(), _email(body), now=signing.now())
    except (Unauthenticated, Forbidden) as error:
        # The contract answers who is not an administrator any more as who never was one.
        raise ClassicUnauthorized from error
    return ""


def _email(body: dict[str, Any]) -> str:
    email = body["email"]
    if not isinstance(email, str) or not rules.is_email(email):
        raise ClassicRefusal("Invalid email.")
    return email
