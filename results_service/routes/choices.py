"""How each ballot was cast, by its GUID: once the count is final, in elections whose rules say so."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, Field

from results_service.actions import choices as actions
from results_service.routes import NO_ELECTION, OfNow, answered, desk, is_known
from results_service.routes.counted_ballots import BallotsQuery, as_file, following
from results_service.routes.seats import Shape
from shared.auth import public

choices = APIBlueprint("choices", __name__, url_prefix="/api/elections", tag="Choices")

_NONE = {
    **NO_ELECTION,
    404: "There is no such election, or its rules do not publish choices",
    409: "The count is not final",
    422: "A parameter is wrong",
}


class ChoiceAnswer(Shape):
    """A counted ballot."""

    guid: UUID
    poll_number: int


class ChoicesAnswer(BaseModel):
    """Counted ballots in the order of their GUIDs, which is not that in which they came."""

    items: list[ChoiceAnswer]
    next: UUID | None = Field(description="Ask for those after it; null: there are no more.")


@choices.get("/<int:election_id>/choices")
@public
@choices.input(BallotsQuery, location="query", arg_name="query")
@choices.output(ChoicesAnswer)
@choices.doc(
    summary="How each ballot was cast, by its GUID",
    description="Only in an election with a ballot key whose rules say so, and only once the count is final.",
    responses=_NONE,
)
def list_choices(election_id: int, query: BallotsQuery) -> Any:
    answer = actions.list_choices(desk(), election_id, query.after, query.limit, is_known)

    def shape(found: list[actions.Choice]) -> ChoicesAnswer:
        items = [ChoiceAnswer.model_validate(one) for one in found]
        return ChoicesAnswer(items=items, next=following(found, query))

    return answered(answer, shape)


@choices.get("/<int:election_id>/choices.csv")
@public
@choices.input(OfNow, location="query", arg_name="_query")
@choices.doc(
    summary="The whole list of how ballots were cast, as CSV",
    responses={**_NONE, 200: "CSV by RFC 4180, in UTF-8: guid, poll_number"},
)
def choices_as_csv(election_id: int, _query: OfNow) -> Response:
    answer = actions.all_choices(desk(), election_id, is_known)
    name = f"election-{election_id}-choices.csv"
    return as_file(answer, name, "guid,poll_number", lambda one: f"{one.guid},{one.poll_number}")
