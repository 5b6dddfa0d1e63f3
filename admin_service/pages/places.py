"""Regions, constituencies and polling centres: searched for, made, changed and deleted in the same way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from admin_service.actions import geography as actions
from admin_service.actions.geography import CENTRE, CONSTITUENCY, REGION, Sort
from admin_service.pages import filled_in
from admin_service.pages.frame import NOTICES, READERS, same_version, show
from admin_service.routes.fields import database
from admin_service.rules.geography import LONGEST, Searched
from admin_service.store import geography as store
from admin_service.store.rows import one
from shared.errors import UrnaError
from shared.schema.election import Constituency, PollingCentre, PollingStation
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

PER_PAGE = 50
MOST_SEATS = 100_000

NOTICES |= {
    "place-made": lazy_gettext("It is made."),
    "place-changed": lazy_gettext("It is changed."),
    "place-deleted": lazy_gettext("It is deleted."),
}


@dataclass(frozen=True)
class Pages:
    """What the pages of one sort of place say; ``below`` is the column that refers to it from the next lower sort."""

    sort: Sort
    title: Any
    new: Any
    lower: Any
    below: Any
    search: Callable[[str], Any]
    read: Callable[[], dict[str, Any]]
    parents: Callable[[Any], Sequence[Any]] = lambda _session: ()


def _region() -> dict[str, Any]:
    return {"name": filled_in.line("name", LONGEST["region"])}


def _constituency() -> dict[str, Any]:
    return {
        "name": filled_in.line("name", LONGEST["constituency"]),
        "region_id": filled_in.number_of("region_id"),
        "seats": filled_in.whole("seats", 1, MOST_SEATS, required=False),
    }


def _centre() -> dict[str, Any]:
    return {
        "municipality": filled_in.line("municipality", LONGEST["municipality"]),
        "name": filled_in.line("name", LONGEST["centre"]),
        "constituency_id": filled_in.number_of("constituency_id"),
        "address": filled_in.line("address", LONGEST["address"], required=False),
        "latitude": filled_in.degrees("latitude"),
        "longitude": filled_in.degrees("longitude"),
    }


SORTS: Mapping[str, Pages] = {
    "regions": Pages(
        REGION,
        lazy_gettext("Regions"),
        lazy_gettext("New region"),
        lazy_gettext("Constituencies"),
        Constituency.region_id,
        store.regions,
        _region,
    ),
    "constituencies": Pages(
        CONSTITUENCY,
        lazy_gettext("Constituencies"),
        lazy_gettext("New constituency"),
        lazy_gettext("Polling centres"),
        PollingCentre.constituency_id,
        store.constituencies,
        _constituency,
        lambda session: session.scalars(store.regions()).all(),
    ),
    "centres": Pages(
        CENTRE,
        lazy_gettext("Polling centres"),
        lazy_gettext("New polling centre"),
        lazy_gettext("Polling stations"),
        PollingStation.centre_id,
        store.centres_named,
        _centre,
        lambda session: session.scalars(store.constituencies()).all(),
    ),
}
places = page_blueprint("place_pages", __name__)


def address_of(view: str, sort: str, **arguments: Any) -> str:
    """Where a page of a sort is: ``listed``, ``new``, ``one`` or ``delete``."""
    return url_for(f"place_pages.{view}_{sort}", **arguments)


def _add_pages(sort: str) -> None:
    """Each sort has routes of its own, because the journal names what is done there by its noun."""
    pages = SORTS[sort]
    noun, title = pages.sort.noun, sort
    path = f"/stations/{sort}"

    @places.get(path, endpoint=f"listed_{sort}")
    @page_requires(*READERS)
    @places.doc(summary=f"A page of the {title}, to be searched")
    def listed() -> Response:
        return _list(sort)

    @places.get(f"{path}/new", endpoint=f"new_{sort}")
    @page_requires(Role.ADMINISTRATOR)
    @places.doc(summary=f"A page to make one of the {title}")
    def new() -> Response:
        return _form(sort, None, {})

    @places.post(f"{path}/new", endpoint=f"make_{sort}")
    @page_requires(Role.ADMINISTRATOR)
    @journaled(f"{noun}.created", noun)
    @places.doc(summary="The form for it")
    def make() -> Response:
        try:
            made = actions.create(database(), pages.sort, pages.read())
        except UrnaError as error:
            return _form(sort, None, request.form, error)
        return see_other(address_of("one", sort, number=made.id, notice="place-made"))

    @places.get(f"{path}/<int:number>", endpoint=f"one_{sort}")
    @page_requires(*READERS)
    @places.doc(summary=f"A page of one of the {title}")
    def one_place(number: int) -> Response:
        place = _place(sort, number)
        return _form(sort, place, _values(place))

    @places.post(f"{path}/<int:number>", endpoint=f"change_{sort}")
    @page_requires(Role.ADMINISTRATOR)
    @journaled(f"{noun}.changed", f"{noun} {{number}}")
    @places.doc(summary="The form that changes it")
    def change(number: int) -> Response:
        try:
            actions.change(database(), pages.sort, number, same_version, pages.read())
        except UrnaError as error:
            return _form(sort, _place(sort, number), request.form, error)
        return see_other(address_of("one", sort, number=number, notice="place-changed"))

    @places.post(f"{path}/<int:number>/deletion", endpoint=f"delete_{sort}")
    @page_requires(Role.ADMINISTRATOR)
    @journaled(f"{noun}.deleted", f"{noun} {{number}}")
    @places.doc(summary="The form that deletes it")
    def delete(number: int) -> Response:
        try:
            actions.delete(database(), pages.sort, number, same_version)
        except UrnaError as error:
            place = _place(sort, number)
            return _form(sort, place, _values(place), error)
        return see_other(address_of("listed", sort, notice="place-deleted"))


for _sort in SORTS:
    _add_pages(_sort)


def _list(sort: str) -> Response:
    pages, text, page = SORTS[sort], filled_in.text_in_address("search"), filled_in.page_number()
    with database().reading() as session:
        found, total = store.places_of(session, pages.search(text), PER_PAGE, (page - 1) * PER_PAGE)
        below = store.numbers_below(session, pages.below, [place.id for place in found])
        parents = {parent.id: parent for parent in pages.parents(session)}
        session.expunge_all()
    return show(
        "stations/places.html",
        sort=sort,
        pages=pages,
        found=found,
        total=total,
        below=below,
        parents=parents,
        search=text,
        page=page,
        per_page=PER_PAGE,
        place_address=address_of,
        address=lambda number: address_of("listed", sort, search=text or None, page=number),
    )


def _place(sort: str, number: int) -> Any:
    with database().reading() as session:
        found = one(session, SORTS[sort].sort.model, number)
        session.expunge_all()
    return found


def _values(place: Any) -> dict[str, Any]:
    return {column.name: getattr(place, column.name) for column in place.__table__.columns}


def _form(sort: str, place: Any, values: Mapping[str, Any], error: UrnaError | None = None) -> Response:
    pages = SORTS[sort]
    with database().reading() as session:
        parents = pages.parents(session)
        below: Sequence[Any] = ()
        total = 0
        if place is not None:
            total = store.numbers_below(session, pages.below, [place.id]).get(place.id, 0)
        if place is not None and sort == "centres":
            below, _ = store.page_of(session, store.found_stations(Searched(centre_id=place.id)), PER_PAGE, 0)
        session.expunge_all()
    return show(
        "stations/place.html",
        error,
        sort=sort,
        pages=pages,
        place_address=address_of,
        place=place,
        values=values,
        parents=[(parent.id, parent.name) for parent in parents],
        below=below,
        total=total,
        most=LONGEST,
    )
