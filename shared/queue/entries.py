"""What is read of a job's entry in Redis, and the refusal of every job that no station of ours has written.

It is read as JSON, and by us: RQ would look at a dozen fields more, and a job is something for it that is imported and
called. Nothing is here, so that whoever can write to Redis cannot make the daemon run code.
"""

import json
import zlib
from collections.abc import Sequence

from shared.queue import keys
from shared.queue.jobs import RECORD

# A job's data, and what would make RQ call something besides.
FIELDS = ("data", "success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks")
# Ours are shorter; whatever is cut off here is no JSON any more.
_LONGEST_DATA = 1024

# More than any part holds, and what the columns of the store take.
_MOST_BALLOTS = 2**31


class RefusedJob(Exception):  # The daemon buries such a job; the message says why.
    """A job that no station of ours has written."""


def is_job_id(text: str) -> bool:
    """Whether a queue's entry has the form that a station gives it: the UUID of a batch and the number of a part."""
    return keys.JOB_ID.fullmatch(text) is not None


def read_part(job_id: str, fields: Sequence[bytes | None]) -> tuple[str, int, int]:
    """The batch, the part and its number of ballots that a job names, from the values of ``FIELDS``.

    Raises ``RefusedJob`` for any job but those that say ``RECORD`` for the part that the job's id names.
    """
    data, success, failure, stopped, webhooks = fields
    if data is None:
        raise RefusedJob("The job's entry is not as RQ writes it.")
    if success or failure or stopped:
        raise RefusedJob("The job has a callback.")
    if webhooks:
        raise RefusedJob("The job has a webhook.")
    try:
        name, instance, arguments, named = json.loads(_decompressed(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise RefusedJob("The job is not written as JSON.") from error
    if name != RECORD:
        raise RefusedJob(f"The job calls {name!r}; only {RECORD} is allowed.")
    match arguments:
        # A truth value is a whole number too, in Python.
        case [str() as batch_id, int() as part, int() as ballots] if (
            not named
            and instance is None
            and type(part) is type(ballots) is int
            and part >= 0
            and 0 < ballots < _MOST_BALLOTS
            and keys.job_id(batch_id, part) == job_id
        ):
            return batch_id, part, ballots
    raise RefusedJob("The job does not name a batch, a part that fits its id, and a number of ballots.")


def _decompressed(data: bytes) -> bytes:
    """What RQ has compressed, or has not."""
    try:
        return zlib.decompressobj().decompress(data, _LONGEST_DATA)
    except zlib.error:
        return data[:_LONGEST_DATA]
