"""Rows into an empty store, in the fastest way that needs no special right: many rows in each statement, or COPY.

The values are written into the text here, each by the kind of its column, because a place for each of a million values
would cost more than the insertion. Numbers are numbers, bytes are hexadecimal, and texts are quoted by the driver.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from cli.backup.archive import Columns
from cli.backup.columns import Kind, Row, canonical_json
from cli.backup.stores import columns_of
from shared.database import Guid

# Every server takes a statement of this length, and a larger one makes nothing faster. Characters.
_STATEMENT = 512 * 1024

Writer = Callable[[Any], str]


def load(connection: sa.Connection, table: sa.Table, columns: Columns, rows: Sequence[Row]) -> None:
    """Insert rows; raises ``DBAPIError``."""
    names = [table.c[name] for name in columns.names]
    _WAYS[connection.dialect.name](connection, table, names, rows)


def empty(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    """Remove what the programs that prepare a store have put into it."""
    for table in reversed(tables):
        connection.execute(sa.delete(table))


def number_on(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    """Let the numbers that PostgreSQL gives out go on after the greatest of each table; the others do so themselves."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        quoted = connection.dialect.identifier_preparer.format_table(table)
        sequence = sa.func.pg_get_serial_sequence(quoted, column.name)
        greatest = connection.scalar(sa.select(sa.func.max(column)))
        connection.execute(sa.select(sa.func.setval(sequence, greatest or 1, greatest is not None)))


def _sqlite(connection: sa.Connection, table: sa.Table, names: Sequence[sa.Column[Any]], rows: Sequence[Row]) -> None:
    keys = [column.key for column in names]
    connection.execute(sa.insert(table), [dict(zip(keys, row, strict=True)) for row in rows])


def _mysql(connection: sa.Connection, table: sa.Table, names: Sequence[sa.Column[Any]], rows: Sequence[Row]) -> None:
    prepare = connection.dialect.identifier_preparer
    driver: Any = connection.connection.driver_connection
    writers = _mysql_writers(table, names, driver.escape)
    into = f"INSERT INTO {prepare.format_table(table)} ({','.join(map(prepare.format_column, names))}) VALUES "  # noqa: S608 -- names of ours.
    for values in _statements(writers, rows, "(", ",", ")"):
        with _driver_errors(connection, into), driver.cursor() as cursor:
            cursor.execute(into + ",".join(values))


def _postgresql(
    connection: sa.Connection, table: sa.Table, names: Sequence[sa.Column[Any]], rows: Sequence[Row]
) -> None:
    prepare = connection.dialect.identifier_preparer
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {prepare.format_table(table)} ({','.join(map(prepare.format_column, names))}) FROM STDIN"
    writers = _postgresql_writers(table, names)
    with _driver_errors(connection, statement), driver.cursor() as cursor, cursor.copy(statement) as copy:
        for lines in _statements(writers, rows, "", "\t", "\n"):
            copy.write("".join(lines))


_WAYS: dict[str, Callable[[sa.Connection, sa.Table, Sequence[sa.Column[Any]], Sequence[Row]], None]] = {
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
    "postgresql": _postgresql,
}


def _statements(
    writers: Sequence[Writer], rows: Sequence[Row], begin: str, between: str, end: str
) -> Iterator[list[str]]:
    """The rows as text, as many at a time as go into one statement."""
    waiting: list[str] = []
    length = 0
    for row in rows:
        text = begin + between.join([write(value) for write, value in zip(writers, row, strict=True)]) + end
        if waiting and length + len(text) > _STATEMENT:
            yield waiting
            waiting, length = [], 0
        waiting.append(text)
        length += len(text)
    if waiting:
        yield waiting


def _mysql_writers(table: sa.Table, names: Sequence[sa.Column[Any]], quote: Writer) -> list[Writer]:
    written: dict[Kind, Writer] = {
        Kind.INTEGER: str,
        Kind.FLOAT: repr,
        Kind.BOOLEAN: lambda value: "1" if value else "0",
        Kind.MOMENT: lambda value: f"'{_moment(value)}'",
        Kind.DATE: lambda value: f"'{value}'",
        Kind.TEXT: quote,
        Kind.BYTES: lambda value: f"x'{value.hex()}'",
        Kind.JSON: lambda value: quote(canonical_json(value)),
    }
    return [_or_null(written[kind], "NULL") for kind in _kinds(table, names)]


def _postgresql_writers(table: sa.Table, names: Sequence[sa.Column[Any]]) -> list[Writer]:
    written: dict[Kind, Writer] = {
        Kind.INTEGER: str,
        Kind.FLOAT: repr,
        Kind.BOOLEAN: lambda value: "t" if value else "f",
        Kind.MOMENT: _moment,
        Kind.DATE: str,
        Kind.TEXT: _copied,
        Kind.BYTES: lambda value: f"\\\\x{value.hex()}",
        Kind.JSON: lambda value: _copied(canonical_json(value)),
    }
    return [
        _or_null((lambda value: str(value.hex())) if isinstance(column.type, Guid) else written[kind], "\\N")
        for column, kind in zip(names, _kinds(table, names), strict=True)
    ]


def _kinds(table: sa.Table, names: Sequence[sa.Column[Any]]) -> list[Kind]:
    columns = columns_of(table)
    kinds = dict(zip(columns.names, columns.kinds, strict=True))
    return [kinds[column.key] for column in names]


def _or_null(write: Writer, null: str) -> Writer:
    return lambda value: null if value is None else write(value)


def _moment(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")


_COPIED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copied(text: str) -> str:
    """A text as COPY reads it."""
    return text.translate(_COPIED)


@contextmanager
def _driver_errors(connection: sa.Connection, statement: str) -> Iterator[None]:
    """SQLAlchemy does not see what is sent past it; the callers know its errors only."""
    error_type = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except error_type as error:
        raise DBAPIError.instance(statement, None, error, error_type, dialect=connection.dialect) from error
