"""Every key and channel that the suite uses in Redis, and the moments in them."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

PARTITIONS = "urna:partitions"
ELECTIONS = "urna:elections"
STATIONS = "urna:stations"
# What the lists of each election are called.
LISTS = "urna:lists"
CLOCK = "urna:clock"
LATEST = "urna:latest"
QUEUED_BALLOTS = "urna:queued"
DAEMONS = "urna:daemons"
ARRIVED = "urna:arrived"
JOURNAL = "urna:journal"
# What officials have sent of tally sheets, in order, and how many bytes of photographs wait among that.
SHEETS = "urna:sheets"
PHOTOGRAPHS = "urna:photographs"
# What the stations know of each polling station beside its status, and of which states of the sheets they have copies.
ROLLS = "urna:rolls"
SHEET_COPIES = "urna:sheet-copies"
CHANGED = "urna:changed"
# RQ keeps the names of all queues here.
QUEUES = "rq:queues"

# A restore is under way, of the archive with this id; what it has written so far lies under names that begin so.
RESTORING = "urna:restoring"

# Why each dead letter was laid aside, by the id of its job.
REASONS = "urna:reasons"

# The form of a job's id that a station gives it: the UUID of a batch and the number of a part.
JOB_ID = re.compile(r"[0-9a-f]{32}_[0-9]{1,9}")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def queue_name(partition: int) -> str:
    """The name of the RQ queue of one partition."""
    return f"ballots-{partition}"


def queue(partition: int) -> str:
    """The list that RQ keeps for the queue of one partition."""
    return f"rq:queue:{queue_name(partition)}"


def buried(partition: int) -> str:
    """The sorted set that RQ keeps for the failed jobs of one partition."""
    return f"rq:failed:{queue_name(partition)}"


def job(job_id: str) -> str:
    """The hash that RQ keeps for a job."""
    return f"rq:job:{job_id}"


def job_id(batch_id: str, part: int) -> str:
    return f"{batch_id}_{part}"


def letter(job: str) -> tuple[str, int]:
    """The batch and the part under which the store keeps a dead letter; what names no part gets a key of its own."""
    batch_id, _, part = job.rpartition("_")
    if JOB_ID.fullmatch(job) and job_id(batch_id, int(part)) == job:
        return batch_id, int(part)
    return sha256(job.encode(errors="surrogateescape")).hexdigest()[:32], 0


def batch(batch_id: str) -> str:
    return f"urna:batch:{batch_id}"


def provisional(election_id: int) -> str:
    """What is counted of an election so far."""
    return f"urna:provisional:{election_id}"


def payload(job: str) -> str:
    return f"urna:payload:{job}"


def lease(partition: int) -> str:
    return f"urna:lease:{partition}"


def uploads(official_email: str) -> str:
    """How many uploads of an official were accepted within a minute, at all stations together."""
    return f"urna:uploads:{sha256(official_email.lower().encode()).hexdigest()}"


def own_batches(official_email: str, official_jmbg: str) -> str:
    """The batches of an official, newest first. A deleted account's address may meanwhile be another person's."""
    digest = sha256(f"{official_email.lower()}\0{official_jmbg}".encode()).hexdigest()
    return f"urna:own-batches:{digest}"


def idempotency(official_email: str, key: str) -> str:
    """Keys of two officials never meet, and a hostile key cannot reach another one."""
    digest = sha256(f"{official_email.lower()}\0{key}".encode()).hexdigest()
    return f"urna:idempotency:{digest}"


def sheet(election_id: int, station_id: int) -> str:
    """Where a tally sheet stands, as the daemon tells it."""
    return f"urna:sheet:{election_id}:{station_id}"


def sent(election_id: int, station_id: int, official_email: str) -> str:
    """What an official has sent of a tally sheet, and what became of it."""
    return f"urna:sent:{election_id}:{station_id}:{sha256(official_email.lower().encode()).hexdigest()}"


def photograph(photograph_id: str) -> str:
    return f"urna:photograph:{photograph_id}"


def sheet_key(official_email: str, key: str) -> str:
    """An official's idempotency key for tally sheets; one for uploads may have the same words."""
    digest = sha256(f"{official_email.lower()}\0{key}".encode()).hexdigest()
    return f"urna:sheet-key:{digest}"


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, the form of a moment in Redis."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
