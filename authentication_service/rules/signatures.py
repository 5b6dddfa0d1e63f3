"""When ballots are signed, and in which words somebody is told that he may not vote, and what he can do about it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from authentication_service.rules.eligibility import Reason
from shared.errors import Conflict

LONGEST_REQUEST = timedelta(minutes=2)
"""After the end no signature is begun; a request that was before is answered or given up by then."""

_PUT_RIGHT = "tell the electoral commission; what it has put right before the election closes holds at once."
SENTENCES: Mapping[Reason, str] = {
    Reason.NOT_OF_AGE: "By the citizens' register you are not of age on the day of this election. If your date of "
    f"birth is wrong there, {_PUT_RIGHT}",
    Reason.DECEASED: f"By the citizens' register this person has died. If that is wrong, {_PUT_RIGHT}",
    Reason.MOVED_AWAY: f"By the citizens' register you have moved away. If that is wrong, {_PUT_RIGHT}",
    Reason.ANOTHER_REGION: "This election is for other regions than the one that the citizens' register has for you. "
    f"If that is wrong there, {_PUT_RIGHT}",
    Reason.ANOTHER_FEDERAL_UNIT: "This election is for other federal units than the one that the citizens' register "
    f"has for you. If that is wrong there, {_PUT_RIGHT}",
    Reason.NOT_LISTED: "You are not on the list of those whom this election is for. Ask the electoral commission why: "
    "the list was settled when the election opened, and nobody is put on it now.",
    Reason.VOTED_ON_PAPER: "It is noted that you have voted on paper in this election, so no ballot is signed for you. "
    "If you have not, tell the electoral commission at once.",
}


def check_hours(opens_at: datetime, closes_at: datetime, now: datetime) -> None:
    """Refuse to sign before the election opens, and from its end on."""
    if now < opens_at:
        raise Conflict("The election has not begun yet; nothing was signed.")
    if now >= closes_at:
        raise Conflict("The election has ended; nothing was signed.")


def are_told(closes_at: datetime, now: datetime) -> bool:
    """Whether it is said how many signatures were given: when no other can be given any more."""
    return now >= closes_at + LONGEST_REQUEST


def check_closed(closes_at: datetime, now: datetime) -> None:
    """Refuse to say how many signatures were given before the last one can have been."""
    if not are_told(closes_at, now):
        raise Conflict(
            "How many signatures were given is said when the election has ended and nobody gets one any more."
        )
