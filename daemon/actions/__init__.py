"""What the daemon does with what the stations received; each function owns its transaction.

``record`` is the heart of the suite: it makes parts count exactly once, whatever was tried before.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from redis import Redis
from sqlalchemy.orm import Session

from daemon import rules
from daemon.store import ballots, elections, partitions, parts, stations
from shared import ballot_proofs, metrics
from shared.database import Database
from shared.errors import Misconfigured
from shared.journal import events
from shared.journal.store import note, note_event
from shared.queue import inspection, intake, journal, keys, sheet_line, snapshot, work
from shared.queue.batches import SHOWN_LINES, PartOutcome, RefusedLine
from shared.queue.work import DamagedPart, QueuedPart, RecordedPart
from shared.terms import Refusal

# A new part, its place in its partition, the election that it belongs to, and the ballots in it that may vote there.
_Placed = tuple[QueuedPart, int, rules.Poll | None, rules.Lines]

# A ballot's source names the partition and the place of its part among those of the partition.
_PLACES = 1 << 40

log = structlog.get_logger()


class LostOwnership(Exception):
    """Another daemon works this partition by now; whatever was being done has been rolled back."""


@dataclass(frozen=True)
class Claim:
    """The right to write for a partition, as long as its epoch is the one in the database."""

    partition: int
    epoch: int
    owner: str
    watermark: datetime | None


@dataclass(frozen=True)
class Waiting:
    """What lies in Redis: the partitions' queues, the ballots in them, the entries for the journal, those of sheets.

    ``sheets_since`` is when the first of those of sheets was received, as far as it says that.
    """

    queues: list[inspection.QueueState]
    ballots: int
    journal: int
    sheets: int
    sheets_since: datetime | None = None


def prepare(database: Database, redis: Redis, count: int) -> None:
    """Record the number of partitions; another number than the recorded one is refused until every queue is empty."""
    with database.writing() as session:
        recorded = partitions.numbers(session)
        # The clock comes before the number, without which no station gives a receipt; the rows come before it, too,
        # so that of two daemons at their first start one waits for the other.
        _seed_clock(session, redis)
        partitions.add(session, sorted(set(range(count)) - set(recorded)))
        waiting = work.repartition(redis, len(recorded), count)
        if waiting:
            known = work.restore_partitions(redis, len(recorded))
            raise Misconfigured(
                f"PARTITIONS is {count}, but {known} are recorded and ballots still wait in partition "
                f"{', '.join(map(str, waiting))}. Start with PARTITIONS={known} until the queues are empty."
            )
        partitions.remove(session, sorted(set(recorded) - set(range(count))))
        if count != len(recorded):
            note(session, "partitions.changed", "queue", {"partitions": {"from": len(recorded), "to": count}})
    work.settle_count(redis, count)


def restore(database: Database, redis: Redis, count: int) -> None:
    """Give a Redis that has lost its memory the clock and then the number of partitions; keep its counts right."""
    with database.reading() as session:
        _seed_clock(session, redis)
    work.restore_partitions(redis, count)
    work.settle_count(redis, count)


def claim(database: Database, redis: Redis, partition: int, owner: str) -> Claim:
    """Become the owner of a partition; whoever was it before can write nothing any more."""
    with database.writing() as session:
        row = partitions.lock(session, partition)
        row.epoch += 1
        row.owner = owner
        claimed = Claim(partition, row.epoch, owner, row.watermark)
    work.seed_clock(redis, claimed.watermark)
    return claimed


def record(database: Database, claimed: Claim, queued: Sequence[QueuedPart], now: datetime) -> list[RecordedPart]:
    """Judge and record parts of one partition in one transaction; a part that is recorded already changes nothing.

    ``queued`` are the first parts of the partition, in order. Raises ``LostOwnership`` when another daemon owns it.
    """
    queued = list({part.job_id: part for part in queued}.values())
    began = time.perf_counter()
    with database.writing() as session:
        row = _own(session, claimed)
        known = parts.recorded(session, queued)
        fresh = [part for part in queued if part.job_id not in known]
        received = [part.batch.received_at for part in queued]
        polls = elections.polls(session, min(received), max(received))
        judged = _judge(session, claimed.partition, row.sequence, fresh, polls)
        parts.add(session, claimed.partition, judged, now)
        row.sequence += len(judged)
        if row.watermark is None or row.watermark < max(received):
            row.watermark = max(received)
    new = {one.part.job_id: RecordedPart(one.part, _outcome(one.judgement), one.election_id) for one in judged}
    took = time.perf_counter() - began
    metrics.counting().record(_sums(list(new.values())), len(new), len(known), took)
    _tell(claimed.partition, list(known.values()), repeated=True)
    _tell(claimed.partition, list(new.values()), repeated=False)
    return [known.get(part.job_id) or new[part.job_id] for part in queued]


def advance(database: Database, claimed: Claim, stamp: datetime) -> None:
    """Note that everything received before ``stamp`` is recorded."""
    with database.writing() as session:
        row = _own(session, claimed)
        if row.watermark is None or row.watermark < stamp:
            row.watermark = stamp


def forged(database: Database, redis: Redis, claimed: Claim, suspects: Sequence[QueuedPart]) -> list[DamagedPart]:
    """What is to be laid aside of parts whose moment of receipt may not be what a station of ours gave them.

    Parts come in the order of their receipts, so none is earlier than the watermark of its partition; if such a one
    were counted, a result that is final would change. And none is later than Redis's own clock, or everything that
    comes after it would be too early.
    """
    with database.reading() as session:
        latest = work.seed_clock(redis, partitions.latest_watermark(session))
        found = parts.forged(session, partitions.watermark(session, claimed.partition), suspects, latest)
    return [
        DamagedPart(
            part.job_id,
            f"Its moment of receipt, {part.batch.received_at.isoformat()}, is "
            + ("ahead of the clock" if part.batch.received_at > latest else "before what was counted already")
            + ": no station of ours gave it.",
            part.batch.id,
            part.part,
            None,
            part.ballots,
            part.batch.request_id,
        )
        for part in found
    ]


def bury(database: Database, redis: Redis, claimed: Claim, part: DamagedPart, now: datetime) -> None:
    """Lay a part aside that can never be recorded: a dead letter in the store, a failed job in Redis."""
    with database.writing() as session:
        parts.bury(session, _own(session, claimed), part, now)
        note_event(session, _burial(claimed, part))
    work.bury(redis, claimed.partition, part)
    metrics.counting().bury()
    log.error(
        "part buried", request_id=part.request_id, job=part.job_id, partition=claimed.partition, reason=part.reason
    )


def publish_stations(database: Database, redis: Redis) -> None:
    """Give the voting stations a fresh copy of the polling stations, unless they have it."""
    with database.reading() as session:
        fingerprint = stations.fingerprint(session)
        if snapshot.knows_stations(redis, fingerprint):
            return
        found = stations.statuses(session)
    snapshot.write_stations(redis, fingerprint, found)


def publish_elections(database: Database, redis: Redis, now: datetime, keep: timedelta) -> list[datetime]:
    """Give the stations a fresh copy of the elections that ended less than ``keep`` ago; return all their ends."""
    with database.reading() as session:
        found = elections.published(session, now - keep)
        lists = elections.lists(session, [election.id for election in found])
    # The names first: who sees an election can read what is on its ballot.
    snapshot.write_lists(redis, lists)
    snapshot.write(redis, found)
    return sorted(keys.from_microseconds(election.end) for election in found)


def waiting(redis: Redis) -> Waiting:
    """What waits in Redis at the moment."""
    return Waiting(
        inspection.states(redis),
        intake.queued_ballots(redis),
        journal.waiting(redis),
        sheet_line.waiting(redis),
        sheet_line.oldest(redis),
    )


def watermarks(database: Database) -> dict[int, datetime]:
    """Until when everything of each partition is dealt with."""
    with database.reading() as session:
        return partitions.watermarks(session)


def name_of(owner: str) -> str:
    """How the journal names a daemon."""
    return f"daemon {owner}"


def _burial(claimed: Claim, part: DamagedPart) -> events.Event:
    """What the journal tells of a part that is laid aside; once, also if it is tried again and laid aside again."""
    told = events.event(
        "part.buried",
        f"part {part.part or 0} of batch {part.batch_id or part.job_id}",
        {"partition": claimed.partition, "ballots": part.ballots, "reason": part.reason},
        actor=name_of(claimed.owner),
    )
    told = replace(told, request_id=part.request_id)
    return replace(told, id=sha256(f"buried {part.job_id}".encode(errors="surrogateescape")).hexdigest()[:32])


def _seed_clock(session: Session, redis: Redis) -> None:
    work.seed_clock(redis, partitions.latest_watermark(session))


def _own(session: Session, claimed: Claim) -> partitions.Partition:
    row = partitions.lock(session, claimed.partition)
    # Epochs begin anew for a partition that was taken away and is back; no two daemons have one name.
    if (row.epoch, row.owner) != (claimed.epoch, claimed.owner):
        raise LostOwnership(f"Partition {claimed.partition} belongs to {row.owner}.")
    return row


def _judge(
    session: Session, partition: int, sequence: int, fresh: Sequence[QueuedPart], polls: Sequence[rules.Poll]
) -> list[parts.JudgedPart]:
    """Insert the ballots of new parts and judge them, those of an election at once, in order."""
    placed: list[_Placed] = []
    unsigned: dict[int, list[rules.Refused]] = {}
    for place, part in enumerate(fresh, start=sequence + 1):
        poll = rules.poll_at(polls, part.batch.received_at, part.batch.election_id)
        lines = rules.Lines(part.contents.guids, part.contents.poll_numbers, part.contents.lines)
        # The station has looked at each signature, too; but whoever has a station in hand is no voter for that.
        if poll is not None and part.contents.proofs:
            bad = ballot_proofs.unproven(poll.ballot_key, poll.id, lines.guids, part.contents.proofs)
            unsigned[place] = lines.refused(bad, Refusal.INVALID_SIGNATURE)
            lines = lines.without(bad) if bad else lines
        placed.append((part, place, poll, lines))
    firsts = _firsts(session, partition, placed)
    judged = []
    for part, place, poll, lines in placed:
        if poll is None:
            judgement = rules.outside(part.ballots)
        else:
            judgement = rules.judge(lines.guids, lines.poll_numbers, lines.lines, poll.poll_numbers, firsts.get(place))
            judgement = rules.with_refused(judgement, unsigned.get(place, ()))
        judged.append(parts.JudgedPart(part, place, poll.id if poll else None, judgement))
    return judged


def _firsts(session: Session, partition: int, placed: Sequence[_Placed]) -> dict[int, dict[bytes, bool]]:
    """Insert the ballots; for the parts with a duplicate among them, say by place which GUIDs they brought first.

    Nearly all uploads have no duplicate, and then the number of inserted rows says so without a look at any of them;
    otherwise only those are looked at which were inserted by the same statement.
    """
    by_poll: dict[int, list[tuple[rules.Lines, int]]] = defaultdict(list)
    for _, place, poll, lines in placed:
        if poll is not None and lines.lines:
            by_poll[poll.id].append((lines, place))
    firsts: dict[int, dict[bytes, bool]] = {}
    for poll_id, its_parts in by_poll.items():
        came_in = ballots.insert(
            session,
            poll_id,
            [
                ballots.NewBallots(partition * _PLACES + place, lines.guids, lines.poll_numbers)
                for lines, place in its_parts
            ],
        )
        if not came_in:
            continue
        for lines, place in its_parts:
            source = partition * _PLACES + place
            its_guids = [guid for guid in ballots.split(lines.guids) if guid in came_in]
            if len(set(its_guids)) < len(its_guids) or any(came_in[guid] != source for guid in its_guids):
                firsts[place] = {guid: came_in[guid] == source for guid in its_guids}
    return firsts


def _sums(recorded: Sequence[RecordedPart]) -> dict[str, int]:
    """The ballots of parts by what they were found to be."""
    return {name: sum(getattr(one.outcome, name) for one in recorded) for name in metrics.Counting.BALLOTS}


def _tell(partition: int, recorded: Sequence[RecordedPart], *, repeated: bool) -> None:
    """A log line for each upload of which parts were committed, under the id of the request that brought it.

    What was committed before is told again: whoever committed it may have died before saying so.
    """
    of_batch: dict[str, list[RecordedPart]] = defaultdict(list)
    for one in recorded:
        of_batch[one.part.batch.id].append(one)
    for batch_id, its_parts in of_batch.items():
        log.info(
            "ballots recorded",
            request_id=its_parts[0].part.batch.request_id,
            batch=batch_id,
            partition=partition,
            parts=sorted(one.part.part for one in its_parts),
            repeated=repeated,
            **_sums(its_parts),
        )


def _outcome(judgement: rules.Judgement) -> PartOutcome:
    return PartOutcome(
        received=judgement.received,
        counted=judgement.counted,
        duplicate=judgement.duplicate,
        invalid=judgement.invalid,
        outside=judgement.outside,
        refused=[
            RefusedLine.of(line.line, line.guid, line.poll_number, line.reason.value)
            for line in judgement.refused[:SHOWN_LINES]
        ],
    )
