"""The /api routes of sessions: logging in, refreshing, logging out, and the own sessions."""

from datetime import datetime
from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from authentication_service import signing
from authentication_service.actions import sessions as actions
from authentication_service.second_factors import CODE_TIME, SET_UP_TIME
from authentication_service.signing import parts
from shared.auth import ACCESS_SECONDS, identity, public, requires, requires_refresh
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict

sessions = APIBlueprint("sessions", __name__, tag="Sessions", url_prefix="/api")


class CredentialsIn(Strict):
    """Who logs in."""

    model_config = ConfigDict(str_strip_whitespace=False)

    login: str = Field(max_length=256, description="Email, username or phone number.")
    password: str = Field(max_length=256)


class TokensOut(BaseModel):
    """The tokens of a session."""

    access_token: str
    refresh_token: str = Field(
        description="For POST /api/refresh, once, and POST /api/logout; good until the session ends, 30 days after the "
        "log-in."
    )
    expires_in: int = Field(description="Seconds for which the access token is good.")


class SessionOut(BaseModel):
    """A session of the own account."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    created_at: datetime = Field(description="When it was opened, UTC.")
    used_at: datetime = Field(description="When it was last refreshed, or opened, UTC.")
    expires_at: datetime = Field(description="UTC.")
    address: str | None = Field(description="Where it was opened: an IPv4 address, or the network of an IPv6 address.")
    program: str | None = Field(description="As which program the caller described itself.")
    current: bool = Field(description="Whether it is the one whose access token asks.")


class SessionsPage(Page[SessionOut]):
    """One page of sessions, the newest first."""


class ChallengeOut(BaseModel):
    """What is missing after the password."""

    second_factor: Literal["code", "set_up"] = Field(
        description="`code`: go on at POST /api/login/code. `set_up`: the account has no second factor, and one of its "
        "roles demands one; go on at POST /api/login/second-factor."
    )
    challenge: str = Field(description="To be sent with the next request; nothing in it can be read.")
    expires_in: int = Field(description="Seconds for which it is good.")


_HALFWAY: Any = {
    "description": "The password is right, and a second factor is wanted",
    "content": {"application/json": {"schema": ChallengeOut.model_json_schema()}},
}


@sessions.post("/login")
@public
@journaled("session.opened", "session")
@sessions.input(CredentialsIn)
@sessions.output(TokensOut)
@sessions.doc(
    summary="Log in with email, username or phone number",
    responses={
        202: _HALFWAY,
        401: "No such account, or another password",
        403: "The account is not approved",
        429: "Too many failed log-ins; Retry-After says when the next one may be tried",
    },
)
def login(json_data: CredentialsIn) -> dict[str, Any] | Response:
    begun = signing.begin_session(json_data.login, json_data.password, rotates=True)
    if isinstance(begun, actions.Opened):
        return tokens(begun)
    lasts = SET_UP_TIME if begun.sets_up else CODE_TIME
    missing = ChallengeOut(
        second_factor="set_up" if begun.sets_up else "code",
        challenge=signing.challenge(begun),
        expires_in=int(lasts.total_seconds()),
    )
    response = jsonify(missing.model_dump())
    response.status_code = 202
    return response


@sessions.post("/refresh")
@requires_refresh
@journaled("session.refreshed", "session")
@sessions.output(TokensOut)
@sessions.doc(
    summary="Get a new access token, which names the account's roles of today",
    description="Gives a new refresh token too, in the place of the one that was sent. Whoever sends a superseded one "
    "again ends the session, for one of the two who have it has stolen it.",
)
def refresh() -> dict[str, Any]:
    service = parts()
    demanding = service.second_factors.demanding
    return tokens(actions.rotate(service.database, *signing.presented(), signing.now(), demanding))


@sessions.post("/logout")
@requires_refresh
@journaled("session.ended", "session")
@sessions.output({}, status_code=204)
@sessions.doc(
    summary="End the session of a refresh token",
    description="Access tokens that it gave stay good until they expire, an hour at most.",
)
def logout() -> str:
    session_id, _ = signing.presented()
    actions.log_out(parts().database, session_id, signing.now())
    return ""


@sessions.get("/sessions")
@requires()
@sessions.input(PageQuery, location="query")
@sessions.output(SessionsPage)
@sessions.doc(summary="The own sessions that still refresh", description="When and where from each was opened.")
def list_sessions(query_data: PageQuery) -> dict[str, Any]:
    return actions.own_sessions(parts().database, identity(), query_data, signing.now())


@sessions.delete("/sessions")
@requires()
@journaled("session.ended", "own sessions")
@sessions.output({}, status_code=204)
@sessions.doc(
    summary="End all own sessions but this one",
    description="Access tokens that they gave stay good until they expire, an hour at most.",
)
def end_other_sessions() -> str:
    actions.end_other_sessions(parts().database, identity(), signing.now())
    return ""


@sessions.delete("/sessions/<string:session_id>")
@requires()
@journaled("session.ended", "own session")
@sessions.output({}, status_code=204)
@sessions.doc(
    summary="End one of the own sessions",
    description="Access tokens that it gave stay good until they expire, an hour at most.",
    responses={404: "No session of this account that still refreshes"},
)
def end_session(session_id: str) -> str:
    actions.end_session(parts().database, identity(), session_id, signing.now())
    return ""


def tokens(opened: actions.Opened) -> dict[str, Any]:
    """What a new session answers, in the form of ``TokensOut``."""
    return {
        "access_token": signing.access_token(opened.account, opened.session_id),
        "refresh_token": signing.refresh_token(opened),
        "expires_in": ACCESS_SECONDS,
    }
