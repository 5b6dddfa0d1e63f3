"""/api/participants: the parties and individuals that may stand in elections."""

from datetime import UTC, datetime
from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from admin_service import store
from admin_service.actions import participants as actions
from admin_service.routes.fields import READERS, Flag, Name, Searched, Tagged, database
from shared.auth import requires
from shared.schema.election import Participant
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag, paginate

participants = APIBlueprint("participants", __name__, tag="Participants", url_prefix="/api/participants")


class ParticipantAnswer(BaseModel):
    """A party or an individual."""

    id: int
    name: str
    individual: bool = Field(description="A person, not a party.")
    created_at: datetime
    version: int = Field(description="Counts the changes; the ETag.")


class ParticipantPage(Page[ParticipantAnswer]):
    """One page of participants."""


class NewParticipant(Strict):
    """What a participant is made of."""

    name: Name
    individual: Flag


class ParticipantChange(Strict):
    """What is to be different; a field that is left out or null stays as it is."""

    name: Name | None = None
    individual: Flag | None = None


class ParticipantQuery(PageQuery):
    """Which participants."""

    name: Searched = ""
    individual: bool | None = Field(None, description="Only individuals, or only parties.")


@participants.get("")
@requires(*READERS)
@participants.input(ParticipantQuery, location="query", arg_name="query")
@participants.output(ParticipantPage)
@participants.doc(summary="List or search participants")
def list_participants(query: ParticipantQuery) -> dict[str, Any]:
    with database().reading() as session:
        return paginate(session, store.participants(query.name, query.individual), query, _answer)


@participants.post("")
@requires(Role.ADMINISTRATOR)
@journaled("participant.created", "participant")
@participants.input(NewParticipant, arg_name="body")
@participants.output(ParticipantAnswer, status_code=201)
@participants.doc(summary="Make a participant known", responses={422: "A field is wrong"})
def create_participant(body: NewParticipant) -> Tagged[ParticipantAnswer]:
    made = actions.create(database(), body.name, body.individual, datetime.now(UTC))
    return _answer(made), 201, {"Location": f"/api/participants/{made.id}", **etag(made.version)}


@participants.get("/<int:participant_id>")
@requires(*READERS)
@participants.output(ParticipantAnswer)
@participants.doc(summary="One participant", responses={404: "No such participant"})
def show_participant(participant_id: int) -> Tagged[ParticipantAnswer]:
    with database().reading() as session:
        found = store.participant(session, participant_id)
        return _answer(found), 200, etag(found.version)


@participants.patch("/<int:participant_id>")
@requires(Role.ADMINISTRATOR)
@journaled("participant.changed", "participant {participant_id}")
@participants.input(ParticipantChange, arg_name="body")
@participants.output(ParticipantAnswer)
@participants.doc(
    summary="Change a participant",
    description="Needs If-Match. The name is frozen once an election in which it stands has begun.",
    responses={
        404: "No such participant",
        409: "It stands in an election, so this is settled",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def change_participant(participant_id: int, body: ParticipantChange) -> Tagged[ParticipantAnswer]:
    changed = actions.change(
        database(), participant_id, check_match, datetime.now(UTC), name=body.name, individual=body.individual
    )
    return _answer(changed), 200, etag(changed.version)


@participants.delete("/<int:participant_id>")
@requires(Role.ADMINISTRATOR)
@journaled("participant.deleted", "participant {participant_id}")
@participants.output({}, status_code=204)
@participants.doc(
    summary="Delete a participant that was never used",
    responses={404: "No such participant", 409: "It stands in an election or has candidates"},
)
def delete_participant(participant_id: int) -> tuple[str, int]:
    actions.delete(database(), participant_id)
    return "", 204


def _answer(participant: Participant) -> ParticipantAnswer:
    return ParticipantAnswer.model_validate(participant, from_attributes=True)
