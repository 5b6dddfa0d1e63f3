"""Reconciliation: the declared result of a station held against what was counted from its files, and why they differ.

All that is compared is read in one snapshot. A difference is explained for the two figures that it has; whoever saw
others is told so, because they are not what was explained.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from admin_service import store
from admin_service.rules.sheets import Filter, Order, check_may_decide
from admin_service.store import sheets
from shared import electorate, sheet_rows, station_tallies, tallies
from shared.database import Database
from shared.errors import Conflict, InvalidInput
from shared.journal.store import note
from shared.schema.election import DifferenceNote
from shared.sheets import Counted, Numbers, Reconciliation, reconcile
from shared.sheets.reconciliation import NOTHING_COUNTED
from shared.terms import Lacking, SheetState

SUBJECT = "difference of station {station_id} in election {election_id}"
"""As the journal names a difference."""


# By store and election: in which state of the store the stations were counted, and how many there were.
_open_stations: WeakKeyDictionary[Database, dict[int, tuple[str, int]]] = WeakKeyDictionary()


class Show(StrEnum):
    """Which stations of a reconciliation somebody wants to see."""

    OPEN = "open"
    EXPLAINED = "explained"
    ALL = "all"
    LACKING = "lacking"


@dataclass(frozen=True)
class Compared:
    """A station with its counts and how they stand to each other; ``declared`` is None where no sheet is accepted."""

    place: Mapping[str, Any]
    declared: Numbers | None
    counted: Counted
    reconciliation: Reconciliation


@dataclass(frozen=True)
class OfCode:
    """How many differences of one code nobody has explained, and how many somebody has."""

    open: int
    explained: int


@dataclass(frozen=True)
class Listing:
    """The stations that were asked for, and what all stations of the filter come to.

    ``clean`` ones have no difference; ``open`` ones have at least one that nobody has explained, ``explained`` ones
    have only such that somebody has. ``nowhere`` is what was counted from uploads of no station of the election.
    """

    found: list[Compared]
    stations: int
    clean: int
    open: int
    explained: int
    lacking: Mapping[Lacking, int]
    codes: Mapping[str, OfCode]
    nowhere: Counted


def compare(session: Session, election_id: int, places: Iterable[Mapping[str, Any]]) -> list[Compared]:
    """The reconciliation of a few hundred stations at most."""
    asked = list(places)
    numbers = [place["station_id"] for place in asked]
    return _compared(session, election_id, asked, station_tallies.of_stations(session, election_id, numbers), numbers)


def compare_all(session: Session, election_id: int, places: Iterable[Mapping[str, Any]]) -> list[Compared]:
    """The same for any number of stations."""
    return _compared(session, election_id, places, station_tallies.by_station(session, election_id), None)


def open_stations(database: Database, session: Session, election_id: int) -> int:
    """How many stations have a difference that nobody has explained; only those with an accepted sheet can.

    All stations of a country take most of a second to compare, and the number stands on the first page that anybody
    sees; so it is kept until anything is different that it follows from.
    """
    state = f"{electorate.fingerprint(session, election_id)} {sheets.evidence(session, election_id)}"
    kept = _open_stations.setdefault(database, {})
    found = kept.get(election_id)
    # Other threads look, too: what each answers is what it has found itself.
    if found is None or found[0] != state:
        found = kept[election_id] = state, _count_open(session, election_id)
    return found[1]


def _count_open(session: Session, election_id: int) -> int:
    accepted = sheets.board(session, election_id, Filter(states=(SheetState.ACCEPTED,)), Order.STATION)
    compared = compare_all(session, election_id, sheets.stations(session, accepted))
    return sum(bool(one.reconciliation.open) and not one.reconciliation.lacking for one in compared)


def read(database: Database, election_id: int, station_id: int) -> Compared:
    """The reconciliation of one station; NotFound when the election or its station is not there."""
    with database.reading(still=True) as session:
        store.election(session, election_id)
        (found,) = compare(session, election_id, [sheets.place(session, election_id, station_id)])
        return found


def listing(database: Database, election_id: int, wanted: Filter, show: Show, code: str = "") -> Listing:
    """The reconciliation of all stations of an election at which people vote, or which have sent something.

    Of the stations with differences only those are ``found`` that have one of this ``code``; ``list`` is that of every
    list.
    """
    with database.reading(still=True) as session:
        store.election(session, election_id)
        counted = station_tallies.by_station(session, election_id)
        everywhere = sheets.stations(session, sheets.board(session, election_id, Filter(), Order.STATION))
        compared = _compared(session, election_id, everywhere, counted, None)
    known = {one.place["station_id"] for one in compared}
    chosen = [one for one in compared if _is_wanted(one.place, wanted)]
    return _summed(chosen, show, code, [sums for station_id, sums in counted.items() if station_id not in known])


def explain(
    database: Database,
    election_id: int,
    station_id: int,
    explained: Sequence[tuple[str, Mapping[str, int]]],
    reason: str,
    actor: str,
    now: datetime,
) -> Compared:
    """Say why counts of a station differ: ``explained`` are the codes of differences, each with its two figures.

    Conflict where one of them has other figures by now, or does not differ; then none is explained.
    """
    if not reason.strip():
        raise InvalidInput("Say why the two counts differ, for whoever reads it later.", field="reason")
    with database.writing() as session:
        election = store.election(session, election_id)
        check_may_decide(tallies.state_of(election, now, None, has_dead_letter=False))
        place = sheets.place(session, election_id, station_id)
        # The sheet stays what it is until this is said; a further file only opens the difference again.
        sheet_rows.locked(session, election_id, station_id)
        (found,) = compare(session, election_id, [place])
        known = {one.code: dict(one.figures) for one in found.reconciliation.differences}
        for code, figures in explained:
            if known.get(code) != dict(figures):
                raise Conflict(
                    "These two counts are not what they were, or do not differ any more; look at them again."
                )
            session.add(
                DifferenceNote(
                    election_id=election_id,
                    station_id=station_id,
                    difference=code,
                    figures=dict(figures),
                    reason=reason,
                    actor=actor,
                    at=now,
                )
            )
            session.flush()
            details = {"difference": code, "figures": dict(figures), "reason": reason}
            subject = SUBJECT.format(station_id=station_id, election_id=election_id)
            note(session, "difference.explained", subject, details)
        (found,) = compare(session, election_id, [place])
        return found


def _compared(
    session: Session,
    election_id: int,
    places: Iterable[Mapping[str, Any]],
    counted: Mapping[Any, Counted],
    numbers: Collection[int] | None,
) -> list[Compared]:
    declared = sheets.declared(session, election_id, numbers)
    notes = sheets.notes(session, election_id, numbers)
    found = []
    for place in places:
        station_id = place["station_id"]
        sheet, files = declared.get(station_id), counted.get(station_id, NOTHING_COUNTED)
        found.append(Compared(place, sheet, files, reconcile(sheet, files, notes.get(station_id, ()))))
    return found


def _is_wanted(place: Mapping[str, Any], wanted: Filter) -> bool:
    text = wanted.text.casefold()
    return (
        (not wanted.municipality or place["municipality"] == wanted.municipality)
        and wanted.constituency_id in (None, place["constituency_id"])
        and any(text in str(place[name]).casefold() for name in ("code", "municipality", "centre"))
    )


def _has(compared: Compared, show: Show, code: str) -> bool:
    """Whether a station has a difference of a code in the state that is asked for."""
    return any(
        code in (difference.code, difference.code.partition(".")[0])
        and (show is Show.ALL or difference.is_open == (show is Show.OPEN))
        for difference in compared.reconciliation.differences
    )


def _summed(chosen: list[Compared], show: Show, code: str, nowhere: list[Counted]) -> Listing:
    by_show: dict[Show, list[Compared]] = {one: [] for one in Show}
    lacking = dict.fromkeys(Lacking, 0)
    codes: dict[str, list[int]] = {}
    clean = 0
    for one in chosen:
        found = one.reconciliation
        for what in found.lacking:
            lacking[what] += 1
        for difference in found.differences:
            codes.setdefault(difference.code, [0, 0])[not difference.is_open] += 1
        if found.lacking:
            by_show[Show.LACKING].append(one)
        elif found.differences:
            by_show[Show.ALL].append(one)
            by_show[Show.OPEN if found.open else Show.EXPLAINED].append(one)
        else:
            clean += 1
    return Listing(
        found=[one for one in by_show[show] if not code or show is Show.LACKING or _has(one, show, code)],
        stations=len(chosen),
        clean=clean,
        open=len(by_show[Show.OPEN]),
        explained=len(by_show[Show.EXPLAINED]),
        lacking=lacking,
        codes={code: OfCode(*numbers) for code, numbers in codes.items()},
        nowhere=Counted(
            valid=sum(one.valid for one in nowhere),
            invalid=sum(one.invalid for one in nowhere),
            duplicate=sum(one.duplicate for one in nowhere),
            uploads=sum(one.uploads for one in nowhere),
            is_complete=all(one.is_complete for one in nowhere),
        ),
    )
