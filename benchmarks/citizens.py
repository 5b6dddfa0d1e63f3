"""How long a register of a million citizens takes: python -m benchmarks.citizens [ROWS] [URL of an empty database].

Prints the seconds of the preview and of the import, of the same import once more, and the most memory of the process.
Without a URL the store is a SQLite file. ``make bench`` has the same without the memory (``--only citizens``).
"""

import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from authentication_service.actions.citizen_import import import_citizens
from authentication_service.actions.registration import create_first_administrator
from authentication_service.passwords import Passwords
from authentication_service.sealed import open_store
from benchmarks import engines
from benchmarks.bench import Bench
from benchmarks.people import write_file
from benchmarks.report import Target
from benchmarks.spending import spending
from shared.auth import Identity
from shared.csv_lines import Change
from shared.database import migrate
from tests.servers import SQLite

SCENARIO = "citizens"
WORKED = Target("import of a million citizens, processor of the service", 60.0, "s", at_least=False)
KEY = "the key of a register that is measured"
ADMIN, JMBG = "administrator@example.org", "0101990710008"

Spend = Callable[[Callable[[], Any]], tuple[Any, dict[str, float]]]


def measure(bench: Bench) -> None:
    """Look at a register as a preview does, import it, and import it once more, which changes nothing."""
    count = bench.size.citizens
    bench.report.begin(f"Citizens' register: {count:,} lines imported")
    facts: dict[str, object] = {"citizens": count}
    wrong = []
    with engines.new_store(bench.databases) as url:
        for name, spent, numbers in _steps(url, count, lambda step: spending(bench.databases, step)):
            facts[name] = spent
            change = Change.SAME if name == "the same again" else Change.NEW
            if Counter(numbers) != Counter({change: count}):
                wrong.append(f"{name}: {dict(numbers)} instead of {count} that are {change}")
            if name == "import":
                bench.report.hold(WORKED, 1e6 * spent["processor seconds of the service"] / count)
    bench.report.add(SCENARIO, facts)
    bench.report.check(SCENARIO, wrong)


def main() -> None:
    """Write a file, import it, and print what it took."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/accounts.sqlite3"
        # The server of a URL is somebody else's, so what it costs is not known.
        for name, spent, numbers in _steps(url, rows, lambda step: spending(SQLite(), step)):
            seconds, own = spent["seconds"], spent["processor seconds of the service"]
            said = {change.value: number for change, number in numbers.items()}
            print(f"{name}: {seconds:.1f} s, of the processor {own:.1f} s, {said}", flush=True)
        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _steps(url: str, rows: int, spend: Spend) -> Iterator[tuple[str, dict[str, float], Mapping[Change, int]]]:
    """Each step with what it took, and how many lines were new, changed or known, on the empty database of ``url``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "citizens.csv"
        write_file(path, rows)
        migrate(url, "accounts", KEY)
        with closing(open_store(url, KEY)) as database:
            now = datetime.now(UTC)
            create_first_administrator(
                database,
                Passwords(8, 1, 1),
                email=ADMIN,
                password="1",  # noqa: S106 -- of nobody.
                jmbg=JMBG,
                now=now,
            )
            actor = Identity(ADMIN, JMBG, "", "", frozenset())
            for name, preview in (("preview", True), ("import", False), ("the same again", False)):
                with path.open("rb") as file:
                    step = partial(import_citizens, database, actor, file, preview=preview, now=now)
                    made, spent = spend(step)
                yield name, spent, made.numbers


if __name__ == "__main__":
    main()
