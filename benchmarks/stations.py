"""The polling stations of the parliamentary election of 2014 in Serbia, or generated ones of the same shape."""

import csv
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ballots import SEED, Source
from cli.demo import facts

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "serbia-2014-parliamentary.csv"

# The spread of the real numbers of valid ballots: their mean is 415 and their standard deviation 285.
_SHAPE = (415 / 285) ** 2


@dataclass(frozen=True)
class PollingStations:
    """The votes of each polling station that had any, a byte with a poll number for each in no particular order."""

    votes: tuple[bytes, ...]
    source: str

    @property
    def ballots(self) -> int:
        return sum(map(len, self.votes))

    def first(self, count: int) -> "PollingStations":
        return PollingStations(self.votes[:count], self.source)


def read_stations() -> PollingStations:
    """All 8,387 polling stations; those without a valid ballot hand no file in."""
    shuffled = random.Random(SEED)
    if not DATA.exists():
        return PollingStations(tuple(_generated(shuffled)), "generated stations of the same shape")
    found = []
    with DATA.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            votes = bytearray(
                b"".join(bytes([one.poll_number]) * int(row[f"list_{one.poll_number}"]) for one in facts.LISTS)
            )
            shuffled.shuffle(votes)
            found.append(bytes(votes))
    # In the file neighbours follow each other; on the night nobody waits for them.
    shuffled.shuffle(found)
    return PollingStations(tuple(votes for votes in found if votes), "the polling stations of 2014")


def _generated(numbers: random.Random) -> list[bytes]:
    mean = facts.VALID_VOTES / facts.POLLING_STATIONS
    sizes = [1 + int(numbers.gammavariate(_SHAPE, (mean - 1) / _SHAPE)) for _ in range(facts.POLLING_STATIONS)]
    # The last one makes the sum right, whatever was drawn.
    missing = facts.VALID_VOTES - sum(sizes)
    place = 0
    while missing:
        step = max(1 - sizes[place], max(-50, min(50, missing)))
        sizes[place] += step
        missing -= step
        place = (place + 1) % len(sizes)
    source = Source(0)
    return [source.new(size).poll_numbers for size in sizes]
