"""When tally sheets are taken, and of which polling stations."""

from datetime import datetime, timedelta

from shared.errors import Conflict
from shared.sentences import say

TAKEN_AFTER_END = timedelta(days=7)
"""For so long after the end of an election its sheets are taken."""


def require_voted_at(voted_at: bool) -> None:
    """Refuse (``Conflict``) a sheet of a polling station that was not in use when its election opened."""
    if not voted_at:
        raise Conflict(
            "Nobody voted at this polling station in this election: it was made or enabled after the election opened, "
            "and the electorate does not change any more. Enter the sheet of the polling station that the voters "
            "were at."
        )


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
