"""New citizens into the register, in the fastest way that needs no special right: many rows in each statement, or COPY.

A place for each of a million values would cost more than their insertion, so the servers get them as text. Keys and
sealed ids are hexadecimal, and what could end a text is quoted by the driver.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_COLUMNS = (
    *("jmbg_key", "jmbg_sealed", "forename", "surname", "birthplace", "address", "region", "federal_unit"),
    *("name_key", "born_on", "status", "imported_at", "version"),
)
_NAMES = ",".join(_COLUMNS)
_INSERT = f"INSERT INTO citizens ({_NAMES}) VALUES "  # noqa: S608 -- names of ours.
_COPY = f"COPY citizens ({_NAMES}) FROM STDIN"
_FIRST_VERSION = 1
# Some half a million characters a statement, which every server takes.
_ROWS_A_STATEMENT = 1000

_MYSQL_SPECIAL = re.compile(r"[\0\n\r\x1a\"'\\]")
_COPY_SPECIAL = re.compile(r"[\\\t\n\r]")
_COPIED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class NewCitizen(NamedTuple):
    """A citizen to be added. ``texts``: forename, surname, birthplace, address, region, federal unit, the folded name.

    The national id comes as its key of 32 bytes and sealed.
    """

    key: bytes
    sealed: bytes
    texts: tuple[str, ...]
    born_on: date
    status: str


def insert(connection: sa.Connection, rows: Sequence[NewCitizen], now: datetime) -> None:
    """Add citizens who come into the register at ``now``; raises SQLAlchemy's ``DBAPIError``, without their values."""
    moment = now.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    _WAYS[connection.dialect.name](connection, rows, moment)


def _sqlite(connection: sa.Connection, rows: Sequence[NewCitizen], moment: str) -> None:
    places = f"({'?,' * (len(_COLUMNS) - 2)}'{moment}',{_FIRST_VERSION})"
    values = [(row.key, row.sealed, *row.texts, row.born_on.isoformat(), row.status) for row in rows]
    connection.exec_driver_sql(_INSERT + places, values)


def _mysql(connection: sa.Connection, rows: Sequence[NewCitizen], moment: str) -> None:
    driver: Any = connection.connection.driver_connection
    end = f"','{moment}',{_FIRST_VERSION})"
    values = []
    for key, sealed, texts, born_on, status in rows:
        if _MYSQL_SPECIAL.search("".join(texts)):
            quoted = ",".join([driver.escape(text) for text in texts])
        else:
            quoted = "'" + "','".join(texts) + "'"
        values.append(f"(x'{key.hex()}',x'{sealed.hex()}',{quoted},'{born_on}','{status}{end}")
    with _driver_errors(connection, _INSERT), driver.cursor() as cursor:
        for start in range(0, len(values), _ROWS_A_STATEMENT):
            cursor.execute(_INSERT + ",".join(values[start : start + _ROWS_A_STATEMENT]))


def _postgresql(connection: sa.Connection, rows: Sequence[NewCitizen], moment: str) -> None:
    driver: Any = connection.connection.driver_connection
    end = f"\t{moment}\t{_FIRST_VERSION}\n"
    lines = []
    for key, sealed, texts, born_on, status in rows:
        copied = texts
        if _COPY_SPECIAL.search("".join(texts)):
            copied = tuple(text.translate(_COPIED) for text in texts)
        written = "\t".join(copied)
        lines.append(f"\\\\x{key.hex()}\t\\\\x{sealed.hex()}\t{written}\t{born_on}\t{status}{end}")
    with _driver_errors(connection, _COPY), driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write("".join(lines))


_WAYS: dict[str, Callable[[sa.Connection, Sequence[NewCitizen], str], None]] = {
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
    "postgresql": _postgresql,
}


@contextmanager
def _driver_errors(connection: sa.Connection, statement: str) -> Iterator[None]:
    """SQLAlchemy does not see what is sent past it; the callers know its errors only."""
    error_type = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except error_type as error:
        raise DBAPIError.instance(statement, None, error, error_type, dialect=connection.dialect) from error
