"""Moves what officials have sent of tally sheets from Redis into the store, and where the sheets stand back to Redis.

As with the journal, what was sent is first recorded, each under the id that the station gave it, and then taken out of
Redis. Whoever dies in between finds it recorded and only takes it out.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

from redis import Redis

from daemon.actions import sheets as actions
from daemon.duty import Duty
from shared.database import Database
from shared.queue import sheet_line

_REFRESH_SECONDS = 1.0
# Between two transactions while no more has come than one takes: what comes meanwhile is recorded together, for half of
# the price. An official waits no longer than that to see what became of an entry.
_TOGETHER_SECONDS = 0.4


class SheetRelay(Duty):
    """Moves what waits, and looks every second whether the copies are those of the store.

    ``keep``: sheets of elections that ended longer ago are not told to the stations any more.
    """

    complaint = "tally sheets not moved; they wait in Redis"
    # An official waits to see what became of an entry.
    idle_seconds = 0.2

    def __init__(
        self, database: Database, redis: Redis, leased: threading.Event, stop: threading.Event, keep: timedelta
    ) -> None:
        super().__init__("sheets", leased, stop)
        self.database = database
        self.redis = redis
        self.keep = keep
        self._copies = actions.Copies()
        self._refreshed_at = float("-inf")

    def step(self) -> float:
        """Record what one transaction takes; go on at once only where more than that has waited already."""
        waited = sheet_line.waiting(self.redis)
        moved = actions.move(self.database, self.redis, self._copies) if waited else 0
        if time.monotonic() - self._refreshed_at >= _REFRESH_SECONDS:
            actions.refresh(self.database, self.redis, self._copies, datetime.now(UTC) - self.keep)
            self._refreshed_at = time.monotonic()
        if moved < waited:
            return 0.0
        return _TOGETHER_SECONDS if moved else self.idle_seconds

    def without_lease(self) -> None:
        # Another daemon writes the copies now.
        self._copies = actions.Copies()
