"""The batches that an official has handed in, newest first, as ``intake`` lists them."""

from typing import Any

from redis import Redis

from shared.queue import keys
from shared.queue.batches import HEAD, BatchHead, BatchStatus, head, status_of
from shared.queue.connection import as_bytes, translated


def listed(redis: Redis, official_email: str, official_jmbg: str, start: int, most: int) -> tuple[list[BatchHead], int]:
    """What the station wrote down of at most ``most`` of them, from place ``start`` on, and how many there are in all.

    A batch that Redis has forgotten, which is older than the days for which it remembers, is left out.
    """
    found, total = _ids(redis, official_email, official_jmbg, start, most)
    with translated():
        pipe: Any = redis.pipeline(transaction=False)
        for batch_id in found:
            pipe.hmget(keys.batch(batch_id), HEAD)
        answers = pipe.execute() if found else []
    return [
        head(batch_id, fields)
        for batch_id, fields in zip(found, answers, strict=True)
        # All but the last two are written with the batch, in one step.
        if None not in fields[:-2]
    ], total


def statuses(
    redis: Redis, official_email: str, official_jmbg: str, start: int, most: int
) -> tuple[list[BatchStatus], int]:
    """The same with what became of each."""
    found, total = _ids(redis, official_email, official_jmbg, start, most)
    with translated():
        pipe: Any = redis.pipeline(transaction=False)
        for batch_id in found:
            pipe.hgetall(keys.batch(batch_id))
        answers = pipe.execute() if found else []
    shown = (status_of(batch_id, fields) for batch_id, fields in zip(found, answers, strict=True))
    return [one for one in shown if one is not None], total


def _ids(redis: Redis, official_email: str, official_jmbg: str, start: int, most: int) -> tuple[list[str], int]:
    key = keys.own_batches(official_email, official_jmbg)
    with translated():
        pipe: Any = redis.pipeline(transaction=False)
        pipe.lrange(key, start, start + most - 1).llen(key)
        found, total = pipe.execute()
    return [as_bytes(batch_id).decode() for batch_id in found], int(total)
