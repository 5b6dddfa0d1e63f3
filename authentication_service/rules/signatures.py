"""When ballots are signed, and in which words somebody is told that he may not vote."""

from collections.abc import Mapping
from datetime import datetime

from authentication_service.rules.eligibility import Reason
from shared.errors import Conflict

SENTENCES: Mapping[Reason, str] = {
    Reason.NOT_OF_AGE: "You are not of age on the day of this election.",
    Reason.DECEASED: "By the citizens' register this person has died. Tell the electoral commission if that is wrong.",
    Reason.MOVED_AWAY: "By the citizens' register you have moved away. Tell the electoral commission if that is wrong.",
    Reason.ANOTHER_REGION: "This election is for other regions than yours.",
    Reason.ANOTHER_FEDERAL_UNIT: "This election is for other federal units than yours.",
    Reason.NOT_LISTED: "You are not on the list of those whom this election is for.",
}


def check_hours(opens_at: datetime, closes_at: datetime, now: datetime) -> None:
    """Refuse to sign before the election opens, and from its end on."""
    if now < opens_at:
        raise Conflict("The election has not begun yet; nothing was signed.")
    if now >= closes_at:
        raise Conflict("The election has ended; nothing was signed.")
