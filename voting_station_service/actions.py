"""What officials do at a station: hand in ballots, and ask what became of them."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from mmap import ACCESS_READ, mmap
from typing import IO
from uuid import uuid4

from redis import Redis

from shared.auth import Identity
from shared.config import StationSettings
from shared.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from shared.queue import batches, intake, keys, snapshot
from shared.queue.jobs import Queues
from shared.terms import Role
from voting_station_service.rules import partition, read_ballots

# What RFC 4122 ids and hashes need many times over; more would only fill Redis.
MAX_IDEMPOTENCY_KEY = 255
_MAX_FILE_NAME = 256
# Nothing that was sent may be left out in silence.
ONE_FILE = "Send one file at a time; nothing was stored."
# Up to here the web framework keeps an upload in memory anyway.
_SMALL_BYTES = 500 * 1024


@dataclass(frozen=True)
class Station:
    """What the actions need: Redis and the settings."""

    redis: Redis
    queues: Queues
    settings: StationSettings


def receive(
    station: Station,
    official: Identity,
    stream: IO[bytes],
    file_name: str,
    *,
    election_id: int | None,
    idempotency_key: str | None,
    must_be_open: bool,
) -> intake.Receipt | None:
    """Take one file in, whole or not at all; None when it holds no line.

    ``must_be_open`` refuses a file for an election that is not open, so that the official learns of it at once; the
    daemon decides by the moment of receipt in any case. Raises ``InvalidInput`` for the first bad line.
    """
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_IDEMPOTENCY_KEY:
        raise InvalidInput(f"An Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY} characters.", field="Idempotency-Key")
    with _contents(stream, station.settings.max_upload_bytes) as content:
        upload = intake.Upload(
            batch_id=uuid4().hex,
            election_id=election_id,
            official_email=official.email,
            official_jmbg=official.jmbg,
            file_name=_safe_name(file_name),
            sha256=hashlib.sha256(content).hexdigest(),
            lines=0,
            keep_seconds=station.settings.receipt_days * 86400,
        )
        # A repetition gets its receipt also after the election has ended or while the queue is full.
        earlier = intake.earlier_receipt(station.redis, upload, idempotency_key)
        if earlier:
            return earlier
        if must_be_open:
            found = _open_election(station, election_id)
            upload = replace(upload, election_id=found.id, election_was_named=election_id is not None)
        ballots = read_ballots(content)
    if not ballots.poll_numbers:
        return None
    upload = replace(upload, lines=len(ballots.poll_numbers))
    _refuse_when_full(station)
    return intake.accept(
        station.redis,
        station.queues,
        upload,
        lambda partitions: partition(
            ballots.guids, ballots.poll_numbers, partitions, station.settings.max_part_ballots
        ),
        idempotency_key,
    )


def batch(station: Station, reader: Identity, batch_id: str) -> batches.BatchStatus:
    """What became of a batch; officials see their own, administrators and auditors see all."""
    found = batches.status(station.redis, batch_id)
    sees_all = reader.has(Role.ADMINISTRATOR) or reader.has(Role.AUDITOR)
    if found is None or not (sees_all or found.head.official_email == reader.email):
        raise NotFound("There is no such batch of yours; receipts are kept for a limited time.")
    return found


def elections(station: Station) -> list[tuple[snapshot.KnownElection, bool]]:
    """The elections that the station knows of, each with whether it is open now."""
    known, now = snapshot.read(station.redis)
    return [(election, election.is_open(now)) for election in known]


def _open_election(station: Station, election_id: int | None) -> snapshot.KnownElection:
    known, now = snapshot.read(station.redis)
    if election_id is None:
        found = [election for election in known if election.is_open(now)]
        if len(found) > 1:
            raise Conflict(
                "Several elections are open; name one: `urna upload --election`, or POST /api/elections/{id}/batches."
            )
        if not found:
            raise Conflict("No election is open at the moment; nothing was stored.")
        return found[0]
    election = next((election for election in known if election.id == election_id), None)
    if election is None:
        raise NotFound("No published election has this number, or it was cancelled.")
    if not election.is_open(now):
        when = "has not begun yet" if election.start > keys.to_microseconds(now) else "has ended"
        raise Conflict(f"The election {when}; nothing was stored.")
    return election


def _refuse_when_full(station: Station) -> None:
    waiting = intake.queued_ballots(station.redis)
    if waiting >= station.settings.max_queued_ballots:
        raise Unavailable(
            "Too many ballots wait to be counted at the moment; nothing was stored. Send it again.", retry_after=10
        )


def _safe_name(name: str) -> str:
    """The last part of a file's name, without control characters; it is shown to people and never opened."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:_MAX_FILE_NAME]


@contextmanager
def _contents(stream: IO[bytes], limit: int) -> Iterator[bytes | mmap]:
    """An upload's bytes: small ones as they are, large ones mapped from their file, not copied into memory.

    Raises ``TooLarge`` for a file of more than ``limit`` bytes, where the web framework sees whole requests only.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size > limit:
        raise TooLarge(f"The file has {size} bytes, and the limit is {limit}; cut it into smaller ones.")
    if size <= _SMALL_BYTES:
        yield stream.read()
        return
    stream.flush()
    with mmap(stream.fileno(), 0, access=ACCESS_READ) as mapped:
        yield mapped
