"""Votes that are held back: where voters cast ballots themselves, no vote is told before all of them are.

Whoever knows when somebody cast a ballot, and saw the votes before and after it, would know the choice.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.errors import Conflict, InvalidInput, NotFound
from shared.holding_back import are_votes_held_back
from shared.sentences import say
from shared.terms import State


@dataclass(frozen=True)
class HeldBack:
    """Why no votes are told, in a sentence, and before which moment none will be; None: they never will."""

    why: str
    until: datetime | None


UNTIL_FINAL = say(
    "Votes are shown when this election has ended and every ballot is counted. Voters cast ballots themselves in it, "
    "and whoever knew when somebody did could read the choice from what changed."
)
FOR_EVER = say(
    "The election was cancelled before its count was final, so its votes are not shown: voters cast ballots themselves "
    "in it, and what was counted until then could tell how somebody voted."
)
OF_MOMENTS = say(
    "Votes as of a moment before the end of this election are not shown: voters cast ballots themselves in it, and "
    "whoever knew when somebody did could read the choice. Choose a moment from the end on, or none."
)


def held_back(ballot_key: str | None, state: State, end: datetime) -> HeldBack | None:
    """Whether the votes of an election in this state are held back, and till when."""
    if not are_votes_held_back(ballot_key, state):
        return None
    return HeldBack(FOR_EVER, None) if state is State.CANCELLED else HeldBack(UNTIL_FINAL, end)


def tells_choices(ballot_key: str | None, state: State, *, choices_public: bool) -> bool:
    """Whether everybody may read how each ballot was cast: where the election's rules say so, when all are counted."""
    return choices_public and ballot_key is not None and state is State.FINAL


def refuse_list_of_ballots(ballot_key: str | None, state: State) -> None:
    """Refuse the list of counted ballots where nobody has a receipt (NotFound), and before it is whole (Conflict)."""
    if ballot_key is None:
        raise NotFound(say("Voters do not cast ballots themselves in this election, so nobody has a receipt."))
    if state is not State.FINAL:
        raise Conflict(say("The list of the counted ballots can be read once the count is final."))


def refuse_votes(held: HeldBack | None) -> None:
    """Raise Conflict with the reason where votes are held back."""
    if held is not None:
        raise Conflict(held.why)


def refuse_moment(ballot_key: str | None, end: datetime, as_of: datetime) -> None:
    """Raise InvalidInput (``as_of``) for a moment whose votes may tell a single choice, for ever."""
    if ballot_key is not None and as_of < end:
        raise InvalidInput(OF_MOMENTS, field="as_of")
