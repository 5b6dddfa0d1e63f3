"""A real election night: every polling station its own small file, and one official who looks at the clock."""

from benchmarks.ballots import Source
from benchmarks.bench import Bench
from benchmarks.counting import count
from benchmarks.report import Target, percentiles
from benchmarks.store import Recorded, differences, transactions
from benchmarks.suite import running
from benchmarks.uploads import Uploads

SCENARIO = "night"
OFFICIALS = 8
# The ninth official: so many lines, an upload every so many seconds, and files enough for the longest night.
LINES, EVERY, PREPARED = 500, 0.2, 600

UPLOAD = Target("upload of 500 lines during the night, p99", 250.0, "ms", at_least=False)


def measure(bench: Bench) -> None:
    """Every polling station, eight officials at once."""
    stations = bench.stations.first(bench.size.stations)
    bench.report.begin(f"Election night: {stations.source}, {len(stations.votes):,} files, {OFFICIALS} officials")
    source = Source(2)
    with Uploads() as uploads, running(bench.databases, bench.partitions) as suite, Recorded(suite) as recorded:
        files = [uploads.add(source.with_votes(votes)) for votes in stations.votes]
        paced = [uploads.add(source.new(LINES)) for _ in range(PREPARED)]
        counted = count(suite, recorded, uploads, files, OFFICIALS, paced=paced, every=EVERY)
        facts = {**counted.facts(), "officials": OFFICIALS, "ballots of the polling stations": stations.ballots}
        facts["ballots per transaction of the daemon"] = counted.ballots / transactions(suite)
        facts["an upload of the eight"] = percentiles(counted.sent.took)
        ninth = percentiles(counted.sent.paced_took)
        facts[f"an upload of {LINES} lines, every {1000 * EVERY:.0f} ms"] = {
            "uploads": len(counted.sent.paced_took),
            **ninth,
        }
        bench.report.hold(UPLOAD, ninth["p99 ms"])
        bench.report.add(SCENARIO, facts)
        bench.report.check(SCENARIO, differences(suite, counted.outcome))
    bench.speeds[SCENARIO], bench.ballots[SCENARIO] = counted.speed, counted.ballots
