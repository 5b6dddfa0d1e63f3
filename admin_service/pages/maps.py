"""The polling stations drawn by their coordinates: which are disabled, or where the sheets of an election stand."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, url_for

from admin_service import store as elections
from admin_service.pages import filled_in
from admin_service.pages.frame import READERS, show
from admin_service.pages.station_words import SHAPES, STATES, STATUSES, Word
from admin_service.routes.fields import database
from admin_service.rules.geography import Searched
from admin_service.rules.maps import MARGIN, WIDTH, draw, path
from admin_service.rules.sheets import URGENCY, Filter, Order
from admin_service.store import geography as store
from admin_service.store import sheets
from shared.schema.election import Election
from shared.terms import StationStatus
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint

PER_PAGE = 50
# So many places can be told apart with a pointer; more are one drawing.
MOST_LINKS = 400
# The last one lies on top: what waits for somebody.
_STATUSES = (StationStatus.ACTIVE, StationStatus.DISABLED)

maps = page_blueprint("map_pages", __name__)


@maps.get("/stations/map")
@page_requires(*READERS)
@maps.doc(summary="A map of the polling stations, active and disabled")
def of_places() -> Response:
    wanted = Searched(municipality=filled_in.text_in_address("municipality"))
    with database().reading() as session:
        found, _ = store.page_of(session, store.found_stations(wanted), 200_000, 0)
        municipalities = store.municipalities(session)
    rows = [{**row, "state": row["status"]} for row in found]
    return _map(rows, _STATUSES, STATUSES, wanted.municipality, municipalities, None)


@maps.get("/sheets/<int:election_id>/map")
@page_requires(*READERS)
@maps.doc(summary="A map of the polling stations of an election by where their tally sheets stand")
def of_sheets(election_id: int) -> Response:
    municipality = filled_in.text_in_address("municipality")
    with database().reading() as session:
        election = elections.election(session, election_id)
        rows = sheets.stations(
            session, sheets.board(session, election_id, Filter(municipality=municipality), Order.MISSING)
        )
        municipalities = sheets.municipalities(session, election_id)
        session.expunge_all()
    return _map(rows, URGENCY[::-1], STATES, municipality, municipalities, election)


def _map(
    rows: Sequence[Mapping[str, Any]],
    states: Sequence[Any],
    words: Mapping[Any, Word],
    municipality: str,
    municipalities: Sequence[str],
    election: Election | None,
) -> Response:
    located = [row for row in rows if row["latitude"] is not None]
    drawing = draw([(row["latitude"], row["longitude"]) for row in located]) if located else None
    by_state: dict[Any, list[tuple[float, float]]] = {state: [] for state in states}
    for row, place in zip(located, drawing.places if drawing else (), strict=True):
        by_state[type(states[0])(row["state"])].append(place)
    size = 9 if len(located) <= MOST_LINKS else 5 if len(located) <= 3000 else 3
    page = filled_in.page_number()
    begin = (page - 1) * PER_PAGE
    here = url_for("map_pages.of_sheets", election_id=election.id) if election else url_for("map_pages.of_places")
    return show(
        "stations/map.html",
        election=election,
        drawing=drawing,
        width=WIDTH,
        margin=MARGIN,
        layers=[
            (state, SHAPES[state], path(SHAPES[state], places, size), len(places)) for state, places in by_state.items()
        ],
        legend=[(state, SHAPES[state], path(SHAPES[state], [(12, 12)], 7)) for state in states[::-1]],
        targets=[
            (row, path("square", [place], size + 8))
            for row, place in zip(located, drawing.places if drawing else (), strict=True)
        ]
        if len(located) <= MOST_LINKS
        else [],
        rows=located[begin : begin + PER_PAGE],
        located=len(located),
        total=len(rows),
        words=words,
        municipality=municipality,
        municipalities=[(one, one) for one in municipalities],
        page=page,
        per_page=PER_PAGE,
        here=here,
        address=lambda number: f"{here}?{urlencode({'municipality': municipality, 'page': number})}",
    )
