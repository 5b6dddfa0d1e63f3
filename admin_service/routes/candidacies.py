"""/api/candidacies: what a candidate reads and changes about himself, by the account that was linked to him."""

from datetime import UTC, datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from admin_service.actions import candidates as actions
from admin_service.actions import pictures
from admin_service.actions.candidates import Owner
from admin_service.actions.pictures import Size
from admin_service.routes.candidates import Biography, CandidateAnswer, CandidatePage, candidate_answer
from admin_service.routes.fields import Line, Tagged, database
from admin_service.routes.pictures import JPEG, PictureQuery, answer, take_pictures
from admin_service.store import lists
from shared.auth import identity, requires
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.requests import PageQuery, Strict, check_match, etag, paginate

candidacies = APIBlueprint("candidacies", __name__, tag="Candidates' own profiles", url_prefix="/api/candidacies")

_CANDIDATE = Role.CANDIDATE
_OF_A_CHANGE = {
    404: "No such candidacy of one's own",
    409: "The candidates are frozen",
    412: "Changed meanwhile",
    422: "A field is wrong",
    428: "If-Match is missing",
}


class Code(Strict):
    """An invitation."""

    code: str = Field(min_length=1, max_length=256, description="As the director or an administrator has got it.")


class OwnProfile(Strict):
    """What is to be different; a field that is left out or null stays as it is. The name is whoever's who invited."""

    post: Line | None = None
    code_name: Line | None = None
    biography: Biography | None = None


def oneself() -> Owner:
    """Whoever asks, as the owner of what is linked to his account."""
    return Owner(account_id=identity().account)


@candidacies.get("")
@requires(_CANDIDATE)
@candidacies.input(PageQuery, location="query", arg_name="query")
@candidacies.output(CandidatePage)
@candidacies.doc(summary="List one's own candidacies")
def list_candidacies(query: PageQuery) -> dict[str, Any]:
    with database().reading() as session:
        return paginate(session, lists.of_account(identity().account), query, candidate_answer)


@candidacies.post("")
@requires(_CANDIDATE)
@journaled("candidate.linked", "candidate")
@candidacies.input(Code, arg_name="body")
@candidacies.output(CandidateAnswer)
@candidacies.doc(
    summary="Take an invitation up",
    description="Links the account to the candidate who was invited, in place of one that was linked before.",
    responses={409: "The token does not say of which account it is", 422: "No invitation that is good has this code"},
)
def accept_invitation(body: Code) -> Tagged[CandidateAnswer]:
    linked = actions.accept(database(), body.code, identity().account, datetime.now(UTC))
    return candidate_answer(linked), 200, etag(linked.version)


@candidacies.get("/<int:candidate_id>")
@requires(_CANDIDATE)
@candidacies.output(CandidateAnswer)
@candidacies.doc(summary="One's own profile", responses={404: _OF_A_CHANGE[404]})
def show_candidacy(candidate_id: int) -> Tagged[CandidateAnswer]:
    with database().reading() as session:
        found = actions.find(session, candidate_id, oneself())
        return candidate_answer(found), 200, etag(found.version)


@candidacies.patch("/<int:candidate_id>")
@requires(_CANDIDATE)
@journaled("candidate.changed", "candidate {candidate_id}")
@candidacies.input(OwnProfile, arg_name="body")
@candidacies.output(CandidateAnswer)
@candidacies.doc(
    summary="Change one's own profile",
    description="Needs If-Match. What is changed has to be sent for approval; what was approved stays public.",
    responses=_OF_A_CHANGE,
)
def change_candidacy(candidate_id: int, body: OwnProfile) -> Tagged[CandidateAnswer]:
    texts = body.model_dump(exclude_none=True)
    changed = actions.change(database(), candidate_id, check_match, texts, datetime.now(UTC), oneself())
    return candidate_answer(changed), 200, etag(changed.version)


@candidacies.post("/<int:candidate_id>/submission")
@requires(_CANDIDATE)
@journaled("candidate.submitted", "candidate {candidate_id}")
@candidacies.output(CandidateAnswer)
@candidacies.doc(
    summary="Send one's own profile for approval",
    description="Needs If-Match. A profile is complete with a post, a biography and a picture.",
    responses={**_OF_A_CHANGE, 409: "Sent already, or the candidates are frozen", 422: "Something is missing"},
)
def submit_candidacy(candidate_id: int) -> Tagged[CandidateAnswer]:
    sent = actions.submit(database(), candidate_id, check_match, oneself(), datetime.now(UTC))
    return candidate_answer(sent), 200, etag(sent.version)


@candidacies.get("/<int:candidate_id>/picture")
@requires(_CANDIDATE)
@candidacies.input(PictureQuery, location="query", arg_name="query")
@candidacies.doc(summary="One's own picture, as JPEG", responses=JPEG)
def show_picture_of_candidacy(candidate_id: int, query: PictureQuery) -> Response:
    return answer(candidate_id, Size(query.size), oneself())


@candidacies.put("/<int:candidate_id>/picture")
@requires(_CANDIDATE)
@journaled("picture.put", "picture {candidate_id}")
@candidacies.output(CandidateAnswer)
@candidacies.doc(
    summary="Give oneself a picture",
    description="Needs If-Match. The body is a JPEG, PNG or WebP of at most 8 MiB and 60 million pixels.",
    responses={**_OF_A_CHANGE, 413: "More than 8 MiB", 422: "No picture that can be taken"},
)
def put_picture_of_candidacy(candidate_id: int) -> Tagged[CandidateAnswer]:
    take_pictures()
    changed = pictures.put(database(), candidate_id, check_match, request.get_data(), datetime.now(UTC), oneself())
    return candidate_answer(changed), 200, etag(changed.version)


@candidacies.delete("/<int:candidate_id>/picture")
@requires(_CANDIDATE)
@journaled("picture.deleted", "picture {candidate_id}")
@candidacies.output(CandidateAnswer)
@candidacies.doc(
    summary="Take one's own picture away",
    description="Needs If-Match.",
    responses={**_OF_A_CHANGE, 404: "No such candidacy of one's own, or no picture"},
)
def delete_picture_of_candidacy(candidate_id: int) -> Tagged[CandidateAnswer]:
    changed = pictures.delete(database(), candidate_id, check_match, datetime.now(UTC), oneself())
    return candidate_answer(changed), 200, etag(changed.version)
