"""Who stands in an election, as it was approved: list after list, each in its own order."""

from itertools import groupby

from flask import Response, request

from results_service.actions import candidates as actions
from results_service.pages.ground import blueprint, kept, looks_of_lists, page_number, query
from results_service.routes import desk
from shared.web.pages import public_page, render

ON_A_PAGE = 50


@blueprint.get("/elections/<int:election_id>/candidates")
@public_page
@blueprint.doc(summary="A page of who stands in an election")
def candidates(election_id: int) -> Response:
    number, poll_number = page_number(), request.args.get("list", type=int)
    answer = actions.page_of(desk(), election_id, poll_number, ON_A_PAGE, (number - 1) * ON_A_PAGE)
    headers, same = kept(answer)
    if same:
        return same
    found = answer.body
    return render(
        "candidates.html",
        headers=headers,
        election=found.election.election,
        lists=found.election.lists,
        names={one.poll_number: one.name for one in found.election.lists},
        looks=looks_of_lists(found.election.lists),
        counts=found.counts,
        chosen=poll_number,
        groups=[(one, list(people)) for one, people in groupby(found.people.items, lambda one: one.poll_number)],
        total=found.people.total,
        page=number,
        per_page=ON_A_PAGE,
        address=lambda page: query(list=poll_number, page=page),
    )
