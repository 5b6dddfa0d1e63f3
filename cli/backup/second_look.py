"""What was received between the look at the queues and that at the store: whole in the archive, or not at all.

The store is seen a little later than the queues. So it may know of an upload that was accepted in between: it has some
of its parts, a dead letter of it, or what the journal says of it. Of such an upload everything else is fetched now: it
is in Redis still, or it has been recorded since, and then the store of today has it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from redis import Redis

from cli.backup import queue
from cli.backup.columns import Row
from cli.backup.queue import Fields, Look
from cli.still import still
from shared.journal.events import Event
from shared.queue import keys
from shared.queue.batches import HEAD
from shared.queue.connection import as_bytes, translated
from shared.queue.jobs import Queues, moment
from shared.schema.election import Batch, DeadLetter, Dismissal, Journal, Part
from shared.terms import Outcome

_ACCEPTED = sa.and_(Journal.action == "batch.accepted", Journal.outcome == Outcome.DONE.value)
_IDS_A_QUERY = 200
# As in the store, where a batch has no part with a greater number.
_MOST_PARTS = 2**31


@dataclass
class Upload:
    """An upload that was accepted after the look at the queues, and of which the store knows something.

    Of its parts ``seen`` were in the queues after all, ``recorded`` and ``dead`` are what the store says.
    """

    id: str
    seen: set[int]
    recorded: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)
    is_journaled: bool = False
    number_of_parts: int | None = None

    def missing(self, entry: Fields) -> list[int]:
        """The parts that the archive lacks. One whose outcome its batch does not have yet waits once more for that."""
        there = self.seen | (self.recorded & queue.outcomes(entry))
        return [number for number in range(self.number_of_parts or 0) if number not in there]


@dataclass(frozen=True)
class _Waiting:
    """A part that is put at the end of its queue, or among the dead letters."""

    partition: int
    received_at: int
    part: int
    job: queue.Job
    buried: float | None = None


def received_since(connection: sa.Connection, seen: Look) -> list[Upload]:
    """The uploads that were accepted after the look and that the store, as the connection sees it, knows."""
    found: dict[str, Upload] = {}

    def upload(batch_id: str) -> Upload:
        return found.setdefault(batch_id, Upload(batch_id, seen.parts.get(batch_id, set())))

    for batch_id, part in connection.execute(
        sa.select(Part.batch_id, Part.part).where(Part.received_at >= seen.next_receipt)
    ):
        upload(batch_id).recorded.add(part)
    accepted = sa.select(Journal.subject).where(_ACCEPTED, Journal.moment >= seen.next_receipt)
    for subject in connection.scalars(accepted):
        upload(subject.removeprefix("batch ")).is_journaled = True
    for batch_id, part in connection.execute(_unsettled()):
        if part not in seen.parts.get(batch_id, ()):
            upload(batch_id).dead.add(part)
    for some in _chunks(sorted(found)):
        for batch_id, parts in connection.execute(sa.select(Batch.id, Batch.parts).where(Batch.id.in_(some))):
            found[batch_id].number_of_parts = parts
    return list(found.values())


def _unsettled() -> sa.Select[str, int]:
    """The dead letters that are neither recorded nor dismissed."""
    settled = [
        sa.exists(sa.select(kind.part).where(kind.batch_id == DeadLetter.batch_id, kind.part == DeadLetter.part))
        for kind in (Part, Dismissal)
    ]
    return sa.select(DeadLetter.batch_id, DeadLetter.part).where(~sa.or_(*settled))


class SecondLook:
    """Fetches what incomplete uploads lack. ``lost`` counts the parts that are nowhere: Redis has lost them."""

    def __init__(self, redis: Redis, election_url: str, seen: Look) -> None:
        self._redis = redis
        self._url = election_url
        self._seen = seen
        self._queues = Queues(redis)
        self.lost = 0

    def rows(self, uploads: list[Upload], batches: set[str]) -> Iterator[Row]:
        """What belongs into Redis of these uploads; the ids of their batches are added to ``batches``."""
        heads = {upload.id: self._head(upload) for upload in uploads}
        now = queue.look(self._redis)
        waiting: list[_Waiting] = []
        for upload in uploads:
            head = heads[upload.id]
            missing = upload.missing(head)
            fetched = list(self._fetch(upload, missing, head, now))
            waiting += fetched
            upload.seen = upload.seen | {one.part for one in fetched}
            # Of what Redis has lost altogether, no entry may promise that it is here.
            is_lost = upload.number_of_parts is None or len(fetched) < len(missing)
            self.lost += max(len(missing) - len(fetched), int(upload.is_journaled and not head))
            entry = _entry(head, missing)
            if entry and not is_lost and upload.id not in batches:
                batches.add(upload.id)
                yield from queue.hash_rows(keys.batch(upload.id).encode(), entry)
        yield from self._strangers(uploads, now)
        # Later than all that the first look saw, and among themselves in the order in which they were received.
        for one in sorted(waiting, key=lambda one: (one.partition, one.received_at, one.part)):
            yield from one.job.rows()
            if one.buried is None:
                yield queue.list_row(keys.queue(one.partition).encode(), one.job.id)
            else:
                yield from queue.dead_rows(one.partition, one.job.id, one.buried, now.reasons)
        yield from self._journal({upload.id for upload in uploads if not upload.is_journaled}, now)

    def _head(self, upload: Upload) -> Fields:
        """The entry of a batch in Redis, or what the store of today says of it; also how many parts it has."""
        with translated():
            answer = self._redis.hgetall(keys.batch(upload.id))
        fields = {as_bytes(name): as_bytes(value) for name, value in answer.items()}
        if b"received_at" not in fields:
            with still(self._url, "election") as connection:
                row = connection.execute(sa.select(Batch.__table__).where(Batch.id == upload.id)).first()
            fields = _fields(row) if row is not None else {}
        parts = fields.get(b"parts", b"")
        if upload.number_of_parts is None and parts.isdigit() and int(parts) < _MOST_PARTS:
            upload.number_of_parts = int(parts)
        return fields

    def _fetch(self, upload: Upload, missing: list[int], fields: Fields, now: Look) -> Iterator[_Waiting]:
        """The parts that the archive lacks, as far as they are anywhere."""
        received_at = int(fields.get(b"received_at", b"0"))
        places = _places(now)
        buried = {job: (number, score) for number, dead in now.buried.items() for job, score in dead}
        numbers = {keys.job_id(upload.id, number).encode(): number for number in missing}
        for job in queue.jobs(self._redis, numbers):
            number = numbers[job.id]
            if job.is_gone:
                recorded = self._recorded(upload.id, number, received_at)
                if recorded is not None:
                    yield recorded
                continue
            partition, score = buried.get(job.id, (places.get(job.id), None))
            if partition is None:
                # It was taken out after the look: its own job says where it was.
                partition = _origin(job.fields)
            # Who knows nothing of its burial yet will bury it once more.
            yield _Waiting(partition, received_at, number, job, score if number in upload.dead else None)

    def _recorded(self, batch_id: str, part: int, received_at: int) -> _Waiting | None:
        """A part that was recorded since, as it waited before."""
        with still(self._url, "election") as connection:
            row = connection.execute(
                sa.select(Part.partition, Part.received, Part.payload).where(
                    Part.batch_id == batch_id, Part.part == part
                )
            ).first()
        if row is None:
            return None
        entry = self._queues.entry(row.partition, batch_id, part, row.received, moment())
        words = [word if isinstance(word, bytes) else str(word).encode() for word in entry]
        job = queue.Job(
            keys.job_id(batch_id, part).encode(), dict(zip(words[::2], words[1::2], strict=True)), row.payload
        )
        return _Waiting(row.partition, received_at, part, job)

    def _strangers(self, uploads: list[Upload], now: Look) -> Iterator[Row]:
        """Dead letters that are the part of no known batch: jobs that no station wrote."""
        wanted = {(upload.id, part) for upload in uploads for part in upload.dead - upload.seen}
        for number, dead in now.buried.items():
            scores = {job: score for job, score in dead if keys.letter(job.decode(errors="surrogateescape")) in wanted}
            for job in queue.jobs(self._redis, scores):
                yield from job.rows()
                yield from queue.dead_rows(number, job.id, scores[job.id], now.reasons)

    def _journal(self, batch_ids: set[str], now: Look) -> Iterator[Row]:
        """What the journal is told of these uploads, from Redis or from the store of today."""
        key = keys.JOURNAL.encode()
        first = set(self._seen.journal)
        for text in now.journal:
            batch_id = _subject(text).removeprefix("batch ")
            if batch_id in batch_ids:
                batch_ids.discard(batch_id)
                if text not in first:
                    yield queue.list_row(key, text)
        told = {_subject(text).removeprefix("batch ") for text in first}
        rest = sorted(batch_ids - told)
        for some in _chunks(rest):
            with still(self._url, "election") as connection:
                subjects = [f"batch {batch_id}" for batch_id in some]
                statement = sa.select(Journal.__table__).where(_ACCEPTED, Journal.subject.in_(subjects))
                rows = connection.execute(statement.order_by(Journal.sequence)).all()
            yield from (queue.list_row(key, _as_in_redis(row)) for row in rows)


def _entry(fields: Fields, waiting: list[int]) -> Fields:
    """The entry of a batch without the outcomes of parts that wait here."""
    if b"received_at" not in fields:
        return {}
    entry = {name: value for name, value in fields.items() if name not in {b"part:%d" % part for part in waiting}}
    entry.pop(b"recorded", None)
    number = len(queue.outcomes(entry))
    return {**entry, b"recorded": b"%d" % number} if number else entry


def _fields(row: Any) -> Fields:
    """The entry of a batch as a station writes it, from its row; the row knows no request and no days to keep it."""
    values = {
        "election_id": "" if row.election_id is None else row.election_id,
        "official_email": row.official_email,
        "official_jmbg": row.official_jmbg,
        "file_name": row.file_name,
        "sha256": row.sha256,
        "lines": row.lines,
        "parts": row.parts,
        "keep_seconds": 30 * 24 * 3600,
        "received_at": keys.to_microseconds(row.received_at),
        "request_id": "",
        "station_id": "" if row.station_id is None else row.station_id,
    }
    return {name.encode(): str(values[name]).encode() for name in HEAD}


def _as_in_redis(row: Any) -> bytes:
    """An entry of the journal as it was on its way there; the id keeps it from being written twice."""
    received: datetime = row.moment
    event = Event(
        action=row.action,
        subject=row.subject,
        details=json.loads(row.details),
        outcome=Outcome(row.outcome),
        reason=row.reason,
        actor=row.actor,
        address=row.address,
        request_id=row.request_id,
        moment=received,
        id=row.id,
    )
    return f"{keys.to_microseconds(received)} {event.to_json()}".encode()


def _subject(text: bytes) -> str:
    try:
        said = json.loads(text.partition(b" ")[2])
        return str(said["subject"]) if said["action"] == "batch.accepted" else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _origin(fields: Fields) -> int:
    """The partition in whose queue RQ has put a job."""
    number = fields.get(b"origin", b"").rpartition(b"-")[2]
    return int(number) if number.isdigit() and len(number) < 6 else 0


def _places(now: Look) -> dict[bytes, int]:
    return {job: number for number, waiting in now.queues.items() for job in waiting}


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + _IDS_A_QUERY] for start in range(0, len(ids), _IDS_A_QUERY))
