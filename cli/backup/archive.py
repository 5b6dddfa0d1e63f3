"""An archive: tables of rows with their checksums, in the sealed stream of ``sealing``.

The plain text is a sequence of pieces: one byte for the sort, the length (4 bytes, little-endian), the content.

* ``J``: a JSON object. The first has ``archive``, with what was backed up and when. ``table`` begins a table, with the
  names and kinds of its columns; ``rows`` and ``sha256`` end it. The last has ``manifest``: every table once more.
* ``R``: rows of the table that has begun, as a block of ``columns`` in a zlib stream.

The SHA-256 of a table is that of its blocks before zlib, one after the other. Rows are in the order of the table's key
and blocks have a fixed number of them, so that the same rows give the same SHA-256 in every database.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cli.backup.columns import Kind, Malformed, Row, decode, encode
from cli.backup.sealing import Damaged, SealedReader, SealingWriter

_PIECE = struct.Struct("<cI")
_JSON, _ROWS = b"J", b"R"
# The lowest level: GUIDs are random, and everything else is shortened by it already.
_LEVEL = 1


@dataclass(frozen=True)
class Columns:
    """The columns of a table, in order, and how many rows of it make a block."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    rows_a_block: int = 10_000


@dataclass(frozen=True)
class Summary:
    """A table of the manifest; ``store`` is ``accounts``, ``election``, ``redis`` or ``files``."""

    store: str
    table: str
    rows: int
    sha256: str


class Checksum:
    """The SHA-256 of a table, block by block, and the number of its rows."""

    def __init__(self, store: str, table: str) -> None:
        self._store, self._table = store, table
        self._rows = 0
        self._sha256 = hashlib.sha256()

    def add(self, block: bytes, rows: int) -> None:
        self._sha256.update(block)
        self._rows += rows

    def summary(self) -> Summary:
        return Summary(self._store, self._table, self._rows, self._sha256.hexdigest())


def blocks(columns: Columns, rows: Iterable[Row]) -> Iterator[tuple[bytes, int]]:
    """The blocks of a table and how many rows each has."""
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == columns.rows_a_block:
            yield encode(columns.kinds, waiting), len(waiting)
            waiting = []
    if waiting:
        yield encode(columns.kinds, waiting), len(waiting)


class ArchiveWriter:
    """Writes an archive; without ``close`` it is none."""

    def __init__(self, sealed: SealingWriter, head: dict[str, Any]) -> None:
        self._sealed = sealed
        self.tables: list[Summary] = []
        self._say({"archive": head})

    def table(self, store: str, name: str, columns: Columns, rows: Iterable[Row]) -> Summary:
        """Write a table; ``rows`` are taken one after the other, and never more than a block is in memory."""
        self._say(
            {"table": {"store": store, "name": name, "columns": list(zip(columns.names, columns.kinds, strict=True))}}
        )
        checksum = Checksum(store, name)
        for block, count in blocks(columns, rows):
            checksum.add(block, count)
            self._put(_ROWS, zlib.compress(block, _LEVEL))
        summary = checksum.summary()
        self._say({"rows": summary.rows, "sha256": summary.sha256})
        self.tables.append(summary)
        return summary

    def close(self, facts: dict[str, Any]) -> None:
        """End the archive with the manifest: the tables, and ``facts``."""
        self._say({"manifest": {**facts, "tables": [asdict(table) for table in self.tables]}})
        self._sealed.close()

    def _say(self, value: dict[str, Any]) -> None:
        self._put(_JSON, json.dumps(value, ensure_ascii=False).encode())

    def _put(self, sort: bytes, content: bytes) -> None:
        self._sealed.write(_PIECE.pack(sort, len(content)))
        self._sealed.write(content)


class ArchivedTable:
    """A table on its way out of an archive. Its checksum is compared when its last block is taken."""

    def __init__(self, reader: "ArchiveReader", store: str, name: str, columns: Columns) -> None:
        self.store, self.name, self.columns = store, name, columns
        self._reader = reader
        self._taken = False

    def blocks(self) -> Iterator[list[Row]]:
        """The rows, block by block; whoever stores them may do so finally only after the end."""
        self._taken = True
        checksum = Checksum(self.store, self.name)
        while True:
            sort, content = self._reader.piece()
            if sort != _ROWS:
                break
            try:
                block = zlib.decompress(content)
                rows = decode(self.columns.kinds, block)
            except (zlib.error, Malformed) as error:
                raise Damaged(f"The table {self.name} of the archive cannot be read: {error}.") from error
            checksum.add(block, len(rows))
            yield rows
        said = self._reader.object_of(sort, content)
        summary = checksum.summary()
        if said != {"rows": summary.rows, "sha256": summary.sha256}:
            raise Damaged(f"The table {self.name} of the archive is not the one that was written into it.")
        self._reader.seen.append(summary)

    def rows(self) -> Iterator[Row]:
        """The rows one by one."""
        for block in self.blocks():
            yield from block

    def skip(self) -> None:
        """Read what nobody has taken, for the checksum."""
        if not self._taken:
            for _ in self.blocks():
                pass


class ArchiveReader:
    """Reads an archive from beginning to end; raises ``Damaged`` for whatever is not as it was written."""

    def __init__(self, sealed: SealedReader) -> None:
        self._sealed = sealed
        self.seen: list[Summary] = []
        self.head: dict[str, Any] = self._say("archive")
        self.manifest: dict[str, Any] = {}

    def tables(self) -> Iterator[ArchivedTable]:
        """Each table; what is not taken of one before the next is skipped. Afterwards the manifest is known to fit."""
        while True:
            said = self.object_of(*self.piece())
            if "manifest" in said:
                break
            table = _table(self, said)
            yield table
            table.skip()
        self._sealed.finish()
        self.manifest = said["manifest"]
        if self.manifest.get("tables") != [asdict(table) for table in self.seen]:
            raise Damaged("The tables of the archive are not those of its manifest.")

    def piece(self) -> tuple[bytes, bytes]:
        """The next piece: its sort and its content."""
        sort, length = _PIECE.unpack(self._sealed.read(_PIECE.size))
        return sort, self._sealed.read(length)

    def object_of(self, sort: bytes, content: bytes) -> dict[str, Any]:
        """The JSON object of a piece."""
        try:
            said = json.loads(content) if sort == _JSON else None
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise Damaged("The archive is damaged: something stands where its table of contents belongs.")
        return said

    def _say(self, name: str) -> dict[str, Any]:
        said = self.object_of(*self.piece()).get(name)
        if not isinstance(said, dict):
            raise Damaged("The archive does not say what it holds.")
        return said


def _table(reader: ArchiveReader, said: dict[str, Any]) -> ArchivedTable:
    try:
        table = said["table"]
        columns: Sequence[tuple[str, str]] = [(str(name), str(kind)) for name, kind in table["columns"]]
        names, kinds = tuple(name for name, _ in columns), tuple(Kind(kind) for _, kind in columns)
        return ArchivedTable(reader, str(table["store"]), str(table["name"]), Columns(names, kinds))
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"The archive has a table that this program does not know: {error}.") from error
