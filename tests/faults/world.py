"""Where the model of the way of a ballot lives, and how uploads come into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from redis import Redis

from daemon import actions
from shared.database import Database
from shared.errors import InvalidInput, Unavailable
from shared.queue import intake, keys
from shared.queue.connection import connect
from shared.queue.jobs import Queues
from shared.queue.parts import pack
from shared.queue.work import DamagedPart, QueuedPart, RecordedPart
from shared.schema.election import ElectionBase
from tests.faults.reference import Entered, Line
from tests.services.wire import Wire
from voting_station_service.rules import partition, read_ballots

PARTITIONS = 2

# What a migration has put there.
_KEPT = {"jurisdictions", "journal_head"}


def patient(url: str) -> Redis:
    """A client that waits also on a machine that is busy with something else: a step has to do the same every time."""
    client = connect(url)
    client.connection_pool.connection_kwargs["socket_timeout"] = 60.0
    return client


@dataclass
class World:
    """Where the model lives: a store, Redis, and a wire to Redis that can be cut."""

    database: Database
    redis_url: str
    wire: Wire

    def empty(self) -> None:
        """Begin anew, in the same database: to make one takes longer than a whole run."""
        with self.database.writing() as session:
            for table in reversed(ElectionBase.metadata.sorted_tables):
                if table.name not in _KEPT:
                    session.execute(sa.delete(table))

    @property
    def wired_url(self) -> str:
        return f"{self.redis_url.rpartition(':')[0]}:{self.wire.port}/0"


class Daemon:
    """What a daemon holds in its memory, by partition: all of it is gone when it dies."""

    def __init__(self) -> None:
        self.claims: dict[int, actions.Claim] = {}
        self.taken: dict[int, list[QueuedPart | DamagedPart]] = {}
        self.done: dict[int, list[RecordedPart]] = {}
        self.stamps: dict[int, datetime] = {}


class Uploads:
    """The stations, which reach Redis over the wire, and what they have accepted, in the order of receipt."""

    def __init__(self, redis: Redis, station: Redis) -> None:
        self._redis = redis
        self._station = station
        self.log: list[Entered] = []

    def accept(self, lines: Sequence[tuple[str, int]], cut: int, named: int | None, key: str | None) -> intake.Receipt:
        content = "".join(f"{ballot},{number}\n" for ballot, number in lines).encode()
        batch = uuid4().hex
        upload = intake.Upload(
            batch_id=batch,
            election_id=named,
            official_email="official@example.org",
            official_jmbg="0101994704401",
            file_name="ballots.csv",
            sha256=f"{hash(tuple(lines)):064x}"[-64:],
            keep_seconds=3600,
        )
        in_parts: dict[int, Line] = {}

        def read(sight: intake.Sight) -> intake.Contents:
            cuts = list(partition(read_ballots([content]), sight.partitions, cut))
            for number, one in enumerate(cuts):
                in_parts.update({line: ((batch, number), *lines[line]) for line in one.lines})
            parts = [
                intake.PackedPart(one.partition, len(one.lines), pack(one.guids, one.poll_numbers, one.lines))
                for one in cuts
            ]
            return intake.Contents(named, parts)

        try:
            receipt = intake.accept(self._station, Queues(self._station), upload, key, read)
        except (Unavailable, InvalidInput):
            # For a millisecond something else lies there, which lets a transaction that comes too late fail.
            assert self._redis.type(keys.batch(batch)) != b"hash", "A refused upload left a trace."
            raise
        assert receipt is not None
        if receipt.repeated:
            assert not self._redis.exists(keys.batch(batch)), "A repetition was stored."
        else:
            self.log.append(Entered(receipt.received_at, named, [in_parts[line] for line in sorted(in_parts)]))
        return receipt


class Died(BaseException):
    """A daemon dies at this point."""
