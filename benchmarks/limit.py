"""The limit: the same ballots by the database's own bulk load, into a table with the same columns and keys.

One connection, transactions of the same size as the daemon's, every commit on the disk, everything prepared before the
clock runs. Of several forms of the bulk load the fastest is taken, once with the ballots as they were received, which
is the limit, and once with those of each transaction in the order of the key. The daemon sorts them as well, and pays
for it itself; so the second shows what is left of the first by that alone.
"""

import os
import re
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import engines
from benchmarks.ballots import Ballots, Source
from benchmarks.engines import Databases
from benchmarks.processes import processor_seconds
from tests.servers import DatabaseServer, ServerError

_TABLE = "ballots_limit"
# Any part of a partition; it is as long as that of a real one.
_SOURCE = (1 << 40) + 1

Row = tuple[bytes, int]


@dataclass(frozen=True)
class Form:
    """A way to load: ``prepare`` makes what the clock need not see, ``load`` is one transaction with it."""

    name: str
    prepare: Callable[[Sequence[Row]], Any]
    load: Callable[[Any, Any], None]
    sorts: bool


@dataclass(frozen=True)
class Loaded:
    """What a load took: ``seconds`` by the clock, ``processor`` of the database and its one client together."""

    ballots: int
    seconds: float
    processor: float


class Limit:
    """The bulk load of one engine, in its fastest form."""

    def __init__(self, engine: str, databases: Databases, transaction: int) -> None:
        self._engine = engine
        self._databases = databases
        self._transaction = transaction
        # By whether it sorts; the first ones until they are tried.
        self._fastest = {form.sorts: form for form in reversed(_forms(engine))}

    def form(self, *, sort: bool = False) -> str:
        """The name of the form that is used."""
        return self._fastest[sort].name

    def choose(self, ballots: int) -> dict[str, float]:
        """Try every form with so many ballots, and use the fastest from then on; ballots a second by form."""
        tried = {}
        forms = _forms(self._engine)
        # Whatever a server does at its first load only.
        self._load(forms[0], [Source(100).new(ballots)])
        for form in forms:
            (loaded,) = self._load(form, [Source(100).new(ballots)])
            tried[form.name] = ballots / loaded.seconds
        for form in forms:
            if tried[form.name] > tried[self.form(sort=form.sorts)]:
                self._fastest[form.sorts] = form
        return tried

    def load(self, pieces: Sequence[Ballots], *, sort: bool = False) -> list[Loaded]:
        """Load the pieces one after the other into an empty table; what each took."""
        return self._load(self._fastest[sort], pieces)

    def _load(self, form: Form, pieces: Sequence[Ballots]) -> list[Loaded]:
        prepared = [[form.prepare(rows) for rows in self._cut(form, piece)] for piece in pieces]
        took = []
        with self._table() as connection:
            for ballots, piece in zip(pieces, prepared, strict=True):
                used, began = self._processor(), time.perf_counter()
                for transaction in piece:
                    form.load(connection, transaction)
                seconds = time.perf_counter() - began
                took.append(Loaded(len(ballots), seconds, self._processor() - used))
            ((loaded,),) = engines.asking(connection)(f"SELECT COUNT(*) FROM {_TABLE}")  # noqa: S608 -- a constant.
        must = sum(map(len, pieces))
        if loaded != must:
            raise ServerError(f"The bulk load ({form.name}) has left {loaded:,} rows of {must:,}.")
        for piece in prepared:
            for transaction in piece:
                if isinstance(transaction, _MemoryFile):
                    transaction.close()
        return took

    def _processor(self) -> float:
        server = self._databases
        of_server = processor_seconds([server.process_id]) if isinstance(server, DatabaseServer) else 0.0
        return of_server + time.process_time()

    def _cut(self, form: Form, ballots: Ballots) -> Iterator[Sequence[Row]]:
        for start in range(0, len(ballots), self._transaction):
            some = ballots[start : start + self._transaction]
            rows = list(zip(some.guid_list(), some.poll_numbers, strict=True))
            yield sorted(rows) if form.sorts else rows

    @contextmanager
    def _table(self) -> Iterator[Any]:
        """A connection to a new database with the empty table: the engine's own copy of the real one."""
        with engines.new_database(self._databases) as url, engines.connect(url) as connection:
            ask = engines.asking(connection)
            match self._engine:
                case "sqlite":
                    ((definition,),) = ask("SELECT sql FROM sqlite_master WHERE name = 'ballots'")
                    ask(re.sub(r"^CREATE TABLE \W?ballots\W?", f"CREATE TABLE {_TABLE} ", definition))
                case "postgresql":
                    ask(f"CREATE TABLE {_TABLE} (LIKE ballots INCLUDING ALL)")
                    ask(f"ALTER TABLE {_TABLE} ALTER election_id SET DEFAULT 1, ALTER source SET DEFAULT {_SOURCE}")
                case _:
                    ask(f"CREATE TABLE {_TABLE} LIKE ballots")
            yield connection


class _MemoryFile:
    """A file that is in memory only; its path is good for the client that the server asks for it."""

    def __init__(self, content: bytes) -> None:
        self._number = os.memfd_create("ballots")
        with open(self._number, "wb", closefd=False) as file:
            file.write(content)
        self.path = f"/proc/self/fd/{self._number}"

    def close(self) -> None:
        os.close(self._number)


def _forms(engine: str) -> list[Form]:
    kinds: list[tuple[str, Callable[[Sequence[Row]], Any], Callable[[Any, Any], None]]]
    match engine:
        case "sqlite":
            kinds = [("executemany", lambda rows: rows, _sqlite)]
        case "postgresql":
            kinds = [
                ("COPY, binary", _binary, _postgresql("(FORMAT binary)")),
                ("COPY, text", _hexadecimal, _postgresql("")),
            ]
        case _:
            kinds = [
                ("LOAD DATA, raw GUIDs", lambda rows: _MemoryFile(_raw(rows)), _mysql("guid", "")),
                (
                    "LOAD DATA, hexadecimal GUIDs",
                    lambda rows: _MemoryFile(_hexadecimal(rows)),
                    _mysql("@guid", ", guid = UNHEX(@guid)"),
                ),
            ]
    return [
        Form(f"{name}, {'in the order of the key' if sorts else 'as received'}", prepare, load, sorts)
        for name, prepare, load in kinds
        for sorts in (True, False)
    ]


_SPECIAL = re.compile(rb"[\0\t\n\\]")


def _raw(rows: Sequence[Row]) -> bytes:
    return b"".join(b"%b\t%d\n" % (_SPECIAL.sub(rb"\\\g<0>", guid), number) for guid, number in rows)


def _hexadecimal(rows: Sequence[Row]) -> bytes:
    return "".join(f"{guid.hex()}\t{number}\n" for guid, number in rows).encode()


def _binary(rows: Sequence[Row]) -> bytes:
    """PostgreSQL's own form: the number of fields, then each with its length in front."""
    row = struct.Struct("!h ii i16s iq iq")
    lines = [row.pack(4, 4, 1, 16, guid, 8, number, 8, _SOURCE) for guid, number in rows]
    return b"".join([b"PGCOPY\n\xff\r\n\0", bytes(8), *lines, b"\xff\xff"])


def _mysql(column: str, more: str) -> Callable[[Any, Any], None]:
    def load(connection: Any, file: _MemoryFile) -> None:
        connection.cursor().execute(
            f"LOAD DATA LOCAL INFILE '{file.path}' INTO TABLE {_TABLE} CHARACTER SET binary "
            f"({column}, poll_number) SET election_id = 1, source = {_SOURCE}{more}"
        )

    return load


def _postgresql(options: str) -> Callable[[Any, Any], None]:
    # In the text form what all rows share comes from a default, as in MySQL from SET.
    columns = "(election_id, guid, poll_number, source)" if options else "(guid, poll_number)"

    def load(connection: Any, content: bytes) -> None:
        cursor = connection.cursor()
        with cursor.copy(f"COPY {_TABLE} {columns} FROM STDIN {options}") as copy:
            copy.write(content)

    return load


def _sqlite(connection: Any, rows: Sequence[Row]) -> None:
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    cursor.executemany(
        f"INSERT INTO {_TABLE} (election_id, guid, poll_number, source) VALUES (1, ?, ?, {_SOURCE})",  # noqa: S608
        rows,
    )
    cursor.execute("COMMIT")
