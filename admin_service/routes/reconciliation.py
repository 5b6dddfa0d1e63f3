"""/api/elections/{election_id}/reconciliation: where the counts of a station differ, and why."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin_service.actions import reconciliation as actions
from admin_service.actions.reconciliation import Compared, Show
from admin_service.routes.fields import SUPERVISORS, Reference, Searched, database
from admin_service.routes.spreadsheets import FILE, spreadsheet
from admin_service.rules.sheets import Filter
from shared.auth import identity, requires
from shared.sheets import Counted, Difference
from shared.terms import Lacking, Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict

reconciliation = APIBlueprint("reconciliation", __name__, tag="Reconciliation", url_prefix="/api/elections")

Figure = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]
Why = Annotated[str, Field(min_length=1, max_length=1024, description="For whoever reads it later.")]


class CountedAnswer(BaseModel):
    """What was counted from files."""

    uploads: int
    complete: bool = Field(description="False while parts of an upload are not recorded yet.")
    ballots: int = Field(description="Valid and invalid ones.")
    valid: int
    invalid: int = Field(description="With a poll number of nobody.")
    duplicate: int = Field(description="Not counted: their GUID was there before.")
    votes: dict[str, int] = Field(description="By poll number, without zeros.")


class ExplanationAnswer(BaseModel):
    """Why two counts differ."""

    reason: str
    actor: str
    at: datetime


class DifferenceAnswer(BaseModel):
    """Two counts that should be one."""

    code: str
    figures: dict[str, int] = Field(description="The two counts, by their names.")
    delta: int = Field(description="How many more the second one is than the first.")
    message: str
    open: bool = Field(description="Whether somebody still has to say why.")
    explanation: ExplanationAnswer | None


class ReconciliationAnswer(BaseModel):
    """The counts of one station held against each other."""

    station_id: int
    code: str
    municipality: str
    centre: str
    registered: int = Field(description="Voters on its electoral roll.")
    lacking: list[Lacking] = Field(description="What is not there yet; then nothing is compared.")
    differences: list[DifferenceAnswer]
    declared: dict[str, Any] | None = Field(description="The numbers of its sheet, once that is accepted.")
    counted: CountedAnswer


class CodeTotal(BaseModel):
    """How many differences of one code there are."""

    code: str
    open: int
    explained: int


class ReconciliationPage(Page[ReconciliationAnswer]):
    """One page of stations; the totals are those of all stations of the search, whichever are shown."""

    stations: int
    clean: int = Field(description="Stations whose counts are the same.")
    open: int = Field(description="Stations with a difference that nobody has explained.")
    explained: int = Field(description="Stations all of whose differences are explained.")
    lacking: dict[Lacking, int] = Field(description="Stations without a sheet, without files, or not counted yet.")
    codes: list[CodeTotal]
    nowhere: CountedAnswer = Field(description="What was counted from uploads of no station of this election.")


class ReconciliationFilter(BaseModel):
    """Which stations."""

    model_config = ConfigDict(extra="forbid")

    show: Show = Field(Show.ALL, description="`all` with a difference, or `lacking` something to be compared.")
    municipality: Annotated[str, Field(max_length=256, pattern="^[^\0]*$", description="Its whole name.")] = ""
    constituency_id: Reference = None
    search: Searched = ""
    code: Annotated[str, Field(max_length=32, pattern="^[a-z_.0-9]*$", description="`list`: of whichever list.")] = ""

    def filter(self) -> Filter:
        """What the query says, as the actions take it."""
        return Filter(municipality=self.municipality, constituency_id=self.constituency_id, text=self.search)


class ReconciliationQuery(ReconciliationFilter, PageQuery):
    """Which stations, and which page of them."""


class NewExplanation(Strict):
    """Why two counts differ."""

    difference: Annotated[str, Field(min_length=1, max_length=32, description="Its code.")]
    figures: dict[str, Figure] = Field(description="The two counts that are explained, as they were read.")
    reason: Why


@reconciliation.get("/<int:election_id>/reconciliation")
@requires(*SUPERVISORS)
@reconciliation.input(ReconciliationQuery, location="query", arg_name="query")
@reconciliation.output(ReconciliationPage)
@reconciliation.doc(
    summary="The stations whose counts differ",
    description="Voters by the sheet, ballots counted from files, and votes on the sheet, held against each other.",
    responses={404: "No such election"},
)
def list_differences(election_id: int, query: ReconciliationQuery) -> ReconciliationPage:
    found = actions.listing(database(), election_id, query.filter(), query.show, query.code)
    begin = (query.page - 1) * query.per_page
    return ReconciliationPage(
        items=[reconciliation_answer(one) for one in found.found[begin : begin + query.per_page]],
        page=query.page,
        per_page=query.per_page,
        total=len(found.found),
        stations=found.stations,
        clean=found.clean,
        open=found.open,
        explained=found.explained,
        lacking=dict(found.lacking),
        codes=[CodeTotal(code=code, **vars(numbers)) for code, numbers in found.codes.items()],
        nowhere=_counted(found.nowhere),
    )


@reconciliation.get("/<int:election_id>/reconciliation.csv")
@requires(*SUPERVISORS)
@reconciliation.input(ReconciliationFilter, location="query", arg_name="query")
@reconciliation.doc(
    summary="The stations whose counts differ, for a spreadsheet",
    description="A line for each difference, in CSV; with `show=lacking` one for each thing that a station lacks.",
    responses=FILE,
)
def download_differences(election_id: int, query: ReconciliationFilter) -> Response:
    found = actions.listing(database(), election_id, query.filter(), query.show, query.code)
    return spreadsheet(f"reconciliation-{election_id}", *difference_lines(found.found))


@reconciliation.get("/<int:election_id>/reconciliation/<int:station_id>")
@requires(*SUPERVISORS)
@reconciliation.output(ReconciliationAnswer)
@reconciliation.doc(summary="The counts of one station", responses={404: "No such election or station"})
def show_differences(election_id: int, station_id: int) -> ReconciliationAnswer:
    return reconciliation_answer(actions.read(database(), election_id, station_id))


@reconciliation.post("/<int:election_id>/reconciliation/<int:station_id>/explanations")
@requires(Role.ADMINISTRATOR)
@journaled("difference.explained", actions.SUBJECT)
@reconciliation.input(NewExplanation, arg_name="body")
@reconciliation.output(ReconciliationAnswer, status_code=201)
@reconciliation.doc(
    summary="Say why two counts of a station differ",
    description="It holds for these two figures; when one of them changes, the difference is open again.",
    responses={
        404: "No such election or station",
        409: "The figures are other ones by now, or the state of the election does not allow this",
    },
)
def explain_difference(election_id: int, station_id: int, body: NewExplanation) -> tuple[ReconciliationAnswer, int]:
    explained = [(body.difference, body.figures)]
    found = actions.explain(
        database(), election_id, station_id, explained, body.reason, identity().email, datetime.now(UTC)
    )
    return reconciliation_answer(found), 201


def reconciliation_answer(compared: Compared) -> ReconciliationAnswer:
    """The counts of a station as they are answered."""
    found = compared.reconciliation
    return ReconciliationAnswer(
        **{name: compared.place[name] for name in ("station_id", "code", "municipality", "centre", "registered")},
        lacking=list(found.lacking),
        differences=[_difference(one) for one in found.differences],
        declared=compared.declared.to_dict() if compared.declared else None,
        counted=_counted(compared.counted),
    )


def difference_lines(found: list[Compared]) -> tuple[Sequence[str], Iterator[list[Any]]]:
    """The header of a spreadsheet of differences, and its lines."""
    return _COLUMNS, _lines(found)


def _difference(difference: Difference) -> DifferenceAnswer:
    said = difference.explanation
    return DifferenceAnswer(
        code=difference.code,
        figures=dict(difference.figures),
        delta=difference.delta,
        message=difference.message,
        open=difference.is_open,
        explanation=ExplanationAnswer(reason=said.reason, actor=said.actor, at=said.at) if said else None,
    )


def _counted(counted: Counted) -> CountedAnswer:
    return CountedAnswer(
        uploads=counted.uploads,
        complete=counted.is_complete,
        ballots=counted.ballots,
        valid=counted.valid,
        invalid=counted.invalid,
        duplicate=counted.duplicate,
        votes={str(number): votes for number, votes in sorted(counted.votes.items())},
    )


_COLUMNS = (
    *("station_id", "code", "municipality", "centre", "difference", "first", "second", "delta", "message"),
    *("state", "reason", "actor", "at"),
)


def _lines(found: list[Compared]) -> Iterator[list[Any]]:
    for one in found:
        place = [one.place[name] for name in ("station_id", "code", "municipality", "centre")]
        for lacking in one.reconciliation.lacking:
            yield [*place, lacking.value, None, None, None, "", "lacking", "", "", None]
        for difference in one.reconciliation.differences:
            said = difference.explanation
            told = [said.reason, said.actor, said.at.isoformat()] if said else ["", "", None]
            state = "open" if difference.is_open else "explained"
            figures = [*difference.figures.values(), difference.delta]
            yield [*place, difference.code, *figures, difference.message, state, *told]
