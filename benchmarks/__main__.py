"""``python -m benchmarks``: how near the suite comes to the limit of its database, all from one run.

The exit status is 1 when a count is not exact or a part of the suite fails, and never depends on speed.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import election_night, engines, large_files, machine
from benchmarks.ballots import Source
from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.limit import Limit
from benchmarks.report import Report, Target
from benchmarks.stations import read_stations
from benchmarks.suite import loosen_limits
from tests.servers import Redis, ServerError

# As large as the daemon's own transactions.
TRANSACTION = 20_000

TO_THE_LIMIT = {
    large_files.SCENARIO: Target("large files, end to end / limit", 0.7, "", at_least=True),
    election_night.SCENARIO: Target("election night of small files / limit", 0.4, "", at_least=True),
}

SCENARIOS: dict[str, Callable[[Bench], None]] = {"large": large_files.measure, "night": election_night.measure}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engine", choices=engines.ENGINES, default="mariadb")
    parser.add_argument("--quick", action="store_true", help="Small numbers: proves that everything works and counts.")
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="This scenario and the limit; repeatable.")
    parser.add_argument("--partitions", type=int, help="Default: 1 for SQLite, else 4.")
    parser.add_argument("--json", type=Path, help="Where the figures are written; default: var/bench/ENGINE.json.")
    asked = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    loosen_limits()
    report = Report()
    try:
        with engines.new_server(asked.engine) as databases:
            bench = Bench(
                engine=asked.engine,
                databases=databases,
                partitions=asked.partitions or (1 if asked.engine == "sqlite" else 4),
                transaction=TRANSACTION,
                size=QUICK if asked.quick else FULL,
                stations=read_stations(),
                report=report,
            )
            run(bench, asked.only or list(SCENARIOS))
    except ServerError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started has ended.", file=sys.stderr)
        return 130
    report.show_targets()
    report.write(asked.json or Path("var", "bench", f"{asked.engine}.json"))
    return 1 if report.wrong else 0


def run(bench: Bench, names: Sequence[str]) -> None:
    """Measure these scenarios, with the limit before, between and after them."""
    describe(bench)
    limit = Limit(bench.engine, bench.databases, bench.transaction)
    bench.report.begin(f"Limit: {bench.size.limit_ballots:,} ballots by the database's own bulk load")
    forms = limit.choose(bench.size.forms_ballots)
    bench.report.add("limit", {"form": limit.form, f"ballots/s of {bench.size.forms_ballots:,} by form": forms})
    ballots = Source(1).new(bench.size.limit_ballots)

    def measure() -> None:
        (seconds,) = limit.load([ballots])
        bench.limits.append(bench.size.limit_ballots / seconds)
        bench.report.say("limit, ballots/s", bench.limits[-1])

    measure()
    for name in names:
        SCENARIOS[name](bench)
        measure()
    bench.report.facts["limit"] |= {"ballots/s": bench.limit, "runs": bench.limits}
    for name, target in TO_THE_LIMIT.items():
        if name in bench.speeds:
            bench.report.hold(target, bench.speeds[name] / bench.limit)


def describe(bench: Bench) -> None:
    """Say what is measured on, and that nothing is bought with durability."""
    url = bench.databases.new_database()
    with Redis() as redis:
        durability = {bench.engine: engines.settings(url), "redis": engines.redis_settings(redis)}
        versions = machine.versions(bench.engine, engines.version(url), redis)
    bench.databases.drop_database(url)
    bench.report.begin(f"Benchmark on {bench.engine}, {bench.partitions} partitions")
    bench.report.add("machine", machine.facts(Path(bench.databases.directory)))
    bench.report.add("versions", versions)
    bench.report.add("settings, as the servers say themselves", durability)
    bench.report.facts["transaction"] = bench.transaction


if __name__ == "__main__":
    sys.exit(main())
