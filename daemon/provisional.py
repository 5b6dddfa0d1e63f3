"""Keeps a copy of the counts in Redis, for readers who have no way to the election store."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from daemon.store import elections, partitions
from shared import metrics, tallies
from shared.database import Database
from shared.errors import UrnaError
from shared.logs import reason
from shared.queue import provisional
from shared.queue.keys import to_microseconds
from shared.queue.provisional import ProvisionalCounts

_SECONDS = 1.0
_PAUSES = 19

log = structlog.get_logger()


@dataclass
class _Kept:
    """What was summed of an election, of which state of the store, and what was written of it.

    The state is the place that each partition had come to, and the end of the election, by which ballots are outside.
    """

    state: object
    sums: tallies.Sums
    written: ProvisionalCounts | None = None


class Teller(threading.Thread):
    """Works while ``leased``, the event of whoever owns partition 0, is set: one daemon tells at a time.

    Of an election that has begun it tells until ``keep`` after its end. The daemon may not read which part has which
    tallies, since that could tell what was voted under a GUID; so each look at an election that has changed sums all
    of it, and the larger that is, the longer the pause after it: a twentieth of the time at most goes into it.
    """

    def __init__(
        self, database: Database, redis: Redis, leased: threading.Event, stop: threading.Event, keep: timedelta
    ) -> None:
        super().__init__(name="teller")
        self.database = database
        self.redis = redis
        self.leased = leased
        self.stop = stop
        self.keep = keep
        self._kept: dict[int, _Kept] = {}

    def run(self) -> None:
        while not self.stop.is_set():
            if not self.leased.wait(timeout=_SECONDS):
                continue
            began = time.monotonic()
            try:
                self.tell(datetime.now(UTC))
            except (UrnaError, SQLAlchemyError, RedisError, OSError) as error:
                log.warning("provisional counts not told", reason=reason(error))
            except Exception as error:
                # As with the partitions' workers: nobody has thought of this one, and it must not end the thread.
                metrics.unexpected_errors().inc()
                log.error("unexpected error", thread=self.name, exc_info=error)
            self.stop.wait(max(_SECONDS, _PAUSES * (time.monotonic() - began)))

    def tell(self, now: datetime) -> None:
        """Look once, and write of each election what has changed or what Redis has lost."""
        with self.database.reading(still=True) as session:
            places, drained = partitions.places(session), tallies.drained_until(session)
            found = elections.begun(session, now, now - self.keep)
            sums = {election: self._sums(session, election, (places, end)) for election, end in found.items()}
        for election, its in sums.items():
            kept = self._kept.setdefault(election, _Kept(None, its))
            kept.state, kept.sums = (places, found[election]), its
            counts = ProvisionalCounts(
                election_id=election,
                counted_until=None if drained is None else to_microseconds(drained),
                counted=its.counts.counted,
                duplicate=its.counts.duplicate,
                invalid=its.counts.invalid,
                outside=its.outside,
                votes=its.votes,
            )
            if counts != kept.written or not provisional.is_there(self.redis, election):
                provisional.write(self.redis, counts)
                kept.written = counts

    def _sums(self, session: Session, election_id: int, state: object) -> tallies.Sums:
        kept = self._kept.get(election_id)
        return kept.sums if kept is not None and kept.state == state else tallies.sums(session, election_id)
