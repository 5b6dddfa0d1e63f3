"""When tally sheets are taken, and of which polling stations."""

from datetime import datetime, timedelta

from shared.errors import Conflict
from shared.sentences import say

TAKEN_AFTER_END = timedelta(days=7)
"""For so long after the end of an election its sheets are taken, and one that was opened again after that."""


def require_voted_at(voted_at: bool) -> None:
    """Refuse (``Conflict``) a sheet of a polling station that was not in use when its election opened."""
    if not voted_at:
        raise Conflict(
            "Nobody voted at this polling station in this election: it was made or enabled after the election opened, "
            "and the electorate does not change any more. Enter the sheet of the polling station that the voters "
            "were at."
        )


def taken_until(end: datetime, reopened_at: datetime | None = None) -> datetime:
    """The last moment at which a sheet of an election is taken that was opened again last at ``reopened_at``, if ever.

    Without time of its own a round that is opened after the election's last week could never be entered.
    """
    return max(end, reopened_at or end) + TAKEN_AFTER_END


def is_taken(start: datetime, end: datetime, moment: datetime, reopened_at: datetime | None = None) -> bool:
    """Whether ``require_taken`` lets it pass."""
    return start <= moment <= taken_until(end, reopened_at)


def require_taken(start: datetime, end: datetime, moment: datetime, reopened_at: datetime | None = None) -> None:
    """Refuse (``Conflict``) what is sent at ``moment`` of a sheet of an election from ``start`` to ``end``."""
    if moment < start:
        raise Conflict("The election has not begun yet; its tally sheets are taken from its beginning on.")
    if is_taken(start, end, moment, reopened_at):
        return
    if reopened_at is not None and reopened_at > end:
        raise Conflict(
            say(
                "This tally sheet was opened again more than {days} days ago and is not taken any more. To enter it, "
                "the administration has to open it once more.",
                days=TAKEN_AFTER_END.days,
            )
        )
    raise Conflict(
        say(
            "The election ended more than {days} days ago; its tally sheets are not taken any more.",
            days=TAKEN_AFTER_END.days,
        )
    )
