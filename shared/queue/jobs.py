"""The one kind of job that the partitions' queues carry, as RQ would write it.

A job says ``daemon.actions.record`` with the id of a batch, the number of a part, and how many ballots it has. It is
written as JSON, never pickled, so that whoever can write to Redis cannot make the daemon run code. Its signature is a
contract with the jobs that are queued while a new version is rolled out: it may only grow, at its end.
"""

from redis import Redis
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from shared.queue import keys
from shared.queue.parts import stored

RECORD = "daemon.actions.record"


class Queues:
    """What RQ keeps of the jobs in the partitions' queues.

    RQ takes a third of a millisecond to make a job and to write its entry. So it does that once for each partition, and
    what differs from part to part is filled in.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._entries: dict[int, list[str | bytes | int]] = {}

    def entry(self, partition: int, batch_id: str, part: int, ballots: int, moment: str) -> list[str | bytes | int]:
        """The fields and values, in turn, of a part's job that is put into the queue of ``partition`` at ``moment``."""
        if partition not in self._entries:
            self._entries[partition] = self._of_any_part(partition)
        said: tuple[object, ...] = (RECORD, None, (batch_id, part, ballots), {})
        data: bytes = JSONSerializer.dumps(said)  # type: ignore[no-untyped-call]  # The library has not typed it.
        return [
            *self._entries[partition],
            *("created_at", moment),
            *("enqueued_at", moment),
            *("description", f"part {part} of batch {batch_id}"),
            # RQ compresses it, which makes a hundred bytes no shorter.
            *("data", stored(data)),
        ]

    def _of_any_part(self, partition: int) -> list[str | bytes | int]:
        job = Job.create(
            RECORD,
            connection=self._redis,
            serializer=JSONSerializer,
            origin=keys.queue_name(partition),
            status=JobStatus.QUEUED,
            timeout=-1,
            result_ttl=0,
            failure_ttl=-1,
        )
        differing = ("created_at", "description", "data")
        return [word for name, value in job.to_dict().items() if name not in differing for word in (name, value)]


def moment() -> str:
    """Now, as RQ writes it into an entry."""
    return utcformat(now())
