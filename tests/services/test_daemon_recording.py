"""What the daemon makes of parts, on every database."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis

from daemon import actions
from shared import tallies
from shared.errors import Misconfigured
from shared.queue import inspection, keys, work
from shared.schema.election import (
    Batch,
    Constituency,
    DeadLetter,
    Election,
    Part,
    PollingCentre,
    PollingStation,
    Region,
)
from shared.terms import Progress, Refusal
from tests.services.counting import Counting, counting, guid, new_lines, reference


@pytest.fixture
def suite(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url) as made:
        yield made


@pytest.fixture
def parted(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, partitions=4) as made:
        yield made


def test_every_line_of_an_upload_is_accounted_for(suite: Counting) -> None:
    election = suite.election()
    batch = suite.accept([(guid(1), 1), (guid(2), 2), (guid(1), 3), (guid(3), 9), (guid(4), 1)])
    assert suite.status(batch).status == Progress.QUEUED

    suite.record_all()

    status = suite.status(batch)
    assert status.status == Progress.COUNTED
    assert (status.received, status.counted, status.duplicate, status.invalid, status.outside) == (5, 3, 1, 1, 0)
    assert [(line.line, line.guid, line.poll_number, line.reason) for line in status.refused] == [
        (2, guid(1), 3, Refusal.DUPLICATE),
        (3, guid(3), 9, Refusal.INVALID_POLL_NUMBER),
    ]
    assert suite.tally(election) == {1: 2, 2: 1}
    assert suite.waiting() == 0


def test_the_first_received_of_a_guid_wins_across_files(suite: Counting) -> None:
    election = suite.election()
    first = suite.accept([(guid(1), 1), (guid(2), 1)])
    second = suite.accept([(guid(2), 2), (guid(3), 2)])
    suite.record_all()
    third = suite.accept([(guid(3), 3), (guid(1), 3)])
    suite.record_all()

    assert suite.tally(election) == {1: 2, 2: 1}
    assert [suite.status(batch).duplicate for batch in (first, second, third)] == [0, 1, 2]


def test_a_guid_with_a_wrong_poll_number_is_taken_all_the_same(suite: Counting) -> None:
    suite.election()
    suite.accept([(guid(1), 99)])
    again = suite.accept([(guid(1), 1)])
    suite.record_all()
    assert [line.reason for line in suite.status(again).refused] == [Refusal.DUPLICATE]


def test_a_poll_number_of_eighteen_digits_is_kept_as_it_is(suite: Counting) -> None:
    suite.election()
    batch = suite.accept([(guid(1), 10**18 - 1)])
    suite.record_all()
    assert [line.poll_number for line in suite.status(batch).refused] == [10**18 - 1]


def test_a_part_that_is_recorded_again_changes_nothing(parted: Counting) -> None:
    parted.election()
    batch = parted.accept([*new_lines(200), *new_lines(20)], max_part=30)
    claims = [parted.claim(number) for number in range(4)]
    fronts = [parted.front(number) for number in range(4)]
    now = datetime.now(UTC)
    first = [actions.record(parted.database, claim, parts, now) for claim, parts in zip(claims, fronts, strict=True)]
    before = parted.state()

    # The daemon died after its commit: the parts are still at the front, and the next owner takes them again.
    claims = [parted.claim(number) for number in range(4)]
    fronts = [parted.front(number) for number in range(4)]
    again = [actions.record(parted.database, claim, parts, now) for claim, parts in zip(claims, fronts, strict=True)]
    for number, done in enumerate(again):
        work.finish(parted.redis, number, done)

    assert parted.state() == before
    assert [[one.outcome for one in part] for part in again] == [[one.outcome for one in part] for part in first]
    status = parted.status(batch)
    assert (status.status, status.counted, status.duplicate) == (Progress.COUNTED, 200, 20)
    assert parted.redis.get("urna:queued") == b"0"


def test_finishing_twice_counts_the_waiting_ballots_down_once(suite: Counting) -> None:
    suite.election()
    suite.accept(new_lines(10))
    done = suite.record_all()
    suite.accept(new_lines(5, seed=2))
    work.finish(suite.redis, 0, done)
    assert suite.redis.get("urna:queued") == b"5"


def test_a_daemon_whose_partition_was_taken_over_can_write_nothing(suite: Counting) -> None:
    suite.election()
    suite.accept(new_lines(10))
    old = suite.claim(0, "frozen")
    parts = suite.front(0)
    new = suite.claim(0, "awake")
    before = suite.state()

    for attempt in (
        lambda: actions.record(suite.database, old, parts, datetime.now(UTC)),
        lambda: actions.advance(suite.database, old, datetime.now(UTC)),
    ):
        with pytest.raises(actions.LostOwnership):
            attempt()
    assert suite.state() == before
    assert suite.watermarks() == [None]

    assert len(actions.record(suite.database, new, parts, datetime.now(UTC))) == 1


def test_the_moment_of_receipt_decides_not_the_moment_of_counting(suite: Counting) -> None:
    election = suite.election(begins=-10, ends=3600)
    batch = suite.accept(new_lines(3))
    received_at = suite.status(batch).head.received_at
    with suite.database.writing() as session:
        # The election ends just after the receipt, long before the daemon gets to it.
        session.get_one(Election, election).end = received_at + timedelta(microseconds=1)
    suite.record_all()
    assert suite.status(batch).counted == 3


@pytest.mark.parametrize(("offset", "counted"), [(0, 0), (1, 3)])
def test_ballots_received_at_the_very_end_are_outside(suite: Counting, offset: int, counted: int) -> None:
    election = suite.election(begins=-10, ends=3600)
    batch = suite.accept(new_lines(3))
    received_at = suite.status(batch).head.received_at
    with suite.database.writing() as session:
        session.get_one(Election, election).end = received_at + timedelta(microseconds=offset)
    suite.record_all()
    status = suite.status(batch)
    assert (status.counted, status.outside) == (counted, 3 - counted)


@pytest.mark.parametrize(("offset", "counted"), [(0, 3), (1, 0)])
def test_ballots_received_at_the_very_start_are_inside(suite: Counting, offset: int, counted: int) -> None:
    election = suite.election(begins=-10, ends=3600)
    batch = suite.accept(new_lines(3))
    received_at = suite.status(batch).head.received_at
    with suite.database.writing() as session:
        session.get_one(Election, election).start = received_at + timedelta(microseconds=offset)
    suite.record_all()
    status = suite.status(batch)
    assert (status.counted, status.outside) == (counted, 3 - counted)


def test_ballots_for_an_election_that_is_not_theirs_are_outside(suite: Counting) -> None:
    suite.election()
    batch = suite.accept(new_lines(4), election=99)
    suite.record_all()
    assert suite.status(batch).outside == 4
    with suite.database.reading() as session:
        assert session.scalars(sa.select(Part.election_id)).all() == [None]
        assert session.scalars(sa.select(Batch.id)).all() == [batch]


def test_the_watermark_follows_what_is_recorded_and_never_what_waits(suite: Counting) -> None:
    suite.election()
    first = suite.accept(new_lines(3))
    suite.record_all()
    assert suite.watermarks() == [suite.status(first).head.received_at]
    waiting = suite.accept(new_lines(3, seed=2))
    assert work.idle_stamp(suite.redis, 0) is None
    suite.record_all()
    stamp = work.idle_stamp(suite.redis, 0)
    assert stamp is not None
    actions.advance(suite.database, suite.claim(0), stamp)
    later = suite.accept(new_lines(3, seed=3))
    assert suite.status(waiting).head.received_at < stamp < suite.status(later).head.received_at
    assert suite.watermarks() == [stamp]


def test_a_clock_that_was_set_back_gives_no_receipt_before_a_watermark(suite: Counting) -> None:
    suite.election()
    ahead = datetime.now(UTC) + timedelta(hours=1)
    actions.advance(suite.database, suite.claim(0), ahead)
    # Redis has lost what it knew, and a daemon starts anew.
    suite.redis.flushall()
    actions.prepare(suite.database, suite.redis, 1)
    assert suite.status(suite.accept(new_lines(1))).head.received_at > ahead


def test_a_damaged_part_becomes_a_dead_letter_and_the_line_goes_on(suite: Counting) -> None:
    election = suite.election()
    damaged = suite.accept(new_lines(5))
    good = suite.accept(new_lines(5, seed=2))
    suite.redis.set(f"urna:payload:{damaged}_0", b"URNA, but not really")
    claim = suite.claim(0)
    broken, sound = work.front(suite.redis, 0, jobs=10, ballots=100)
    assert isinstance(broken, work.DamagedPart)
    assert isinstance(sound, work.QueuedPart)

    actions.bury(suite.database, suite.redis, claim, broken, datetime.now(UTC))
    suite.record_all()

    assert suite.status(good).counted == 5
    assert suite.status(damaged).dead_parts == 1
    assert suite.tally(election) == reference([new_lines(5, seed=2)], 3)
    with suite.database.reading() as session:
        letter = session.scalars(sa.select(DeadLetter)).one()
        assert (letter.batch_id, letter.part, letter.ballots) == (damaged, 0, 5)
        assert letter.received_at == suite.status(damaged).head.received_at
    assert suite.redis.get("urna:queued") == b"0"


def test_a_part_that_another_daemon_removes_while_it_is_read_is_not_taken_for_damaged(suite: Counting) -> None:
    suite.election()
    suite.accept(new_lines(5))
    recorded = actions.record(suite.database, suite.claim(0, "frozen"), suite.front(0), datetime.now(UTC))

    class Overtaken(Redis):
        """Between its look at the queue and that at the part the daemon that was frozen wakes up."""

        def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
            work.finish(suite.redis, 0, recorded)
            return super().pipeline(transaction, shard_hint)

    with Overtaken(connection_pool=suite.redis.connection_pool) as redis:
        assert work.front(redis, 0, jobs=10, ballots=10) == []


@pytest.mark.parametrize(
    ("damaged", "field", "value"),
    [
        (keys.batch, "received_at", "9" * 30),
        (keys.batch, "received_at", "-1"),
        (keys.batch, "keep_seconds", "9" * 18),
        (keys.batch, "parts", str(2**31)),
        (keys.batch, "election_id", "1e3"),
        (keys.batch, None, None),
        (keys.job, None, None),
        (keys.payload, None, None),
    ],
)
def test_whatever_is_damaged_in_redis_is_laid_aside_and_the_next_part_counts(
    suite: Counting, damaged: Callable[[str], str], field: str | None, value: str | None
) -> None:
    election = suite.election()
    wrong = suite.accept([(guid(1), 1)])
    key = damaged(wrong if damaged is keys.batch else keys.job_id(wrong, 0))
    if field is None:
        # Somebody has put something else there.
        suite.redis.delete(key)
        suite.redis.sadd(key, "nothing of ours")
    else:
        suite.redis.hset(key, field, value)
    good = suite.accept([(guid(2), 2)])
    claim = suite.claim(0)
    found, following = work.front(suite.redis, 0, jobs=10, ballots=10)
    assert isinstance(found, work.DamagedPart)
    assert isinstance(following, work.QueuedPart)
    actions.bury(suite.database, suite.redis, claim, found, datetime.now(UTC))
    suite.record_all()
    assert suite.tally(election) == {2: 1}
    assert suite.status(good).counted == 1
    assert suite.redis.get(keys.QUEUED_BALLOTS) == b"0"
    assert [part.job_id for part in inspection.buried(suite.redis)] == [found.job_id]


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_part_whose_job_was_lost_is_a_dead_letter_of_its_election(suite: Counting, overwritten: bool) -> None:
    election_id = suite.election()
    batch = suite.accept(new_lines(5))
    suite.redis.delete(f"rq:job:{batch}_0")
    if overwritten:
        suite.redis.hset(f"rq:job:{batch}_0", "data", "nothing that RQ writes")
    claim = suite.claim(0)
    (lost,) = work.front(suite.redis, 0, jobs=10, ballots=100)
    assert isinstance(lost, work.DamagedPart)
    actions.bury(suite.database, suite.redis, claim, lost, datetime.now(UTC))
    with suite.database.reading() as session:
        letter = session.scalars(sa.select(DeadLetter)).one()
        assert (letter.batch_id, letter.part, letter.ballots) == (batch, 0, 5)
        assert letter.received_at == suite.status(batch).head.received_at
        # Its ballots are acknowledged and not counted, so nothing may be called final.
        assert tallies.has_dead_letter(session, session.get_one(Election, election_id))
    assert suite.redis.get("urna:queued") == b"0"
    assert suite.status(batch).dead_parts == 1


def test_another_number_of_partitions_is_refused_until_the_queues_are_empty(parted: Counting) -> None:
    parted.election()
    parted.accept(new_lines(50))
    with pytest.raises(Misconfigured, match="PARTITIONS is 2, but 4 are recorded"):
        actions.prepare(parted.database, parted.redis, 2)
    assert parted.redis.get("urna:partitions") == b"4"
    parted.record_all()
    actions.prepare(parted.database, parted.redis, 2)
    assert parted.redis.get("urna:partitions") == b"2"
    assert len(parted.watermarks()) == 2
    parted.partitions = 2
    again = parted.accept(new_lines(50))
    parted.record_all()
    assert parted.status(again).duplicate == 50


@pytest.mark.parametrize("station", [None, 7])
def test_a_batch_is_of_the_polling_station_that_it_was_accepted_for(suite: Counting, station: int | None) -> None:
    suite.election()
    batch = suite.accept(new_lines(5), station=station)
    suite.record_all()
    with suite.database.reading() as session:
        assert session.get_one(Batch, batch).station_id == station


def test_the_stations_learn_of_the_polling_stations_whenever_these_change(suite: Counting) -> None:
    def told() -> dict[bytes, bytes]:
        actions.publish_stations(suite.database, suite.redis)
        found = suite.redis.hgetall(keys.STATIONS)
        return {name: value for name, value in found.items() if name.isdigit()}

    assert told() == {}
    assert not suite.redis.exists(keys.STATIONS)
    with suite.database.writing() as session:
        session.add(Region(id=1, name="South", key="r"))
        session.flush()
        session.add(Constituency(id=1, region_id=1, name="First", key="c"))
        session.flush()
        session.add(PollingCentre(id=1, constituency_id=1, municipality="Ада", name="School", key="p"))
        session.flush()
        session.add_all(PollingStation(id=n, centre_id=1, code=f"{n}", registered=5, key=f"{n}") for n in (3, 4))
    assert told() == {b"3": b"active", b"4": b"active"}
    with suite.database.writing() as session:
        station = session.get_one(PollingStation, 3)
        station.status, station.reason = "disabled", "moved"
    assert told() == {b"3": b"disabled", b"4": b"active"}
    with suite.database.writing() as session:
        session.delete(session.get_one(PollingStation, 4))
    assert told() == {b"3": b"disabled"}
    suite.redis.delete(keys.STATIONS)
    assert told() == {b"3": b"disabled"}
    # The number of a removed station may come again.
    with suite.database.writing() as session:
        session.delete(session.get_one(PollingStation, 3))
        session.flush()
        session.add(PollingStation(id=3, centre_id=1, code="5", registered=5, key="5", version=2))
    assert told() == {b"3": b"active"}
