"""What both stores' Alembic environments do: connect, take a lock that only one process can have, and migrate."""

import sqlalchemy as sa
from alembic import context

from shared.database import Database

# Any number will do, as long as nobody else in the same PostgreSQL database uses it.
_POSTGRESQL_LOCK = 8_731_972


def run(metadata: sa.MetaData) -> None:
    """Migrate the database whose URL stands in the configuration's ``url`` attribute towards ``metadata``."""
    database = Database(context.config.attributes["url"], answer_seconds=None)
    try:
        with database.engine.execution_options(writes=True).connect() as connection:
            _lock(connection)
            context.configure(connection=connection, target_metadata=metadata, compare_type=True)
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
    finally:
        database.close()


def _lock(connection: sa.Connection) -> None:
    """Let a second process that wants to migrate wait; the lock ends with the connection, or with the migration."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_lock(_POSTGRESQL_LOCK)))
        connection.commit()
    elif dialect in ("mysql", "mariadb"):
        connection.execute(sa.text("SELECT GET_LOCK('urna_migration', 300)"))
    else:
        # The lock of SQLite is the transaction of a writer, and Alembic does all revisions in one that it finds begun.
        # Between two transactions another process would do the revision that this one has planned to do.
        connection.begin()
        # A table is changed by a new one that takes its name, while views name one that is not there for a moment.
        connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
