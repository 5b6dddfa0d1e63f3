"""Uploads prepared before the clock runs, and the officials' process that hands them in."""

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from types import TracebackType
from typing import Self

from benchmarks.ballots import NOTHING, Ballots, Outcome, right
from benchmarks.companion import Companion
from benchmarks.officials import BOUNDARY, File
from benchmarks.suite import Suite


@dataclass(frozen=True)
class Upload:
    """A body that lies ready, and what has to become of its ballots."""

    file: File
    outcome: Outcome


class Uploads:
    """Bodies in one memory file, so that sending them neither reads a disk nor copies them in Python."""

    def __init__(self) -> None:
        self.memory = os.memfd_create("uploads", 0)
        # Two of these in one suite must not meet in a key.
        self._prefix = secrets.token_hex(8)
        self._end = 0
        self._count = 0

    def add(self, ballots: Ballots, outcome: Outcome | None = None) -> Upload:
        """Prepare a file; without an outcome all its ballots have to count."""
        self._count += 1
        name = f"station-{self._count:05d}"
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        body = b"".join((head, ballots.csv(), f"\r\n--{BOUNDARY}--\r\n".encode()))
        offset = self._end
        with open(self.memory, "ab", closefd=False) as file:
            file.write(body)
        self._end += len(body)
        return Upload(File(offset, len(body), f"{self._prefix}-{name}"), outcome or right(ballots))

    def add_all(self, files: Iterable[Ballots]) -> list[Upload]:
        return [self.add(ballots) for ballots in files]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.memory)


def total(uploads: Iterable[Upload]) -> Outcome:
    """What has to become of all these."""
    found = NOTHING
    for one in uploads:
        found = found + one.outcome
    return found


def officials(
    suite: Suite,
    uploads: Uploads,
    files: Sequence[Upload],
    count: int,
    paced: Sequence[Upload] = (),
    every: float = 0.2,
) -> Companion:
    """A process with everything ready to send, as in ``officials.Plan``."""
    return Companion(
        "officials",
        {
            "port": suite.station.port,
            "path": suite.path,
            "memory": uploads.memory,
            "tokens": [suite.token(number) for number in range(count)],
            "files": [astuple(one.file) for one in files],
            "paced_token": suite.token(count) if paced else None,
            "paced": [astuple(one.file) for one in paced],
            "every": every,
        },
        [uploads.memory],
    )
