"""Moves what the stations tell of themselves from Redis into the journal: in order, and each entry once.

Redis and the database cannot commit together. So a block of entries is first written, each under the id that it was
given where it happened, and then taken out of Redis. Whoever dies in between, or is frozen while another daemon goes
on, has what was written already passed over, and nothing taken out that is not written.
"""

import threading

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from shared import metrics
from shared.database import Database
from shared.errors import UrnaError
from shared.journal import store
from shared.logs import reason
from shared.queue import journal

_BLOCK = 500
_IDLE_SECONDS = 0.5
_PAUSE_SECONDS = 2.0

log = structlog.get_logger()


class JournalRelay(threading.Thread):
    """Works while ``leased``, the event of whoever owns partition 0, is set: one daemon moves entries at a time."""

    def __init__(self, database: Database, redis: Redis, leased: threading.Event, stop: threading.Event) -> None:
        super().__init__(name="journal")
        self.database = database
        self.redis = redis
        self.leased = leased
        self.stop = stop

    def run(self) -> None:
        while not self.stop.is_set():
            if not self.leased.wait(timeout=_IDLE_SECONDS):
                continue
            try:
                moved = move(self.database, self.redis)
            except (UrnaError, SQLAlchemyError, RedisError, OSError) as error:
                log.warning("journal not moved; it waits in Redis", reason=reason(error))
                self.stop.wait(_PAUSE_SECONDS)
            except Exception as error:
                # As with the partitions' workers: a thread that ended would end the journal, and nobody the wiser.
                metrics.unexpected_errors().inc()
                log.error("unexpected error", thread=self.name, exc_info=error)
                self.stop.wait(_PAUSE_SECONDS)
            else:
                # A full block has more behind it.
                if moved < _BLOCK:
                    self.stop.wait(_IDLE_SECONDS)


def move(database: Database, redis: Redis) -> int:
    """Move the block that has waited for longest; return how many entries it had."""
    waiting = journal.front(redis, _BLOCK)
    if waiting is None:
        return 0
    with database.writing() as session:
        store.append(session, waiting.events)
    journal.remove(redis, waiting)
    return len(waiting.events)
