"""Ballots in bulk: the fastest way in that each database has.

Every way takes the ballots sorted by GUID, because neighbours in the table's tree then lie next to each other in the
statement as well; the sort costs us less than the half of what it saves the database. It is stable, so that of several
ballots with one GUID the first received comes first, and is the one that stays.

The statements are text, because a parameter for each value would cost more than the insertion; every value in them
is a number or hexadecimal digits made here.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import add, itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.schema.election import Ballot

GUID_BYTES = 16
_GREATEST = 2**63 - 1
# Long enough for the cost of a statement to vanish; short enough for every server's limit on packets, and for a
# duplicate to cast doubt on few others.
_ROWS_A_STATEMENT = 10_000
# The optimizers like short lists.
_GUIDS_A_QUERY = 1_000

# MySQL and MariaDB refuse LOAD DATA LOCAL with these where the server does not allow it.
_LOADING_DISABLED = {1148, 3948, 4166}
# Where a connection keeps that.
_LOADING = "load data local"
# A row of fixed width: the GUID as it is, and two numbers as wide as LOAD DATA expects a BIGINT.
_FIXED_NUMBERS = b"%20d%20d"
_LOAD = (
    "LOAD DATA LOCAL INFILE '/proc/self/fd/{file}' IGNORE INTO TABLE ballots CHARACTER SET binary "
    "FIELDS TERMINATED BY '' ENCLOSED BY '' ESCAPED BY '' LINES TERMINATED BY '' "
    "(guid, poll_number, source) SET election_id = {election_id}"
)
_COPY = "COPY ballots (election_id, guid, poll_number, source) FROM STDIN (FORMAT BINARY)"
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_END = struct.pack(">h", -1)
# Each value has its length before it: four columns, of 4, 16, 8 and 8 bytes.
_COPY_ROW = struct.Struct(">hiii")
_COPY_NUMBERS = struct.Struct(">iqiq")

# Where the GUID stands in a row, written as bytes and as a tuple.
_guid: Callable[[bytes], bytes] = itemgetter(slice(GUID_BYTES))
_first: Callable[[tuple[bytes, int, int]], bytes] = itemgetter(0)

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class NewBallots:
    """The ballots of one part, 16 bytes of GUID and a poll number each, and the part's place in its partition."""

    source: int
    guids: bytes
    poll_numbers: Sequence[int]


@dataclass
class Doubtful:
    """The GUIDs of all statements that inserted fewer rows than they had, and how many ballots they left out.

    Nearly always there are none. A GUID that was brought several times stands there as often.
    """

    guids: list[bytes] = field(default_factory=list)
    left_out: int = 0

    def note(self, guids: Iterable[bytes], rows: int, inserted: int) -> None:
        """Take in what came of a statement with so many rows."""
        if inserted != rows:
            self.guids += guids
            self.left_out += rows - inserted


def load(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> Doubtful:
    """Insert the ballots whose GUID the election does not have yet; of several with one GUID, the first.

    Raises SQLAlchemy's ``DBAPIError``, and OverflowError for a poll number that no column of ours holds.
    """
    # Not every way would refuse it: where duplicates are passed over, MySQL stores its greatest number instead.
    if any(max(part.poll_numbers, default=0) > _GREATEST for part in parts):
        raise OverflowError(f"A poll number is greater than {_GREATEST}.")
    return _WAYS[connection.dialect.name](connection, election_id, parts)


def insert_numbers(
    connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[int, ...]]
) -> None:
    """Insert rows that are whole numbers only, of which none may be there yet."""
    # One of the names is a word of the language in MySQL.
    names = ",".join(map(connection.dialect.identifier_preparer.quote, columns))
    into = f"INSERT INTO {table} ({names}) VALUES "  # noqa: S608
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        chunk = rows[start : start + _ROWS_A_STATEMENT]
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"{into}({','.join('?' * len(columns))})", list(chunk))
        else:
            # A tuple of numbers is written in SQL as it is in Python.
            connection.exec_driver_sql(into + ",".join(map(repr, chunk)))


def sources(
    connection: sa.Connection, election_id: int, guids: Sequence[bytes], besides: range = range(0)
) -> dict[bytes, int]:
    """The source of the stored ballots with these GUIDs, without those whose source is ``besides``."""
    found: dict[bytes, int] = {}
    for start in range(0, len(guids), _GUIDS_A_QUERY):
        written = ",".join([f"{guid.hex()}" for guid in guids[start : start + _GUIDS_A_QUERY]])
        if connection.dialect.name == "postgresql":
            among = f"= ANY('{{{written}}}'::uuid[])"
        else:
            among = "IN (x'" + written.replace(",", "',x'") + "')"
        rows = connection.execute(
            sa.text(
                f"SELECT guid, source FROM ballots WHERE election_id = {election_id} AND guid {among} "  # noqa: S608
                f"AND source NOT BETWEEN {besides.start} AND {besides.stop - 1}"
            ).columns(Ballot.guid, Ballot.source)
        )
        found.update((guid, source) for guid, source in rows)
    return found


def split(guids: bytes) -> list[bytes]:
    """The GUIDs of a part one by one."""
    return [guids[start : start + GUID_BYTES] for start in range(0, len(guids), GUID_BYTES)]


def _mysql(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> Doubtful:
    if connection.info.get(_LOADING, True):
        try:
            return _load_data(connection, election_id, parts)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[0] not in _LOADING_DISABLED:
                raise
            # Only the trial tells. The first statement of all was refused, so nothing is inserted yet.
            connection.info[_LOADING] = False
            log.warning("the database does not allow LOAD DATA LOCAL (local_infile); inserting in a slower way")
    return _insert_text(connection, election_id, parts)


def _load_data(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> Doubtful:
    doubtful = Doubtful()
    for rows in _chunks(_sorted_rows(parts, _FIXED_NUMBERS.__mod__), _guid):
        # The client reads a file that the server asks for by its path; this one is in memory only, and has one.
        file = os.memfd_create("ballots")
        try:
            with open(file, "wb", closefd=False) as content:
                content.write(b"".join(rows))
            inserted = connection.exec_driver_sql(_LOAD.format(file=file, election_id=election_id)).rowcount
        finally:
            os.close(file)
        doubtful.note(map(_guid, rows), len(rows), inserted)
    return doubtful


def _insert_text(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> Doubtful:
    doubtful = Doubtful()
    for rows in _chunks(_sorted_tuples(parts), _first):
        values = ",".join([f"({election_id},x'{guid.hex()}',{number},{source})" for guid, number, source in rows])
        statement = f"INSERT IGNORE INTO ballots (election_id, guid, poll_number, source) VALUES {values}"  # noqa: S608
        doubtful.note(map(_first, rows), len(rows), connection.exec_driver_sql(statement).rowcount)
    return doubtful


def _postgresql(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> Doubtful:
    # What stands before the GUID is the same in every row, so it joins them.
    before = _COPY_ROW.pack(4, 4, election_id, GUID_BYTES)
    doubtful = Doubtful()
    written = _sorted_rows(parts, lambda numbers: _COPY_NUMBERS.pack(8, numbers[0], 8, numbers[1]))
    for rows in _chunks(written, _guid):
        connection.exec_driver_sql("SAVEPOINT chunk")
        try:
            _copy(connection, b"".join((_COPY_HEAD, before, before.join(rows), _COPY_END)))
        except IntegrityError:
            # COPY takes all or nothing; the few chunks with a duplicate go a slower way.
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT chunk")
            doubtful.note(map(_guid, rows), len(rows), _insert_arrays(connection, election_id, rows))
        connection.exec_driver_sql("RELEASE SAVEPOINT chunk")
    return doubtful


def _copy(connection: sa.Connection, content: bytes) -> None:
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(content)
    except connection.dialect.loaded_dbapi.Error as error:
        # SQLAlchemy does not see what is sent past it; the callers know its errors only.
        raise DBAPIError.instance(
            _COPY, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
        ) from error


def _insert_arrays(connection: sa.Connection, election_id: int, rows: Sequence[bytes]) -> int:
    numbers = [_COPY_NUMBERS.unpack(row[GUID_BYTES:]) for row in rows]
    statement = (
        "INSERT INTO ballots (election_id, guid, poll_number, source) "
        "SELECT %s, new.guid, new.poll_number, new.source "
        "FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS new (guid, poll_number, source) "
        "ON CONFLICT DO NOTHING"
    )
    columns = ([_guid(row).hex() for row in rows], [row[1] for row in numbers], [row[3] for row in numbers])
    arrays = ["{" + ",".join(map(str, column)) + "}" for column in columns]
    return connection.exec_driver_sql(statement, (election_id, *arrays)).rowcount


def _sqlite(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> Doubtful:
    statement = (
        "INSERT OR IGNORE INTO ballots (election_id, guid, poll_number, source) "  # noqa: S608
        f"VALUES ({election_id:d}, ?, ?, ?)"
    )
    doubtful = Doubtful()
    for rows in _chunks(_sorted_tuples(parts), _first):
        doubtful.note(map(_first, rows), len(rows), connection.exec_driver_sql(statement, rows).rowcount)
    return doubtful


_WAYS: dict[str, Callable[[sa.Connection, int, Sequence[NewBallots]], Doubtful]] = {
    "mysql": _mysql,
    "mariadb": _mysql,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}


def _sorted_rows(parts: Sequence[NewBallots], numbers: Callable[[tuple[int, int]], bytes]) -> list[bytes]:
    """The ballots as bytes, GUID first, then what ``numbers`` makes of poll number and source."""
    rows: list[bytes] = []
    for part in parts:
        # A part names few poll numbers many times, so each is written once.
        written = {number: numbers((number, part.source)) for number in set(part.poll_numbers)}
        rows += map(add, split(part.guids), map(written.__getitem__, part.poll_numbers))
    rows.sort(key=_guid)
    return rows


def _sorted_tuples(parts: Sequence[NewBallots]) -> list[tuple[bytes, int, int]]:
    rows = [
        (guid, number, part.source)
        for part in parts
        for guid, number in zip(split(part.guids), part.poll_numbers, strict=True)
    ]
    rows.sort(key=_first)
    return rows


def _chunks(rows: list[T], guid: Callable[[T], bytes]) -> Iterator[list[T]]:
    """The rows of one statement after the other; those with the same GUID are never parted."""
    start = 0
    while start < len(rows):
        end = min(start + _ROWS_A_STATEMENT, len(rows))
        while end < len(rows) and guid(rows[end]) == guid(rows[end - 1]):
            end += 1
        yield rows[start:end]
        start = end
