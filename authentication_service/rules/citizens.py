"""A file of the citizens' register: what its lines say, and what each would change. Pure.

A register has millions of lines, so nothing here holds more than one of them, except for eight bytes of each by which
the national ids that stand twice are found.
"""

import unicodedata
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from heapq import merge
from typing import Final, Protocol

from authentication_service.rules import is_jmbg
from shared.csv_lines import Problem, refuse_missing
from shared.errors import InvalidInput
from shared.sentences import listed, say, say_number
from shared.terms import CitizenStatus

MOST_LINES: Final = 2_000_000
"""Of one file; a larger register comes in several."""

MOST_DUPLICATES: Final = 100_000
LONGEST: Final = 256
LONGEST_NAME_KEY: Final = 128

TEXTS: Final = ("forename", "surname", "birthplace", "address", "region", "federal_unit")
NEEDED: Final = ("national_id", "forename", "surname", "born_on", "birthplace", "address", "region", "federal_unit")
COLUMNS: Final = (*NEEDED, "status")

_STATUSES = frozenset(status.value for status in CitizenStatus)
_NEVER_EMPTY = ("forename", "surname")
_LINE_BITS = 24
_SORTED_AT_ONCE = 1 << 16
_LETTERS = dict(zip("абвгдежзијклмнопрстћуфхцчш", "abvgdezzijklmnoprstcufhccs", strict=True))
_LETTERS |= {"ђ": "dj", "љ": "lj", "њ": "nj", "џ": "dz", "đ": "dj", "-": " ", "’": "'"}
_FOLDING = str.maketrans(_LETTERS)


@dataclass(frozen=True, slots=True)
class CitizenLine:
    """A line that is right in itself. ``status`` is None where the file has no such column."""

    line: int
    national_id: str
    born_on: date
    texts: tuple[str, ...]
    status: str | None


class Known(Protocol):
    """What is known already of the citizen of a line."""

    born_on: date
    status: str


def check_header(header: Sequence[str]) -> list[str]:
    """The columns that mean nothing here; refuses a header that lacks one that is needed."""
    refuse_missing(header, [name for name in NEEDED if name not in header])
    return [name for name in header if name not in COLUMNS]


def places(header: Sequence[str]) -> Mapping[str, int]:
    """Where in a row each column is that is read."""
    return {name: place for place, name in enumerate(header) if name in COLUMNS}


def read_line(number: int, width: int, where: Mapping[str, int], row: Sequence[str]) -> CitizenLine | list[Problem]:
    """What a row says; ``width`` is the number of columns that the header names. No problem repeats a national id."""
    if len(row) != width:
        words = say(
            "This line has {values}, and the header names {columns}.",
            values=say_number("{number} value", "{number} values", len(row)),
            columns=say_number("{number} column", "{number} columns", width),
        )
        return [Problem(number, "line", words)]
    problems: list[Problem] = []
    national_id = row[where["national_id"]].strip()
    texts = tuple(" ".join(row[where[name]].split()) for name in TEXTS)
    for name, text in zip(TEXTS, texts, strict=True):
        if not text and name in _NEVER_EMPTY:
            problems.append(Problem(number, name, say("This value is needed, and the line has none.")))
        elif len(text) > LONGEST:
            words = say("At most {most} characters; these are {characters}.", most=LONGEST, characters=len(text))
            problems.append(Problem(number, name, words))
        elif not text.isprintable():
            words = say("This value has a character in it that cannot be printed.")
            problems.append(Problem(number, name, words))
    day = row[where["born_on"]].strip()
    born_on = _date(day)
    if not is_jmbg(national_id):
        words = say("This is no national id (JMBG): 13 digits, of which the last is a control digit.")
        problems.append(Problem(number, "national_id", words))
    elif born_on is not None and national_id[:7] != day[8:] + day[5:7] + day[1:4]:
        problems.append(Problem(number, "born_on", say("The national id is of another date of birth.")))
    if born_on is None:
        problems.append(Problem(number, "born_on", say("A date of birth is written as in 1990-12-31.")))
    status = row[where["status"]].strip().lower() or CitizenStatus.REGISTERED.value if "status" in where else None
    if status is not None and status not in _STATUSES:
        words = say("A status is one of {known}; this is '{given}'.", known=listed([*CitizenStatus]), given=status[:40])
        problems.append(Problem(number, "status", words))
    if problems or born_on is None:
        return problems
    return CitizenLine(number, national_id, born_on, texts, status)


def _date(text: str) -> date | None:
    # Weeks of ISO 8601 are dates too, but nobody is born in one.
    try:
        return date.fromisoformat(text) if len(text) == 10 and text[7] == "-" else None
    except ValueError:
        return None


class Seen:
    """The national ids of a file with their lines, eight bytes each: what stands twice is found when all is read."""

    def __init__(self) -> None:
        self._sorted: list[array[int]] = []
        self._newest: array[int] = array("Q")

    def add(self, national_id: str, line: int) -> None:
        """Remember a right line. The control digit follows from the twelve before it and is left out."""
        self._newest.append(int(national_id[:12]) << _LINE_BITS | line)
        if len(self._newest) == _SORTED_AT_ONCE:
            self._sorted.append(array("Q", sorted(self._newest)))
            self._newest = array("Q")

    def duplicates(self) -> dict[int, int]:
        """Each line whose national id stands in an earlier line, and the first of those.

        Raises InvalidInput when there are more than anybody looks through.
        """
        found: dict[int, int] = {}
        before, first = -1, 0
        for packed in merge(*self._sorted, sorted(self._newest)):
            national_id, line = packed >> _LINE_BITS, packed & ((1 << _LINE_BITS) - 1)
            if national_id != before:
                before, first = national_id, line
                continue
            found[line] = first
            if len(found) > MOST_DUPLICATES:
                words = say(
                    "More than {most:,} lines repeat a national id; is the file in itself twice?", most=MOST_DUPLICATES
                )
                raise InvalidInput(words, field="file")
        return found


def differing(line: CitizenLine, known: Known) -> list[str]:
    """The columns in which a line says something else than is known."""
    columns = [name for name, text in zip(TEXTS, line.texts, strict=True) if getattr(known, name) != text]
    if line.born_on != known.born_on:
        columns.append("born_on")
    if line.status is not None and line.status != known.status:
        columns.append("status")
    return columns


# A register has a million people and some ten thousand names.
@lru_cache(maxsize=1 << 15)
def folded(text: str) -> str:
    """A name as it is compared and searched: small Latin letters without accents, single blanks.

    Serbian is written in two scripts and often without accents, and a person is the same in all of them: ``Ђорђе
    ПЕТРОВИЋ`` and ``Djordje Petrovic`` are one name.
    """
    small = text.casefold()
    if not small.isascii() or "-" in small:
        small = small.translate(_FOLDING)
        small = "".join(letter for letter in unicodedata.normalize("NFKD", small) if not unicodedata.combining(letter))
    return " ".join(small.split())


def name_key(forename: str, surname: str) -> str:
    """What a citizen is searched by: the surname, then the forename, folded, at most 128 characters."""
    return f"{folded(surname)} {folded(forename)}"[:LONGEST_NAME_KEY]


def is_same_name(forename: str, surname: str, other_forename: str, other_surname: str) -> bool:
    """Whether two people bear the same name, however it is written."""
    return folded(forename) == folded(other_forename) and folded(surname) == folded(other_surname)


def masked(national_id: str) -> str:
    """A national id of which only the last four digits are told, enough to tell two people of one name apart."""
    return "•" * 9 + national_id[-4:]


def in_chunks(lines: Iterator[CitizenLine], size: int) -> Iterator[list[CitizenLine]]:
    """The lines, some thousands at a time."""
    chunk: list[CitizenLine] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
