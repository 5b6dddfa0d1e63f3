"""Whether a store holds anything that a restore would destroy.

What the programs leave behind that prepare a store, and a daemon that has counted nothing, is no obstacle: the schema,
the first jurisdiction, the first administrator, the empty partitions, and what the journal tells of these.
"""

from typing import Any

import sqlalchemy as sa

from cli.backup import stores
from cli.failure import CANNOT_START, Failure
from shared.database import Database
from shared.journal import events
from shared.schema.accounts import Journal as AccountsJournal
from shared.schema.election import Journal, Jurisdiction, Partition

# The journal's word for a restore; its subject is ``archive`` and the id.
RESTORED = "store.restored"

_REGISTERED = "account.registered"
_PREPARED = {
    "accounts": sa.or_(
        AccountsJournal.action == "schema.migrated",
        sa.and_(AccountsJournal.action == _REGISTERED, AccountsJournal.actor == events.PREPARE),
    ),
    "election": Journal.action.in_(["schema.migrated", "partitions.changed"]),
}
_LEFT_BEHIND: dict[str, dict[str, sa.ColumnElement[bool]]] = {
    "accounts": {"journal": _PREPARED["accounts"], "journal_head": sa.true()},
    "election": {
        "journal": _PREPARED["election"],
        "journal_head": sa.true(),
        "jurisdictions": Jurisdiction.id == 1,
        "partitions": Partition.sequence == 0,
    },
}


def is_restored(database: Database, store: str, archive_id: str) -> bool:
    """Whether this archive was restored into the store; refused when it holds anything else."""
    with database.engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        found = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table("alembic_version")))
        newest = stores.newest_revision(store)
        if found != newest:
            raise Failure(
                f"The {store} store has the schema {found}, and this program knows {newest}; restore into an empty "
                "database.",
                status=CANNOT_START,
            )
        journal = _journal(store)
        subjects = connection.scalars(sa.select(journal.c.subject).where(journal.c.action == RESTORED))
        if f"archive {archive_id}" in set(subjects):
            return True
        refuse_full(connection, store)
    return False


def refuse_full(connection: sa.Connection, store: str) -> None:
    """Raise ``Failure`` if the store holds what somebody may want to keep."""
    for table in stores.tables(store):
        if store == "accounts" and table.name in ("users", "user_roles"):
            continue
        kept = sa.select(sa.func.count()).select_from(table)
        left_behind = _LEFT_BEHIND[store].get(table.name)
        if left_behind is not None:
            kept = kept.where(sa.not_(left_behind))
        _refuse_if(connection.scalar(kept), store, table.name)
    if store == "accounts":
        journal, users = _journal(store), next(table for table in stores.tables(store) if table.name == "users")
        registered = sa.select(sa.func.count()).select_from(journal).where(journal.c.action == _REGISTERED)
        # Whoever is there besides the first administrator was registered before there was a journal.
        number = connection.scalar(sa.select(sa.func.count()).select_from(users)) or 0
        _refuse_if(number - (connection.scalar(registered) or 0), store, "users")


def _refuse_if(rows: int | None, store: str, table: str) -> None:
    if rows and rows > 0:
        raise Failure(
            f"The {store} store is not empty (its table {table} has {rows} rows that somebody may need); restore into "
            "an empty database."
        )


def _journal(store: str) -> Any:
    return next(table for table in stores.tables(store) if table.name == "journal")
