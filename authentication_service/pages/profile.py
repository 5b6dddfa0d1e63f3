"""The form for the own details: names, and what one signs in with."""

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from authentication_service import signing
from authentication_service.actions import profile
from authentication_service.pages.accounts import same_version
from authentication_service.pages.own import NOTICES, own_page, sent_details, signed_in
from authentication_service.signing import parts
from shared.auth import identity
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, TooManyAttempts
from shared.web.cookies import csrf_value, let_in, page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

profile_pages = page_blueprint("profile_pages", __name__)

NOTICES["details-changed"] = lazy_gettext("Your details are changed.")


@profile_pages.post("/profile")
@page_requires()
@journaled("account.changed", "own account")
@profile_pages.doc(summary="The form for the own details")
def change_details() -> Response:
    account = signed_in()
    service = parts()
    changes = sent_details()
    if changes["email"] == account.email:
        # An address that stays needs no password.
        del changes["email"]
    try:
        changed = profile.change_profile(
            service.database,
            service.passwords,
            identity(),
            changes,
            signing.attempt(request.form.get("current_password", "")),
            same_version,
            signing.now(),
        )
    except (InvalidInput, Conflict, ChangedMeanwhile, TooManyAttempts) as error:
        return own_page(account, error, sent=request.form)
    response = see_other(url_for("pages.own_account", notice="details-changed"))
    # The cookie names the address; its forms stay good.
    let_in(response, signing.page_token(changed, identity().session, csrf_value()))
    return response
