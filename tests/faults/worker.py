"""``python -m tests.faults.worker``: runs the schedules that it reads, one a line, and answers with what came of each.

Its servers live as long as it does. After a schedule that failed they are made anew, so that one failure has no heirs.
"""

import json
import os
import sys
import traceback
from dataclasses import asdict

from tests.faults.plan import plan
from tests.faults.run import Outcome, run
from tests.faults.stores import QueueStore, Store


class Stores:
    """The servers of this worker, started when a schedule first needs them."""

    def __init__(self, disk: bool) -> None:
        self._disk = disk
        self._queue: QueueStore | None = None
        self._stores: dict[str, Store] = {}

    def queue(self) -> QueueStore:
        if self._queue is None:
            self._queue = QueueStore()
            self._queue.start()
        return self._queue

    def store(self, engine: str) -> Store:
        if engine not in self._stores:
            self._stores[engine] = Store(engine, self._disk)
        return self._stores[engine]

    def close(self) -> None:
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
    stores = Stores(disk=sys.argv[1:] == ["--disk"])
    try:
        for line in sys.stdin:
            seed, engine = json.loads(line)
            planned = plan(seed, engine)
            try:
                outcome = run(planned, stores.queue(), stores.store(planned.engine))
            except Exception:
                outcome = Outcome(seed, planned.engine, [f"The run failed:\n{traceback.format_exc()}"])
            if outcome.wrong:
                stores.close()
            answers.write(json.dumps(asdict(outcome)) + "\n")
            answers.flush()
    finally:
        stores.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
