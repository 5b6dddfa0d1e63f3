"""The demonstration of the whole suite on SQLite with every ballot of 2014: ``make demo SCALE=1``."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.report import Target
from tests.servers import ServerError

SCENARIO = "demonstration"
SPEED = Target("make demo SCALE=1 on SQLite, end to end", 50_000.0, "ballots/s", at_least=True)
_ROOT = Path(__file__).resolve().parents[1]


def measure(bench: Bench) -> None:
    """Run it as its users do."""
    bench.report.begin("Demonstration: the whole suite on SQLite, every ballot of 2014")
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "--json", "demo", "--scale", "1"],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the benchmark, which then ends it in order.
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            process.terminate()
            process.communicate()
            raise
    if not output.startswith("{"):
        raise ServerError(f"The demonstration ended with {process.returncode}:\n{errors}")
    found = json.loads(output)
    names = ("files", "seconds_to_upload", "seconds_to_count", "ballots_per_second")
    figures = {name.replace("_", " "): found[name] for name in names}
    bench.report.add(SCENARIO, {"ballots": found["ballots"]["received"], **figures})
    bench.report.hold(SPEED, found["ballots_per_second"])
    bench.report.check(SCENARIO, found["differences"])
