"""Tally sheets as the administration sees them: the board of all stations, one sheet, and what is decided about it.

What is decided is one more event of the sheet, added while its row is locked, so that of two people who decide at once
the second one finds that it has changed. The daemon adds the entries in the same way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from admin_service import store
from admin_service.actions import reconciliation
from admin_service.actions.reconciliation import Compared
from admin_service.rules.sheets import Filter, Order, check_may_decide
from admin_service.store import sheets
from admin_service.store.sheets import Photograph
from shared import sheet_rows, tallies
from shared.database import Database
from shared.errors import ChangedMeanwhile, Conflict, Unavailable, UrnaError
from shared.journal import events
from shared.journal.store import note, write
from shared.schema.election import Election
from shared.sheets import Counted, Event, Person, Sheet, advance, replay
from shared.terms import Outcome, SheetAct, SheetState

# As the journal names a sheet, and as the daemon does for one that an official has entered.
SUBJECT = "sheet of station {station_id} in election {election_id}"
OF_MANY = "sheet of many stations in election {election_id}"


@dataclass(frozen=True)
class Row:
    """A station on the board. ``open`` is the number of differences that nobody has explained, None: not compared."""

    place: Mapping[str, Any]
    state: SheetState
    since: datetime | None
    last: int
    counted: Counted
    photographs: int
    open: int | None


@dataclass(frozen=True)
class Board:
    """Some of the stations that were asked for, and of all of these the number and registered voters by state."""

    rows: list[Row]
    totals: Mapping[SheetState, tuple[int, int]]
    constituencies: Mapping[int, str]


@dataclass(frozen=True)
class StatusBoard:
    """A page of the board with what stands around it.

    ``of_search`` are the totals of all states of what was searched for, and ``everywhere`` those of the whole election;
    ``explained`` says by station what the officials explained on sheets that wait for review, by code.
    """

    election: Election
    board: Board
    of_search: Mapping[SheetState, tuple[int, int]]
    everywhere: Mapping[SheetState, tuple[int, int]]
    municipalities: Sequence[str]
    explained: Mapping[int, Mapping[str, str]]


@dataclass(frozen=True)
class Shown:
    """A sheet with all that somebody needs who decides about it."""

    sheet: Sheet
    events: list[Event]
    photographs: list[Photograph]
    compared: Compared


@dataclass(frozen=True)
class Decision:
    """What an administrator says about a sheet; ``chosen`` and ``reason`` as in ``shared.sheets.Event``."""

    act: SheetAct
    chosen: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Accepted:
    """What became of one sheet of many: the number of its last event, or why it was not accepted."""

    station_id: int
    last: int | None = None
    problem: str = ""


def board(database: Database, election_id: int, wanted: Filter, order: Order, limit: int, offset: int) -> Board:
    """The stations of an election from ``offset`` on, as many as ``limit``; NotFound when there is no election."""
    with database.reading(still=True) as session:
        store.election(session, election_id)
        return _board(session, election_id, wanted, order, limit, offset)


def status_board(
    database: Database, election_id: int, wanted: Filter, order: Order, limit: int, offset: int
) -> StatusBoard:
    """The same, with the numbers of all states beside those that were asked for."""
    with database.reading(still=True) as session:
        election = store.election(session, election_id)
        found = _board(session, election_id, wanted, order, limit, offset)
        waiting = [row.place["station_id"] for row in found.rows if row.state is SheetState.WAITING_FOR_REVIEW]

        def totals(filtered: Filter) -> Mapping[SheetState, tuple[int, int]]:
            if filtered == wanted:
                return found.totals
            return sheets.totals(session, sheets.board(session, election_id, filtered, Order.STATION))

        made = StatusBoard(
            election=election,
            board=found,
            of_search=totals(replace(wanted, states=())),
            everywhere=totals(Filter()),
            municipalities=sheets.municipalities(session, election_id),
            explained=sheets.explained(session, election_id, waiting),
        )
        session.expunge_all()
        return made


def whole_board(database: Database, election_id: int, wanted: Filter, order: Order) -> Board:
    """All stations that were asked for."""
    with database.reading(still=True) as session:
        store.election(session, election_id)
        statement = sheets.board(session, election_id, wanted, order)
        found = sheets.stations(session, statement)
        return Board(
            rows=_rows(
                found,
                reconciliation.compare_all(session, election_id, found),
                sheets.photograph_counts(session, election_id),
            ),
            totals=sheets.totals(session, statement),
            constituencies=sheets.constituencies(session, election_id),
        )


def read(database: Database, election_id: int, station_id: int) -> Shown:
    """One sheet; NotFound when the election or its station is not there. A sheet that nobody entered is empty."""
    with database.reading(still=True) as session:
        store.election(session, election_id)
        return _shown(session, election_id, station_id)


def decide(
    database: Database,
    election_id: int,
    station_id: int,
    check: Callable[[int], None],
    decision: Decision,
    actor: Person,
    now: datetime,
) -> Shown:
    """Resolve, accept or reopen a sheet. ``check`` looks at the number of its last event.

    NotFound, Conflict where the states of election or sheet do not allow it, Forbidden for who entered it.
    """
    with database.writing() as session:
        _check_election(session, election_id, now)
        _decide(session, election_id, station_id, check, decision, actor, now)
        session.flush()
        return _shown(session, election_id, station_id)


def accept_many(
    database: Database, election_id: int, asked: Sequence[tuple[int, int]], reason: str, actor: Person, now: datetime
) -> list[Accepted]:
    """Accept many sheets that wait for review, each in a transaction of its own, and say what became of each.

    ``asked`` are stations, each with the number of the last event that the administrator has seen. Whatever cannot be
    accepted stops none of the others; where the database is away, the rest is not tried.
    """
    with database.reading() as session:
        _check_election(session, election_id, now)
    decision = Decision(SheetAct.ACCEPTANCE, reason=reason)
    answers: list[Accepted] = []
    away: Unavailable | None = None
    for station_id, last in asked:
        if away is None:
            try:
                with database.writing() as session:
                    made = _decide(session, election_id, station_id, _seen(last), decision, actor, now)
                answers.append(Accepted(station_id, made.last))
                continue
            except Unavailable as error:
                away = error
            except UrnaError as error:
                answers.append(Accepted(station_id, problem=error.message))
                continue
        answers.append(Accepted(station_id, problem=away.message))
    _tell_refused(database, election_id, [one for one in answers if one.problem])
    return answers


def _board(session: Session, election_id: int, wanted: Filter, order: Order, limit: int, offset: int) -> Board:
    statement = sheets.board(session, election_id, wanted, order)
    found = sheets.stations(session, statement.limit(limit).offset(offset))
    return Board(
        rows=_rows(
            found,
            reconciliation.compare(session, election_id, found),
            sheets.photograph_counts(session, election_id, [row["station_id"] for row in found]),
        ),
        totals=sheets.totals(session, statement),
        constituencies=sheets.constituencies(session, election_id),
    )


def _check_election(session: Session, election_id: int, now: datetime) -> None:
    election = store.election(session, election_id)
    check_may_decide(tallies.state_of(election, now, None, has_dead_letter=False))


def _decide(
    session: Session,
    election_id: int,
    station_id: int,
    check: Callable[[int], None],
    decision: Decision,
    actor: Person,
    now: datetime,
) -> Sheet:
    sheets.place(session, election_id, station_id)
    row = sheet_rows.locked(session, election_id, station_id)
    check(row.last if row else 0)
    if row is None:
        raise Conflict("Nobody has entered this tally sheet yet.")
    history = sheet_rows.history(session, election_id, station_id)
    before = replay(history)
    event = Event(
        number=before.last + 1,
        act=decision.act,
        actor=actor.email,
        # Entries bear Redis's time, and history goes forward.
        at=max([now, *(one.at for one in history[-1:])]),
        chosen=decision.chosen,
        reason=decision.reason,
        actor_jmbg=actor.jmbg,
    )
    after = advance(before, event)
    sheet_rows.add(session, row, after, event)
    said = {
        "state": {"from": before.state, "to": after.state},
        "event": event.number,
        **({"chosen": event.chosen} if event.act is SheetAct.RESOLUTION else {}),
        **({"reason": event.reason} if event.reason else {}),
    }
    subject = SUBJECT.format(station_id=station_id, election_id=election_id)
    note(session, _ACTIONS[decision.act], subject, said)
    return after


def _seen(last: int) -> Callable[[int], None]:
    def check(now: int) -> None:
        if now != last:
            raise ChangedMeanwhile("Somebody has changed this tally sheet meanwhile; look at it again.")

    return check


def _tell_refused(database: Database, election_id: int, refused: Iterable[Accepted]) -> None:
    """The answer as a whole is no refusal, which the journal would take by itself."""
    told = {str(one.station_id): one.problem for one in refused}
    if told:
        subject, reason = OF_MANY.format(election_id=election_id), next(iter(told.values()))
        event = events.event("sheet.accepted", subject, {"stations": told}, outcome=Outcome.REFUSED, reason=reason)
        # Where the database is away, whoever asked still hears which sheets were accepted before.
        with suppress(Unavailable):
            write(database, event)


def _shown(session: Session, election_id: int, station_id: int) -> Shown:
    place = sheets.place(session, election_id, station_id)
    history = sheet_rows.history(session, election_id, station_id)
    (compared,) = reconciliation.compare(session, election_id, [place])
    return Shown(replay(history), history, sheets.photographs(session, election_id, station_id), compared)


def _rows(
    found: Iterable[Mapping[str, Any]], compared: Iterable[Compared], photographs: Mapping[int, int]
) -> list[Row]:
    return [
        Row(
            place=place,
            state=SheetState(place["state"]),
            since=place["changed_at"],
            last=place["last"] or 0,
            counted=one.counted,
            photographs=photographs.get(place["station_id"], 0),
            open=None if one.reconciliation.lacking else len(one.reconciliation.open),
        )
        for place, one in zip(found, compared, strict=True)
    ]


_ACTIONS = {
    SheetAct.RESOLUTION: "sheet.resolved",
    SheetAct.ACCEPTANCE: "sheet.accepted",
    SheetAct.REOPENING: "sheet.reopened",
}
