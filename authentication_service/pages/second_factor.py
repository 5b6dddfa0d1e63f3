"""The second factor on pages: the second step of signing in, and what its owner does with it.

What is shown once, a secret or recovery codes, is the answer to a form and has no address of its own.
"""

import segno
from flask import Response, request, url_for
from flask_babel import lazy_gettext
from markupsafe import Markup

from authentication_service import signing
from authentication_service.actions import second_factor as actions
from authentication_service.actions.accounts import Account
from authentication_service.actions.attempts import Attempt
from authentication_service.actions.sessions import Opened
from authentication_service.pages.own import NOTICES, back_from, page, renewed, signed_in
from authentication_service.second_factors import Offer
from authentication_service.signing import parts
from shared.auth import identity
from shared.errors import Conflict, Forbidden, InvalidInput, TooManyAttempts, Unauthenticated, UrnaError
from shared.web.cookies import let_in, page_requires, public_form
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

second_factor_pages = page_blueprint("second_factor_pages", __name__)

NOTICES["second-factor-off"] = lazy_gettext("Your second factor is turned off. The password alone signs in.")


@second_factor_pages.post("/sign-in/code")
@public_form
@journaled("session.opened", "session")
@second_factor_pages.doc(summary="The form for the code of the second factor")
def finish_sign_in() -> Response:
    challenge, back = request.form.get("challenge", ""), back_from(request.form.get("next", ""))
    service = parts()
    try:
        opened = actions.finish_log_in(
            service.database,
            service.second_factors,
            challenge,
            request.form.get("code", ""),
            signing.caller(),
            signing.limits(),
            signing.now(),
            rotates=True,
        )
    except (Unauthenticated, Forbidden, TooManyAttempts) as error:
        if isinstance(error, TooManyAttempts) or error.message == actions.WRONG_CODE:
            return page("sign_in_code.html", error, challenge=challenge, next=back)
        return page("sign_in.html", error, next=back)
    return _let_in(see_other(back or url_for("pages.own_account")), opened)


@second_factor_pages.post("/sign-in/second-factor")
@public_form
@journaled("session.opened", "session")
@second_factor_pages.doc(summary="The form that asks for the secret of a second factor that a role demands")
def offer_at_sign_in() -> Response:
    return _offered_at_sign_in()


@second_factor_pages.post("/sign-in/second-factor/confirmation")
@public_form
@journaled("second_factor.set_up", "session")
@second_factor_pages.doc(summary="The form that sets it up")
def confirm_at_sign_in() -> Response:
    service = parts()
    try:
        opened, codes = actions.confirm_at_log_in(
            service.database,
            service.second_factors,
            request.form.get("challenge", ""),
            request.form.get("offer", ""),
            request.form.get("code", ""),
            signing.caller(),
            signing.now(),
            rotates=True,
        )
    except (InvalidInput, Conflict) as error:
        return _offered_at_sign_in(error)
    except (Unauthenticated, Forbidden) as error:
        return page("sign_in.html", error, next=back_from(request.form.get("next", "")))
    after = back_from(request.form.get("next", "")) or url_for("pages.own_account")
    return _let_in(page("recovery_codes.html", codes=codes, after=after), opened)


@second_factor_pages.get("/second-factor")
@page_requires()
@second_factor_pages.doc(summary="A page of the own second factor")
def own() -> Response:
    return _shown(signed_in())


@second_factor_pages.post("/second-factor/secret")
@page_requires()
@journaled("second_factor.set_up", "own account")
@second_factor_pages.doc(summary="The form that asks for a secret")
def offer() -> Response:
    account, service = signed_in(), parts()
    try:
        made = actions.offer(
            service.database, service.passwords, service.second_factors, identity(), _password(), signing.now()
        )
    except (InvalidInput, Conflict, TooManyAttempts) as error:
        return _shown(account, error)
    return _offered(account, made)


@second_factor_pages.post("/second-factor/confirmation")
@page_requires()
@journaled("second_factor.set_up", "own account")
@second_factor_pages.doc(summary="The form that sets the second factor up")
def confirm() -> Response:
    account, service = signed_in(), parts()
    carried, code = request.form.get("offer", ""), request.form.get("code", "")
    try:
        codes = actions.confirm(service.database, service.second_factors, identity(), carried, code, signing.now())
    except InvalidInput as error:
        again = actions.offered_again(service.database, service.second_factors, identity(), carried, signing.now())
        return _offered(account, again, error) if again else _shown(account, error)
    except Conflict as error:
        return _shown(account, error)
    return _codes(account, codes)


@second_factor_pages.post("/second-factor/recovery-codes")
@page_requires()
@journaled("second_factor.codes_renewed", "own account")
@second_factor_pages.doc(summary="The form for new recovery codes")
def renew_recovery_codes() -> Response:
    account, service = signed_in(), parts()
    try:
        codes = actions.renew_recovery_codes(
            service.database, service.passwords, service.second_factors, identity(), _both(), signing.now()
        )
    except (InvalidInput, Conflict, TooManyAttempts) as error:
        return _shown(account, error)
    return _codes(account, codes)


@second_factor_pages.post("/second-factor/removal")
@page_requires()
@journaled("second_factor.removed", "own account")
@second_factor_pages.doc(summary="The form that turns the second factor off")
def turn_off() -> Response:
    account, service = signed_in(), parts()
    try:
        actions.turn_off(
            service.database, service.passwords, service.second_factors, identity(), _both(), signing.now()
        )
    except (InvalidInput, Conflict, TooManyAttempts) as error:
        return _shown(account, error)
    return see_other(url_for(".own", notice="second-factor-off"))


def _offered_at_sign_in(error: UrnaError | None = None) -> Response:
    service = parts()
    challenge, back = request.form.get("challenge", ""), back_from(request.form.get("next", ""))
    carried = request.form.get("offer", "")
    try:
        made = actions.offer_at_log_in(
            service.database, service.second_factors, challenge, signing.now(), carried=carried
        )
    except (Unauthenticated, Forbidden) as refusal:
        return page("sign_in.html", refusal, next=back)
    shown = {"offer": made, "qr": drawn(made.uri), "challenge": challenge, "next": back}
    return page("second_factor_set_up.html", error, action=url_for(".confirm_at_sign_in"), account=None, **shown)


def _offered(account: Account, made: Offer, error: UrnaError | None = None) -> Response:
    shown = {"offer": made, "qr": drawn(made.uri), "action": url_for(".confirm")}
    return renewed(account, page("second_factor_set_up.html", error, account=account, **shown))


def _codes(account: Account, codes: list[str]) -> Response:
    return renewed(account, page("recovery_codes.html", account=account, codes=codes, after=url_for(".own")))


def _shown(account: Account, error: UrnaError | None = None) -> Response:
    service = parts()
    standing = actions.standing(service.database, service.second_factors, identity())
    return renewed(account, page("second_factor.html", error, account=account, standing=standing))


def _let_in(response: Response, opened: Opened) -> Response:
    let_in(response, signing.page_token(opened.account, opened.session_id))
    # Recovery codes may be in it, and no token of this request says so.
    response.headers["Cache-Control"] = "no-store"
    return response


def _password() -> Attempt:
    return signing.attempt(request.form.get("password", ""))


def _both() -> actions.Offered:
    return actions.Offered(request.form.get("code", ""), _password())


def drawn(uri: str) -> Markup:
    """A QR code of an address, as SVG to stand in a page; dark on light, as cameras want it, also on a dark page."""
    code = segno.make_qr(uri, error="m")
    return Markup(code.svg_inline(scale=4, dark="#000", light="#fff", omitsize=True))  # noqa: S704 -- has no text in it.
