"""The classic routes of the administration; their checks, their order and their words are the classic contract's.

Beyond the contract, which knows missing fields but not wrong ones, and after the checks that it names:

- /createParticipant: ``Invalid name.`` for a name that is no text, is longer than 256 characters or holds what no
  database stores; then ``Invalid individual.`` for one that is neither true nor false.
- /createElection: a start or end that is no text is ``Invalid date and time.``; then comes ``Invalid individual.``;
  participants that are not a list of whole numbers are ``Invalid participants.``
- /getElections lists published elections of all kinds and jurisdictions, no drafts and no cancelled ones;
  /getResults answers ``Election does not exist.`` for those, and for an id that is no number.
- /getResults: as long as seats wait for lots, ``Election is ongoing.``
"""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, Field

from admin_service import store
from admin_service.actions import elections, participants, results
from admin_service.actions.elections import Plan
from admin_service.routes.fields import database, zone
from admin_service.rules import elections as rules
from admin_service.rules.elections import Period, Place
from shared.auth import classic_requires
from shared.errors import Conflict, InvalidInput, NotFound
from shared.schema.election import Participant
from shared.terms import Kind, Refusal, Role
from shared.web.journal import journaled
from shared.web.problems import ClassicRefusal, classic_body, classic_input, require_fields

classic = APIBlueprint("classic", __name__, tag="Classic")

LONGEST_NAME = 256
REASONS = {
    Refusal.DUPLICATE: "Duplicate ballot.",
    Refusal.INVALID_POLL_NUMBER: "Invalid poll number.",
    Refusal.INVALID_SIGNATURE: "Invalid signature.",
}

_DATE = "Invalid date and time."
_PARTICIPANTS = "Invalid participants."
_NUMBER = re.compile("[0-9]{1,18}")


class ClassicParticipant(BaseModel):
    """The body of /createParticipant."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    individual: bool


class ClassicElection(BaseModel):
    """The body of /createElection; the dates are ISO 8601, local time if they have no offset."""

    start: str
    end: str
    individual: bool = Field(description="true: presidential, individuals only; false: parliamentary, parties only.")
    participants: list[int] = Field(description="Their ids; the first one gets poll number 1.")


@classic.post("/createParticipant")
@classic_requires(Role.ADMINISTRATOR)
@journaled("participant.created", "participant")
@classic_input(ClassicParticipant)
@classic.doc(summary="Make a participant known", responses={200: "Its id", 400: "A field is missing or wrong"})
def create_participant() -> dict[str, Any]:
    body = classic_body()
    require_fields(body, "name", "individual")
    name, individual = body["name"], body["individual"]
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not _can_be_stored(name):
        raise ClassicRefusal("Invalid name.")
    if not isinstance(individual, bool):
        raise ClassicRefusal("Invalid individual.")
    return {"id": participants.create(database(), name, individual, datetime.now(UTC)).id}


@classic.get("/getParticipants")
@classic_requires(Role.ADMINISTRATOR)
@classic.doc(summary="All participants", responses={200: "A list under `participants`"})
def get_participants() -> dict[str, Any]:
    with database().reading() as session:
        return {"participants": [_participant(found) for found in session.scalars(store.participants())]}


@classic.post("/createElection")
@classic_requires(Role.ADMINISTRATOR)
@journaled("election.created", "election")
@classic_input(ClassicElection)
@classic.doc(summary="Schedule an election", responses={200: "Its poll numbers", 400: "A field is missing or wrong"})
def create_election() -> dict[str, Any]:
    body = classic_body()
    require_fields(body, "start", "end", "individual", "participants")
    try:
        period = Period(
            rules.read_moment(body["start"], zone(), "start"), rules.read_moment(body["end"], zone(), "end")
        )
    except InvalidInput as error:
        raise ClassicRefusal(_DATE) from error
    individual, ids = body["individual"], body["participants"]
    if not isinstance(individual, bool) or not _are_ids(ids):
        # Another election in the way is said first, as if these fields were right.
        try:
            elections.refuse_overlap(database(), period)
        except Conflict as error:
            raise ClassicRefusal(_DATE) from error
        raise ClassicRefusal(_PARTICIPANTS if isinstance(individual, bool) else "Invalid individual.")
    plan = Plan(
        kind=Kind.PRESIDENTIAL if individual else Kind.PARLIAMENTARY,
        period=period,
        places=[Place(participant_id) for participant_id in ids],
    )
    try:
        shown = elections.create(database(), plan, datetime.now(UTC))
    except Conflict as error:
        raise ClassicRefusal(_DATE) from error
    except InvalidInput as error:
        raise ClassicRefusal(_PARTICIPANTS) from error
    return {"pollNumbers": [entry.poll_number for entry in shown.election.entries]}


@classic.get("/getElections")
@classic_requires(Role.ADMINISTRATOR)
@classic.doc(
    summary="All published elections",
    responses={200: "A list under `elections`; dates are local times without an offset"},
)
def get_elections() -> dict[str, Any]:
    return {
        "elections": [
            {
                "id": election.id,
                "start": rules.write_local(election.start, zone()),
                "end": rules.write_local(election.end, zone()),
                "individual": election.individual,
                "participants": [
                    {"id": entry.participant.id, "name": entry.participant.name} for entry in election.entries
                ],
            }
            for election in elections.published(database())
        ]
    }


@classic.get("/getResults")
@classic_requires(Role.ADMINISTRATOR)
@classic.doc(
    summary="The final result of an election",
    description="Query: `id`. Seats for a parliamentary election, shares of the valid votes for a presidential one. "
    "Where voters cast ballots themselves, `pollNumber` of invalid votes is null: a receipt names the GUID.",
    responses={200: "`participants` and `invalidVotes`", 400: "Missing id, unknown election, or not final"},
)
def get_results() -> dict[str, Any]:
    sent = request.args.get("id", "")
    if not sent:
        raise ClassicRefusal("Field id is missing.")
    if not _NUMBER.fullmatch(sent):
        raise ClassicRefusal("Election does not exist.")
    try:
        found = results.final(database(), int(sent), datetime.now(UTC))
    except NotFound as error:
        raise ClassicRefusal("Election does not exist.") from error
    except Conflict as error:
        raise ClassicRefusal("Election is ongoing.") from error
    return {
        "participants": [
            {"pollNumber": line.poll_number, "name": line.name, "result": line.result} for line in found.lists
        ],
        "invalidVotes": [
            {
                "electionOfficialJmbg": ballot.official_jmbg,
                "ballotGuid": str(UUID(bytes=ballot.guid)),
                # The contract is older than voters' own ballots; of elections without these it is kept to the letter.
                "pollNumber": ballot.poll_number if found.names_choices else None,
                "reason": REASONS[ballot.reason],
            }
            for ballot in found.refused
        ],
    }


def _participant(participant: Participant) -> dict[str, Any]:
    return {"id": participant.id, "name": participant.name, "individual": participant.individual}


def _can_be_stored(text: str) -> bool:
    """Whether every database takes the text: none takes halves of surrogate pairs, PostgreSQL no null character."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _are_ids(value: object) -> bool:
    """Whether it is a list of whole numbers; Python counts true and false among them, the contract does not."""
    return isinstance(value, list) and all(type(item) is int for item in value)
