"""Looks at the suite all through a run: how far the partitions are, and what the results service tells everybody."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import sqlalchemy as sa
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.database import Database
from shared.errors import Unavailable
from shared.queue import keys
from shared.schema.election import Partition
from tests.faults.officials import ask
from tests.faults.plan import RESULTS
from tests.faults.record import Glance, Mark, Record
from tests.faults.suite import Suite

_EVERY = 0.2


class Watch:
    """Three threads that look; whoever cannot be asked is asked again. They see the stores past every wire."""

    def __init__(self, suite: Suite, elections: Sequence[int], record: Record) -> None:
        self.waiting = 0
        """Ballots that wait, as Redis said last."""
        self.asking = False
        """Whether the results service is being asked right now."""
        self._elections = elections
        self._results = suite.programs[RESULTS]
        self._record = record
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._again_and_again, args=[look], name=look.__name__, daemon=True)
            for look in (self._look_at_queue, self._look_at_partitions, self._look_at_results)
        ]
        self._redis = Redis.from_url(suite.queue.url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
        self._database: Database = suite.store.open()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)
        self._redis.close()
        self._database.close()

    def _again_and_again(self, look: object) -> None:
        assert callable(look)
        while not self._stop.is_set():
            with suppress(RedisError, Unavailable, OSError, sa.exc.SQLAlchemyError):
                look()
            self._stop.wait(_EVERY)

    def _look_at_queue(self) -> None:
        while not self._stop.is_set():
            self.waiting = int(self._redis.get(keys.QUEUED_BALLOTS) or 0)
            time.sleep(0.02)

    def _look_at_partitions(self) -> None:
        with self._database.reading() as session:
            rows = session.execute(
                sa.select(Partition.partition, Partition.epoch, Partition.watermark, Partition.sequence)
            ).all()
        seen = self._record.now()
        self._record.marks += [Mark(seen, row.partition, row.epoch, row.watermark, row.sequence) for row in rows]

    def _look_at_results(self) -> None:
        for election in self._elections:
            self.asking = True
            result = ask(self._results.port, f"/api/elections/{election}/results")
            self.asking = False
            if result is not None:
                self._record.glances.append(Glance(self._record.now(), election, result))
