"""How the daemon judges what officials have sent of tally sheets: by what the store has, whatever the station knew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from shared.errors import Conflict, InvalidInput, NotFound
from shared.sentences import say_number
from shared.sheets import (
    Event,
    Numbers,
    Person,
    Sheet,
    advance,
    check,
    photographs,
    require_taken,
    require_voted_at,
    settle_explanations,
)
from shared.terms import SheetAct, StationStatus


@dataclass(frozen=True)
class Poll:
    """An election that is no draft; one that is not ``published`` any more was cancelled."""

    id: int
    start: datetime
    end: datetime
    published: bool
    poll_numbers: Collection[int]


@dataclass(frozen=True)
class Place:
    """A polling station; ``registered`` voters are on its roll in the election that the sheet is of.

    ``voted_at``: it belongs to the electorate of that election, or this is not frozen yet.
    """

    status: str
    registered: int
    voted_at: bool = True


@dataclass(frozen=True)
class Photograph:
    """A photograph that was judged: what is kept of it beside its content."""

    name: str
    media_type: str
    sha256: str
    size: int


def require_ground(poll: Poll | None, place: Place | None, sheet: Sheet, received_at: datetime) -> None:
    """Refuse what is of no election or polling station, or comes at a time at which nothing is taken of the sheet."""
    if poll is None:
        raise NotFound("There is no such election.")
    if not poll.published:
        raise Conflict("The election was cancelled.")
    if place is None:
        raise NotFound("There is no such polling station.")
    if place.status != StationStatus.ACTIVE:
        raise Conflict("The polling station is disabled.")
    require_voted_at(place.voted_at)
    require_taken(poll.start, poll.end, received_at, sheet.reopened_at)


def judge_entry(
    sheet: Sheet, poll: Poll | None, place: Place | None, *, actor: Person, at: datetime, said: Mapping[str, Any]
) -> tuple[Sheet, Event]:
    """The sheet after an entry, and the entry; raises why it is not possible (any ``UrnaError``)."""
    require_ground(poll, place, sheet, at)
    assert poll is not None  # noqa: S101 -- the line above has refused it otherwise.
    assert place is not None  # noqa: S101 -- likewise.
    numbers = Numbers.from_dict(said.get("numbers"), poll.poll_numbers)
    given = said.get("explanations", {})
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for text in given.values()):
        raise InvalidInput("The explanations are texts, by the codes of the warnings.", field="explanations")
    explanations = settle_explanations(check(numbers, place.registered), given)
    event = Event(
        number=sheet.last + 1,
        act=SheetAct.ENTRY,
        actor=actor.email,
        at=at,
        numbers=numbers,
        explanations=explanations,
        actor_jmbg=actor.jmbg,
    )
    return advance(sheet, event), event


def judge_photograph(said: Mapping[str, Any], content: bytes) -> Photograph:
    """What a photograph is; raises ValueError for one that no station of ours has let through."""
    found = photographs.media_type(content)
    name, digest = said.get("name"), sha256(content).hexdigest()
    if not isinstance(name, str) or found is None or found != said.get("media_type"):
        raise ValueError("It is not the kind of file that it was sent as.")
    if said.get("sha256") != digest or not 0 < len(content) <= photographs.MOST_BYTES:
        raise ValueError("Its content is not the one that was accepted.")
    return Photograph(name, found, digest, len(content))


def require_room(kept: int) -> None:
    """Refuse (``Conflict``) a photograph of somebody of whom so many are kept of this sheet."""
    if kept >= photographs.MOST_OF_ONE:
        raise Conflict(
            say_number(
                "{number} photographs of this tally sheet are kept of you already.",
                "{number} photographs of this tally sheet are kept of you already.",
                photographs.MOST_OF_ONE,
            )
        )
