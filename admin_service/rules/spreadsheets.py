"""Tables as CSV files for a spreadsheet. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> str:
    """A file with these columns; a text that a spreadsheet would compute is made one that it shows.

    None is an empty cell. The file begins with a byte-order mark, without which spreadsheets take UTF-8 for the
    alphabet of the machine.
    """
    made = io.StringIO(newline="")
    made.write("\N{BYTE ORDER MARK}")
    writer = csv.writer(made)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return made.getvalue()


def _cell(value: str | int | None) -> str | int | None:
    # A number is a number, also a negative one.
    if isinstance(value, str) and value.lstrip(" \n").startswith(_BEGINS_A_FORMULA):
        return f"'{value}"
    return value
