"""The own account as plain pages: signing in and out, the own details, another password, and the own sessions.

They need no JavaScript and have none. Who is signed in says a cookie (``shared.web.cookies``); the session behind it is
looked up with every page, so that a session that was ended is ended here at once.
"""

import time

from apiflask import APIBlueprint
from flask import Response, g, make_response, redirect, render_template, request, send_from_directory, url_for
from werkzeug.exceptions import HTTPException

from authentication_service import signing
from authentication_service.actions import profile, sessions
from authentication_service.actions.accounts import Account
from authentication_service.rules.paths import own_path
from authentication_service.signing import parts
from shared.auth import ACCESS_SECONDS, identity, public
from shared.errors import Forbidden, InvalidInput, TooManyAttempts, Unauthenticated, Unavailable, UrnaError
from shared.web.cookies import POLICY, NotSignedIn, csrf_value, let_in, let_out, page_requires, public_form
from shared.web.journal import journaled, refused_because
from shared.web.problems import STATUSES
from shared.web.requests import PageQuery

# More sessions than these nobody looks through; the form below the list ends all of them.
MOST_SESSIONS = 100
# What a page that was redirected to may say, by the word in its address.
NOTICES = {
    "signed-out": "You are signed out.",
    "password-changed": "Your password is changed, and all your sessions are ended. Sign in with the new one.",
    "session-ended": "That session is ended.",
    "others-ended": "All your other sessions are ended.",
}

blueprint = APIBlueprint("pages", __name__, template_folder="templates", enable_openapi=False)


@blueprint.get("/")
@page_requires()
@blueprint.doc(summary="A page of the own account")
def own_account() -> Response:
    return _shown(_signed_in())


@blueprint.get("/sign-in")
@public
@blueprint.doc(summary="A page to sign in")
def sign_in() -> Response:
    return _page("sign_in.html", next=own_path(request.args.get("next", "")))


@blueprint.post("/sign-in")
@public_form
@journaled("session.opened", "session")
@blueprint.doc(summary="Its form")
def open_session() -> Response:
    name, back = request.form.get("login", "").strip(), own_path(request.form.get("next", ""))
    try:
        opened = signing.open_session(name, request.form.get("password", ""), rotates=True)
    except (Unauthenticated, Forbidden, TooManyAttempts) as error:
        return _page("sign_in.html", error, next=back, login=name)
    response = _our(redirect(back or url_for("pages.own_account"), 303))
    let_in(response, signing.page_token(opened.account, opened.session_id))
    return response


@blueprint.post("/sign-out")
@page_requires()
@journaled("session.ended", "session")
@blueprint.doc(summary="The form that signs out, on each page")
def sign_out() -> Response:
    sessions.log_out(parts().database, identity().session, signing.now())
    return _signed_out("signed-out")


@blueprint.post("/password")
@page_requires()
@journaled("account.changed", "own account")
@blueprint.doc(summary="The form for another password")
def change_password() -> Response:
    account = _signed_in()
    new = request.form.get("new_password", "")
    service = parts()
    try:
        if new != request.form.get("repeated_password", ""):
            raise InvalidInput("The new password was not repeated as it was.")
        profile.change_profile(
            service.database,
            service.passwords,
            identity(),
            {"password": new},
            signing.attempt(request.form.get("current_password", "")),
            # Whatever else of the account has changed since the page was shown, the password is to be this one.
            lambda _version: None,
            signing.now(),
        )
    except (InvalidInput, TooManyAttempts) as error:
        return _shown(account, error)
    return _signed_out("password-changed")


@blueprint.get("/sessions")
@page_requires()
@blueprint.doc(summary="A page of the own sessions")
def own_sessions() -> Response:
    account = _signed_in()
    page = sessions.own_sessions(parts().database, identity(), PageQuery(page=1, per_page=MOST_SESSIONS), signing.now())
    return _renewed(account, _page("sessions.html", account=account, sessions=page["items"], total=page["total"]))


@blueprint.post("/sessions/end")
@page_requires()
@journaled("session.ended", "own session")
@blueprint.doc(summary="The form that ends one of them")
def end_session() -> Response:
    _signed_in()
    sessions.end_session(parts().database, identity(), request.form.get("session", ""), signing.now())
    return _our(redirect(url_for("pages.own_sessions", notice="session-ended"), 303))


@blueprint.post("/sessions/end-others")
@page_requires()
@journaled("session.ended", "own sessions")
@blueprint.doc(summary="The form that ends all but this one")
def end_other_sessions() -> Response:
    _signed_in()
    sessions.end_other_sessions(parts().database, identity(), signing.now())
    return _our(redirect(url_for("pages.own_sessions", notice="others-ended"), 303))


@blueprint.get("/static/accounts.css")
@public
@blueprint.doc(summary="The style of these pages")
def style() -> Response:
    response = send_from_directory(f"{blueprint.root_path}/static", "accounts.css", max_age=3600)
    return _our(response)


@blueprint.errorhandler(NotSignedIn)
def ask_to_sign_in(_error: NotSignedIn) -> Response:
    # A form cannot be sent again by a link, so its page is where it goes on.
    back = request.script_root + request.path if request.method == "GET" else ""
    return _our(redirect(url_for("pages.sign_in", next=back or None), 303))


@blueprint.errorhandler(UrnaError)
def refuse(error: UrnaError) -> Response:
    return _page("refusal.html", error)


@blueprint.errorhandler(HTTPException)
def refuse_request(error: HTTPException) -> Response:
    """What the framework refuses: a form that is too large, or has too many fields."""
    response = _page("refusal.html", message="This form cannot be read.")
    response.status_code = error.code or 400
    return response


def _signed_in() -> Account:
    """The account whose page this is; an ended session, or an account that is gone, is not signed in any more."""
    try:
        return sessions.account_of_session(parts().database, identity(), signing.now())
    except (Unauthenticated, Forbidden) as error:
        raise NotSignedIn from error


def _shown(account: Account, error: UrnaError | None = None) -> Response:
    return _renewed(account, _page("account.html", error, account=account))


def _signed_out(notice: str) -> Response:
    response = _our(redirect(url_for("pages.sign_in", notice=notice), 303))
    let_out(response)
    return response


def _renewed(account: Account, response: Response) -> Response:
    """Give a new cookie to who uses the pages, before the old one is of no use; it names the roles of today."""
    if g.claims["exp"] - time.time() < ACCESS_SECONDS / 2:
        let_in(response, signing.page_token(account, identity().session))
    return response


def _page(template: str, error: UrnaError | None = None, **values: object) -> Response:
    values.setdefault("message", error.message if error else None)
    notice = NOTICES.get(request.args.get("notice", ""))
    csrf_token = csrf_value() if "claims" in g else None
    response = make_response(render_template(template, notice=notice, csrf_token=csrf_token, **values))
    if error is not None:
        response.status_code = STATUSES[type(error)]
        refused_because(error.message)
    if isinstance(error, TooManyAttempts | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    response.headers["Content-Security-Policy"] = POLICY
    # With `no-referrer` browsers do not say either where a form was.
    response.headers["Referrer-Policy"] = "same-origin"
    return _our(response)


def _our(response: object) -> Response:
    assert isinstance(response, Response)  # noqa: S101 -- Flask's response class.
    return response
