"""Moves what officials have sent of tally sheets from Redis into the store, and where the sheets stand back to Redis.

As with the journal, what was sent is first recorded, each under the id that the station gave it, and then taken out of
Redis. Whoever dies in between finds it recorded and only takes it out.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from daemon.actions import sheets as actions
from shared import metrics
from shared.database import Database
from shared.errors import UrnaError
from shared.logs import reason

_IDLE_SECONDS = 0.2
_REFRESH_SECONDS = 1.0
_PAUSE_SECONDS = 2.0

log = structlog.get_logger()


class SheetRelay(threading.Thread):
    """Works while ``leased``, the event of whoever owns partition 0, is set.

    ``keep``: sheets of elections that ended longer ago are not told to the stations any more.
    """

    def __init__(
        self, database: Database, redis: Redis, leased: threading.Event, stop: threading.Event, keep: timedelta
    ) -> None:
        super().__init__(name="sheets")
        self.database = database
        self.redis = redis
        self.leased = leased
        self.stop = stop
        self.keep = keep
        self._copies = actions.Copies()
        self._refreshed_at = float("-inf")

    def run(self) -> None:
        while not self.stop.is_set():
            if not self.leased.wait(timeout=_IDLE_SECONDS):
                # Another daemon writes the copies now.
                self._copies = actions.Copies()
                continue
            try:
                moved = actions.move(self.database, self.redis, self._copies)
                if time.monotonic() - self._refreshed_at >= _REFRESH_SECONDS:
                    actions.refresh(self.database, self.redis, self._copies, datetime.now(UTC) - self.keep)
                    self._refreshed_at = time.monotonic()
            except (UrnaError, SQLAlchemyError, RedisError, OSError) as error:
                log.warning("tally sheets not moved; they wait in Redis", reason=reason(error))
                self.stop.wait(_PAUSE_SECONDS)
            except Exception as error:
                # A thread that ended would end the taking of sheets, and nobody the wiser.
                metrics.unexpected_errors().inc()
                log.error("unexpected error", thread=self.name, exc_info=error)
                self.stop.wait(_PAUSE_SECONDS)
            else:
                if moved == 0:
                    self.stop.wait(_IDLE_SECONDS)
