"""The tally sheet of one polling station: its two entries and its photographs beside each other, and decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from admin_service import store as elections
from admin_service.actions import sheets as actions
from admin_service.actions.sheets import SUBJECT, Decision, Shown
from admin_service.pages import filled_in
from admin_service.pages.boards import lists_of, may_decide
from admin_service.pages.frame import NOTICES, READERS, same_version, show
from admin_service.pages.station_words import ACTS, COUNTS, STATES, finding_sentence, list_title
from admin_service.routes.fields import acting, database
from admin_service.routes.photographs import photograph_answer
from shared.errors import UrnaError
from shared.schema.election import Election
from shared.sheets import Event, Sheet, check, may_reopen, taken_until
from shared.terms import Role, SheetAct
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

# What is chosen when neither entry stands.
NEITHER = "neither"

NOTICES |= {
    "sheet-resolved": lazy_gettext(
        "The tally sheet is accepted with the numbers of the entry that you chose. They are held against the ballots "
        "counted from now on."
    ),
    "sheet-discarded": lazy_gettext(
        "Both entries are discarded. The officials of the polling station are asked to enter the sheet anew, twice, "
        "and have at least seven days for that."
    ),
    "sheet-accepted": lazy_gettext(
        "The tally sheet is accepted. Its numbers are held against the ballots counted from now on."
    ),
    "sheet-reopened": lazy_gettext(
        "The tally sheet is open again. The officials of the polling station are asked to enter it anew, twice, and "
        "have at least seven days for that; what was entered before stays in its history."
    ),
}

sheets = page_blueprint("sheet_pages", __name__)


@dataclass(frozen=True)
class Line:
    """A number of the sheet in each of the entries that are shown; ``differs``: they are not the same."""

    field: str
    title: str
    values: tuple[int, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1

    @property
    def delta(self) -> int:
        """How many more the second entry says than the first."""
        return self.values[-1] - self.values[0]


@sheets.get("/sheets/<int:election_id>/<int:station_id>")
@page_requires(*READERS)
@sheets.doc(summary="The tally sheet of one polling station, with everything that was done with it")
def one_sheet(election_id: int, station_id: int) -> Response:
    return _shown(election_id, station_id)


@sheets.get("/sheets/<int:election_id>/<int:station_id>/photographs/<photograph_id>")
@page_requires(*READERS)
@sheets.doc(summary="One of its photographs, as it was sent")
def photograph(election_id: int, station_id: int, photograph_id: str) -> Response:
    return photograph_answer(election_id, station_id, photograph_id)


@sheets.post("/sheets/<int:election_id>/<int:station_id>/resolution")
@page_requires(Role.ADMINISTRATOR)
@journaled("sheet.resolved", SUBJECT)
@sheets.doc(summary="The form that says which of two differing entries stands, or neither")
def resolve(election_id: int, station_id: int) -> Response:
    try:
        neither = request.form.get("chosen") == NEITHER
        chosen = None if neither else filled_in.number_of("chosen")
        decision = Decision(SheetAct.RESOLUTION, chosen, filled_in.reason())
        return _decided(election_id, station_id, decision, "sheet-discarded" if neither else "sheet-resolved")
    except UrnaError as error:
        return _shown(election_id, station_id, error)


@sheets.post("/sheets/<int:election_id>/<int:station_id>/acceptance")
@page_requires(Role.ADMINISTRATOR)
@journaled("sheet.accepted", SUBJECT)
@sheets.doc(summary="The form that accepts a sheet that waits for review")
def accept(election_id: int, station_id: int) -> Response:
    try:
        reason = filled_in.line("reason", 1024, required=False)
        return _decided(election_id, station_id, Decision(SheetAct.ACCEPTANCE, reason=reason), "sheet-accepted")
    except UrnaError as error:
        return _shown(election_id, station_id, error)


@sheets.post("/sheets/<int:election_id>/<int:station_id>/reopening")
@page_requires(Role.ADMINISTRATOR)
@journaled("sheet.reopened", SUBJECT)
@sheets.doc(summary="The form that opens it again, so that it is entered anew")
def reopen(election_id: int, station_id: int) -> Response:
    try:
        decision = Decision(SheetAct.REOPENING, reason=filled_in.reason("reopening_reason"))
        return _decided(election_id, station_id, decision, "sheet-reopened")
    except UrnaError as error:
        return _shown(election_id, station_id, error)


def _decided(election_id: int, station_id: int, decision: Decision, notice: str) -> Response:
    actions.decide(database(), election_id, station_id, same_version, decision, acting(), datetime.now(UTC))
    return see_other(url_for("sheet_pages.one_sheet", election_id=election_id, station_id=station_id, notice=notice))


def _shown(election_id: int, station_id: int, error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        election = elections.election(session, election_id)
        session.expunge_all()
    found = actions.read(database(), election_id, station_id)
    lists = lists_of(election)
    entries = [entry for entry in (found.sheet.first, found.sheet.second) if entry is not None]
    roll = found.compared.place["registered"]
    return show(
        "sheets/sheet.html",
        error,
        election=election,
        place=found.compared.place,
        sheet=found.sheet,
        sheet_states=STATES,
        acts=ACTS,
        entries=entries,
        lines=_lines(entries, lists),
        findings=_findings(entries, roll),
        history=_history(found, lists),
        photographs=found.photographs,
        compared=found.compared.reconciliation,
        is_open=may_decide(election),
        entered_it=any(entry.person.is_same(acting()) for entry in entries),
        can_reopen=may_reopen(found.sheet, datetime.now(UTC)),
        until=_until(found.sheet, election),
        neither=NEITHER,
        values=request.form,
    )


def _until(sheet: Sheet, election: Election) -> datetime | None:
    """Until when a sheet that was opened again can be entered; None for one that was not, or has its two entries."""
    if sheet.reopened_at is None or sheet.second is not None:
        return None
    return taken_until(election.end, sheet.reopened_at)


def _lines(entries: list[Event], lists: Mapping[int, str]) -> list[Line]:
    """The numbers in the order of the paper; nothing where nobody has entered any."""
    numbers = [entry.numbers for entry in entries if entry.numbers is not None]
    if not numbers:
        return []
    counts = [Line(name, str(title), tuple(getattr(one, name) for one in numbers)) for name, title in COUNTS.items()]
    named = sorted({number for one in numbers for number in one.votes} | lists.keys())
    votes = [
        Line(f"votes.{number}", list_title(number, lists), tuple(one.votes.get(number, 0) for one in numbers))
        for number in named
    ]
    return [*counts, *votes]


def _findings(entries: list[Event], roll: int) -> list[list[dict[str, Any]]]:
    """For each entry what wants an explanation, with the one that was given."""
    return [
        [
            {
                "code": finding.code,
                "sentence": finding_sentence(finding, entry.numbers, roll),
                "explanation": entry.explanations.get(finding.code, ""),
            }
            for finding in check(entry.numbers, roll)
        ]
        if entry.numbers is not None
        else []
        for entry in entries
    ]


def _history(found: Shown, lists: Mapping[int, str]) -> list[dict[str, Any]]:
    """Everything that was done with the sheet, the last first, with the numbers of each entry."""
    return [{"event": event, "title": ACTS[event.act], "lines": _lines([event], lists)} for event in found.events[::-1]]
