"""The rules of deploy/redis/users.acl on a real Redis: each user can do its work with the queue, and nothing else."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from cli import dismissal
from cli.backup import queue, refilling
from cli.failure import Failure
from shared.errors import Unavailable
from shared.journal.events import event
from shared.queue import (
    batches,
    inspection,
    intake,
    journal,
    keys,
    own_batches,
    provisional,
    snapshot,
    work,
)
from shared.queue.batches import PartOutcome
from shared.queue.jobs import Queues
from shared.queue.parts import pack
from shared.queue.work import DamagedPart, QueuedPart, RecordedPart
from tests.deployment.redis_users import Users, connected

PARTITIONS = 2


@pytest.fixture
def users(redis_url: str) -> Iterator[Users]:
    with connected(redis_url) as made:
        yield made


def _upload(users: Users, key: str | None = "key") -> intake.Upload:
    """A batch with one part for each partition, received by the station."""
    users.daemon.set(keys.PARTITIONS, PARTITIONS)
    snapshot.write(users.daemon, [])
    upload = intake.Upload(secrets.token_hex(16), None, "vera@example.org", "0", "a.csv", "0" * 64, 3600)
    intake.accept(users.station, Queues(users.station), upload, key, _read)
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
    (own,), total = own_batches.listed(users.station, upload.official_email, upload.official_jmbg, 0, 9)
    assert (own.id, total) == (upload.batch_id, 1)
    snapshot.write_lists(users.daemon, {1: {2: "Second"}})
    assert snapshot.read_lists(users.station, 1) == {2: "Second"}


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


def test_the_daemon_tells_what_is_counted_and_others_only_read_it(users: Users) -> None:
    counts = provisional.ProvisionalCounts(7, None, 3, 0, 1, 0, {1: 2, 2: 1})
    provisional.write(users.daemon, counts)
    assert provisional.is_there(users.daemon, 7)
    for user in (users.results, users.operator):
        assert provisional.read(user, 7) == counts
        with pytest.raises(Unavailable) as refused:
            provisional.write(user, counts)
        assert isinstance(refused.value.__cause__, NoPermissionError)


def _buried(users: Users) -> str:
    """The id of a batch of which part 1 is a dead letter."""
    upload = _upload(users, key=None)
    reason = DamagedPart(keys.job_id(upload.batch_id, 1), "It is damaged.", upload.batch_id, 1, None, 1)
    work.bury(users.daemon, 1, reason)
    return upload.batch_id


def test_an_operator_sees_the_queues_and_replays_a_dead_letter(users: Users) -> None:
    batch = _buried(users)
    operator = users.operator
    assert [state.parts for state in inspection.states(operator)] == [1, 0]
    assert [(one.batch_id, one.part, one.reason) for one in inspection.buried(operator)] == [
        (batch, 1, "It is damaged.")
    ]
    assert inspection.replay(operator, batch, 1) == 1
    assert inspection.buried(operator) == []
    assert [state.parts for state in inspection.states(operator)] == [1, 1]
    waiting = journal.front(users.daemon, 10)
    assert waiting is not None
    assert "part.replayed" in [one.action for one in waiting.events]


def test_a_backup_sees_all_that_the_queue_holds_and_the_daemons_user_puts_it_back(users: Users) -> None:
    upload = _upload(users)
    work.bury(
        users.daemon, 1, DamagedPart(keys.job_id(upload.batch_id, 1), "It is damaged.", upload.batch_id, 1, None, 1)
    )
    seen = queue.look(users.backup)
    assert (seen.partitions, len(list(seen.jobs)), len(seen.journal)) == (PARTITIONS, PARTITIONS, 1)
    found: set[str] = set()
    rows = [*queue.first_rows(users.backup, seen, found), *queue.remembered_rows(users.backup, found)]
    rows += queue.own_rows(users.backup, found)
    assert found == {upload.batch_id}
    assert {sort for _, sort, *_ in rows} == {"hash", "list", "scores", "string"}

    # The station's own counter of uploads is no part of a backup, and nothing that a restore would throw away either.
    with pytest.raises(Failure, match="Redis is not empty"):
        refilling.refuse_full(users.daemon, "an archive")
    users.daemon.set(keys.RESTORING, "an archive")
    refilling.claim(users.daemon, "an archive")
    assert refilling.is_interrupted(users.daemon, "an archive")
    refill = refilling.Refill(users.daemon, "an archive")
    refill.put(rows)
    facts = {"partitions": PARTITIONS, "remembered": [0, 1], "clock": seen.clock, "latest": seen.latest}
    assert refill.finish(facts, None) == 1
    assert replace(queue.look(users.backup), time=0) == replace(seen, time=0)
    assert [part.batch_id for part in inspection.buried(users.daemon)] == [upload.batch_id]
    who = (upload.official_email, upload.official_jmbg)
    assert [one.id for one in own_batches.listed(users.station, *who, 0, 9)[0]] == [upload.batch_id]
    assert users.daemon.ttl(keys.own_batches(*who)) > 3000
    repeated = intake.accept(users.station, Queues(users.station), replace(upload, batch_id="0" * 32), "key", _read)
    assert repeated is not None
    assert (repeated.batch_id, repeated.repeated) == (upload.batch_id, True)


def test_an_operator_settles_a_dead_letter_for_good(users: Users) -> None:
    batch = _buried(users)
    operator = users.operator
    job_id = inspection.find(operator, batch, 1)
    assert job_id == keys.job_id(batch, 1).encode()
    # What a dismissal asks before: whether the batch was accepted, what lies there, and how late it is.
    assert dismissal._head(operator, batch) is not None
    assert dismissal._sha256(operator, job_id.decode()) is not None
    assert work.seed_clock(operator, None)
    inspection.forget(operator, job_id)
    assert inspection.buried(users.daemon) == []
    assert not users.daemon.exists(keys.job(job_id.decode()), keys.payload(job_id.decode()))


# What each user must not do, a command on each line.
REFUSED = {
    "station": """
        LPOP rq:queue:ballots-0
        LREM rq:queue:ballots-0 1 x
        LPUSH rq:queue:ballots-0 x
        LSET rq:queue:ballots-0 0 x
        LRANGE rq:queue:ballots-0 0 -1
        RPUSH rq:queue:default x
        ZADD rq:failed:ballots-0 1 x
        ZREM rq:failed:ballots-0 x
        SREM rq:queues x
        HGETALL rq:job:x
        HDEL urna:batch:x part:0
        GET urna:payload:x
        SET urna:payload:x y GET
        STRLEN urna:payload:x
        DUMP urna:payload:x
        COPY urna:payload:x urna:payload:y
        RENAME urna:payload:x urna:payload:y
        DEL urna:payload:x
        EXPIRE urna:payload:x 1
        MGET urna:queued urna:payload:x
        WATCH urna:payload:x
        SET urna:elections []
        SET urna:partitions 9
        SET urna:queued 0
        SET urna:latest 0
        SET urna:lease:0 me
        LRANGE urna:journal 0 -1
        LRANGE urna:sheets 0 -1
        LPOP urna:sheets
        DEL urna:sheets
        GET urna:photograph:x
        DEL urna:photograph:x
        SET urna:photographs 0
        HSET urna:sheet:1:7 last 9
        DEL urna:sheet:1:7
        HSET urna:rolls 7 x
        HSET urna:sheet-copies 1 x
        DEL urna:sent:1:7:x
        DEL urna:sheet-key:x
        LPOP urna:own-batches:x
        DEL urna:own-batches:x
        SET urna:lists {}
        LPOP urna:journal
        LTRIM urna:journal 1 0
        DEL urna:journal
        LSET urna:journal 0 x
        SET urna:journal []
        RPUSH urna:partitions x
        SET rq:job:x y
        HSET urna:clock a b
        INCRBY urna:clock 1
        PUBLISH urna:changed 1
        SUBSCRIBE urna:changed
        FCALL x 0
        SCRIPT FLUSH
        SCAN 0
        KEYS *
        RANDOMKEY
        INFO
        MONITOR
        CLIENT LIST
        CLIENT KILL TYPE normal
        FLUSHALL
        CONFIG GET *
        ACL WHOAMI
        REPLICAOF example.org 6379
    """,
    "daemon": """
        FLUSHALL
        KEYS *
        CONFIG SET appendonly no
        ACL LIST
        SHUTDOWN
        MODULE LIST
        REPLICAOF NO ONE
        SET another:key 1
    """,
    "backup": """
        SET urna:payload:x y
        HSET urna:batch:x a b
        DEL urna:batch:x
        UNLINK urna:payload:x
        RENAME urna:payload:x urna:payload:y
        EXPIRE urna:payload:x 1
        RPUSH rq:queue:ballots-0 x
        LPOP rq:queue:ballots-0
        ZREM rq:failed:ballots-0 x
        SADD rq:queues x
        SET urna:restoring x
        SET urna:partitions 9
        INCRBY urna:queued 1
        GET another:key
        EVAL return 0
        PUBLISH urna:changed 1
        SUBSCRIBE urna:arrived
        DUMP urna:payload:x
        KEYS *
        INFO
        MONITOR
        FLUSHALL
        CONFIG GET *
        ACL LIST
    """,
    "operator": """
        SET urna:payload:x y
        HSET rq:job:x a b
        HSET urna:batch:x a b
        DEL urna:batch:x
        DEL urna:partitions
        DEL rq:queue:ballots-0
        LPOP rq:queue:ballots-0
        LRANGE rq:queue:ballots-0 0 -1
        LREM rq:queue:ballots-0 1 x
        RPUSH rq:queue:default x
        ZADD rq:failed:ballots-0 1 x
        HSET urna:reasons a b
        SET urna:elections []
        SET urna:partitions 9
        SET urna:queued 0
        SET urna:clock 0
        SET urna:lease:0 me
        DEL urna:lease:0
        LRANGE urna:journal 0 -1
        LPOP urna:journal
        GET urna:idempotency:x
        PUBLISH urna:changed 1
        SUBSCRIBE urna:arrived
        SCAN 0
        KEYS *
        INFO
        MONITOR
        FLUSHALL
        CONFIG GET *
        ACL LIST
    """,
    "results": """
        SET urna:queued 0
        GET urna:queued
        GET urna:payload:x
        HGETALL urna:batch:x
        PUBLISH urna:changed 1
        SUBSCRIBE urna:arrived
        PSUBSCRIBE urna:*
        EVAL return 0
        LRANGE urna:journal 0 -1
        RPUSH urna:journal x
        CLIENT LIST
        INFO
    """,
}


@pytest.mark.parametrize(
    ("user", "command"),
    [(user, line.strip()) for user, text in REFUSED.items() for line in text.splitlines() if line.strip()],
)
def test_a_user_can_do_nothing_that_is_not_its_work(users: Users, user: str, command: str) -> None:
    client: Redis = getattr(users, user)
    assert client.ping()
    with pytest.raises(NoPermissionError):
        client.execute_command(*command.split())  # type: ignore[no-untyped-call]  # The library has not typed it.


@pytest.mark.parametrize(
    "call",
    [
        "redis.call('GET', 'urna:payload:x')",
        "redis.call('LRANGE', 'rq:queue:ballots-0', 0, -1)",
        "redis.call('LPOP', 'rq:queue:ballots-0')",
        "redis.call('SET', 'urna:partitions', 9)",
        "redis.call('SET', 'urna:latest', 9)",
        "redis.call('SET', 'urna:queued', 9)",
        "redis.call('SET', 'urna:elections', '[]')",
        "redis.call('DEL', 'urna:clock')",
        "redis.call('KEYS', '*')",
        "redis.call('PUBLISH', 'urna:changed', '1')",
    ],
)
def test_a_script_of_a_station_has_the_rights_of_the_station(users: Users, call: str) -> None:
    assert users.station.eval("return redis.call('GET', KEYS[1])", 1, keys.CLOCK) is None
    with pytest.raises(ResponseError, match="The user executing the script"):
        users.station.eval(f"return {call}", 1, keys.CLOCK)


def test_a_station_reads_no_ballot_back_not_even_its_own(users: Users) -> None:
    upload = _upload(users)
    payload = keys.payload(keys.job_id(upload.batch_id, 0))
    assert users.daemon.get(payload)
    with pytest.raises(NoPermissionError):
        users.station.get(payload)


def test_a_station_that_raises_the_count_of_waiting_ballots_stops_the_others_for_a_moment_only(users: Users) -> None:
    _upload(users)
    users.station.incrby(keys.QUEUED_BALLOTS, 10**12)
    work.settle_count(users.daemon, PARTITIONS)
    assert int(users.daemon.get(keys.QUEUED_BALLOTS) or 0) > 10**12, "ballots wait, so the count stays"
    for number in range(PARTITIONS):
        (part,) = work.front(users.daemon, number, jobs=10, ballots=10)
        assert isinstance(part, QueuedPart)
        work.finish(users.daemon, number, [RecordedPart(part, PartOutcome(1, 1, 0, 0, 0), 1)])
    work.settle_count(users.daemon, PARTITIONS)
    assert users.daemon.get(keys.QUEUED_BALLOTS) == b"0"


@pytest.mark.parametrize("clock", [10**18, "9" * 300, "soon", ""])
def test_a_station_that_sets_the_clock_makes_no_receipt_of_another_one_late(users: Users, clock: int | str) -> None:
    latest = work.seed_clock(users.daemon, None)
    users.station.set(keys.CLOCK, clock)
    received_at = _received(users)
    assert received_at < latest
    stamp = work.idle_stamp(users.daemon, PARTITIONS)
    assert stamp is not None
    assert received_at < stamp < latest


def test_a_station_moves_the_clock_by_no_more_than_the_leeway_however_often_it_tries(users: Users) -> None:
    latest = work.seed_clock(users.daemon, None)
    ahead = keys.to_microseconds(latest) - 1_000_000
    for _ in range(5):
        users.station.set(keys.CLOCK, ahead)
        assert _received(users) == keys.from_microseconds(ahead + 1)
        # What the daemons know of the clock does not follow.
        assert work.seed_clock(users.daemon, None) - latest < timedelta(seconds=30)


def _received(users: Users) -> datetime:
    """When the station has received another upload."""
    found = batches.status(users.station, _upload(users, key=None).batch_id)
    assert found is not None
    return found.head.received_at
