"""/api/elections/{election_id}/sheets: which stations are missing, and what is decided about the others' sheets."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin_service.actions import sheets as actions
from admin_service.actions.sheets import OF_MANY, SUBJECT, Board, Decision, Row, Shown
from admin_service.routes.fields import SUPERVISORS, Id, Reason, Reference, Searched, Tagged, acting, database
from admin_service.routes.reconciliation import ReconciliationAnswer, reconciliation_answer
from admin_service.routes.spreadsheets import FILE, spreadsheet
from admin_service.rules.sheets import MOST_AT_ONCE, URGENCY, Filter, Order, states
from shared.auth import requires
from shared.sheets import Event, check
from shared.terms import Role, SheetAct, SheetState
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag, need_match

sheets = APIBlueprint("sheets", __name__, tag="Tally sheets", url_prefix="/api/elections")

OF_A_DECISION = {
    403: "Who entered it does not decide about it",
    404: "No such election or station",
    409: "The state of the sheet or of the election does not allow this",
    412: "Changed meanwhile",
    428: "If-Match is missing",
}
_ONE_STATE = "|".join(SheetState)
States = Annotated[
    str,
    Field(
        max_length=256,
        pattern=f"^(?:(?:{_ONE_STATE})(?:,(?:{_ONE_STATE}))*)?$",
        description="One state or several, with commas between them.",
    ),
]
Why = Annotated[str, Field(min_length=1, max_length=1024, description="For whoever reads the history later.")]


class BoardFilter(BaseModel):
    """Which stations of the board."""

    model_config = ConfigDict(extra="forbid")

    state: States = ""
    municipality: Annotated[str, Field(max_length=256, pattern="^[^\0]*$", description="Its whole name.")] = ""
    constituency_id: Reference = None
    search: Searched = ""
    order: Order = Field(Order.MISSING, description="`missing`: what is missing first, then what waits for a decision.")

    def filter(self) -> Filter:
        """What the query says, as the actions take it."""
        return Filter(states(self.state), self.municipality, self.constituency_id, self.search)


class BoardQuery(BoardFilter, PageQuery):
    """Which stations, and which page of them."""


class BoardRow(BaseModel):
    """A polling station and where its sheet stands."""

    station_id: int
    code: str
    municipality: str
    centre: str
    constituency_id: int
    constituency: str
    registered: int = Field(description="Voters on its electoral roll.")
    state: SheetState
    since: datetime | None = Field(description="When the last thing was done with the sheet.")
    last: int = Field(description="The number of the last event of the sheet, 0 for none; its ETag.")
    has_files: bool = Field(description="Whether ballots of it were counted from files.")
    counted: int = Field(description="Ballots counted from its files, valid and invalid ones.")
    photographs: int
    open_differences: int | None = Field(description="Null where there is nothing yet that could be compared.")


class StateTotal(BaseModel):
    """How many stations are in one state, and how many voters they have."""

    state: SheetState
    stations: int
    registered: int


class BoardPage(Page[BoardRow]):
    """One page of the board; the totals are those of all stations of the filter."""

    accepted: int = Field(description="Of `total` stations so many have an accepted sheet.")
    registered: int
    states: list[StateTotal]


class FindingAnswer(BaseModel):
    """What the numbers of an entry want explained."""

    code: str
    severity: str
    fields: list[str]
    message: str


class EventAnswer(BaseModel):
    """Something that was done with the sheet. What an act does not have is null or empty."""

    number: int
    round: int = Field(description="Counts from 1; a reopening, and a resolution that discards both, begin the next.")
    act: SheetAct
    actor: str
    at: datetime
    numbers: dict[str, Any] | None
    explanations: dict[str, str]
    findings: list[FindingAnswer]
    chosen: int | None
    reason: str


class PhotographAnswer(BaseModel):
    """A photograph of the sheet on paper; its bytes are at its own address."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    actor: str
    at: datetime


class SheetAnswer(BaseModel):
    """A tally sheet with all that somebody needs who decides about it."""

    station_id: int
    code: str
    municipality: str
    centre: str
    registered: int = Field(description="Voters on its electoral roll.")
    state: SheetState
    last: int = Field(description="The number of its last event, 0 for none; the ETag.")
    entries: list[EventAnswer] = Field(description="The entries of this round, to be read beside each other.")
    differing: list[str] = Field(description="The fields in which they differ.")
    standing: int | None = Field(description="The entry that is accepted, or waits to be.")
    events: list[EventAnswer]
    photographs: list[PhotographAnswer]
    reconciliation: ReconciliationAnswer


class Resolution(Strict):
    """Which of two entries stands."""

    chosen: Id | None = Field(description="The number of the entry that stands; null discards both.")
    reason: Why


class Acceptance(Strict):
    """That a sheet stands."""

    reason: Reason = ""


class Reopening(Strict):
    """That a sheet is entered anew."""

    reason: Why


class Seen(Strict):
    """A sheet as somebody has seen it."""

    station_id: Id
    last: Id = Field(description="The number of its last event.")


class Acceptances(Strict):
    """That many sheets stand."""

    stations: Annotated[list[Seen], Field(min_length=1, max_length=MOST_AT_ONCE)]
    reason: Reason = ""


class AcceptedAnswer(BaseModel):
    """What became of one of them."""

    station_id: int
    accepted: bool
    last: int | None = Field(description="The number of its last event, where it was accepted.")
    problem: str = Field(description="Why it was not accepted.")


class AcceptancesAnswer(BaseModel):
    """What became of each, in the order in which they were asked for."""

    accepted: int
    stations: list[AcceptedAnswer]


@sheets.get("/<int:election_id>/sheets")
@requires(*SUPERVISORS)
@sheets.input(BoardQuery, location="query", arg_name="query")
@sheets.output(BoardPage)
@sheets.doc(
    summary="Where the tally sheet of each polling station stands",
    description="All active stations of the election, also those of which nothing has come.",
    responses={404: "No such election"},
)
def show_board(election_id: int, query: BoardQuery) -> BoardPage:
    offset = (query.page - 1) * query.per_page
    found = actions.board(database(), election_id, query.filter(), query.order, query.per_page, offset)
    numbers = found.totals
    return BoardPage(
        items=[_row(found, row) for row in found.rows],
        page=query.page,
        per_page=query.per_page,
        total=sum(stations for stations, _ in numbers.values()),
        accepted=numbers.get(SheetState.ACCEPTED, (0, 0))[0],
        registered=sum(registered for _, registered in numbers.values()),
        states=[
            StateTotal(state=state, stations=stations, registered=registered)
            for state in URGENCY
            for stations, registered in [numbers.get(state, (0, 0))]
        ],
    )


@sheets.get("/<int:election_id>/sheets.csv")
@requires(*SUPERVISORS)
@sheets.input(BoardFilter, location="query", arg_name="query")
@sheets.doc(
    summary="The tally sheets of all polling stations for a spreadsheet",
    description="All stations of the filter, in CSV. What a spreadsheet would take for a formula has a `'` before it.",
    responses=FILE,
)
def download_board(election_id: int, query: BoardFilter) -> Response:
    found = actions.whole_board(database(), election_id, query.filter(), query.order)
    return spreadsheet(f"sheets-{election_id}", *board_lines(found))


@sheets.get("/<int:election_id>/sheets/<int:station_id>")
@requires(*SUPERVISORS)
@sheets.output(SheetAnswer)
@sheets.doc(
    summary="The tally sheet of one polling station, with everything that was done with it",
    responses={404: "No such election or station"},
)
def show_sheet(election_id: int, station_id: int) -> Tagged[SheetAnswer]:
    return _tagged(actions.read(database(), election_id, station_id))


@sheets.post("/<int:election_id>/sheets/<int:station_id>/resolution")
@requires(Role.ADMINISTRATOR)
@journaled("sheet.resolved", SUBJECT)
@sheets.input(Resolution, arg_name="body")
@sheets.output(SheetAnswer)
@sheets.doc(
    summary="Say which of two differing entries of a tally sheet stands",
    description="Needs If-Match. Who made one of the entries cannot resolve them.",
    responses=OF_A_DECISION,
)
def resolve_sheet(election_id: int, station_id: int, body: Resolution) -> Tagged[SheetAnswer]:
    return _decided(election_id, station_id, Decision(SheetAct.RESOLUTION, body.chosen, body.reason))


@sheets.post("/<int:election_id>/sheets/<int:station_id>/acceptance")
@requires(Role.ADMINISTRATOR)
@journaled("sheet.accepted", SUBJECT)
@sheets.input(Acceptance, arg_name="body")
@sheets.output(SheetAnswer)
@sheets.doc(
    summary="Accept a tally sheet that waits for review",
    description="Needs If-Match. Who made one of the entries cannot accept it.",
    responses=OF_A_DECISION,
)
def accept_sheet(election_id: int, station_id: int, body: Acceptance) -> Tagged[SheetAnswer]:
    return _decided(election_id, station_id, Decision(SheetAct.ACCEPTANCE, reason=body.reason))


@sheets.post("/<int:election_id>/sheets/<int:station_id>/reopening")
@requires(Role.ADMINISTRATOR)
@journaled("sheet.reopened", SUBJECT)
@sheets.input(Reopening, arg_name="body")
@sheets.output(SheetAnswer)
@sheets.doc(
    summary="Open a tally sheet again, so that it is entered anew",
    description="Needs If-Match. What was entered before stays in its history.",
    responses=OF_A_DECISION,
)
def reopen_sheet(election_id: int, station_id: int, body: Reopening) -> Tagged[SheetAnswer]:
    return _decided(election_id, station_id, Decision(SheetAct.REOPENING, reason=body.reason))


@sheets.post("/<int:election_id>/sheets/acceptance")
@requires(Role.ADMINISTRATOR)
@journaled("sheet.accepted", OF_MANY)
@sheets.input(Acceptances, arg_name="body")
@sheets.output(AcceptancesAnswer)
@sheets.doc(
    summary="Accept many tally sheets that wait for review",
    description="Each is accepted or not for itself, as the answer says; one that has changed since then is not.",
    responses={404: "No such election", 409: "The state of the election does not allow this"},
)
def accept_sheets(election_id: int, body: Acceptances) -> AcceptancesAnswer:
    asked = [(one.station_id, one.last) for one in body.stations]
    found = actions.accept_many(database(), election_id, asked, body.reason, acting(), datetime.now(UTC))
    answers = [
        AcceptedAnswer(station_id=one.station_id, accepted=one.last is not None, last=one.last, problem=one.problem)
        for one in found
    ]
    return AcceptancesAnswer(accepted=sum(one.accepted for one in answers), stations=answers)


def _decided(election_id: int, station_id: int, decision: Decision) -> Tagged[SheetAnswer]:
    need_match()
    return _tagged(
        actions.decide(database(), election_id, station_id, check_match, decision, acting(), datetime.now(UTC))
    )


def _tagged(shown: Shown) -> Tagged[SheetAnswer]:
    return sheet_answer(shown), 200, etag(shown.sheet.last)


def _row(board: Board, row: Row) -> BoardRow:
    place = row.place
    return BoardRow(
        **{name: place[name] for name in ("station_id", "code", "municipality", "centre", "constituency_id")},
        constituency=board.constituencies.get(place["constituency_id"], ""),
        registered=place["registered"],
        state=row.state,
        since=row.since,
        last=row.last,
        has_files=row.counted.uploads > 0,
        counted=row.counted.ballots,
        photographs=row.photographs,
        open_differences=row.open,
    )


def board_lines(found: Board) -> tuple[Sequence[str], Iterator[list[Any]]]:
    """The header of a spreadsheet of the board, and its lines."""
    header = [name for name in BoardRow.model_fields if name != "constituency_id"]
    rows = (_row(found, row).model_dump(mode="json") for row in found.rows)
    return header, ([row[name] for name in header] for row in rows)


def sheet_answer(shown: Shown) -> SheetAnswer:
    """A sheet as it is answered."""
    place, sheet = shown.compared.place, shown.sheet
    told = []
    this_round = 1
    for event in shown.events:
        told.append(_event(event, this_round, place["registered"]))
        if event.act is SheetAct.REOPENING or (event.act is SheetAct.RESOLUTION and event.chosen is None):
            this_round += 1
    return SheetAnswer(
        **{name: place[name] for name in ("station_id", "code", "municipality", "centre", "registered")},
        state=sheet.state,
        last=sheet.last,
        entries=[one for one in told if one.round == this_round and one.act is SheetAct.ENTRY],
        differing=list(sheet.differing),
        standing=sheet.standing.number if sheet.standing else None,
        events=told,
        photographs=[PhotographAnswer(**vars(one)) for one in shown.photographs],
        reconciliation=reconciliation_answer(shown.compared),
    )


def _event(event: Event, this_round: int, roll: int) -> EventAnswer:
    findings = check(event.numbers, roll) if event.numbers else ()
    return EventAnswer(
        number=event.number,
        round=this_round,
        act=event.act,
        actor=event.actor,
        at=event.at,
        numbers=event.numbers.to_dict() if event.numbers else None,
        explanations=dict(event.explanations),
        findings=[
            FindingAnswer(code=one.code, severity=one.severity, fields=list(one.fields), message=one.message)
            for one in findings
        ],
        chosen=event.chosen,
        reason=event.reason,
    )
