"""Keeps a copy of the counts in Redis, for readers who have no way to the election store."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis import Redis
from sqlalchemy.orm import Session

from daemon.duty import Duty
from daemon.store import elections, partitions
from shared import tallies
from shared.database import Database
from shared.holding_back import are_votes_held_back
from shared.queue import provisional
from shared.queue.keys import to_microseconds
from shared.queue.provisional import ProvisionalCounts


@dataclass
class _Kept:
    """What was summed of an election, of which state of the store, and what was written of it.

    The state is the place that each partition had come to, and the end of the election, by which ballots are outside.
    """

    state: object
    sums: tallies.Sums
    written: ProvisionalCounts | None = None


class Teller(Duty):
    """Tells of each election that has begun, until ``keep`` after its end.

    The daemon may not read which part has which tallies, since that could tell what was voted under a GUID; so each
    look at an election that has changed sums all of it, and the larger that is, the longer the pause after it: a
    twentieth of the time at most goes into it.

    Of an election in which voters cast ballots themselves no votes are told before the count is final: who knows when
    somebody cast a ballot could read the choice from what changed, or from what a part adds that was laid aside.
    """

    complaint = "provisional counts not told"
    rests = 19.0
    idle_seconds = 1.0

    def __init__(
        self, database: Database, redis: Redis, leased: threading.Event, stop: threading.Event, keep: timedelta
    ) -> None:
        super().__init__("teller", leased, stop)
        self.database = database
        self.redis = redis
        self.keep = keep
        self._kept: dict[int, _Kept] = {}

    def step(self) -> float:
        self.tell(datetime.now(UTC))
        return self.idle_seconds

    def tell(self, now: datetime) -> None:
        """Look once, and write of each election what has changed or what Redis has lost."""
        with self.database.reading(still=True) as session:
            places, drained = partitions.places(session), tallies.drained_until(session)
            found = elections.begun(session, now, now - self.keep)
            ends = {election: its.end for election, its in found.items()}
            sums = {election: self._sums(session, election, (places, end)) for election, end in ends.items()}
        for election, its in sums.items():
            kept = self._kept.setdefault(election, _Kept(None, its))
            kept.state, kept.sums = (places, ends[election]), its
            its_state = tallies.state_of(found[election], now, drained, found[election].has_dead_letter)
            counts = ProvisionalCounts(
                election_id=election,
                counted_until=None if drained is None else to_microseconds(drained),
                counted=its.counts.counted,
                duplicate=its.counts.duplicate,
                invalid=its.counts.invalid,
                outside=its.outside,
                votes=None if are_votes_held_back(found[election].ballot_key, its_state) else its.votes,
            )
            if counts != kept.written or not provisional.is_there(self.redis, election):
                provisional.write(self.redis, counts)
                kept.written = counts

    def _sums(self, session: Session, election_id: int, state: object) -> tallies.Sums:
        kept = self._kept.get(election_id)
        return kept.sums if kept is not None and kept.state == state else tallies.sums(session, election_id)
