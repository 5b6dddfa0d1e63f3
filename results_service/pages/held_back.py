"""What the pages of votes show while these are held back."""

from flask import Response

from results_service.actions import read_result
from results_service.pages.ground import kept
from results_service.routes import desk
from shared.web.pages import render


def held_back_page(election_id: int) -> Response | None:
    """Why there are no votes yet and when they come; None where votes are told."""
    result = read_result(desk(), election_id)
    if result.body.result.held_back is None:
        return None
    headers, same = kept(result)
    if same:
        return same
    found = result.body
    return render("held_back.html", headers=headers, election=found.election, result=found.result)
