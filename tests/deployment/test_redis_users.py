"""The rules of deploy/redis/users.acl on a real Redis: each user can do its work with the queue, and nothing else."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from shared.journal.events import event
from shared.queue import batches, connection, inspection, intake, journal, keys, snapshot, work
from shared.queue.batches import PartOutcome
from shared.queue.jobs import Queues
from shared.queue.parts import pack
from shared.queue.work import DamagedPart, QueuedPart, RecordedPart
from tests.left_out import leave_out

RULES = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"
PARTITIONS = 2


@dataclass(frozen=True)
class Users:
    """A client for each of the users."""

    station: Redis
    daemon: Redis
    results: Redis


@pytest.fixture
def users(redis_url: str) -> Iterator[Users]:
    with Redis.from_url(redis_url) as administrator:
        version = administrator.info("server")["redis_version"]
        if int(version.split(".")[0]) < 7:
            leave_out("Redis 7", f"{version} does not know rules for reading only; install a newer redis-server")
        password = secrets.token_hex(16)
        clients = {}
        for line in RULES.read_text().splitlines():
            _, name, *rules = line.split()
            if name in Users.__dataclass_fields__:
                administrator.execute_command("ACL", "SETUSER", name, "reset", f">{password}", *rules)
                clients[name] = connection.connect(re.sub(r"://:[^@]*@", f"://{name}:{password}@", redis_url))
        yield Users(**clients)
        for name, client in clients.items():
            client.close()
            administrator.execute_command("ACL", "DELUSER", name)


def _upload(users: Users) -> intake.Upload:
    """A batch with one part for each partition, received by the station."""
    users.daemon.set(keys.PARTITIONS, PARTITIONS)
    snapshot.write(users.daemon, [])
    upload = intake.Upload(secrets.token_hex(16), None, "vera@example.org", "0", "a.csv", "0" * 64, 3600)
    intake.accept(users.station, Queues(users.station), upload, "key", _read)
    return upload


def _read(sight: intake.Sight) -> intake.Contents:
    """One ballot for each partition."""
    return intake.Contents(
        None,
        [
            intake.PackedPart(number, 1, pack(secrets.token_bytes(16), [1], [number]))
            for number in range(sight.partitions)
        ],
    )


def test_a_station_takes_uploads_in_and_says_what_became_of_them(users: Users) -> None:
    upload = _upload(users)
    repeated = intake.accept(users.station, Queues(users.station), upload, "key", _read)
    assert repeated is not None
    assert repeated.repeated
    assert int(users.station.get(keys.QUEUED_BALLOTS) or 0) == PARTITIONS
    assert snapshot.read(users.station)[0] == ()
    found = batches.status(users.station, upload.batch_id)
    assert found is not None
    assert found.head.lines == PARTITIONS


def test_a_station_adds_to_the_journal_and_only_the_daemon_takes_out_of_it(users: Users) -> None:
    upload = _upload(users)
    assert journal.add_refusal(users.station, event("batch.refused", "upload"))
    waiting = journal.front(users.daemon, 10)
    assert waiting is not None
    assert [one.subject for one in waiting.events] == [f"batch {upload.batch_id}", "upload"]
    assert journal.remove(users.daemon, waiting)


def test_a_daemon_works_the_queues(users: Users) -> None:
    upload = _upload(users)
    daemon = users.daemon
    work.seed_clock(daemon, datetime.now(UTC))
    work.settle_count(daemon, PARTITIONS)
    assert work.announce(daemon, "me", 5) == 1
    assert work.lease(daemon, 0, "me", 5)
    assert work.renew(daemon, 0, "me", 5)
    (part,) = work.front(daemon, 0, jobs=10, ballots=10)
    assert isinstance(part, QueuedPart)
    work.finish(daemon, 0, [RecordedPart(part, PartOutcome(1, 1, 0, 0, 0), 1)])
    work.bury(daemon, 1, DamagedPart(keys.job_id(upload.batch_id, 1), "It is damaged.", upload.batch_id, 1, None, 1))
    assert work.idle_stamp(daemon, 0) is not None
    assert len(inspection.buried(daemon)) == 1
    assert len(inspection.states(daemon)) == PARTITIONS
    work.release(daemon, 0, "me")
    work.leave(daemon, "me")
    with daemon.pubsub() as arrivals:  # type: ignore[no-untyped-call]  # The library has not typed it.
        arrivals.subscribe(keys.ARRIVED)
        assert arrivals.get_message(timeout=5) is not None


def test_the_results_service_hears_of_changes(users: Users) -> None:
    with users.results.pubsub() as changes:  # type: ignore[no-untyped-call]  # The library has not typed it.
        changes.subscribe(keys.CHANGED)
        assert changes.get_message(timeout=5) is not None
        users.daemon.publish(keys.CHANGED, "1")
        message = changes.get_message(timeout=5)
    assert message is not None
    assert message["data"] == b"1"


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("station", ("LPOP", "rq:queue:ballots-0")),
        ("station", ("LREM", "rq:queue:ballots-0", 1, "x")),
        ("station", ("DEL", "urna:payload:x")),
        ("station", ("SET", "urna:elections", "[]")),
        ("station", ("SET", "urna:partitions", 9)),
        ("station", ("SET", "urna:lease:0", "me")),
        ("station", ("SET", "urna:journal", "[]")),
        ("station", ("LRANGE", "urna:journal", 0, -1)),
        ("station", ("LPOP", "urna:journal")),
        ("station", ("LTRIM", "urna:journal", 1, 0)),
        ("station", ("LSET", "urna:journal", 0, "x")),
        ("station", ("DEL", "urna:journal")),
        ("station", ("RPUSH", "urna:partitions", "x")),
        ("station", ("PUBLISH", "urna:changed", "1")),
        ("station", ("KEYS", "*")),
        ("station", ("FLUSHALL",)),
        ("station", ("CONFIG", "GET", "*")),
        ("daemon", ("FLUSHALL",)),
        ("daemon", ("CONFIG", "SET", "appendonly", "no")),
        ("daemon", ("ACL", "LIST")),
        ("daemon", ("SHUTDOWN",)),
        ("results", ("SET", "urna:queued", 0)),
        ("results", ("GET", "urna:payload:x")),
        ("results", ("HGETALL", "urna:batch:x")),
        ("results", ("PUBLISH", "urna:changed", "1")),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(map(str, value)),
)
def test_a_user_can_do_nothing_that_is_not_its_work(users: Users, user: str, command: tuple[Any, ...]) -> None:
    client: Redis = getattr(users, user)
    assert client.ping()
    with pytest.raises(NoPermissionError):
        client.execute_command(*command)  # type: ignore[no-untyped-call]  # The library has not typed it.
