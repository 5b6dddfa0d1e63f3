"""``python -m benchmarks``: how near the suite comes to the limit of its database, all from one run.

The exit status is 1 when a count is not exact or a part of the suite fails, and never depends on speed.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from redis import RedisError

from benchmarks import (
    baseline,
    citizens,
    demonstration,
    election_night,
    electors,
    engines,
    large_files,
    latency,
    machine,
    results,
    signatures,
    station_import,
    two_daemons,
    voters,
    watchers,
    worker_memory,
)
from benchmarks.ballots import Outcome, Source
from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.growth import grow
from benchmarks.limit import Limit, Loaded
from benchmarks.report import Report, Target
from benchmarks.stations import read_stations
from benchmarks.store import Recorded
from benchmarks.suite import Suite, died, loosen_limits, running
from daemon import worker
from tests.servers import DatabaseServer, Redis, ServerError

# The most ballots that the daemon records in one transaction; the bulk load has as many in each of its own.
TRANSACTION = worker.BALLOTS_AT_ONCE

RUNS_OF_THE_LIMIT = 3
TO_THE_LIMIT = {
    large_files.SCENARIO: Target("large files, end to end / limit", 0.7, "", at_least=True),
    election_night.SCENARIO: Target("election night of small files / limit", 0.4, "", at_least=True),
}
TO_THE_BASELINE = {
    large_files.SCENARIO: Target("large files, end to end / baseline", 100.0, "", at_least=True),
    election_night.SCENARIO: Target("election night, end to end / baseline", 100.0, "", at_least=True),
}

# Each with a suite of its own.
ALONE: dict[str, Callable[[Bench], None]] = {
    "baseline": baseline.measure,
    "large": large_files.measure,
    "memory": worker_memory.measure,
    "night": election_night.measure,
    "daemons": two_daemons.measure,
    "demonstration": demonstration.measure,
    "signatures": signatures.measure,
    "voters": voters.measure,
    "electors": electors.measure,
    "stations": station_import.measure,
    "citizens": citizens.measure,
}
# In the store that ``growth`` has filled, one after the other.
IN_A_FULL_STORE: dict[str, Callable[[Bench, Suite, Recorded, Outcome], Outcome]] = {
    "latency": latency.measure,
    "results": results.measure,
    "watchers": watchers.measure,
}
NAMES = (*ALONE, "growth", *IN_A_FULL_STORE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engine", choices=engines.ENGINES, default="mariadb")
    parser.add_argument("--quick", action="store_true", help="Small numbers: proves that everything works and counts.")
    parser.add_argument("--only", choices=NAMES, action="append", help="This scenario and the limit; repeatable.")
    parser.add_argument("--electors", type=_at_least_one, help="So many instead of those of the size.")
    parser.add_argument("--citizens", type=_at_least_one, help="So many lines of a register, likewise.")
    parser.add_argument("--partitions", type=int, help="Default: 1 for SQLite, else 4.")
    parser.add_argument("--json", type=Path, help="Where the figures go; default: var/bench/ENGINE.json.")
    asked = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    loosen_limits()
    report = Report()
    size = QUICK if asked.quick else FULL
    size = replace(size, electors=asked.electors or size.electors, citizens=asked.citizens or size.citizens)
    try:
        with engines.new_server(asked.engine) as databases, died_in_words(databases):
            bench = Bench(
                engine=asked.engine,
                databases=databases,
                partitions=asked.partitions or (1 if asked.engine == "sqlite" else 4),
                transaction=TRANSACTION,
                size=size,
                stations=read_stations(),
                report=report,
            )
            run(bench, asked.only or [name for name in NAMES if size.demonstration or name != "demonstration"])
    except ServerError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started has ended.", file=sys.stderr)
        return 130
    if asked.quick:
        print("\nWith numbers as small as these the speeds say nothing; that every count is exact does.")
    report.show_targets()
    report.write(asked.json or Path("var", "bench", f"{asked.engine}{'-quick' if asked.quick else ''}.json"))
    return 1 if report.wrong else 0


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


@contextmanager
def died_in_words(databases: engines.Databases) -> Iterator[None]:
    """Let what a driver raises when its server has gone say which server it was and what that wrote last."""
    try:
        yield
    except (*engines.FAULTS, RedisError, ServerError) as error:
        if isinstance(databases, DatabaseServer) and not databases.running:
            raise died(databases) from error
        if isinstance(error, ServerError):
            raise
        raise ServerError(f"A store does not do as it must: {error}") from error


def run(bench: Bench, names: Sequence[str]) -> None:
    """Measure these scenarios, and the bulk load of as many ballots after each that is held against it."""
    describe(bench)
    limit = Limit(bench.engine, bench.databases, bench.transaction)
    bench.report.begin("Limit: the forms of the database's own bulk load")
    forms = limit.choose(bench.size.forms_ballots)
    used = {"as received": limit.form(), "in the order of the key": limit.form(sort=True)}
    bench.report.add("limit", {f"ballots/s of {bench.size.forms_ballots:,} by form": forms, "used": used})
    for name in [name for name in ALONE if name in names]:
        ALONE[name](bench)
        if name in TO_THE_LIMIT:
            hold_against_limit(bench, limit, name)
    in_full = [name for name in IN_A_FULL_STORE if name in names]
    if "growth" in names or in_full:
        measure_in_full_store(bench, limit, in_full)
    slowest = bench.speeds.get(baseline.SCENARIO)
    for name, target in TO_THE_BASELINE.items():
        if slowest and name in bench.speeds:
            bench.report.hold(target, bench.speeds[name] / slowest)


def hold_against_limit(bench: Bench, limit: Limit, name: str) -> None:
    """Load as many ballots as the scenario had, as received and in the order of the key, by turns."""
    ballots = Source(1).new(bench.ballots[name])
    bench.report.begin(f"Limit for {name}: {len(ballots):,} ballots by bulk load, median of {RUNS_OF_THE_LIMIT} runs")
    took: dict[bool, list[Loaded]] = {False: [], True: []}
    for sort in (False, True) * RUNS_OF_THE_LIMIT:
        took[sort] += limit.load([ballots], sort=sort)
    speeds = {sort: median(len(ballots) / one.seconds for one in runs) for sort, runs in took.items()}
    facts = {
        orders: {
            "ballots/s": speeds[sort],
            "processor seconds per million ballots": median(1e6 * one.processor / one.ballots for one in took[sort]),
            "end to end / this": bench.speeds[name] / speeds[sort],
        }
        for orders, sort in (("as received", False), ("in the order of the key", True))
    }
    bench.report.add(f"limit for {name}", facts)
    bench.report.hold(TO_THE_LIMIT[name], bench.speeds[name] / speeds[False])


def measure_in_full_store(bench: Bench, limit: Limit, names: Sequence[str]) -> None:
    """Fill a store, and measure in it what must not depend on how full it is."""
    with running(bench.databases, bench.partitions, results=True) as suite, Recorded(suite) as recorded:
        outcome = grow(bench, limit, suite, recorded)
        for name in names:
            outcome = IN_A_FULL_STORE[name](bench, suite, recorded, outcome)


def describe(bench: Bench) -> None:
    """Say what is measured on, and that nothing is bought with durability."""
    with engines.new_database(bench.databases) as url, Redis() as redis:
        durability = {bench.engine: engines.settings(url), "redis": engines.redis_settings(redis)}
        versions = machine.versions(bench.engine, engines.version(url), redis)
    bench.report.begin(f"Benchmark on {bench.engine}, {bench.partitions} partitions")
    bench.report.add("size", asdict(bench.size))
    bench.report.add("machine", machine.facts(Path(bench.databases.directory)))
    bench.report.add("versions", versions)
    bench.report.add("settings, as the servers say themselves", durability)
    bench.report.add("transactions", {"ballots in a transaction of the bulk load": bench.transaction})


if __name__ == "__main__":
    sys.exit(main())
