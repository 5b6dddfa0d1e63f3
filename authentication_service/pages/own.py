"""The own account as plain pages: signing in and out, the own details, another password, and the own sessions.

They need no JavaScript. Who is signed in says a cookie (``shared.web.cookies``); the session behind it is
looked up with every page, so that a session that was ended is ended here at once.
"""

from collections.abc import Mapping
from typing import Any

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from authentication_service import signing
from authentication_service.actions import profile, sessions
from authentication_service.actions.accounts import Account
from authentication_service.rules.paths import page_of_the_suite
from authentication_service.signing import parts
from shared.auth import ACCESS_SECONDS, identity, public
from shared.errors import Forbidden, InvalidInput, TooManyAttempts, Unauthenticated, UrnaError
from shared.sentences import say
from shared.terms import Role
from shared.web.cookies import NotSignedIn, csrf_value, let_in, let_out, page_requires, public_form, session_left
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, render, see_other
from shared.web.pages.navigation import other_origins, other_sites
from shared.web.requests import PageQuery

# More sessions than these nobody looks through; the form below the list ends all of them.
MOST_SESSIONS = 100
# What a page that was redirected to may say, by the word in its address.
NOTICES = {
    "signed-out": lazy_gettext("You are signed out."),
    "password-changed": lazy_gettext(
        "Your password is changed, and all your sessions are ended. Sign in with the new one."
    ),
    "session-ended": lazy_gettext("That session is ended."),
    "others-ended": lazy_gettext("All your other sessions are ended."),
    "session-over": lazy_gettext(
        "Your session had ended, so the form was not done. Sign in, and you come back to it with what you had typed."
    ),
}
ROLES = {
    Role.ADMINISTRATOR: lazy_gettext("administrator"),
    Role.OFFICIAL: lazy_gettext("official"),
    Role.VOTER: lazy_gettext("voter"),
    Role.CANDIDATE: lazy_gettext("candidate"),
    Role.CAMPAIGN_DIRECTOR: lazy_gettext("campaign director"),
    Role.AUDITOR: lazy_gettext("auditor"),
}

blueprint = page_blueprint("pages", __name__)


@blueprint.get("/")
@page_requires()
@blueprint.doc(summary="A page of the own account")
def own_account() -> Response:
    return own_page(signed_in())


@blueprint.get("/sign-in")
@public
@blueprint.doc(summary="A page to sign in")
def sign_in() -> Response:
    return page("sign_in.html", next=back_from(request.args.get("next", "")))


@blueprint.post("/sign-in")
@public_form
@journaled("session.opened", "session")
@blueprint.doc(summary="Its form")
def open_session() -> Response:
    name, back = request.form.get("login", "").strip(), back_from(request.form.get("next", ""))
    try:
        opened = signing.begin_session(name, request.form.get("password", ""), rotates=True)
    except (Unauthenticated, Forbidden, TooManyAttempts) as error:
        told = say("There is no account with this name and this password.")
        message = told if isinstance(error, Unauthenticated) else error.message
        return page("sign_in.html", error, message=message, next=back, login=name)
    if isinstance(opened, sessions.Halfway):
        template = "sign_in_set_up.html" if opened.sets_up else "sign_in_code.html"
        return page(template, challenge=signing.challenge(opened), next=back)
    response = see_other(back or url_for("pages.own_account"))
    let_in(response, signing.page_token(opened.account, opened.session_id))
    return response


@blueprint.post("/sign-out")
@page_requires(also_from=other_origins)
@journaled("session.ended", "session")
@blueprint.doc(summary="The form that signs out, on each page of the suite")
def sign_out() -> Response:
    sessions.log_out(parts().database, identity().session, signing.now())
    return _signed_out("signed-out")


@blueprint.post("/password")
@page_requires()
@journaled("account.changed", "own account")
@blueprint.doc(summary="The form for another password")
def change_password() -> Response:
    account = signed_in()
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
        return own_page(account, error)
    return _signed_out("password-changed")


@blueprint.get("/sessions")
@page_requires()
@blueprint.doc(summary="A page of the own sessions")
def own_sessions() -> Response:
    account = signed_in()
    listed = sessions.own_sessions(
        parts().database, identity(), PageQuery(page=1, per_page=MOST_SESSIONS), signing.now()
    )
    found = {"account": account, "sessions": listed["items"], "total": listed["total"]}
    return renewed(account, page("sessions.html", **found))


@blueprint.post("/sessions/end")
@page_requires()
@journaled("session.ended", "own session")
@blueprint.doc(summary="The form that ends one of them")
def end_session() -> Response:
    signed_in()
    sessions.end_session(parts().database, identity(), request.form.get("session", ""), signing.now())
    return see_other(url_for("pages.own_sessions", notice="session-ended"))


@blueprint.post("/sessions/end-others")
@page_requires()
@journaled("session.ended", "own sessions")
@blueprint.doc(summary="The form that ends all but this one")
def end_other_sessions() -> Response:
    signed_in()
    sessions.end_other_sessions(parts().database, identity(), signing.now())
    return see_other(url_for("pages.own_sessions", notice="others-ended"))


def back_from(text: str) -> str:
    """The page of the suite to go on to after signing in, or nothing."""
    return page_of_the_suite(text, other_sites())


def signed_in() -> Account:
    """The account whose page this is; an ended session, or an account that is gone, is not signed in any more."""
    try:
        service = parts()
        demanding = service.second_factors.demanding
        return sessions.account_of_session(service.database, identity(), signing.now(), demanding)
    except (Unauthenticated, Forbidden) as error:
        raise NotSignedIn from error


def own_page(account: Account, error: UrnaError | None = None, sent: Mapping[str, str] | None = None) -> Response:
    """The page of the own account; ``sent`` is what the form for the details was sent with, when it was refused."""
    return renewed(account, page("account.html", error, account=account, sent=sent))


def sent_details() -> profile.ProfileChanges:
    """The details of a form; a username or phone number that is left empty is removed."""
    said = {name: request.form.get(name, "").strip() for name in ("forename", "surname", "email", "username", "phone")}
    return {
        "forename": said["forename"],
        "surname": said["surname"],
        "email": said["email"],
        "username": said["username"] or None,
        "phone": said["phone"] or None,
    }


def _signed_out(notice: str) -> Response:
    response = see_other(url_for("pages.sign_in", notice=notice))
    let_out(response)
    return response


def renewed(account: Account, response: Response) -> Response:
    """Give a new cookie to who uses the pages, before the old one is of no use; it names the roles of today.

    The pages of the other services ask for one of these pages when their session is about to end, because only this
    service can sign. Their forms stay good, since the value that they bring back stays the same.
    """
    if session_left() < ACCESS_SECONDS / 2:
        let_in(response, signing.page_token(account, identity().session, csrf_value()))
    return response


def page(template: str, error: UrnaError | None = None, **values: Any) -> Response:
    """A page of this service, with the notice that its address names and the names of the roles."""
    word = request.args.get("notice", "")
    kind = "warning" if word == "session-over" else "good"
    return render(template, error, notice=NOTICES.get(word), notice_kind=kind, role_name=ROLES.__getitem__, **values)
