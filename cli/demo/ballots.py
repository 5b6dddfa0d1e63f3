"""The ballots of the demonstration as CSV files, with errors among them whose outcome is known before anything is sent.

Everything is drawn from a seeded generator, so that every run counts the very same ballots.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from shared.terms import Refusal

SEED = 20140316
GUID_BYTES = 16
# Wrong poll numbers of the demonstration: two digits, and more than any list has.
_WRONG = range(20, 100)

_ROW = "00000000-0000-0000-0000-000000000000,00\n"
_HYPHENS = (8, 13, 18, 23)
_COMMA = 36
_DIGIT_COLUMNS = [place for place in range(_COMMA) if place not in _HYPHENS]
# RFC 9562, sections 4 and 5.4: in a GUID of random bits byte 6 begins with 0100 and byte 8 with 10.
_VERSION_BYTE, _VARIANT_BYTE = 6, 8
_VERSION = bytes(0x40 | one & 0x0F for one in range(256))
_VARIANT = bytes(0x80 | one & 0x3F for one in range(256))
_TENS = bytes(ord(" ") if number < 10 else ord("0") + number // 10 % 10 for number in range(256))
_UNITS = bytes(ord("0") + number % 10 for number in range(256))


@dataclass(frozen=True)
class RefusedBallot:
    """A line, counted from 0, that will be accepted and not counted."""

    line: int
    guid: str
    poll_number: int
    reason: str


@dataclass(frozen=True)
class BallotFile:
    """One file to upload, and what has to become of its lines.

    A ``late`` file repeats ballots of other files, and has to be sent when those have been accepted.
    """

    path: Path
    late: bool
    ballots: int
    refused: tuple[RefusedBallot, ...]

    def count(self, reason: Refusal) -> int:
        return sum(one.reason == reason for one in self.refused)

    @property
    def counted(self) -> int:
        return self.ballots - len(self.refused)


def write_files(folder: Path, votes: Mapping[int, int], files: int) -> list[BallotFile]:
    """Write all ballots of the election to ``files`` files; ``votes`` are what the right count of them gives.

    The files have different sizes. A quarter of them hold a wrong poll number, a sixth a ballot twice, and about one
    in forty is late and repeats ballots of others, for another list each.
    """
    numbers = random.Random(SEED)  # noqa: S311 -- has to be the same in every run, not secret.
    sequence = _shuffled(numbers, b"".join(bytes([number]) * count for number, count in votes.items()))
    late = max(1, files // 40)
    earlier: list[bytes] = []
    written = []
    for place, (start, end) in enumerate(pairwise(_cuts(numbers, len(sequence), files))):
        is_late = place >= files - late
        content = _Content(numbers, sequence[start:end], sorted(votes))
        content.add_wrong_poll_numbers(1 if place % 4 == 0 else 0)
        content.add_repetitions(1 if place % 6 == 0 else 0)
        if is_late:
            content.add_known(numbers.sample(earlier, min(5, len(earlier))))
        path = folder / f"{place + 1:04d}.csv"
        guids, poll_numbers, refused = content.lines()
        path.write_bytes(_csv(guids, poll_numbers))
        # Some of the counted ballots of every file, for the late ones to repeat.
        if not is_late and poll_numbers:
            first = numbers.randrange(len(poll_numbers))
            if all(first != one.line for one in refused):
                earlier.append(guids[GUID_BYTES * first : GUID_BYTES * (first + 1)])
        written.append(BallotFile(path, is_late, len(poll_numbers), refused))
    return written


def write_station(path: Path, number: int, votes: Mapping[int, int], invalid: int) -> BallotFile:
    """Write the ballots of one polling station, the ``number``-th; ``invalid`` ones have a poll number of nobody."""
    numbers = random.Random(f"{SEED} {number}")  # noqa: S311 -- as above.
    sequence = bytearray(b"".join(bytes([list_number]) * count for list_number, count in votes.items()))
    numbers.shuffle(sequence)
    content = _Content(numbers, bytes(sequence), sorted(votes))
    content.add_wrong_poll_numbers(invalid)
    guids, poll_numbers, refused = content.lines()
    path.write_bytes(_csv(guids, poll_numbers))
    return BallotFile(path, False, len(poll_numbers), refused)


class _Content:
    """The lines of one file while they are put together."""

    def __init__(self, numbers: random.Random, regular: bytes, lists: Sequence[int]) -> None:
        self._numbers = numbers
        self._regular = regular
        self._lists = lists
        # What is no regular ballot: a poll number, the reason, and the GUID if it is not a new one.
        self._extras: list[tuple[int, Refusal, bytes | None]] = []

    def add_wrong_poll_numbers(self, count: int) -> None:
        for _ in range(count):
            self._extras.append((self._numbers.choice(_WRONG), Refusal.INVALID_POLL_NUMBER, None))

    def add_repetitions(self, count: int) -> None:
        """Ballots of this file once more, for another list."""
        for _ in range(count if self._regular else 0):
            self._extras.append((self._numbers.choice(self._lists), Refusal.DUPLICATE, None))

    def add_known(self, guids: Sequence[bytes]) -> None:
        """Ballots that another file has brought."""
        for guid in guids:
            self._extras.append((self._numbers.choice(self._lists), Refusal.DUPLICATE, guid))

    def lines(self) -> tuple[bytes, bytes, tuple[RefusedBallot, ...]]:
        """GUIDs (16 bytes a line), poll numbers (a byte a line), and the lines that have to be refused."""
        total = len(self._regular) + len(self._extras)
        # The first line stays a regular one, so that a repetition always has an earlier line to repeat.
        free = range(1 if self._regular else 0, total)
        places = sorted(self._numbers.sample(free, len(self._extras)))
        guids = bytearray(self._numbers.randbytes(GUID_BYTES * total))
        poll_numbers = bytearray()
        taken = 0
        for place, (poll_number, _, _) in zip(places, self._extras, strict=True):
            regular = place - len(poll_numbers)
            poll_numbers += self._regular[taken : taken + regular]
            poll_numbers.append(poll_number)
            taken += regular
        poll_numbers += self._regular[taken:]
        for place, (_, reason, guid) in zip(places, self._extras, strict=True):
            if reason is Refusal.DUPLICATE:
                guids[GUID_BYTES * place : GUID_BYTES * (place + 1)] = guid or self._earlier(guids, places, place)
        content = _marked_as_random(guids)
        refused = tuple(
            RefusedBallot(
                place,
                str(UUID(bytes=content[GUID_BYTES * place : GUID_BYTES * (place + 1)])),
                poll_number,
                reason.value,
            )
            for place, (poll_number, reason, _) in zip(places, self._extras, strict=True)
        )
        return content, bytes(poll_numbers), refused

    def _earlier(self, guids: bytearray, extras: Sequence[int], place: int) -> bytes:
        """The GUID of a regular ballot before ``place``."""
        while (source := self._numbers.randrange(place)) in extras:
            pass
        return bytes(guids[GUID_BYTES * source : GUID_BYTES * (source + 1)])


def _marked_as_random(guids: bytearray) -> bytes:
    """The same GUIDs with the six bits that say that the others are random."""
    for byte, table in ((_VERSION_BYTE, _VERSION), (_VARIANT_BYTE, _VARIANT)):
        guids[byte::GUID_BYTES] = guids[byte::GUID_BYTES].translate(table)
    return bytes(guids)


def _csv(guids: bytes, poll_numbers: bytes) -> bytes:
    """Lines of ``GUID,poll number``, made column by column: a step for each ballot would take seconds for millions."""
    count = len(poll_numbers)
    width = len(_ROW)
    rows = bytearray(_ROW.encode() * count)
    digits = guids.hex().encode()
    for digit, column in enumerate(_DIGIT_COLUMNS):
        rows[column::width] = digits[digit::32]
    rows[_COMMA + 1 :: width] = poll_numbers.translate(_TENS)
    rows[_COMMA + 2 :: width] = poll_numbers.translate(_UNITS)
    return bytes(rows.replace(b", ", b","))


def _shuffled(numbers: random.Random, sequence: bytes) -> bytes:
    """The same bytes in another order, mixed by taking every n-th of them from places in a random order."""
    for step in (997, 1009, 1013):
        places = numbers.sample(range(step), step)
        sequence = b"".join(sequence[place::step] for place in places)
    return sequence


def _cuts(numbers: random.Random, total: int, files: int) -> Iterator[int]:
    """Where the files begin and end, from 0 to ``total``: a few are many times as large as most."""
    weights = [math.exp(numbers.gauss(0, 0.8)) for _ in range(files)]
    whole = sum(weights)
    reached = 0.0
    yield 0
    for weight in weights[:-1]:
        reached += weight
        yield int(total * reached / whole)
    yield total
