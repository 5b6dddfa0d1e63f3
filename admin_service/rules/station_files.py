"""A file of polling stations: what its lines say, and what each would change. Pure; the file comes as its bytes.

CSV with a header, separated by commas, semicolons or tabs, in UTF-8. The columns may stand in any order, and those that
this module does not know are left aside and told. Of a station that is known already, a column that the file does not
have stays as it is. Lines are numbered as an editor shows them, the header is line 1.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from admin_service.rules.geography import (
    LONGEST,
    MOST_REGISTERED,
    WHOLE_COUNTRY,
    check_coordinates,
    check_status,
    identity,
)
from shared.csv_lines import Change, Lines, Problem, opened, read, refuse_missing, wrong_width
from shared.errors import InvalidInput
from shared.place_names import tidy
from shared.sentences import say
from shared.terms import StationStatus

MOST_LINES = 200_000
"""More than any country has; the limit keeps one request from filling the memory."""

COLUMNS = (
    "region",
    "constituency",
    "municipality",
    "centre",
    "address",
    "latitude",
    "longitude",
    "station",
    "station_number",
    "registered",
    "contact",
    "status",
    "reason",
    "note",
)
OF_A_CENTRE = ("region", "constituency", "municipality", "centre", "address", "latitude", "longitude")
OF_A_STATION = ("registered", "contact", "status", "reason", "note")


@dataclass(frozen=True)
class StationLine:
    """A line that is right in itself: the station's code, and the values of those columns that the file has."""

    line: int
    code: str
    values: Mapping[str, Any]

    @property
    def key(self) -> str:
        return identity(self.code)

    @property
    def centre_key(self) -> str:
        return identity(self.values["municipality"], self.values["centre"])


@dataclass(frozen=True)
class Planned:
    """What becomes of a line, and the columns in which it differs from what is known."""

    line: StationLine
    change: Change
    columns: Sequence[str] = field(default=())


def read_stations(content: bytes) -> Lines[StationLine]:
    """Read a file of stations, each line for itself.

    Raises InvalidInput (field ``file``) when the file as a whole cannot be read; what is wrong with single lines is in
    the answer, all of it at once.
    """
    header, rows = read(opened(io.BytesIO(content)))
    _check_header(header)
    ignored = [name for name in header if name not in COLUMNS]
    lines: list[StationLine] = []
    problems: list[Problem] = []
    for number, row in rows:
        if number > MOST_LINES:
            raise InvalidInput(
                say("The file has more than {most:,} lines; cut it into several.", most=MOST_LINES), field="file"
            )
        found = _read_line(number, header, row)
        if isinstance(found, StationLine):
            lines.append(found)
        else:
            problems += found
    return Lines(lines, problems, ignored)


def settle(file: Lines[StationLine], known: Mapping[str, Mapping[str, Any]]) -> Lines[StationLine]:
    """The file with each line in its centre, and without those that contradict a line before them.

    ``known`` has the columns of each station that exists, by its key. Where a line names no centre, such a station
    stays where it is, and a new one goes to the centre of its address, else of its municipality.
    """
    right, contradictions = _apart([_in_its_centre(line, known.get(line.key)) for line in file.lines])
    problems = sorted([*file.problems, *contradictions], key=lambda problem: problem.line)
    return replace(file, lines=right, problems=problems)


def plan(lines: Sequence[StationLine], known: Mapping[str, Mapping[str, Any]]) -> list[Planned]:
    """What each line changes; ``known`` has the columns of each station that exists, by its key."""
    planned = []
    for line in lines:
        before = known.get(line.key)
        if before is None:
            planned.append(Planned(line, Change.NEW))
            continue
        columns = [name for name, value in line.values.items() if before[name] != value]
        planned.append(Planned(line, Change.CHANGED if columns else Change.SAME, columns))
    return planned


def _check_header(header: Sequence[str]) -> None:
    missing: list[str] = [name for name in ("municipality", "registered") if name not in header]
    if "station" not in header and "station_number" not in header:
        missing.append(say("station or station_number"))
    if "region" in header and "constituency" not in header:
        missing.append("constituency")
    refuse_missing(header, missing)


def _read_line(number: int, header: Sequence[str], row: Sequence[str]) -> StationLine | list[Problem]:
    if wide := wrong_width(number, header, row):
        return wide
    said = {name: tidy(value) for name, value in zip(header, row, strict=True) if name in COLUMNS}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in said.items():
        try:
            values[name] = _READ.get(name, _read_text)(name, value)
        except InvalidInput as error:
            problems.append(Problem(number, name, error.message))
    if problems:
        return problems
    code = values.pop("station", "")
    place_in_municipality = values.pop("station_number", "")
    try:
        code = code or f"{values['municipality']} {_required('station_number', place_in_municipality)}"
        _check_length("code", code)
        _complete(values)
    except InvalidInput as error:
        return [Problem(number, error.field or "line", error.message)]
    return StationLine(number, code, values)


def _complete(values: dict[str, Any]) -> None:
    """Give a line what it does not say but means, and check what holds for several of its values together."""
    if "latitude" in values or "longitude" in values:
        check_coordinates(values.setdefault("latitude", None), values.setdefault("longitude", None))
    if "status" in values:
        values["status"] = values["status"] or StationStatus.ACTIVE.value
        check_status(values["status"], values.setdefault("reason", ""), values.setdefault("note", ""))
    elif values.get("reason") or values.get("note"):
        raise InvalidInput("A reason needs the column status, with 'disabled' in it.", field="status")
    for name in ("region", "constituency"):
        if values.get(name) == "":
            values[name] = WHOLE_COUNTRY


def _in_its_centre(line: StationLine, before: Mapping[str, Any] | None) -> StationLine:
    if line.values.get("centre"):
        return line
    centre = before["centre"] if before else line.values.get("address") or line.values["municipality"]
    return replace(line, values={**line.values, "centre": centre})


def _apart(lines: Sequence[StationLine]) -> tuple[list[StationLine], list[Problem]]:
    """The lines that contradict none before them, and what the others do.

    What one line leaves empty of a place another one may say. Of two ways to write the same name the first is kept, or
    each import of the file would change it twice.
    """
    stations: dict[str, int] = {}
    said: dict[tuple[str, str], tuple[int, Any]] = {}
    right: list[StationLine] = []
    problems: list[Problem] = []
    for line in lines:
        first = stations.setdefault(line.key, line.line)
        if first != line.line:
            words = say("The station {code} stands in line {line} already.", code=line.code, line=first)
            problems.append(Problem(line.line, "station", words))
            continue
        for name, place in _places(line):
            value = line.values[name]
            before, known = said.setdefault((place, name), (line.line, value)) if not _is_silent(value) else (0, value)
            if not _same(value, known):
                words = say(
                    "Line {line} says '{known}' for the same polling centre or constituency.",
                    line=before,
                    known=str(known),
                )
                problems.append(Problem(line.line, name, words))
                break
        else:
            right.append(line)
    return [_completed(line, said) for line in right], problems


def _places(line: StationLine) -> list[tuple[str, str]]:
    """Each column of the line that does not speak of the station alone, and the key of the place that it speaks of."""
    owners = [(name, line.centre_key) for name in OF_A_CENTRE if name in line.values]
    if "region" in line.values:
        owners.append(("region", identity(line.values["constituency"])))
    return owners


def _completed(line: StationLine, said: Mapping[tuple[str, str], tuple[int, Any]]) -> StationLine:
    known = {name: said[place, name][1] for name, place in _places(line) if (place, name) in said}
    return replace(line, values={**line.values, **known})


def _is_silent(value: Any) -> bool:
    return value is None or value == ""


def _same(one: Any, other: Any) -> bool:
    """Whether two values of a column mean the same."""
    return one == other or (isinstance(one, str) and isinstance(other, str) and identity(one) == identity(other))


def _required(name: str, value: str) -> str:
    if not value:
        raise InvalidInput("This value is needed, and the line has none.", field=name)
    return value


def _check_length(name: str, value: str) -> str:
    if len(value) > LONGEST[name]:
        raise InvalidInput(
            say("At most {most} characters; these are {characters}.", most=LONGEST[name], characters=len(value)),
            field=name,
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise InvalidInput("This value has a control character in it.", field=name)
    return value


def _read_text(name: str, value: str) -> str:
    return _check_length({"station": "code", "station_number": "code"}.get(name, name), value)


def _read_municipality(name: str, value: str) -> str:
    return _read_text(name, _required(name, value))


def _read_registered(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InvalidInput(
            say("Registered voters are a whole number from 0; this is '{text}'.", text=value[:40]), field=name
        )
    if int(value) > MOST_REGISTERED:
        raise InvalidInput(
            say("At most {most:,} voters are registered at a station.", most=MOST_REGISTERED), field=name
        )
    return int(value)


def _read_degrees(name: str, value: str) -> float | None:
    if not value:
        return None
    try:
        # What is no number in JSON is none here: float() would read 'nan' and '1_0' as well.
        if not set(value) <= set("+-.,0123456789"):
            raise ValueError(value)
        return float(value.replace(",", "."))
    except ValueError as error:
        raise InvalidInput(
            say("A {name} is a number of degrees such as 44.81; this is '{text}'.", name=name, text=value[:40]),
            field=name,
        ) from error


def _read_code_word(name: str, value: str) -> str:
    return _check_length("code", value.lower())


_READ: Mapping[str, Callable[[str, str], Any]] = {
    "municipality": _read_municipality,
    "registered": _read_registered,
    "latitude": _read_degrees,
    "longitude": _read_degrees,
    "status": _read_code_word,
    "reason": _read_code_word,
}
