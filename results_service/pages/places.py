"""Results per place, down to the polling station, and on a map."""

from datetime import datetime

from flask import Response

from results_service.actions import places as actions
from results_service.actions.places import InPlace
from results_service.pages.ground import as_of, blueprint, kept, looks_of, result_of
from results_service.pages.held_back import held_back_page
from results_service.routes import desk
from results_service.rules.map_layout import Map, Spot, map_of
from results_service.rules.places import Level, PlaceResult
from shared.errors import NotFound
from shared.web.pages import public_page, render

MOST_PLACES = 1000


@blueprint.get("/elections/<int:election_id>/places")
@public_page
@blueprint.doc(summary="A page of results per place")
def places(election_id: int) -> Response:
    held = held_back_page(election_id)
    if held is not None:
        return held
    moment = as_of()
    result = result_of(election_id, moment)
    answer = actions.list_places(desk(), election_id, None, None, MOST_PLACES, 0, lambda _tag: False, moment)
    headers, same = kept(answer, result.tag, past=moment is not None)
    if same:
        return same
    return render(
        "places.html",
        headers=headers,
        election=result.body.election,
        children=answer.body.items if answer.body else [],
        as_of=moment,
        names={one.poll_number: one.name for one in result.body.result.lists},
        looks=looks_of([one.poll_number for one in result.body.result.lists]),
    )


@blueprint.get("/elections/<int:election_id>/places/<level>/<path:place>")
@public_page
@blueprint.doc(summary="A page of the result of a place")
def place(election_id: int, level: str, place: str) -> Response:
    held = held_back_page(election_id)
    if held is not None:
        return held
    if level not in list(Level):
        raise NotFound("There is nothing at this address.")
    moment = as_of()
    result = result_of(election_id, moment)
    answer = actions.read_place(desk(), election_id, (Level(level), place), lambda _tag: False, moment)
    headers, same = kept(answer, result.tag, past=moment is not None)
    if same:
        return same
    found = answer.body
    assert found is not None  # noqa: S101 -- nothing is known beforehand.
    return render(
        "place.html",
        headers=headers,
        election=result.body.election,
        found=found,
        place=found.place,
        children=found.children,
        stations_map=_map(_stations_of(election_id, found, moment)) if level == Level.MUNICIPALITY else None,
        names={one.poll_number: one.name for one in result.body.result.lists},
        looks=looks_of([one.poll_number for one in result.body.result.lists]),
        as_of=moment,
    )


@blueprint.get("/elections/<int:election_id>/map")
@public_page
@blueprint.doc(summary="A map of municipalities by leading list")
def map_page(election_id: int) -> Response:
    held = held_back_page(election_id)
    if held is not None:
        return held
    result = result_of(election_id, None)
    answer = actions.list_places(desk(), election_id, Level.MUNICIPALITY, None, MOST_PLACES, 0, lambda _tag: False)
    headers, same = kept(answer, result.tag)
    if same:
        return same
    found = answer.body.items if answer.body else []
    return render(
        "map.html",
        headers=headers,
        election=result.body.election,
        found=found,
        drawn=_map(found),
        names={one.poll_number: one.name for one in result.body.result.lists},
        looks=looks_of([one.poll_number for one in result.body.result.lists]),
    )


def _stations_of(election_id: int, found: InPlace, moment: datetime | None) -> list[PlaceResult]:
    key = (found.place.level, found.place.id)
    answer = actions.list_places(desk(), election_id, Level.STATION, key, MOST_PLACES, 0, lambda _tag: False, moment)
    return answer.body.items if answer.body else []


def _map(found: list[PlaceResult]) -> tuple[Map, dict[str, PlaceResult]] | None:
    """The map of those that have coordinates, with these by their keys; None where none has any."""
    spots = {
        one.id: Spot(one.latitude, one.longitude, one.stations.registered)
        for one in found
        if one.latitude is not None and one.longitude is not None
    }
    if not spots:
        return None
    return map_of(spots), {one.id: one for one in found}
