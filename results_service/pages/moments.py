"""The count as it stood at any moment."""

from flask import Response

from results_service.actions.places import read_time_line
from results_service.pages.figures import shown
from results_service.pages.ground import as_of, blueprint, kept, result_of
from results_service.routes import desk
from shared.web.pages import public_page, render

# So many moments can be chosen; the time line has up to 200.
_CHOICES = 49
_SECONDS_OF_A_PAGE = 300


@blueprint.get("/elections/<int:election_id>/moments")
@public_page
@blueprint.doc(summary="The result as it stood at a moment")
def moments(election_id: int) -> Response:
    moment = as_of()
    result = result_of(election_id, moment)
    line = read_time_line(desk(), election_id, lambda _tag: False)
    found = line.body.moments if line.body else ()
    # While an election is open its moments end a little later with every second, which is no other page.
    until = int(found[-1].at.timestamp()) // _SECONDS_OF_A_PAGE if found else 0
    headers, same = kept(result, until)
    if same:
        return same
    last = max(len(found) - 1, 1)
    steps = min(_CHOICES - 1, last)
    choices = [found[last * step // steps] for step in range(steps + 1)] if len(found) > 1 else list(found)
    most = max((one.counted for one in found), default=0) or 1
    curve = " ".join(
        f"{600 * place / last:.1f},{100 - 100 * one.counted / most:.1f}" for place, one in enumerate(found)
    )
    at = None
    if moment is not None and len(found) > 1:
        whole = (found[-1].at - found[0].at).total_seconds() or 1
        at = round(600 * min(1.0, max(0.0, (moment - found[0].at).total_seconds() / whole)), 1)
    return render(
        "moments.html",
        headers=headers,
        election=result.body.election,
        result=result.body.result,
        choices=choices,
        curve=curve,
        at=at,
        as_of=moment,
        **shown(result.body.result, result.body.seats),
    )
