"""What is wrong with a file of ballots before it is handed in: all of it, where ``read_ballots`` stops at the first.

A file is read as the station would read it. Only where that refuses it, the lines after the first bad one are looked at
too, each by itself, so that whoever mends the file sees what else there is to mend.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice

from shared.errors import InvalidInput
from shared.sentences import say
from voting_station_service.rules import (
    GUID_BYTES,
    has_guid,
    has_poll_number,
    is_plain,
    problem_of,
    read_ballots,
)

MOST_FAULTS = 20
MOST_REPEATED = 20
# Who has numbered the lines where the poll number stands has as many of them as lines.
MOST_UNKNOWN = 1000
# Their GUIDs take some 40 MB while they are compared; a polling station's file has a thousand.
MOST_COMPARED = 500_000

_SHOWN_CHARACTERS = 80
# What is shown for a byte that is no text, or a sign that cannot be printed.
_NO_SIGN = "\N{REPLACEMENT CHARACTER}"
# A longer line is bad, and is not kept to its end.
_LONGEST_LINE = 4096


class Hint(StrEnum):
    """What a person most likely did who has made a bad file."""

    SWAPPED_COLUMNS = "swapped_columns"
    HEADING = "heading"
    SEMICOLONS = "semicolons"
    TABS = "tabs"
    UTF16 = "utf16"
    SPREADSHEET = "spreadsheet"


ADVICE: Mapping[Hint, str] = {
    Hint.SWAPPED_COLUMNS: say(
        "The first column looks like poll numbers and the second one like GUIDs: the columns are swapped. Save the "
        "file with the GUIDs first."
    ),
    Hint.HEADING: say("The first line looks like a heading. Take it out: the file begins with the first ballot."),
    Hint.SEMICOLONS: say("The values are parted by semicolons. Save the file with commas."),
    Hint.TABS: say("The values are parted by tabs. Save the file with commas."),
    Hint.UTF16: say("The file is saved as Unicode (UTF-16). Save it as CSV in UTF-8."),
    Hint.SPREADSHEET: say("This is a spreadsheet and no CSV file. Save it as CSV, with commas."),
}


@dataclass(frozen=True)
class Fault:
    """A line that makes a station refuse its file. ``line`` counts from 0; ``text`` is how the line begins."""

    line: int
    problem: str
    text: str


@dataclass(frozen=True)
class Examination:
    """What a file holds; a station takes it when it has a ballot and no fault.

    ``votes`` has the lines for each poll number, and ``unknown`` those of them that the election does not have: their
    lines would be taken in and not counted. Of these both have the first ``MOST_UNKNOWN`` only. ``repeated`` lines have
    a GUID that a line before them has, the first of which are ``repeated_lines``; None where the file was too large to
    compare them all.
    """

    ballots: int
    votes: dict[int, int]
    unknown: tuple[int, ...]
    repeated: int | None
    repeated_lines: tuple[int, ...]
    faults: tuple[Fault, ...]
    has_more_faults: bool
    hint: Hint | None

    @property
    def is_good(self) -> bool:
        return bool(self.ballots) and not self.faults

    @property
    def advice(self) -> str:
        """What the hint says, in a sentence; empty where there is none."""
        return ADVICE[self.hint] if self.hint else ""


def examine(blocks: Iterable[bytes], again: Iterable[bytes], poll_numbers: Collection[int]) -> Examination:
    """Read a file that comes in ``blocks``; ``again`` gives the same bytes once more, and is read if they are bad."""
    known = set(poll_numbers)
    votes: Counter[int] = Counter()
    compared: set[bytes] | None = set()
    repeated: list[int] = []
    ballots = 0
    try:
        for some in read_ballots(blocks):
            votes.update(some.poll_numbers)
            for number in [number for number in votes if number not in known][MOST_UNKNOWN:]:
                del votes[number]
            if compared is not None:
                for place in range(0, len(some.guids), GUID_BYTES):
                    guid = some.guids[place : place + GUID_BYTES]
                    if guid in compared:
                        repeated.append(ballots + place // GUID_BYTES)
                    compared.add(guid)
                if len(compared) > MOST_COMPARED:
                    compared = None
            ballots += len(some.poll_numbers)
    except InvalidInput as error:
        return _refused(error, again)
    return Examination(
        ballots,
        dict(sorted(votes.items())),
        tuple(sorted(set(votes) - known)),
        None if compared is None else len(repeated),
        tuple(repeated[:MOST_REPEATED]),
        (),
        False,
        None,
    )


def _refused(error: InvalidInput, again: Iterable[bytes]) -> Examination:
    line, problem = _told(error)
    faults = list(islice(_faults(again, line, problem), MOST_FAULTS + 1))
    return Examination(
        *(0, {}, (), None, ()), tuple(faults[:MOST_FAULTS]), len(faults) > MOST_FAULTS, _hint(faults[:MOST_FAULTS])
    )


def _told(error: InvalidInput) -> tuple[int, str]:
    """The line and the problem in a sentence of ``read_ballots``, which is the classic contract's to the letter."""
    problem, _, line = error.message.removesuffix(".").rpartition(" on line ")
    return int(line), problem


def _faults(blocks: Iterable[bytes], first: int, problem: str) -> Iterator[Fault]:
    """The bad lines from the ``first`` on, whose ``problem`` is known.

    By itself that may be good: a quote that nobody closes makes the rest of the file a part of its line.
    """
    line = 0
    for piece in _pieces(blocks):
        count = piece.count(b"\n") + (not piece.endswith(b"\n"))
        if line + count <= first or (line > first and is_plain(piece)):
            line += count
            continue
        for text in str(piece, "latin-1").removesuffix("\n").split("\n"):
            found = problem if line == first else _problem(text) if line > first else ""
            if found:
                yield Fault(line, found, _shown(text))
            line += 1


def _problem(text: str) -> str:
    try:
        row = next(csv.reader([text]), [])
    except csv.Error:
        row = []
    return problem_of(row) or ""


def _pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, each with a line feed at its end but perhaps the last; what is too long for a line is cut off."""
    rest = b""
    is_first = True
    for block in chain(blocks, [b""]):
        is_last = not block
        rest += block
        if is_first and (len(rest) >= len(codecs.BOM_UTF8) or is_last):
            rest, is_first = rest.removeprefix(codecs.BOM_UTF8), False
        # A CR at the end may be the first half of a CRLF.
        kept = b"\r" if rest.endswith(b"\r") and not is_last else b""
        lines = rest[: len(rest) - len(kept)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = len(lines) if is_last else lines.rfind(b"\n") + 1
        if end:
            yield lines[:end]
        rest = lines[end:][:_LONGEST_LINE] + kept


def _shown(text: str) -> str:
    """How a line begins, as far as it can be shown; the file is most likely text in UTF-8."""
    line = text.encode("latin-1").decode("utf-8", "replace")
    shown = "".join(character if character.isprintable() else _NO_SIGN for character in line)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _hint(faults: list[Fault]) -> Hint | None:
    texts = [fault.text for fault in faults if fault.text]
    if not texts:
        return None
    first = texts[0]
    if _is_utf16(first) and faults[0].line == 0:
        return Hint.UTF16
    if first.startswith("PK") and faults[0].line == 0:
        return Hint.SPREADSHEET
    if _most(texts, lambda row: has_poll_number(row[0]) and has_guid(row[1])):
        return Hint.SWAPPED_COLUMNS
    for separator, hint in ((";", Hint.SEMICOLONS), (_NO_SIGN, Hint.TABS)):
        if _most(texts, lambda row: has_guid(row[0]), separator):
            return hint
    if faults[0].line == 0 and _is_heading(first):
        return Hint.HEADING
    return None


def _is_utf16(shown: str) -> bool:
    """Whether a mark of two bytes that are no text is followed by signs of which each second byte is none."""
    mark, signs = shown[:2], shown[2:10]
    halves = [{sign == _NO_SIGN for sign in signs[start::2]} for start in (0, 1)]
    return mark == _NO_SIGN * 2 and {True} in halves and {False} in halves


def _is_heading(shown: str) -> bool:
    """Whether a line is words parted by a comma; one that is too long to be shown whole names no columns."""
    words = [word.strip() for word in shown.replace('"', "").split(",")]
    return len(words) > 1 and all(words) and len(shown) <= _SHOWN_CHARACTERS and not any(map(str.isdigit, shown))


def _most(texts: list[str], is_so: Callable[[list[str]], bool], separator: str = ",") -> bool:
    """Whether something is so of more than half of the lines that have two values parted by ``separator``."""
    rows = [text.replace('"', "").split(separator) for text in texts]
    return sum(len(row) == 2 and is_so(row) for row in rows) * 2 > len(texts)
