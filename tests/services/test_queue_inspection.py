"""What an operator sees of the queues: how much waits and since when, what was buried and why, and its replay."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq.registry import FailedJobRegistry

from shared.errors import NotFound, Unavailable
from shared.queue import inspection, keys, work
from shared.queue.work import DamagedPart
from tests.services.station import Station, file_of


def bury_front(redis: Redis, number: int, reason: str = "It cannot be read.") -> DamagedPart:
    """Bury what stands first in a queue, as a daemon does with what it cannot record."""
    (first,) = work.front(redis, number, jobs=1, ballots=1)
    if not isinstance(first, DamagedPart):
        first = DamagedPart(first.job_id, reason, first.batch.id, first.part, first.batch.received_at, first.ballots)
    work.bury(redis, number, first)
    return first


def test_a_queue_shows_how_many_parts_wait_since_when_and_who_works_it(station: Station) -> None:
    first = station.accepted(file_of(60))
    station.accepted(file_of(60, first=1000))
    assert work.lease(station.redis, 1, "daemon-7", 60)
    states = inspection.states(station.redis)
    assert [(state.partition, state.parts, state.owner, state.dead_letters) for state in states] == [
        (0, 2, None, 0),
        (1, 2, "daemon-7", 0),
    ]
    assert {state.oldest for state in states} == {datetime.fromisoformat(first["received_at"])}


def test_an_empty_queue_has_no_oldest_part(station: Station) -> None:
    assert [(state.parts, state.oldest) for state in inspection.states(station.redis)] == [(0, None), (0, None)]
    assert inspection.buried(station.redis) == []


def test_a_buried_part_is_shown_with_its_reason_and_its_moment(station: Station) -> None:
    batch = station.accepted(file_of(60))["id"]
    buried = bury_front(station.redis, 0, "The disk is on fire.")
    (found,) = inspection.buried(station.redis)
    assert (found.partition, found.batch_id, found.part) == (0, batch, buried.part)
    assert found.reason == "The disk is on fire."
    assert abs(found.buried_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert [(state.parts, state.dead_letters) for state in inspection.states(station.redis)] == [(0, 1), (1, 0)]
    assert station.batch(batch)["dead_parts"] == 1
    assert station.batch(batch)["status"] == "queued"


def test_buried_parts_come_in_the_order_in_which_they_were_buried(station: Station) -> None:
    batches = [station.accepted(file_of(60, first=1000 * number))["id"] for number in range(2)]
    bury_front(station.redis, 0)
    time.sleep(1.1)
    bury_front(station.redis, 0)
    assert [part.batch_id for part in inspection.buried(station.redis)] == batches


def test_no_cleaning_of_rq_s_own_tools_removes_a_dead_letter(station: Station) -> None:
    station.accepted(file_of(60))
    buried = bury_front(station.redis, 0)
    registry = FailedJobRegistry(keys.queue_name(0), connection=station.redis)
    registry.cleanup()
    assert registry.get_job_ids() == [buried.job_id]
    assert [part.job_id for part in inspection.buried(station.redis)] == [buried.job_id]
    assert station.redis.ttl(keys.job(buried.job_id)) == -1


def test_a_replayed_part_waits_again_at_the_end_of_its_queue_and_rings_the_bell(station: Station) -> None:
    batch = station.accepted(file_of(60))["id"]
    buried = bury_front(station.redis, 0)
    assert buried.part is not None
    station.accepted(file_of(60, first=1000))
    with station.redis.pubsub() as channel:  # type: ignore[no-untyped-call]  # The library has not typed it.
        channel.subscribe(keys.ARRIVED)
        channel.get_message(timeout=5)
        assert inspection.replay(station.redis, batch, buried.part) == 0
        assert channel.get_message(timeout=5)["data"] == b"0"
    assert inspection.buried(station.redis) == []
    assert station.redis.lrange(keys.queue(0), -1, -1) == [buried.job_id.encode()]
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"120"
    waiting = work.front(station.redis, 0, jobs=10, ballots=1000)
    assert not any(isinstance(part, DamagedPart) for part in waiting)


def test_a_part_is_replayed_once(station: Station) -> None:
    batch = station.accepted(file_of(60))["id"]
    buried = bury_front(station.redis, 1)
    assert buried.part is not None
    assert inspection.replay(station.redis, batch, buried.part) == 1
    with pytest.raises(NotFound):
        inspection.replay(station.redis, batch, buried.part)
    assert station.redis.llen(keys.queue(1)) == 1
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"60"


@pytest.mark.parametrize(("batch", "part"), [("none", 0), ("", 0), ("a:b", 1), ("ž", -1), ("x" * 1000, 10**30)])
def test_what_was_not_buried_cannot_be_replayed(station: Station, batch: str, part: int) -> None:
    with pytest.raises(NotFound):
        inspection.replay(station.redis, batch, part)
    assert station.redis.get(keys.QUEUED_BALLOTS) is None


def test_a_part_that_waits_cannot_be_replayed(station: Station) -> None:
    batch = station.accepted(file_of(60))["id"]
    with pytest.raises(NotFound):
        inspection.replay(station.redis, batch, 0)
    assert station.redis.llen(keys.queue(0)) == 1


def test_what_has_no_batch_is_shown_nevertheless(station: Station) -> None:
    station.redis.rpush(keys.queue(0), "somebody's job")
    bury_front(station.redis, 0)
    (found,) = inspection.buried(station.redis)
    assert (found.job_id, found.reason) == ("somebody's job", "The job's id is not that of a part.")


def test_a_job_that_no_station_has_written_can_be_replayed_as_it_is_shown(station: Station) -> None:
    station.redis.rpush(keys.queue(1), "somebody's job")
    bury_front(station.redis, 1)
    (found,) = inspection.buried(station.redis)
    assert inspection.replay(station.redis, found.batch_id, found.part) == 1
    assert station.redis.lrange(keys.queue(1), 0, -1) == [b"somebody's job"]
    assert inspection.buried(station.redis) == []


def test_a_dead_letter_of_a_partition_that_is_no_more_is_shown_and_replayed(station: Station) -> None:
    batch = station.accepted(file_of(60))["id"]
    buried = bury_front(station.redis, 1)
    assert buried.part is not None
    work.finish(station.redis, 0, [])
    station.redis.delete(keys.queue(0))
    assert work.repartition(station.redis, 2, 1) == []
    assert [(state.partition, state.dead_letters) for state in inspection.states(station.redis)] == [(0, 0), (1, 1)]
    assert [part.batch_id for part in inspection.buried(station.redis)] == [batch]
    assert inspection.replay(station.redis, batch, buried.part) == 0
    assert station.waiting() == [buried.job_id]
    assert [state.partition for state in inspection.states(station.redis)] == [0]


def test_a_batch_with_a_dead_letter_is_not_forgotten(station: Station) -> None:
    batch = station.accepted(file_of(60))["id"]
    bury_front(station.redis, 0)
    assert station.redis.ttl(keys.batch(batch)) == -1
    (other,) = station.waiting()
    assert station.redis.ttl(keys.payload(other)) == -1


def test_before_a_daemon_has_prepared_the_queue_there_is_nothing_to_see(station: Station) -> None:
    station.redis.flushdb()
    for ask in (inspection.states, inspection.buried):
        with pytest.raises(Unavailable):
            ask(station.redis)
    with pytest.raises(Unavailable):
        inspection.replay(station.redis, "none", 0)
