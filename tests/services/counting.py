"""A queue and an election store to count in: what the tests of the daemon share."""

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from daemon import actions
from shared.database import Database
from shared.queue import batches, intake, work
from shared.queue.connection import connect
from shared.queue.jobs import Queues
from shared.queue.parts import pack
from shared.queue.work import QueuedPart, RecordedPart
from shared.schema.election import Ballot, Election, Entry, Part, Participant, Partition, RefusedLine, Tally
from tests.servers.nursling import Copied
from tests.services.migrated import have_tables
from voting_station_service.rules import partition, read_ballots

Line = tuple[str, int]


def guid(number: int) -> str:
    """A GUID that is the same in every run."""
    return str(UUID(int=number))


def new_lines(count: int, seed: int = 1, poll_numbers: int = 3) -> list[Line]:
    """Ballots with GUIDs of their own."""
    source = random.Random(seed)
    return [(str(UUID(int=source.getrandbits(128))), source.randint(1, poll_numbers)) for _ in range(count)]


@dataclass
class Counting:
    """A prepared queue and store; files are accepted as the station accepts them."""

    database: Database
    redis_url: str
    partitions: int
    redis: Any = field(init=False)
    queues: Queues = field(init=False)

    def __post_init__(self) -> None:
        self.redis = connect(self.redis_url)
        self.queues = Queues(self.redis)
        actions.prepare(self.database, self.redis, self.partitions)

    def election(
        self, *, begins: float = -3600, ends: float = 3600, poll_numbers: int = 3, jurisdiction: int = 1
    ) -> int:
        """Make an election that begins and ends so many seconds from now."""
        now = datetime.now(UTC)
        with self.database.writing() as session:
            parties = [Participant(name=f"List {n}", individual=False, created_at=now) for n in range(poll_numbers)]
            session.add_all(parties)
            session.flush()
            election = Election(
                kind="parliamentary",
                individual=False,
                jurisdiction_id=jurisdiction,
                start=now + timedelta(seconds=begins),
                end=now + timedelta(seconds=ends),
                rules={},
                lots=[],
                created_at=now,
                entries=[
                    Entry(poll_number=place, participant_id=party.id, exempt=False)
                    for place, party in enumerate(parties, start=1)
                ],
            )
            session.add(election)
            session.flush()
            return election.id

    def accept(
        self,
        lines: Iterable[Line],
        *,
        election: int | None = None,
        station: int | None = None,
        max_part: int = 20_000,
        key: str | None = None,
    ) -> str:
        """Accept a file and return its batch."""
        content = "".join(f"{ballot},{number}\n" for ballot, number in lines).encode()
        upload = intake.Upload(
            batch_id=uuid4().hex,
            election_id=election,
            official_email="official@example.org",
            official_jmbg="0101994704401",
            file_name="ballots.csv",
            sha256="0" * 64,
            keep_seconds=3600,
            station_id=station,
        )

        def read(sight: intake.Sight) -> intake.Contents:
            cuts = partition(read_ballots([content]), sight.partitions, max_part)
            return intake.Contents(
                election,
                [
                    intake.PackedPart(cut.partition, len(cut.lines), pack(cut.guids, cut.poll_numbers, cut.lines))
                    for cut in cuts
                ],
            )

        receipt = intake.accept(self.redis, self.queues, upload, key, read)
        assert receipt is not None
        return receipt.batch_id

    def claim(self, number: int, owner: str = "test") -> actions.Claim:
        return actions.claim(self.database, self.redis, number, owner)

    def front(self, number: int) -> list[QueuedPart]:
        """What waits in a partition; every part has to be readable."""
        found = work.front(self.redis, number, jobs=1000, ballots=1_000_000)
        assert all(isinstance(part, QueuedPart) for part in found), found
        return [part for part in found if isinstance(part, QueuedPart)]

    def record_all(self) -> list[RecordedPart]:
        """Count everything that waits, as one daemon would."""
        recorded = []
        for number in range(self.partitions):
            claim = self.claim(number)
            parts = self.front(number)
            if parts:
                done = actions.record(self.database, claim, parts, datetime.now(UTC))
                work.finish(self.redis, number, done)
                recorded += done
        return recorded

    def note_that_nothing_waits(self) -> None:
        """Note that everything received by now is recorded, as a daemon does whose queues are empty."""
        for number in range(self.partitions):
            assert self.front(number) == []
            actions.advance(self.database, self.claim(number), datetime.now(UTC))

    def status(self, batch_id: str) -> batches.BatchStatus:
        found = batches.status(self.redis, batch_id)
        assert found is not None
        return found

    def state(self) -> dict[str, Any]:
        """Everything that was counted, in a form that two countings can be compared by."""
        with self.database.reading() as session:
            ballots = session.execute(sa.select(Ballot.election_id, Ballot.guid, Ballot.poll_number)).all()
            tallies = session.execute(
                sa.select(Tally.election_id, Tally.poll_number, sa.func.sum(Tally.votes)).group_by(
                    Tally.election_id, Tally.poll_number
                )
            ).all()
            parts = session.execute(
                sa.select(
                    Part.batch_id, Part.part, Part.received, Part.counted, Part.duplicate, Part.invalid, Part.outside
                )
            ).all()
            refused = session.execute(
                sa.select(RefusedLine.batch_id, RefusedLine.line, RefusedLine.guid, RefusedLine.reason)
            ).all()
        return {
            "ballots": sorted(tuple(row) for row in ballots),
            "tallies": sorted((row[0], row[1], int(row[2])) for row in tallies),
            "parts": sorted(tuple(row) for row in parts),
            "refused": sorted(tuple(row) for row in refused),
        }

    def tally(self, election: int) -> dict[int, int]:
        """Votes by poll number."""
        return {number: votes for its, number, votes in self.state()["tallies"] if its == election}

    def watermarks(self) -> list[datetime | None]:
        with self.database.reading() as session:
            return list(session.scalars(sa.select(Partition.watermark).order_by(Partition.partition)))

    def waiting(self) -> int:
        """Parts that are in the queues."""
        return sum(self.redis.llen(f"rq:queue:ballots-{number}") for number in range(self.partitions))


@contextmanager
def counting(database_url: str, redis_url: str, partitions: int = 1) -> Iterator[Counting]:
    """A migrated store and a prepared queue."""
    have_tables(database_url, "election")
    database = Database(database_url, loads=True)
    try:
        yield Counting(database, redis_url, partitions)
    finally:
        database.close()


class DaemonProcess:
    """A real daemon as a process of its own."""

    def __init__(self, database_url: str, redis_url: str, partitions: int, lease_seconds: float = 2.0) -> None:
        environment = {
            **os.environ,
            "ELECTION_DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PARTITIONS": str(partitions),
            "LEASE_SECONDS": str(lease_seconds),
            "LOG_LEVEL": "error",
        }
        self.process = Copied(["daemon.app"], environment)

    def stop(self) -> int:
        """End it as an operator does; what it has in hands is committed first."""
        self.process.terminate()
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)

    def end(self) -> None:
        """End it whatever state it is in."""
        self.kill()


def reference(files: Sequence[Sequence[Line]], valid: int) -> dict[int, int]:
    """Votes by poll number, counted in the plainest way: the first ballot with a GUID wins."""
    seen: set[str] = set()
    votes: dict[int, int] = {}
    for lines in files:
        for ballot, number in lines:
            if ballot not in seen:
                seen.add(ballot)
                if 1 <= number <= valid:
                    votes[number] = votes.get(number, 0) + 1
    return votes
