"""The list of elections, the result of one, and the same for a large screen."""

from flask import Response, render_template, request
from markupsafe import Markup

from results_service import actions
from results_service.actions import ElectionResult
from results_service.actions.answers import Kept
from results_service.pages.figures import ORDERS, shown
from results_service.pages.ground import STATES, blueprint, kept
from results_service.routes import desk
from shared.terms import State
from shared.web.pages import public_page, render
from shared.web.pages.language import asked_for, current

ELECTIONS_ON_A_PAGE = 200
# Of how many elections that are under way the first page tells what is counted.
_TOLD = 4


@blueprint.get("/")
@public_page
@blueprint.doc(summary="A page of the elections")
def index() -> Response:
    answer = actions.list_elections(desk(), ELECTIONS_ON_A_PAGE, 0, lambda _tag: False)
    items = answer.body.items if answer.body else []
    running = [one for one in items if one.state in (State.OPEN, State.COUNTING)][:_TOLD]
    results = {one.id: actions.read_result(desk(), one.id) for one in running}
    headers, same = kept(answer, [result.tag for result in results.values()])
    if same:
        return same
    told = [(result.body, shown(result.body.result, result.body.seats)) for result in results.values()]
    coming = sorted((one for one in items if one.state is State.SCHEDULED), key=lambda one: one.start)
    return render(
        "elections.html",
        headers=headers,
        elections=items,
        running=told,
        coming=coming,
        others=[one for one in items if one.state is not State.SCHEDULED and one.id not in results],
        state_name=lambda state: STATES[state][0],
        state_kind=lambda state: STATES[state][1],
    )


@blueprint.get("/elections/<int:election_id>")
@public_page
@blueprint.doc(summary="A page of one result")
def election(election_id: int) -> Response:
    result = actions.read_result(desk(), election_id)
    headers, same = kept(result)
    if same:
        return same
    order = request.args.get("order", "")
    order = order if order in ORDERS else "ballot"
    asked = asked_for()
    # Its links are queries of the same page, so that they hold behind a proxy, too.
    name = f"page in {current().code} {'asked' if asked else 'preferred'} by {order}"
    return render(
        "election.html",
        headers=headers,
        election=result.body.election,
        tag=result.tag,
        is_live=not result.settled,
        held_back=result.body.result.held_back,
        main=result.form(name, lambda one: _as_main(one, order)),
    )


@blueprint.get("/elections/<int:election_id>/screen")
@public_page
@blueprint.doc(summary="A result for a large screen")
def screen(election_id: int) -> Response:
    result = actions.read_result(desk(), election_id)
    headers, same = kept(result)
    if same:
        return same
    found = result.body
    drawn = shown(found.result, found.seats, "votes")
    return render(
        "screen.html",
        headers=headers,
        election=found.election,
        result=found.result,
        tag=result.tag,
        is_live=not result.settled,
        **drawn,
    )


def _as_main(result: Kept[ElectionResult], order: str) -> Markup:
    """What the page of an election shows, without the frame, in which are links that differ behind a proxy."""
    found = result.body
    drawn = shown(found.result, found.seats, order)
    return Markup(render_template("result.html", election=found.election, result=found.result, **drawn))  # noqa: S704 -- escaped by the template.
