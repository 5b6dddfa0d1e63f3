"""Ballots as the benchmark makes them: GUIDs and poll numbers in columns, since a step for each would take minutes."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cli.demo.facts import LISTS

GUID_BYTES = 16
SEED = 20140316

_ROW = b"00000000-0000-0000-0000-000000000000,00\n"
_COMMA = 36
_DIGIT_COLUMNS = [place for place in range(_COMMA) if place not in (8, 13, 18, 23)]
_TENS = bytes(ord(" ") if number < 10 else ord("0") + number // 10 % 10 for number in range(256))
_UNITS = bytes(ord("0") + number % 10 for number in range(256))


@dataclass(frozen=True)
class Ballots:
    """Ballots in the order of their file: 16 bytes of GUID and a byte of poll number for each."""

    guids: bytes
    poll_numbers: bytes

    def __len__(self) -> int:
        return len(self.poll_numbers)

    def __getitem__(self, lines: slice) -> "Ballots":
        start, end, _ = lines.indices(len(self))
        return Ballots(self.guids[GUID_BYTES * start : GUID_BYTES * end], self.poll_numbers[start:end])

    def csv(self) -> bytes:
        """The file that an official hands in, made column by column."""
        rows = bytearray(_ROW * len(self))
        digits = self.guids.hex().encode()
        for digit, column in enumerate(_DIGIT_COLUMNS):
            rows[column :: len(_ROW)] = digits[digit::32]
        rows[_COMMA + 1 :: len(_ROW)] = self.poll_numbers.translate(_TENS)
        rows[_COMMA + 2 :: len(_ROW)] = self.poll_numbers.translate(_UNITS)
        return bytes(rows.replace(b" ", b""))

    def guid_list(self) -> list[bytes]:
        """The GUIDs one by one."""
        return [self.guids[start : start + GUID_BYTES] for start in range(0, len(self.guids), GUID_BYTES)]


@dataclass
class Outcome:
    """What has to become of ballots; ``votes`` are the counted ones by poll number."""

    received: int
    votes: Counter[int]
    duplicate: int = 0
    invalid: int = 0

    @property
    def counted(self) -> int:
        return sum(self.votes.values())

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.received + other.received,
            self.votes + other.votes,
            self.duplicate + other.duplicate,
            self.invalid + other.invalid,
        )


NOTHING = Outcome(0, Counter())


class Source:
    """Ballots with GUIDs of their own from one seed: every run of the benchmark counts the very same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(SEED + seed)
        self._numbers = _proportions()

    def new(self, count: int) -> Ballots:
        """Ballots whose votes are spread over the lists about as in 2014."""
        return self.with_votes(self._random.randbytes(count).translate(self._numbers))

    def with_votes(self, poll_numbers: bytes) -> Ballots:
        """A ballot with a new GUID for each of these votes."""
        return Ballots(self._random.randbytes(GUID_BYTES * len(poll_numbers)), poll_numbers)

    def with_errors(self, ballots: Ballots) -> tuple[Ballots, Outcome]:
        """The same ballots and after them the first once more, for another list, and one for a list of nobody."""
        first = Ballots(ballots.guids[:GUID_BYTES], bytes([ballots.poll_numbers[0] % len(LISTS) + 1]))
        wrong = self.with_votes(bytes([len(LISTS) + 1]))
        outcome = right(ballots) + Outcome(2, Counter(), duplicate=1, invalid=1)
        return joined([ballots, first, wrong]), outcome


def joined(pieces: Sequence[Ballots]) -> Ballots:
    """The ballots of several files, one after the other."""
    return Ballots(b"".join(one.guids for one in pieces), b"".join(one.poll_numbers for one in pieces))


def right(ballots: Ballots) -> Outcome:
    """What has to become of ballots with new GUIDs and existing poll numbers: all count."""
    found = {one.poll_number: ballots.poll_numbers.count(one.poll_number) for one in LISTS}
    return Outcome(len(ballots), Counter({number: votes for number, votes in found.items() if votes}))


def _proportions() -> bytes:
    """A table from 256 equally likely bytes to poll numbers, nearly as in 2014; no list goes without."""
    votes = {one.poll_number: one.votes for one in LISTS}
    places = {number: max(1, round(256 * its / sum(votes.values()))) for number, its in votes.items()}
    largest = max(places, key=lambda number: places[number])
    places[largest] += 256 - sum(places.values())
    return b"".join(bytes([number]) * count for number, count in places.items())
