"""Recorded parts: their rows, refused lines, tallies and dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from daemon.rules import Judgement
from daemon.store.bulk import insert_numbers
from shared.queue import keys
from shared.queue.batches import SHOWN_LINES, PartOutcome
from shared.queue.batches import RefusedLine as ShownLine
from shared.queue.keys import job_id
from shared.queue.work import DamagedPart, QueuedPart, RecordedPart
from shared.schema.election import (
    Batch,
    DeadLetter,
    Part,
    Partition,
    RefusedLine,
)

_KEYS_A_QUERY = 500


@dataclass(frozen=True)
class JudgedPart:
    """A part with its place in its partition, the election that it belongs to, and what became of its ballots."""

    part: QueuedPart
    sequence: int
    election_id: int | None
    judgement: Judgement


def recorded(session: Session, parts: Sequence[QueuedPart]) -> dict[str, RecordedPart]:
    """Those of the parts that are recorded already, by the id of their job, with what became of them."""
    wanted = {part.job_id: part for part in parts}
    batch_ids = sorted({part.batch.id for part in parts})
    found: dict[str, RecordedPart] = {}
    for start in range(0, len(batch_ids), _KEYS_A_QUERY):
        chunk = batch_ids[start : start + _KEYS_A_QUERY]
        # Nearly always none is recorded yet but those of other partitions; so only the keys are asked for at first.
        for batch_id, number in session.execute(sa.select(Part.batch_id, Part.part).where(Part.batch_id.in_(chunk))):
            part = wanted.get(job_id(batch_id, number))
            if part is not None:
                row = session.get_one(Part, (batch_id, number))
                found[part.job_id] = RecordedPart(part, _outcome(session, row), row.election_id)
    return found


def add(session: Session, partition: int, judged: Sequence[JudgedPart], now: datetime) -> None:
    """Record the judged parts of a partition, and a batch with the first of its parts."""
    batches, parts, refused = [], [], []
    tallies: list[tuple[int, ...]] = []
    for one in judged:
        part, judgement, head = one.part, one.judgement, one.part.batch
        # Only one partition writes the batch, or the partitions would wait for each other at its row.
        if part.part == 0:
            batches.append(
                {
                    "id": head.id,
                    "election_id": head.election_id,
                    "official_email": head.official_email,
                    "official_jmbg": head.official_jmbg,
                    "file_name": head.file_name,
                    "sha256": head.sha256,
                    "station_id": head.station_id,
                    "lines": head.lines,
                    "parts": head.parts,
                    "received_at": head.received_at,
                }
            )
        parts.append(
            {
                "batch_id": head.id,
                "part": part.part,
                "partition": partition,
                "sequence": one.sequence,
                "election_id": one.election_id,
                "received_at": head.received_at,
                "recorded_at": now,
                "received": judgement.received,
                "counted": judgement.counted,
                "duplicate": judgement.duplicate,
                "invalid": judgement.invalid,
                "outside": judgement.outside,
                "payload": part.payload,
            }
        )
        refused += [
            {
                "batch_id": head.id,
                "line": line.line,
                "part": part.part,
                "election_id": one.election_id,
                "guid": line.guid,
                "poll_number": line.poll_number,
                "reason": line.reason.value,
            }
            for line in judgement.refused
        ]
        tallies += [
            (one.election_id, partition, one.sequence, poll_number, votes)
            for poll_number, votes in sorted(judgement.tally.items())
            if one.election_id is not None
        ]
    connection = session.connection()
    for table, found in ((Batch, batches), (Part, parts), (RefusedLine, refused)):
        if found:
            # Past the object-relational layer, which would look at each of some hundred thousand rows a night.
            connection.execute(sa.insert(table), found)
    insert_numbers(connection, "tallies", ("election_id", "partition", "sequence", "poll_number", "votes"), tallies)


def forged(
    session: Session, watermark: datetime | None, suspects: Sequence[QueuedPart], latest: datetime
) -> list[QueuedPart]:
    """Those parts whose moment of receipt no station of ours gave: before ``watermark``, or after ``latest``.

    One that is recorded already has done what it can do, and one that was laid aside is replayed; only where its moment
    was not believed then, it is not believed now.
    """
    known = recorded(session, suspects)
    found = []
    for part in suspects:
        moment = part.batch.received_at
        letter = session.execute(
            sa.select(DeadLetter.not_before).where(DeadLetter.batch_id == part.batch.id, DeadLetter.part == part.part)
        ).first()
        bound = watermark if letter is None else letter.not_before
        if part.job_id not in known and (moment > latest or (bound is not None and moment < bound)):
            found.append(part)
    return found


def bury(session: Session, partition: Partition, part: DamagedPart, now: datetime) -> None:
    """Write a dead letter, unless it is there already."""
    batch_id, number = keys.letter(part.job_id)
    # Not the asterisk that stands here otherwise: PostgreSQL would want the right to read every column for it.
    is_there = sa.exists(sa.literal_column("1")).where(DeadLetter.batch_id == batch_id, DeadLetter.part == number)
    if not session.scalar(sa.select(is_there)):
        session.add(
            DeadLetter(
                batch_id=batch_id,
                part=number,
                partition=partition.partition,
                received_at=part.received_at,
                not_before=partition.watermark,
                ballots=part.ballots or None,
                reason=part.reason[:1024],
                buried_at=now,
            )
        )


def _outcome(session: Session, row: Part) -> PartOutcome:
    return PartOutcome(
        received=row.received,
        counted=row.counted,
        duplicate=row.duplicate,
        invalid=row.invalid,
        outside=row.outside,
        refused=_refused_lines(session, row) if row.duplicate or row.invalid else [],
    )


def _refused_lines(session: Session, row: Part) -> list[ShownLine]:
    found = session.scalars(
        sa.select(RefusedLine)
        .where(RefusedLine.batch_id == row.batch_id, RefusedLine.part == row.part)
        .order_by(RefusedLine.line)
        .limit(SHOWN_LINES)
    )
    return [ShownLine.of(line.line, line.guid, line.poll_number, line.reason) for line in found]
