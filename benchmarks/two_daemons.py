"""Two daemons against one: the same full queue, counted by one and by two, with the same result."""

import time
from typing import Any

from benchmarks import engines
from benchmarks.ballots import Outcome, Source
from benchmarks.bench import Bench
from benchmarks.counting import hand_in
from benchmarks.store import Recorded, differences
from benchmarks.suite import Suite, running
from benchmarks.uploads import Upload, Uploads, total

SCENARIO = "daemons"
OFFICIALS = 8
# One file in so many repeats a ballot and has a poll number of nobody.
_WITH_ERRORS = 20
_OFTEN = 0.005


def measure(bench: Bench) -> None:
    """A third of the night, once for each number of daemons."""
    # SQLite has one writer at a time, but two daemons need a partition each.
    partitions = max(2, bench.partitions)
    stations = bench.stations.first(bench.size.stations // 3)
    bench.report.begin(f"Two daemons against one: {len(stations.votes):,} files from a full queue")
    source = Source(7)
    facts: dict[str, Any] = {"partitions": partitions, "a file with errors in every": _WITH_ERRORS}
    results = []
    with Uploads() as uploads:
        files = []
        for place, votes in enumerate(stations.votes):
            ballots, outcome = source.with_votes(votes), None
            if place % _WITH_ERRORS == 0:
                ballots, outcome = source.with_errors(ballots)
            files.append(uploads.add(ballots, outcome))
        expected = total(files)
        facts["ballots"] = expected.received
        for daemons in (1, 2):
            with running(bench.databases, partitions, daemons=daemons) as suite, Recorded(suite) as recorded:
                name = f"{daemons} daemon{'s' if daemons > 1 else ''}"
                facts[name] = _count(suite, recorded, uploads, files, expected)
                bench.report.check(f"{SCENARIO}, {name}", differences(suite, expected))
                results.append(_result(suite))
    facts["speed of two / one"] = facts["2 daemons"]["ballots/s"] / facts["1 daemon"]["ballots/s"]
    bench.report.add(SCENARIO, facts)
    bench.report.check(SCENARIO, [] if results[0] == results[1] else ["two daemons have counted otherwise than one"])


def _count(
    suite: Suite, recorded: Recorded, uploads: Uploads, files: list[Upload], expected: Outcome
) -> dict[str, Any]:
    for daemon in suite.daemons:
        daemon.freeze()
    hand_in(suite, uploads, files, OFFICIALS)
    used = suite.seconds()
    began = time.monotonic()
    for daemon in suite.daemons:
        daemon.thaw()
    seconds = recorded.wait_for(expected.received, _OFTEN) - began
    return {
        "ballots/s": expected.received / seconds,
        "seconds": seconds,
        "processor seconds per million ballots": {
            kind: 1e6 * (after - used[kind]) / expected.received for kind, after in suite.seconds().items()
        },
    }


def _result(suite: Suite) -> dict[str, list[Any]]:
    """Everything that two countings of the same files must have in common, whatever order the files came in."""
    with engines.connect(suite.url) as connection:
        ask = engines.asking(connection)
        return {
            "votes": sorted(ask("SELECT poll_number, SUM(votes) FROM tallies GROUP BY poll_number")),
            "sums": ask("SELECT SUM(received), SUM(counted), SUM(duplicate), SUM(invalid), SUM(outside) FROM parts"),
            "refused": sorted(map(str, ask("SELECT guid, poll_number, reason FROM refused_lines"))),
        }
