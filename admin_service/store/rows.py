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

M = TypeVar("M")

GREATEST_ID = 2**31 - 1
"""The greatest number that a row can have; PostgreSQL refuses to look for a greater one."""

NAMES: dict[type[Any], str] = {
    Participant: "participant",
    Candidate: "candidate",
    Jurisdiction: "jurisdiction",
    Election: "election",
    Region: "region",
    Constituency: "constituency",
    PollingCentre: "polling centre",
    PollingStation: "polling station",
    Batch: "upload of ballots",
    TallySheet: "tally sheet",
    SheetPhotograph: "photograph of a tally sheet",
}


def one(session: Session, model: type[M], number: int, *, lock: bool = False) -> M:
    """One row; NotFound when there is none. ``lock`` keeps everybody else from changing it until the commit."""
    found = None
    if 0 < number <= GREATEST_ID:
        found = session.get(model, number, with_for_update=lock or None)
    if found is None:
        # What no row can have comes as 0 and is not what was asked for.
        raise NotFound(f"There is no {NAMES[model]} {number}." if number else f"There is no such {NAMES[model]}.")
    return found
