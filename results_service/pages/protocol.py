"""The record of an election, and of a polling station, to be printed and signed by hand.

The service has no key of its own, so nothing here is signed by a machine: the digest names the file of the same result
that everybody can fetch and check.
"""

from hashlib import sha256

from flask import Response

from results_service.actions import places as actions
from results_service.actions.standings import look_at_stations
from results_service.pages.figures import lines_of
from results_service.pages.ground import STATES, blueprint, kept, looks_of, result_of
from results_service.pages.places import MOST_PLACES
from results_service.pages.seats import law_of
from results_service.routes import as_json, desk
from results_service.rules.places import Level, reconciled
from shared.web.pages import public_page, render


@blueprint.get("/elections/<int:election_id>/protocol")
@public_page
@blueprint.doc(summary="The record of an election, to be printed")
def protocol(election_id: int) -> Response:
    result = result_of(election_id, None)
    for level in Level:
        answer = actions.list_places(desk(), election_id, level, None, MOST_PLACES, 0, lambda _tag: False)
        if answer.body is None or answer.body.total > 1:
            break
    headers, same = kept(result, answer.tag)
    if same:
        return same
    found = result.body
    return render(
        "protocol.html",
        headers=headers,
        election=found.election,
        result=found.result,
        certainty=found.seats,
        lines=lines_of(found.result, found.seats),
        digest=sha256(result.form("json", as_json)).hexdigest(),
        level=level.value,
        names={one.poll_number: one.name for one in found.result.lists},
        looks=looks_of([one.poll_number for one in found.result.lists]),
        children=answer.body.items if answer.body and answer.body.total else [],
        sheets=reconciled(look_at_stations(desk(), election_id, None).facts),
        law=law_of(found.result.apportionment),
        state_name=STATES[found.election.state][0],
    )


@blueprint.get("/elections/<int:election_id>/protocol/station/<station>")
@public_page
@blueprint.doc(summary="The record of a polling station, to be printed")
def station_protocol(election_id: int, station: str) -> Response:
    result = result_of(election_id, None)
    answer = actions.read_place(desk(), election_id, (Level.STATION, station), lambda _tag: False)
    headers, same = kept(answer, result.tag)
    if same:
        return same
    return render(
        "station_protocol.html",
        headers=headers,
        election=result.body.election,
        result=result.body.result,
        found=answer.body,
        place=answer.body.place if answer.body else None,
        names={one.poll_number: one.name for one in result.body.result.lists},
        looks=looks_of([one.poll_number for one in result.body.result.lists]),
        digest=sha256(result.form("json", as_json)).hexdigest(),
    )
