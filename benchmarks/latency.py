"""How long an accepted upload waits for its count while nothing else is to be done."""

import time

from benchmarks.ballots import Outcome, Source
from benchmarks.bench import Bench
from benchmarks.officials import Official, Plan, Sent
from benchmarks.report import Target, percentiles
from benchmarks.store import Recorded, differences
from benchmarks.suite import Suite
from benchmarks.uploads import Uploads, total

SCENARIO = "latency"
LINES = 500
# Long enough that the daemon has gone to rest.
_PAUSE = 0.05
_OFTEN = 0.001

COUNTED = Target("accepted to counted when the queue is empty, p99", 500.0, "ms", at_least=False)


def measure(bench: Bench, suite: Suite, recorded: Recorded, before: Outcome) -> Outcome:
    """Hand small files in, one when the one before is counted; what the store has to hold then."""
    bench.report.begin(f"Latency: {bench.size.lone_uploads} uploads of {LINES} lines, one after the other is counted")
    source = Source(5)
    took, waited = [], []
    with Uploads() as uploads:
        files = [uploads.add(source.new(LINES)) for _ in range(bench.size.lone_uploads)]
        official = Official(Plan.of_one(suite.station.port, suite.path, uploads.memory), suite.token(0), Sent())
        for place, upload in enumerate(files, start=1):
            time.sleep(_PAUSE)
            took.append(official.hand_in(upload.file))
            accepted = time.monotonic()
            waited.append(max(0.0, recorded.wait_for(before.received + LINES * place, _OFTEN) - accepted))
        official.close()
    outcome = before + total(files)
    bench.report.add(
        SCENARIO,
        {
            "uploads": len(files),
            "ballots in the store before": before.received,
            "from the first byte to the receipt": percentiles(took),
            "from the receipt to the commit": percentiles(waited),
        },
    )
    bench.report.hold(COUNTED, percentiles(waited)["p99 ms"])
    bench.report.check(SCENARIO, differences(suite, outcome))
    return outcome
