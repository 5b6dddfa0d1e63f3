"""/api/elections/{id}/candidates: who stands in an election, as it was approved last."""

from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response, current_app, request
from pydantic import BaseModel, ConfigDict, Field

from results_service.actions import candidates as actions
from results_service.routes.seats import Shape
from shared.auth import public

candidates = APIBlueprint("candidates", __name__, url_prefix="/api/elections", tag="Candidates of an election")

# What is taken from the public is gone from caches after so long.
_KEPT = "public, max-age=60"
_JPEG: Any = {
    200: {"description": "The picture", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: "It is the one that If-None-Match names",
    404: "No such election, or no such picture",
    503: "The election store cannot be reached",
}


class PersonAnswer(Shape):
    """A candidate, in the words that an administrator has approved."""

    id: int
    poll_number: int
    forename: str
    surname: str
    post: str
    code_name: str
    biography: str
    picture: str | None = Field(description="SHA-256 of the large picture, in hexadecimal; null: there is none.")


class PeopleAnswer(Shape):
    """The candidates of the lists of an election, in the order of the poll numbers and of each list."""

    election_id: int
    candidates: list[PersonAnswer]


class SizeQuery(BaseModel):
    """Which of the two pictures."""

    model_config = ConfigDict(extra="forbid")

    size: Literal["large", "small"] = Field(
        "large", description="`large`: within 600 × 800 pixels; `small`: within 120 × 160."
    )


@candidates.get("/<int:election_id>/candidates")
@public
@candidates.output(PeopleAnswer)
@candidates.doc(
    summary="Who stands in an election",
    description="Those that were approved, as they were approved last; what is changed since waits to be seen.",
    responses={404: "No such election", 503: "The election store cannot be reached"},
)
def list_candidates(election_id: int) -> tuple[dict[str, Any], int, dict[str, str]]:
    found = actions.of_election(current_app.extensions["desk"], election_id)
    return {"election_id": election_id, "candidates": [vars(one) for one in found]}, 200, {"Cache-Control": _KEPT}


@candidates.get("/<int:election_id>/candidates/<int:candidate_id>/picture")
@public
@candidates.input(SizeQuery, location="query", arg_name="query")
@candidates.doc(summary="The picture of a candidate, as JPEG", responses=_JPEG)
def show_picture(election_id: int, candidate_id: int, query: SizeQuery) -> Response:
    small = query.size == "small"
    content, tag = actions.picture(current_app.extensions["desk"], election_id, candidate_id, small=small)
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": _KEPT}
    response = Response(content, content_type="image/jpeg", headers=headers)
    response.set_etag(tag)
    response.make_conditional(request)
    return response
