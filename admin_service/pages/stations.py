"""Polling stations: searched for, looked at, made, changed, disabled and deleted one by one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext

from admin_service.actions import geography as actions
from admin_service.actions.geography import STATION
from admin_service.pages import filled_in
from admin_service.pages.frame import NOTICES, READERS, same_version, show, spoken
from admin_service.pages.station_words import DISABLING, STATES, STATUSES
from admin_service.routes.fields import database
from admin_service.routes.spreadsheets import spreadsheet
from admin_service.rules.geography import LONGEST, MOST_REGISTERED, Searched, identity
from admin_service.store import geography as store
from admin_service.store import sheets
from admin_service.store.rows import one
from shared.errors import InvalidInput, UrnaError
from shared.schema.election import PollingCentre, PollingStation
from shared.terms import Disabling, Role, StationStatus
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, render, see_other

PER_PAGE = 50
# No municipality has as many; the names are only proposed while somebody writes one.
MOST_PROPOSED = 1000
_IN_THE_FILE = ("municipality", "centre", "address", "registered")

NOTICES |= {
    "station-made": lazy_gettext("The polling station is made. Elections that have opened go on without it."),
    "station-changed": lazy_gettext("The polling station is changed."),
    "station-disabled": lazy_gettext(
        "The polling station is disabled: nobody hands in for it any more, and it is on no new board."
    ),
    "station-activated": lazy_gettext("The polling station is active again."),
    "station-deleted": lazy_gettext("The polling station is deleted."),
}

stations = page_blueprint("station_pages", __name__)


@stations.get("/stations")
@page_requires(*READERS)
@stations.doc(summary="A page of the polling stations, to be searched")
def listed() -> Response:
    wanted, page = _searched(), filled_in.page_number()
    with database().reading() as session:
        found, total = store.page_of(session, store.found_stations(wanted), PER_PAGE, (page - 1) * PER_PAGE)
        active, registered = store.registered_in(session, wanted)
        municipalities = store.municipalities(session)
        centre = one(session, PollingCentre, wanted.centre_id) if wanted.centre_id else None
        session.expunge_all()
    return show(
        "stations/list.html",
        wanted=wanted,
        found=found,
        total=total,
        active=active,
        registered=registered,
        municipalities=[(name, name) for name in municipalities],
        centre=centre,
        page=page,
        per_page=PER_PAGE,
        address=lambda number: url_for("station_pages.listed", **_arguments(wanted), page=number),
        statuses=STATUSES,
    )


@stations.get("/stations/stations.csv")
@page_requires(*READERS)
@stations.doc(summary="The polling stations with their numbers, as a file for a spreadsheet")
def as_file() -> Response:
    with database().reading() as session:
        found = store.everything_of_stations(session)
    # The code is called as the import of stations calls it, which leaves the number aside; that of officials needs it.
    rows = [[row["station_id"], row["code"], *(row[name] for name in _IN_THE_FILE)] for row in found]
    return spreadsheet("polling-stations", ("station_id", "station", *_IN_THE_FILE), rows)


@stations.get("/stations/new")
@page_requires(Role.ADMINISTRATOR)
@stations.doc(summary="A page to make a polling station")
def new() -> Response:
    number = filled_in.number_in_address("centre")
    values = {}
    if number:
        with database().reading() as session:
            centre = one(session, PollingCentre, number)
            values = {"municipality": centre.municipality, "centre": centre.name}
            session.expunge_all()
    return _form(None, values)


@stations.post("/stations/new")
@page_requires(Role.ADMINISTRATOR)
@journaled("polling_station.created", "polling_station")
@stations.doc(summary="The form for it")
def make() -> Response:
    try:
        made = actions.create(database(), STATION, {**_filled_in(), "status": "active", "reason": "", "note": ""})
    except UrnaError as error:
        return _form(None, request.form, error)
    return see_other(url_for("station_pages.one_station", station_id=made.id, notice="station-made"))


@stations.get("/stations/<int:station_id>")
@page_requires(*READERS)
@stations.doc(summary="A page of one polling station")
def one_station(station_id: int) -> Response:
    return _shown(station_id)


@stations.get("/stations/<int:station_id>/change")
@page_requires(Role.ADMINISTRATOR)
@stations.doc(summary="A page to change it")
def changing(station_id: int) -> Response:
    with database().reading() as session:
        station = one(session, PollingStation, station_id)
        (whole,) = store.everything_of_stations(session, [station.key])
        session.expunge_all()
    return _form(station, whole)


@stations.post("/stations/<int:station_id>/change")
@page_requires(Role.ADMINISTRATOR)
@journaled("polling_station.changed", "polling_station {station_id}")
@stations.doc(summary="The form for it")
def change(station_id: int) -> Response:
    try:
        actions.change(database(), STATION, station_id, same_version, _filled_in())
    except UrnaError as error:
        with database().reading() as session:
            station = one(session, PollingStation, station_id)
            session.expunge_all()
        return _form(station, request.form, error)
    return see_other(url_for("station_pages.one_station", station_id=station_id, notice="station-changed"))


@stations.post("/stations/<int:station_id>/status")
@page_requires(Role.ADMINISTRATOR)
@journaled("polling_station.changed", "polling_station {station_id}")
@stations.doc(summary="The form that disables it for a reason, or activates it again")
def change_status(station_id: int) -> Response:
    try:
        status = filled_in.one_of("status", set(StationStatus))
        values = {"status": status}
        if status == StationStatus.DISABLED:
            values["reason"] = filled_in.one_of("reason", set(Disabling))
            values["note"] = filled_in.line("note", LONGEST["note"], required=False)
        actions.change(database(), STATION, station_id, same_version, values)
    except UrnaError as error:
        return _shown(station_id, error)
    notice = "station-activated" if status == StationStatus.ACTIVE else "station-disabled"
    return see_other(url_for("station_pages.one_station", station_id=station_id, notice=notice))


@stations.post("/stations/<int:station_id>/deletion")
@page_requires(Role.ADMINISTRATOR)
@journaled("polling_station.deleted", "polling_station {station_id}")
@stations.doc(summary="The form that deletes it")
def delete(station_id: int) -> Response:
    try:
        actions.delete(database(), STATION, station_id, same_version)
    except UrnaError as error:
        return _shown(station_id, error)
    return see_other(url_for("station_pages.listed", notice="station-deleted"))


@stations.get("/stations/centre-names")
@page_requires(Role.ADMINISTRATOR)
@stations.doc(summary="The names of a municipality's polling centres, which its form proposes")
def proposed_centres() -> Response:
    with database().reading() as session:
        names = store.centre_names(session, filled_in.text_in_address("municipality"), MOST_PROPOSED)
    return render("stations/centres.html", names=names)


def _searched() -> Searched:
    status = request.args.get("status", "")
    return Searched(
        text=filled_in.text_in_address("search"),
        municipality=filled_in.text_in_address("municipality"),
        centre_id=filled_in.number_in_address("centre"),
        constituency_id=filled_in.number_in_address("constituency"),
        status=StationStatus(status) if status in set(StationStatus) else None,
    )


def _arguments(wanted: Searched) -> dict[str, Any]:
    named = {
        "search": wanted.text,
        "municipality": wanted.municipality,
        "centre": wanted.centre_id,
        "constituency": wanted.constituency_id,
        "status": wanted.status.value if wanted.status else None,
    }
    return {name: value for name, value in named.items() if value}


def _filled_in() -> dict[str, Any]:
    values = {
        "code": filled_in.line("code", LONGEST["code"]),
        "registered": filled_in.whole("registered", 0, MOST_REGISTERED),
        "contact": filled_in.line("contact", LONGEST["contact"], required=False),
    }
    municipality = filled_in.line("municipality", LONGEST["municipality"])
    name = filled_in.line("centre", LONGEST["centre"])
    with database().reading() as session:
        centre = store.centre_id(session, identity(municipality, name))
    if centre is None:
        words = gettext(
            "There is no polling centre of this name in %(municipality)s. Make it first.", municipality=municipality
        )
        raise InvalidInput(spoken(words), field="centre")
    return {**values, "centre_id": centre}


def _form(station: PollingStation | None, values: Mapping[str, Any], error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        municipalities = store.municipalities(session)
        names = store.centre_names(session, str(values.get("municipality") or ""), MOST_PROPOSED)
    return show(
        "stations/form.html",
        error,
        station=station,
        values=values,
        municipalities=municipalities,
        names=names,
        most={**LONGEST, "registered": MOST_REGISTERED},
    )


def _shown(station_id: int, error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        station = one(session, PollingStation, station_id)
        (whole,) = store.everything_of_stations(session, [station.key])
        neighbours, _ = store.page_of(session, store.found_stations(Searched(centre_id=station.centre_id)), 50, 0)
        of_elections = sheets.of_station(session, station_id, datetime.now(UTC))
        session.expunge_all()
    return show(
        "stations/station.html",
        error,
        station=station,
        whole=whole,
        neighbours=[row for row in neighbours if row["station_id"] != station_id],
        of_elections=of_elections,
        sheet_states=STATES,
        statuses=STATUSES,
        disabling=DISABLING,
        values=request.form,
    )
