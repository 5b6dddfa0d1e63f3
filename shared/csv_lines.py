"""What the imports of CSV files have in common: the header, rows by their lines, and what becomes of each. Pure.

A file is read in UTF-8, separated by commas, semicolons or tabs, whichever its first line has most of. Lines are
numbered as an editor shows them, the header is line 1.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Generic, TextIO, TypeVar

from shared.errors import InvalidInput
from shared.sentences import Value, listed, say, say_number

L = TypeVar("L")

_DELIMITERS = ",;\t"
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class Problem:
    """What is wrong on a line, in which column, and what to do about it."""

    line: int
    field: str
    message: str


@dataclass(frozen=True)
class Lines(Generic[L]):
    """A file that could be read: its right lines, what is wrong with the others, and the columns left aside."""

    lines: Sequence[L]
    problems: Sequence[Problem]
    ignored: Sequence[str]

    @property
    def wrong(self) -> int:
        """How many lines are wrong; one may have several problems."""
        return len({problem.line for problem in self.problems})


class Change(StrEnum):
    """What the import of a line does."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


def opened(file: BinaryIO) -> io.TextIOWrapper:
    """A file as ``read`` wants it; closing it closes ``file``, unless it is detached."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def read(file: TextIO) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the columns in lower case, and the rows that are not empty, each with the line on which it begins.

    ``file`` is as ``opened`` gives it; one row at a time is in the memory. Raises InvalidInput (field ``file``) for
    what is no CSV, also while the rows are asked for.
    """
    first = file.readline(_LONGEST_LINE)
    delimiter = max(_DELIMITERS, key=first.count)
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    header = [name.strip().lower() for name in next(_checked(reader), (1, []))[1]]
    if not header:
        raise InvalidInput("The file is empty; its first line names the columns.", field="file")
    for name in header:
        if header.count(name) > 1:
            raise InvalidInput(
                say("The column {column} stands twice in line 1.", column=name or say("without a name")), field="file"
            )
    return header, _checked(reader)


def refuse_missing(header: Sequence[str], missing: Sequence[str]) -> None:
    """Refuse a header that lacks columns."""
    if missing:
        named = ", ".join(name or "-" for name in header)[:300]
        raise InvalidInput(
            say("Line 1 names no column {missing}. It names: {named}.", missing=listed(missing), named=named),
            field="file",
        )


def wrong_width(number: int, header: Sequence[str], row: Sequence[str]) -> list[Problem]:
    """What is wrong with a row that has more or fewer values than the header has names; nothing if it has as many."""
    if len(row) == len(header):
        return []
    words = say(
        "This line has {values}, and the header names {columns}.",
        values=say_number("{number} value", "{number} values", len(row)),
        columns=say_number("{number} column", "{number} columns", len(header)),
    )
    return [Problem(number, "line", words)]


def refuse_wrong(problems: Sequence[Problem], wrong: int) -> None:
    """Refuse a file of which ``wrong`` lines are wrong; the first of its problems stands for them."""
    if not problems:
        return
    first = problems[0]
    about: dict[str, Value] = {"line": first.line, "column": first.field, "problem": first.message}
    if wrong == 1:
        raise InvalidInput(say("Line {line}, {column}: {problem} Nothing was imported.", **about), field="file")
    raise InvalidInput(
        say(
            "Line {line}, {column}: {problem} Wrong lines in all: {wrong:,}. Nothing was imported.",
            wrong=wrong,
            **about,
        ),
        field="file",
    )


def _checked(reader: Any) -> Iterator[tuple[int, list[str]]]:
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidInput(
                say("Line {line} is not CSV: a quote is never closed, or stands alone.", line=number), field="file"
            ) from error
        text = "".join(row)
        if text and not text.isspace():
            _check_text(number, text)
            yield number, row


def _check_text(number: int, text: str) -> None:
    # What is not UTF-8 was read as signs that UTF-8 cannot write, because the decoder is some lines ahead of this one.
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            say("Line {line} is not UTF-8; save the file as CSV in UTF-8.", line=number), field="file"
        ) from error
