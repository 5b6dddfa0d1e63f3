"""/api/candidates: the people on the lists of parties and behind individual participants, and their approval."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from admin_service import store
from admin_service.actions import candidates as actions
from admin_service.routes.fields import READERS, Id, Line, Name, Reason, Tagged, database
from shared.auth import requires
from shared.schema.election import Candidate
from shared.terms import Approval, Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag, paginate

candidates = APIBlueprint("candidates", __name__, tag="Candidates", url_prefix="/api/candidates")

Biography = Annotated[str, Field(max_length=10_000)]


class CandidateAnswer(BaseModel):
    """A person who stands for a participant."""

    id: int
    participant_id: int
    forename: str
    surname: str
    post: str = Field(description="What the person stands for.")
    code_name: str
    biography: str
    approval: Approval
    approval_reason: str
    created_at: datetime
    version: int = Field(description="Counts the changes; the ETag.")
    place: int = Field(description="On the list of the participant; of equal ones the lower number comes first.")
    submitted_at: datetime | None = Field(description="When this was sent for approval; null: it is being written.")
    published_at: datetime | None = Field(
        description="When the version that is public was approved, which may be an earlier one; null: none is public."
    )
    account_id: int | None = Field(description="The number of the account that the candidate acts by.")
    invitation_expires_at: datetime | None = Field(description="Until when an invitation is good; null: there is none.")


class CandidatePage(Page[CandidateAnswer]):
    """One page of candidates."""


class NewCandidate(Strict):
    """Whom a participant puts forward."""

    participant_id: Id
    forename: Name
    surname: Name
    post: Line = ""
    code_name: Line = ""
    biography: Biography = ""


class CandidateChange(Strict):
    """What is to be different; a field that is left out or null stays as it is."""

    forename: Name | None = None
    surname: Name | None = None
    post: Line | None = None
    code_name: Line | None = None
    biography: Biography | None = None


class CandidateDecision(Strict):
    """What an administrator says about a candidate; a refusal has a reason."""

    decision: Literal[Approval.APPROVED, Approval.REFUSED]
    reason: Reason = ""
    withdraw: bool = Field(
        False, strict=True, description="With a refusal: what was approved before is not public any more, either."
    )


class InvitationAnswer(BaseModel):
    """What links an account to a candidate."""

    code: str = Field(description="Told here only; who takes it up acts for the candidate.")
    expires_at: datetime


class CandidateQuery(PageQuery):
    """Which candidates."""

    participant_id: int | None = Field(None, ge=1, le=2**31 - 1)
    approval: Approval | None = Field(None, description="`waiting`: only those that were sent for approval.")


@candidates.get("")
@requires(*READERS)
@candidates.input(CandidateQuery, location="query", arg_name="query")
@candidates.output(CandidatePage)
@candidates.doc(summary="List candidates")
def list_candidates(query: CandidateQuery) -> dict[str, Any]:
    approval = query.approval.value if query.approval else None
    with database().reading() as session:
        return paginate(session, store.candidates(query.participant_id, approval), query, candidate_answer)


@candidates.post("")
@requires(Role.ADMINISTRATOR)
@journaled("candidate.created", "candidate")
@candidates.input(NewCandidate, arg_name="body")
@candidates.output(CandidateAnswer, status_code=201)
@candidates.doc(summary="Put a candidate forward", responses={422: "A field is wrong"})
def create_candidate(body: NewCandidate) -> Tagged[CandidateAnswer]:
    texts = body.model_dump(exclude={"participant_id"})
    made = actions.create(database(), body.participant_id, texts, datetime.now(UTC))
    return candidate_answer(made), 201, {"Location": f"/api/candidates/{made.id}", **etag(made.version)}


@candidates.get("/<int:candidate_id>")
@requires(*READERS)
@candidates.output(CandidateAnswer)
@candidates.doc(summary="One candidate", responses={404: "No such candidate"})
def show_candidate(candidate_id: int) -> Tagged[CandidateAnswer]:
    with database().reading() as session:
        found = store.candidate(session, candidate_id)
        return candidate_answer(found), 200, etag(found.version)


@candidates.patch("/<int:candidate_id>")
@requires(Role.ADMINISTRATOR)
@journaled("candidate.changed", "candidate {candidate_id}")
@candidates.input(CandidateChange, arg_name="body")
@candidates.output(CandidateAnswer)
@candidates.doc(
    summary="Change a candidate",
    description="Needs If-Match. Whoever was approved or refused waits for a decision again.",
    responses={404: "No such candidate", 412: "Changed meanwhile", 428: "If-Match is missing"},
)
def change_candidate(candidate_id: int, body: CandidateChange) -> Tagged[CandidateAnswer]:
    texts = body.model_dump(exclude_none=True)
    changed = actions.change(database(), candidate_id, check_match, texts, datetime.now(UTC))
    return candidate_answer(changed), 200, etag(changed.version)


@candidates.post("/<int:candidate_id>/approval")
@requires(Role.ADMINISTRATOR)
@journaled("candidate.decided", "candidate {candidate_id}")
@candidates.input(CandidateDecision, arg_name="body")
@candidates.output(CandidateAnswer)
@candidates.doc(
    summary="Approve or refuse a candidate",
    description="Needs If-Match, so that nobody approves what has changed since it was read. What is approved is "
    "public until another version is approved; refusing what is approved takes it from the public.",
    responses={
        404: "No such candidate",
        409: "Decided so already, or not sent for approval yet",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def decide_on_candidate(candidate_id: int, body: CandidateDecision) -> Tagged[CandidateAnswer]:
    now = datetime.now(UTC)
    decided = actions.decide(
        database(), candidate_id, check_match, body.decision, body.reason, now, withdraw=body.withdraw
    )
    return candidate_answer(decided), 200, etag(decided.version)


@candidates.post("/<int:candidate_id>/invitation")
@requires(Role.ADMINISTRATOR)
@journaled("candidate.invited", "candidate {candidate_id}")
@candidates.output(InvitationAnswer, status_code=201)
@candidates.doc(
    summary="Invite a candidate to act for himself",
    description="Needs If-Match. The code is good for 14 days, once, and in place of an earlier one.",
    responses={404: "No such candidate", 412: "Changed meanwhile", 428: "If-Match is missing"},
)
def invite_candidate(candidate_id: int) -> Tagged[InvitationAnswer]:
    made = actions.invite(database(), candidate_id, check_match, datetime.now(UTC))
    return invitation_answer(made), 201, etag(made.candidate.version)


@candidates.delete("/<int:candidate_id>/account")
@requires(Role.ADMINISTRATOR)
@journaled("candidate.unlinked", "candidate {candidate_id}")
@candidates.output(CandidateAnswer)
@candidates.doc(
    summary="Let no account act for a candidate",
    description="Needs If-Match. An invitation that is open is good no more, either.",
    responses={
        404: "No such candidate, or neither an account nor an invitation",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def unlink_candidate(candidate_id: int) -> Tagged[CandidateAnswer]:
    changed = actions.unlink(database(), candidate_id, check_match)
    return candidate_answer(changed), 200, etag(changed.version)


@candidates.delete("/<int:candidate_id>")
@requires(Role.ADMINISTRATOR)
@journaled("candidate.deleted", "candidate {candidate_id}")
@candidates.output({}, status_code=204)
@candidates.doc(summary="Delete a candidate", responses={404: "No such candidate"})
def delete_candidate(candidate_id: int) -> tuple[str, int]:
    actions.delete(database(), candidate_id, None, datetime.now(UTC))
    return "", 204


def candidate_answer(candidate: Candidate) -> CandidateAnswer:
    """A candidate as every route answers him."""
    return CandidateAnswer.model_validate(candidate, from_attributes=True)


def invitation_answer(made: actions.Invitation) -> InvitationAnswer:
    """An invitation as every route answers it."""
    return InvitationAnswer(code=made.code, expires_at=made.expires_at)
