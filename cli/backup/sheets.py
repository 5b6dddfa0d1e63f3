"""What is read of tally sheets in Redis: what waits, the photographs, and what officials may still ask for.

It is read in the first look, before the moment at which the store is seen: what has left Redis before was recorded by
then, and what is in both is recorded once, by its id.
"""

import json
from collections.abc import Iterator
from typing import Any

from redis import Redis

from cli.backup.archive import Columns
from cli.backup.columns import Row
from cli.backup.queue import KEYS, chunks, execute, hash_rows, list_row, scan, string_row
from shared.queue import keys, sheet_line
from shared.queue.connection import as_bytes, translated

# A photograph may have eight megabytes.
PHOTOGRAPHS = Columns(KEYS.names, KEYS.kinds, rows_a_block=4)

_KEYS_AT_ONCE = 500
_OUTCOME = b"became:"


def line(redis: Redis) -> list[bytes]:
    """What waits, at one moment."""
    with translated():
        return [as_bytes(text) for text in redis.lrange(keys.SHEETS, 0, -1)]


def photograph_rows(redis: Redis, waiting: list[bytes]) -> Iterator[Row]:
    """The photographs that wait; one that was recorded meanwhile is not there any more."""
    for text in waiting:
        sending = sheet_line.read(text)
        content = sheet_line.content(redis, sending.id)
        if content:
            yield string_row(keys.photograph(sending.id).encode(), content)


def rows(redis: Redis, waiting: list[bytes]) -> Iterator[Row]:
    """What waits, what became of what officials have sent, and their idempotency keys.

    What came after the look at the line is left out: nobody may be told of something that may not be here.
    """
    yield from (list_row(keys.SHEETS.encode(), text) for text in waiting)
    here = {sheet_line.read(text).id.encode() for text in waiting}
    for key, fields, expires in _read(redis, b"urna:sent:", "hgetall"):
        here |= {name.removeprefix(_OUTCOME) for name in fields if name.startswith(_OUTCOME)}
        kept = {name: value for name, value in fields.items() if name.rpartition(b":")[2] in here}
        yield from hash_rows(key, kept, expires)
    for key, text, expires in _read(redis, b"urna:sheet-key:", "get"):
        if _id_of(text) in here:
            yield string_row(key, text, expires)


def _read(redis: Redis, prefix: bytes, command: str) -> Iterator[tuple[bytes, Any, int | None]]:
    for found in chunks(scan(redis, prefix), _KEYS_AT_ONCE):
        pipe: Any = redis.pipeline(transaction=False)
        for key in found:
            getattr(pipe, command)(key)
            pipe.pttl(key)
        answers = execute(pipe)
        for key, value, expires in zip(found, answers[::2], answers[1::2], strict=True):
            if value:
                yield key, value, expires if expires > 0 else None


def _id_of(text: bytes) -> bytes:
    try:
        return str(json.loads(text.partition(b" ")[2])["id"]).encode()
    except (ValueError, KeyError, TypeError):
        return b""
