"""One partition's worker: take the front, record it, remove it, again; nothing is skipped and nothing overtakes."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from daemon import actions
from shared import metrics
from shared.database import Database, is_violation
from shared.errors import UrnaError
from shared.logs import reason
from shared.queue import work
from shared.queue.work import DamagedPart, QueuedPart

# As many waiting parts as fit are recorded in one transaction; what a crash repeats stays small.
_PARTS_AT_ONCE = 500
BALLOTS_AT_ONCE = 80_000

# A transaction costs the database nearly the same for ten ballots as for a thousand. So while small files keep coming,
# a partition begins one only so often, unless there is work for a large one; what comes alone never waits.
_GATHERING_SECONDS = 0.4
_GATHERED_BALLOTS = 10_000

_IDLE_SECONDS = 1.0
# How old the watermark of an idle partition may get while no election ends.
_WATERMARK_AGE = timedelta(seconds=5)

# A part that fails by itself and not for want of the database is tried so often before it is buried.
_ATTEMPTS = 3
_LONGEST_PAUSE = 5.0

log = structlog.get_logger()


class PartitionWorker(threading.Thread):
    """Works one partition while ``leased`` is set.

    ``bell`` is rung when something may have arrived; ``ends`` are the ends of the elections, by which the watermark
    of an idle partition is due.
    """

    def __init__(self, partition: int, owner: str, database: Database, redis: Redis, stop: threading.Event) -> None:
        super().__init__(name=f"partition-{partition}")
        self.partition = partition
        self.owner = owner
        self.database = database
        self.redis = redis
        self.stop = stop
        self.leased = threading.Event()
        self.bell = threading.Event()
        self.ends: list[datetime] = []
        self._claim: actions.Claim | None = None
        self._watermark: datetime | None = None
        self._after_work: Callable[[], None] | None = None
        self._failures = 0
        self._idle = threading.Event()
        self._idle.set()

    def is_free(self) -> bool:
        """Whether the worker has nothing of an earlier lease in its hands any more."""
        return not self.leased.is_set() and self._idle.is_set()

    def dismiss(self, afterwards: Callable[[], None] | None = None) -> None:
        """End the lease; ``afterwards`` is called when the part in work is done."""
        self._after_work = afterwards
        self.leased.clear()
        self.bell.set()

    def run(self) -> None:
        while not self.stop.is_set():
            if self.leased.wait(timeout=0.2):
                self._idle.clear()
                try:
                    self._work_while_leased()
                finally:
                    self._claim = None
                    self._idle.set()

    def _work_while_leased(self) -> None:
        while self.leased.is_set() and not self.stop.is_set():
            try:
                self._step()
                self._failures = 0
            except actions.LostOwnership as error:
                # Somebody else has claimed the partition; if the lease is still ours, we claim it again.
                log.warning("ownership lost", partition=self.partition, reason=str(error))
                self._claim = None
            except (UrnaError, SQLAlchemyError, RedisError, OSError) as error:
                self._pause(error)
            except Exception as error:
                # Nobody has thought of this one. A thread that ended would leave its partition without a worker and
                # nobody the wiser; so it says loudly what happened, and the part is tried again.
                metrics.unexpected_errors().inc()
                log.error("unexpected error", partition=self.partition, exc_info=error)
                self._pause(error)
        afterwards, self._after_work = self._after_work, None
        if afterwards is not None:
            try:
                afterwards()
            except UrnaError as error:
                log.warning("lease not released; it will run out", reason=error.message)

    def _step(self) -> None:
        if self._claim is None:
            self._claim = actions.claim(self.database, self.redis, self.partition, self.owner)
            self._watermark = self._claim.watermark
            log.info("partition claimed", partition=self.partition, epoch=self._claim.epoch)
        began = time.monotonic()
        # Cleared before we look, so that what arrives while we look rings again.
        self.bell.clear()
        queued = work.front(self.redis, self.partition, jobs=_PARTS_AT_ONCE, ballots=BALLOTS_AT_ONCE)
        for damaged, group in groupby(queued, key=lambda part: isinstance(part, DamagedPart)):
            if damaged:
                for part in group:
                    if isinstance(part, DamagedPart):
                        self._bury(self._claim, part)
            else:
                self._record(self._claim, [part for part in group if isinstance(part, QueuedPart)])
        if not queued:
            self._rest(self._claim)
        elif self.bell.is_set() and sum(part.ballots for part in queued) < _GATHERED_BALLOTS:
            self.stop.wait(max(0.0, began + _GATHERING_SECONDS - time.monotonic()))

    def _record(self, claim: actions.Claim, parts: list[QueuedPart]) -> None:
        parts = self._without_forged(claim, parts)
        if not parts:
            return
        try:
            recorded = actions.record(self.database, claim, parts, datetime.now(UTC))
        except (DBAPIError, ValueError, OverflowError) as error:
            # Anything else that a database says, a missing right or table for instance, is for the operator to mend.
            if isinstance(error, DBAPIError) and not is_violation(error):
                raise
            if len(parts) > 1:
                # One of them is to blame; the others must not wait for it.
                for part in parts:
                    self._record(claim, [part])
                return
            if self._failures + 1 < _ATTEMPTS:
                raise UrnaError(f"Part {parts[0].job_id} was refused.") from error
            part = parts[0]
            why = f"The database refuses it: {reason(error)}."
            head = part.batch
            self._bury(
                claim,
                DamagedPart(part.job_id, why, head.id, part.part, head.received_at, part.ballots, head.request_id),
            )
            return
        work.finish(self.redis, self.partition, recorded)
        recorded_until = max(part.batch.received_at for part in parts)
        self._watermark = max(self._watermark or recorded_until, recorded_until)

    def _without_forged(self, claim: actions.Claim, parts: list[QueuedPart]) -> list[QueuedPart]:
        """Lay aside the parts whose moment of receipt cannot be; return the others."""
        now = datetime.now(UTC)
        suspects = [
            part
            for part in parts
            if part.batch.received_at > now
            or (self._watermark is not None and part.batch.received_at < self._watermark)
        ]
        if not suspects:
            return parts
        damaged = actions.forged(self.database, self.redis, claim, suspects)
        for part in damaged:
            self._bury(claim, part)
        wrong = {part.job_id for part in damaged}
        return [part for part in parts if part.job_id not in wrong]

    def _bury(self, claim: actions.Claim, part: DamagedPart) -> None:
        actions.bury(self.database, self.redis, claim, part, datetime.now(UTC))

    def _rest(self, claim: actions.Claim) -> None:
        """Wait for the bell, and keep the watermark of the empty partition up to date meanwhile."""
        stamp = work.idle_stamp(self.redis, self.partition)
        if stamp is None:
            return
        if self._is_due(stamp):
            actions.advance(self.database, claim, stamp)
            self._watermark = stamp
        now = datetime.now(UTC)
        next_end = min((end for end in self.ends if end > now), default=now + timedelta(seconds=_IDLE_SECONDS))
        # A little after the end, so that Redis's clock has passed it too.
        self.bell.wait(min(_IDLE_SECONDS, (next_end - now).total_seconds() + 0.02))

    def _is_due(self, stamp: datetime) -> bool:
        if self._watermark is None or stamp - self._watermark >= _WATERMARK_AGE:
            return True
        return any(self._watermark < end <= stamp for end in self.ends)

    def _pause(self, error: Exception) -> None:
        """Wait before the same part is tried again: a transient fault stops the line, it does not reorder it."""
        self._failures += 1
        seconds = min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 10))
        log.warning(
            "stopped by a fault",
            partition=self.partition,
            reason=reason(error),
            attempt=self._failures,
            seconds=seconds,
        )
        self.stop.wait(seconds)
