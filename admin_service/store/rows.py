"""One row by its number, or the refusal that says there is none."""

from typing import Any, TypeVar

from sqlalchemy.orm import Session

from shared.errors import NotFound
from shared.schema.election import (
    Batch,
    Candidate,
    Constituency,
    Election,
    Jurisdiction,
    Participant,
    PollingCentre,
    PollingStation,
    Region,
    SheetPhotograph,
    TallySheet,
)
from shared.sentences import Sentence, say

M = TypeVar("M")

GREATEST_ID = 2**31 - 1
"""The greatest number that a row can have; PostgreSQL refuses to look for a greater one."""

NAMES: dict[type[Any], Sentence] = {
    Participant: say("participant"),
    Candidate: say("candidate"),
    Jurisdiction: say("jurisdiction"),
    Election: say("election"),
    Region: say("region"),
    Constituency: say("constituency"),
    PollingCentre: say("polling centre"),
    PollingStation: say("polling station"),
    Batch: say("upload of ballots"),
    TallySheet: say("tally sheet"),
    SheetPhotograph: say("photograph of a tally sheet"),
}


def one(session: Session, model: type[M], number: int, *, lock: bool = False) -> M:
    """One row; NotFound when there is none. ``lock`` keeps everybody else from changing it until the commit."""
    found = None
    if 0 < number <= GREATEST_ID:
        found = session.get(model, number, with_for_update=lock or None)
    if found is None:
        # What no row can have comes as 0 and is not what was asked for.
        name = NAMES[model]
        raise NotFound(
            say("There is no {name} {number}.", name=name, number=str(number))
            if number
            else say("There is no such {name}.", name=name)
        )
    return found
