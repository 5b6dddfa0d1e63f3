"""When tally sheets are taken."""

from datetime import datetime, timedelta

from shared.errors import Conflict
from shared.sentences import say

TAKEN_AFTER_END = timedelta(days=7)
"""For so long after the end of an election its sheets are taken."""


def require_taken(start: datetime, end: datetime, moment: datetime) -> None:
    """Refuse (``Conflict``) what is sent at ``moment`` of a sheet of an election from ``start`` to ``end``."""
    if moment < start:
        raise Conflict("The election has not begun yet; its tally sheets are taken from its beginning on.")
    if moment > end + TAKEN_AFTER_END:
        raise Conflict(
            say(
                "The election ended more than {days} days ago; its tally sheets are not taken any more.",
                days=TAKEN_AFTER_END.days,
            )
        )
