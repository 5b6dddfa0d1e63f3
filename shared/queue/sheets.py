"""How an official's entry of a tally sheet, or a photograph of one, enters Redis: whole, once, and with its moment.

What was sent waits in one list, in order, until the daemon that works partition 0 has recorded it (``sheet_line``). The
content of a photograph lies beside it. What an official has sent of a sheet, and what became of it, is a hash of its
own: the JSON of what was sent by its id, its moment as ``at:ID``, and from the daemon ``became:ID``.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.errors import InvalidInput, Unavailable
from shared.journal.events import origin
from shared.queue import keys, sheet_copies
from shared.queue.connection import count_error, translated
from shared.queue.intake import STAMP, UPLOADS_WINDOW_SECONDS
from shared.queue.line import Command, Line
from shared.queue.sheet_copies import SheetCopy
from shared.queue.snapshot import KnownElection, Roll, parsed, read_roll
from shared.sheets import Person

ENTRY, PHOTOGRAPH = "entry", "photograph"

# Photographs that wait may never take the room that ballots need; while more wait, none is taken.
MOST_WAITING_BYTES = 256 * 1024 * 1024

# As in ``journal``: the list is named in the text, because the station's user may only add to it.
_RECEIVE = (
    STAMP
    + f"""
redis.call('HSET', KEYS[2], 'at:' .. ARGV[1], stamp)
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('RPUSH', '{keys.SHEETS}', stamp .. ' ' .. ARGV[3])
if KEYS[3] then redis.call('SET', KEYS[3], stamp .. ' ' .. ARGV[4], 'EX', ARGV[2]) end
return stamp
"""
)

# As in ``intake``: it says whether a transaction whose answer was lost was executed, and writes to a key that the
# transaction watches, so that one still on its way is refused by Redis.
_SETTLE = """
local stamp = redis.call('HGET', KEYS[1], 'at:' .. ARGV[1])
if stamp then return stamp end
redis.call('HSET', KEYS[1], 'void', ARGV[1])
return false
"""
_ATTEMPTS = 8


@dataclass(frozen=True)
class Sending:
    """What an official sends of a sheet; ``content`` is that of a photograph.

    ``fingerprint`` has to be the same when an idempotency key comes again.
    """

    id: str
    kind: str
    election_id: int
    station_id: int
    official_email: str
    keep_seconds: int
    fingerprint: str
    content: bytes = b""
    official_jmbg: str = ""

    @property
    def official(self) -> Person:
        return Person(self.official_email, self.official_jmbg)


@dataclass(frozen=True)
class Judged:
    """What is to be recorded of something that was sent, and what its sender is told; both for JSON.

    ``said`` of an entry has ``numbers`` and ``explanations``, that of a photograph ``name``, ``media_type``, ``sha256``
    and ``size``.
    """

    said: Mapping[str, Any]
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Own:
    """Something that an official has sent of a sheet before; ``became`` is empty while it waits."""

    id: str
    kind: str
    received_at: datetime
    said: Mapping[str, Any]
    became: Mapping[str, Any]

    @property
    def waits(self) -> bool:
        return not self.became


@dataclass(frozen=True)
class Sight:
    """What Redis knows at one moment of a sheet and its polling station, and of what this official has sent of it."""

    now: datetime
    published: bytes | None
    station: str | None
    roll: Roll | None
    copy: SheetCopy
    own: Sequence[Own]
    waiting_bytes: int = 0
    uploads: int = 0
    uploads_forgotten_in: int = 0

    def elections(self) -> tuple[KnownElection, ...]:
        """The published elections; ``Unavailable`` before any daemon has told them."""
        return parsed(self.published)


@dataclass(frozen=True)
class Receipt:
    """The proof that something was accepted; ``told`` is what its sender was told with it."""

    id: str
    received_at: datetime
    told: Mapping[str, Any]
    repeated: bool = False


def look(redis: Redis, election_id: int, station_id: int, official: Person) -> Sight:
    """What Redis knows of a sheet, and of what this person has sent of it."""
    with translated():
        pipe: Any = redis.pipeline(transaction=False)
        for command in _questions(election_id, station_id, official.email):
            pipe.execute_command(*command)
        return _sight(official, pipe.execute())


def accept(
    redis: Redis,
    sending: Sending,
    idempotency_key: str | None,
    judge: Callable[[Sight], Judged],
) -> Receipt:
    """Put what was sent into the line in one transaction; when this returns, it is in the append-only file.

    ``judge`` raises what is to be refused. It is called again if what it has seen of the official's own has changed; a
    repetition gets its receipt without it. Raises ``Unavailable`` when Redis cannot take it, and ``InvalidInput`` when
    the key was used for something else.
    """
    for _ in range(_ATTEMPTS):
        try:
            with translated(), Line(redis) as line:
                return _try_to_accept(redis, line, sending, idempotency_key, judge)
        except WatchError:
            continue
    raise Unavailable("The queue is changing at the moment; nothing was stored. Send it again.")


def _try_to_accept(
    redis: Redis,
    line: Line,
    sending: Sending,
    idempotency_key: str | None,
    judge: Callable[[Sight], Judged],
) -> Receipt:
    remembered = [keys.sheet_key(sending.official_email, idempotency_key)] if idempotency_key else []
    own = keys.sent(sending.election_id, sending.station_id, sending.official_email)
    questions = _questions(sending.election_id, sending.station_id, sending.official_email)
    *answers, said = line.watch([own, *remembered], *questions, ("MGET", *(remembered or [own])))
    if remembered and said[0] is not None:
        return _earlier(said[0], sending)
    judged = judge(_sight(sending.official, answers))
    try:
        stamp = int(line.execute(list(_commands(sending, own, judged, remembered)))[-1])
    except (RedisConnectionError, RedisTimeoutError) as error:
        count_error(error)
        stamp = _settle(redis, own, sending.id)
    return Receipt(sending.id, keys.from_microseconds(stamp), judged.told)


def _questions(election_id: int, station_id: int, official_email: str) -> list[Command]:
    uploads = keys.uploads(official_email)
    return [
        ("TIME",),
        ("MGET", keys.ELECTIONS, keys.PHOTOGRAPHS, uploads),
        ("TTL", uploads),
        ("HMGET", keys.STATIONS, station_id),
        ("HMGET", keys.ROLLS, station_id, f"{election_id}:{station_id}"),
        ("HGETALL", keys.sheet(election_id, station_id)),
        ("HGETALL", keys.sent(election_id, station_id, official_email)),
    ]


def _sight(official: Person, answers: Sequence[Any]) -> Sight:
    (seconds, microseconds), (published, waiting, uploads), left, (status,), rolls, copy, own = answers
    return Sight(
        now=keys.from_microseconds(int(seconds) * 1_000_000 + int(microseconds)),
        published=published,
        station=None if status is None else status.decode(),
        roll=read_roll(*rolls),
        copy=sheet_copies.read(_fields(copy)),
        own=tuple(_own(official, _fields(own))),
        waiting_bytes=int(waiting or 0),
        uploads=int(uploads or 0),
        uploads_forgotten_in=int(left),
    )


def _fields(answer: Any) -> dict[bytes, bytes]:
    """The fields of a hash, as the library gives them or as they come over the line."""
    return dict(answer) if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))


def _own(official: Person, fields: Mapping[bytes, bytes]) -> list[Own]:
    """What this person has sent; the rest is of who had the same address before them."""
    found = []
    for name, stamp in fields.items():
        sort, _, sending_id = name.partition(b":")
        said = fields.get(sending_id)
        if sort == b"at" and said is not None:
            sent = json.loads(said)
            if not official.is_same(Person(official.email, sent.get("jmbg", ""))):
                continue
            became = json.loads(fields.get(b"became:" + sending_id, b"{}"))
            moment = keys.from_microseconds(int(stamp))
            found.append(Own(sending_id.decode(), sent["kind"], moment, sent["said"], became))
    return sorted(found, key=lambda one: one.received_at)


def _commands(sending: Sending, own: str, judged: Judged, remembered: Sequence[str]) -> Iterator[Command]:
    here = origin()
    waiting = {
        "id": sending.id,
        "kind": sending.kind,
        "election": sending.election_id,
        "station": sending.station_id,
        "official": sending.official_email,
        "jmbg": sending.official_jmbg,
        "address": here.address,
        "request_id": here.request_id,
        "said": judged.said,
    }
    if sending.content:
        yield "INCRBY", keys.PHOTOGRAPHS, len(sending.content)
        yield "SET", keys.photograph(sending.id), sending.content
    yield "HSET", own, sending.id, _json({"kind": sending.kind, "jmbg": sending.official_jmbg, "said": judged.said})
    uploads = keys.uploads(sending.official_email)
    yield "SET", uploads, 0, "EX", UPLOADS_WINDOW_SECONDS, "NX"
    yield "INCRBY", uploads, 1
    receipt = _json({"id": sending.id, "fingerprint": sending.fingerprint, "told": judged.told})
    words = (sending.id, sending.keep_seconds, _json(waiting), receipt)
    yield "EVAL", _RECEIVE, 2 + len(remembered), keys.CLOCK, own, *remembered, *words


def _settle(redis: Redis, own: str, sending_id: str) -> int:
    """The stamp of a transaction whose answer was lost; ``Unavailable`` when it was not executed or nobody knows."""
    try:
        stamp = redis.eval(_SETTLE, 1, own, sending_id)
    except RedisError as error:
        raise Unavailable(
            "The queue did not answer, so it is not known whether this was stored. Look at the sheet, and send it "
            "again with the same Idempotency-Key if it had one."
        ) from error
    if stamp is None:
        raise Unavailable("The queue could not be reached; nothing was stored. Send it again.")
    return int(stamp)


def _earlier(said: bytes, sending: Sending) -> Receipt:
    stamp, _, text = said.partition(b" ")
    earlier = json.loads(text)
    if earlier["fingerprint"] != sending.fingerprint:
        raise InvalidInput(
            "This Idempotency-Key was used for something else; use a new key for another entry or photograph.",
            field="Idempotency-Key",
        )
    return Receipt(earlier["id"], keys.from_microseconds(int(stamp)), earlier["told"], repeated=True)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
