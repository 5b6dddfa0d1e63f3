"""An archive into an empty deployment: checked whole before anything is stored, then each store in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cli.backup import emptiness, files, loading, refilling, stores
from cli.backup.archive import ArchivedTable, ArchiveReader, Summary
from cli.backup.places import Places
from cli.backup.sealing import Damaged, SealedReader
from cli.failure import CANNOT_START, UNAVAILABLE, Failure
from cli.still import URLS
from shared.database import Database, is_transient, migrate
from shared.journal import events
from shared.journal.store import append
from shared.queue.connection import connect
from shared.schema.election import Partition

# Said of what is being done and how many bytes of the archive are read.
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Checked:
    """What an archive that is whole says of itself; ``sha256`` and ``size`` (bytes) are those of the file."""

    head: dict[str, Any]
    manifest: dict[str, Any]
    tables: list[Summary]
    sha256: str
    size: int

    @property
    def id(self) -> str:
        return str(self.head["id"])


@dataclass(frozen=True)
class Restored:
    """What was restored: which stores now, and how many parts wait to be counted."""

    stores: list[str]
    waiting_parts: int


def check(path: Path, passphrase: str, progress: Progress) -> Checked:
    """Read an archive from beginning to end; raises ``Damaged`` unless everything is as it was written."""
    with _opened(path) as file:
        sealed = SealedReader(file, passphrase)
        reader = ArchiveReader(sealed)
        for table in reader.tables():
            for _ in table.blocks():
                progress("Checking the archive", sealed.size)
        return Checked(reader.head, reader.manifest, reader.seen, sealed.sha256.hexdigest(), sealed.size)


def archived_files(path: Path, passphrase: str, progress: Progress) -> dict[str, list[tuple[str, int, bytes]]]:
    """The files of the configuration in an archive, by group."""
    found: dict[str, list[tuple[str, int, bytes]]] = {}
    with _opened(path) as file:
        sealed = SealedReader(file, passphrase)
        for table in ArchiveReader(sealed).tables():
            progress("Reading the configuration", sealed.size)
            if table.store == "files":
                for group, name, mode, content in table.rows():
                    found.setdefault(group, []).append((name, mode, content))
    return found


def put_files(path: Path, passphrase: str, targets: dict[str, Path], progress: Progress) -> dict[str, int]:
    """Write the groups of files that are asked for into their directories; how many each had."""
    found = archived_files(path, passphrase, progress)
    for folder in targets.values():
        files.refuse_full(folder)
    for group, folder in targets.items():
        if group not in found:
            raise Failure(f"The archive holds no {group}, so nothing can be written to {folder}.")
    return {group: files.put(folder, found[group]) for group, folder in targets.items()}


def restore(places: Places, path: Path, passphrase: str, checked: Checked, progress: Progress) -> Restored:
    """Restore an archive that was checked. Done again after it was interrupted, it goes on with what is missing."""
    _refuse_other_schema(checked)
    try:
        redis = connect(places.redis)
    except ValueError as error:
        raise Failure(f"REDIS_URL is not the URL of a Redis: {error}.") from None
    with closing(redis), _stores(places) as databases:
        to_do = []
        for store, database in databases.items():
            with _storing(store):
                if not emptiness.is_restored(database, store, checked.id):
                    to_do.append(store)
        if not to_do and not refilling.is_interrupted(redis, checked.id):
            raise Failure("This archive was restored here already; nothing was done.")
        refilling.refuse_full(redis, checked.id)
        refilling.claim(redis, checked.id)
        for store in to_do:
            with _storing(store):
                migrate(places.url(store), store)
        refill = refilling.Refill(redis, checked.id)
        with _opened(path) as file:
            sealed = SealedReader(file, passphrase)
            reader = ArchiveReader(sealed)
            if reader.head != checked.head:
                raise Damaged("The archive was changed while it was being restored; begin again.")
            for name, tables in groupby(reader.tables(), key=lambda table: table.store):
                told = _told(tables, sealed, name, progress)
                if name == "redis":
                    for table in told:
                        for block in table.blocks():
                            refill.put(block)
                elif name in to_do:
                    with _storing(name):
                        _store(databases[name], name, told, checked)
                else:
                    for table in told:
                        table.skip()
        facts = checked.manifest["redis"]
        with _storing("election"):
            watermark = _watermark(databases["election"])
        waiting = refill.finish(facts, watermark)
    return Restored(to_do, waiting)


def _store(database: Database, store: str, archived: Iterable[ArchivedTable], checked: Checked) -> None:
    """One store, all or nothing: it is compared with the manifest before it is committed."""
    tables = {table.name: table for table in stores.tables(store)}
    engine = database.engine.execution_options(writes=True)
    with engine.connect() as connection, connection.begin():
        emptiness.refuse_full(connection, store)
        loading.empty(connection, list(tables.values()))
        for one in archived:
            if one.name not in tables or set(one.columns.names) != set(tables[one.name].columns.keys()):
                raise Failure(f"The archive has a table {one.name} that is not the one of this program.")
            for block in one.blocks():
                loading.load(connection, tables[one.name], one.columns, block)
        loading.number_on(connection, list(tables.values()))
        expected = [summary for summary in checked.tables if summary.store == store]
        for summary in expected:
            found = stores.checksum(connection, store, tables[summary.table])
            if found != summary:
                raise Failure(
                    f"The table {summary.table} of the {store} store is not as it is in the archive ({found.rows} rows "
                    f"where {summary.rows} belong, or another content); nothing of this store was kept."
                )
        with Session(connection, join_transaction_mode="rollback_only") as session:
            details = {
                "backed_up_at": checked.head["began_at"],
                "sha256": checked.sha256,
                "tables": {summary.table: summary.rows for summary in expected},
            }
            event = events.event(emptiness.RESTORED, f"archive {checked.id}", details, actor=events.OPERATOR)
            append(session, [event])


def _told(
    tables: Iterable[ArchivedTable], sealed: SealedReader, name: str, progress: Progress
) -> Iterator[ArchivedTable]:
    for table in tables:
        progress(f"Restoring {name} {table.name}", sealed.size)
        yield table


def _watermark(database: Database) -> datetime | None:
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.max(Partition.watermark)))


def _refuse_other_schema(checked: Checked) -> None:
    for store in URLS:
        theirs, ours = checked.head["revisions"].get(store), stores.newest_revision(store)
        if theirs != ours:
            raise Failure(
                f"The archive has the schema {theirs} of the {store} store, and this program knows {ours}. Restore it "
                f"with urna {checked.head['urna']}, which made it, and bring the restored stores up to date afterwards "
                "by starting the new version.",
                status=CANNOT_START,
            )


@contextmanager
def _stores(places: Places) -> Iterator[dict[str, Database]]:
    databases: dict[str, Database] = {}
    try:
        for store, setting in URLS.items():
            try:
                databases[store] = Database(places.url(store), pool_size=1, answer_seconds=None)
            except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
                raise Failure(f"{setting} is not the URL of a database: {error}.") from None
        yield databases
    finally:
        for database in databases.values():
            database.close()


@contextmanager
def _storing(store: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise Failure(
            f"The {store} store could not be restored, and nothing of it was kept: {error.orig}",
            status=UNAVAILABLE if is_transient(error) else CANNOT_START,
        ) from None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.", status=UNAVAILABLE) from None
