"""The page on which anybody who has a receipt looks up whether its ballot was counted.

A receipt comes in behind the # of an address or as a file, both of which stay in the browser, or its GUID in a form,
which is sent in a body: so no log, no history and no address bears a GUID.
"""

from uuid import UUID

from flask import Response, request
from flask_babel import lazy_gettext

from results_service.actions import receipts as actions
from results_service.pages.ground import blueprint
from results_service.routes import desk
from shared.errors import InvalidInput, NotFound, Unavailable
from shared.terms import Refusal
from shared.web.cookies import public_form
from shared.web.logs import unlinked
from shared.web.pages import public_page, render

REASONS = {
    Refusal.INVALID_POLL_NUMBER: lazy_gettext("It is not counted: the election has no list with its poll number."),
    Refusal.OUTSIDE_ELECTION: lazy_gettext("It is not counted: it was received outside of the hours of the election."),
    Refusal.INVALID_SIGNATURE: lazy_gettext("It is not counted: its signature is not one of this election."),
    Refusal.DUPLICATE: lazy_gettext("It is not counted: a ballot with this number had been received before."),
}
_MOST_DIGITS = 18


@blueprint.get("/receipts")
@public_page
@unlinked
@blueprint.doc(summary="A page to look a receipt up")
def ask_for_receipt() -> Response:
    return render("receipts.html", headers={"Cache-Control": "public, max-age=60"}, reasons=REASONS)


@blueprint.post("/receipts")
@public_form
@unlinked
@blueprint.doc(summary="Its form")
def look_up_receipt() -> Response:
    given = {name: request.form.get(name, "").strip() for name in ("election", "guid")}
    try:
        found = actions.look_up(desk(), _number(given["election"]), _guid(given["guid"]))
    except (InvalidInput, NotFound, Unavailable) as error:
        return render("receipts.html", error, reasons=REASONS, given=given)
    return render("receipts.html", reasons=REASONS, given=given, found=found, listed=_number(given["election"]))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise InvalidInput("The number of an election consists of digits, such as 7.", field="election")
    return int(text)


def _guid(text: str) -> bytes:
    try:
        return UUID(text).bytes
    except ValueError as error:
        raise InvalidInput(
            "The number of a ballot has 32 digits and letters from a to f, as it stands on the receipt.", field="guid"
        ) from error


# The answer is the same for everybody who asks, and its language is that of the address.
look_up_receipt.is_public_page = True  # type: ignore[attr-defined]  # A view carries its own rule.
