"""A file that says which polling stations officials belong to: what its lines say, and what each would change. Pure.

A line joins one account with one station; an official of several has several lines. Together they say all stations of
each official whom the file names; whoever is not named in it stays as he is.
"""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from authentication_service.rules import MOST_STATIONS, LoginName, is_jmbg, is_name, login_name
from shared.csv_lines import Change, Lines, Problem, opened, read, refuse_missing, wrong_width
from shared.errors import InvalidInput
from shared.sentences import listed, say

MOST_LINES: Final = 20_000
"""Of one file; each says something of the officials alone whom it names, so a larger one comes in several."""

NEEDED: Final = ("account", "station_id")
OF_A_NEW_ONE: Final = ("forename", "surname", "national_id")
COLUMNS: Final = (*NEEDED, *OF_A_NEW_ONE)

_LARGEST_NUMBER = 2**31 - 1
_MOST_DIGITS = 10
# So many characters of what is wrong are repeated.
_TOLD = 80

Name = tuple[LoginName, str]


class Person(NamedTuple):
    """Who an official without an account is; all three are empty where a line does not say it."""

    forename: str = ""
    surname: str = ""
    national_id: str = ""


@dataclass(frozen=True)
class OfficialLine:
    """A line that is right in itself: the name that the account logs in with, as it is written and as it is stored."""

    line: int
    account: str
    name: Name
    station: int
    person: Person = field(repr=False)


@dataclass(frozen=True)
class Known:
    """An account that a line names."""

    user_id: int
    is_official: bool
    stations: frozenset[int]


@dataclass(frozen=True)
class Planned:
    """What becomes of an official: made (with ``user_id`` None), given and taken stations, or left as he is."""

    line: int
    account: str
    user_id: int | None
    change: Change
    stations: Sequence[int]
    granted: Sequence[int]
    taken: Sequence[int]
    person: Person = field(repr=False)


def read_officials(content: bytes) -> Lines[OfficialLine]:
    """Read a file, each line for itself.

    Raises InvalidInput (field ``file``) when the file as a whole cannot be read; what is wrong with single lines is in
    the answer, all of it at once.
    """
    header, rows = read(opened(io.BytesIO(content)))
    refuse_missing(header, [name for name in NEEDED if name not in header])
    lines: list[OfficialLine] = []
    problems: list[Problem] = []
    for number, row in rows:
        if number > MOST_LINES:
            words = say("The file has more than {most:,} lines; cut it into several.", most=MOST_LINES)
            raise InvalidInput(words, field="file")
        found = wrong_width(number, header, row) or _read_line(number, header, row)
        if isinstance(found, OfficialLine):
            lines.append(found)
        else:
            problems += found
    return Lines(lines, problems, [name for name in header if name not in COLUMNS])


def plan(
    file: Lines[OfficialLine], known: Mapping[Name, Known], taken: Collection[str], *, may_make: bool
) -> tuple[list[Planned], Lines[OfficialLine]]:
    """What becomes of each official, in the order of the file, and the file with what is wrong beside the accounts.

    ``known`` are the accounts by the names in the file, ``taken`` those national ids in it that an account has.
    ``may_make``: whether somebody without an account gets one.
    """
    problems: list[Problem] = []
    of_accounts: dict[Name | int, list[OfficialLine]] = {}
    national_ids: dict[str, int] = {}
    for line in file.lines:
        account = known.get(line.name)
        # The same account may be named by its address in one line and by its username in another.
        lines = of_accounts.setdefault(account.user_id if account else line.name, [])
        if account is None:
            wrong = _of_a_new_one(line, lines, taken, national_ids, may_make=may_make)
        else:
            wrong = None if account.is_official else _no_official(line)
        wrong = wrong or _of_a_station(line, lines)
        if wrong is not None:
            problems.append(wrong)
            continue
        if account is None and not lines:
            national_ids[line.person.national_id] = line.line
        lines.append(line)
    planned = [_planned(lines, known.get(lines[0].name)) for lines in of_accounts.values() if lines]
    problems = sorted([*file.problems, *problems], key=lambda problem: problem.line)
    return planned, replace(file, problems=problems)


def _read_line(number: int, header: Sequence[str], row: Sequence[str]) -> OfficialLine | list[Problem]:
    said = dict(zip(header, map(str.strip, row), strict=True))
    problems: list[Problem] = []
    account, station = said["account"], said["station_id"]
    name = login_name(account)
    if name is None:
        words = say("This is no email address, username or phone number: '{text}'.", text=account[:_TOLD])
        problems.append(Problem(number, "account", words))
    is_number = station.isascii() and station.isdigit() and len(station) <= _MOST_DIGITS
    if not is_number or not 1 <= int(station) <= _LARGEST_NUMBER:
        words = say(
            "A polling station is named by its number, a whole number from 1; this is '{text}'.", text=station[:_TOLD]
        )
        problems.append(Problem(number, "station_id", words))
    person = Person(*(said.get(column, "") for column in OF_A_NEW_ONE))
    for column, text in zip(OF_A_NEW_ONE[:2], person[:2], strict=True):
        if text and not is_name(text):
            words = say("A name has 1 to 256 characters and no control characters.")
            problems.append(Problem(number, column, words))
    if person.national_id and not is_jmbg(person.national_id):
        words = say("This is no national id (JMBG): 13 digits, of which the last is a control digit.")
        problems.append(Problem(number, "national_id", words))
    if problems or name is None:
        return problems
    return OfficialLine(number, account, name, int(station), person)


def _no_official(line: OfficialLine) -> Problem:
    words = say(
        "The account '{account}' is no official's, so it belongs to no polling station. Grant it the role first.",
        account=line.account,
    )
    return Problem(line.line, "account", words)


def _of_a_new_one(
    line: OfficialLine,
    lines: Sequence[OfficialLine],
    taken: Collection[str],
    national_ids: Mapping[str, int],
    *,
    may_make: bool,
) -> Problem | None:
    """What is wrong with a line of which nobody has the account; ``lines`` are the ones of it before."""
    person = line.person
    if not may_make:
        words = say(
            "There is no account '{account}', and none can be made, because this installation sends no mail. Let the "
            "official register first.",
            account=line.account,
        )
        return Problem(line.line, "account", words)
    if line.name[0] is not LoginName.EMAIL:
        words = say(
            "There is no account '{account}'. Name the email address of somebody who is to get one.",
            account=line.account,
        )
        return Problem(line.line, "account", words)
    if lines:
        if person in (Person(), lines[0].person):
            return None
        words = say("Line {line} says another name or national id for the same account.", line=lines[0].line)
        return Problem(line.line, "account", words)
    if missing := [column for column, text in zip(OF_A_NEW_ONE, person, strict=True) if not text]:
        words = say(
            "There is no account '{account}'. To make it, the line has to say {missing}, too.",
            account=line.account,
            missing=listed(missing),
        )
        return Problem(line.line, "account", words)
    if person.national_id in taken:
        words = say("Another account has this national id. Name the official by what that account signs in with.")
        return Problem(line.line, "national_id", words)
    if first := national_ids.get(person.national_id):
        words = say("The national id of this line stands in line {line} already.", line=first)
        return Problem(line.line, "national_id", words)
    return None


def _of_a_station(line: OfficialLine, lines: Sequence[OfficialLine]) -> Problem | None:
    for before in lines:
        if before.station == line.station:
            words = say("This official and this polling station stand in line {line} already.", line=before.line)
            return Problem(line.line, "station_id", words)
    if len(lines) >= MOST_STATIONS:
        words = say("An official belongs to at most {most} polling stations.", most=MOST_STATIONS)
        return Problem(line.line, "station_id", words)
    return None


def _planned(lines: Sequence[OfficialLine], known: Known | None) -> Planned:
    first, stations = lines[0], {line.station for line in lines}
    had = known.stations if known else frozenset()
    change = Change.NEW if known is None else Change.SAME if had == stations else Change.CHANGED
    return Planned(
        first.line,
        first.account,
        known.user_id if known else None,
        change,
        sorted(stations),
        sorted(stations - had),
        sorted(had - stations),
        first.person,
    )
