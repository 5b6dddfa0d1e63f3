"""What has to hold after every step of the model."""

from collections import Counter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from redis import Redis

from shared import tallies
from shared.database import Database
from shared.queue import inspection, keys
from shared.queue.connection import as_bytes
from shared.schema.election import Ballot, DeadLetter, Election, Part, Partition, RefusedLine, Tally
from shared.terms import State
from tests.faults.reference import PartKey, Poll, reference
from tests.faults.world import PARTITIONS, Uploads


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
        with self.database.reading() as session:
            return {(batch, part) for batch, part in session.execute(sa.select(Part.batch_id, Part.part))}

    def state(self) -> list[Any]:
        with self.database.reading() as session:
            return [
                sorted(map(tuple, session.execute(sa.select(table)).all()))
                for table in (Ballot.__table__, Tally.__table__, RefusedLine.__table__, Partition.__table__)
            ]

    def queue(self, number: int) -> list[str]:
        return [as_bytes(job).decode() for job in self.redis.lrange(keys.queue(number), 0, -1)]

    def check(self) -> None:
        recorded = self.recorded()
        self._nothing_vanishes_and_nothing_waits_twice(recorded)
        self._what_is_recorded_is_the_reference(recorded)
        self._no_watermark_runs_ahead(recorded)
        self._what_was_final_stays()

    def _nothing_vanishes_and_nothing_waits_twice(self, recorded: set[PartKey]) -> None:
        queued = [job for number in range(PARTITIONS) for job in self.queue(number)]
        assert len(queued) == len(set(queued))
        self.buried = inspection.buried(self.redis)
        buried = {one.job_id for one in self.buried}
        ballots = Counter(keys.job_id(*part) for one in self.uploads.log for part, _, _ in one.lines)
        assert set(ballots) == {*queued, *buried, *(keys.job_id(*part) for part in recorded)}
        assert not set(queued) & buried
        assert int(self.redis.get(keys.QUEUED_BALLOTS) or 0) == sum(ballots[job] for job in queued)

    def _what_is_recorded_is_the_reference(self, recorded: set[PartKey]) -> None:
        right = reference(self.uploads.log, self.polls, recorded)
        with self.database.reading() as session:
            ballots = session.execute(sa.select(Ballot.election_id, Ballot.guid, Ballot.poll_number)).all()
            votes = session.execute(
                sa.select(Tally.election_id, Tally.poll_number, sa.func.sum(Tally.votes)).group_by(
                    Tally.election_id, Tally.poll_number
                )
            ).all()
            refused = session.execute(sa.select(RefusedLine.guid, RefusedLine.reason)).all()
            sums = session.execute(sa.select(sa.func.sum(Part.received), sa.func.sum(Part.outside))).one()
        assert {(poll, str(UUID(bytes=one))): number for poll, one, number in ballots} == right.ballots
        assert {(poll, number): int(total) for poll, number, total in votes} == dict(+right.votes)
        assert Counter((str(UUID(bytes=one)), reason) for one, reason in refused) == +right.refused
        lines = sum(part in recorded for one in self.uploads.log for part, _, _ in one.lines)
        assert [int(total or 0) for total in sums] == [lines, right.outside]

    def _no_watermark_runs_ahead(self, recorded: set[PartKey]) -> None:
        received = {keys.job_id(*part): one.received_at for one in self.uploads.log for part, _, _ in one.lines}
        with self.database.reading() as session:
            dead = {(one.batch_id, one.part) for one in session.scalars(sa.select(DeadLetter))}
            marks = session.execute(sa.select(Partition.partition, Partition.watermark)).all()
        settled = {keys.job_id(*part) for part in recorded | dead}
        for number, mark in marks:
            assert not [job for job in self.queue(number) if mark and job not in settled and received[job] < mark]

    def _what_was_final_stays(self) -> None:
        now = keys.from_microseconds(int(self.redis.get(keys.CLOCK) or 0))
        if now < self.polls[0].end:
            return
        with self.database.reading() as session:
            for election in session.scalars(sa.select(Election)):
                if tallies.current(session, election, now).state is State.FINAL:
                    votes = tallies.votes(session, election.id)
                    assert self.finals.setdefault(election.id, votes) == votes
