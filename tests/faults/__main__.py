"""``python -m tests.faults``: schedules of faults, several at once.

The exit status is 1 if anything was lost or wrong in one of them.
"""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from tests.faults.plan import ENGINES, Fault, engine_of
from tests.faults.report import lacking, last_lines
from tests.faults.run import Outcome
from tests.faults.stores import IN_OWN_ROOM, can_take_disk
from tests.servers import MariaDB, MySQL, PostgreSQL, Redis, Server

_SERVERS: dict[str, type[Server]] = {"mariadb": MariaDB, "postgresql": PostgreSQL, "mysql": MySQL}
# A schedule waits most of its time: for leases, for faults to pass, for processes to start.
_JOBS_A_CORE = 3
# Far more than any schedule takes; a worker that says nothing for so long hangs.
_SECONDS_A_SCHEDULE = 600.0


class Worker:
    """A process that runs one schedule at a time on servers of its own."""

    def __init__(self, disk: bool) -> None:
        command = [sys.executable, "-m", "tests.faults.worker", *(["--disk"] if disk else [])]
        self._process = subprocess.Popen(
            [*(IN_OWN_ROOM if disk else ()), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._input: IO[str] = _there(self._process.stdin)
        self._output: IO[str] = _there(self._process.stdout)

    def run(self, seed: int, engine: str | None) -> Outcome:
        """Run one schedule; a worker that dies or hangs is an outcome, too."""
        patience = threading.Timer(_SECONDS_A_SCHEDULE, self._process.kill)
        patience.start()
        try:
            self._input.write(json.dumps([seed, engine]) + "\n")
            self._input.flush()
            answer = self._output.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            patience.cancel()
        if not answer:
            return Outcome(seed, engine or "", [f"The worker ended with {self._process.wait()} or hung."])
        return Outcome(**json.loads(answer))

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once; its servers end with it (tests/servers/supervisor.py)."""
        self._process.kill()

    def close(self) -> None:
        """Let it end its servers and itself."""
        self._input.close()
        self._output.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("-n", "--schedules", type=int, default=40, help="How many, with the seeds from --first on.")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="This schedule alone, with its timeline.")
    parser.add_argument("--engine", choices=ENGINES, help="All on this engine; otherwise the seed chooses.")
    parser.add_argument("--jobs", type=int, default=_JOBS_A_CORE * (os.cpu_count() or 1), help="So many at once.")
    asked = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    without = _what_is_missing(asked.engine)
    if without is None:
        return 1
    seeds = [asked.seed] if asked.seed is not None else list(range(asked.first, asked.first + asked.schedules))
    began = time.monotonic()
    outcomes = _run_all(seeds, asked.engine, asked.jobs, disk=not without, show=asked.seed is not None)
    print()
    print("\n".join(last_lines(outcomes, (time.monotonic() - began) / 60)), flush=True)
    missing = lacking(outcomes, without)
    if missing:
        print(f"FAILED: in {len(outcomes)} schedules there was none of: {', '.join(missing)}.")
    return 1 if missing or len(outcomes) < len(seeds) or any(outcome.wrong for outcome in outcomes) else 0


def _what_is_missing(engine: str | None) -> list[str] | None:
    """The faults that this machine cannot make, said loudly; None when it cannot run at all."""
    wanted: list[type[Server]] = [Redis]
    wanted += [_SERVERS[name] for name in ([engine] if engine else ["mariadb", "postgresql"]) if name in _SERVERS]
    for server in wanted:
        if reason := server.missing():
            print(f"{server.part} is needed: {reason}", file=sys.stderr)
            return None
    reason = can_take_disk()
    if reason is None:
        return []
    print(f"LEFT OUT: no disk will be full in this run, because {reason}.", file=sys.stderr, flush=True)
    if os.environ.get("URNA_TEST_REQUIRE") == "all":
        print("URNA_TEST_REQUIRE=all makes this a failure.", file=sys.stderr)
        return None
    return [Fault.NO_DISK]


def _run_all(seeds: Sequence[int], engine: str | None, jobs: int, *, disk: bool, show: bool) -> list[Outcome]:
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    # Those on one engine follow each other, so that a worker's suite can serve several of them; the rare engines first.
    for seed in sorted(seeds, key=lambda seed: (-ENGINES.index(engine or engine_of(seed)), seed)):
        waiting.put(seed)
    outcomes: list[Outcome] = []
    workers: list[Worker] = []
    printing = threading.Lock()
    interrupted = threading.Event()

    def start() -> Worker:
        workers.append(Worker(disk))
        return workers[-1]

    def work() -> None:
        worker = start()
        try:
            while True:
                try:
                    seed = waiting.get_nowait()
                except queue.Empty:
                    return
                outcome = worker.run(seed, engine)
                if interrupted.is_set():
                    return
                with printing:
                    outcomes.append(outcome)
                    _print(outcome, engine, show)
                if not worker.lives:
                    worker.close()
                    worker = start()
        finally:
            worker.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, len(seeds)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        interrupted.set()
        for worker in workers:
            worker.kill()
    return outcomes


def _print(outcome: Outcome, engine: str | None, show: bool) -> None:
    counts = outcome.counts
    print(
        f"seed {outcome.seed} on {outcome.engine}: {'WRONG' if outcome.wrong else 'right'}; "
        f"{sum(counts.get(fault, 0) for fault in Fault)} faults, {counts.get('batches', 0)} batches, "
        f"{counts.get('ballots received', 0):,} ballots",
        flush=True,
    )
    if outcome.wrong or show:
        print("\n".join(f"  {line}" for line in outcome.timeline))
    if outcome.wrong:
        print("\n".join(f"  {line}" for line in outcome.wrong))
        print(f"  Again: make faults SEED={outcome.seed}{f' ENGINE={engine}' if engine else ''}", flush=True)


def _there(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


if __name__ == "__main__":
    sys.exit(main())
