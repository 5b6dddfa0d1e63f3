"""/api/party: the participant that a campaign director is of: its elections, its candidates, its votes per station.

Whose director somebody is, his token says. What is another participant's is answered as what there is not.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, Field

from admin_service.actions import candidates as actions
from admin_service.actions import party as parties
from admin_service.actions import pictures
from admin_service.actions.candidates import Owner
from admin_service.actions.pictures import Size
from admin_service.routes.candidates import (
    Biography,
    CandidateAnswer,
    CandidateChange,
    CandidatePage,
    InvitationAnswer,
    candidate_answer,
    invitation_answer,
)
from admin_service.routes.fields import Id, Line, Name, Tagged, database
from admin_service.routes.participants import ParticipantAnswer
from admin_service.routes.pictures import JPEG, PictureQuery, answer, take_pictures
from admin_service.routes.spreadsheets import FILE, spreadsheet
from admin_service.rules.candidates import MOST_CANDIDATES
from admin_service.store import lists
from shared.auth import identity, requires
from shared.terms import Kind, Role, State
from shared.web.journal import journaled
from shared.web.requests import PageQuery, Strict, check_match, etag, paginate

party = APIBlueprint("party", __name__, tag="Campaign directors", url_prefix="/api/party")

_DIRECTOR = Role.CAMPAIGN_DIRECTOR
OF_A_CHANGE = {
    404: "No such candidate of the own participant",
    409: "The candidates are frozen",
    412: "Changed meanwhile",
    422: "A field is wrong",
    428: "If-Match is missing",
}


class StandsAnswer(BaseModel):
    """An election that the participant stands in."""

    id: int
    title: str
    kind: Kind
    state: State
    start: datetime
    end: datetime
    poll_number: int


class PartyAnswer(BaseModel):
    """The participant of a director, and the elections that it stands in, the latest first."""

    participant: ParticipantAnswer
    elections: list[StandsAnswer]
    frozen_by: str | None = Field(
        description="The title of the election for whose sake no candidate may be changed; null: they may be."
    )


class NewOwnCandidate(Strict):
    """Whom the participant puts forward."""

    forename: Name
    surname: Name
    post: Line = ""
    code_name: Line = ""
    biography: Biography = ""


class Order(Strict):
    """The order of the list."""

    candidates: Annotated[list[Id], Field(max_length=MOST_CANDIDATES)] = Field(
        description="The numbers of all candidates of the participant, each once."
    )


class AtStationAnswer(BaseModel):
    """The votes of the own list at a polling station."""

    station_id: int | None = Field(description="Null: ballots of uploads that are of no station of the election.")
    code: str
    municipality: str
    centre: str
    registered: int | None
    votes: int
    counted: int = Field(description="Ballots of all lists that count there.")


class OwnResultAnswer(BaseModel):
    """The votes of the own list, station by station; `/api/elections/{id}/results` of the results has those of all."""

    election: StandsAnswer
    stations: list[AtStationAnswer]
    votes: int
    counted: int


def own_participant() -> int:
    """The number of the participant that whoever asks directs; NotFound for a director of none."""
    with database().reading() as session:
        return parties.participant_of(session, identity().participant).id


def director() -> Owner:
    """Whoever asks, as the owner of the candidates of his participant; NotFound for a director of none."""
    return Owner(participant_id=own_participant())


@party.get("")
@requires(_DIRECTOR)
@party.output(PartyAnswer)
@party.doc(summary="The own participant", responses={404: "Director of no participant"})
def show_party() -> Tagged[PartyAnswer]:
    with database().reading() as session:
        found = parties.overview(session, identity().participant, datetime.now(UTC))
        told = PartyAnswer(
            participant=ParticipantAnswer.model_validate(found.participant, from_attributes=True),
            elections=list(map(stands_answer, found.elections)),
            frozen_by=found.frozen_by,
        )
        return told, 200, etag(found.participant.version)


@party.put("/order")
@requires(_DIRECTOR)
@journaled("participant.ordered", "participant")
@party.input(Order, arg_name="body")
@party.output(ParticipantAnswer)
@party.doc(
    summary="Put the own candidates in order",
    description="Needs If-Match with the ETag of the participant (`GET /api/party`), which counts them.",
    responses={
        404: "Director of no participant",
        409: "The candidates are frozen",
        412: "Changed meanwhile",
        422: "Not each candidate is named once",
        428: "If-Match is missing",
    },
)
def order_candidates(body: Order) -> Tagged[ParticipantAnswer]:
    changed = parties.order(database(), identity().participant, check_match, body.candidates, datetime.now(UTC))
    return ParticipantAnswer.model_validate(changed, from_attributes=True), 200, etag(changed.version)


@party.get("/candidates")
@requires(_DIRECTOR)
@party.input(PageQuery, location="query", arg_name="query")
@party.output(CandidatePage)
@party.doc(summary="List the own candidates in their order", responses={404: "Director of no participant"})
def list_own_candidates(query: PageQuery) -> dict[str, Any]:
    with database().reading() as session:
        found = parties.participant_of(session, identity().participant)
        return paginate(session, lists.on_list(found.id), query, candidate_answer)


@party.post("/candidates")
@requires(_DIRECTOR)
@journaled("candidate.created", "candidate")
@party.input(NewOwnCandidate, arg_name="body")
@party.output(CandidateAnswer, status_code=201)
@party.doc(
    summary="Put a candidate forward for the own participant",
    description="Last on the list. An administrator decides when the profile is sent for approval.",
    responses={404: "Director of no participant", 409: "The candidates are frozen", 422: "A field is wrong"},
)
def create_own_candidate(body: NewOwnCandidate) -> Tagged[CandidateAnswer]:
    number = own_participant()
    made = actions.create(database(), number, body.model_dump(), datetime.now(UTC), Owner(participant_id=number))
    return candidate_answer(made), 201, {"Location": f"/api/party/candidates/{made.id}", **etag(made.version)}


@party.get("/candidates/<int:candidate_id>")
@requires(_DIRECTOR)
@party.output(CandidateAnswer)
@party.doc(summary="One of the own candidates", responses={404: "No such candidate of the own participant"})
def show_own_candidate(candidate_id: int) -> Tagged[CandidateAnswer]:
    owner = director()
    with database().reading() as session:
        found = actions.find(session, candidate_id, owner)
        return candidate_answer(found), 200, etag(found.version)


@party.patch("/candidates/<int:candidate_id>")
@requires(_DIRECTOR)
@journaled("candidate.changed", "candidate {candidate_id}")
@party.input(CandidateChange, arg_name="body")
@party.output(CandidateAnswer)
@party.doc(
    summary="Change one of the own candidates",
    description="Needs If-Match. What is changed has to be sent for approval; what was approved stays public.",
    responses=OF_A_CHANGE,
)
def change_own_candidate(candidate_id: int, body: CandidateChange) -> Tagged[CandidateAnswer]:
    texts = body.model_dump(exclude_none=True)
    changed = actions.change(database(), candidate_id, check_match, texts, datetime.now(UTC), director())
    return candidate_answer(changed), 200, etag(changed.version)


@party.delete("/candidates/<int:candidate_id>")
@requires(_DIRECTOR)
@journaled("candidate.deleted", "candidate {candidate_id}")
@party.output({}, status_code=204)
@party.doc(
    summary="Delete one of the own candidates",
    description="Checks If-Match where it is sent. What is public of the candidate is gone, too.",
    responses={404: OF_A_CHANGE[404], 409: OF_A_CHANGE[409], 412: OF_A_CHANGE[412]},
)
def delete_own_candidate(candidate_id: int) -> tuple[str, int]:
    check = check_match if "If-Match" in request.headers else None
    actions.delete(database(), candidate_id, check, datetime.now(UTC), director())
    return "", 204


@party.post("/candidates/<int:candidate_id>/submission")
@requires(_DIRECTOR)
@journaled("candidate.submitted", "candidate {candidate_id}")
@party.output(CandidateAnswer)
@party.doc(
    summary="Send a profile for approval",
    description="Needs If-Match. A profile is complete with a post, a biography and a picture.",
    responses={**OF_A_CHANGE, 409: "Sent already, or the candidates are frozen", 422: "Something is missing"},
)
def submit_own_candidate(candidate_id: int) -> Tagged[CandidateAnswer]:
    sent = actions.submit(database(), candidate_id, check_match, director(), datetime.now(UTC))
    return candidate_answer(sent), 200, etag(sent.version)


@party.post("/candidates/<int:candidate_id>/invitation")
@requires(_DIRECTOR)
@journaled("candidate.invited", "candidate {candidate_id}")
@party.output(InvitationAnswer, status_code=201)
@party.doc(
    summary="Invite one of the own candidates to complete the profile",
    description="Needs If-Match. The code is good for 14 days, once, and in place of an earlier one.",
    responses={404: OF_A_CHANGE[404], 412: OF_A_CHANGE[412], 428: OF_A_CHANGE[428]},
)
def invite_own_candidate(candidate_id: int) -> Tagged[InvitationAnswer]:
    made = actions.invite(database(), candidate_id, check_match, datetime.now(UTC), director())
    return invitation_answer(made), 201, etag(made.candidate.version)


@party.delete("/candidates/<int:candidate_id>/account")
@requires(_DIRECTOR)
@journaled("candidate.unlinked", "candidate {candidate_id}")
@party.output(CandidateAnswer)
@party.doc(
    summary="Let no account act for one of the own candidates",
    description="Needs If-Match. An invitation that is open is good no more, either.",
    responses={404: OF_A_CHANGE[404], 412: OF_A_CHANGE[412], 428: OF_A_CHANGE[428]},
)
def unlink_own_candidate(candidate_id: int) -> Tagged[CandidateAnswer]:
    changed = actions.unlink(database(), candidate_id, check_match, director())
    return candidate_answer(changed), 200, etag(changed.version)


@party.get("/candidates/<int:candidate_id>/picture")
@requires(_DIRECTOR)
@party.input(PictureQuery, location="query", arg_name="query")
@party.doc(summary="The picture of one of the own candidates, as JPEG", responses=JPEG)
def show_own_picture(candidate_id: int, query: PictureQuery) -> Response:
    return answer(candidate_id, Size(query.size), director())


@party.put("/candidates/<int:candidate_id>/picture")
@requires(_DIRECTOR)
@journaled("picture.put", "picture {candidate_id}")
@party.output(CandidateAnswer)
@party.doc(
    summary="Give one of the own candidates a picture",
    description="Needs If-Match. The body is a JPEG, PNG or WebP, as for administrators.",
    responses={**OF_A_CHANGE, 413: "More than 8 MiB", 422: "No picture that can be taken"},
)
def put_own_picture(candidate_id: int) -> Tagged[CandidateAnswer]:
    take_pictures()
    changed = pictures.put(database(), candidate_id, check_match, request.get_data(), datetime.now(UTC), director())
    return candidate_answer(changed), 200, etag(changed.version)


@party.delete("/candidates/<int:candidate_id>/picture")
@requires(_DIRECTOR)
@journaled("picture.deleted", "picture {candidate_id}")
@party.output(CandidateAnswer)
@party.doc(
    summary="Take the picture of one of the own candidates away",
    description="Needs If-Match.",
    responses={**OF_A_CHANGE, 404: "No such candidate of the own participant, or no picture"},
)
def delete_own_picture(candidate_id: int) -> Tagged[CandidateAnswer]:
    changed = pictures.delete(database(), candidate_id, check_match, datetime.now(UTC), director())
    return candidate_answer(changed), 200, etag(changed.version)


@party.get("/elections/<int:election_id>/stations")
@requires(_DIRECTOR)
@party.output(OwnResultAnswer)
@party.doc(
    summary="The votes of the own list at each polling station",
    responses={404: "The own participant stands in no such election", 409: "Not opened yet, or cancelled"},
)
def show_own_result(election_id: int) -> OwnResultAnswer:
    found = own_result(election_id)
    rows = [*found.stations, *([found.elsewhere] if found.elsewhere else [])]
    return OwnResultAnswer(
        election=stands_answer(found.stands),
        stations=list(map(_at_station, rows)),
        votes=found.total.votes,
        counted=found.total.counted,
    )


@party.get("/elections/<int:election_id>/stations.csv")
@requires(_DIRECTOR)
@party.doc(
    summary="The same as a CSV file",
    responses={**FILE, 404: "The own participant stands in no such election", 409: "Not opened yet, or cancelled"},
)
def download_own_result(election_id: int) -> Response:
    return own_file(election_id)


def own_result(election_id: int) -> parties.OwnResult:
    """The votes of whoever asks, for the routes and the pages."""
    return parties.results(database(), identity().participant, election_id, datetime.now(UTC))


def own_file(election_id: int) -> Response:
    """The same as a file for a spreadsheet; the sum of the rows is the result of the list."""
    found = own_result(election_id)
    rows = [*found.stations, *([found.elsewhere] if found.elsewhere else [])]
    header = list(AtStationAnswer.model_fields)
    table = [list(_at_station(one).model_dump().values()) for one in rows]
    return spreadsheet(f"election-{election_id}-list-{found.stands.poll_number}", header, table)


def stands_answer(one: parties.Stands) -> StandsAnswer:
    """An election that a participant stands in, as it is answered."""
    election = one.election
    return StandsAnswer(
        id=election.id,
        title=election.title,
        kind=Kind(election.kind),
        state=one.state,
        start=election.start,
        end=election.end,
        poll_number=one.poll_number,
    )


def _at_station(one: parties.AtStation) -> AtStationAnswer:
    station = one.station
    return AtStationAnswer(
        station_id=station.id if station else None,
        code=station.code if station else "",
        municipality=station.municipality if station else "",
        centre=station.centre if station else "",
        registered=station.registered if station else None,
        votes=one.votes,
        counted=one.counted,
    )
