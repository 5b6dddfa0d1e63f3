"""What is going on, and what waits for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from admin_service import store
from admin_service.actions import reconciliation
from admin_service.actions.elections import Shown
from admin_service.actions.seats import WaitingTie, waiting_ties
from admin_service.rules.sheets import Filter, Order
from admin_service.store import sheets, waiting
from shared import tallies
from shared.apportionment import lots_drawn_in, lots_drawn_over_whole
from shared.database import Database
from shared.schema.election import Election
from shared.sheets import is_taken
from shared.terms import SheetState, State, TiePolicy

# Of each state; more than these are found in the list of elections.
MOST_ELECTIONS = 20
_MISSING = (SheetState.EMPTY, SheetState.REOPENED, SheetState.ENTERED_ONCE)
_GOING_ON = (State.OPEN, State.COUNTING, State.SCHEDULED, State.DRAFT)


@dataclass(frozen=True)
class SheetsWaiting:
    """Tally sheets of an election that want a decision, or somebody to ask for them.

    ``missing`` are the stations without two entries when the election has ended, ``to_explain`` those with a difference
    that nobody has explained. Both are looked for as long as sheets are taken; later on, ``missing`` are those that
    were opened again.
    """

    election: Election
    differing: int
    for_review: int
    missing: int = 0
    to_explain: int = 0


@dataclass(frozen=True)
class Overview:
    """``elections`` that are open, counted, ahead or drafts, and whatever waits."""

    elections: list[Shown]
    candidates: int
    sheets: list[SheetsWaiting]
    dead_letters: int
    ties: list[tuple[Election, WaitingTie]]

    @property
    def is_calm(self) -> bool:
        """Whether nothing waits for anybody."""
        return not (self.candidates or self.sheets or self.dead_letters or self.ties)


@dataclass(frozen=True)
class Lots:
    """The ties of an election that wait for lots, and the lots that were entered, each with its constituency's name.

    Over the whole there is no name.
    """

    ties: list[WaitingTie]
    drawn: list[tuple[str, Sequence[int]]]


def overview(database: Database, now: datetime) -> Overview:
    """What an administrator or auditor wants to see first."""
    with database.reading() as session:
        found = Overview(
            elections=[
                Shown(election, state)
                for state in _GOING_ON
                for election in session.scalars(store.elections(session, now, state).limit(MOST_ELECTIONS))
            ],
            candidates=waiting.candidates_waiting(session),
            sheets=_sheets(database, session, now),
            dead_letters=waiting.dead_letters_waiting(session),
            ties=_ties(session, now),
        )
        session.expunge_all()
        return found


def lots_of(database: Database, election_id: int, now: datetime) -> Lots:
    """The lots of an election; none wait before everything is counted."""
    with database.reading() as session:
        election = store.election(session, election_id)
        is_final = tallies.current(session, election, now).state is State.FINAL
        whole, in_each = lots_drawn_over_whole(election.lots), lots_drawn_in(election.lots)
        names = sheets.constituencies(session, election_id) if in_each else {}
        return Lots(
            ties=waiting_ties(session, election) if is_final else [],
            drawn=[("", whole)] if whole else [(names.get(one, str(one)), lots) for one, lots in in_each.items()],
        )


def _sheets(database: Database, session: Session, now: datetime) -> list[SheetsWaiting]:
    published = list(store.published_elections(session))
    counts = waiting.sheets_waiting(session, [election.id for election in published])
    found = []
    for election in published:
        missing, to_explain = _while_taken(database, session, election, now)
        one = SheetsWaiting(
            election,
            counts.get((election.id, SheetState.DIFFERING), 0),
            counts.get((election.id, SheetState.WAITING_FOR_REVIEW), 0),
            missing,
            to_explain,
        )
        if one.differing or one.for_review or missing or to_explain:
            found.append(one)
    return found


def _while_taken(database: Database, session: Session, election: Election, now: datetime) -> tuple[int, int]:
    """The stations without two entries, and those with open differences, while sheets of this election are taken."""
    if not is_taken(election.start, election.end, now):
        return waiting.sheets_reopened(session, election.id), 0
    totals = sheets.totals(session, sheets.board(session, election.id, Filter(), Order.STATION))
    missing = sum(totals.get(state, (0, 0))[0] for state in _MISSING) if election.end <= now else 0
    accepted = totals.get(SheetState.ACCEPTED, (0, 0))[0]
    return missing, reconciliation.open_stations(database, session, election.id) if accepted else 0


def _ties(session: Session, now: datetime) -> list[tuple[Election, WaitingTie]]:
    with_lots = [
        election
        for election in store.published_elections(session)
        if election.end <= now and (election.rules or {}).get("tie_policy") == TiePolicy.LOTS
    ]
    standings = tallies.standings(session, with_lots, now)
    return [
        (election, tie)
        for election in with_lots
        if standings[election.id].state is State.FINAL
        for tie in waiting_ties(session, election)
    ]
