"""What all pages of results stand on: their navigation, the look of lists, and how long each may be kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from flask import Response, request, url_for
from flask_babel import lazy_gettext
from pydantic import TypeAdapter, ValidationError

from results_service.actions import ElectionResult, read_result
from results_service.actions.answers import Answer, Kept
from results_service.actions.standings import read_result_as_of
from results_service.routes import Moment, caching, desk, is_known
from results_service.rules import fingerprint
from shared.errors import InvalidInput
from shared.terms import State
from shared.web.pages import page_blueprint, page_tag, unchanged
from shared.web.pages.language import asked_for
from shared.web.pages.numbers import number

# The name of a state, and the kind of its badge.
STATES = {
    State.DRAFT: (lazy_gettext("draft"), ""),
    State.SCHEDULED: (lazy_gettext("scheduled"), ""),
    State.OPEN: (lazy_gettext("open"), "busy"),
    State.COUNTING: (lazy_gettext("counting"), "busy"),
    State.FINAL: (lazy_gettext("final"), "good"),
    State.CANCELLED: (lazy_gettext("cancelled"), "bad"),
}
LEVELS = {
    "region": (lazy_gettext("Region"), lazy_gettext("Regions")),
    "constituency": (lazy_gettext("Constituency"), lazy_gettext("Constituencies")),
    "municipality": (lazy_gettext("Municipality"), lazy_gettext("Municipalities")),
    "centre": (lazy_gettext("Polling centre"), lazy_gettext("Polling centres")),
    "station": (lazy_gettext("Polling station"), lazy_gettext("Polling stations")),
}
_MOST_PAGES = 100_000
_VIEWS = (
    ("pages.election", lazy_gettext("Result")),
    ("pages.candidates", lazy_gettext("Candidates")),
    ("pages.why", lazy_gettext("Why these seats")),
    ("pages.places", lazy_gettext("Places")),
    ("pages.map_page", lazy_gettext("Map")),
    ("pages.moments", lazy_gettext("Over time")),
    ("pages.corrections", lazy_gettext("Corrections")),
    ("pages.protocol", lazy_gettext("Protocol")),
)
_COLOURS = 8

blueprint = page_blueprint("pages", "results_service.pages")


@dataclass(frozen=True)
class Look:
    """The look of a list: one of eight colours with one of eight patterns, another pair for each of 64 lists."""

    colour: int
    pattern: int

    @staticmethod
    def of(place: int) -> "Look":
        """That of the list at a place on the ballot, from 0; the first eight are those of every page."""
        return Look(place % _COLOURS, (place + place // _COLOURS) % _COLOURS)

    @property
    def name(self) -> str:
        """What tells its pattern from others in a picture."""
        return f"look-{self.colour}-{self.pattern}"


def looks_of(poll_numbers: Sequence[int]) -> dict[int, Look]:
    """The looks of the lists of a ballot by poll number, the same on every page and at any moment."""
    return {number: Look.of(place) for place, number in enumerate(sorted(poll_numbers))}


def looks_of_lists(lists: Sequence[Any]) -> dict[int, Look]:
    """The same for what has a poll number."""
    return looks_of([one.poll_number for one in lists])


def sections(election_id: int) -> list[tuple[str, object, bool]]:
    """The pages of an election, for the navigation below that of the services."""
    current = {"pages.place": "pages.places", "pages.station_protocol": "pages.protocol"}
    endpoint = current.get(request.endpoint or "", request.endpoint)
    return [(url_for(name, election_id=election_id), title, name == endpoint) for name, title in _VIEWS]


def query(**arguments: object) -> str:
    """An address on this very page with other arguments, in its language; what is None is left out."""
    language = asked_for()
    given = {name: value for name, value in arguments.items() if value is not None}
    if language:
        given["language"] = language.code
    return f"?{urlencode(given)}"


def quotient(value: Fraction) -> str:
    """A quotient with one decimal."""
    return number(Decimal(round(value * 10)) / 10)


def page_number() -> int:
    """Which page of a list the address asks for, from 1 on; no store counts further than its own numbers go."""
    return min(max(1, request.args.get("page", 1, type=int)), _MOST_PAGES)


def as_of() -> datetime | None:
    """The moment that the address names; InvalidInput when it is none."""
    text = request.args.get("as_of")
    if not text:
        return None
    try:
        return TypeAdapter[datetime](Moment).validate_python(text)
    except ValidationError as error:
        raise InvalidInput(
            "The moment is written with its offset, as in 2026-04-12T21:00:00Z.", field="as_of"
        ) from error


def result_of(election_id: int, moment: datetime | None) -> Kept[ElectionResult]:
    """The result now, or as of a moment."""
    if moment is None:
        return read_result(desk(), election_id)
    return read_result_as_of(desk(), election_id, moment)


def kept(answer: Answer[Any] | Kept[Any], *about: object, past: bool = False) -> tuple[dict[str, str], Response | None]:
    """The headers of a page that shows an answer, and, for who has the page already, what to say.

    ``about`` is what the page depends on besides the answer and its address.
    """
    tag = page_tag(fingerprint(answer.tag, about) if about else answer.tag)
    headers = {**caching(answer, past=past), "ETag": f'"{tag}"'}
    return headers, unchanged(headers) if is_known(tag) else None


for _name, _helper in (
    ("sections", sections),
    ("query", query),
    ("looks_of", looks_of_lists),
    ("quotient", quotient),
):
    blueprint.add_app_template_global(_helper, _name)
blueprint.add_app_template_global(lambda level: LEVELS[level], "level_names")
