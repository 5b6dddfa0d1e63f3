"""A file of the citizens' register: what its lines say, and what each would change. Pure.

A register has millions of lines, so nothing here holds more than one of them, except for eight bytes of each by which
the national ids that stand twice are found.
"""

import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from heapq import merge
from operator import itemgetter
from typing import Final, NamedTuple

from authentication_service.rules import is_jmbg
from shared.csv_lines import Problem, refuse_missing, wrong_width
from shared.errors import InvalidInput
from shared.sentences import listed, say
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
# So many of the texts, which are the first.
_NEVER_EMPTY = 2
_LINE_BITS = 24
_SORTED_AT_ONCE = 1 << 16
_LETTERS = dict(zip("абвгдежзијклмнопрстћуфхцчш", "abvgdezzijklmnoprstcufhccs", strict=True))
_LETTERS |= {"ђ": "dj", "љ": "lj", "њ": "nj", "џ": "dz", "đ": "dj", "-": " ", "’": "'"}
_FOLDING = str.maketrans(_LETTERS)


class CitizenLine(NamedTuple):
    """What a line says. ``texts`` are in the order of ``TEXTS``; ``status`` is None where the file has no such column.

    ``born_on`` is ``NEVER`` in a line that says no date.
    """

    line: int
    national_id: str
    born_on: date
    texts: tuple[str, ...]
    status: str | None


NEVER: Final = date.min


def check_header(header: Sequence[str]) -> list[str]:
    """The columns that mean nothing here; refuses a header that lacks one that is needed."""
    refuse_missing(header, [name for name in NEEDED if name not in header])
    return [name for name in header if name not in COLUMNS]


class Reader:
    """Reads the rows below a header that ``check_header`` has taken."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._national_id, self._born_on = header.index("national_id"), header.index("born_on")
        self._texts = itemgetter(*map(header.index, TEXTS))
        self._status = header.index("status") if "status" in header else None

    def read(self, number: int, row: Sequence[str]) -> CitizenLine | list[Problem]:
        """What a row says, or what is wrong with it; no problem repeats a national id."""
        if wide := wrong_width(number, self._header, row):
            return wide
        line = self.again(number, row)
        problems = _of_texts(line)
        day = row[self._born_on].strip()
        if not is_jmbg(line.national_id):
            words = say("This is no national id (JMBG): 13 digits, of which the last is a control digit.")
            problems.append(Problem(number, "national_id", words))
        elif line.born_on != NEVER and line.national_id[:7] != day[8:] + day[5:7] + day[1:4]:
            problems.append(Problem(number, "born_on", say("The national id is of another date of birth.")))
        if line.born_on == NEVER:
            problems.append(Problem(number, "born_on", say("A date of birth is written as in 1990-12-31.")))
        if line.status is not None and line.status not in _STATUSES:
            given = line.status[:40]
            words = say("A status is one of {known}; this is '{given}'.", known=listed([*CitizenStatus]), given=given)
            problems.append(Problem(number, "status", words))
        return problems or line

    def again(self, number: int, row: Sequence[str]) -> CitizenLine:
        """What a row says that ``read`` has found right before; nothing is checked."""
        status = None
        if self._status is not None:
            status = row[self._status].strip().lower() or CitizenStatus.REGISTERED.value
        return CitizenLine(
            number,
            row[self._national_id].strip(),
            _date(row[self._born_on].strip()),
            tuple([" ".join(text.split()) for text in self._texts(row)]),
            status,
        )


def _of_texts(line: CitizenLine) -> list[Problem]:
    texts = line.texts
    together = "".join(texts)
    # Nearly every line is right, and seen to be so by a look at all of it at once.
    if len(together) <= LONGEST and together.isprintable() and all(texts[:_NEVER_EMPTY]):
        return []
    problems = []
    for place, (name, text) in enumerate(zip(TEXTS, texts, strict=True)):
        if not text and place < _NEVER_EMPTY:
            words = say("This value is needed, and the line has none.")
        elif len(text) > LONGEST:
            words = say("At most {most} characters; these are {characters}.", most=LONGEST, characters=len(text))
        elif not text.isprintable():
            words = say("This value has a character in it that cannot be printed.")
        else:
            continue
        problems.append(Problem(line.line, name, words))
    return problems


# People are born on some thirty thousand days.
@lru_cache(maxsize=1 << 16)
def _date(text: str) -> date:
    # Weeks of ISO 8601 are dates too, but nobody is born in one.
    try:
        return date.fromisoformat(text) if len(text) == 10 and text[7] == "-" else NEVER
    except ValueError:
        return NEVER


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


def differing(line: CitizenLine, texts: Sequence[str], born_on: date, status: str) -> list[str]:
    """The columns in which a line says something else than is known; ``texts`` in the order of ``TEXTS``."""
    columns = []
    if line.texts != texts:
        columns = [name for name, text, known in zip(TEXTS, line.texts, texts, strict=True) if text != known]
    if line.born_on != born_on:
        columns.append("born_on")
    if line.status is not None and line.status != status:
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
