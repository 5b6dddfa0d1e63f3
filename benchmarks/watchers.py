"""Watchers of the live stream: how long after a commit the last of thousands knows, and what they cost in memory."""

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence

from benchmarks import processes
from benchmarks.ballots import Outcome, Source
from benchmarks.bench import Bench
from benchmarks.companion import Companion, CompanionFailed
from benchmarks.officials import Official, Plan, Sent
from benchmarks.report import Target, percentiles
from benchmarks.results import served_otherwise
from benchmarks.store import Recorded, Seen, differences
from benchmarks.suite import Suite
from benchmarks.uploads import Upload, Uploads, total
from tests.servers import ServerError

SCENARIO = "watchers"
_LINES = 500
_EVERY = 1.5
# After the single uploads, as many at once, twice.
_BURST, _BURSTS = 20, 2
_OFTEN = 0.002
_SAMPLES_EVERY = 0.25
# How long the last event may be on its way before it counts as lost.
_PATIENCE = 5.0

LAG = Target("watchers: commit to the last watcher, max", 1.5, "s", at_least=False)
# What is shared by its processes is in memory once.
MEMORY = Target("watchers: memory of the results service in all (PSS)", 200.0, "MB", at_least=False)


def measure(bench: Bench, suite: Suite, recorded: Recorded, before: Outcome) -> Outcome:
    """Let them watch while ballots come in one file at a time, and then many."""
    bench.report.begin(f"Watchers: {bench.size.watchers:,} connections to the live stream, one process that serves")
    source = Source(9)
    with Uploads() as uploads:
        files = [uploads.add(source.new(_LINES)) for _ in range(bench.size.watched_uploads + _BURSTS * _BURST)]
        outcome = before + total(files)
        alone = _resident(suite)
        try:
            plan = {
                "port": suite.results[0].port,
                "path": f"/api/elections/{suite.election}/live",
                "watchers": bench.size.watchers,
            }
            with Companion("listeners", plan) as listeners:
                listeners.start()
                used = suite.seconds()["results"]
                began = time.monotonic()
                first = len(recorded.history)
                resident = [_resident(suite)]
                _hand_in_slowly(bench, suite, recorded, uploads, files, outcome, resident)
                deadline = time.monotonic() + _PATIENCE
                while time.monotonic() < deadline and not listeners.has_finished():
                    time.sleep(_SAMPLES_EVERY)
                    resident.append(_resident(suite))
                shared_out = sum(map(processes.shared_out_kib, processes.family(suite.results[0].process_id)))
                seconds = time.monotonic() - began
                used = suite.seconds()["results"] - used
                listeners.stop()
                heard = listeners.finish()
        except CompanionFailed as error:
            suite.check()
            raise ServerError(f"The watchers could not watch: {error}\n{suite.log_tails()}") from None
    commits = recorded.history[first:]
    late, missing = lags(commits, [(float(moment), int(known)) for moment, known in heard["all_know"]])
    wrong = [*differences(suite, outcome), *served_otherwise(suite, outcome)]
    if missing:
        wrong.append(f"{missing} of {len(commits)} commits were never told to every watcher")
    if heard["lost"]:
        wrong.append(f"{heard['lost']} watchers were disconnected")
    bench.report.add(
        SCENARIO,
        {
            "watchers": heard["watchers"],
            "commits": len(commits),
            "events of a watcher": heard["events"] / heard["watchers"],
            "bytes of a watcher": heard["bytes"] / heard["watchers"],
            "from the commit to the last watcher": percentiles(late or [0.0]),
            "MB of the results service before (RSS)": alone * 1024 / 1e6,
            "MB of the results service at most, resident in all (RSS)": max(resident) * 1024 / 1e6,
            "MB of the results service at the end, shared pages once (PSS)": shared_out * 1024 / 1e6,
            "processor seconds of the service for each second": used / seconds,
        },
    )
    bench.report.hold(LAG, max(late, default=0.0))
    bench.report.hold(MEMORY, shared_out * 1024 / 1e6)
    bench.report.check(SCENARIO, wrong)
    return outcome


def lags(commits: Sequence[Seen], all_know: Sequence[tuple[float, int]]) -> tuple[list[float], int]:
    """Seconds from each commit until every watcher knew of it, and how many they never learned of.

    ``all_know`` are moments and the ballots that everybody had been told of by then, both ascending.
    """
    known = [ballots for _, ballots in all_know]
    found = []
    for commit in commits:
        place = bisect_left(known, commit.recorded)
        if place < len(known):
            # What is read after the commit and before our look is early, not late.
            found.append(max(0.0, all_know[place][0] - commit.moment))
    return found, len(commits) - len(found)


def _hand_in_slowly(
    bench: Bench,
    suite: Suite,
    recorded: Recorded,
    uploads: Uploads,
    files: Sequence[Upload],
    outcome: Outcome,
    resident: list[int],
) -> None:
    """Hand the files in from a thread, and look for their commits and at the memory meanwhile."""
    official = Official(Plan.of_one(suite.station.port, suite.path, uploads.memory), suite.token(0), Sent())
    failures: list[Exception] = []

    def work() -> None:
        try:
            for place, upload in enumerate(files):
                burst = place - bench.size.watched_uploads
                if burst < 0 or burst % _BURST == 0:
                    time.sleep(_EVERY)
                official.hand_in(upload.file)
        except Exception as error:
            failures.append(error)

    sampled = 0.0

    def sample() -> None:
        nonlocal sampled
        if failures:
            raise ServerError(f"A file could not be handed in: {failures[0]}")
        if time.monotonic() - sampled > _SAMPLES_EVERY:
            sampled = time.monotonic()
            resident.append(_resident(suite))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    recorded.wait_for(outcome.received, _OFTEN, sample)
    thread.join()
    official.close()


def _resident(suite: Suite) -> int:
    """KiB of all processes of the results service."""
    members = processes.family(suite.results[0].process_id)
    return sum(processes.memory_kib(member, "VmRSS") for member in members)
