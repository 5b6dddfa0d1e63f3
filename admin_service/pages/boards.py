"""The status board of an election: where the tally sheet of each polling station stands, the missing ones first."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext

from admin_service import store as elections
from admin_service.actions import sheets as actions
from admin_service.pages import filled_in
from admin_service.pages.frame import READERS, show, spoken
from admin_service.pages.station_words import STATES
from admin_service.routes.fields import acting, database
from admin_service.routes.sheets import board_lines
from admin_service.routes.spreadsheets import spreadsheet
from admin_service.rules.sheets import MOST_AT_ONCE, URGENCY, Filter, Order, check_may_decide
from admin_service.store import sheets as store
from shared import tallies
from shared.errors import Conflict, InvalidInput, UrnaError
from shared.schema.election import Election
from shared.terms import Role, SheetState
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint

PER_PAGE = 100
# Elections before these are found by their numbers.
MOST_ELECTIONS = 20
# What a big screen has room for.
MOST_MUNICIPALITIES = 24

Totals = Mapping[SheetState, tuple[int, int]]

boards = page_blueprint("board_pages", __name__)


@boards.get("/sheets")
@page_requires(*READERS)
@boards.doc(summary="A page to choose the election whose tally sheets somebody looks after")
def choose() -> Response:
    with database().reading() as session:
        found = store.elections_with_sheets(session, datetime.now(UTC), MOST_ELECTIONS)
        numbers = {
            election.id: _sums(store.totals(session, store.board(session, election.id, Filter(), Order.STATION)))
            for election in found
        }
        session.expunge_all()
    return show("sheets/choose.html", elections=found, numbers=numbers)


@boards.get("/sheets/<int:election_id>")
@page_requires(*READERS)
@boards.doc(summary="The status board of an election")
def board(election_id: int) -> Response:
    return _board(election_id)


@boards.get("/sheets/<int:election_id>/screen")
@page_requires(*READERS)
@boards.doc(summary="The same for a big screen, without anything to act on")
def screen(election_id: int) -> Response:
    with database().reading(still=True) as session:
        election = elections.election(session, election_id)
        statement = store.board(session, election_id, Filter(), Order.STATION)
        totals = store.totals(session, statement)
        to_come = store.by_municipality(session, statement)
        session.expunge_all()
    return show(
        "sheets/screen.html",
        election=election,
        sheet_states=STATES,
        urgency=URGENCY,
        totals=totals,
        sums=_sums(totals),
        to_come=[row for row in to_come if row[2]][:MOST_MUNICIPALITIES],
        municipalities=len(to_come),
        at=datetime.now(UTC),
    )


@boards.get("/sheets/<int:election_id>/board.csv")
@page_requires(*READERS)
@boards.doc(summary="The board for a spreadsheet")
def download(election_id: int) -> Response:
    wanted, order = _asked()
    found = actions.whole_board(database(), election_id, wanted, order)
    return spreadsheet(f"sheets-{election_id}", *board_lines(found))


@boards.post("/sheets/<int:election_id>/acceptances")
@page_requires(Role.ADMINISTRATOR)
@journaled("sheet.accepted", actions.OF_MANY)
@boards.doc(summary="The form that accepts many sheets that wait for review")
def accept(election_id: int) -> Response:
    try:
        asked = [_seen(text) for text in request.form.getlist("seen")]
        if not asked:
            raise InvalidInput(spoken(gettext("Tick the tally sheets that you accept.")))
        if len(asked) > MOST_AT_ONCE:
            raise InvalidInput(spoken(gettext("Accept at most %(most)s at once.", most=MOST_AT_ONCE)))
        reason = filled_in.line("reason", 1024, required=False)
        found = actions.accept_many(database(), election_id, asked, reason, acting(), datetime.now(UTC))
    except UrnaError as error:
        return _board(election_id, error)
    with database().reading() as session:
        election = elections.election(session, election_id)
        codes = store.codes(session, election_id, [one.station_id for one in found])
        session.expunge_all()
    return show("sheets/accepted.html", election=election, found=found, codes=codes)


def lists_of(election: Election) -> dict[int, str]:
    """The names on the ballot by poll number."""
    return {entry.poll_number: entry.participant.name for entry in election.entries}


def may_decide(election: Election) -> bool:
    """Whether the sheets of an election may be decided about as it is now."""
    with suppress(Conflict):
        check_may_decide(tallies.state_of(election, datetime.now(UTC), None, has_dead_letter=False))
        return True
    return False


def _board(election_id: int, error: UrnaError | None = None) -> Response:
    (wanted, order), page = _asked(), filled_in.page_number()
    found = actions.status_board(database(), election_id, wanted, order, PER_PAGE, (page - 1) * PER_PAGE)
    state = next((one.value for one in wanted.states), "")

    def address(**changed: Any) -> str:
        asked = {"state": state, "municipality": wanted.municipality, "search": wanted.text, "order": order.value}
        named = {**asked, **changed}
        if named["order"] == Order.MISSING:
            named["order"] = ""
        kept = {name: value for name, value in named.items() if value}
        return url_for("board_pages.board", election_id=election_id, **kept)

    return show(
        "sheets/board.html",
        error,
        election=found.election,
        found=found,
        wanted=wanted,
        state=state,
        order=order.value,
        sheet_states=STATES,
        urgency=URGENCY,
        sums=_sums(found.everywhere),
        searched=_sums(found.of_search),
        total=sum(stations for stations, _ in found.board.totals.values()),
        accepts=state == SheetState.WAITING_FOR_REVIEW and may_decide(found.election),
        municipalities=[(name, name) for name in found.municipalities],
        board_address=address,
        address=lambda number: address(page=number),
        page=page,
        per_page=PER_PAGE,
        at=datetime.now(UTC),
    )


def _asked() -> tuple[Filter, Order]:
    state, order = request.args.get("state", ""), request.args.get("order", "")
    wanted = Filter(
        states=(SheetState(state),) if state in set(SheetState) else (),
        municipality=filled_in.text_in_address("municipality"),
        text=filled_in.text_in_address("search"),
    )
    return wanted, Order(order) if order in set(Order) else Order.MISSING


def _seen(text: str) -> tuple[int, int]:
    """A station and the number of the last event of its sheet as its line has shown it, such as ``17:2``."""
    station, _, last = text.partition(":")
    if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in (station, last)):
        raise InvalidInput(spoken(gettext("This form cannot be read.")))
    return int(station), int(last)


def _sums(totals: Totals) -> dict[str, int]:
    """Stations and their registered voters, and those of accepted sheets."""
    accepted = totals.get(SheetState.ACCEPTED, (0, 0))
    return {
        "stations": sum(stations for stations, _ in totals.values()),
        "registered": sum(registered for _, registered in totals.values()),
        "accepted": accepted[0],
        "voters": accepted[1],
    }
