"""The page on which voters vote. The station gives it out and learns nothing: what it does is done in the browser.

Whoever opens it is not asked who he is. The page asks the authentication service itself, without a cookie.
"""

from flask import Response, request
from flask_babel import lazy_gettext

from shared.web.cookies import COOKIE
from shared.web.logs import unlinked
from shared.web.pages import page_blueprint, public_page, render
from shared.web.pages.navigation import origins_of

blueprint = page_blueprint("voting_pages", __name__)

# What the services answer to voters' programs, in English, and what the page says then. The sentences of another
# service are not in the catalogues of this one by themselves.
ANSWERS = {
    "The election has not begun yet; nothing was signed.": lazy_gettext(
        "The election has not begun yet; nothing was signed."
    ),
    "The election has ended; nothing was signed.": lazy_gettext("The election has ended; nothing was signed."),
    "This election has no ballot key (yet), so no ballot can be signed for it.": lazy_gettext(
        "This election has no ballot key (yet), so no ballot can be signed for it."
    ),
    "Voters know no election of this number.": lazy_gettext("Voters know no election of this number."),
    "This account's entry in the citizens' register is not there.": lazy_gettext(
        "This account's entry in the citizens' register is not there."
    ),
    "The election ended while the ballot was on its way; it does not count.": lazy_gettext(
        "The election ended while the ballot was on its way; it does not count."
    ),
    "No published election has this number, or it was cancelled.": lazy_gettext(
        "No published election has this number, or it was cancelled."
    ),
}


@blueprint.get("/ballot")
@public_page
@unlinked
@blueprint.doc(summary="The page on which voters vote")
def vote() -> Response:
    # It is not looked at who that is, only that this browser would say so to this service again and again. nginx takes
    # the cookie out of requests for this page.
    return render(
        "voting.html",
        headers={"Cache-Control": "no-store"},
        reaches=origins_of("account", "results"),
        signed_in=COOKIE in request.cookies,
        answers=ANSWERS.items(),
    )
