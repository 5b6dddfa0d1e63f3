"""/api/candidates/{id}/picture: what a candidate looks like, for staff; directors have routes of their own."""

from datetime import UTC, datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from admin_service import pictures as making
from admin_service.actions import pictures as actions
from admin_service.actions.candidates import Owner
from admin_service.actions.pictures import Size
from admin_service.routes.candidates import CandidateAnswer, candidate_answer
from admin_service.routes.fields import READERS, Tagged, database
from shared.auth import requires
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.requests import check_match, etag

pictures = APIBlueprint("pictures", __name__, tag="Pictures of candidates", url_prefix="/api/candidates")

# What a form has around the bytes of its file.
_FORM_AROUND = 64 << 10
JPEG: Any = {
    200: {"description": "The picture", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: "It is the one that If-None-Match names",
    404: "No such candidate, or one without a picture",
}


class PictureQuery(BaseModel):
    """Which of the two pictures."""

    model_config = ConfigDict(extra="forbid")

    size: Size = Field(Size.LARGE, description="`large`: within 600 × 800 pixels; `small`: within 120 × 160.")


def take_pictures() -> None:
    """Let this request bring as many bytes as a picture may have."""
    request.max_content_length = making.MOST_BYTES + _FORM_AROUND


def answer(candidate_id: int, size: Size, owner: Owner | None = None) -> Response:
    """A picture, which stays with whoever may see it."""
    content, tag = actions.read(database(), candidate_id, size, owner)
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, no-cache"}
    response = Response(content, content_type="image/jpeg", headers=headers)
    response.set_etag(tag)
    response.make_conditional(request)
    return response


@pictures.get("/<int:candidate_id>/picture")
@requires(*READERS)
@pictures.input(PictureQuery, location="query", arg_name="query")
@pictures.doc(summary="The picture of a candidate, as JPEG", responses=JPEG)
def show_picture(candidate_id: int, query: PictureQuery) -> Response:
    return answer(candidate_id, query.size)


@pictures.put("/<int:candidate_id>/picture")
@requires(Role.ADMINISTRATOR)
@journaled("picture.put", "picture {candidate_id}")
@pictures.output(CandidateAnswer)
@pictures.doc(
    summary="Give a candidate a picture",
    description="Needs If-Match. The body is a JPEG, PNG or WebP of at most 8 MiB and 60 million pixels; two sizes of "
    "it are written anew as JPEG, without anything that a camera has noted. The candidate waits for a decision again.",
    responses={
        404: "No such candidate",
        412: "Changed meanwhile",
        413: "More than 8 MiB",
        422: "No picture that can be taken",
        428: "If-Match is missing",
    },
)
def put_picture(candidate_id: int) -> Tagged[CandidateAnswer]:
    take_pictures()
    changed = actions.put(database(), candidate_id, check_match, request.get_data(), datetime.now(UTC))
    return candidate_answer(changed), 200, etag(changed.version)


@pictures.delete("/<int:candidate_id>/picture")
@requires(Role.ADMINISTRATOR)
@journaled("picture.deleted", "picture {candidate_id}")
@pictures.output(CandidateAnswer)
@pictures.doc(
    summary="Take the picture of a candidate away",
    description="Needs If-Match. The candidate waits for a decision again.",
    responses={404: "No such candidate or no picture", 412: "Changed meanwhile", 428: "If-Match is missing"},
)
def delete_picture(candidate_id: int) -> Tagged[CandidateAnswer]:
    changed = actions.delete(database(), candidate_id, check_match, datetime.now(UTC))
    return candidate_answer(changed), 200, etag(changed.version)
