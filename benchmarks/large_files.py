"""Large files: what few officials with much to hand in get, end to end."""

from benchmarks.ballots import Source
from benchmarks.bench import Bench
from benchmarks.counting import count
from benchmarks.store import Recorded, differences, transactions
from benchmarks.suite import running
from benchmarks.uploads import Uploads

SCENARIO = "large"
OFFICIALS = 4


def measure(bench: Bench) -> None:
    """Ten files by four officials at once."""
    size = bench.size
    bench.report.begin(f"Large files: {size.large_files} of {size.large_lines:,} ballots, {OFFICIALS} officials")
    source = Source(1)
    with Uploads() as uploads, running(bench.databases, bench.partitions) as suite, Recorded(suite) as recorded:
        files = [uploads.add(source.new(size.large_lines)) for _ in range(size.large_files)]
        counted = count(suite, recorded, uploads, files, OFFICIALS)
        facts = {**counted.facts(), "officials": OFFICIALS}
        facts["ballots per transaction of the daemon"] = counted.ballots / transactions(suite)
        bench.report.add(SCENARIO, facts)
        bench.report.check(SCENARIO, differences(suite, counted.outcome))
    bench.speeds[SCENARIO], bench.ballots[SCENARIO] = counted.speed, counted.ballots
