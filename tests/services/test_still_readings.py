"""Readings that see one moment, on engines where a plain one sees what was committed last."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.database import Database

SERVERS = pytest.mark.parametrize("engine", ["mariadb", "mysql", "postgresql"])


@pytest.fixture
def database(election_database_url: str) -> Iterator[Database]:
    """A store with one table of one row, reached by one connection, which each reading has to use again."""
    with closing(Database(election_database_url, pool_size=1)) as made:
        with made.writing() as session:
            session.execute(sa.text("CREATE TABLE seen (number INTEGER)"))
            add(session)
        yield made


@pytest.fixture
def other(election_database_url: str) -> Iterator[Database]:
    """The same store for somebody else."""
    with closing(Database(election_database_url)) as made:
        yield made


def add(session: Session) -> None:
    session.execute(sa.text("INSERT INTO seen VALUES (1)"))


def count(session: Session) -> int:
    return int(session.scalar(sa.text("SELECT COUNT(*) FROM seen")) or 0)


@SERVERS
def test_a_still_reading_sees_one_moment_and_the_next_one_on_its_connection_what_was_committed_last(
    database: Database, other: Database
) -> None:
    for still in (True, False, True):
        with database.reading(still=still) as session:
            before = count(session)
            with other.writing() as writing:
                add(writing)
            assert count(session) == before + (not still)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_who_loses_the_connection_while_giving_it_back_has_read_all_and_reads_again(
    database: Database, other: Database
) -> None:
    def end(identifier: int) -> None:
        with other.reading() as session:
            session.execute(sa.text(f"KILL {identifier}"))

    with database.reading(still=True) as session:
        identifier = session.scalar(sa.text("SELECT CONNECTION_ID()"))
        assert identifier
        given_back: Any = session.connection().connection
        # What is last in this list is called first, after the rollback; before it stands what SQLAlchemy sets back.
        given_back._connection_record.finalize_callback.append(lambda _: end(identifier))
        assert count(session) == 1
    with database.reading(still=True) as session:
        assert session.scalar(sa.text("SELECT CONNECTION_ID()")) != identifier
        assert count(session) == 1
