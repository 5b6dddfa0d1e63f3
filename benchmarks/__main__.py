"""``python -m benchmarks``: how near the daemon comes to the limit of its database, all from one run."""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Sequence

import sqlalchemy as sa

from benchmarks.limit import Row, ballots_a_second
from shared.database import Database, migrate
from shared.schema.election import Ballot, Part
from tests.servers import DatabaseServer, MariaDB, MySQL, PostgreSQL, Redis, SQLite
from tests.services.counting import Counting, DaemonProcess

ENGINES: dict[str, type[DatabaseServer] | type[SQLite]] = {
    "mariadb": MariaDB,
    "mysql": MySQL,
    "postgresql": PostgreSQL,
    "sqlite": SQLite,
}
# As large as the daemon's own transactions.
TRANSACTION = 20_000
LISTS = 19


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status is 1 when a count is wrong, whatever the speed was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="mariadb")
    parser.add_argument("--files", type=int, default=1000, help="How many files of ballots.")
    parser.add_argument("--lines", type=int, default=415, help="Ballots in each; a Serbian polling station had 415.")
    parser.add_argument("--partitions", type=int, default=None, help="Default: 1 for SQLite, else 4.")
    parser.add_argument("--json", dest="path", help="Write the figures to this file, too.")
    asked = parser.parse_args(arguments)
    partitions = asked.partitions or (1 if asked.engine == "sqlite" else 4)
    figures = run(asked.engine, asked.files, asked.lines, partitions)
    for name, value in figures.items():
        print(f"{name:34} {value:,.3f}" if isinstance(value, float) else f"{name:34} {value}")
    if asked.path:
        with open(asked.path, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0 if figures["every count is exact"] else 1


def run(engine: str, files: int, lines: int, partitions: int) -> dict[str, str | int | float | bool]:
    """Measure once; speeds are ballots a second, with every commit on the disk."""
    kind = ENGINES[engine]
    source = kind(durable=True) if issubclass(kind, DatabaseServer) else kind()
    ballots = _ballots(files * lines)
    with Redis() as redis, source as databases:
        url = databases.new_database()
        migrate(url, "election")
        limit = _limit(url, ballots)
        database = Database(url)
        suite = Counting(database, redis.url, partitions)
        election = suite.election(poll_numbers=LISTS)

        began = time.perf_counter()
        for start in range(0, len(ballots), lines):
            suite.accept((guid.hex(), number) for guid, number in ballots[start : start + lines])
        accepted = time.perf_counter() - began

        daemon = DaemonProcess(url, redis.url, partitions)
        try:
            # Its start is not its speed: the clock runs from the first recorded part on.
            while _recorded(database) == 0:
                time.sleep(0.005)
            first, began = _recorded(database), time.perf_counter()
            while suite.waiting():
                time.sleep(0.01)
            counted = time.perf_counter() - began
        finally:
            daemon.stop()
        exact = suite.tally(election) == _tally(ballots) and _stored(database) == len(ballots)
        version = _version(database)
        database.close()
    counting = (len(ballots) - first) / counted
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "database": f"{engine} {version}, every commit on the disk",
        "redis": "appendfsync always",
        "files": files,
        "ballots": len(ballots),
        "partitions": partitions,
        "limit, bulk load alone": limit,
        "accepted, one sender": len(ballots) / accepted,
        "counted, one daemon": counting,
        "counted / limit": counting / limit,
        "every count is exact": exact,
    }


def _limit(url: str, ballots: Sequence[Row]) -> float:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() in ("mysql", "mariadb"):
        # The client has to agree to LOAD DATA LOCAL as well.
        parsed = parsed.update_query_dict({"local_infile": "1"})
    database = Database(parsed.render_as_string(hide_password=False))
    try:
        return ballots_a_second(database, ballots, TRANSACTION)
    finally:
        database.close()


def _ballots(count: int) -> list[Row]:
    source = random.Random(2014)
    return [(source.randbytes(16), source.randint(1, LISTS)) for _ in range(count)]


def _tally(ballots: Sequence[Row]) -> dict[int, int]:
    votes: dict[int, int] = {}
    for _, number in ballots:
        votes[number] = votes.get(number, 0) + 1
    return votes


def _recorded(database: Database) -> int:
    with database.reading() as session:
        return int(session.scalar(sa.select(sa.func.coalesce(sa.func.sum(Part.received), 0))) or 0)


def _stored(database: Database) -> int:
    with database.reading() as session:
        return int(session.scalar(sa.select(sa.func.count()).select_from(Ballot)) or 0)


def _version(database: Database) -> str:
    query = "SELECT sqlite_version()" if database.dialect == "sqlite" else "SELECT version()"
    with database.reading() as session:
        return str(session.scalar(sa.text(query))).partition(" (")[0]


if __name__ == "__main__":
    sys.exit(main())
