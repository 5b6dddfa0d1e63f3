"""For how long links in mails are good, and when a mail that could not be sent is tried again."""

from datetime import timedelta
from typing import Final

LINK_IS_GOOD: Final = timedelta(minutes=30)
# Of somebody for whom an account was made, and who may look at the mail some days later.
INVITATION_IS_GOOD: Final = timedelta(days=7)
# What says only that something has happened is worth more tries than a link that is good for half an hour.
NOTICE_IS_GOOD: Final = timedelta(days=2)
# For so long a mail belongs to the sender that tries it; if he needs longer, another sends it a second time.
CLAIM: Final = timedelta(minutes=3)
_FIRST_PAUSE: Final = timedelta(seconds=15)
_LONGEST_PAUSE: Final = timedelta(minutes=30)


def pause_after(tries: int) -> timedelta:
    """How long a mail waits that was tried ``tries`` times, at least once: 15 s, 30 s, 1 min and so on."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << min(tries - 1, 20)))
