"""What the fault machine itself writes down: what was done, what was sent and answered, and what was seen meanwhile."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.plan import Upload


@dataclass
class Attempt:
    """One sending of a file, and what its sender knows of it. Every sending bears a file name of its own.

    ``sent`` and ``answered`` are seconds after the suite was up. ``status`` is None as long as there is no answer;
    ``reached`` says whether anybody took the connection.
    """

    upload: Upload
    number: int
    file_name: str
    station: str
    sent: float
    hung_up: bool = False
    reached: bool = False
    answered: float | None = None
    status: int | None = None
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.status in (200, 202)

    @property
    def refused_for_good(self) -> bool:
        """An answer with which the sender gives the file up: it is wrong, or nothing is open."""
        return self.status is not None and 400 <= self.status < 500 and self.status != 429

    @property
    def says_nothing_was_stored(self) -> bool:
        return (
            self.refused_for_good
            or (self.answered is not None and not self.reached)
            or (self.status in (429, 503) and "not known whether" not in str(self.body.get("detail", self.body)))
        )


@dataclass(frozen=True)
class Mark:
    """A partition as the database showed it at some moment of the run."""

    seen: float
    partition: int
    epoch: int
    watermark: datetime | None
    sequence: int


@dataclass(frozen=True)
class Glance:
    """A result as the results service showed it at some moment of the run."""

    seen: float
    election: int
    result: dict[str, Any]


class Record:
    """Everything that was done, answered and seen; any thread may write."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.marks: list[Mark] = []
        self.glances: list[Glance] = []
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lines: list[tuple[float, str]] = []
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """The suite is up; all times are counted from now."""
        self._began = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line of the timeline."""
        with self._lock:
            self._lines.append((self.now(), text))

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.counts[what] += number

    def complain(self, text: str) -> None:
        """Something that must not be."""
        self.say(f"WRONG: {text}")
        with self._lock:
            self.wrong.append(text)

    def sending(self, attempt: Attempt) -> None:
        with self._lock:
            self.attempts.append(attempt)

    def in_flight(self, station: str | None = None) -> int:
        """How many uploads wait for their answer, at one station or at all."""
        with self._lock:
            recent = self.attempts[-40:]
        return sum(one.answered is None and station in (None, one.station) for one in recent)

    def timeline(self) -> list[str]:
        """What happened, in order, with seconds after the suite was up."""
        lines = [*self._lines]
        for one in self.attempts:
            name, upload = one.file_name, one.upload
            key = f", key {upload.key[:8]}" if upload.key else ""
            lines.append((one.sent, f"{name} to {one.station}: {len(upload.ballots)} lines {upload.way}{key}"))
            if one.answered is not None:
                what = _what(one)
                said = one.body.get("detail") or one.body.get("message") or one.body.get("id") or ""
                lines.append((one.answered, f"{name}: {what} {said}".rstrip()))
        return [f"{moment:8.3f} s  {text}" for moment, text in sorted(lines)]


def _what(attempt: Attempt) -> str:
    if not attempt.reached:
        return "nobody there"
    if attempt.hung_up:
        return "hung up half-way"
    return "no answer" if attempt.status is None else str(attempt.status)
