"""Citizens as the benchmarks invent them, always the same, and the file of whoever keeps the register."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from authentication_service.rules import jmbg_control_digit

_A_DAY = 300
_FORENAMES = ("Вера", "Милан", "Љиљана", "Ђорђе", "Ana", "Џенана", "Јован", "Željko")
_SURNAMES = ("Петровић", "Јовановић", "Nikolić", "Ђурић", "Стојановић", "Kovács", "Жикић")


@dataclass(frozen=True)
class Person:
    """A citizen, with the address of his account and the id of the session that it has where none is opened by hand."""

    national_id: str
    forename: str
    surname: str
    born_on: date
    email: str
    session_id: str


def person(number: int) -> Person:
    """The citizen of this number, from 0; some hundred are born on each day from 1930 on."""
    day, place = divmod(number, _A_DAY)
    born_on = date(1930, 1, 1) + timedelta(days=day)
    twelve = f"{born_on:%d%m}{born_on.year % 1000:03d}{71 + place // 100}{place % 1000:03d}"
    return Person(
        f"{twelve}{jmbg_control_digit(twelve)}",
        _FORENAMES[number % 8],
        f"{_SURNAMES[number % 7]} {number % 1009}",
        born_on,
        f"voter{number}@example.org",
        str(uuid5(NAMESPACE_URL, f"urna:session/{number}")),
    )


def write_file(path: Path, rows: int) -> None:
    """A register of so many citizens."""
    with path.open("w", encoding="utf-8") as file:
        file.write("national_id,forename,surname,born_on,birthplace,address,region,federal_unit\n")
        for number in range(rows):
            one = person(number)
            file.write(
                f"{one.national_id},{one.forename},{one.surname},{one.born_on},Ниш,"
                f"Булевар краља Александра {number % 500},Нишавски,Србија\n"
            )
