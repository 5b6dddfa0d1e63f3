"""The /api routes of the elections of voters: whom each is for, and its electoral roll."""

from collections.abc import Mapping
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any
from zoneinfo import ZoneInfo

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from authentication_service import signing
from authentication_service.actions import voter_elections as actions
from authentication_service.rules.eligibility import MOST_VALUES
from authentication_service.signing import parts
from shared.auth import identity, requires
from shared.terms import Restriction, Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag

voter_elections = APIBlueprint(
    "voter_elections", __name__, tag="Elections of voters", url_prefix="/api/voter-elections"
)

MOST_BYTES = 64 * 1024 * 1024
"""A list of some millions of national ids; nginx lets a little more come."""

_PIECE = 1 << 20
_BODY: Mapping[str, Any] = {
    "required": True,
    "description": "CSV in UTF-8 with a header that names the column national_id.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


class VoterElectionIn(Strict):
    """Whom an election is for, and when."""

    title: str = Field(min_length=1, max_length=256)
    opens_at: AwareDatetime = Field(description="With its offset; ballots are signed from then on.")
    closes_at: AwareDatetime = Field(description="With its offset; ballots are signed until then.")
    restriction: Restriction = Field(
        Restriction.EVERYONE, description="Everyone of age who is registered, or only some of them."
    )
    values: list[str] = Field(
        [], max_length=MOST_VALUES, description="The regions or federal units, where the restriction is such."
    )


class VoterElectionOut(BaseModel):
    """An election as voters need it."""

    model_config = ConfigDict(from_attributes=True)

    election_id: int = Field(description="Its number at the administration service.")
    title: str
    opens_at: datetime = Field(description="UTC.")
    closes_at: datetime = Field(description="UTC.")
    restriction: Restriction
    values: list[str]
    listed: int = Field(description="How many citizens are on its list, where the restriction is `citizens`.")
    has_key: bool = Field(description="Whether ballots can be signed for it.")


class VoterElectionsPage(Page[VoterElectionOut]):
    """One page of them, those that open last first."""


@voter_elections.get("")
@requires(Role.ADMINISTRATOR, Role.AUDITOR)
@voter_elections.input(PageQuery, location="query")
@voter_elections.output(VoterElectionsPage)
@voter_elections.doc(summary="List the elections of voters")
def list_elections(query_data: PageQuery) -> dict[str, Any]:
    return actions.list_elections(parts().database, identity(), query_data)


@voter_elections.get("/<int:election_id>")
@requires(Role.ADMINISTRATOR, Role.AUDITOR)
@voter_elections.output(VoterElectionOut)
@voter_elections.doc(summary="One election of voters", responses={404: "Voters know no such election"})
def read_election(election_id: int) -> tuple[actions.Election, int, dict[str, str]]:
    found = actions.read_election(parts().database, identity(), election_id)
    return found, 200, etag(found.version)


@voter_elections.put("/<int:election_id>")
@requires(Role.ADMINISTRATOR)
@journaled("voter_election.changed", "voter_election {election_id}")
@voter_elections.input(VoterElectionIn)
@voter_elections.output(VoterElectionOut)
@voter_elections.doc(
    summary="Say whom an election is for, and when",
    description="The number is that of the election at the administration service, whose hours these have to be: the "
    "services do not ask each other. One that there is needs If-Match.",
    responses={
        201: "Made",
        404: "This is no number of an election",
        409: "It has opened",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def put_election(election_id: int, json_data: VoterElectionIn) -> tuple[actions.Election, int, dict[str, str]]:
    said = actions.Settings(**json_data.model_dump())
    found, is_new = actions.put_election(
        parts().database, identity(), election_id, said, matches=check_match, now=signing.now()
    )
    return found, 201 if is_new else 200, etag(found.version)


@voter_elections.put("/<int:election_id>/citizens")
@requires(Role.ADMINISTRATOR)
@journaled("voter_election.citizens_listed", "voter_election {election_id}")
@voter_elections.output(VoterElectionOut)
@voter_elections.doc(
    summary="List the citizens whom an election is for",
    description="In the place of those before; all of them or none.",
    responses={
        404: "Voters know no such election",
        409: "It has opened, or is not for a list of citizens",
        412: "Changed meanwhile",
        413: "The file is over the size limit",
        422: "A line is wrong",
        428: "If-Match is missing",
    },
)
def put_citizens(election_id: int) -> tuple[actions.Election, int, dict[str, str]]:
    request.max_content_length = MOST_BYTES
    with TemporaryFile() as file:
        while piece := request.stream.read(_PIECE):
            file.write(piece)
        found = actions.put_citizens(
            parts().database, identity(), election_id, file, matches=check_match, now=signing.now()
        )
    return found, 200, etag(found.version)


@voter_elections.get("/<int:election_id>/roll.csv")
@requires(Role.ADMINISTRATOR, Role.AUDITOR)
@voter_elections.doc(
    summary="The electoral roll of an election as CSV",
    description="Who may vote by the register of this moment, with national ids of which only the last four digits are "
    "told. Who has got the signature for a ballot has `yes` under `signature_given`, and who is noted to have voted on "
    "paper under `voted_on_paper`; polling stations refuse both.",
    responses={404: "Voters know no such election"},
)
def electoral_roll(election_id: int) -> Response:
    return roll_answer(election_id)


def roll_answer(election_id: int) -> Response:
    """The roll as a file that a browser stores."""
    service = parts()
    zone = ZoneInfo(service.settings.election_timezone)
    found, rows = actions.electoral_roll(service.database, identity(), election_id, zone)
    response = Response(rows, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="electoral-roll-{found.election_id}.csv"'
    # It names people.
    response.headers["Cache-Control"] = "no-store"
    return response


def describe_body(spec: dict[str, Any]) -> None:
    """Put into the OpenAPI document what APIFlask cannot know: the body and the answer that are no JSON."""
    spec["paths"]["/api/voter-elections/{election_id}/citizens"]["put"]["requestBody"] = _BODY
    roll = spec["paths"]["/api/voter-elections/{election_id}/roll.csv"]["get"]
    roll["responses"]["200"] = {"description": "CSV", "content": {"text/csv": {"schema": {"type": "string"}}}}
