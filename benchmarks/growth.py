"""Whether cost grows: ten million ballots of polling stations, a million at a time, into one store.

Each million is handed in by eight officials at once and timed from its first byte to its last commit, so that all ten
are measured under the same conditions. The bare bulk load of the same ballots shows what the database itself adds.
"""

from collections.abc import Iterator
from itertools import cycle

from benchmarks.ballots import Ballots, Outcome, Source, joined
from benchmarks.bench import Bench
from benchmarks.counting import Counted, count
from benchmarks.limit import Limit
from benchmarks.report import Target
from benchmarks.store import Recorded, differences
from benchmarks.suite import Suite
from benchmarks.uploads import Uploads

SCENARIO = "growth"
OFFICIALS = 8
# Files that nobody times, before the first round.
_FILES, _LINES = 40, 100

FLAT = Target("cost per ballot, last / first million, to that of the bulk load", 1.25, "", at_least=False)


def grow(bench: Bench, limit: Limit, suite: Suite, recorded: Recorded) -> Outcome:
    """Fill the store; what it has to hold then."""
    size = bench.size
    each = size.total_ballots // size.rounds
    bench.report.begin(f"Growth: {size.total_ballots:,} ballots in {size.rounds} rounds, {OFFICIALS} officials")
    rounds = list(_rounds(bench))
    bare = limit.load([joined(files) for files in rounds])
    bench.report.facts[SCENARIO] = {}
    counted: list[Counted] = []
    with Uploads() as uploads:
        prepared = [uploads.add_all(files) for files in rounds]
        # What a process does once in its life must not make the first round dear.
        warming = Source(10)
        warm = count(suite, recorded, uploads, uploads.add_all(warming.new(_LINES) for _ in range(_FILES)), OFFICIALS)
        for number, files in enumerate(prepared, start=1):
            counted.append(count(suite, recorded, uploads, files, OFFICIALS))
            bench.report.say(f"round {number} of {size.rounds}, ballots/s", counted[-1].speed)
    outcome = sum((one.outcome for one in counted), warm.outcome)
    costs = [1e6 * one.seconds / one.ballots for one in counted]
    work = [1e6 * sum(one.processor.values()) / one.ballots for one in counted]
    bare_costs = [1e6 * one.seconds / one.ballots for one in bare]
    bare_work = [1e6 * one.processor / one.ballots for one in bare]
    quotient, bare_quotient = costs[-1] / costs[0], bare_costs[-1] / bare_costs[0]
    bench.report.add(
        SCENARIO,
        {
            "ballots": outcome.received,
            "files": sum(one.files for one in counted),
            "ballots of a round, about": each,
            "seconds per million ballots, by round": costs,
            "processor seconds per million ballots, by round": work,
            "bulk load, seconds per million ballots, by round": bare_costs,
            "bulk load, processor seconds per million ballots, by round": bare_work,
            "last round / first": quotient,
            "bulk load, last round / first": bare_quotient,
            "quotient / that of the bulk load": quotient / bare_quotient,
            "the same by processor seconds": work[-1] / work[0] / (bare_work[-1] / bare_work[0]),
        },
    )
    bench.report.hold(FLAT, quotient / bare_quotient)
    bench.report.check(SCENARIO, differences(suite, outcome))
    return outcome


def _rounds(bench: Bench) -> Iterator[list[Ballots]]:
    """Files of polling stations, again and again with new GUIDs, until each round has its ballots."""
    source = Source(4)
    each = bench.size.total_ballots // bench.size.rounds
    votes = cycle(bench.stations.votes)
    for _ in range(bench.size.rounds):
        files: list[Ballots] = []
        missing = each
        while missing > 0:
            # The last file of a round is cut, so that all rounds have the same number of ballots.
            files.append(source.with_votes(next(votes)[:missing]))
            missing -= len(files[-1])
        yield files
