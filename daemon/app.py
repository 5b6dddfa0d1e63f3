"""Starts the daemon: a thread for each partition that it owns, and the main thread that keeps house.

The main thread says that this daemon lives, takes its fair share of the partitions' leases and renews them, and gives
the stations the elections. A worker thread takes what is at the front of its partition and records it. Three more
threads move what the stations tell for the journal, move the tally sheets, and tell Redis what is counted.
"""

import gc
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from daemon import actions
from daemon.actions import sheets
from daemon.health import FRESH_SECONDS
from daemon.monitor import Condition, Monitor, Sight
from daemon.provisional import Teller
from daemon.relay import JournalRelay
from daemon.sheets import SheetRelay
from daemon.worker import PartitionWorker
from shared import metrics
from shared.config import DaemonSettings, load
from shared.database import Database
from shared.errors import Misconfigured, UrnaError
from shared.journal import events
from shared.logs import configure, reason
from shared.queue import keys, work
from shared.queue.connection import connect, count_error

_HOUSEKEEPING_SECONDS = 1.0
# The daemon is not ready any more when no round of housekeeping has succeeded for so long.
_WORKS_SECONDS = 10.0
# Longer than tally sheets are taken.
_KNOWN_AFTER_END = timedelta(days=30)

log = structlog.get_logger()


class Daemon:
    """One daemon process; any number of them share the partitions."""

    def __init__(self, settings: DaemonSettings) -> None:
        self.settings = settings
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        # A frozen daemon's transaction is ended by the database itself, soon after its lease has run out.
        self.database = Database(
            settings.election_database_url.get_secret_value(),
            pool_size=settings.partitions + 5,
            stall_seconds=int(settings.lease_seconds) + 5,
            loads=True,
        )
        self.redis: Redis = connect(settings.redis_url.get_secret_value())
        self.stop = threading.Event()
        self.workers = [
            PartitionWorker(number, self.owner, self.database, self.redis, self.stop)
            for number in range(settings.partitions)
        ]
        # Of all daemons, whoever works partition 0 also moves the journal and the sheets, and tells what is counted.
        leased = self.workers[0].leased
        self.relays = (
            JournalRelay(self.database, self.redis, leased, self.stop),
            SheetRelay(self.database, self.redis, leased, self.stop, _KNOWN_AFTER_END),
            Teller(self.database, self.redis, leased, self.stop, _KNOWN_AFTER_END),
        )
        self.monitor = self._monitor()
        # By the clock that never goes back.
        self._alive_at = self._worked_at = -math.inf

    def run(self) -> None:
        """Work until ``stop`` is set; whatever part is in work then is finished and committed."""
        events.act_as(actions.name_of(self.owner))
        if self.monitor is not None:
            self.monitor.start()
        try:
            self._work()
        finally:
            if self.monitor is not None:
                self.monitor.close()
            self.database.close()

    def _work(self) -> None:
        if not self._prepare():
            return
        listener = threading.Thread(target=self._listen, name="listener")
        for thread in (listener, *self.relays, *self.workers):
            thread.start()
        log.info("daemon started", owner=self.owner, partitions=len(self.workers))
        try:
            while not self.stop.wait(_HOUSEKEEPING_SECONDS if self._keep_house() else _HOUSEKEEPING_SECONDS / 2):
                pass
        finally:
            # Whatever ended the housekeeping: workers that went on without it would hold no lease.
            self.stop.set()
            for thread in (listener, *self.relays, *self.workers):
                thread.join()
        with suppress(UrnaError):
            for worker in self.workers:
                if worker.leased.is_set():
                    work.release(self.redis, worker.partition, self.owner)
            work.leave(self.redis, self.owner)
        log.info("daemon stopped", owner=self.owner)

    def _prepare(self) -> bool:
        """Wait for the database, its schema and Redis, in whatever order they come up; False when told to stop."""
        while not self.stop.is_set():
            try:
                actions.prepare(self.database, self.redis, self.settings.partitions)
            except Misconfigured:
                raise
            except (UrnaError, SQLAlchemyError, RedisError) as error:
                log.warning("waiting for the stores", reason=reason(error))
                self._touch_heartbeat()
                self.stop.wait(_HOUSEKEEPING_SECONDS)
            else:
                return True
        return False

    def _keep_house(self) -> bool:
        """One round; False when Redis or the database is away, so that the next round comes sooner."""
        self._touch_heartbeat()
        try:
            number = work.known_partitions(self.redis)
            if number not in (None, len(self.workers)):
                self._stand_aside(number)
                return True
            alive = work.announce(self.redis, self.owner, self.settings.lease_seconds)
            self._share(-(-len(self.workers) // alive))
            # After the leases, which are renewed also while the database is away.
            actions.restore(self.database, self.redis, len(self.workers))
            actions.publish_stations(self.database, self.redis)
            sheets.publish_rolls(self.database, self.redis, datetime.now(UTC) - _KNOWN_AFTER_END)
            ends = actions.publish_elections(self.database, self.redis, datetime.now(UTC), _KNOWN_AFTER_END)
        except (UrnaError, SQLAlchemyError, RedisError) as error:
            log.warning("housekeeping failed", reason=reason(error))
            return False
        for worker in self.workers:
            worker.ends = ends
        self._worked_at = time.monotonic()
        return True

    def _stand_aside(self, number: int | None) -> None:
        """Leave the partitions to the daemons that were started with another number of them.

        Counted among them we would have a share of partitions that we do not know or that are no more, and some that
        there are would be nobody's.
        """
        log.error("another number of partitions was set; end or restart this daemon", partitions=number)
        for worker in self.workers:
            if worker.leased.is_set():
                worker.dismiss(partial(work.release, self.redis, worker.partition, self.owner))
        work.leave(self.redis, self.owner)

    def _share(self, fair_share: int) -> None:
        """Renew our leases, give back what is over the fair share, and take what is missing from it."""
        seconds = self.settings.lease_seconds
        held = []
        for worker in self.workers:
            if worker.leased.is_set():
                if work.renew(self.redis, worker.partition, self.owner, seconds):
                    held.append(worker)
                else:
                    log.warning("lease lost", partition=worker.partition)
                    worker.dismiss()
        for worker in held[fair_share:]:
            worker.dismiss(partial(work.release, self.redis, worker.partition, self.owner))
        for worker in self.workers:
            if len(held) >= fair_share:
                return
            if worker.is_free() and work.lease(self.redis, worker.partition, self.owner, seconds):
                held.append(worker)
                worker.leased.set()

    def _listen(self) -> None:
        """Wake the workers of the partitions for which something has arrived."""
        while not self.stop.is_set():
            try:
                channel = self.redis.pubsub(  # type: ignore[no-untyped-call]  # The library has not typed it.
                    ignore_subscribe_messages=True
                )
                with channel:
                    channel.subscribe(keys.ARRIVED)
                    # Something may have come while nobody listened.
                    self._wake(range(len(self.workers)))
                    while not self.stop.is_set():
                        message = channel.get_message(timeout=1.0)
                        if message:
                            self._wake(int(number) for number in message["data"].split(b","))
            except (RedisError, ValueError) as error:
                if isinstance(error, RedisError):
                    count_error(error)
                log.warning("not listening", reason=reason(error))
                self.stop.wait(_HOUSEKEEPING_SECONDS)

    def _wake(self, partitions: Iterable[int]) -> None:
        for number in partitions:
            if 0 <= number < len(self.workers):
                self.workers[number].bell.set()

    def _monitor(self) -> Monitor | None:
        """What answers on the daemon's own port, where it has one."""
        port = self.settings.metrics_port
        if port is None:
            return None
        sight = Sight(
            partial(actions.waiting, self.redis),
            partial(actions.watermarks, self.database),
            lambda: sheets.states(self.database, datetime.now(UTC)),
        )
        # From the start, because an increase is seen only from a number on that was there before.
        metrics.counting()
        metrics.sheets()
        metrics.unexpected_errors()
        try:
            return Monitor((self.settings.metrics_bind, port), self._condition, sight, self._held)
        except OSError as error:
            raise Misconfigured(f"METRICS_PORT is {port}, which cannot be listened on: {error.strerror}.") from error

    def _condition(self) -> Condition:
        now = time.monotonic()
        return Condition(now - self._alive_at < FRESH_SECONDS, now - self._worked_at < _WORKS_SECONDS)

    def _held(self) -> int:
        return sum(worker.leased.is_set() for worker in self.workers)

    def _touch_heartbeat(self) -> None:
        self._alive_at = time.monotonic()
        if self.settings.heartbeat_file is not None:
            self.settings.heartbeat_file.touch()


def main() -> int:
    """Run a daemon until SIGTERM or SIGINT; the exit status is 0, or 2 when the settings do not allow a start."""
    try:
        settings = load(DaemonSettings)
        configure("daemon", settings.log_level)
        daemon = Daemon(settings)
        # What was read in lives as long as the process, so it is never looked through, at its end neither.
        gc.freeze()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: daemon.stop.set())
        daemon.run()
    except Misconfigured as error:
        print(error.message, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
