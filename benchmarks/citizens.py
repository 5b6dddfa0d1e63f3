"""How long a register of a million citizens takes: python -m benchmarks.citizens [ROWS] [URL of an empty database].

Prints the seconds of the preview and of the import, of the same import once more, and the most memory of the process.
Without a URL the store is a SQLite file.
"""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from authentication_service.actions.citizen_import import import_citizens
from authentication_service.actions.registration import create_first_administrator
from authentication_service.passwords import Passwords
from authentication_service.sealed import open_store
from benchmarks.people import write_file
from shared.auth import Identity
from shared.database import migrate

KEY = "the key of a register that is measured"
ADMIN, JMBG = "administrator@example.org", "0101990710008"


def main() -> None:
    """Write a file, import it, and print what it took."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/accounts.sqlite3"
        path = Path(folder) / "citizens.csv"
        write_file(path, rows)
        print(f"{rows:,} lines, {path.stat().st_size / 2**20:.0f} MiB")
        migrate(url, "accounts", KEY)
        database = open_store(url, KEY)
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
            began, worked = time.monotonic(), time.process_time()
            with path.open("rb") as file:
                made = import_citizens(database, actor, file, preview=preview, now=now)
            seconds, own = time.monotonic() - began, time.process_time() - worked
            numbers = {change.value: number for change, number in made.numbers.items()}
            print(f"{name}: {seconds:.1f} s, of the processor {own:.1f} s, {numbers}", flush=True)
        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
        database.close()


if __name__ == "__main__":
    main()
