"""Moves what the stations tell of themselves from Redis into the journal: in order, and each entry once.

Redis and the database cannot commit together. So a block of entries is first written, each under the id that it was
given where it happened, and then taken out of Redis. Whoever dies in between, or is frozen while another daemon goes
on, has what was written already passed over, and nothing taken out that is not written.
"""

import threading

from redis import Redis

from daemon.duty import Duty
from shared.database import Database
from shared.journal import store
from shared.queue import journal

_BLOCK = 500


class JournalRelay(Duty):
    """Moves entries, block by block."""

    complaint = "journal not moved; it waits in Redis"

    def __init__(self, database: Database, redis: Redis, leased: threading.Event, stop: threading.Event) -> None:
        super().__init__("journal", leased, stop)
        self.database = database
        self.redis = redis

    def step(self) -> float:
        # A full block has more behind it.
        return self.idle_seconds if move(self.database, self.redis) < _BLOCK else 0.0


def move(database: Database, redis: Redis) -> int:
    """Move the block that has waited for longest; return how many entries it had."""
    waiting = journal.front(redis, _BLOCK)
    if waiting is None:
        return 0
    with database.writing() as session:
        store.append(session, waiting.events)
    journal.remove(redis, waiting)
    return len(waiting.events)
