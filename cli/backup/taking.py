"""Making an archive while everything runs: first what waits in Redis, then each store as it is at one moment.

A part that has left Redis before we looked had been committed to the store, which is seen later. A part that is in
both is harmless: its repetition finds its own row. So everything that was accepted before the first look is in the
archive, and everything that was accepted later is in it whole or not at all (``second_look``).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import sqlalchemy as sa

from cli.backup import files, queue, sheets, stores
from cli.backup.archive import ArchiveWriter, Summary
from cli.backup.columns import Row
from cli.backup.places import Places
from cli.backup.queue import KEYS, Look
from cli.backup.sealing import SealingWriter
from cli.backup.second_look import SecondLook, received_since
from cli.durable import keep_names
from cli.failure import UNAVAILABLE, Failure
from cli.still import URLS, still
from shared.queue.connection import connect
from shared.version import VERSION

# Said of a table and how many of its rows are done.
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Done:
    """What was made of an archive; ``sha256`` and ``size`` (bytes) are those of the file."""

    id: str
    sha256: str
    size: int
    tables: list[Summary]
    facts: dict[str, Any]


def take(
    places: Places,
    target: Path,
    passphrase: str,
    folders: Sequence[tuple[str, Path]],
    progress: Progress,
) -> Done:
    """Back up into the new file ``target``, which appears when it is whole and on the disk, and not before."""
    with _new_file(target) as file, ExitStack() as held:
        backup = Backup(places, SealingWriter(file, passphrase), progress, held)
        backup.first_look()
        backup.hold()
        backup.complete()
        backup.write_stores()
        return backup.finish(folders)


class Backup:
    """The steps of a backup, which are to be taken in the order in which they stand here."""

    def __init__(self, places: Places, sealed: SealingWriter, progress: Progress, held: ExitStack) -> None:
        """``held`` closes what the steps open."""
        self._places = places
        self._sealed = sealed
        self._progress = progress
        self._held = held
        try:
            self._redis = connect(places.redis)
        except ValueError as error:
            raise Failure(f"REDIS_URL is not the URL of a Redis: {error}.") from None
        held.callback(self._redis.close)
        self._id = uuid4().hex
        self._began = datetime.now(UTC)
        self._batches: set[str] = set()
        self._connections: dict[str, sa.Connection] = {}
        self._revisions: dict[str, str] = {}
        engines = {}
        for store in URLS:
            with still(places.url(store), store) as connection:
                self._revisions[store] = stores.revision(connection, store)
                engines[store] = connection.dialect.name
        self._archive = ArchiveWriter(
            sealed,
            {
                "id": self._id,
                "urna": VERSION,
                "began_at": self._began.isoformat(),
                "revisions": self._revisions,
                "engines": engines,
            },
        )

    def first_look(self) -> None:
        """What waits in Redis. Everything that was accepted before this will be in the archive."""
        self._seen = queue.look(self._redis)
        self._table("redis", "first_look", KEYS, queue.first_rows(self._redis, self._seen, self._batches))
        waiting = sheets.line(self._redis)
        self._table("redis", "photographs", sheets.PHOTOGRAPHS, sheets.photograph_rows(self._redis, waiting))
        self._table("redis", "sheets", KEYS, sheets.rows(self._redis, waiting))

    def hold(self) -> None:
        """Fix the moment at which each store is seen."""
        for store in ("election", "accounts"):
            connection = self._held.enter_context(still(self._places.url(store), store))
            if stores.revision(connection, store) != self._revisions[store]:
                raise Failure(f"The schema of the {store} store is being changed; try again.", status=UNAVAILABLE)
            self._connections[store] = connection

    def complete(self) -> None:
        """What was accepted between the two steps before and is known to the store in part."""
        second = SecondLook(self._redis, self._places.election, self._seen)
        uploads = received_since(self._connections["election"], self._seen)
        self._table("redis", "second_look", KEYS, second.rows(uploads, self._batches))
        self._lost = second.lost
        self._table("redis", "remembered", KEYS, self._remembered())
        self._now = queue.look(self._redis)
        if self._now.partitions != self._seen.partitions:
            raise Failure("The number of partitions is being changed; try again.", status=UNAVAILABLE)

    def _remembered(self) -> Iterator[Row]:
        yield from queue.remembered_rows(self._redis, self._batches)
        yield from queue.own_rows(self._redis, self._batches)

    def write_stores(self) -> None:
        """Every table of both stores."""
        for store, connection in self._connections.items():
            for table in stores.tables(store):
                try:
                    self._table(store, table.name, stores.columns_of(table), stores.read(connection, table))
                except (TypeError, ValueError, OverflowError, AttributeError) as error:
                    # SQLite stores a word where a number belongs, if somebody writes one.
                    raise Failure(
                        f"The table {table.name} of the {store} store holds a value that no service writes: {error}."
                    ) from error

    def finish(self, folders: Sequence[tuple[str, Path]]) -> Done:
        """The configuration and the manifest."""
        self._table("files", "files", files.FILES, _all_files(folders))
        facts = {
            "ended_at": datetime.now(UTC).isoformat(),
            "redis": {
                "partitions": self._seen.partitions,
                "remembered": self._seen.remembered,
                "clock": max(self._seen.clock, self._now.clock),
                "latest": max(self._seen.latest, self._now.latest),
            },
            "waiting_parts": _waiting(self._seen),
            "lost_parts": self._lost,
        }
        self._archive.close(facts)
        return Done(
            self._id, self._sealed.sha256.hexdigest(), self._sealed.size, self._archive.tables, self._facts(facts)
        )

    def _facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {"began_at": self._began.isoformat(), **facts}

    def _table(self, store: str, name: str, columns: Any, rows: Iterable[Row]) -> None:
        self._archive.table(store, name, columns, self._told(f"{store} {name}", rows))

    def _told(self, name: str, rows: Iterable[Row]) -> Iterator[Row]:
        number = 0
        for row in rows:
            if number % 1000 == 0:
                self._progress(name, number)
            number += 1
            yield row
        self._progress(name, number)


def _all_files(folders: Sequence[tuple[str, Path]]) -> Iterator[Row]:
    for group, folder in folders:
        yield from files.rows(group, folder)


def _waiting(seen: Look) -> int:
    return sum(map(len, seen.queues.values()))


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended and it is on the disk; refused when the name is taken."""
    refusal = Failure(f"{target} is there already and stays as it is; choose another name.")
    if target.exists():
        raise refusal
    scratch = target.with_name(f".{target.name}.{uuid4().hex[:8]}.partial")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure(f"{scratch} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(scratch, target, refusal)
        keep_names(target.absolute().parent)
    except OSError as error:
        raise Failure(f"{target} cannot be written: {error.strerror}.", status=UNAVAILABLE) from None
    finally:
        with suppress(FileNotFoundError):
            scratch.unlink()


def _name(scratch: Path, target: Path, refusal: Failure) -> None:
    try:
        # A second name, because a new one would replace what has come under it meanwhile.
        os.link(scratch, target)
    except FileExistsError:
        raise refusal from None
    except OSError:
        # This file system has no second names.
        if target.exists():
            raise refusal from None
        scratch.rename(target)
