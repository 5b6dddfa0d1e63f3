"""What has to hold after every step of the model."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from redis import Redis

from shared import tallies
from shared.database import Database
from shared.queue import inspection, keys
from shared.queue.connection import as_bytes
from shared.schema.election import Election
from shared.terms import State
from tests.faults.reference import PartKey, Poll, reference
from tests.faults.world import PARTITIONS, Uploads

_PARTS = "SELECT batch_id, part, received, outside FROM parts"
_ALL = (
    _PARTS,
    "SELECT election_id, guid, poll_number FROM ballots",
    "SELECT election_id, poll_number, votes FROM tallies",
    "SELECT guid, reason FROM refused_lines",
    "SELECT batch_id, part FROM dead_letters",
    "SELECT partitions.partition, watermark FROM partitions",
)


class Holds:
    """Looks at both stores; ``polls`` are the elections as they are now."""

    def __init__(self, database: Database, redis: Redis, uploads: Uploads, polls: list[Poll]) -> None:
        self.database = database
        self.redis = redis
        self.uploads = uploads
        self.polls = polls
        self.buried: list[inspection.BuriedPart] = []
        self.finals: dict[int, dict[int, int]] = {}

    def recorded(self) -> set[PartKey]:
        return {(batch, part) for batch, part, *_ in self._rows(_PARTS)[0]}

    def state(self) -> list[list[Any]]:
        return [sorted(rows) for rows in self._rows(*_ALL)]

    def _rows(self, *statements: str) -> list[list[tuple[Any, ...]]]:
        """Asked in plain SQL: so it takes a third of the time, and it is asked after every step."""
        with self.database.reading() as session:
            connection = session.connection()
            return [[tuple(row) for row in connection.exec_driver_sql(one)] for one in statements]

    def queue(self, number: int) -> list[str]:
        return [as_bytes(job).decode() for job in self.redis.lrange(keys.queue(number), 0, -1)]

    def check(self) -> None:
        parts, ballots, tallied, refused, dead, marks = self._rows(*_ALL)
        recorded: set[PartKey] = {(batch, part) for batch, part, *_ in parts}
        waiting = [self.queue(number) for number in range(PARTITIONS)]
        self._nothing_vanishes_and_nothing_waits_twice(recorded, waiting)

        right = reference(self.uploads.log, self.polls, recorded)
        votes: Counter[tuple[int, int]] = Counter()
        for poll, number, counted in tallied:
            votes[poll, number] += counted
        assert {(poll, str(UUID(bytes=one))): number for poll, one, number in ballots} == right.ballots
        assert +votes == +right.votes
        assert Counter((str(UUID(bytes=one)), reason) for one, reason in refused) == +right.refused
        lines = sum(part in recorded for one in self.uploads.log for part, _, _ in one.lines)
        assert [sum(part[2] for part in parts), sum(part[3] for part in parts)] == [lines, right.outside]

        self._no_watermark_runs_ahead({keys.job_id(*part) for part in recorded | set(dead)}, waiting, marks)
        self._what_was_final_stays()

    def _nothing_vanishes_and_nothing_waits_twice(self, recorded: set[PartKey], waiting: list[list[str]]) -> None:
        queued = [job for jobs in waiting for job in jobs]
        assert len(queued) == len(set(queued))
        self.buried = inspection.buried(self.redis)
        buried = {one.job_id for one in self.buried}
        ballots = Counter(keys.job_id(*part) for one in self.uploads.log for part, _, _ in one.lines)
        assert set(ballots) == {*queued, *buried, *(keys.job_id(*part) for part in recorded)}
        assert not set(queued) & buried
        assert int(self.redis.get(keys.QUEUED_BALLOTS) or 0) == sum(ballots[job] for job in queued)

    def _no_watermark_runs_ahead(
        self, settled: set[str], waiting: list[list[str]], marks: list[tuple[int, Any]]
    ) -> None:
        received = {keys.job_id(*part): one.received_at for one in self.uploads.log for part, _, _ in one.lines}
        for number, mark in marks:
            # SQLite gives a text and the others a moment, both in UTC.
            moment = datetime.fromisoformat(str(mark)).replace(tzinfo=UTC) if mark else None
            ahead = [job for job in waiting[number] if moment and job not in settled and received[job] < moment]
            assert not ahead

    def _what_was_final_stays(self) -> None:
        now = keys.from_microseconds(int(self.redis.get(keys.CLOCK) or 0))
        if now < self.polls[0].end:
            return
        with self.database.reading() as session:
            for election in session.scalars(sa.select(Election)):
                if tallies.current(session, election, now).state is State.FINAL:
                    votes = tallies.votes(session, election.id)
                    assert self.finals.setdefault(election.id, votes) == votes
