"""The /api routes by which a forgotten password is set anew."""

from apiflask import APIBlueprint
from pydantic import ConfigDict, Field

from authentication_service import letters, signing
from authentication_service.actions import password_resets as actions
from authentication_service.signing import parts
from shared.auth import public
from shared.web.journal import journaled
from shared.web.requests import Strict

password_resets = APIBlueprint("password_resets", __name__, tag="Forgotten passwords", url_prefix="/api")


class ForgottenIn(Strict):
    """Whose password is to be set anew."""

    login: str = Field(max_length=256, description="Email, username or phone number.")


class NewPasswordIn(Strict):
    """Another password, and the link that allows it."""

    model_config = ConfigDict(str_strip_whitespace=False)

    token: str = Field(max_length=64, description="What stands in the link of the mail behind `token=`.")
    password: str = Field(
        max_length=256,
        description="8 to 256 characters with at least one digit, one lower-case and one upper-case letter.",
    )


@password_resets.post("/password-resets")
@public
@journaled("account.reset_asked", "account")
@password_resets.input(ForgottenIn)
@password_resets.output({}, status_code=202)
@password_resets.doc(
    summary="Ask for a link that sets a forgotten password anew",
    description="The link goes to the account's email, is good once and for 30 minutes, and is written in the language "
    "of `Accept-Language`. The answer is the same whether or not somebody has this name.",
    responses={
        409: "This installation sends no mail",
        429: "A link was asked for too often, for this name or from this address",
    },
)
def ask_for_link(json_data: ForgottenIn) -> tuple[dict[str, str], int]:
    letters.require_mail()
    actions.ask(
        parts().database,
        letters.seal(),
        json_data.login,
        letters.link_letter,
        caller=signing.caller(),
        limits=signing.limits(),
        now=signing.now(),
    )
    return {}, 202


@password_resets.post("/password-resets/use")
@public
@journaled("account.password_reset", "account")
@password_resets.input(NewPasswordIn)
@password_resets.output({}, status_code=204)
@password_resets.doc(
    summary="Set another password with such a link",
    description="Ends all sessions of the account, and all its other links.",
    responses={422: "The link is good no more, or the password is too simple"},
)
def use_link(json_data: NewPasswordIn) -> str:
    service = parts()
    actions.set_password(
        service.database,
        service.passwords,
        letters.seal(),
        json_data.token,
        json_data.password,
        letters.password_letter(),
        caller=signing.caller(),
        now=signing.now(),
    )
    return ""
