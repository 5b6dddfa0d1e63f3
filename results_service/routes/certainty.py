"""How certain the seats are, over HTTP, for everybody."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from results_service.actions import ElectionResult, read_result
from results_service.actions.answers import Kept
from results_service.actions.standings import read_result_as_of
from results_service.routes import NO_VOTES, ResultQuery, caching, desk, is_known
from results_service.routes.seats import AwardAnswer, Shape
from results_service.rules.certainty import Closeness
from shared.auth import public

certainty = APIBlueprint("certainty", __name__, url_prefix="/api/elections", tag="Certainty of seats")


class SeatBoundsAnswer(Shape):
    """The seats of a list now, and the fewest and the most with which it can end."""

    poll_number: int
    seats: int
    least: int = Field(description="So many are certain.")
    most: int


class GainAnswer(Shape):
    """The fewest votes more, for this list alone, that give it one seat more."""

    poll_number: int
    votes: int | None = Field(description="null where no number does.")


class LastSeatAnswer(Shape):
    """The last seat that is given, and how near it was to another list."""

    award: AwardAnswer
    gains: list[GainAnswer] = Field(description="Of every other list.")
    closest: GainAnswer | None = Field(description="Who needs the fewest votes more; null where nobody can.")
    holder_loses: int = Field(description="With so many votes less, the holder has one seat less.")


class ClosenessAnswer(Shape):
    """The last seat of a constituency, or of the whole."""

    constituency: int | None = Field(description="null: of the whole.")
    last_seat: LastSeatAnswer | None = Field(description="null where no seat is given.")
    lists: list[SeatBoundsAnswer] = Field(description="What is certain there; empty where it is told for the whole.")


class CertaintyAnswer(Shape):
    """What is certain of the seats."""

    unknown: str = Field(description="Why it cannot be told, as a sentence; then `lists` is empty.")
    outstanding: int | None = Field(
        description="The most ballots that may still come: for each station a ballot for every registered voter, or as "
        "many as its accepted tally sheet says were in the box, less those that are there; and 0 once the count is "
        "final. null while no polling station is known."
    )
    certain: int = Field(description="Seats that nobody can lose any more.")
    open: int = Field(description="Seats that can still go to one list or another.")
    lists: list[SeatBoundsAnswer]
    closeness: list[ClosenessAnswer]


@certainty.get("/<int:election_id>/results/certainty")
@public
@certainty.input(ResultQuery, location="query", arg_name="query")
@certainty.output(CertaintyAnswer)
@certainty.doc(
    summary="Which seats are certain, and how many votes would move the last one",
    responses={**NO_VOTES, 422: "The moment has not come yet, is none, or its votes are told nobody"},
)
def read_certainty(election_id: int, query: ResultQuery) -> Any:
    if query.as_of is None:
        result = read_result(desk(), election_id)
    else:
        result = read_result_as_of(desk(), election_id, query.as_of)
    result.body.refuse_votes()
    headers = caching(result, past=query.as_of is not None)
    if is_known(result.tag):
        return Response(status=304, headers=headers)
    return Response(result.form("certainty", _as_json), headers=headers, mimetype="application/json")


def _as_json(result: Kept[ElectionResult]) -> bytes:
    found = result.body.seats
    shown = {**vars(found), "closeness": [_closeness(one) for one in found.closeness]}
    return CertaintyAnswer.model_validate(shown).model_dump_json().encode()


def _closeness(one: Closeness) -> dict[str, Any]:
    last = one.last_seat
    if last is None:
        return {**vars(one)}
    award = {
        "seat": last.award.seat,
        "poll_number": last.award.poll_number,
        "divisor": last.award.divisor,
        "quotient": str(last.award.quotient),
        "tied_with": list(last.award.tied_with),
    }
    return {**vars(one), "last_seat": {**vars(last), "award": award}}
