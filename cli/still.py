"""A store held still: a transaction that sees one moment, whatever is written meanwhile, and writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cli.failure import CANNOT_START, UNAVAILABLE, USAGE, Failure
from shared.database import Database, is_transient

# Which setting names each store.
URLS = {"accounts": "ACCOUNTS_DATABASE_URL", "election": "ELECTION_DATABASE_URL"}


@contextmanager
def still(url: str, store: str) -> Iterator[sa.Connection]:
    """A connection to ``store`` whose transaction sees the moment of its first query; every fault is a ``Failure``."""
    database = opened(url, store)
    sa.event.listen(database.engine, "connect", lambda connection, _: _hold_still(database.engine.dialect, connection))
    try:
        with database.engine.connect() as connection:
            try:
                yield connection
            except BaseException:
                # Rows of a cursor may be on their way still, for which nothing but its end can follow.
                connection.invalidate()
                raise
    except sa.exc.DBAPIError as error:
        status = UNAVAILABLE if is_transient(error) else CANNOT_START
        raise Failure(
            f"The {store} store cannot be read: {error.orig}. Is the database there, and is it the suite's?",
            status=status,
        ) from None
    finally:
        database.close()


def opened(url: str, store: str) -> Database:
    """A store for one connection, without a limit for an answer; a SQLite file that is not there is not made."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            raise Failure(f"There is no file {parsed.database}, so no {store} store either.", status=UNAVAILABLE)
        return Database(url, pool_size=1, answer_seconds=None)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise Failure(f"{URLS[store]} is not the URL of a database: {error}.", status=USAGE) from None


def _hold_still(dialect: sa.Dialect, connection: Any) -> None:
    """Let the transactions of this connection see one moment, that of their first query, and write nothing."""
    if dialect.name == "sqlite":
        connection.execute("PRAGMA query_only = ON")
        return
    dialect.set_isolation_level(connection, "REPEATABLE READ")
    if dialect.name == "postgresql":
        connection.read_only = True
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
