"""How an upload enters the queue: whole, once, with one clock, whatever happens to the line or to Redis."""

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis as Client

from shared.errors import InvalidInput, Unavailable
from shared.queue import batches, inspection, intake, keys, own_batches, snapshot, work
from shared.queue.connection import connect
from shared.queue.intake import Contents, PackedPart, Receipt, Sight, Upload
from shared.queue.jobs import Queues
from shared.queue.parts import pack
from shared.queue.work import QueuedPart, RecordedPart
from tests.left_out import needs
from tests.servers import Redis
from tests.services.station import contents, file_of, prepare
from tests.services.wire import Wire
from voting_station_service.rules import partition, read_ballots


def upload_of(content: bytes, **changed: object) -> Upload:
    made = Upload(
        batch_id=uuid4().hex,
        election_id=1,
        official_email="official1@example.org",
        official_jmbg="0101994704401",
        file_name="station-1.csv",
        sha256=hashlib.sha256(content).hexdigest(),
        keep_seconds=86400,
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # The tests name the fields that they change.


def contents_of(content: bytes, partitions: int, max_part: int = 10) -> Contents:
    """What a station makes of a file for election 1."""
    cuts = partition(read_ballots([content]), partitions, max_part)
    return Contents(
        1, [PackedPart(cut.partition, len(cut.lines), pack(cut.guids, cut.poll_numbers, cut.lines)) for cut in cuts]
    )


def accept(
    redis: Client, content: bytes, key: str | None = None, *, max_part: int = 10, upload: Upload | None = None
) -> Receipt:
    receipt = intake.accept(
        redis,
        Queues(redis),
        upload or upload_of(content),
        key,
        lambda sight: contents_of(content, sight.partitions, max_part),
    )
    assert receipt is not None
    return receipt


def front(redis: Client, partitions: int = 2) -> list[QueuedPart]:
    """Everything that waits."""
    found = [part for number in range(partitions) for part in work.front(redis, number, jobs=1000, ballots=1_000_000)]
    assert all(isinstance(part, QueuedPart) for part in found), found
    return [part for part in found if isinstance(part, QueuedPart)]


def finish(redis: Client, number: int) -> list[QueuedPart]:
    """Remove what waits in a partition, as if it had been counted whole."""
    found = [part for part in work.front(redis, number, jobs=1000, ballots=1_000_000) if isinstance(part, QueuedPart)]
    outcomes = [batches.PartOutcome(part.ballots, part.ballots, 0, 0, 0) for part in found]
    work.finish(redis, number, [RecordedPart(part, its, 1) for part, its in zip(found, outcomes, strict=True)])
    return found


@pytest.fixture
def redis(redis_url: str) -> Iterator[Client]:
    """A queue of two partitions."""
    with connect(redis_url) as client:
        prepare(client)
        yield client


@pytest.fixture
def wire(redis_server: Redis, redis: Client) -> Iterator[Wire]:
    """A wire to the same Redis."""
    with Wire(redis_server.port) as made:
        yield made


def over(wire: Wire, redis_server: Redis) -> Client:
    return connect(redis_server.url.replace(f":{redis_server.port}/", f":{wire.port}/"))


def test_every_ballot_waits_once_in_the_partition_of_its_guid(redis: Client) -> None:
    content = file_of(101)
    receipt = accept(redis, content)
    parts = front(redis)
    assert sorted(line for part in parts for line in part.contents.lines) == list(range(101))
    assert all(len(part.contents.lines) <= 10 for part in parts)
    (ballots,) = read_ballots([content])
    for part in parts:
        for place, line in enumerate(part.contents.lines):
            assert part.contents.guids[16 * place : 16 * place + 16] == ballots.guids[16 * line : 16 * line + 16]
            assert part.contents.poll_numbers[place] == ballots.poll_numbers[line]
    assert {part.batch.received_at for part in parts} == {receipt.received_at}
    assert redis.get(keys.QUEUED_BALLOTS) == b"101"


def test_parts_of_a_partition_wait_in_the_order_of_the_file_and_uploads_in_the_order_of_receipt(redis: Client) -> None:
    first, second = accept(redis, file_of(50)), accept(redis, file_of(50, first=51))
    for number in range(2):
        waiting = [
            part for part in work.front(redis, number, jobs=1000, ballots=10_000) if isinstance(part, QueuedPart)
        ]
        places = [(part.batch.id != first.batch_id, part.contents.lines[0]) for part in waiting]
        assert places == sorted(places)
        assert {part.batch.id for part in waiting} == {first.batch_id, second.batch_id}


def test_the_number_of_commands_outside_of_the_transaction_does_not_grow_with_the_parts(redis: Client) -> None:
    queues = Queues(redis)
    content = file_of(400)

    def calls(max_part: int) -> dict[str, int]:
        redis.config_resetstat()
        intake.accept(
            redis, queues, upload_of(content), "key", lambda sight: contents_of(content, sight.partitions, max_part)
        )
        statistics = redis.info("commandstats")
        redis.delete(keys.idempotency("official1@example.org", "key"))
        names = ("watch", "mget", "time", "multi", "exec", "eval", "info", "get", "ping")
        return {name: int(statistics.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in names}

    calls(400)
    assert calls(400) == calls(4)
    # Redis counts its time twice: it is asked before the transaction and by the stamp inside of it,
    # which also looks at the last stamp and at the latest moment that a daemon knows of.
    assert calls(4) == {
        **dict.fromkeys(("watch", "mget", "multi", "exec", "eval"), 1),
        "time": 2,
        "info": 0,
        "get": 2,
        "ping": 0,
    }


def test_receipts_strictly_increase_for_uploads_at_the_same_instant(redis: Client) -> None:
    stamps: list[datetime] = []
    start = threading.Barrier(8)

    def hand_in(sender: int) -> None:
        start.wait()
        for place in range(10):
            stamps.append(accept(redis, file_of(3, first=1000 * sender + 10 * place)).received_at)

    threads = [threading.Thread(target=hand_in, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stamps) == len(set(stamps)) == 80
    for number in range(2):
        waiting = [part.batch.received_at for part in front(redis) if part.job_id in _queue(redis, number)]
        assert waiting == sorted(waiting)


def _queue(redis: Client, number: int) -> list[str]:
    return [job.decode() for job in redis.lrange(keys.queue(number), 0, -1) if isinstance(job, bytes)]


def test_a_receipt_is_in_time_by_the_clock_of_redis(redis: Client) -> None:
    seconds, microseconds = redis.time()
    before = keys.from_microseconds(seconds * 1_000_000 + microseconds)
    received = accept(redis, file_of(1)).received_at
    assert before < received < before + timedelta(seconds=10)


def test_receipts_go_on_where_the_clock_was_even_if_that_is_in_the_future(redis: Client) -> None:
    future = datetime.now(UTC) + timedelta(days=3)
    work.seed_clock(redis, future)
    received = [accept(redis, file_of(1, first=number)).received_at for number in range(1, 4)]
    assert received == [future + timedelta(microseconds=place) for place in (1, 2, 3)]
    # Whoever asks for a moment before which everything is recorded gets a later one, too.
    stamp = work.idle_stamp(redis, 5)
    assert stamp == future + timedelta(microseconds=4)


def test_the_clock_cannot_be_seeded_backwards(redis: Client) -> None:
    future = datetime.now(UTC) + timedelta(days=3)
    work.seed_clock(redis, future)
    work.seed_clock(redis, future - timedelta(days=1))
    assert accept(redis, file_of(1)).received_at > future


def test_a_number_of_partitions_that_changes_after_the_cut_leads_to_another_cut(redis: Client) -> None:
    content = file_of(60)
    seen: list[int] = []

    def read(sight: Sight) -> Contents:
        seen.append(sight.partitions)
        if sight.partitions == 2:
            redis.set(keys.PARTITIONS, 3)
        return contents_of(content, sight.partitions)

    receipt = intake.accept(redis, Queues(redis), upload_of(content), None, read)
    assert receipt is not None
    assert seen == [2, 3]
    parts = front(redis, 3)
    assert sorted(line for part in parts for line in part.contents.lines) == list(range(60))
    assert {part.batch.id for part in parts} == {receipt.batch_id}
    assert redis.llen(keys.queue(2)) > 0


def test_a_number_of_partitions_that_never_rests_is_answered_with_unavailable(redis: Client) -> None:
    def read(sight: Sight) -> Contents:
        redis.set(keys.PARTITIONS, sight.partitions + 1)
        return contents_of(file_of(5), sight.partitions)

    with pytest.raises(Unavailable):
        intake.accept(redis, Queues(redis), upload_of(file_of(5)), None, read)
    assert not redis.exists(keys.QUEUED_BALLOTS)


def test_a_station_decides_by_what_redis_knows_at_one_moment(redis: Client) -> None:
    accept(redis, file_of(40))
    seen: list[Sight] = []

    def look(sight: Sight) -> None:
        seen.append(sight)

    before = contents(redis)
    assert intake.accept(redis, Queues(redis), upload_of(b""), "key", look) is None
    assert contents(redis) == before
    (sight,) = seen
    assert (sight.partitions, sight.queued_ballots) == (2, 40)
    known, now = snapshot.read(redis)
    assert sight.elections() == known
    assert timedelta() < now - sight.now < timedelta(seconds=10)


def test_what_one_upload_has_watched_does_not_make_the_next_fail(redis: Client) -> None:
    def refuse(_sight: Sight) -> Contents:
        raise InvalidInput("It is not welcome.")

    for key in (None, "key"):
        with pytest.raises(InvalidInput, match="not welcome"):
            intake.accept(redis, Queues(redis), upload_of(file_of(5)), key, refuse)
        redis.set(keys.PARTITIONS, 3)
        redis.set(keys.PARTITIONS, 2)
        seen: list[Sight] = []

        def read(sight: Sight, seen: list[Sight] = seen) -> Contents:
            seen.append(sight)
            return contents_of(file_of(5), sight.partitions)

        assert intake.accept(redis, Queues(redis), upload_of(file_of(5)), key, read) is not None
        assert len(seen) == 1


def test_large_parts_arrive_as_they_were_packed(redis: Client) -> None:
    payloads = [bytes([number]) * size for number, size in enumerate((1, (1 << 16) - 1, 1 << 16, 3_000_000))]
    upload = upload_of(b"")
    brought = Contents(1, [PackedPart(number % 2, 7, payload) for number, payload in enumerate(payloads)])
    receipt = intake.accept(redis, Queues(redis), upload, None, lambda _: brought)
    assert receipt is not None
    assert receipt.lines == 28
    stored = [redis.get(keys.payload(keys.job_id(upload.batch_id, number))) for number in range(4)]
    assert stored == payloads


def test_without_a_recorded_number_of_partitions_nothing_is_accepted(redis: Client) -> None:
    redis.delete(keys.PARTITIONS)
    with pytest.raises(Unavailable, match="daemon"):
        accept(redis, file_of(5))
    assert set(contents(redis)) == {keys.ELECTIONS.encode()}


def test_an_answer_that_is_lost_after_the_transaction_was_executed_still_gives_the_receipt(
    redis: Client, wire: Wire, redis_server: Redis
) -> None:
    with over(wire, redis_server) as client:
        wire.lose_answer_to = b"EXEC"
        receipt = accept(client, file_of(40))
    parts = front(redis)
    assert {part.batch.id for part in parts} == {receipt.batch_id}
    assert {part.batch.received_at for part in parts} == {receipt.received_at}
    assert sorted(line for part in parts for line in part.contents.lines) == list(range(40))
    assert redis.get(keys.QUEUED_BALLOTS) == b"40"


def test_a_transaction_that_is_lost_on_its_way_is_refused_and_leaves_nothing(
    redis: Client, wire: Wire, redis_server: Redis
) -> None:
    before = contents(redis)
    with over(wire, redis_server) as client:
        wire.lose = b"EXEC"
        with pytest.raises(Unavailable, match="nothing was stored"):
            accept(client, file_of(40), "key")
        time.sleep(0.02)
        assert contents(redis) == before
        # The same client goes on when the line is back.
        wire.lose = None
        assert not accept(client, file_of(40), "key").repeated


def test_a_transaction_that_arrives_after_its_sender_was_told_that_nothing_was_stored_stores_nothing(
    redis: Client, wire: Wire, redis_server: Redis
) -> None:
    before = contents(redis)
    with over(wire, redis_server) as client:
        client.connection_pool.connection_kwargs["socket_timeout"] = 1.0
        accept(client, file_of(1))
        client.flushdb()
        prepare(client)
        before = contents(redis)
        wire.hold = b"EXEC"
        with pytest.raises(Unavailable, match="nothing was stored"):
            accept(client, file_of(40), "key")
    wire.deliver()
    time.sleep(0.02)
    assert contents(redis) == before


@pytest.mark.parametrize("program", [Redis.find_program(), Redis.embedded_program()], ids=["redis", "embedded"])
def test_the_lack_of_memory_that_another_client_met_does_not_tear_a_transaction_apart(program: Path | None) -> None:
    needs(Redis)
    with Redis(program=program) as server, connect(server.url) as client, connect(server.url) as other:
        batch = keys.batch("b")
        sender = client.connection_pool.get_connection()

        def say(*words: str) -> object:
            sender.send_command(*words)
            return sender.read_response()

        say("MULTI")
        say("HSET", batch, "parts", "1")
        say("EVAL", intake._RECEIVE, "2", keys.CLOCK, batch, "{}")
        # Redis 6 takes what this script meets for the lack of memory of the script that waits above.
        other.config_set("maxmemory", 1)
        other.eval("return redis.call('GET', 'nothing')", 0)
        other.config_set("maxmemory", 100_000_000)
        answers = say("EXEC")
        client.connection_pool.release(sender)
        assert isinstance(answers, list)
        assert client.hget(batch, "received_at") == answers[-1] == client.get(keys.CLOCK)
        assert client.lrange(keys.JOURNAL, 0, -1) == [answers[-1] + b" {}"]


def test_the_same_key_gives_the_same_receipt(redis: Client) -> None:
    first = accept(redis, file_of(5), "key")
    before = contents(redis)
    assert accept(redis, file_of(5), "key") == replace(first, repeated=True)
    assert contents(redis) == before
    with pytest.raises(InvalidInput):
        accept(redis, file_of(6), "key")
    assert contents(redis) == before


def test_a_key_is_remembered_as_long_as_the_station_says_and_nothing_else_of_an_upload_expires(redis: Client) -> None:
    accept(redis, file_of(40), "key")
    expiring = {key.split(b":")[1]: redis.ttl(key) for key in contents(redis) if redis.ttl(key) >= 0}
    assert set(expiring) == {b"idempotency", b"own-batches", b"uploads"}
    assert 86390 < expiring[b"idempotency"] <= 86400


def test_a_batch_expires_only_after_its_last_part_is_recorded(redis: Client) -> None:
    receipt = accept(redis, file_of(60), max_part=5)
    head = keys.batch(receipt.batch_id)
    finish(redis, 0)
    assert redis.ttl(head) == -1
    finish(redis, 1)
    assert 86390 < redis.ttl(head) <= 86400
    assert redis.get(keys.QUEUED_BALLOTS) == b"0"
    left = set(contents(redis))
    forgotten = keys.uploads("official1@example.org")
    assert redis.ttl(forgotten) > 0
    kept = (keys.PARTITIONS, keys.ELECTIONS, keys.CLOCK, keys.QUEUED_BALLOTS, keys.QUEUES, keys.JOURNAL)
    listed = keys.own_batches("official1@example.org", "0101994704401")
    assert left == {key.encode() for key in (head, forgotten, listed, *kept)}


def test_a_part_that_is_recorded_twice_is_counted_down_once_and_does_not_complete_its_batch(redis: Client) -> None:
    receipt = accept(redis, file_of(60), max_part=5)
    found = finish(redis, 0)
    left = redis.get(keys.QUEUED_BALLOTS)
    outcome = batches.PartOutcome(found[0].ballots, found[0].ballots, 0, 0, 0)
    for _ in range(20):
        work.finish(redis, 0, [RecordedPart(found[0], outcome, 1)])
    assert redis.get(keys.QUEUED_BALLOTS) == left
    assert redis.ttl(keys.batch(receipt.batch_id)) == -1


def test_the_count_of_waiting_ballots_follows_the_queues_through_burying_and_replaying(redis: Client) -> None:
    accept(redis, file_of(40))
    (first, *_) = work.front(redis, 0, jobs=1, ballots=1)
    assert isinstance(first, QueuedPart)
    redis.delete(keys.payload(first.job_id))
    (damaged, *_) = work.front(redis, 0, jobs=1, ballots=1)
    assert isinstance(damaged, work.DamagedPart)
    work.bury(redis, 0, damaged)
    work.bury(redis, 0, damaged)
    assert int(redis.get(keys.QUEUED_BALLOTS) or 0) == 40 - first.ballots
    assert inspection.replay(redis, first.batch.id, first.part) == 0
    assert redis.get(keys.QUEUED_BALLOTS) == b"40"


def test_an_officials_own_batches_are_listed_newest_first_and_nobody_elses(redis: Client) -> None:
    made = [accept(redis, file_of(3, first), f"key {first}").batch_id for first in (1, 11, 21)]
    # A repetition is no other batch, and what was refused is none at all.
    accept(redis, file_of(3, 21), "key 21")
    with pytest.raises(InvalidInput):
        accept(redis, file_of(3, 31), "key 21")
    other = accept(redis, file_of(3, 41), upload=upload_of(file_of(3, 41), official_jmbg="0202994704402")).batch_id
    me = ("Official1@example.org", "0101994704401")
    heads, total = own_batches.listed(redis, *me, 0, 2)
    assert ([one.id for one in heads], total) == ([made[2], made[1]], 3)
    rest, _ = own_batches.statuses(redis, *me, 2, 2)
    assert [(one.head.id, one.received) for one in rest] == [(made[0], 3)]
    assert [one.id for one in own_batches.listed(redis, me[0], "0202994704402", 0, 9)[0]] == [other]
    # One that Redis has forgotten is left out.
    redis.delete(keys.batch(made[1]))
    assert [one.id for one in own_batches.listed(redis, *me, 0, 9)[0]] == [made[2], made[0]]
    assert [one.head.id for one in own_batches.statuses(redis, *me, 0, 9)[0]] == [made[2], made[0]]
