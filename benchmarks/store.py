"""What the store says: how far counting is, cheaply asked, and whether every count is right."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks import engines
from benchmarks.ballots import Outcome
from benchmarks.suite import Suite
from tests.servers import ServerError

# For how long counting may stand still before the benchmark gives up.
_STANDSTILL = 60.0


@dataclass(frozen=True)
class Seen:
    """Ballots that were recorded, all told, at a moment of ``time.monotonic``."""

    moment: float
    recorded: int


class Recorded:
    """Watches the store for ballots that were committed; a look costs one small query, whatever has been counted.

    ``history`` holds every change that was seen.
    """

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._opened = ExitStack()
        self._ask = engines.asking(self._opened.enter_context(engines.connect(suite.url)))
        backend = "mysql" if suite.url.startswith("mysql") else "postgresql"
        self._partition, self._sequence = (engines.quoted(backend, name) for name in ("partition", "sequence"))
        self._places: dict[int, int] = {}
        self.history: list[Seen] = [Seen(time.monotonic(), 0)]
        self.look()

    @property
    def ballots(self) -> int:
        """How many were recorded at the last look."""
        return self.history[-1].recorded

    def look(self) -> int:
        """How many ballots are recorded now."""
        moment = time.monotonic()
        found: dict[int, int] = dict(self._ask(f"SELECT {self._partition}, {self._sequence} FROM partitions"))  # noqa: S608
        new = [
            f"({self._partition} = {number} AND {self._sequence} > {self._places.get(number, 0)}"
            f" AND {self._sequence} <= {place})"
            for number, place in found.items()
            if place > self._places.get(number, 0)
        ]
        if new:
            ((received,),) = self._ask(f"SELECT SUM(received) FROM parts WHERE {' OR '.join(new)}")  # noqa: S608
            self._places = found
            self.history.append(Seen(moment, self.ballots + int(received)))
        return self.ballots

    def wait_for(self, ballots: int, every: float = 0.005, while_waiting: Callable[[], None] | None = None) -> float:
        """Look until so many are recorded; the moment of the look that saw it."""
        reached, changed, checked = -1, time.monotonic(), 0.0
        while (found := self.look()) < ballots:
            now = time.monotonic()
            if found != reached:
                reached, changed = found, now
            if now - checked > 0.5:
                self._suite.check()
                checked = now
            if while_waiting is not None:
                while_waiting()
            if now - changed > _STANDSTILL:
                raise ServerError(
                    f"Only {found:,} of {ballots:,} ballots are recorded, and no more for {_STANDSTILL:.0f} s.\n"
                    f"{self._suite.log_tails()}"
                )
            time.sleep(every)
        return self.history[-1].moment

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()


def differences(suite: Suite, expected: Outcome) -> list[str]:
    """What the store holds otherwise than it has to; none when every count is exact."""
    with engines.connect(suite.url) as connection:
        ask = engines.asking(connection)
        votes = Counter(
            {
                int(number): int(total)
                for number, total in ask(
                    f"SELECT poll_number, SUM(votes) FROM tallies WHERE election_id = {suite.election} "  # noqa: S608
                    "GROUP BY poll_number"
                )
                if total
            }
        )
        ((stored,),) = ask(f"SELECT COUNT(*) FROM ballots WHERE election_id = {suite.election}")  # noqa: S608
        ((received, counted, duplicate, invalid, outside),) = ask(
            "SELECT SUM(received), SUM(counted), SUM(duplicate), SUM(invalid), SUM(outside) FROM parts"
        )
        ((lines,),) = ask(
            "SELECT SUM(lines) FROM batches"
            if not suite.url.startswith("mysql")
            else "SELECT SUM(`lines`) FROM batches"
        )
        ((refused,),) = ask("SELECT COUNT(*) FROM refused_lines")
        ((dead,),) = ask("SELECT COUNT(*) FROM dead_letters")
    found = {
        "received": (received, expected.received),
        "lines of all batches": (lines, expected.received),
        "counted": (counted, expected.counted),
        "duplicate": (duplicate, expected.duplicate),
        "invalid": (invalid, expected.invalid),
        "outside": (outside, 0),
        "refused lines": (refused, expected.duplicate + expected.invalid),
        # An invalid ballot has been received, and a second one with its GUID would be a duplicate.
        "ballots stored": (stored, expected.received - expected.duplicate),
        "dead letters": (dead, 0),
    }
    wrong = [
        f"{name}: {int(is_ or 0):,} instead of {must:,}" for name, (is_, must) in found.items() if (is_ or 0) != must
    ]
    if votes != expected.votes:
        wrong.append(
            f"votes by poll number: {dict(sorted(votes.items()))} instead of {dict(sorted(expected.votes.items()))}"
        )
    return wrong


def transactions(suite: Suite) -> int:
    """In how many transactions the parts were recorded: each has one moment."""
    partition = engines.quoted("mariadb" if suite.url.startswith("mysql") else "postgresql", "partition")
    with engines.connect(suite.url) as connection:
        ((count,),) = engines.asking(connection)(
            f"SELECT COUNT(*) FROM (SELECT DISTINCT {partition}, recorded_at FROM parts) found"  # noqa: S608
        )
    return int(count)
