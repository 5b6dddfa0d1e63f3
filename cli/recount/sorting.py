"""Sorting more records than fit into memory: sorted runs in temporary files, merged when they are read."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain
from tempfile import TemporaryFile
from typing import IO

# Of some dozens of bytes each: a run takes some tens of megabytes, and whatever there is more lies on the disk.
RUN_RECORDS = 250_000
# Each run is an open file; so many are merged into one before there are more than a process may have.
_RUNS = 200
_BLOCK_RECORDS = 4096


class Sorter:
    """Takes records of ``size`` bytes in any order, and gives them back in the order of their bytes."""

    def __init__(self, size: int, run_records: int = RUN_RECORDS) -> None:
        self._size = size
        self._run_records = run_records
        self._waiting: list[bytes] = []
        self._runs: list[IO[bytes]] = []

    def add(self, record: bytes) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= self._run_records:
            self._spill()

    def extend(self, records: Iterable[bytes]) -> None:
        self._waiting.extend(records)
        if len(self._waiting) >= self._run_records:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        """All records in order; may be called once, when all have been added."""
        self._waiting.sort()
        return heapq.merge(self._waiting, *map(self._read, self._runs))

    def close(self) -> None:
        """Give the files and the memory back."""
        for run in self._runs:
            run.close()
        self._runs, self._waiting = [], []

    def _spill(self) -> None:
        self._waiting.sort()
        self._write(self._waiting)
        self._waiting = []
        if len(self._runs) >= _RUNS:
            merged, self._runs = self._runs, []
            self._write(heapq.merge(*map(self._read, merged)))
            for run in merged:
                run.close()

    def _write(self, records: Iterable[bytes]) -> None:
        run = TemporaryFile()  # noqa: SIM115 -- it is closed with the sorter.
        self._runs.append(run)
        run.writelines(records)

    def _read(self, run: IO[bytes]) -> Iterator[bytes]:
        run.seek(0)
        blocks = iter(lambda: run.read(self._size * _BLOCK_RECORDS), b"")
        return chain.from_iterable(
            (block[at : at + self._size] for at in range(0, len(block), self._size)) for block in blocks
        )
