"""What a recount reads of the election store: all of it in one snapshot, and never a whole table at once."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cli.failure import Failure
from cli.still import still
from shared.schema.election import (
    DRAFT,
    Ballot,
    Batch,
    DeadLetter,
    Dismissal,
    Election,
    Entry,
    Journal,
    Part,
    Participant,
    Partition,
    RefusedLine,
    Tally,
)
from shared.terms import Outcome

_KEYS_A_QUERY = 200
_ROWS = 10_000
# A payload may have some hundred kilobytes.
_PAYLOADS = 16


@dataclass(frozen=True)
class Poll:
    """An election: open from ``start``, inclusive, to ``end``, exclusive."""

    id: int
    title: str
    jurisdiction_id: int
    start: datetime
    end: datetime
    cancelled_at: datetime | None
    ballot_key: str | None = None

    def is_open(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """The row of an accepted upload; ``named`` is the election that it names."""

    id: str
    named: int | None
    lines: int
    parts: int
    received_at: datetime
    sha256: str
    station: int | None


@dataclass(slots=True)
class StoredPart:
    """The row of a part, and what the recount makes of it."""

    batch_id: str
    part: int
    partition: int
    sequence: int
    election_id: int | None
    received_at: datetime
    recorded_at: datetime
    received: int
    counted: int
    duplicate: int
    invalid: int
    outside: int
    # To which election its ballots belong by the rule, and how many parts were judged before it.
    belongs_to: int | None = None
    rank: int = 0
    # None as long as nobody could read what the station received.
    ballots: int | None = None
    duplicates: int = 0
    invalids: int = 0

    @property
    def key(self) -> tuple[str, int]:
        return self.batch_id, self.part

    @property
    def source(self) -> int:
        """How its ballots name it."""
        return self.partition * 2**40 + self.sequence

    @property
    def name(self) -> str:
        return f"Batch {self.batch_id}, part {self.part}"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the journal says of an upload that was accepted: enough to recognise what the station received.

    ``payloads`` is the SHA-256 of the SHA-256 digests of its packed parts, in the order of their numbers.
    """

    batch_id: str
    received_at: datetime
    named: int | None
    sha256: str
    lines: int
    parts: int
    payloads: str
    station: int | None


@dataclass(frozen=True)
class Letter:
    """A dead letter; settled when the row of its part exists, or it was dismissed. See ``tallies.HAS_DEAD_LETTER``."""

    batch_id: str
    part: int
    received_at: datetime | None
    not_before: datetime | None
    reason: str
    settled: bool


@dataclass(frozen=True)
class PartitionRow:
    """How far a partition is: the place of its last part, and before what moment everything is recorded."""

    sequence: int
    watermark: datetime | None


@dataclass
class Facts:
    """Everything but ballots, refused lines, tallies and payloads; grows with the number of parts."""

    poll: Poll
    polls: list[Poll]
    names: dict[int, str]
    partitions: dict[int, PartitionRow]
    letters: dict[tuple[str, int], Letter]
    batches: dict[str, StoredBatch] = field(default_factory=dict)
    accepted: dict[str, Acceptance] = field(default_factory=dict)
    parts: list[StoredPart] = field(default_factory=list)

    @property
    def drained(self) -> datetime | None:
        """Everything received before it is recorded or a dead letter."""
        marks = [row.watermark for row in self.partitions.values()]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None


class Snapshot:
    """The store as it is at one moment, whatever the daemon records meanwhile."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.taken_at = datetime.now(UTC)

    def facts(self, election_id: int) -> Facts:
        """What is known of an election, its parts without their order; Failure when there is no such election."""
        polls = [
            Poll(*row)
            for row in self._rows(
                sa.select(
                    *(Election.id, Election.title, Election.jurisdiction_id, Election.start, Election.end),
                    *(Election.cancelled_at, Election.ballot_key),
                )
                .where(Election.stage != DRAFT)
                .order_by(Election.id)
            )
        ]
        poll = next((one for one in polls if one.id == election_id), None)
        if poll is None:
            raise Failure(f"There is no published election {election_id} in this store.")
        names = list(
            self._rows(
                sa.select(Entry.poll_number, Participant.name)
                .join(Participant, Participant.id == Entry.participant_id)
                .where(Entry.election_id == election_id)
                .order_by(Entry.poll_number)
            )
        )
        partitions = list(self._rows(sa.select(Partition.partition, Partition.sequence, Partition.watermark)))
        letters = list(
            self._rows(
                sa.select(
                    *(DeadLetter.batch_id, DeadLetter.part, DeadLetter.received_at, DeadLetter.not_before),
                    DeadLetter.reason,
                    sa.or_(
                        sa.exists().where(Part.batch_id == DeadLetter.batch_id, Part.part == DeadLetter.part),
                        sa.exists().where(Dismissal.batch_id == DeadLetter.batch_id, Dismissal.part == DeadLetter.part),
                    ),
                ).order_by(DeadLetter.batch_id, DeadLetter.part)
            )
        )
        return Facts(
            poll,
            polls,
            {row.poll_number: row.name for row in names},
            {row.partition: PartitionRow(row.sequence, row.watermark) for row in partitions},
            {(row[0], row[1]): Letter(*row) for row in letters},
        )

    def batches(self, condition: sa.ColumnElement[bool]) -> Iterator[StoredBatch]:
        columns = (
            *(Batch.id, Batch.election_id, Batch.lines, Batch.parts, Batch.received_at, Batch.sha256),
            Batch.station_id,
        )
        return (StoredBatch(*row) for row in self._rows(sa.select(*columns).where(condition)))

    def batches_of(self, ids: Sequence[str]) -> Iterator[StoredBatch]:
        for chunk in _chunks(ids):
            yield from self.batches(Batch.id.in_(chunk))

    def acceptances(self) -> Iterator[Acceptance]:
        """What the journal says of the uploads that were accepted, for whichever election."""
        rows = self._rows(
            sa.select(Journal.subject, Journal.moment, Journal.details).where(
                Journal.action == "batch.accepted", Journal.outcome == Outcome.DONE.value
            )
        )
        for subject, moment, text in rows:
            told = json.loads(text)
            facts = (told.get(name) for name in ("election", "sha256", "lines", "parts", "payloads", "station"))
            yield Acceptance(subject.removeprefix("batch "), moment, *facts)

    def parts(self) -> Iterator[StoredPart]:
        """The rows of all parts of the store, by partition and place."""
        columns = (
            *(Part.batch_id, Part.part, Part.partition, Part.sequence, Part.election_id, Part.received_at),
            *(Part.recorded_at, Part.received, Part.counted, Part.duplicate, Part.invalid, Part.outside),
        )
        rows = self._rows(sa.select(*columns).order_by(Part.partition, Part.sequence))
        return (StoredPart(*row) for row in rows)

    def payloads(self, batch_ids: Sequence[str]) -> Iterator[tuple[str, int, bytes]]:
        """What the stations received, as they packed it: batch, part and payload, the parts of a batch together."""
        for chunk in _chunks(batch_ids):
            statement = (
                sa.select(Part.batch_id, Part.part, Part.payload)
                .where(Part.batch_id.in_(chunk))
                .order_by(Part.batch_id, Part.part)
            )
            yield from self._rows(statement, _PAYLOADS)

    def ballots(self, election_id: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
        """The committed ballots: GUID, poll number and source, by GUID."""
        columns = (Ballot.guid, Ballot.poll_number, Ballot.source)
        for guid, poll_number, source in self._rows(
            sa.select(*columns).where(Ballot.election_id == election_id).order_by(Ballot.guid)
        ):
            yield guid, (poll_number, source)

    def refused_lines(self, election_id: int) -> Iterator[Any]:
        """The refused lines in no order: batch, line, part, GUID, poll number and reason."""
        columns = (RefusedLine.batch_id, RefusedLine.line, RefusedLine.part, RefusedLine.guid, RefusedLine.poll_number)
        return self._rows(sa.select(*columns, RefusedLine.reason).where(RefusedLine.election_id == election_id))

    def tallies(self, election_id: int) -> Iterator[tuple[tuple[int, int, int], int]]:
        """The tallies: partition, place and poll number, in this order, and the votes."""
        columns = (Tally.partition, Tally.sequence, Tally.poll_number)
        for *key, votes in self._rows(
            sa.select(*columns, Tally.votes).where(Tally.election_id == election_id).order_by(*columns)
        ):
            yield tuple(key), votes

    def _rows(self, statement: sa.Select[*tuple[Any, ...]], rows: int = _ROWS) -> Iterator[Any]:
        # A cursor of the server's: the driver would otherwise fetch everything before it gives the first row.
        return iter(self.connection.execute(statement, execution_options={"yield_per": rows}))


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Read a store, in one transaction that can write nothing."""
    with still(url, "election") as connection:
        yield Snapshot(connection)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _KEYS_A_QUERY] for start in range(0, len(ids), _KEYS_A_QUERY))
