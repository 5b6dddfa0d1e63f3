"""The copy of the counts that the daemon keeps in Redis, on every database."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from daemon.provisional import Teller
from shared.queue import keys as queue_keys
from shared.queue import provisional
from shared.schema.election import DeadLetter, Dismissal, Election
from tests.services.casting import voted
from tests.services.counting import Counting, DaemonProcess, counting, guid, new_lines

KEEP = timedelta(days=30)


@pytest.fixture
def suite(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, partitions=2) as made:
        yield made


def teller(suite: Counting) -> Teller:
    return Teller(suite.database, suite.redis, threading.Event(), threading.Event(), KEEP)


def now() -> datetime:
    return datetime.now(UTC)


def told(suite: Counting, election: int) -> tuple[int, int, int, int, dict[int, int]]:
    counts = provisional.read(suite.redis, election)
    assert counts is not None
    assert counts.votes is not None
    assert sum(counts.votes.values()) == counts.counted
    return counts.counted, counts.duplicate, counts.invalid, counts.outside, dict(counts.votes)


def test_the_copy_says_what_the_store_says_however_often_it_is_looked_at(suite: Counting) -> None:
    election, other = suite.election(), suite.election()
    first = teller(suite)
    first.tell(now())
    assert told(suite, election) == (0, 0, 0, 0, {})
    suite.accept([(guid(1), 1), (guid(2), 2), (guid(1), 3), (guid(3), 9)], election=election)
    suite.record_all()
    first.tell(now())
    assert told(suite, election) == (2, 1, 1, 0, {1: 1, 2: 1})
    assert told(suite, other) == (0, 0, 0, 0, {})
    suite.accept(new_lines(500), election=election)
    suite.accept([(guid(7), 1)], election=other)
    suite.record_all()
    first.tell(now())
    assert told(suite, other) == (1, 0, 0, 0, {1: 1})
    counted, *_, votes = told(suite, election)
    assert (counted, votes) == (502, suite.tally(election))
    # One that begins now, and one whose Redis has lost everything, say the same.
    for another in (teller(suite), first):
        suite.redis.delete(f"urna:provisional:{election}")
        assert provisional.read(suite.redis, election) is None
        another.tell(now())
        assert told(suite, election)[-1] == votes


@pytest.mark.parametrize("engine", ["sqlite"])
def test_it_says_how_far_it_reaches(suite: Counting) -> None:
    election = suite.election()
    its = teller(suite)
    its.tell(now())
    counts = provisional.read(suite.redis, election)
    assert counts is not None
    assert counts.counted_until is None
    before = now()
    suite.note_that_nothing_waits()
    its.tell(now())
    counts = provisional.read(suite.redis, election)
    assert counts is not None
    assert counts.counted_until is not None
    assert before <= datetime.fromtimestamp(counts.counted_until / 1_000_000, UTC) <= now()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_of_voters_own_ballots_no_votes_are_told_before_the_count_is_final(
    suite: Counting,
) -> None:
    election, of_officials = voted(suite), suite.election(jurisdiction=1)
    for one in (election, of_officials):
        suite.accept([(guid(1), 1), (guid(2), 2)], election=one)
    suite.record_all()
    its = teller(suite)
    its.tell(now())
    assert told(suite, of_officials)[-1] == {1: 1, 2: 1}
    key = queue_keys.provisional(election)
    written = suite.redis.get(key)
    assert json.loads(written) | {"counted_until": None} == {
        "election_id": election,
        "counted_until": None,
        "counted": 2,
        "duplicate": 0,
        "invalid": 0,
        "outside": 0,
        "votes": None,
    }
    with suite.database.writing() as session:
        session.get_one(Election, election).end = now()
    its.tell(now())
    counts = provisional.read(suite.redis, election)
    assert counts is not None
    assert counts.votes is None
    # A part that was laid aside may hold a single ballot, which would show on the day it is replayed.
    part = {"batch_id": uuid4().hex, "part": 0}
    with suite.database.writing() as session:
        its_time = {"received_at": now() - timedelta(minutes=1), "not_before": None, "buried_at": now()}
        session.add(DeadLetter(**part, **its_time, partition=0, ballots=1, reason="The disk was full."))
    suite.note_that_nothing_waits()
    its.tell(now())
    counts = provisional.read(suite.redis, election)
    assert counts is not None
    assert (counts.votes, told(suite, of_officials)[-1]) == (None, {1: 1, 2: 1})
    with suite.database.writing() as session:
        session.add(Dismissal(**part, reason="It was empty.", dismissed_at=now()))
    its.tell(now())
    assert told(suite, election)[-1] == {1: 1, 2: 1}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_only_elections_that_have_begun_and_are_not_long_over_are_told(suite: Counting) -> None:
    running = suite.election()
    coming = suite.election(begins=60)
    past = suite.election(begins=-90 * 86400, ends=-31 * 86400)
    teller(suite).tell(now())
    there = [provisional.is_there(suite.redis, election) for election in (running, coming, past)]
    assert there == [True, False, False]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_running_daemon_tells(suite: Counting, election_database_url: str, redis_url: str) -> None:
    election = suite.election()
    suite.accept(new_lines(1000))
    daemon = DaemonProcess(election_database_url, redis_url, partitions=2)
    try:
        deadline = time.monotonic() + 60
        while True:
            counts = provisional.read(suite.redis, election)
            if counts is not None and counts.counted == 1000:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert counts.votes is not None
        assert dict(counts.votes) == suite.tally(election)
    finally:
        daemon.end()
