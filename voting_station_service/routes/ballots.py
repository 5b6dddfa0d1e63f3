"""Voters' own ballots: the ballot paper, and casting. Nobody is logged in here, and nothing says who it was."""

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import current_app
from pydantic import BaseModel, ConfigDict, Field

from shared.auth import public
from shared.ballot_proofs import read_key
from shared.blind_signatures import PREFIX_BYTES
from shared.errors import InvalidInput
from shared.queue.keys import from_microseconds
from shared.web.journal import journaled
from shared.web.logs import unlinked
from voting_station_service.actions import casting
from voting_station_service.routes import station

ballots = APIBlueprint("ballots", __name__, tag="Voters' ballots", url_prefix="/api/elections")

# Base64 of the longest signature, with room to spare.
_LONGEST = 1024


class OnBallot(BaseModel):
    """What can be voted for; the name is empty where no daemon has told it yet."""

    poll_number: int
    name: str


class BallotPaperAnswer(BaseModel):
    """What a voter's program has to know of an election."""

    id: int
    title: str
    start: datetime
    end: datetime
    open: bool
    ballot_key: str | None = Field(
        description="By which the signature of a ballot is checked: a SubjectPublicKeyInfo in DER, in base64. null "
        "where voters do not cast ballots themselves. It is the same for every voter, or somebody cheats."
    )
    fingerprint: str | None = Field(description="The SHA-256 of the key's DER in hexadecimal, for people to compare.")
    choices_public: bool = Field(
        description="Once the count is final, everybody can read how each ballot was cast, by its GUID, and so whoever "
        "sees a voter's receipt how that voter voted. Programs tell voters before they vote."
    )
    entries: list[OnBallot]


class BallotField(BaseModel):
    """A ballot with its proof; see docs/secret-ballot.md."""

    model_config = ConfigDict(extra="forbid")

    guid: UUID = Field(description="Made by the voter's program, at random.")
    poll_number: int = Field(ge=1, le=2**31 - 1)
    prefix: str = Field(max_length=_LONGEST, description="The 32 random bytes of the prepared message, in base64.")
    signature: str = Field(max_length=_LONGEST, description="Of the prepared message, unblinded, in base64.")


class CastAnswer(BaseModel):
    """The ballot is on disk and will be counted, once."""

    election_id: int
    guid: UUID = Field(description="Ask for it at /api/elections/{id}/receipts/{guid} of the results service.")


@ballots.get("/<int:election_id>/ballot-paper")
@public
@unlinked
@ballots.output(BallotPaperAnswer)
@ballots.doc(
    summary="What can be voted for, when, and by which key ballots are checked",
    responses={404: "No such election", 503: "The queue is away"},
)
def show(election_id: int) -> dict[str, Any]:
    paper = casting.ballot_paper(station(), election_id)
    election = paper.election
    return {
        "id": election.id,
        "title": election.title,
        "start": from_microseconds(election.start),
        "end": from_microseconds(election.end),
        "open": paper.is_open,
        "ballot_key": election.ballot_key,
        "fingerprint": read_key(election.ballot_key).fingerprint if election.ballot_key else None,
        "choices_public": election.choices_public,
        "entries": [{"poll_number": one, "name": paper.names.get(one, "")} for one in election.poll_numbers],
    }


@ballots.post("/<int:election_id>/ballots")
@public
@unlinked
@journaled("batch.refused", "ballot of election {election_id}")
@ballots.input(BallotField, arg_name="body")
@ballots.output(CastAnswer, status_code=202)
@ballots.doc(
    summary="Cast a ballot",
    description="Without any log-in: a token or a cookie is not looked at, and none should be sent. Whoever gets no "
    "answer sends the ballot again: it counts once, as it arrived first. Where the process that answers has stored it "
    "within the last minute, that is 409 with an error of the field `guid`; ask for the receipt before sending one "
    "again that may have been cast longer ago.",
    responses={
        404: "No such election",
        409: "The election is not open, voters do not cast ballots themselves in it, or this ballot was cast before",
        422: "There is no such list, or the signature is not one of this election for this GUID",
        503: "The queue cannot take it now",
    },
)
def cast(election_id: int, body: BallotField) -> dict[str, Any]:
    prefix = _decoded(body.prefix, "prefix")
    if len(prefix) != PREFIX_BYTES:
        raise InvalidInput(f"The prefix has {PREFIX_BYTES} bytes, not {len(prefix)}.", field="prefix")
    ballot = casting.Cast(election_id, body.guid.bytes, body.poll_number, prefix, _decoded(body.signature, "signature"))
    casting.cast(station(), current_app.extensions["box"], ballot)
    return {"election_id": election_id, "guid": body.guid}


def _decoded(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"The {field} is not written in base64.", field=field) from error
