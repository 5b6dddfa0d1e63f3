"""The pages on which a forgotten password is set anew, by a link in a mail.

The page of the link only shows a form: programs that look at the links in mails before their reader does use none up.
"""

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from authentication_service import letters, signing
from authentication_service.actions import password_resets as actions
from authentication_service.pages.own import NOTICES, page
from authentication_service.signing import parts
from shared.auth import public
from shared.errors import InvalidInput, TooManyAttempts, UrnaError
from shared.web.cookies import public_form
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

password_reset_pages = page_blueprint("password_reset_pages", __name__)

_LONGEST_TOKEN = 64
NOTICES.update(
    {
        "reset-asked": lazy_gettext(
            "If somebody is registered with this name, a link to set a new password is on its way to that account's "
            "email. It is good for 30 minutes."
        ),
        "password-set": lazy_gettext(
            "Your new password is set, and all your sessions are ended. Sign in with the new password."
        ),
    }
)


@password_reset_pages.get("/forgotten-password")
@public
@password_reset_pages.doc(summary="A page to ask for a link that sets a forgotten password anew")
def forgotten() -> Response:
    return _asked()


@password_reset_pages.post("/forgotten-password")
@public_form
@journaled("account.reset_asked", "account")
@password_reset_pages.doc(summary="Its form")
def ask_for_link() -> Response:
    letters.require_mail()
    try:
        name = request.form.get("login", "").strip()
        if not name:
            raise InvalidInput("Say for whom: an email, a username or a phone number.", field="login")
        actions.ask(
            parts().database,
            letters.seal(),
            name[:256],
            letters.link_letter,
            caller=signing.caller(),
            limits=signing.limits(),
            now=signing.now(),
        )
    except (InvalidInput, TooManyAttempts) as error:
        return _asked(error)
    return see_other(url_for("pages.sign_in", notice="reset-asked"))


@password_reset_pages.get(f"/{letters.RESET_PATH}")
@public
@password_reset_pages.doc(summary="The page of such a link, to choose a new password; uses nothing up")
def choose() -> Response:
    return _chosen(_token(request.args.get("token", "")))


@password_reset_pages.post(f"/{letters.RESET_PATH}")
@public_form
@journaled("account.password_reset", "account")
@password_reset_pages.doc(summary="Its form")
def set_password() -> Response:
    token, password = _token(request.form.get("token", "")), request.form.get("password", "")
    service = parts()
    try:
        if password != request.form.get("repeated_password", ""):
            raise InvalidInput("The password was not repeated as it was.", field="repeated_password")
        actions.set_password(
            service.database,
            service.passwords,
            letters.seal(),
            token,
            password,
            letters.password_letter(),
            caller=signing.caller(),
            now=signing.now(),
        )
    except InvalidInput as error:
        return _chosen(token, error)
    return see_other(url_for("pages.sign_in", notice="password-set"))


def _token(text: str) -> str:
    return text if len(text) <= _LONGEST_TOKEN else ""


def _asked(error: UrnaError | None = None) -> Response:
    instead = "" if letters.sends_mail() else letters.without_mail()
    return page("forgotten_password.html", error, instead=instead, login=request.form.get("login", ""))


def _chosen(token: str, error: UrnaError | None = None) -> Response:
    if error is None and not actions.is_good(parts().database, token, signing.now()):
        error = InvalidInput(actions.LINK_IS_NO_GOOD, field="token")
    is_good = error is None or error.field != "token"
    return page("reset_password.html", error, token=token if is_good else "")
