"""The public list of the ballots that were counted, by their GUIDs: once the count is final."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from results_service.actions import counted_ballots as actions
from results_service.actions.answers import Answer
from results_service.routes import NO_ELECTION, OfNow, answered, caching, desk, is_known
from results_service.routes.seats import Shape
from shared.auth import public

counted_ballots = APIBlueprint("counted_ballots", __name__, url_prefix="/api/elections", tag="Counted ballots")

_NONE = {
    **NO_ELECTION,
    404: "There is no such election, or voters do not cast ballots themselves in it",
    409: "The count is not final",
    422: "A parameter is wrong",
}


class BallotsQuery(BaseModel):
    """Which ballots."""

    model_config = ConfigDict(extra="forbid")

    after: UUID | None = Field(None, description="Those after this GUID; left out: the first ones.")
    limit: int = Field(500, ge=1, le=5000)


class CountedBallotAnswer(Shape):
    """A counted ballot."""

    guid: UUID


class CountedBallotsAnswer(BaseModel):
    """Counted ballots in the order of their GUIDs, which is not that in which they came."""

    items: list[CountedBallotAnswer]
    next: UUID | None = Field(description="Ask for those after it; null: there are no more.")


@counted_ballots.get("/<int:election_id>/counted-ballots")
@public
@counted_ballots.input(BallotsQuery, location="query", arg_name="query")
@counted_ballots.output(CountedBallotsAnswer)
@counted_ballots.doc(
    summary="The ballots that were counted, by their GUIDs",
    description="Of polling stations, too, and nothing of how they were cast. Only in an election with a ballot key, "
    "and only once the count is final.",
    responses=_NONE,
)
def list_counted(election_id: int, query: BallotsQuery) -> Any:
    answer = actions.list_counted(desk(), election_id, query.after, query.limit, is_known)

    def shape(found: list[actions.CountedBallot]) -> CountedBallotsAnswer:
        items = [CountedBallotAnswer.model_validate(one) for one in found]
        return CountedBallotsAnswer(items=items, next=following(found, query))

    return answered(answer, shape)


@counted_ballots.get("/<int:election_id>/counted-ballots.csv")
@public
@counted_ballots.input(OfNow, location="query", arg_name="_query")
@counted_ballots.doc(
    summary="The whole list of the ballots that were counted, as CSV",
    responses={**_NONE, 200: "CSV by RFC 4180, in UTF-8: guid"},
)
def counted_as_csv(election_id: int, _query: OfNow) -> Response:
    answer = actions.all_counted(desk(), election_id, is_known)
    return as_file(answer, f"election-{election_id}-counted-ballots.csv", "guid", lambda one: f"{one.guid}")


def following(found: list[actions.B], query: BallotsQuery) -> UUID | None:
    """After which GUID a reader goes on; None where there are no more."""
    return found[-1].guid if len(found) == query.limit else None


def as_file(
    answer: Answer[Iterator[list[actions.B]]], name: str, header: str, line: Callable[[actions.B], str]
) -> Response:
    """A whole list as CSV, line by line as it is read, or that the caller has it already."""
    headers = caching(answer)
    if answer.body is None:
        return Response(status=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(_lines(answer.body, header, line), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(pages: Iterator[list[actions.B]], header: str, line: Callable[[actions.B], str]) -> Iterator[str]:
    yield f"{header}\r\n"
    for page in pages:
        yield "".join(f"{line(one)}\r\n" for one in page)
