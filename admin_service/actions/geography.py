"""Regions, constituencies, polling centres and polling stations: made, changed and deleted in the same way.

Elections that have opened are frozen first (``changing_geography``).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from admin_service.actions.electorates import changing_geography
from admin_service.rules.geography import check_coordinates, check_status, identity
from admin_service.store import geography as store
from admin_service.store.geography import Place
from admin_service.store.rows import NAMES, one
from shared.database import Database
from shared.errors import Conflict, InvalidInput, NotFound
from shared.journal.events import difference
from shared.journal.store import note
from shared.place_names import tidy
from shared.schema.election import (
    Batch,
    Constituency,
    PollingCentre,
    PollingStation,
    Region,
    SheetPhotograph,
    TallySheet,
)
from shared.sentences import say
from shared.terms import StationStatus


@dataclass(frozen=True)
class Sort:
    """What is special about one sort of place.

    ``named_by`` are the columns that identify one, the last of them is the name that a refusal is about. ``parent`` is
    the column that says where it belongs and what that is, ``children`` the columns that refer to it.
    """

    noun: str
    model: type[Place]
    named_by: tuple[str, ...]
    columns: tuple[str, ...]
    parent: tuple[str, type[Place]] | None = None
    children: tuple[Any, ...] = ()
    check: Callable[[Any], None] = lambda _: None


def _check_centre(centre: PollingCentre) -> None:
    check_coordinates(centre.latitude, centre.longitude)


def _check_station(station: PollingStation) -> None:
    check_status(station.status, station.reason, station.note)


REGION = Sort("region", Region, ("name",), ("name",), children=(Constituency.region_id,))
CONSTITUENCY = Sort(
    "constituency",
    Constituency,
    ("name",),
    ("region_id", "name", "seats"),
    parent=("region_id", Region),
    children=(PollingCentre.constituency_id,),
)
CENTRE = Sort(
    "polling_centre",
    PollingCentre,
    ("municipality", "name"),
    ("constituency_id", "municipality", "name", "address", "latitude", "longitude"),
    parent=("constituency_id", Constituency),
    children=(PollingStation.centre_id,),
    check=_check_centre,
)
STATION = Sort(
    "polling_station",
    PollingStation,
    ("code",),
    ("centre_id", "code", "registered", "contact", "status", "reason", "note"),
    parent=("centre_id", PollingCentre),
    children=(Batch.station_id, TallySheet.station_id, SheetPhotograph.station_id),
    check=_check_station,
)


def create(database: Database, sort: Sort, values: Mapping[str, Any]) -> Any:
    """Make a place known.

    Raises InvalidInput for what cannot be, and for a parent that does not exist; Conflict where there is one that its
    names mean already.
    """

    def make(session: Session) -> Any:
        place = sort.model()
        _settle(session, sort, place, values)
        session.add(place)
        session.flush()
        note(session, f"{sort.noun}.created", f"{sort.noun} {place.id}", _facts(sort, place))
        return place

    with _unique(sort):
        return changing_geography(database, make)


def change(database: Database, sort: Sort, number: int, check: Callable[[int], None], values: Mapping[str, Any]) -> Any:
    """Change the columns that ``values`` names; the same refusals, and NotFound. ``check`` looks at the version."""
    if values.get("status") == StationStatus.ACTIVE:
        values = {"reason": "", "note": "", **values}

    def alter(session: Session) -> Any:
        place = one(session, sort.model, number, lock=True)
        check(place.version)
        before = _facts(sort, place)
        _settle(session, sort, place, values)
        session.flush()
        note(session, f"{sort.noun}.changed", f"{sort.noun} {number}", difference(before, _facts(sort, place)))
        return place

    with _unique(sort):
        return changing_geography(database, alter)


def delete(database: Database, sort: Sort, number: int, check: Callable[[int], None] = lambda _version: None) -> None:
    """Forget a place that nothing belongs to; Conflict when something does. ``check`` looks at the version."""

    def forget(session: Session) -> None:
        place = one(session, sort.model, number, lock=True)
        check(place.version)
        for column in sort.children:
            if store.has(session, column, number):
                child = NAMES[column.class_]
                raise Conflict(
                    say(
                        "This {name} has at least one {child}, so it cannot be deleted.",
                        name=NAMES[sort.model],
                        child=child,
                    )
                )
        session.delete(place)
        note(session, f"{sort.noun}.deleted", f"{sort.noun} {number}", _facts(sort, place))

    changing_geography(database, forget)


def _settle(session: Session, sort: Sort, place: Any, values: Mapping[str, Any]) -> None:
    if sort.parent is not None and sort.parent[0] in values:
        column, model = sort.parent
        try:
            # Nobody deletes it before this is committed.
            one(session, model, values[column], lock=True)
        except NotFound as error:
            raise InvalidInput(error.message, field=column) from error
    for name, value in values.items():
        setattr(place, name, tidy(value) if isinstance(value, str) else value)
    sort.check(place)
    place.key = identity(*(getattr(place, name) for name in sort.named_by))


@contextmanager
def _unique(sort: Sort) -> Iterator[None]:
    """Turn the database's word that a key is there already into ours."""
    try:
        yield
    except IntegrityError as error:
        field = sort.named_by[-1]
        words = say("There is a {name} of this {field} already.", name=NAMES[sort.model], field=_FIELDS[field])
        raise Conflict(words, field=field) from error


_FIELDS = {"name": say("name"), "code": say("code")}


def _facts(sort: Sort, place: Any) -> dict[str, Any]:
    return {name: getattr(place, name) for name in sort.columns}
