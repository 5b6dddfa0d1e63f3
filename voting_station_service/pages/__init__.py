"""The pages of the voting station, for polling officials: the first one here, files of ballots, and tally sheets."""

from collections import Counter

from flask import Response, request, url_for

from shared.auth import identity
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint, render, see_other
from voting_station_service.actions import files as file_actions
from voting_station_service.actions import sheets as sheet_actions
from voting_station_service.pages import words
from voting_station_service.pages.place import elections
from voting_station_service.routes import station

blueprint = page_blueprint("pages", __name__)


@blueprint.get("/")
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="A page of the own polling stations and of the elections")
def start() -> Response:
    official = identity()
    known = elections()
    places = {one.id: sheet_actions.places(station(), official, one.id) for one in known if not one.is_coming}
    now = [one for one in known if one.takes() or any(one.takes(place.sheet) for place in places.get(one.id, ()))]
    if len(now) == 1 and len(official.stations) == 1 and not request.args.get("all"):
        # There is nothing to choose.
        (number,) = official.stations
        if now[0].is_open:
            return see_other(url_for("file_pages.choose", election_id=now[0].id, station=number))
        return see_other(url_for("sheet_pages.show", election_id=now[0].id, station_id=number))
    files = Counter((head.election_id, head.station_id) for head in file_actions.own_heads(station(), official))
    return render(
        "start.html",
        official=official,
        elections=[(one, places[one.id]) for one in now],
        coming=[one for one in known if one.is_coming],
        files=files,
        states=words.STATES,
    )
