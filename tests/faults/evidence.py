"""What is left after a run, read past every wire: the store, Redis, and what the services say in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.database import Database
from shared.journal import store as journal
from shared.queue import keys
from shared.schema.election import Ballot, Batch, DeadLetter, Journal, Part, RefusedLine, Tally
from tests.faults.record import Attempt, Glance, Mark
from tests.faults.recount import Poll
from tests.faults.stores import QueueStore


@dataclass
class StoredBatch:
    """A row of ``batches``."""

    id: str
    file_name: str
    official: str
    election: int | None
    sha256: str
    lines: int
    parts: int
    received_at: datetime


@dataclass
class StoredPart:
    """A row of ``parts``; ``place`` is its number in its partition."""

    batch: str
    part: int
    partition: int
    place: int
    election: int | None
    received_at: datetime
    received: int
    counted: int
    duplicate: int
    invalid: int
    outside: int


@dataclass
class StoredLine:
    """A row of ``refused_lines``."""

    batch: str
    line: int
    guid: str
    reason: str


@dataclass
class Remains:
    """What Redis still holds: ballots that wait by its own count, keys of work to do, and batches that it knows."""

    waiting: int = 0
    work: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)


@dataclass
class Evidence:
    """Everything that the checks look at. ``statuses`` are what the stations, ``results`` what the results say.

    ``journal`` has the accepted batches in the order of their entries, ``chain`` what is wrong with their hashes.
    """

    polls: Sequence[Poll]
    attempts: Sequence[Attempt]
    marks: Sequence[Mark] = ()
    glances: Sequence[Glance] = ()
    batches: list[StoredBatch] = field(default_factory=list)
    parts: list[StoredPart] = field(default_factory=list)
    refused: list[StoredLine] = field(default_factory=list)
    ballots: dict[tuple[int, str], int] = field(default_factory=dict)
    tallies: dict[int, dict[int, int]] = field(default_factory=dict)
    dead_letters: list[str] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    remains: Remains = field(default_factory=Remains)
    statuses: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    results: dict[int, dict[str, Any] | None] = field(default_factory=dict)


def read_store(evidence: Evidence, database: Database, since: datetime) -> None:
    """Read all that was received after ``since``, and all ballots of the elections."""
    elections = [poll.id for poll in evidence.polls]
    with database.reading() as session:
        evidence.batches = [
            StoredBatch(*row)
            for row in session.execute(
                sa.select(
                    Batch.id,
                    Batch.file_name,
                    Batch.official_email,
                    Batch.election_id,
                    Batch.sha256,
                    Batch.lines,
                    Batch.parts,
                    Batch.received_at,
                ).where(Batch.received_at >= since)
            )
        ]
        evidence.parts = [
            StoredPart(*row)
            for row in session.execute(
                sa.select(
                    Part.batch_id,
                    Part.part,
                    Part.partition,
                    Part.sequence,
                    Part.election_id,
                    Part.received_at,
                    Part.received,
                    Part.counted,
                    Part.duplicate,
                    Part.invalid,
                    Part.outside,
                ).where(Part.received_at >= since)
            )
        ]
        evidence.refused = [
            StoredLine(batch, line, str(UUID(bytes=guid)), reason)
            for batch, line, guid, reason in session.execute(
                sa.select(RefusedLine.batch_id, RefusedLine.line, RefusedLine.guid, RefusedLine.reason).where(
                    RefusedLine.election_id.in_(elections)
                )
            )
        ]
        evidence.ballots = {
            (election, str(UUID(bytes=guid))): number
            for election, guid, number in session.execute(
                sa.select(Ballot.election_id, Ballot.guid, Ballot.poll_number).where(Ballot.election_id.in_(elections))
            )
        }
        for election, number, votes in session.execute(
            sa.select(Tally.election_id, Tally.poll_number, sa.func.sum(Tally.votes))
            .where(Tally.election_id.in_(elections))
            .group_by(Tally.election_id, Tally.poll_number)
        ):
            evidence.tallies.setdefault(election, {})[number] = int(votes)
        accepted = session.scalars(
            sa.select(Journal.subject)
            .where(Journal.action == "batch.accepted", Journal.moment >= since)
            .order_by(Journal.sequence)
        )
        evidence.journal = [subject.removeprefix("batch ") for subject in accepted]
        evidence.chain = [str(finding) for finding in journal.check(session)[1]]
        evidence.dead_letters = [
            f"part {part} of {batch}: {reason}"
            for batch, part, reason in session.execute(
                sa.select(DeadLetter.batch_id, DeadLetter.part, DeadLetter.reason)
            )
        ]


def known_batches(queue: QueueStore) -> set[str]:
    """The batches that Redis knows."""
    with queue.client() as client:
        return {key.removeprefix(keys.batch("")) for key in client.scan_iter(match=keys.batch("*"), count=1000)}


def read_queue(evidence: Evidence, queue: QueueStore, before: set[str]) -> None:
    """Read what Redis still holds, without the batches that it knew ``before``."""
    batches = known_batches(queue) - before
    with queue.client() as client:
        evidence.remains = Remains(
            waiting=int(client.get(keys.QUEUED_BALLOTS) or 0),
            work=sorted(
                key
                for pattern in (keys.payload("*"), keys.job("*"), "rq:queue:*", "rq:failed:*", keys.JOURNAL)
                for key in client.scan_iter(match=pattern, count=1000)
            ),
            batches=sorted(batches),
        )
