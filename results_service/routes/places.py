"""The results per place, over the time, and what was corrected: for everybody, cached like the results."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, Field

from results_service.actions import corrections as log
from results_service.actions import places as actions
from results_service.actions.answers import Answer, Known
from results_service.routes import (
    AS_OF,
    NO_ELECTION,
    NO_VOTES,
    Moment,
    OfNow,
    ResultQuery,
    answered,
    caching,
    desk,
    is_known,
    offset,
    page,
)
from results_service.routes.result import DeclaredAnswer, ElectionSummary, ReportingAnswer
from results_service.routes.seats import Shape
from results_service.rules.places import Key, Level
from shared.auth import public
from shared.errors import InvalidInput
from shared.web.requests import Page, PageQuery

T = TypeVar("T")

places = APIBlueprint("places", __name__, url_prefix="/api/elections", tag="Results per place")

_NO_PLACE = {**NO_VOTES, 404: "There is no such election, or no such place in it", 422: "A parameter is wrong"}


class ListShareAnswer(Shape):
    """A list in a place."""

    poll_number: int
    votes: int
    share: str = Field(description="With four decimals, of `valid_votes` of the place.")


class PlaceAnswer(Shape):
    """What was counted in a place."""

    level: Level
    id: str = Field(description="Its number; of a municipality the number of its constituency, a colon and its name.")
    name: str
    latitude: float | None = Field(description="Of the middle of its polling centres, WGS 84.")
    longitude: float | None
    stations: ReportingAnswer
    turnout: str | None = Field(description="Ballots in the box, as a share of what `turnout_of` names.")
    turnout_of: str = Field("registered_counted", description="The registered voters of the counted stations.")
    counted: int = Field(description="Ballots that count.")
    duplicate: int
    invalid: int = Field(description="With a poll number of nobody.")
    valid_votes: int
    lists: list[ListShareAnswer]
    leading: int | None = Field(description="Poll number with the most votes; null where several have as many.")
    declared: DeclaredAnswer | None = Field(description="null where no tally sheet is accepted.")


class PlacePage(Page[PlaceAnswer]):
    """A page of places, by name."""


class NameAnswer(Shape):
    """A place by name."""

    level: Level
    id: str
    name: str


class InPlaceAnswer(Shape):
    """The result of a place, and of those in it."""

    place: PlaceAnswer
    trail: list[NameAnswer] = Field(description="What it lies in, the largest first.")
    children: list[PlaceAnswer] = Field(description="The places of the next smaller level in it, by name.")


class MomentAnswer(Shape):
    """How much had come in before a moment."""

    at: datetime
    counted: int = Field(description="Ballots that count.")
    stations: int = Field(description="Polling stations with ballots in the box.")


class TimeLineAnswer(ElectionSummary):
    """How ballots came in, by their moments of receipt."""

    moments: list[MomentAnswer] = Field(description="From the opening to the end or to now, evenly apart.")


class CorrectionAnswer(Shape):
    """Something that was changed after it had been said."""

    kind: log.Kind
    at: datetime | None = Field(description="null where the store does not know.")
    reason: str = Field(description="As it was given.")
    station_id: int | None
    station: str | None = Field(description="Its code.")
    constituency_id: int | None
    ballots: int | None = Field(description="Of a part that was laid aside, as far as that could be read.")
    lots: list[int]


class CorrectionPage(Page[CorrectionAnswer]):
    """A page of corrections, in the order of time."""


class PlaceQuery(PageQuery):
    """Which places, and when."""

    level: Level
    within: str | None = Field(
        None, max_length=300, description="Only those in this place: its level, a colon and its id, such as `region:3`."
    )
    per_page: int = Field(50, ge=1, le=500, description="Items on a page.")
    as_of: Moment | None = Field(None, description=AS_OF)


@places.get("/<int:election_id>/results/places")
@public
@places.input(PlaceQuery, location="query", arg_name="query")
@places.output(PlacePage)
@places.doc(summary="Results per place", responses=_NO_PLACE)
def list_places(election_id: int, query: PlaceQuery) -> Any:
    within = None if query.within is None else _key(query.within)
    return _kept(
        lambda known: actions.list_places(
            desk(), election_id, query.level, within, query.per_page, offset(query), known, query.as_of
        ),
        lambda found: PlacePage.model_validate(page([_place(one) for one in found.items], found.total, query)),
        past=query.as_of is not None,
    )


@places.get("/<int:election_id>/results/places/<level>/<path:place>")
@public
@places.input(ResultQuery, location="query", arg_name="query")
@places.output(InPlaceAnswer)
@places.doc(summary="The result of a place, and of those in it", responses=_NO_PLACE)
def read_place(election_id: int, level: str, place: str, query: ResultQuery) -> Any:
    key = (_level(level, "level"), place)
    return _kept(
        lambda known: actions.read_place(desk(), election_id, key, known, query.as_of),
        lambda found: InPlaceAnswer(
            place=_place(found.place),
            trail=[NameAnswer.model_validate(one) for one in found.trail],
            children=[_place(one) for one in found.children],
        ),
        past=query.as_of is not None,
    )


@places.get("/<int:election_id>/results/timeline")
@public
@places.input(OfNow, location="query", arg_name="_query")
@places.output(TimeLineAnswer)
@places.doc(
    summary="How the ballots came in, at up to 200 moments",
    responses={**NO_ELECTION, 422: "There is no such parameter"},
)
def read_time_line(election_id: int, _query: OfNow) -> Any:
    answer = actions.read_time_line(desk(), election_id, is_known)
    return answered(
        answer, lambda found: TimeLineAnswer.model_validate({**vars(found.election), "moments": found.moments})
    )


@places.get("/<int:election_id>/corrections")
@public
@places.input(PageQuery, location="query", arg_name="query")
@places.output(CorrectionPage)
@places.doc(
    summary="What was corrected",
    description="Tally sheets that were resolved or reopened, parts that were laid aside and what became of them, lots "
    "that were drawn, and a cancellation; in the order of time.",
    responses=NO_ELECTION,
)
def list_corrections(election_id: int, query: PageQuery) -> Any:
    answer = log.list_corrections(desk(), election_id, query.per_page, offset(query), is_known)
    return answered(
        answer,
        lambda found: page([CorrectionAnswer.model_validate(one) for one in found.items], found.total, query),
    )


def _kept(ask: Callable[[Known], Answer[T]], shape: Callable[[T], BaseModel], *, past: bool) -> Response:
    """An answer that is written once for all who ask for the same state of the same page."""
    pages = desk().pages
    answer = ask(lambda tag: is_known(tag) or pages.get(tag) is not None)
    headers = caching(answer, past=past)
    if is_known(answer.tag):
        return Response(status=304, headers=headers)
    written = pages.get(answer.tag)
    while written is None:
        if answer.body is None:
            # It was kept a moment ago, and is not any more.
            answer = ask(lambda _: False)
            headers = caching(answer, past=past)
        else:
            written = shape(answer.body).model_dump_json().encode()
            pages.keep(answer.tag, written)
    return Response(written, headers=headers, mimetype="application/json")


def _place(found: Any) -> PlaceAnswer:
    return PlaceAnswer.model_validate({**vars(found), "turnout": found.stations.turnout})


def _key(text: str) -> Key:
    level, _, number = text.partition(":")
    return _level(level, "within"), number


def _level(text: str, field: str) -> Level:
    try:
        return Level(text)
    except ValueError as error:
        raise InvalidInput(f"The levels are: {', '.join(Level)}.", field=field) from error
