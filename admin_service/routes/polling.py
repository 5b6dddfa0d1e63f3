"""/api/polling-centres and /api/polling-stations: where people vote, one by one, from a file, and as GeoJSON."""

from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response, current_app
from pydantic import BaseModel, Field

from admin_service.actions import geography as actions
from admin_service.actions.geography import CENTRE, STATION
from admin_service.routes.fields import (
    OF_A_CHANGE,
    READERS,
    Id,
    Line,
    Name,
    Reference,
    Searched,
    Tagged,
    changes,
    database,
)
from admin_service.rules.geography import MOST_REGISTERED
from admin_service.store import geography as store
from admin_service.store.rows import one
from shared.auth import requires
from shared.schema.election import PollingCentre, PollingStation
from shared.terms import Disabling, Role, StationStatus
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag, paginate

polling = APIBlueprint("polling", __name__, tag="Polling centres and stations", url_prefix="/api")

# APIFlask's own type for it does not go this deep.
_MAP: Any = {200: {"description": "The stations", "content": {"application/geo+json": {"schema": {"type": "object"}}}}}

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees north, WGS 84.")]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees east, WGS 84.")]
Code = Annotated[str, Field(min_length=1, max_length=64, description="What officials call it by.")]
Registered = Annotated[int, Field(strict=True, ge=0, le=MOST_REGISTERED, description="Voters on its electoral roll.")]
Note = Annotated[str, Field(max_length=1024)]


class CentreAnswer(BaseModel):
    """A building with one polling station or several."""

    id: int
    constituency_id: int
    municipality: str
    name: str
    address: str
    latitude: float | None
    longitude: float | None
    version: int = Field(description="Counts the changes; the ETag.")


class CentrePage(Page[CentreAnswer]):
    """One page of polling centres."""


class NewCentre(Strict):
    """What a polling centre is made of."""

    constituency_id: Id
    municipality: Name
    name: Name
    address: Line = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class CentreChange(Strict):
    """What is to be different; a field that is left out stays as it is. Null takes the coordinates away."""

    constituency_id: Id | None = None
    municipality: Name | None = None
    name: Name | None = None
    address: Line | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class CentreQuery(PageQuery):
    """Which polling centres."""

    name: Searched = ""
    municipality: Searched = ""
    constituency_id: Reference = None


class StationAnswer(BaseModel):
    """Where people vote."""

    id: int
    centre_id: int
    code: str
    registered: int
    contact: str
    status: StationStatus
    reason: Disabling | str = Field(description="Why it is disabled; empty while it is active.")
    note: str
    version: int = Field(description="Counts the changes; the ETag.")


class StationPage(Page[StationAnswer]):
    """One page of polling stations."""


class NewStation(Strict):
    """What a polling station is made of."""

    centre_id: Id
    code: Code
    registered: Registered
    contact: Line = ""
    status: StationStatus = StationStatus.ACTIVE
    reason: Disabling | None = Field(None, description="Why it is disabled.")
    note: Note = ""


class StationChange(Strict):
    """What is to be different; a field that is left out or null stays as it is. Activating clears the reason."""

    centre_id: Id | None = None
    code: Code | None = None
    registered: Registered | None = None
    contact: Line | None = None
    status: StationStatus | None = None
    reason: Disabling | None = None
    note: Note | None = None


class StationQuery(PageQuery):
    """Which polling stations."""

    code: Searched = ""
    centre_id: Reference = None
    status: StationStatus | None = None


@polling.get("/polling-centres")
@requires(*READERS)
@polling.input(CentreQuery, location="query", arg_name="query")
@polling.output(CentrePage)
@polling.doc(summary="List or search polling centres")
def list_centres(query: CentreQuery) -> dict[str, Any]:
    with database().reading() as session:
        wanted = store.centres(query.name, query.municipality, query.constituency_id)
        return paginate(session, wanted, query, _centre)


@polling.post("/polling-centres")
@requires(Role.ADMINISTRATOR)
@journaled("polling_centre.created", "polling_centre")
@polling.input(NewCentre, arg_name="body")
@polling.output(CentreAnswer, status_code=201)
@polling.doc(
    summary="Make a polling centre known",
    responses={409: "There is one of this name in the municipality", 422: "A field is wrong"},
)
def create_centre(body: NewCentre) -> Tagged[CentreAnswer]:
    made = actions.create(database(), CENTRE, body.model_dump())
    return _centre(made), 201, {"Location": f"/api/polling-centres/{made.id}", **etag(made.version)}


@polling.get("/polling-centres/<int:centre_id>")
@requires(*READERS)
@polling.output(CentreAnswer)
@polling.doc(summary="One polling centre", responses={404: "No such polling centre"})
def show_centre(centre_id: int) -> Tagged[CentreAnswer]:
    with database().reading() as session:
        found = one(session, PollingCentre, centre_id)
        return _centre(found), 200, etag(found.version)


@polling.patch("/polling-centres/<int:centre_id>")
@requires(Role.ADMINISTRATOR)
@journaled("polling_centre.changed", "polling_centre {centre_id}")
@polling.input(CentreChange, arg_name="body")
@polling.output(CentreAnswer)
@polling.doc(
    summary="Change a polling centre",
    description="Needs If-Match.",
    responses={404: "No such polling centre", **OF_A_CHANGE},
)
def change_centre(centre_id: int, body: CentreChange) -> Tagged[CentreAnswer]:
    changed = actions.change(database(), CENTRE, centre_id, check_match, changes(body, "latitude", "longitude"))
    return _centre(changed), 200, etag(changed.version)


@polling.delete("/polling-centres/<int:centre_id>")
@requires(Role.ADMINISTRATOR)
@journaled("polling_centre.deleted", "polling_centre {centre_id}")
@polling.output({}, status_code=204)
@polling.doc(
    summary="Delete a polling centre", responses={404: "No such polling centre", 409: "It has polling stations"}
)
def delete_centre(centre_id: int) -> tuple[str, int]:
    actions.delete(database(), CENTRE, centre_id)
    return "", 204


@polling.get("/polling-stations")
@requires(*READERS)
@polling.input(StationQuery, location="query", arg_name="query")
@polling.output(StationPage)
@polling.doc(summary="List or search polling stations")
def list_stations(query: StationQuery) -> dict[str, Any]:
    with database().reading() as session:
        wanted = store.stations(query.code, query.centre_id, query.status)
        return paginate(session, wanted, query, _station)


@polling.post("/polling-stations")
@requires(Role.ADMINISTRATOR)
@journaled("polling_station.created", "polling_station")
@polling.input(NewStation, arg_name="body")
@polling.output(StationAnswer, status_code=201)
@polling.doc(
    summary="Make a polling station known", responses={409: "There is one of this code", 422: "A field is wrong"}
)
def create_station(body: NewStation) -> Tagged[StationAnswer]:
    made = actions.create(database(), STATION, {**body.model_dump(), "reason": body.reason or ""})
    return _station(made), 201, {"Location": f"/api/polling-stations/{made.id}", **etag(made.version)}


@polling.get("/polling-stations/<int:station_id>")
@requires(*READERS)
@polling.output(StationAnswer)
@polling.doc(summary="One polling station", responses={404: "No such polling station"})
def show_station(station_id: int) -> Tagged[StationAnswer]:
    with database().reading() as session:
        found = one(session, PollingStation, station_id)
        return _station(found), 200, etag(found.version)


@polling.patch("/polling-stations/<int:station_id>")
@requires(Role.ADMINISTRATOR)
@journaled("polling_station.changed", "polling_station {station_id}")
@polling.input(StationChange, arg_name="body")
@polling.output(StationAnswer)
@polling.doc(
    summary="Change a polling station",
    description="Needs If-Match.",
    responses={404: "No such polling station", **OF_A_CHANGE},
)
def change_station(station_id: int, body: StationChange) -> Tagged[StationAnswer]:
    changed = actions.change(database(), STATION, station_id, check_match, changes(body))
    return _station(changed), 200, etag(changed.version)


@polling.delete("/polling-stations/<int:station_id>")
@requires(Role.ADMINISTRATOR)
@journaled("polling_station.deleted", "polling_station {station_id}")
@polling.output({}, status_code=204)
@polling.doc(
    summary="Delete a polling station",
    responses={404: "No such polling station", 409: "Something was handed in for it"},
)
def delete_station(station_id: int) -> tuple[str, int]:
    actions.delete(database(), STATION, station_id)
    return "", 204


@polling.get("/polling-stations.geojson")
@requires(*READERS)
@polling.doc(
    summary="All polling stations on the map",
    description="A FeatureCollection (RFC 7946). A station whose centre has no coordinates has no geometry.",
    responses=_MAP,
)
def map_stations() -> Response:
    with database().reading() as session:
        features = [_feature(row) for row in store.everything_of_stations(session)]
    body = current_app.json.dumps({"type": "FeatureCollection", "features": features})
    return Response(body, mimetype="application/geo+json")


def _feature(station: Any) -> dict[str, Any]:
    located = station["latitude"] is not None
    shown = ("code", "region", "constituency", "municipality", "centre", "address", "registered", "status", "reason")
    return {
        "type": "Feature",
        "id": station["station_id"],
        # East comes first.
        "geometry": {"type": "Point", "coordinates": [station["longitude"], station["latitude"]]} if located else None,
        "properties": {name: station[name] for name in shown},
    }


def _centre(centre: PollingCentre) -> CentreAnswer:
    return CentreAnswer.model_validate(centre, from_attributes=True)


def _station(station: PollingStation) -> StationAnswer:
    return StationAnswer.model_validate(station, from_attributes=True)
