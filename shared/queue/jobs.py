"""The one kind of job that the partitions' queues carry, and the refusal of every other.

A job says ``daemon.actions.record`` with the id of a batch, the number of a part, and how many ballots it has. It is
written as JSON, never pickled, so that whoever can write to Redis cannot make the daemon run code. Its signature is a
contract with the jobs that are queued while a new version is rolled out: it may only grow, at its end.
"""

import re
from collections.abc import Mapping
from typing import Any

from redis import Redis
from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from shared.queue import keys

RECORD = "daemon.actions.record"

_JOB_ID = re.compile(r"[A-Za-z0-9-]{1,64}_[0-9]{1,9}")


class RefusedJob(Exception):  # The daemon buries such a job; the message says why.
    """A job that no station of ours has written."""


class PartJob(Job):
    """An RQ job that may only say ``RECORD``; nothing that it names is ever imported or called."""

    _damage: Exception | None = None
    _has_webhooks = False

    @classmethod
    def read(cls, job_id: str, entry: Mapping[Any, Any], redis: Redis) -> "PartJob | None":
        """A job from the hash that Redis keeps for it; None when there is none."""
        if not entry:
            return None
        job = cls(job_id, connection=redis, serializer=JSONSerializer)
        job.restore(entry)
        return job

    def restore(self, raw_data: Any) -> None:
        """Read an entry as RQ does, and keep what is wrong with it for ``part``; others are read beside it."""
        # RQ passes over webhooks that it cannot read.
        self._has_webhooks = bool(raw_data.get(b"webhooks"))
        try:
            super().restore(raw_data)
        except Exception as error:
            # RQ raises whatever its parsers do. One wrong entry must not keep the queue from being read.
            self._damage = error

    def part(self) -> tuple[str, int, int]:
        """The batch, the part and its number of ballots; raises ``RefusedJob`` for any other job."""
        if self._damage is not None:
            raise RefusedJob("The job's entry is not as RQ writes it.") from self._damage
        try:
            name, arguments, named = self.func_name, self.args, self.kwargs
        except (DeserializationError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RefusedJob("The job is not written as JSON.") from error
        if name != RECORD:
            raise RefusedJob(f"The job calls {name!r}; only {RECORD} is allowed.")
        if self._success_callback_name or self._failure_callback_name or self._stopped_callback_name:
            raise RefusedJob("The job has a callback.")
        if self._has_webhooks:
            raise RefusedJob("The job has a webhook.")
        match arguments:
            # A truth value is a whole number too, in Python.
            case [str() as batch_id, int() as part, int() as ballots] if (
                not named
                and type(part) is type(ballots) is int
                and part >= 0
                and ballots > 0
                and keys.job_id(batch_id, part) == self.id
            ):
                return batch_id, part, ballots
        raise RefusedJob("The job does not name a batch, a part that fits its id, and a number of ballots.")


def is_job_id(text: str) -> bool:
    """Whether a queue's entry has the form that ``keys.job_id`` gives it."""
    return _JOB_ID.fullmatch(text) is not None


class Queues:
    """The partitions' queues; each is made once, because RQ asks the server's version for every new object."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queues: dict[int, Queue] = {}

    def of(self, partition: int) -> Queue:
        """The queue of one partition."""
        if partition not in self._queues:
            self._queues[partition] = Queue(
                keys.queue_name(partition),
                connection=self._redis,
                serializer=JSONSerializer,
                job_class=PartJob,
                default_timeout=-1,
            )
        return self._queues[partition]


def prepared(batch_id: str, part: int, ballots: int) -> Any:
    """What ``Queue.enqueue_many`` takes for one part."""
    return Queue.prepare_data(
        RECORD,
        args=(batch_id, part, ballots),
        job_id=keys.job_id(batch_id, part),
        timeout=-1,
        result_ttl=0,
        failure_ttl=-1,
        description=f"part {part} of batch {batch_id}",
    )
