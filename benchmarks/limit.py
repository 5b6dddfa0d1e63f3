"""The limit: the same ballots by the database's own bulk load, into a table with the same columns and keys.

One connection, transactions of the same size as the daemon's, every commit on the disk. Nothing that keeps each ballot
once and says what became of it can be faster than this.
"""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from shared.database import Database

_TABLE = "ballots_limit"
_COLUMNS = "election_id, guid, poll_number, source"

Row = tuple[bytes, int]


def ballots_a_second(database: Database, rows: Sequence[Row], transaction: int) -> float:
    """Load ``rows`` (16 bytes of GUID, a poll number) in transactions of that many ballots."""
    loaders = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql}
    _make_table(database)
    began = time.perf_counter()
    for start in range(0, len(rows), transaction):
        with database.writing() as session:
            loaders[database.dialect](session.connection(), rows[start : start + transaction])
    seconds = time.perf_counter() - began
    with database.reading() as session:
        loaded = session.scalar(sa.text(f"SELECT count(*) FROM {_TABLE}"))  # noqa: S608 -- a constant.
    if loaded != len(rows):
        raise RuntimeError(f"The bulk load has left {loaded} rows of {len(rows)}.")
    return len(rows) / seconds


def _make_table(database: Database) -> None:
    """The same columns and the same key in the same order, by the engine's own copy of the definition."""
    statements = {
        "sqlite": f"CREATE TABLE {_TABLE} (election_id INTEGER NOT NULL, guid BLOB NOT NULL, "
        "poll_number BIGINT NOT NULL, source BIGINT NOT NULL, PRIMARY KEY (election_id, guid)) WITHOUT ROWID",
        "postgresql": f"CREATE TABLE {_TABLE} (LIKE ballots INCLUDING ALL)",
    }
    with database.writing() as session:
        session.execute(sa.text(statements.get(database.dialect, f"CREATE TABLE {_TABLE} LIKE ballots")))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    for guid, number in rows:
        yield f"1\t{guid.hex()}\t{number}\t1\n"


def _sqlite(connection: sa.Connection, rows: Sequence[Row]) -> None:
    cursor = connection.connection.cursor()
    cursor.executemany(
        f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES (1, ?, ?, 1)",  # noqa: S608 -- constants.
        rows,
    )
    cursor.close()


def _postgresql(connection: sa.Connection, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor().copy(f"COPY {_TABLE} ({_COLUMNS}) FROM STDIN") as copy:
        copy.write("".join(_lines(rows)))


def _mysql(connection: sa.Connection, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    # The client reads the file that the server asks for; a memory file has a path as well.
    number = os.memfd_create("ballots")
    try:
        with open(number, "wb", closefd=False) as file:
            file.write("".join(_lines(rows)).encode())
        driver.cursor().execute(
            f"LOAD DATA LOCAL INFILE '/proc/self/fd/{number}' INTO TABLE {_TABLE} "
            "(election_id, @guid, poll_number, source) SET guid = UNHEX(@guid)"
        )
    finally:
        os.close(number)
