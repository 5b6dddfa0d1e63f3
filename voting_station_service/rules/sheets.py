"""What a station decides about tally sheets: whose they are, when they are taken, and what may be said of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.errors import Conflict, Forbidden, InvalidInput
from shared.sentences import say, say_number
from shared.sheets import COUNTS, MOST, MOST_TOLD, Numbers, Person, photographs, require_entry
from shared.terms import SheetState

MISSING = say("This number is missing; where there was nothing to count, write 0.")
MEND = say("Some numbers are missing or are none. Mend them, and send the sheet again.")
NO_NUMBER = say("Write a whole number from 0 to {most}, in digits alone.", most=str(MOST))

_EXPLAINS = "explanations."


@dataclass(frozen=True)
class Sent:
    """What an official has sent of a sheet, as far as it decides what may follow."""

    kind: str
    waits: bool
    is_refused: bool
    received_at: datetime


def require_own(station_id: int, own: Collection[int]) -> None:
    """Refuse (``Forbidden``) the sheet of a station that the official does not belong to."""
    if not own:
        raise Forbidden("You belong to no polling station, and enter no tally sheet; an administrator sees to it.")
    if station_id not in own:
        words = say("You do not belong to polling station {number}; nothing was stored.", number=str(station_id))
        raise Forbidden(words)


def read_entry(body: Mapping[str, Any], poll_numbers: Collection[int]) -> tuple[Numbers, dict[str, str]]:
    """The numbers and the explanations in a body; InvalidInput with all that is wrong, each at its field."""
    explanations = body.get("explanations", {})
    faults = _explanation_faults(explanations)
    numbers = {name: value for name, value in body.items() if name != "explanations"}
    try:
        found = Numbers.from_dict(numbers, poll_numbers)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=error.field, faults=[*error.faults, *faults]) from error
    if faults:
        field, message = faults[0]
        raise InvalidInput(message, field=field, faults=faults)
    return found, {str(code): str(text) for code, text in explanations.items()}


def _explanation_faults(explanations: object) -> list[tuple[str, str]]:
    """What keeps them from being texts by the codes of the warnings, each at its field."""
    if not isinstance(explanations, Mapping):
        return [("explanations", say("The explanations are a JSON object: codes with texts."))]
    none = [code for code, text in explanations.items() if not isinstance(text, str)]
    return [(f"{_EXPLAINS}{code}", say("An explanation is a text.")) for code in none[:MOST_TOLD]]


def read_texts(
    texts: Mapping[str, str], poll_numbers: Collection[int]
) -> tuple[dict[str, Any], dict[str, str], list[tuple[str, str]]]:
    """A form as a body for ``read_entry``: the fields by their names, those of lists as ``votes.3``.

    Beside it the explanations by code, and all fields that hold no number of a sheet, each with a sentence.
    """
    body: dict[str, Any] = {"votes": {}}
    faults: list[tuple[str, str]] = []
    for name in (*COUNTS, *(f"votes.{number}" for number in sorted(poll_numbers))):
        text = "".join(texts.get(name, "").split())
        if not text:
            faults.append((name, MISSING))
        elif not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and int(text) <= MOST):
            faults.append((name, NO_NUMBER))
        elif name in COUNTS:
            body[name] = int(text)
        else:
            body["votes"][name.removeprefix("votes.")] = int(text)
    given = {name.removeprefix(_EXPLAINS): text for name, text in texts.items() if name.startswith(_EXPLAINS)}
    return body, {code: text for code, text in given.items() if text.strip()}, faults


def require_turn(state: SheetState, first: Person | None, official: Person, sent: Collection[Sent]) -> None:
    """Refuse an entry that is not this official's to make now."""
    if any(one.kind == "entry" and one.waits for one in sent):
        raise Conflict("Your entry of this tally sheet waits to be recorded; look at it in a moment.")
    require_entry(state, first, official)


def may(state: SheetState, first: Person | None, official: Person, sent: Collection[Sent]) -> tuple[str, str]:
    """What an official may do now, ``first``, ``second`` or ``nothing``, and why nothing."""
    try:
        require_turn(state, first, official, sent)
    except (Conflict, Forbidden) as error:
        return "nothing", error.message
    return ("second" if state is SheetState.ENTERED_ONCE else "first"), ""


def require_room(sent: Collection[Sent]) -> None:
    """Refuse (``Conflict``) one more photograph than an official may send of a sheet."""
    if sum(one.kind == "photograph" and not one.is_refused for one in sent) >= photographs.MOST_OF_ONE:
        raise Conflict(
            say_number(
                "You have sent {number} photographs of this tally sheet, which is as many as are kept.",
                "You have sent {number} photographs of this tally sheet, which is as many as are kept.",
                photographs.MOST_OF_ONE,
            )
        )
