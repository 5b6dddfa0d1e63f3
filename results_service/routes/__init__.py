"""The results over HTTP, for everybody. Answers say how long they may be kept, and 304 to who has them already."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from results_service import actions, sockets
from results_service.actions import ElectionResult
from results_service.actions.answers import Answer, Kept
from results_service.actions.refused_ballots import list_refused_ballots as refused_ballots
from results_service.actions.standings import read_result_as_of
from results_service.live import Live, Wire
from results_service.routes.result import BallotsAnswer, ElectionSummary, HeldBackAnswer, ResultAnswer
from results_service.routes.seats import Shape
from results_service.rules import Certainty
from shared.auth import public
from shared.terms import Refusal, State
from shared.web.extensions import extension
from shared.web.requests import Page, PageQuery

T = TypeVar("T")

blueprint = APIBlueprint("results", __name__, url_prefix="/api/elections", tag="Results")

REFUSALS = {
    304: "Unchanged since the answer whose ETag If-None-Match names",
    503: "The election store cannot be reached; Retry-After says when to come back",
}
NO_ELECTION = {**REFUSALS, 404: "There is no such election"}
NO_VOTES = {**NO_ELECTION, 409: "Votes are held back: voters cast ballots themselves, and the count is not final"}
STREAM = {
    200: "Events without end",
    404: "There is no such election",
    503: "The election store cannot be reached, or too many watch already; Retry-After says when to come back",
}
AS_OF = (
    "The result as it was then, of all that had been received by this moment, inclusive: ISO 8601 with an offset, such "
    "as 2026-04-12T21:00:00Z. Left out: now."
)


def _written(said: object) -> object:
    """A moment is written out; a bare number would be taken for seconds since 1970."""
    if isinstance(said, str) and "-" not in said[1:]:
        raise ValueError("This is a moment in ISO 8601, with an offset.")
    return said


def _in_utc(moment: datetime) -> datetime:
    """The moment, of which caches and the store know one form alone."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("This moment is in no year that has a number of four digits.") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_utc)]
# A stream is for one reader, and is passed on as it comes.
UNKEPT = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Elections(Page[ElectionSummary]):
    """A page of elections, those that begin last first."""


class OnBallot(Shape):
    """Who stands under a poll number."""

    poll_number: int
    name: str
    individual: bool
    exempt: bool = Field(description="The threshold does not hold for it.")


class ElectionDetails(ElectionSummary):
    """An election, who stands in it, and how votes become seats."""

    lists: list[OnBallot]
    rules: dict[str, int | str | bool] | None = Field(description="How votes become seats; null when it gives none.")
    ballot_key: str | None = Field(
        description="By which anybody can check the signatures of voters' ballots: a SubjectPublicKeyInfo in DER, in "
        "base64. null where voters do not cast ballots themselves."
    )
    choices_public: bool = Field(
        description="Once the count is final, everybody can read how each ballot was cast, by its GUID."
    )


class ResultQuery(BaseModel):
    """Which result; an unknown parameter is an error, or a misspelt moment would show the present for the past."""

    model_config = ConfigDict(extra="forbid")

    as_of: Moment | None = Field(None, description=AS_OF)


class OfNow(BaseModel):
    """No parameter: who asks for the past where there is only the present is told so."""

    model_config = ConfigDict(extra="forbid")


class LiveList(Shape):
    """A list and its votes so far."""

    poll_number: int
    name: str
    votes: int
    share: str
    seats: int | None


class LiveStations(Shape):
    """How many polling stations there are, and how many have reported."""

    counted: int
    total: int


class LiveEvent(Shape):
    """What the stream of a result says at each change: the result without its explanations."""

    election_id: int
    state: State
    certainty: Certainty
    counted_until: datetime | None
    ballots: BallotsAnswer
    valid_votes: int
    held_back: HeldBackAnswer | None
    lists: list[LiveList] = Field(description="None while votes are held back.")
    stations: LiveStations


class RefusedBallot(BaseModel):
    """A ballot that is not counted."""

    guid: UUID
    poll_number: int | None = Field(
        description="null where voters cast ballots themselves: that of a ballot which was sent twice would say how "
        "the one that counts was cast."
    )
    reason: Refusal


class RefusedBallots(Page[RefusedBallot]):
    """A page of the ballots that are not counted, in the order of receipt."""


@blueprint.get("")
@public
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(Elections)
@blueprint.doc(summary="Elections, those that begin last first", responses=REFUSALS)
def list_elections(query: PageQuery) -> Any:
    answer = actions.list_elections(desk(), query.per_page, offset(query), is_known)
    return answered(answer, lambda found: page(found.items, found.total, query))


@blueprint.get("/<int:election_id>")
@public
@blueprint.output(ElectionDetails)
@blueprint.doc(summary="One election", responses=NO_ELECTION)
def read_election(election_id: int) -> Any:
    answer = actions.read_election(desk(), election_id, is_known)
    return answered(
        answer,
        lambda found: ElectionDetails.model_validate({**vars(found), **vars(found.election)}),
    )


@blueprint.get("/<int:election_id>/results")
@public
@blueprint.input(ResultQuery, location="query", arg_name="query")
@blueprint.output(ResultAnswer)
@blueprint.doc(
    summary="The result so far, how certain it is, and how votes became seats",
    responses={**NO_VOTES, 422: "The moment has not come yet, is none, or its votes are told nobody"},
)
def read_result(election_id: int, query: ResultQuery) -> Any:
    if query.as_of is None:
        result = actions.read_result(desk(), election_id)
    else:
        result = read_result_as_of(desk(), election_id, query.as_of)
    headers = caching(result, past=query.as_of is not None)
    if is_known(result.tag):
        return Response(status=304, headers=headers)
    return Response(result.form("json", as_json), headers=headers, mimetype="application/json")


@blueprint.get("/<int:election_id>/live")
@public
@blueprint.doc(summary="The result as it changes, as server-sent events or over a WebSocket", responses=STREAM)
def watch_result(election_id: int) -> Response:
    if request.method == "HEAD":
        actions.read_result(desk(), election_id)
        return Response(mimetype="text/event-stream", headers=UNKEPT)
    stream = live().watch(election_id, EVENTS, _seen(), request.environ.get("gunicorn.socket"))
    return Response(stream, mimetype="text/event-stream", headers=UNKEPT)


# The router takes a request that wants a WebSocket to no other view than one that says so.
@blueprint.get("/<int:election_id>/live", websocket=True)
@public
@blueprint.doc(hide=True)
def talk_of_result(election_id: int) -> Response:
    opened = sockets.begin(request.environ)
    # What is wrong with the stream is answered as to any other request, before there is a WebSocket.
    return opened.serve(live().watch(election_id, MESSAGES, _seen(), request.environ.get("gunicorn.socket")))


@blueprint.get("/<int:election_id>/refused-ballots")
@public
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(RefusedBallots)
@blueprint.doc(summary="The ballots that are not counted, and why", responses=NO_ELECTION)
def list_refused_ballots(election_id: int, query: PageQuery) -> Any:
    answer = refused_ballots(desk(), election_id, query.per_page, offset(query), is_known)
    return answered(
        answer,
        lambda found: page(
            [
                RefusedBallot(
                    guid=UUID(bytes=refused.guid),
                    poll_number=refused.poll_number if found.names_choices else None,
                    reason=refused.reason,
                )
                for refused in found.items
            ],
            found.total,
            query,
        ),
    )


# Section 7.2.2 of RFC 7515, where each member is base64url.
_SIGNATURE = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("payload", "protected", "signature")},
    "required": ["payload", "protected", "signature"],
}


def describe(spec: dict[str, Any]) -> None:
    """Say in the OpenAPI document what the framework does not: the headers of an answer, and what is in a stream."""
    headers = {
        "ETag": {"description": "Names this state of the answer.", "schema": {"type": "string"}},
        "Cache-Control": {"description": "For how long the answer may be kept.", "schema": {"type": "string"}},
    }
    for path, operations in spec.get("paths", {}).items():
        responses = operations["get"]["responses"]
        if path == "/api/elections/{election_id}/live":
            responses["200"]["content"] = {"text/event-stream": {"schema": _describe_events(spec)}}
        elif "304" in responses:
            responses["200"]["headers"] = headers
            if path.endswith(".csv"):
                responses["200"]["content"] = {"text/csv": {"schema": {"type": "string"}}}
            if path.endswith("/signed"):
                responses["200"]["content"] = {"application/jose+json": {"schema": _SIGNATURE}}
            responses["304"] = {"description": responses["304"]["description"], "headers": headers}


def _describe_events(spec: dict[str, Any]) -> dict[str, Any]:
    event = LiveEvent.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = spec["components"]["schemas"]
    schemas |= event.pop("$defs")
    schemas["LiveEvent"] = event
    return {
        "type": "object",
        "description": (
            "Events without a name: the present state first, then one for each change, a second apart at least. The "
            "id is the ETag of the result; who comes back with it as Last-Event-ID, or as `seen` in the query, is not "
            "told of that state again. With `Upgrade: websocket` the same comes over a WebSocket, each message a JSON "
            "object with `id` and `data`; who sends one is cut off."
        ),
        "properties": {
            "id": {"type": "string"},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": "#/components/schemas/LiveEvent"},
            },
        },
    }


def desk() -> actions.Desk:
    """What the service that answers works with."""
    return extension("desk", actions.Desk)


def live() -> Live:
    """The streams of the service that answers."""
    return extension("live", Live)


def _as_event(result: Kept[ElectionResult]) -> bytes:
    """A result as it goes to all who read events: one event, whose id is the tag of the result."""
    return f"id: {result.tag}\ndata: {_live(result)}\n\n".encode()


def _as_message(result: Kept[ElectionResult]) -> bytes:
    """The same as a message of a WebSocket."""
    return f'{{"id":"{result.tag}","data":{_live(result)}}}'.encode()


def _live(result: Kept[ElectionResult]) -> str:
    found = result.body
    event = LiveEvent.model_validate(
        {**vars(found.result), "election_id": found.election.id, "state": found.election.state}
    )
    return event.model_dump_json()


EVENTS = Wire("event", _as_event, greeting=b"retry: 2000\n\n", beat=b":\n\n")
MESSAGES = Wire("message", _as_message)


def is_known(tag: str) -> bool:
    """Whether the caller has said that it has the answer with this ETag."""
    # A proxy that compresses makes the tag a weak one; the answer is the same.
    return request.if_none_match.contains_weak(tag)


def caching(answer: Answer[T] | Kept[T], *, past: bool = False) -> dict[str, str]:
    """For how long everybody, proxies too, may keep the answer, and its name; what is ``past`` and settled for long."""
    # A second keeps a crowd off the database and is not noticed by a reader. What is settled still gets a lot drawn.
    seconds = (600 if past else 60) if answer.settled else 1
    return {"ETag": f'"{answer.tag}"', "Cache-Control": f"public, max-age={seconds}"}


def as_json(result: Kept[ElectionResult]) -> bytes:
    """The result as the JSON that programs are answered; its form is named ``json``."""
    found = result.body
    stations = found.result.stations
    beside = {"registered": stations.registered, "turnout": stations.turnout, "turnout_of": "registered_counted"}
    shown = {**vars(found.election), **vars(found.result), **beside}
    return ResultAnswer.model_validate(shown).model_dump_json().encode()


def answered(answer: Answer[T], shape: Callable[[T], Any], *, past: bool = False) -> Any:
    """The answer in the shape of a route, or that the caller has it already."""
    if answer.body is None:
        return Response(status=304, headers=caching(answer, past=past))
    return shape(answer.body), 200, caching(answer, past=past)


def _seen() -> str | None:
    """The tag of the state that who asks has seen."""
    return request.headers.get("Last-Event-ID") or request.args.get("seen")


def offset(query: PageQuery) -> int:
    """How many items come before the page."""
    return (query.page - 1) * query.per_page


def page(items: list[Any], total: int, query: PageQuery) -> dict[str, Any]:
    """One page of a listing."""
    return {"items": items, "page": query.page, "per_page": query.per_page, "total": total}
