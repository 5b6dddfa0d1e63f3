"""What became of a batch, as far as the daemon has come with it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from redis import Redis

from shared.queue import keys
from shared.queue.connection import as_bytes, translated
from shared.terms import Progress

# The fields of a batch's entry that the station writes; what became of its parts is added to them. Entries that an
# earlier version wrote lack the last two: a request id as ``shared.web.logs`` lets it be, and the polling station.
HEAD = (
    "election_id",
    "official_email",
    "official_jmbg",
    "file_name",
    "sha256",
    "lines",
    "parts",
    "keep_seconds",
    "received_at",
    "request_id",
    "station_id",
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)

# What the columns of the store take, and the moments until the year 9999, in microseconds since 1970.
_COLUMN = range(2**31)
_MOMENTS = range(253_402_300_800_000_000)

# Enough for a person to see what went wrong; the administration lists all.
SHOWN_LINES = 100


@dataclass(frozen=True)
class RefusedLine:
    """A line that is not counted; lines count from 0. ``poll_number`` is None where its reader is not told it."""

    line: int
    guid: str
    poll_number: int | None
    reason: str

    @staticmethod
    def of(line: int, guid: bytes, poll_number: int, reason: str) -> "RefusedLine":
        return RefusedLine(line, str(UUID(bytes=guid)), poll_number, reason)


@dataclass(frozen=True)
class PartOutcome:
    """What became of the ballots of one part, with its first refused lines."""

    received: int
    counted: int
    duplicate: int
    invalid: int
    outside: int
    refused: list[RefusedLine] = field(default_factory=list)

    def to_json(self) -> str:
        # Written out, because asdict() would copy every value of the hundreds of thousands that a night has.
        return json.dumps({**vars(self), "refused": [vars(line) for line in self.refused]})

    @staticmethod
    def from_json(text: bytes) -> "PartOutcome":
        found = json.loads(text)
        refused = [RefusedLine(**line) for line in found.pop("refused")]
        return PartOutcome(**found, refused=refused)


@dataclass(frozen=True)
class BatchHead:
    """What the station wrote down of an upload."""

    id: str
    election_id: int | None
    official_email: str
    official_jmbg: str
    file_name: str
    sha256: str
    lines: int
    parts: int
    keep_seconds: int
    received_at: datetime
    # Of the upload, by which its log lines are found; empty where it is not known.
    request_id: str = ""
    # The polling station that it is from; None where the official belongs to none.
    station_id: int | None = None


@dataclass(frozen=True)
class BatchStatus:
    """A batch and the sums over those of its parts that are recorded."""

    head: BatchHead
    status: Progress
    received: int
    counted: int
    duplicate: int
    invalid: int
    outside: int
    dead_parts: int
    refused: list[RefusedLine]


def head(batch_id: str, fields: Sequence[bytes | None]) -> BatchHead:
    """Read what ``intake`` has written in the fields of ``HEAD``; raises ValueError when it is not that."""
    # A file's name may be empty, and a file may name no election; everything else says something.
    *needed, following, station = fields
    said = [field.decode() for field in needed if field is not None]
    if len(said) < len(needed):
        raise ValueError(f"The entry of batch {batch_id} is not whole.")
    election_id, email, jmbg, file_name, sha256, lines, parts, keep_seconds, received_at = said
    station_id = (station or b"").decode()
    if any(int(number or 0) not in _COLUMN for number in (election_id, lines, parts, keep_seconds, station_id)):
        raise ValueError(f"The entry of batch {batch_id} has a number that no station writes.")
    if int(received_at) not in _MOMENTS:
        raise ValueError(f"The entry of batch {batch_id} has a moment of receipt that no calendar has.")
    return BatchHead(
        id=batch_id,
        election_id=int(election_id) if election_id else None,
        official_email=email,
        official_jmbg=jmbg,
        file_name=file_name,
        sha256=sha256,
        lines=int(lines),
        parts=int(parts),
        keep_seconds=int(keep_seconds),
        received_at=keys.from_microseconds(int(received_at)),
        request_id=_request_id(following),
        station_id=int(station_id) if station_id else None,
    )


def _request_id(written: bytes | None) -> str:
    """What stands there, if it can be one: whatever is wrong with it, the ballots count."""
    text = (written or b"").decode("ascii", "replace")
    return text if _REQUEST_ID.fullmatch(text) else ""


def status(redis: Redis, batch_id: str) -> BatchStatus | None:
    """What became of a batch; None when Redis does not know it (any more)."""
    with translated():
        return status_of(batch_id, redis.hgetall(keys.batch(batch_id)))


def status_of(batch_id: str, answer: Mapping[Any, Any]) -> BatchStatus | None:
    """The same of the fields of its entry."""
    stored = {as_bytes(name): as_bytes(value) for name, value in answer.items()}
    if b"received_at" not in stored:
        return None
    its_head = head(batch_id, [stored.get(name.encode()) for name in HEAD])
    outcomes = [PartOutcome.from_json(text) for name, text in stored.items() if name.startswith(b"part:")]
    dead = sum(name.startswith(b"dead:") for name in stored)
    if len(outcomes) == its_head.parts:
        progress = Progress.COUNTED
    else:
        progress = Progress.COUNTING if outcomes else Progress.QUEUED
    refused = sorted((line for outcome in outcomes for line in outcome.refused), key=lambda line: line.line)
    return BatchStatus(
        head=its_head,
        status=progress,
        received=its_head.lines,
        counted=sum(outcome.counted for outcome in outcomes),
        duplicate=sum(outcome.duplicate for outcome in outcomes),
        invalid=sum(outcome.invalid for outcome in outcomes),
        outside=sum(outcome.outside for outcome in outcomes),
        dead_parts=dead,
        refused=refused[:SHOWN_LINES],
    )
