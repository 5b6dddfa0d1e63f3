"""The databases that the benchmark runs on: how each is started, asked, and what it says of its own durability."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa

from shared.database import Database, migrate
from tests.servers import DatabaseServer, MariaDB, MySQL, PostgreSQL, Redis, ServerError, SQLite

ENGINES = ("mariadb", "mysql", "postgresql", "sqlite")

Databases = DatabaseServer | SQLite
Ask = Callable[[str], list[tuple[Any, ...]]]

# What the drivers raise when their server has gone.
FAULTS = (pymysql.err.MySQLError, psycopg.Error, sqlite3.Error)

_MIB = 1024 * 1024

# What has to be so in every measured run; nothing may be bought with durability.
_DURABLE = {
    "mysql": {"innodb_flush_log_at_trx_commit": "1", "innodb_doublewrite": "ON"},
    "postgresql": {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
    "sqlite": {"synchronous": "2", "journal_mode": "wal"},
    "redis": {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"},
}
# What else the speed depends on.
_OTHER = {
    "mysql": (
        "innodb_buffer_pool_size",
        "innodb_log_file_size",
        "innodb_redo_log_capacity",
        "innodb_flush_method",
        "log_bin",
    ),
    "postgresql": ("shared_buffers", "max_wal_size", "wal_sync_method", "wal_level"),
    "sqlite": ("page_size", "cache_size", "wal_autocheckpoint"),
    "redis": ("auto-aof-rewrite-percentage", "auto-aof-rewrite-min-size"),
}


def new_server(engine: str) -> Databases:
    """The engine with every commit on the disk and with memory for tens of millions of ballots; not started yet."""
    pool = min(4096, _memory_mib() // 4)
    shared = min(2048, _memory_mib() // 8)
    match engine:
        case "mariadb":
            return MariaDB(durable=True, settings=(f"innodb-buffer-pool-size={pool}M", "innodb-log-file-size=1G"))
        case "mysql":
            return MySQL(durable=True, settings=(f"innodb-buffer-pool-size={pool}M", "innodb-redo-log-capacity=1G"))
        case "postgresql":
            return PostgreSQL(durable=True, settings=(f"shared_buffers={shared}MB", "max_wal_size=4GB"))
        case _:
            return SQLite()


@contextmanager
def new_database(databases: Databases) -> Iterator[str]:
    """The URL of an empty election store, which is removed afterwards unless its server has died."""
    with new_store(databases) as url:
        migrate(url, "election")
        yield url


@contextmanager
def new_store(databases: Databases) -> Iterator[str]:
    """The URL of a database without any table, which is removed afterwards unless its server has died."""
    url = databases.new_database()
    try:
        yield url
    finally:
        if not isinstance(databases, DatabaseServer) or databases.running:
            databases.drop_database(url)


def connect(url: str) -> closing[Any]:
    """A connection of the engine's own driver, each statement a transaction of its own unless one is begun."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        # Made as the daemon's are, since durability belongs to the connection here.
        pooled = Database(url).engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        return closing(connection)
    address: dict[str, Any] = {"host": parsed.host, "port": parsed.port, "user": parsed.username}
    if parsed.get_backend_name() == "postgresql":
        return closing(psycopg.connect(**address, password=parsed.password, dbname=parsed.database, autocommit=True))
    return closing(
        pymysql.connect(
            **address, password=str(parsed.password), database=parsed.database, autocommit=True, local_infile=True
        )
    )


def asking(connection: Any) -> Ask:
    """A function that runs a statement and returns its rows."""

    def ask(statement: str) -> list[tuple[Any, ...]]:
        cursor = connection.cursor()
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        cursor.close()
        return rows

    return ask


def quoted(engine: str, name: str) -> str:
    """A column's name that may be a word of SQL."""
    return f"`{name}`" if engine in ("mariadb", "mysql") else f'"{name}"'


def settings(url: str) -> dict[str, str]:
    """What the server itself says of its durability and its memory; ``ServerError`` unless it is durable."""
    backend = sa.make_url(url).get_backend_name()
    if backend == "sqlite":
        found = _of_sqlite(url)
    else:
        with connect(url) as connection:
            shown: dict[str, Any] = dict(
                asking(connection)(
                    "SHOW VARIABLES"
                    if backend == "mysql"
                    else "SELECT name, setting || coalesce(' × ' || unit, '') FROM pg_settings"
                )
            )
        found = {name: str(shown[name]) for name in (*_DURABLE[backend], *_OTHER[backend]) if name in shown}
    return _refuse_other(backend, found)


def redis_settings(redis: Redis) -> dict[str, str]:
    """What Redis itself says of its durability; ``ServerError`` unless it is durable."""
    with redis.client() as client:
        shown: Any = client.config_get()
        found = {name: str(shown[name]) for name in (*_DURABLE["redis"], *_OTHER["redis"])}
    return _refuse_other("redis", found)


def version(url: str) -> str:
    """The version of the database."""
    function = "sqlite_version()" if sa.make_url(url).get_backend_name() == "sqlite" else "version()"
    with connect(url) as connection:
        return str(asking(connection)(f"SELECT {function}")[0][0]).partition(" (")[0]


def _of_sqlite(url: str) -> dict[str, str]:
    with connect(url) as connection:
        ask = asking(connection)
        return {name: str(ask(f"PRAGMA {name}")[0][0]) for name in (*_DURABLE["sqlite"], *_OTHER["sqlite"])}


def _refuse_other(backend: str, found: dict[str, str]) -> dict[str, str]:
    wrong = [f"{name}={found.get(name)}" for name, value in _DURABLE[backend].items() if found.get(name) != value]
    if wrong:
        raise ServerError(f"{backend} is not durable, so nothing is measured: {', '.join(wrong)}")
    return found


def _memory_mib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
