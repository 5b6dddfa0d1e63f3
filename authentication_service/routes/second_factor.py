"""The /api routes of second factors: the second step of a log-in, and the own second factor."""

from datetime import datetime
from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from authentication_service import signing
from authentication_service.actions import second_factor as actions
from authentication_service.routes.sessions import TokensOut, tokens
from authentication_service.second_factors import Offer
from authentication_service.signing import parts
from shared.auth import identity, public, requires
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.requests import Strict

second_factor = APIBlueprint("second_factor", __name__, tag="Second factor", url_prefix="/api")

_LONGEST = 2048
_CODE = "The six digits that the device shows, or a recovery code."
_FROM_SECRET = "The six digits that the device shows for the new secret."
_WAIT = "Too many wrong passwords or codes; Retry-After says when the next one may be tried"


class ChallengeIn(Strict):
    """Whoever has proved the password."""

    challenge: str = Field(max_length=_LONGEST, description="As POST /api/login answered it.")


class CodeIn(ChallengeIn):
    """The second step of a log-in."""

    code: str = Field(max_length=64, description=_CODE)


class SetUpAtLoginIn(ChallengeIn):
    """The second step of a log-in of an account that has to have a second factor and has none."""

    offer: str = Field(max_length=_LONGEST, description="As the secret came with it.")
    code: str = Field(max_length=64, description=_FROM_SECRET)


class PasswordIn(Strict):
    """That it is the owner who asks."""

    model_config = ConfigDict(str_strip_whitespace=False)

    password: str = Field(max_length=256, description="The current one.")


class SetUpIn(Strict):
    """That the device has the secret."""

    offer: str = Field(max_length=_LONGEST, description="As the secret came with it.")
    code: str = Field(max_length=64, description=_FROM_SECRET)


class BothIn(PasswordIn):
    """That it is the owner who asks, with the device or a recovery code."""

    code: str = Field(max_length=64, description=_CODE)


class StandingOut(BaseModel):
    """How the own second factor stands."""

    model_config = ConfigDict(from_attributes=True)

    set_up_at: datetime | None = Field(description="UTC; null where there is none.")
    recovery_codes_left: int
    is_demanded: bool = Field(description="Whether a role of the account demands one, so that it stays.")


class OfferOut(BaseModel):
    """A new secret. It counts from when a code made from it was sent."""

    model_config = ConfigDict(from_attributes=True)

    secret: str = Field(description="20 bytes in base 32, to be typed into the device.")
    uri: str = Field(description="The same as `otpauth` address, for a QR code: SHA-1, six digits, 30 seconds.")
    offer: str = Field(description="To be sent with the code, within 15 minutes; nothing in it can be read.")


class RecoveryCodesOut(BaseModel):
    """The recovery codes, which are told this once."""

    recovery_codes: list[str] = Field(description="Ten; each stands once for a code of the device.")


class TokensAndCodesOut(TokensOut, RecoveryCodesOut):
    """The tokens of a new session, and the recovery codes, which are told this once."""


@second_factor.post("/login/code")
@public
@journaled("session.opened", "session")
@second_factor.input(CodeIn)
@second_factor.output(TokensOut)
@second_factor.doc(
    summary="Log in, second step: send a code",
    description="A code is good once. Wrong ones count like wrong passwords.",
    responses={401: "Another code, or one that was used, or too late", 403: "The account is not approved", 429: _WAIT},
)
def finish_login(json_data: CodeIn) -> dict[str, Any]:
    service = parts()
    opened = actions.finish_log_in(
        service.database,
        service.second_factors,
        json_data.challenge,
        json_data.code,
        signing.caller(),
        signing.limits(),
        signing.now(),
        rotates=True,
    )
    return tokens(opened)


@second_factor.post("/login/second-factor")
@public
@journaled("session.opened", "session")
@second_factor.input(ChallengeIn)
@second_factor.output(OfferOut)
@second_factor.doc(
    summary="Log in, second step: a secret for an account that has to have a second factor and has none",
    responses={401: "Too late, or the account has one", 403: "The account is not approved"},
)
def offer_at_login(json_data: ChallengeIn) -> dict[str, Any]:
    service = parts()
    return _offer(actions.offer_at_log_in(service.database, service.second_factors, json_data.challenge, signing.now()))


@second_factor.post("/login/second-factor/confirmation")
@public
@journaled("second_factor.set_up", "session")
@second_factor.input(SetUpAtLoginIn)
@second_factor.output(TokensAndCodesOut)
@second_factor.doc(
    summary="Log in, third step: set that second factor up",
    responses={
        401: "Too late",
        403: "The account is not approved",
        409: "The account has one already, or the secret is of no use any more",
        422: "Another code than that of the secret",
    },
)
def confirm_at_login(json_data: SetUpAtLoginIn) -> dict[str, Any]:
    service = parts()
    opened, codes = actions.confirm_at_log_in(
        service.database,
        service.second_factors,
        json_data.challenge,
        json_data.offer,
        json_data.code,
        signing.caller(),
        signing.now(),
        rotates=True,
    )
    return {**tokens(opened), "recovery_codes": codes}


@second_factor.get("/second-factor")
@requires()
@second_factor.output(StandingOut)
@second_factor.doc(summary="How the own second factor stands")
def read_standing() -> actions.Standing:
    service = parts()
    return actions.standing(service.database, service.second_factors, identity())


@second_factor.post("/second-factor")
@requires()
@journaled("second_factor.set_up", "own account")
@second_factor.input(PasswordIn)
@second_factor.output(OfferOut)
@second_factor.doc(
    summary="Get a secret for the own second factor",
    responses={409: "The account has one already", 422: "Another password", 429: _WAIT},
)
def offer(json_data: PasswordIn) -> dict[str, Any]:
    service = parts()
    attempt = signing.attempt(json_data.password)
    return _offer(
        actions.offer(service.database, service.passwords, service.second_factors, identity(), attempt, signing.now())
    )


@second_factor.post("/second-factor/confirmation")
@requires()
@journaled("second_factor.set_up", "own account")
@second_factor.input(SetUpIn)
@second_factor.output(RecoveryCodesOut, status_code=201)
@second_factor.doc(
    summary="Set the own second factor up, with a code made from the secret",
    description="All other sessions of the account end.",
    responses={
        409: "The account has one already, or the secret is of no use any more",
        422: "Another code than that of the secret",
    },
)
def confirm(json_data: SetUpIn) -> tuple[dict[str, Any], int]:
    service = parts()
    codes = actions.confirm(
        service.database, service.second_factors, identity(), json_data.offer, json_data.code, signing.now()
    )
    return {"recovery_codes": codes}, 201


@second_factor.post("/second-factor/recovery-codes")
@requires()
@journaled("second_factor.codes_renewed", "own account")
@second_factor.input(BothIn)
@second_factor.output(RecoveryCodesOut, status_code=201)
@second_factor.doc(
    summary="Make new recovery codes in the place of all earlier ones",
    responses={409: "The account has no second factor", 422: "Another password or code", 429: _WAIT},
)
def renew_recovery_codes(json_data: BothIn) -> tuple[dict[str, Any], int]:
    service = parts()
    codes = actions.renew_recovery_codes(
        service.database, service.passwords, service.second_factors, identity(), _offered(json_data), signing.now()
    )
    return {"recovery_codes": codes}, 201


@second_factor.post("/second-factor/removal")
@requires()
@journaled("second_factor.removed", "own account")
@second_factor.input(BothIn)
@second_factor.output({}, status_code=204)
@second_factor.doc(
    summary="Turn the own second factor off",
    responses={
        409: "The account has none, or a role of it demands one",
        422: "Another password or code",
        429: _WAIT,
    },
)
def turn_off(json_data: BothIn) -> str:
    service = parts()
    actions.turn_off(
        service.database, service.passwords, service.second_factors, identity(), _offered(json_data), signing.now()
    )
    return ""


@second_factor.delete("/users/<int:user_id>/second-factor")
@requires(Role.ADMINISTRATOR)
@journaled("second_factor.removed", "account {user_id}")
@second_factor.output({}, status_code=204)
@second_factor.doc(
    summary="Take the second factor of another account away",
    description="For whoever has lost device and recovery codes. All sessions of the account end.",
    responses={404: "No such account", 409: "The account has none, or it is the own one"},
)
def take_away(user_id: int) -> str:
    actions.take_away(parts().database, identity(), user_id, signing.now())
    return ""


def _offer(made: Offer) -> dict[str, Any]:
    return {"secret": made.secret, "uri": made.uri, "offer": made.carried}


def _offered(sent: BothIn) -> actions.Offered:
    return actions.Offered(sent.code, signing.attempt(sent.password))
