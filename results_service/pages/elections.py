"""The results as plain pages: readable on a phone, without JavaScript, and without anything from elsewhere.

With JavaScript the page of an election that is not final follows the stream of its result.
"""

from flask import Response, render_template
from flask_babel import lazy_gettext
from markupsafe import Markup

from results_service import actions
from results_service.actions import ElectionResult, Kept
from results_service.routes import caching, desk, is_known
from shared.terms import State
from shared.web.pages import page_blueprint, page_tag, public_page, render, unchanged
from shared.web.pages.language import current

ELECTIONS_ON_A_PAGE = 200

# The name of a state, and the kind of its badge.
STATES = {
    State.DRAFT: (lazy_gettext("draft"), ""),
    State.SCHEDULED: (lazy_gettext("scheduled"), ""),
    State.OPEN: (lazy_gettext("open"), "busy"),
    State.COUNTING: (lazy_gettext("counting"), "busy"),
    State.FINAL: (lazy_gettext("final"), "good"),
    State.CANCELLED: (lazy_gettext("cancelled"), "bad"),
}

blueprint = page_blueprint("pages", __name__)


@blueprint.get("/")
@public_page
@blueprint.doc(summary="A page of the elections")
def index() -> Response:
    answer = actions.list_elections(desk(), ELECTIONS_ON_A_PAGE, 0, lambda tag: is_known(page_tag(tag)))
    headers = {**caching(answer), "ETag": f'"{page_tag(answer.tag)}"'}
    if answer.body is None:
        return unchanged(headers)
    return render(
        "elections.html",
        headers=headers,
        elections=answer.body.items,
        state_name=lambda state: STATES[state][0],
        state_kind=lambda state: STATES[state][1],
    )


@blueprint.get("/elections/<int:election_id>")
@public_page
@blueprint.doc(summary="A page of one result")
def election(election_id: int) -> Response:
    result = actions.read_result(desk(), election_id)
    headers = {**caching(result), "ETag": f'"{page_tag(result.tag)}"'}
    if is_known(page_tag(result.tag)):
        return unchanged(headers)
    return render(
        "election.html",
        headers=headers,
        election=result.body.election,
        tag=result.tag,
        is_live=not result.settled,
        main=result.form(f"page in {current().code}", _as_main),
    )


def _as_main(result: Kept[ElectionResult]) -> Markup:
    """What the page of an election shows, without the frame, in which are links that differ behind a proxy."""
    found = result.body
    return Markup(render_template("result.html", election=found.election, result=found.result))  # noqa: S704 -- escaped by the template.
