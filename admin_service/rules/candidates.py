"""What is asked of a candidate's profile, when a list is frozen, and what an invitation is. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from admin_service.rules.elections import NOTICE
from shared.errors import Conflict, InvalidInput
from shared.sentences import say
from shared.terms import Approval, State

# Whoever is invited has so long to take the invitation up.
INVITATION = timedelta(days=14)

# No list of candidates is as long: parliament has 250 seats.
MOST_CANDIDATES = 1000


@dataclass(frozen=True)
class Standing:
    """An election that a participant stands in, as it is now."""

    title: str
    state: State
    start: datetime


def freezing(elections: Iterable[Standing], now: datetime) -> Standing | None:
    """The election for whose sake the candidates of a participant may not be changed now; None where they may be.

    They are frozen from ``NOTICE`` before the opening until the result is final or the election is cancelled: voters
    choose by them, and the seats are theirs.
    """
    for one in elections:
        if one.state in (State.OPEN, State.COUNTING):
            return one
        if one.state is State.SCHEDULED and one.start <= now + NOTICE:
            return one
    return None


def check_not_frozen(elections: Iterable[Standing], now: datetime) -> None:
    """Refuse to change the candidates of a participant while they are frozen; raises Conflict."""
    found = freezing(elections, now)
    if found is not None:
        raise Conflict(
            say(
                "The candidates are frozen for the election “{election}”, from its opening until its result is final.",
                election=found.title,
            )
        )


def check_complete(post: str, biography: str, has_picture: bool) -> None:
    """Refuse to send a profile for approval that lacks something; raises InvalidInput with the field."""
    if not post:
        raise InvalidInput("Say which post the candidate stands for before this is sent for approval.", field="post")
    if not biography:
        raise InvalidInput("Write a biography before this is sent for approval.", field="biography")
    if not has_picture:
        raise InvalidInput("A photograph is missing; store one before this is sent for approval.", field="picture")


def check_may_submit(approval: Approval, is_submitted: bool) -> None:
    """Refuse to send what was sent already, and has not been changed since; raises Conflict."""
    if not is_submitted:
        return
    if approval is Approval.APPROVED:
        raise Conflict("This is approved as it is; there is nothing to send.")
    if approval is Approval.REFUSED:
        raise Conflict("This was refused as it is; change it before it is sent again.")
    raise Conflict("This was sent already and waits for an administrator's decision.")


def check_order(wished: Sequence[int], stored: Iterable[int]) -> None:
    """Refuse an order that does not name each candidate of the list once; raises InvalidInput."""
    if len(wished) != len(set(wished)) or set(wished) != set(stored):
        raise InvalidInput(
            "Name each candidate of the list once; perhaps somebody has added or deleted one meanwhile.",
            field="candidates",
        )


def key_of(code: str) -> str:
    """By what an invitation is stored, so that the store's readers cannot take it up."""
    return hashlib.sha256(code.strip().encode()).hexdigest()
