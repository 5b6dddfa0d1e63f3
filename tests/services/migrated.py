"""A prepared store for each test, copied from one that was prepared: to do it anew takes longer than most tests."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from shared.database import Database, migrate

_Statements = Sequence[tuple[str, Sequence[Any]]]
# The bytes of a file, the name of a database to be copied, or statements with their values.
_Template = bytes | str | _Statements
_Prepare = Callable[[str], None]
# By engine, server and name.
_templates: dict[tuple[object, ...], _Template] = {}
_TAKEN: dict[str, Callable[[str, str, _Prepare], _Template]] = {
    "sqlite": lambda url, _name, _prepare: _file(url),
    "postgresql": lambda url, name, prepare: _database(url, name, prepare),
    "mysql": lambda url, _name, _prepare: _statements(url),
}


def have_tables(url: str, store: str) -> None:
    """Do what ``migrate`` does. An empty database gets the tables, indexes and rows of one that was migrated before."""
    have_prepared(url, f"migrated_{store}", partial(migrate, store=store))


def have_prepared(url: str, name: str, prepare: _Prepare) -> None:
    """Call ``prepare`` on a database. An empty one gets what it made of an empty one before, under the same name."""
    parsed = sa.make_url(url)
    engine = parsed.get_backend_name()
    key = (engine, parsed.host, parsed.port, name)
    if not _is_empty(url):
        prepare(url)
    elif (template := _templates.get(key)) is None:
        prepare(url)
        _templates[key] = _TAKEN[engine](url, name, prepare)
    elif isinstance(template, bytes):
        Path(parsed.database or "").write_bytes(template)
    elif isinstance(template, str):
        own = parsed.database
        try:
            _tell_postgresql(parsed, f"DROP DATABASE {own}", f"CREATE DATABASE {own} TEMPLATE {template}")
        except sa.exc.OperationalError as error:
            # Somebody is in it already, as the service is that waits for its tables.
            if not isinstance(error.orig, psycopg.errors.ObjectInUse):
                raise
            prepare(url)
    else:
        with closing(Database(url)) as database, database.engine.begin() as connection:
            for statement, values in template:
                connection.exec_driver_sql(statement, tuple(values) or None)


def _is_empty(url: str) -> bool:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return not Path(parsed.database or "").exists()
    with closing(Database(url)) as database:
        return not sa.inspect(database.engine).get_table_names()


def _file(url: str) -> bytes:
    path = sa.make_url(url).database or ""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(path).read_bytes()


def _database(url: str, name: str, prepare: _Prepare) -> str:
    # One of its own, because nobody may be in what is copied.
    parsed = sa.make_url(url)
    _tell_postgresql(parsed, f"CREATE DATABASE {name} TEMPLATE template0")
    prepare(parsed.set(database=name).render_as_string(hide_password=False))
    return name


def _tell_postgresql(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _statements(url: str) -> _Statements:
    found: list[tuple[str, Sequence[Any]]] = [("SET SESSION foreign_key_checks = 0", ())]
    with closing(Database(url)) as database, database.engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            (made,) = (row[1] for row in connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`"))
            found.append((made, ()))
            for row in connection.exec_driver_sql(f"SELECT * FROM `{name}`"):
                places = ", ".join(["%s"] * len(row))
                found.append((f"INSERT INTO `{name}` VALUES ({places})", tuple(row)))
        for name in sa.inspect(connection).get_view_names():
            found += [(row[1], ()) for row in connection.exec_driver_sql(f"SHOW CREATE VIEW `{name}`")]
    return [*found, ("SET SESSION foreign_key_checks = 1", ())]
