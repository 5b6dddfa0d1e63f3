"""What is done to the suite: each stroke of a plan in a thread of its own, and everything healed at the end.

Two strokes at one target wait for each other. A stroke waits a moment for its target to have something in work, since
a kill in the middle of nothing shows little; what was in work when it came is written down.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from tests.faults.plan import DAEMONS, DATABASE, REDIS, RESULTS, STATIONS, Fault, Stroke
from tests.faults.record import Record
from tests.faults.suite import LEASE_SECONDS, Suite
from tests.faults.watch import Watch

# How long a stroke waits for something to be in work.
_WAIT_FOR_WORK = 0.4
_HIT = "{} in the middle of work"


class Strokes:
    """All strokes of a plan."""

    def __init__(self, strokes: Sequence[Stroke], suite: Suite, record: Record, watch: Watch) -> None:
        self._suite = suite
        self._record = record
        self._watch = watch
        # One for each part; a disk that is full and a server that is dead are two strokes at one part.
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._threads = [
            threading.Thread(target=self._strike, args=[stroke], name=f"{stroke.fault} {stroke.target}", daemon=True)
            for stroke in strokes
        ]
        for stroke in strokes:
            self._locks[stroke.target] = threading.Lock()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until every stroke is over, which leaves each part as it was before, and restart what has died of it."""
        for thread in self._threads:
            thread.join()
        server = self._suite.store.server
        if server is not None and not server.running:
            self._record.say("the database had ended by itself; it is started again")
            self._record.count("database ended for want of disk")
            server.start()
        for name, program in self._suite.programs.items():
            if not program.running:
                self._record.complain(f"{name} has ended by itself:\n{program.log_tail()}")

    def _strike(self, stroke: Stroke) -> None:
        time.sleep(max(0.0, stroke.at - self._record.now()))
        try:
            with self._locks[stroke.target]:
                self._do(stroke)
        except Exception as error:
            self._record.complain(f"{stroke.fault} of {stroke.target} failed: {error!r}")

    def _do(self, stroke: Stroke) -> None:
        begin, end = self._ways(stroke)
        deadline = time.monotonic() + _WAIT_FOR_WORK
        while not self._is_busy(stroke.target) and time.monotonic() < deadline:
            time.sleep(0.005)
        busy = self._is_busy(stroke.target)
        self._record.count(stroke.fault)
        if busy:
            self._record.count(_HIT.format(stroke.fault))
        if stroke.fault is Fault.FREEZE and stroke.seconds > LEASE_SECONDS and stroke.target in DAEMONS:
            self._record.count("freeze of a daemon for longer than its lease")
        self._record.say(
            f"FAULT {stroke.fault} {stroke.target} for {stroke.seconds:.2f} s"
            f"{f', after {stroke.after} bytes' if stroke.after else ''}"
            f"{f', {stroke.delay} s a block' if stroke.delay else ''}{'' if busy else ' (nothing in work)'}"
        )
        try:
            begin()
            time.sleep(stroke.seconds)
        finally:
            end()
            self._record.say(f"over: {stroke.fault} {stroke.target}")

    def _ways(self, stroke: Stroke) -> tuple[Callable[[], None], Callable[[], None]]:
        """How the fault begins and how it ends."""
        suite, store = self._suite, self._suite.store
        match stroke.fault:
            case Fault.KILL:
                server = suite.servers[stroke.target]
                return server.kill, server.start
            case Fault.FREEZE if stroke.target == DATABASE:
                return store.freeze, store.thaw
            case Fault.FREEZE:
                server = suite.servers[stroke.target]
                return server.freeze, server.thaw
            case Fault.CUT:
                return lambda: self._cut(stroke), suite.wires[stroke.target].mend
            case Fault.SLOW:
                wire = suite.wires[stroke.target]
                return lambda: wire.slow(stroke.delay), wire.mend
            case Fault.FULL:
                return suite.queue.fill, suite.queue.clear
            case Fault.READ_ONLY:
                return lambda: store.refuse_writing(True), lambda: store.refuse_writing(False)
            case Fault.NO_DISK:
                return store.disk.take, self._give_disk_back

    def _cut(self, stroke: Stroke) -> None:
        wire = self._suite.wires[stroke.target]
        wire.cut(stroke.after)
        deadline = time.monotonic() + 1.0
        while not wire.is_cut and time.monotonic() < deadline:
            time.sleep(0.005)
        if not wire.is_cut:
            wire.cut_now()

    def _give_disk_back(self) -> None:
        self._suite.store.disk.give_back()
        server = self._suite.store.server
        # A database may end by itself when it cannot write; whoever runs it starts it again.
        if server is not None and not server.running:
            self._record.say("the database had ended for want of disk; it is started again")
            self._record.count("database ended for want of disk")
            server.start()

    def _is_busy(self, target: str) -> bool:
        if target in STATIONS:
            return self._record.in_flight(target) > 0
        if target in (*DAEMONS, DATABASE):
            return self._watch.waiting > 0
        if target == REDIS:
            return self._watch.waiting > 0 or self._record.in_flight() > 0
        if target == RESULTS:
            return self._watch.asking
        return self._suite.wires[target].is_used
