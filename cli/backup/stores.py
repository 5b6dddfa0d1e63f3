"""What is read of the two stores: every table, in the order of its key, and which schema it is."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cli.backup.archive import Checksum, Columns, Summary, blocks
from cli.backup.columns import Row, kind_of
from cli.failure import CANNOT_START, UNAVAILABLE, Failure
from shared.database import Blob, alembic_config
from shared.schema.accounts import AccountsBase
from shared.schema.election import ElectionBase, Part, SheetPhotograph

_TABLES = {"accounts": AccountsBase.metadata.sorted_tables, "election": ElectionBase.metadata.sorted_tables}
# A payload may have some hundred kilobytes, the details of an entry of the journal some dozen.
_ROWS, _ROWS_WITH_TEXTS, _ROWS_WITH_PAYLOADS = 10_000, 1_000, 16
# Eight megabytes each.
_ROWS_WITH_PHOTOGRAPHS = 4
_VERSION: sa.Select[Any] = sa.select(sa.column("version_num")).select_from(sa.table("alembic_version"))


def tables(store: str) -> list[sa.Table]:
    """The tables of a store, each after those that it refers to."""
    return list(_TABLES[store])


def columns_of(table: sa.Table) -> Columns:
    """The columns of a table as an archive has them."""
    rows = _ROWS
    if any(isinstance(column.type, sa.Text) for column in table.columns):
        rows = _ROWS_WITH_TEXTS
    if any(isinstance(column.type, Blob) for column in table.columns):
        rows = _ROWS_WITH_PAYLOADS
    if table.name == SheetPhotograph.__tablename__:
        rows = _ROWS_WITH_PHOTOGRAPHS
    return Columns(tuple(table.columns.keys()), tuple(map(kind_of, table.columns)), rows)


def read(connection: sa.Connection, table: sa.Table) -> Iterator[Row]:
    """The rows of a table, in the order of its key."""
    # Parts have a shorter key besides, by which they lie in the order in which they were recorded.
    parts = ElectionBase.metadata.tables[Part.__tablename__]
    key = (table.c.partition, table.c.sequence) if table is parts else tuple(table.primary_key.columns)
    # A cursor of the server's: the driver would otherwise fetch everything before it gives the first row.
    found = connection.execute(
        sa.select(table).order_by(*key), execution_options={"yield_per": columns_of(table).rows_a_block}
    )
    return (tuple(row) for row in found)


def checksum(connection: sa.Connection, store: str, table: sa.Table) -> Summary:
    """What a manifest says of a table with these rows."""
    columns = columns_of(table)
    found = Checksum(store, table.name)
    for block, rows in blocks(columns, read(connection, table)):
        found.add(block, rows)
    return found.summary()


def newest_revision(store: str) -> str:
    """The revision of the schema that this program knows."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(alembic_config("", store)).get_current_head())


def revision(connection: sa.Connection, store: str) -> str:
    """The revision of a store's schema; refused unless it is the one that this program knows."""
    if not sa.inspect(connection).has_table("alembic_version"):
        raise Failure(
            f"The {store} store has no tables yet; is it the suite's? Nothing is there to be backed up.",
            status=UNAVAILABLE,
        )
    found = str(connection.scalar(_VERSION))
    newest = newest_revision(store)
    if found != newest:
        raise Failure(
            f"The {store} store has the schema {found}, and this program knows {newest}: use the urna of the version "
            "that runs there, or bring the store up to date first.",
            status=CANNOT_START,
        )
    return found
