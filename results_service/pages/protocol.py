"""The record of an election, and of a polling station, to be printed and signed by hand.

The service has no key of its own, so nothing here is signed by a machine: the digest names the file of the same
figures that everybody can fetch and check.
"""

from hashlib import sha256

from flask import Response, url_for

from results_service.actions.records import read_record, read_station_record
from results_service.pages.figures import lines_of
from results_service.pages.ground import STATES, blueprint, kept, looks_of
from results_service.pages.seats import law_of
from results_service.routes import as_json, desk
from results_service.routes.places import place_as_json
from results_service.rules.places import Level
from shared.web.pages import public_page, render


@blueprint.get("/elections/<int:election_id>/protocol")
@public_page
@blueprint.doc(summary="The record of an election, to be printed")
def protocol(election_id: int) -> Response:
    record = read_record(desk(), election_id)
    headers, same = kept(record)
    if same:
        return same
    result = record.body.result
    found = result.body
    return render(
        "protocol.html",
        headers=headers,
        election=found.election,
        result=found.result,
        certainty=found.seats,
        lines=lines_of(found.result, found.seats),
        digest=sha256(result.form("json", as_json)).hexdigest(),
        source=url_for("results.read_result", election_id=election_id),
        names={one.poll_number: one.name for one in found.result.lists},
        looks=looks_of([one.poll_number for one in found.result.lists]),
        children=record.body.places,
        sheets=record.body.sheets,
        law=law_of(found.result.apportionment),
        state_name=STATES[found.election.state][0],
    )


@blueprint.get("/elections/<int:election_id>/protocol/station/<station>")
@public_page
@blueprint.doc(summary="The record of a polling station, to be printed")
def station_protocol(election_id: int, station: str) -> Response:
    record = read_station_record(desk(), election_id, station)
    headers, same = kept(record)
    if same:
        return same
    whole, found = record.body.result.body, record.body.found
    return render(
        "station_protocol.html",
        headers=headers,
        election=whole.election,
        result=whole.result,
        found=found,
        place=found.place,
        names={one.poll_number: one.name for one in whole.result.lists},
        digest=sha256(place_as_json(found)).hexdigest(),
        source=url_for("places.read_place", election_id=election_id, level=Level.STATION.value, place=station),
    )
