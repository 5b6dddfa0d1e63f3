"""What officials do at a station: hand in ballots, and ask what became of them; ``sheets`` has the tally sheets."""

import hashlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import IO
from uuid import uuid4

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis

from shared import metrics
from shared.auth import Identity
from shared.config import StationSettings
from shared.errors import Conflict, InvalidInput, NotFound, TooLarge, TooManyAttempts, Unavailable
from shared.queue import batches, intake, keys, snapshot
from shared.queue.jobs import Queues
from shared.queue.parts import pack
from shared.sentences import say
from shared.terms import Role, StationStatus
from voting_station_service.rules import partition, read_ballots, settle_station

# What RFC 4122 ids and hashes need many times over; more would only fill Redis.
MAX_IDEMPOTENCY_KEY = 255
_MAX_FILE_NAME = 256
# Nothing that was sent may be left out in silence.
ONE_FILE = say("Send one file at a time; nothing was stored.")
# What is received only so much later than it was looked at is judged as if it were by then.
_SOON = timedelta(minutes=1)
# About as much as the processor's cache holds with what is made of it; and no thread waits long for one that reads.
_BLOCK_BYTES = 1 << 17


@dataclass(frozen=True)
class Station:
    """What the actions need: Redis and the settings."""

    redis: Redis
    queues: Queues
    settings: StationSettings
    refusals: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))
    # How often each voter's ballot has come, by its GUID alone.
    repetitions: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))


@contextmanager
def taking(station: Station, official: Identity) -> Iterator[None]:
    """Around all that is done with an official's upload, from its first byte on: what is refused in it is counted.

    To read a bad file costs as much as to read a good one, so ``TooManyAttempts`` meets who sends too many. They are
    counted in this process and not in Redis, because a refused upload leaves nothing there.
    """
    try:
        with limiting(station, official):
            yield
    except (Unavailable, TooManyAttempts) as error:
        metrics.uploads().end("unavailable" if isinstance(error, Unavailable) else "limited")
        raise
    except Exception:
        metrics.uploads().end("refused")
        raise


@contextmanager
def limiting(station: Station, official: Identity) -> Iterator[None]:
    """The limit alone, around whatever an official sends."""
    limit = RateLimitItemPerMinute(station.settings.refused_uploads_per_minute)
    if not station.refusals.test(limit, official.email):
        wait = station.refusals.get_window_stats(limit, official.email).reset_time - time.time()
        raise TooManyAttempts(
            "Too many refused uploads; mend the files before you send more.", retry_after=_whole(wait)
        )
    try:
        yield
    except (Unavailable, TooManyAttempts):
        # The sender can do nothing for these.
        raise
    except Exception:
        station.refusals.hit(limit, official.email)
        raise


def receive(
    station: Station,
    official: Identity,
    stream: IO[bytes],
    file_name: str,
    *,
    election_id: int | None,
    station_id: int | None = None,
    idempotency_key: str | None,
    must_be_open: bool,
) -> intake.Receipt | None:
    """Take one file in, whole or not at all; None when it holds no line.

    ``station_id`` is the polling station that the official names, if any. ``must_be_open`` refuses a file for an
    election that is not open, so that the official learns of it at once; the daemon decides by the moment of receipt in
    any case. Raises ``InvalidInput`` for the first bad line, ``Forbidden`` for somebody else's polling station.
    """
    check_key(idempotency_key)
    polling_station = settle_station(station_id, official.stations)
    refuse_large(station, stream)
    upload = intake.Upload(
        batch_id=uuid4().hex,
        election_id=election_id,
        official_email=official.email,
        official_jmbg=official.jmbg,
        file_name=safe_name(file_name),
        sha256=_sha256(stream),
        keep_seconds=station.settings.receipt_days * 86400,
        station_id=polling_station,
    )

    def read(sight: intake.Sight) -> intake.Contents | None:
        refuse_crowd(station, sight.uploads, sight.uploads_forgotten_in)
        if polling_station is not None:
            refuse_station(polling_station, sight.station)
        found = find_open(sight.elections(), sight.now, election_id).id if must_be_open else election_id
        _refuse_unattributable(station, sight, found, polling_station)
        cuts = partition(read_ballots(blocks(stream)), sight.partitions, station.settings.max_part_ballots)
        # Packed at once, a ballot takes a third of the memory.
        parts = [
            intake.PackedPart(cut.partition, len(cut.lines), pack(cut.guids, cut.poll_numbers, cut.lines))
            for cut in cuts
        ]
        if not parts:
            return None
        refuse_when_full(station, sight)
        return intake.Contents(found, parts)

    # A repetition gets its receipt also after the election has ended or while the queue is full.
    receipt = intake.accept(station.redis, station.queues, upload, idempotency_key, read)
    if receipt is not None and receipt.repeated:
        metrics.uploads().end("repeated")
    elif receipt is not None:
        metrics.uploads().accept(receipt.lines)
    return receipt


def batch(station: Station, reader: Identity, batch_id: str) -> batches.BatchStatus:
    """What became of a batch; officials see their own, administrators and auditors see all.

    How refused lines were cast is held back from whoever has not sent them where voters cast ballots themselves.
    """
    found = batches.status(station.redis, batch_id)
    sees_all = reader.has(Role.ADMINISTRATOR) or reader.has(Role.AUDITOR)
    # The address of a deleted account may meanwhile be another person's.
    is_own = found is not None and (found.head.official_email, found.head.official_jmbg) == (reader.email, reader.jmbg)
    if found is None or not (sees_all or is_own):
        raise NotFound("There is no such batch of yours; receipts are kept for a limited time.")
    if is_own or not found.refused or not _holds_choices_back(station, found.head):
        return found
    return replace(found, refused=[replace(line, poll_number=None) for line in found.refused])


def _holds_choices_back(station: Station, head: batches.BatchHead) -> bool:
    """Whether a batch may have ballots of an election with a ballot key.

    A ballot that its voter sent twice is cast alike both times, and the voter's receipt names it.
    """
    if not head.official_email:
        return True
    known, _ = snapshot.read(station.redis)
    if head.election_id is None:
        return any(one.ballot_key is not None and one.is_open(head.received_at) for one in known)
    # Of an election that is not known any more, for it was cancelled, nobody knows here what it was.
    return not any(one.ballot_key is None for one in known if one.id == head.election_id)


def queued(station: Station) -> tuple[int, int]:
    """Ballots that wait to be counted, and from how many on uploads are refused."""
    return intake.queued_ballots(station.redis), station.settings.max_queued_ballots


def elections(station: Station) -> list[tuple[snapshot.KnownElection, bool]]:
    """The elections that the station knows of, each with whether it is open now."""
    known, now = snapshot.read(station.redis)
    return [(election, election.is_open(now)) for election in known]


def find_open(
    known: Sequence[snapshot.KnownElection], now: datetime, election_id: int | None
) -> snapshot.KnownElection:
    """The election of this number, or the only one, if it is open; NotFound and Conflict say why there is none."""
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
        is_coming = election.start > keys.to_microseconds(now)
        raise Conflict(
            say("The election has not begun yet; nothing was stored.")
            if is_coming
            else say("The election has ended; nothing was stored.")
        )
    return election


def refuse_large(station: Station, stream: IO[bytes]) -> None:
    """Refuse a file over the limit; the web framework sees whole requests only."""
    size, limit = stream.seek(0, os.SEEK_END), station.settings.max_upload_bytes
    if size > limit:
        raise TooLarge(
            say(
                "The file has {size} bytes, and the limit is {limit}; cut it into smaller ones.",
                size=size,
                limit=limit,
            )
        )


def check_key(idempotency_key: str | None) -> None:
    """Refuse an idempotency key that is none."""
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_IDEMPOTENCY_KEY:
        words = say("An Idempotency-Key has 1 to {most} characters.", most=MAX_IDEMPOTENCY_KEY)
        raise InvalidInput(words, field="Idempotency-Key")


def refuse_crowd(station: Station, uploads: int, forgotten_in: int) -> None:
    """Refuse what comes from an official who has had too much accepted in the minute that runs."""
    if uploads >= station.settings.uploads_per_minute:
        wait = _whole(forgotten_in)
        raise TooManyAttempts("Too many uploads; nothing was stored. Send it again later.", retry_after=wait)


def refuse_station(station_id: int, status: str | None) -> None:
    """Refuse what comes from a polling station at which nobody votes."""
    if status is None:
        raise NotFound(
            say(
                "Polling station {number} is not known, or not yet; nothing was stored. An administrator sees to it.",
                number=str(station_id),
            )
        )
    if status == StationStatus.DISABLED:
        raise Conflict(say("Polling station {number} is disabled; nothing was stored.", number=str(station_id)))


def refuse_unattributable(station: Station, election: snapshot.KnownElection, station_id: int | None) -> None:
    """Refuse ballots that could not be attributed to a constituency of this election, if each elects for itself.

    Those are ballots of no polling station, or of one that was made after the geography of the election was frozen.
    """
    if not election.by_constituency:
        return
    if station_id is None:
        raise Conflict(
            "Each constituency elects for itself, so ballots have to be of a polling station, and you belong to "
            "none; nothing was stored. An administrator sees to it."
        )
    ((_, roll),) = snapshot.stations(station.redis, election.id, [station_id])
    if roll is not None and not roll.known_at:
        raise Conflict(
            "Each constituency elects for itself, and this polling station was made after the election opened, so that "
            "it belongs to none of them; nothing was stored. An administrator sees to it."
        )


def _refuse_unattributable(
    station: Station, sight: intake.Sight, election_id: int | None, station_id: int | None
) -> None:
    """Refuse ballots that would be counted in an election which cannot attribute them.

    Without a number they are of whatever election is open when they are received, which may be a moment later.
    """
    # Before any daemon has told of elections, what comes without the number of one is taken, as the classic API has it.
    for election in () if sight.published is None else sight.elections():
        is_open = election.is_open(sight.now) or election.is_open(sight.now + _SOON)
        if is_open and election_id in (None, election.id):
            refuse_unattributable(station, election, station_id)


def _whole(seconds: float) -> int:
    """Seconds to wait, as a header says them."""
    return max(1, math.ceil(seconds))


def refuse_when_full(station: Station, sight: intake.Sight) -> None:
    """Refuse what comes while too much waits already."""
    if sight.queued_ballots >= station.settings.max_queued_ballots:
        raise Unavailable(
            "Too many ballots wait to be counted at the moment; nothing was stored. Send it again.", retry_after=10
        )


def safe_name(name: str) -> str:
    """The last part of a file's name, without control characters; it is shown to people and never opened."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:_MAX_FILE_NAME]


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """An upload's bytes from the start, a large one without having it in memory."""
    stream.seek(0)
    while block := stream.read(_BLOCK_BYTES):
        yield block


def _sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks(stream):
        digest.update(block)
    return digest.hexdigest()
