"""What was corrected after it had been said."""

from flask import Response
from flask_babel import lazy_gettext

from results_service import actions
from results_service.actions.corrections import Kind, list_corrections
from results_service.pages.ground import blueprint, kept, page_number, query
from results_service.routes import desk
from shared.web.pages import public_page, render

ON_A_PAGE = 100
KINDS = {
    Kind.SHEET_RESOLVED: lazy_gettext("A difference between two entries of a tally sheet was resolved"),
    Kind.SHEET_REOPENED: lazy_gettext("A tally sheet was opened again"),
    Kind.PART_LAID_ASIDE: lazy_gettext("Ballots that could not be recorded were laid aside"),
    Kind.PART_REPLAYED: lazy_gettext("Ballots that had been laid aside were recorded"),
    Kind.PART_DISMISSED: lazy_gettext("Ballots that had been laid aside were dismissed"),
    Kind.LOTS_DRAWN: lazy_gettext("A lot was drawn"),
    Kind.ELECTION_CANCELLED: lazy_gettext("The election was cancelled"),
}


@blueprint.get("/elections/<int:election_id>/corrections")
@public_page
@blueprint.doc(summary="A page of what was corrected")
def corrections(election_id: int) -> Response:
    number = page_number()
    answer = list_corrections(desk(), election_id, ON_A_PAGE, (number - 1) * ON_A_PAGE, lambda _tag: False)
    details = actions.details_of(desk(), election_id)
    headers, same = kept(answer, details.tag)
    if same:
        return same
    return render(
        "corrections.html",
        headers=headers,
        election=details.body.election,
        found=answer.body.items if answer.body else [],
        total=answer.body.total if answer.body else 0,
        kinds=KINDS,
        page=number,
        per_page=ON_A_PAGE,
        address=lambda page: query(page=page),
    )
