"""How an upload enters the queue: whole, once, and with the moment at which Redis had it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.errors import InvalidInput, Unavailable
from shared.journal.events import VOTERS, Event, event, origin
from shared.queue import keys
from shared.queue.connection import count_error, translated
from shared.queue.jobs import Queues, moment
from shared.queue.line import Command, Line
from shared.queue.snapshot import KnownElection, parsed

# How far the last stamp may be ahead of the latest moment that Redis's own clock is known to have shown.
LEEWAY_SECONDS = 60

# Redis's clock may be set back; a receipt may not. So each receipt is later than the one before and than every
# watermark, which the daemon takes from the same key. A station may write that key, and one in wrong hands could set it
# to next year, and all receipts with it; so what is ahead of the clock by more than the leeway is passed over. How late
# it has been is what the daemon alone writes down. It begins with a write that needs no memory: Redis 6 takes the lack
# of memory that another client met for the script's own, and refuses its first write but none that follows.
STAMP = f"""
redis.call('PERSIST', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local latest = math.max(now, tonumber(redis.call('GET', '{keys.LATEST}') or '0'))
if now <= last and last <= latest + {LEEWAY_SECONDS * 1_000_000} then now = last + 1 end
local stamp = string.format('%.0f', now)
redis.call('SET', KEYS[1], stamp)
"""
_RECEIVE = (
    STAMP
    + f"""
redis.call('HSET', KEYS[2], 'received_at', stamp)
redis.call('RPUSH', '{keys.JOURNAL}', stamp .. ' ' .. ARGV[1])
return stamp
"""
)

# A transaction whose answer was lost is executed already, or never will be: this says which, and writes to a key that
# the transaction watches, so that one still on its way is refused by Redis.
_SETTLE = """
local stamp = redis.call('HGET', KEYS[1], 'received_at')
if stamp then return stamp end
redis.call('SET', KEYS[1], '', 'PX', 1)
return false
"""

# How many of an official's batches are listed; nobody hands in more within the days for which they are remembered.
MOST_OWN_BATCHES = 10_000

# An official's uploads are counted from the first one on for so long.
UPLOADS_WINDOW_SECONDS = 60

# How often the number of partitions or an idempotency key may change under our hands before we give up.
_ATTEMPTS = 8


@dataclass(frozen=True)
class Upload:
    """What is known of an upload before it is read; ``election_id`` is the one that its sender has named.

    Without an official, who is named by email and national id, it is ballots that voters have cast themselves. Those
    come in no file, so that the file's name and its digest are empty.
    """

    batch_id: str
    election_id: int | None
    official_email: str
    official_jmbg: str
    file_name: str
    sha256: str
    keep_seconds: int
    # The polling station that it is from, for which its sender may hand in; None where the sender belongs to none.
    station_id: int | None = None

    @property
    def fingerprint(self) -> str:
        """What has to be the same when an idempotency key comes again: what the sender sent, not what was found."""
        station = "" if self.station_id is None else f":{self.station_id}"
        return f"{self.election_id or ''}:{self.sha256}{station}"


@dataclass(frozen=True)
class Sight:
    """What Redis knows at one moment, by which a station decides about an upload."""

    partitions: int
    queued_ballots: int
    now: datetime
    published: bytes | None
    # What this official has had accepted in the window that runs, and for how many seconds it still does.
    uploads: int = 0
    uploads_forgotten_in: int = 0
    # Whether the upload's polling station is active or disabled; None when there is none of this number.
    station: str | None = None

    def elections(self) -> tuple[KnownElection, ...]:
        """The published elections; ``Unavailable`` before any daemon has told them."""
        return parsed(self.published)


@dataclass(frozen=True)
class PackedPart:
    """Ballots of one partition, in the form of ``shared.queue.parts``."""

    partition: int
    ballots: int
    payload: bytes


@dataclass(frozen=True)
class Contents:
    """What an upload holds, and the election that it is for; the parts of a partition are in the order of the file."""

    election_id: int | None
    parts: Sequence[PackedPart]

    @property
    def lines(self) -> int:
        return sum(part.ballots for part in self.parts)


@dataclass(frozen=True)
class Receipt:
    """What the sender of an accepted upload gets."""

    batch_id: str
    election_id: int | None
    sha256: str
    lines: int
    received_at: datetime
    station_id: int | None
    repeated: bool = False


def partitions(redis: Redis) -> int:
    """The number of partitions as the daemon has recorded it; ``Unavailable`` before any daemon has."""
    with translated():
        return _number(redis.get(keys.PARTITIONS))


def queued_ballots(redis: Redis) -> int:
    """Ballots that wait to be counted, as the stations count them."""
    with translated():
        return int(redis.get(keys.QUEUED_BALLOTS) or 0)


def accept(
    redis: Redis,
    queues: Queues,
    upload: Upload,
    idempotency_key: str | None,
    read: Callable[[Sight], Contents | None],
) -> Receipt | None:
    """Put an upload into the queues in one transaction; when this returns, it is in the append-only file.

    ``read`` decides by what Redis knows whether the upload is welcome, and cuts it for the number of partitions; None
    means that it holds nothing, which is not stored. It is called again if what it has seen has changed. A repetition
    gets its receipt without it. Raises ``Unavailable`` when Redis cannot take all of it, and ``InvalidInput`` when the
    key was used for something else.
    """
    for _ in range(_ATTEMPTS):
        try:
            with translated(), Line(redis) as line:
                return _try_to_accept(redis, line, queues, upload, idempotency_key, read)
        except WatchError:
            continue
    raise Unavailable("The queue is changing at the moment; nothing was stored. Send it again.")


def _try_to_accept(
    redis: Redis,
    line: Line,
    queues: Queues,
    upload: Upload,
    idempotency_key: str | None,
    read: Callable[[Sight], Contents | None],
) -> Receipt | None:
    remembered = [keys.idempotency(upload.official_email, idempotency_key)] if idempotency_key else []
    counter = keys.uploads(upload.official_email)
    # The counter is not watched, so that an official's uploads do not stand in each other's way; those that come at the
    # same instant may go beyond the limit by as many as there are threads.
    (number, queued, text, uploads, *said), (seconds, microseconds), left, (status,) = line.watch(
        [keys.PARTITIONS, keys.batch(upload.batch_id), *remembered],
        ("MGET", keys.PARTITIONS, keys.QUEUED_BALLOTS, keys.ELECTIONS, counter, *remembered),
        ("TIME",),
        ("TTL", counter),
        ("HMGET", keys.STATIONS, upload.station_id or 0),
    )
    earlier = _earlier(redis, said[0], upload) if said and said[0] is not None else None
    if earlier:
        return earlier
    now = keys.from_microseconds(int(seconds) * 1_000_000 + int(microseconds))
    station = None if status is None else status.decode()
    contents = read(Sight(_number(number), int(queued or 0), now, text, int(uploads or 0), int(left), station))
    if contents is None:
        return None
    try:
        stamp = int(line.execute(list(_commands(queues, upload, contents, remembered)))[-2])
    except (RedisConnectionError, RedisTimeoutError) as error:
        count_error(error)
        stamp = _settle(redis, upload)
    moment_of_receipt = keys.from_microseconds(stamp)
    return Receipt(
        *(upload.batch_id, contents.election_id, upload.sha256, contents.lines, moment_of_receipt), upload.station_id
    )


def _commands(queues: Queues, upload: Upload, contents: Contents, remembered: Sequence[str]) -> Iterator[Command]:
    """All that is written for an upload."""
    now = moment()
    jobs: dict[int, list[str]] = {}
    for index, part in enumerate(contents.parts):
        job_id = keys.job_id(upload.batch_id, index)
        yield "SET", keys.payload(job_id), part.payload
        yield "HSET", keys.job(job_id), *queues.entry(part.partition, upload.batch_id, index, part.ballots, now)
        jobs.setdefault(part.partition, []).append(job_id)
    yield "SADD", keys.QUEUES, *(keys.queue(partition) for partition in jobs)
    for partition, its_jobs in jobs.items():
        yield "RPUSH", keys.queue(partition), *its_jobs
    batch = keys.batch(upload.batch_id)
    yield (
        *("HSET", batch),
        *("election_id", contents.election_id or ""),
        *("official_email", upload.official_email),
        *("official_jmbg", upload.official_jmbg),
        *("file_name", upload.file_name),
        *("sha256", upload.sha256),
        *("lines", contents.lines),
        *("parts", len(contents.parts)),
        *("keep_seconds", upload.keep_seconds),
        *("request_id", origin().request_id),
        *("station_id", upload.station_id or ""),
    )
    for key in remembered:
        text = json.dumps({"batch": upload.batch_id, "fingerprint": upload.fingerprint})
        yield "SET", key, text, "EX", upload.keep_seconds
    yield "INCRBY", keys.QUEUED_BALLOTS, contents.lines
    if upload.official_email:
        yield from _of_official(upload)
    # In the same step as the moment of receipt, so that the journal has the uploads in the order of their receipts.
    yield "EVAL", _RECEIVE, 2, keys.CLOCK, batch, _accepted(upload, contents).to_json()
    yield "PUBLISH", keys.ARRIVED, ",".join(map(str, jobs))


def _of_official(upload: Upload) -> Iterator[Command]:
    """What is written of an official's upload besides; ballots that voters have cast are nobody's."""
    uploads = keys.uploads(upload.official_email)
    yield "SET", uploads, 0, "EX", UPLOADS_WINDOW_SECONDS, "NX"
    yield "INCRBY", uploads, 1
    own = keys.own_batches(upload.official_email, upload.official_jmbg)
    yield "LPUSH", own, upload.batch_id
    yield "LTRIM", own, 0, MOST_OWN_BATCHES - 1
    yield "EXPIRE", own, upload.keep_seconds


def _accepted(upload: Upload, contents: Contents) -> Event:
    """What the journal tells of an upload: enough to recognise its ballots, and none of them.

    Of ballots that voters have cast it is not enough for whoever has a receipt: their payloads are salted.
    """
    digests = b"".join(sha256(part.payload).digest() for part in contents.parts)
    return event(
        "batch.accepted",
        f"batch {upload.batch_id}",
        {
            "election": contents.election_id,
            **({} if upload.station_id is None else {"station": upload.station_id}),
            "file": upload.file_name,
            "sha256": upload.sha256,
            "lines": contents.lines,
            "parts": len(contents.parts),
            "payloads": sha256(digests).hexdigest(),
        },
        actor=upload.official_email or VOTERS,
    )


def _settle(redis: Redis, upload: Upload) -> int:
    """The stamp of a transaction whose answer was lost; ``Unavailable`` when it was not executed or nobody knows."""
    try:
        stamp = redis.eval(_SETTLE, 1, keys.batch(upload.batch_id))
    except RedisError as error:
        raise Unavailable(
            "The queue did not answer, so it is not known whether the file was stored. Send it again, with the same "
            "Idempotency-Key if it had one; no ballot is counted twice."
        ) from error
    if stamp is None:
        raise Unavailable("The queue could not be reached; nothing was stored. Send it again.")
    return int(stamp)


def _number(recorded: bytes | str | None) -> int:
    if recorded is None:
        raise Unavailable("No daemon has prepared the queue yet; send it again in a moment.")
    return int(recorded)


def _earlier(redis: Redis, said: bytes, upload: Upload) -> Receipt | None:
    """The receipt of the same upload under the same key; another upload under it is refused."""
    earlier = json.loads(said)
    if earlier["fingerprint"] != upload.fingerprint:
        raise InvalidInput(
            "This Idempotency-Key was used for another upload; use a new key for a new upload.",
            field="Idempotency-Key",
        )
    lines, stamp, election_id = redis.hmget(keys.batch(earlier["batch"]), "lines", "received_at", "election_id")
    if lines is None or stamp is None:
        return None
    return Receipt(
        earlier["batch"],
        int(election_id) if election_id else None,
        upload.sha256,
        int(lines),
        keys.from_microseconds(int(stamp)),
        upload.station_id,
        repeated=True,
    )
