"""Which tally sheets somebody wants to see, and when the administration may decide about one. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import Conflict, InvalidInput
from shared.sentences import say
from shared.terms import SheetState, State

URGENCY = (
    SheetState.EMPTY,
    SheetState.REOPENED,
    SheetState.ENTERED_ONCE,
    SheetState.DIFFERING,
    SheetState.WAITING_FOR_REVIEW,
    SheetState.ACCEPTED,
)
"""The states in the order in which somebody has to look after a sheet: the missing ones, then those to decide about."""

MOST_AT_ONCE = 500
"""So many sheets can be accepted in one request; each is a transaction of its own."""


class Order(StrEnum):
    """How the stations of a board follow each other; in the order of their numbers where nothing else says."""

    MISSING = "missing"
    STATION = "station"
    REGISTERED = "registered"
    CHANGED = "changed"


@dataclass(frozen=True)
class Filter:
    """Which stations; what is empty or None filters nothing. ``text`` is a part of code, municipality or centre."""

    states: Collection[SheetState] = ()
    municipality: str = ""
    constituency_id: int | None = None
    text: str = ""


def states(text: str) -> tuple[SheetState, ...]:
    """The states that a query names with commas between them."""
    try:
        return tuple(SheetState(one) for one in text.split(",") if one)
    except ValueError as error:
        known = ", ".join(SheetState)
        raise InvalidInput(say("The states of a tally sheet are {known}.", known=known), field="state") from error


def check_may_decide(state: State) -> None:
    """Conflict where nobody decides about the tally sheets of an election that is in this state.

    After its end, too: a correction keeps its history.
    """
    if state in (State.DRAFT, State.SCHEDULED):
        raise Conflict("This election has not opened yet, so it has no tally sheets.")
    if state is State.CANCELLED:
        raise Conflict("This election is cancelled; its tally sheets stay as they are.")
