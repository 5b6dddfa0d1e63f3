"""The import of all polling stations of a country: what the page or the command does with the file, without HTTP."""

from collections import Counter
from contextlib import closing
from functools import partial
from itertools import islice

from admin_service.actions.station_import import import_stations
from benchmarks import engines
from benchmarks.bench import Bench
from benchmarks.report import Target
from benchmarks.spending import spending
from benchmarks.stations import DATA
from shared.csv_lines import Change
from shared.database import Database

SCENARIO = "stations"
TOOK = Target("import of 8,387 polling stations", 10.0, "s", at_least=False)


def measure(bench: Bench) -> None:
    """Look at a file as a preview does, import it, and import it once more, which changes nothing."""
    content, count = _file(bench.size.stations)
    bench.report.begin(f"Polling stations: {count:,} imported from a file")
    facts: dict[str, object] = {"polling stations": count}
    wrong = []
    with engines.new_database(bench.databases) as url, closing(Database(url)) as database:
        for name, preview, change in (
            ("preview", True, Change.NEW),
            ("import", False, Change.NEW),
            ("the same again", False, Change.SAME),
        ):
            step = partial(import_stations, database, content, preview=preview)
            made, spent = spending(bench.databases, step)
            facts[name] = spent
            if Counter(made.numbers) != Counter({change: count}):
                wrong.append(f"{name}: {dict(made.numbers)} instead of {count} that are {change}")
            if name == "import":
                bench.report.hold(TOOK, spent["seconds"])
    bench.report.add(SCENARIO, facts)
    bench.report.check(SCENARIO, wrong)


def _file(count: int) -> tuple[bytes, int]:
    """The first polling stations of 2014, or invented ones where their file is not beside the checkout."""
    if DATA.exists():
        with DATA.open("rb") as file:
            header, *rows = islice(file, count + 1)
    else:
        header = b"municipality,station,registered\n"
        rows = [f"Municipality {number // 50},{number},700\n".encode() for number in range(count)]
    return header + b"".join(rows), len(rows)
