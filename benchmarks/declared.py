"""The tally sheets of the parliamentary election of 2014 in Serbia: what a row of the published file says on one."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.stations import DATA
from cli.demo import facts
from shared.sheets import Numbers


def numbers_of(row: Mapping[str, str]) -> Numbers:
    """The sheet of a row; blank ballots were not counted apart from the invalid ones then."""
    return Numbers(
        registered=int(row["registered"]),
        voted=int(row["voted"]),
        received=int(row["ballots_received"]),
        unused=int(row["ballots_unused"]),
        in_box=int(row["ballots_in_box"]),
        invalid=int(row["invalid"]),
        blank=0,
        votes={one.poll_number: int(row[f"list_{one.poll_number}"]) for one in facts.LISTS},
    )


def declared(path: Path = DATA) -> Iterator[tuple[str, str, Numbers]]:
    """Municipality, code and sheet of each polling station of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = row["municipality"]
            yield place, f"{place} {row['station_number']}", numbers_of(row)
