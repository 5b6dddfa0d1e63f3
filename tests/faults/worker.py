"""``python -m tests.faults.worker``: runs the schedules that it reads, one a line, and answers with what came of each.

Its servers live as long as it does, and its suite serves several schedules, as a real one serves several elections.
After a schedule that failed all of them are made anew, so that a failure has no heirs.
"""

import json
import os
import sys
import traceback
from contextlib import ExitStack
from dataclasses import asdict

from tests.faults.plan import plan
from tests.faults.run import Outcome, run
from tests.faults.stores import QueueStore, Store
from tests.faults.suite import Suite, running

# Then one begins with empty stores again.
_SCHEDULES_A_SUITE = 10


class Worker:
    """The servers, started when a schedule first needs them, and the suite that runs on them."""

    def __init__(self, disk: bool) -> None:
        self._disk = disk
        self._queue: QueueStore | None = None
        self._stores: dict[str, Store] = {}
        self._running = ExitStack()
        self._suite: Suite | None = None
        self._schedules = 0

    def suite(self, engine: str) -> Suite:
        """The suite on this engine; a new one when the one that runs is on another or has served for long."""
        if self._suite is not None and (self._suite.store.engine != engine or self._schedules >= _SCHEDULES_A_SUITE):
            self._end_suite()
        if self._suite is None:
            self._suite = self._running.enter_context(running(self._started_queue(), self._store(engine)))
            self._schedules = 0
        self._schedules += 1
        return self._suite

    def _started_queue(self) -> QueueStore:
        if self._queue is None:
            self._queue = QueueStore()
            self._queue.start()
        return self._queue

    def _store(self, engine: str) -> Store:
        if engine not in self._stores:
            self._stores[engine] = Store(engine, self._disk)
        return self._stores[engine]

    def _end_suite(self) -> None:
        self._suite = None
        self._running.close()

    def close(self) -> None:
        """End everything."""
        self._end_suite()
        for store in self._stores.values():
            store.close()
        self._stores.clear()
        if self._queue is not None:
            self._queue.close()
            self._queue = None


def main() -> int:
    """Work until the input ends."""
    # What anything below prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(disk=sys.argv[1:] == ["--disk"])
    try:
        for line in sys.stdin:
            seed, engine = json.loads(line)
            planned = plan(seed, engine)
            try:
                outcome = run(planned, worker.suite(planned.engine))
            except Exception:
                outcome = Outcome(seed, planned.engine, [f"The run failed:\n{traceback.format_exc()}"])
            if outcome.wrong:
                worker.close()
            answers.write(json.dumps(asdict(outcome)) + "\n")
            answers.flush()
    finally:
        worker.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
