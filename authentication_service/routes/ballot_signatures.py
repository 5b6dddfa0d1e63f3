"""The /api routes of ballot keys and blind signatures."""

import base64
import binascii
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from authentication_service import signing
from authentication_service.actions import ballot_signatures as actions
from authentication_service.rules.eligibility import Reason
from authentication_service.signing import parts
from shared.auth import identity, public, requires
from shared.blind_signatures import PublicKey
from shared.errors import InvalidInput
from shared.terms import Role
from shared.web.extensions import extension
from shared.web.journal import journaled
from shared.web.requests import Strict, check_match, etag

ballot_signatures = APIBlueprint("ballot_signatures", __name__, tag="Ballot signatures", url_prefix="/api")

EXTENSION = "ballot keys"
# Base64 of the longest message of a key, with room to spare.
_LONGEST = 1024


class KeyOut(BaseModel):
    """The public half of an election's key."""

    election_id: int
    ballot_key: str = Field(
        description="A SubjectPublicKeyInfo in DER, in base64; an administrator carries it to the administration."
    )
    fingerprint: str = Field(description="The SHA-256 of the DER in hexadecimal, for people to compare.")


class SignaturesOut(BaseModel):
    """How many voters have got their signature in an election."""

    election_id: int
    given: int


class PaperVoterOut(BaseModel):
    """That a citizen votes on paper in an election."""

    election_id: int
    citizen_id: int


class OwnElectionOut(BaseModel):
    """An election as the voter who asks sees it."""

    election_id: int
    title: str
    opens_at: datetime = Field(description="UTC.")
    closes_at: datetime = Field(description="UTC.")
    may_vote: bool
    reason: Reason | None = Field(description="Why not.")
    signed: bool = Field(description="Whether the one signature was given already; not whether a ballot was cast.")
    fingerprint: str | None = Field(description="Of the ballot key; null where there is none yet.")


class OwnElections(BaseModel):
    """Those that are not over, the first to open first."""

    items: list[OwnElectionOut]


class BlindedIn(Strict):
    """What is to be signed, which nobody but its sender can read."""

    blinded: str = Field(max_length=_LONGEST, description="The blinded message (RFC 9474), in base64.")


class SignatureOut(BaseModel):
    """The blind signature; its receiver unblinds it."""

    signature: str = Field(description="In base64.")


@ballot_signatures.post("/voter-elections/<int:election_id>/key")
@requires(Role.ADMINISTRATOR)
@journaled("voter_election.key_made", "voter_election {election_id}")
@ballot_signatures.output(KeyOut, status_code=201)
@ballot_signatures.doc(
    summary="Make the ballot key of an election",
    description="Once, before it opens. Needs If-Match. The private half never leaves this service.",
    responses={
        404: "Voters know no such election",
        409: "It has its key already, or has opened",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def make_key(election_id: int) -> tuple[dict[str, Any], int, dict[str, str]]:
    key, version = actions.make_key(
        parts().database, ballot_keys(), identity(), election_id, matches=check_match, now=signing.now()
    )
    return _key(election_id, key), 201, etag(version)


@ballot_signatures.get("/voter-elections/<int:election_id>/key")
@public
@ballot_signatures.output(KeyOut)
@ballot_signatures.doc(summary="The ballot key of an election", responses={404: "There is none"})
def read_key(election_id: int) -> dict[str, Any]:
    return _key(election_id, actions.read_key(parts().database, election_id))


@ballot_signatures.get("/voter-elections/<int:election_id>/signatures")
@public
@ballot_signatures.output(SignaturesOut)
@ballot_signatures.doc(
    summary="How many signatures were given for an election",
    description="For everybody, when it has ended: of no polling station (`unattributed` of the result) can be more "
    "ballots than these, besides those of officials without a station.",
    responses={404: "Voters know no such election, or it has no key", 409: "It has not ended"},
)
def count_signatures(election_id: int) -> tuple[dict[str, int], int, dict[str, str]]:
    given = actions.number_given(parts().database, election_id, signing.now())
    # It does not change any more, and to count a million rows takes a while.
    return {"election_id": election_id, "given": given}, 200, {"Cache-Control": "public, max-age=600"}


@ballot_signatures.put("/voter-elections/<int:election_id>/paper-voters/<int:citizen_id>")
@requires(Role.ADMINISTRATOR)
@journaled("voter_election.voted_on_paper", "voter_election {election_id}")
@ballot_signatures.output(PaperVoterOut)
@ballot_signatures.doc(
    summary="Note that a citizen votes on paper in an election",
    description="When a polling station gives the ballot paper out. Nobody signs a ballot for the citizen after that, "
    "and nothing takes it back; a second time changes nothing.",
    responses={
        404: "Voters know no such election, or there is no such citizen",
        409: "The citizen has got the signature for a ballot, or may not vote",
    },
)
def note_paper(election_id: int, citizen_id: int) -> dict[str, int]:
    actions.note_paper(parts().database, identity(), election_id, citizen_id, zone=zone(), now=signing.now())
    return {"election_id": election_id, "citizen_id": citizen_id}


@ballot_signatures.get("/elections")
@requires(Role.VOTER)
@ballot_signatures.output(OwnElections)
@ballot_signatures.doc(
    summary="The own elections", description="Of a voter: those that are not over, and whether he may vote in each."
)
def own_elections() -> dict[str, Any]:
    found = actions.own_elections(parts().database, identity(), signing.now(), zone())
    return {
        "items": [
            {
                "election_id": one.election_id,
                "title": one.title,
                "opens_at": one.opens_at,
                "closes_at": one.closes_at,
                "may_vote": one.reason is None,
                "reason": one.reason,
                "signed": one.is_signed,
                "fingerprint": one.key.fingerprint if one.key else None,
            }
            for one in found
        ]
    }


@ballot_signatures.post("/elections/<int:election_id>/signature")
@requires(Role.VOTER)
@journaled("ballot_signature.refused", "voter_election {election_id}")
@ballot_signatures.input(BlindedIn, arg_name="body")
@ballot_signatures.output(SignatureOut)
@ballot_signatures.doc(
    summary="Get the one signature of an election, blind",
    description="The same request may be sent again, and gets the same signature; another one is refused for ever.",
    responses={
        403: "The voter may not vote in this election",
        404: "No such election, or it has no key",
        409: "It is not open, or another ballot was signed for this voter",
        422: "This is no blinded message of the election's key",
        503: "The key is damaged, or the signature was computed wrongly and thrown away; ask again",
    },
)
def sign(election_id: int, body: BlindedIn) -> dict[str, Any]:
    try:
        blinded = base64.b64decode(body.blinded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("The blinded message is not written in base64.", field="blinded") from error
    signature = actions.sign(
        parts().database, ballot_keys(), identity(), election_id, blinded, zone=zone(), now=signing.now
    )
    return {"signature": base64.b64encode(signature).decode()}


def _key(election_id: int, key: PublicKey) -> dict[str, Any]:
    return {
        "election_id": election_id,
        "ballot_key": base64.b64encode(key.der).decode(),
        "fingerprint": key.fingerprint,
    }


def ballot_keys() -> actions.BallotKeys:
    """What opens and closes the private keys of elections at the service that answers."""
    return extension(EXTENSION, actions.BallotKeys)


def zone() -> ZoneInfo:
    """Where elections are held."""
    return ZoneInfo(parts().settings.election_timezone)
