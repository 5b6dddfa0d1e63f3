"""The stations' entries on their way through Redis into the journal: in order, each once, whatever dies or is full."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.relay import move
from shared.database import Database
from shared.errors import Unavailable
from shared.journal import events, store
from shared.journal.events import event
from shared.queue import inspection, journal, keys
from shared.queue.work import QueuedPart
from shared.schema.journal import AnyJournal
from shared.terms import Outcome, Progress
from tests.left_out import needs
from tests.servers import MariaDB
from tests.services.counting import Counting, DaemonProcess, counting, new_lines
from tests.services.test_daemon_processes import until

ON_SERVERS = pytest.mark.parametrize("engine", ["mariadb", "postgresql"])


@pytest.fixture
def suite(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, 2) as made:
        yield made


def told(database: Database, action: str = "batch") -> list[AnyJournal]:
    """The entries of the journal about uploads, in order; the journal has to be whole."""
    with database.reading() as session:
        assert store.check(session)[1] == []
        found = list(session.scalars(store.entries(store.Search(action=action))))
        session.expunge_all()
    return found[::-1]


def subjects(batches: list[str]) -> list[str]:
    return [f"batch {batch}" for batch in batches]


def test_uploads_come_into_the_journal_in_the_order_of_their_receipts(suite: Counting) -> None:
    events.begin("192.0.2.9", "request-0009")
    batches = [suite.accept(new_lines(5, seed=seed)) for seed in range(3)]
    refusal = event(
        "batch.refused", "upload", {"status": 422}, outcome=Outcome.REFUSED, reason="Bad.", actor="v@ex.org"
    )
    assert journal.add_refusal(suite.redis, refusal)
    batches.append(suite.accept(new_lines(5, seed=9)))
    assert move(suite.database, suite.redis) == 5
    found = told(suite.database)
    assert [entry.subject for entry in found] == [*subjects(batches[:3]), "upload", *subjects(batches[3:])]
    assert {entry.actor for entry in found if entry.action == "batch.accepted"} == {"official@example.org"}
    assert {(entry.address, entry.request_id) for entry in found} == {("192.0.2.9", "request-0009")}
    assert (found[3].outcome, found[3].reason, found[3].actor) == ("refused", "Bad.", "v@ex.org")
    assert found[0].moment == suite.status(batches[0]).head.received_at
    assert suite.redis.llen(keys.JOURNAL) == 0
    assert move(suite.database, suite.redis) == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_upload_is_told_with_what_recognises_its_ballots_and_with_none_of_them(suite: Counting) -> None:
    lines = new_lines(30)
    batch = suite.accept(lines, max_part=10)
    parts = sorted(
        (part for number in range(2) for part in suite.front(number) if isinstance(part, QueuedPart)),
        key=lambda part: part.part,
    )
    assert len(parts) > 2
    digests = b"".join(hashlib.sha256(part.payload).digest() for part in parts)
    (text,) = suite.redis.lrange(keys.JOURNAL, 0, -1)
    assert not any(ballot.encode() in text.lower() for ballot, _ in lines)
    assert not any(ballot.replace("-", "").encode() in text.lower() for ballot, _ in lines)
    assert b"0101994704401" not in text
    assert move(suite.database, suite.redis) == 1
    (entry,) = told(suite.database)
    assert entry.subject == f"batch {batch}"
    assert json.loads(entry.details) == {
        "election": None,
        "file": "ballots.csv",
        "sha256": "0" * 64,
        "lines": 30,
        "parts": len(parts),
        "payloads": hashlib.sha256(digests).hexdigest(),
    }


# The daemon's own way, up to the moment at which the store has the entries and Redis still has them, too.
DYING = """
import sys, time
from daemon import relay
from shared.database import Database
from shared.queue.connection import connect
relay.journal.remove = lambda *_: (print("written", flush=True), time.sleep(600))
relay.move(Database(sys.argv[1]), connect(sys.argv[2]))
"""


def test_a_daemon_killed_between_the_store_and_redis_makes_no_entry_twice(
    suite: Counting, election_database_url: str, redis_url: str
) -> None:
    batches = [suite.accept(new_lines(1, seed=seed)) for seed in range(3)]
    program = [sys.executable, "-c", DYING, election_database_url, redis_url]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == b"written\n"
        os.kill(dying.pid, signal.SIGKILL)
    assert [entry.subject for entry in told(suite.database)] == subjects(batches)
    assert suite.redis.llen(keys.JOURNAL) == 3
    batches.append(suite.accept(new_lines(1, seed=9)))
    assert move(suite.database, suite.redis) == 4
    assert [entry.subject for entry in told(suite.database)] == subjects(batches)
    assert suite.redis.llen(keys.JOURNAL) == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_daemon_that_was_frozen_takes_nothing_out_that_it_has_not_written(suite: Counting) -> None:
    first = [suite.accept(new_lines(1, seed=seed)) for seed in range(2)]
    frozen = journal.front(suite.redis, 500)
    assert frozen is not None
    assert move(suite.database, suite.redis) == 2
    second = suite.accept(new_lines(1, seed=9))
    with suite.database.writing() as session:
        assert store.append(session, frozen.events) == 0
    assert not journal.remove(suite.redis, frozen)
    assert move(suite.database, suite.redis) == 1
    assert [entry.subject for entry in told(suite.database)] == subjects([*first, second])


@ON_SERVERS
def test_two_daemons_killed_again_and_again_tell_of_every_upload_once_and_in_order(
    suite: Counting, election_database_url: str, redis_url: str
) -> None:
    suite.election()
    daemons = [DaemonProcess(election_database_url, redis_url, 2) for _ in range(2)]
    batches = []
    try:
        for place in range(200):
            batches.append(suite.accept(new_lines(1, seed=place)))
            if place % 40 == 39:
                until(lambda: len(told(suite.database)) > 0)
                victim = place // 40 % 2
                daemons[victim].kill()
                daemons[victim] = DaemonProcess(election_database_url, redis_url, 2)
        until(lambda: suite.waiting() == 0 and suite.redis.llen(keys.JOURNAL) == 0)
    finally:
        for daemon in daemons:
            daemon.end()
    assert [entry.subject for entry in told(suite.database)] == subjects(batches)


def test_entries_wait_in_redis_while_the_database_is_away(redis_url: str) -> None:
    needs(MariaDB)
    with MariaDB() as server, counting(server.new_database(), redis_url, 2) as suite:
        url = suite.database.engine.url
        server.kill()
        batches = [suite.accept(new_lines(1, seed=seed)) for seed in range(2)]
        with pytest.raises(Unavailable):
            move(suite.database, suite.redis)
        assert suite.redis.llen(keys.JOURNAL) == 2
        server.restart()
        again = Database(url.render_as_string(hide_password=False))
        assert move(again, suite.redis) == 2
        assert [entry.subject for entry in told(again)] == subjects(batches)
        again.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_full_redis_is_emptied_all_the_same_and_a_refused_upload_leaves_no_entry(suite: Counting) -> None:
    batch = suite.accept(new_lines(1))
    suite.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            suite.accept(new_lines(1, seed=2))
        with pytest.raises(Unavailable):
            journal.add_refusal(suite.redis, event("batch.refused", "upload"))
        assert move(suite.database, suite.redis) == 1
        assert suite.redis.llen(keys.JOURNAL) == 0
    finally:
        suite.redis.config_set("maxmemory", 0)
    assert [entry.subject for entry in told(suite.database)] == subjects([batch])


@pytest.mark.parametrize("engine", ["sqlite"])
def test_refusals_fill_redis_only_so_far_and_uploads_are_told_beyond_that(
    suite: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_REFUSALS_WAITING", 3)
    refusals = [event("batch.refused", "upload", outcome=Outcome.REFUSED) for _ in range(5)]
    assert [journal.add_refusal(suite.redis, refusal) for refusal in refusals] == [True, True, True, False, False]
    suite.accept(new_lines(1))
    assert suite.redis.llen(keys.JOURNAL) == 4


def _is_told_once(suite: Counting, text: str | bytes) -> None:
    for _ in range(2):
        suite.redis.rpush(keys.JOURNAL, text)
        assert move(suite.database, suite.redis) == 1


@pytest.mark.parametrize("engine", ["sqlite", "mariadb", "postgresql"])
def test_what_no_station_writes_is_told_as_damaged_and_stops_nothing(suite: Counting) -> None:
    good = event("batch.accepted", "batch a").to_json()
    damaged: list[str | bytes] = [
        b"",
        b"\xff\x00",
        "17 {}",
        "x " + good,
        "99999999999999999999 " + good,
        "17 []",
        "17 " + "[" * 60_000,
        "17 " + good.replace('"id":"', '"id":"x'),
        "17 " + good.replace('"details":{}', '"details":[]'),
        "17 " + good.replace('"outcome":"done"', '"outcome":"perhaps"'),
        "17 " + "9" * 70_000,
        '17 {"action":7}',
    ]
    for text in damaged:
        _is_told_once(suite, text)
    hostile: dict[str, Any] = {"action": "a\0", "id": "e" * 32, "subject": "\ud800", "details": {"a": "\ud800\0"}}
    _is_told_once(suite, "17 " + json.dumps(hostile))
    assert len(told(suite.database, "journal.damaged")) == len(damaged)
    assert len(told(suite.database, "")) == len(damaged) + 1 + 1  # And the number of partitions.


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_part_laid_aside_is_told_once_and_its_replay_by_an_operator_too(
    suite: Counting, election_database_url: str, redis_url: str
) -> None:
    suite.election()
    batch = suite.accept(new_lines(1))
    payload = suite.redis.getdel(f"urna:payload:{batch}_0")
    daemon = DaemonProcess(election_database_url, redis_url, 2)
    try:
        until(lambda: len(inspection.buried(suite.redis)) == 1)
        # Once more in vain, and then for good.
        events.act_as(events.OPERATOR)
        inspection.replay(suite.redis, batch, 0)
        until(lambda: len(inspection.buried(suite.redis)) == 1)
        suite.redis.set(f"urna:payload:{batch}_0", payload)
        inspection.replay(suite.redis, batch, 0)
        until(lambda: suite.status(batch).status == Progress.COUNTED)
        until(lambda: suite.redis.llen(keys.JOURNAL) == 0)
        assert daemon.stop() == 0
    finally:
        daemon.end()
    found = told(suite.database, "part")
    assert {entry.subject for entry in found} == {f"part 0 of batch {batch}"}
    assert sorted(entry.action for entry in found) == ["part.buried", "part.replayed", "part.replayed"]
    by = {entry.action: entry.actor for entry in found}
    assert by["part.replayed"] == "operator"
    assert by["part.buried"].startswith("daemon ")
    (changed,) = told(suite.database, "partitions")
    assert json.loads(changed.details) == {"partitions": {"from": 0, "to": 2}}
