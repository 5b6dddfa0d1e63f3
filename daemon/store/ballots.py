"""Ballots in bulk: the fastest way in that each database has, and the answer to who came first.

The statements are text, because a parameter for each value would cost more than the insertion; every value in them
is a number or hexadecimal digits made here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Ballot

T = TypeVar("T")

GUID_BYTES = 16
# Long enough for the statement's cost to vanish, short enough for every server's limit on packets.
_ROWS_A_STATEMENT = 10_000
# SQLite takes 32,766 parameters a statement, PostgreSQL 65,535; MySQL's optimizer likes short lists.
_GUIDS_A_QUERY = 1_000


@dataclass(frozen=True)
class NewBallots:
    """The ballots of one part, 16 bytes of GUID and a poll number each, and the part's place in its partition."""

    source: int
    guids: bytes
    poll_numbers: Sequence[int]


def insert(session: Session, election_id: int, parts: Sequence[NewBallots]) -> int:
    """Insert the ballots whose GUID the election does not have yet, in order; return how many that were.

    Of several with one GUID among ``parts``, the first is inserted.
    """
    connection = session.connection()
    dialect = connection.dialect.name
    if dialect == "sqlite":
        return _insert_sqlite(connection, election_id, parts)
    if dialect == "postgresql":
        return _insert_postgresql(connection, election_id, parts)
    return _insert_mysql(connection, election_id, parts)


def split(guids: bytes) -> list[bytes]:
    """The GUIDs of a part one by one."""
    return [guids[start : start + GUID_BYTES] for start in range(0, len(guids), GUID_BYTES)]


def sources(session: Session, election_id: int, guids: Sequence[bytes]) -> dict[bytes, int]:
    """The part that each of these GUIDs came in first."""
    found: dict[bytes, int] = {}
    for start in range(0, len(guids), _GUIDS_A_QUERY):
        chunk = guids[start : start + _GUIDS_A_QUERY]
        rows = session.execute(
            sa.select(Ballot.guid, Ballot.source).where(Ballot.election_id == election_id, Ballot.guid.in_(chunk))
        )
        found.update((guid, source) for guid, source in rows)
    return found


def _insert_sqlite(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> int:
    cursor = connection.connection.cursor()
    try:
        before = connection.connection.driver_connection.total_changes  # type: ignore[union-attr]  # sqlite3 has it.
        for part in parts:
            cursor.executemany(
                "INSERT OR IGNORE INTO ballots (election_id, guid, poll_number, source) VALUES (?, ?, ?, ?)",
                [
                    (election_id, guid, number, part.source)
                    for guid, number in zip(split(part.guids), part.poll_numbers, strict=True)
                ],
            )
        after = connection.connection.driver_connection.total_changes  # type: ignore[union-attr]  # sqlite3 has it.
        return int(after - before)
    finally:
        cursor.close()


def _insert_mysql(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> int:
    inserted = 0
    for rows in _chunks(f"({election_id},x'{guid}',{number},{source})" for guid, number, source in _hexadecimal(parts)):
        statement = f"INSERT IGNORE INTO ballots (election_id, guid, poll_number, source) VALUES {','.join(rows)}"  # noqa: S608
        inserted += connection.exec_driver_sql(statement).rowcount
    return inserted


def _insert_postgresql(connection: sa.Connection, election_id: int, parts: Sequence[NewBallots]) -> int:
    statement = (
        "INSERT INTO ballots (election_id, guid, poll_number, source) "
        "SELECT %s, new.guid, new.poll_number, new.source "
        "FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS new (guid, poll_number, source) "
        "ON CONFLICT DO NOTHING"
    )
    inserted = 0
    for rows in _chunks(_hexadecimal(parts)):
        arrays = ["{" + ",".join(map(str, column)) + "}" for column in zip(*rows, strict=True)]
        inserted += connection.exec_driver_sql(statement, (election_id, *arrays)).rowcount
    return inserted


def _hexadecimal(parts: Sequence[NewBallots]) -> Iterator[tuple[str, int, int]]:
    for part in parts:
        digits = part.guids.hex()
        for index, number in enumerate(part.poll_numbers):
            yield digits[index * 32 : index * 32 + 32], number, part.source


def _chunks(rows: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(rows, _ROWS_A_STATEMENT)):
        yield chunk
