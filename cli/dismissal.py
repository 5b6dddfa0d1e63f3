"""Settling a dead letter that holds nothing to be counted: a stranger's job, or an upload that was never accepted."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from redis import Redis
from sqlalchemy.orm import Session

from shared.database import Database
from shared.errors import Conflict, NotFound
from shared.journal.store import note
from shared.queue import inspection, keys, work
from shared.queue.batches import HEAD, BatchHead, head
from shared.queue.connection import as_bytes, translated
from shared.schema.election import Batch, DeadLetter, Dismissal, Part


@dataclass(frozen=True)
class Dismissed:
    """What was dismissed; ``sha256`` is that of the ballots that lay under the job's id, if any did."""

    batch_id: str
    part: int
    buried_because: str
    ballots: int | None
    sha256: str | None


def dismiss(database: Database, redis: Redis, batch_id: str, part: int, reason: str, now: datetime) -> Dismissed:
    """Note in store and journal that a dead letter holds nothing to be counted, and remove it from the queue.

    Raises ``NotFound`` when there is no such dead letter, and ``Conflict`` for the ballots of an upload that was
    accepted: nothing but a replay settles those. Done a second time, it removes what the first time has left behind.
    """
    job_id = inspection.find(redis, batch_id, part)
    shown = as_bytes(job_id).decode(errors="surrogateescape") if job_id else keys.job_id(batch_id, part)
    key = keys.letter(shown)
    with database.writing() as session:
        letter = session.get(DeadLetter, key)
        if letter is None:
            raise NotFound(f"No dead letter is part {part} of batch {batch_id}; see `urna queue` for those there are.")
        dismissed = Dismissed(batch_id, part, letter.reason, letter.ballots, _sha256(redis, shown))
        if session.get(Dismissal, key) is None:
            _refuse_accepted(session, redis, letter, key)
            session.add(Dismissal(batch_id=key[0], part=key[1], reason=reason, dismissed_at=now))
            details = {"reason": reason, "buried_because": letter.reason, "ballots": letter.ballots}
            note(session, "part.dismissed", f"part {part} of batch {batch_id}", {**details, "sha256": dismissed.sha256})
    if job_id is not None:
        inspection.forget(redis, job_id)
    return dismissed


def _refuse_accepted(session: Session, redis: Redis, letter: DeadLetter, key: tuple[str, int]) -> None:
    """Raise ``Conflict`` if anything says that the batch of a dead letter was accepted by a station of ours."""
    batch_id, part = key
    told = "it can be mended and replayed, and not be dismissed."
    if letter.received_at is not None:
        raise Conflict(f"It holds ballots of an upload that was accepted at {letter.received_at.isoformat()}; {told}")
    # By columns, because for the asterisk of exists() PostgreSQL would want the right to read all of them.
    if any(
        session.scalar(sa.select(column).where(column == batch_id).limit(1)) for column in (Batch.id, Part.batch_id)
    ):
        raise Conflict(f"Ballots of its upload are recorded, so it was accepted; {told}")
    known = _head(redis, batch_id)
    if known is None or part >= known.parts:
        return
    latest = work.seed_clock(redis, None)
    if (letter.not_before is None or known.received_at >= letter.not_before) and known.received_at <= latest:
        raise Conflict(f"Its upload is known, and was accepted at {known.received_at.isoformat()}; {told}")


def _head(redis: Redis, batch_id: str) -> BatchHead | None:
    with translated():
        if redis.type(keys.batch(batch_id)) != b"hash":
            return None
        stored = redis.hmget(keys.batch(batch_id), HEAD)
    try:
        return head(batch_id, [None if value is None else as_bytes(value) for value in stored])
    except ValueError:
        return None


def _sha256(redis: Redis, job_id: str) -> str | None:
    """Of what lies where a part's ballots would; it stays in the journal when that is removed."""
    key = keys.payload("").encode() + job_id.encode(errors="surrogateescape")
    with translated():
        if redis.type(key) != b"string":
            return None
        return hashlib.sha256(as_bytes(redis.get(key) or b"")).hexdigest()
