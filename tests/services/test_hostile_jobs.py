"""A queue into which somebody has written who is no station, and a real daemon that works it."""

import json
import os
import pickle
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cli import dismissal
from daemon import actions
from shared import tallies
from shared.errors import Conflict
from shared.queue import inspection, keys, work
from shared.queue.jobs import RECORD
from shared.queue.parts import pack
from shared.schema.election import DeadLetter, Dismissal, Election, Journal, Part
from tests.journey.command import Outcome, urna
from tests.servers.nursling import Copied
from tests.services.counting import Counting, counting, new_lines

STRANGER = "f" * 32


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds, and fail when it never does."""
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.1)


class Touch:
    """What a pickle would run when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


def job(*said: Any, **fields: Any) -> dict[str, Any]:
    """A job's entry that says something in JSON."""
    return {"data": json.dumps(said), "status": "queued", **fields}


def hostile(file: Path) -> dict[str, tuple[str, dict[str, Any] | None, str]]:
    """Jobs by what is wrong with them: id, entry, and what has to stand in the reason. Each would make the file."""
    touch = f"touch {file}"
    hooks = json.dumps([{"url": "http://example.org/", "statuses": ["finished"]}])
    made: dict[str, tuple[str, dict[str, Any] | None, str]] = {
        "a name of its own": ("../../etc/passwd", job("os.system", None, [touch], {}), "not that of a part"),
        "no text": ("\udcff\udcfe_0", job("os.system", None, [touch], {}), "not that of a part"),
        "a number without end": (f"{STRANGER}_{'9' * 5000}", None, "not that of a part"),
    }

    def add(what: str, entry: Callable[[str], dict[str, Any] | None], reason: str) -> None:
        batch = f"{len(made):032x}"
        made[what] = (f"{batch}_0", entry(batch), reason)

    def right(batch: str, **fields: Any) -> dict[str, Any]:
        return job(RECORD, None, [batch, 0, 1], {}, **fields)

    add("another function", lambda _: job("os.system", None, [touch], {}), "calls 'os.system'")
    add("a method", lambda _: job("system", "os", [touch], {}), "calls 'system'")
    add(
        "a function of ours", lambda batch: job("daemon.actions.bury", None, [batch, 0, 1], {}), "calls 'daemon.actions"
    )
    add("a pickle", lambda _: {"data": pickle.dumps(Touch(file)), "status": "queued"}, "not written as JSON")
    add("a compressed pickle", lambda _: {"data": zlib.compress(pickle.dumps(Touch(file)))}, "not written as JSON")
    add("a pickled meta", lambda _: job(RECORD, None, [], {}, meta=pickle.dumps(Touch(file))), "does not name a batch")
    for moment in ("success", "failure", "stopped"):
        field = {f"{moment}_callback_name": "os.system", f"{moment}_callback": touch}
        add(f"a callback for {moment}", partial(right, **field), "callback")
    add("a webhook", lambda batch: right(batch, webhooks=hooks), "webhook")
    add("named arguments", lambda batch: job(RECORD, None, [], {"batch_id": batch, "part": 0}), "does not name a batch")
    add("named ones besides", lambda batch: job(RECORD, None, [batch, 0, 1], {"owner": touch}), "does not name a batch")
    add("a foreign id", lambda _: right("e" * 32), "that fits its id")
    add("a bomb", lambda _: {"data": zlib.compress(b"[" + b" " * 50_000_000)}, "not written as JSON")
    add("brackets", lambda _: {"data": b"[" * 200_000}, "not written as JSON")
    add("two megabytes", lambda batch: job("x" * 2_000_000, None, [batch, 0, 1], {}), "not written as JSON")
    add("no entry", lambda _: None, "entry is missing")
    add("other fields", lambda _: {"nothing": "of RQ"}, "entry is missing")
    add("a batch that nobody knows", right, "batch's entry is missing")
    return made


@pytest.fixture
def suite(sqlite_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(sqlite_url, redis_url) as made:
        yield made


@pytest.fixture
def daemon(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Callable[[], Callable[[], str]]]:
    """Starts a real daemon; what it returns says what the daemon has logged."""
    with ExitStack() as ending:

        def start() -> Callable[[], str]:
            log = tmp_path / "daemon.log"
            settings = {"ELECTION_DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "PARTITIONS": "1"}
            with log.open("wb") as written:
                environment = {**os.environ, **settings, "LEASE_SECONDS": "10"}
                process = Copied(["daemon.app"], environment, written.fileno())
            ending.callback(process.wait, 180)
            ending.callback(process.terminate)
            return log.read_text

        yield start


def put(suite: Counting, job_id: str, entry: dict[str, Any] | None) -> None:
    """Write a job into the front of the queue, as somebody who may write to Redis."""
    raw = job_id.encode(errors="surrogateescape")
    if entry is not None:
        suite.redis.delete(b"rq:job:" + raw)
        suite.redis.hset(b"rq:job:" + raw, mapping=entry)
    suite.redis.lpush(keys.queue(0), raw)


def standing(suite: Counting, election: int) -> tallies.Standing:
    with suite.database.reading() as session:
        return tallies.current(session, session.get_one(Election, election), datetime.now(UTC) + timedelta(hours=2))


def journal(suite: Counting, action: str) -> list[tuple[str, str]]:
    """Who has done this, and the details."""
    with suite.database.reading() as session:
        return [
            (row.actor, row.details)
            for row in session.execute(sa.select(Journal.actor, Journal.details).where(Journal.action == action))
        ]


def dismiss(suite: Counting, batch: str, part: int, *, reason: str = "A stranger's.") -> Outcome:
    where = {
        "REDIS_URL": suite.redis_url,
        "ELECTION_DATABASE_URL": suite.database.engine.url.render_as_string(hide_password=False),
    }
    return urna("queue", "dismiss", batch, str(part), "--reason", reason, "--json", environment=where)


def test_hostile_jobs_are_reported_and_never_run_and_the_line_goes_on(
    suite: Counting, daemon: Callable[[], Callable[[], str]], tmp_path: Path
) -> None:
    file = tmp_path / "made-by-a-job"
    jobs = hostile(file)
    election = suite.election()
    good = suite.accept(new_lines(3))
    for job_id, entry, _ in jobs.values():
        put(suite, job_id, entry)
    said = daemon()
    until(lambda: suite.status(good).counted == 3 and suite.waiting() == 0)
    assert not file.exists()

    buried = {one.job_id: one for one in inspection.buried(suite.redis)}
    shown = urna("queue", "--json", environment={"REDIS_URL": suite.redis_url}).json["dead_letters"]
    noted = journal(suite, "part.buried")
    with suite.database.reading() as session:
        letters = {row.batch_id: row.reason for row in session.scalars(sa.select(DeadLetter))}
    assert len(buried) == len(shown) == len(noted) == len(letters) == len(jobs) == said().count("part buried")
    assert all(actor.startswith("daemon ") for actor, _ in noted)
    for what, (job_id, _, expected) in jobs.items():
        name = job_id.encode(errors="surrogateescape").decode(errors="backslashreplace")
        assert expected in buried[name].reason, what
        assert expected in letters[keys.letter(job_id)[0]], what
        assert any(expected in one["reason"] for one in shown), what
        assert any(expected in details for _, details in noted), what

    # Nobody knows what they stand for, so no result is final before somebody has looked at each.
    for number, letter in enumerate(buried.values(), 1):
        assert standing(suite, election).dead_letter
        done = dismiss(suite, letter.batch_id, letter.part)
        assert done.status == 0, (letter, done.err)
        assert len(inspection.buried(suite.redis)) == len(jobs) - number
    assert not standing(suite, election).dead_letter
    dismissed = journal(suite, "part.dismissed")
    assert len(dismissed) == len(jobs)
    assert all(actor == "operator" and "A stranger's." in details for actor, details in dismissed)
    assert not file.exists()


def test_fields_that_rq_alone_would_heed_change_nothing_for_a_part(
    suite: Counting, daemon: Callable[[], Callable[[], str]]
) -> None:
    suite.election()
    batch = suite.accept(new_lines(3))
    fields = {"dependency_ids": '["x"]', "timeout": 1, "ttl": 1, "retries_left": 9, "retry_intervals": "[0]"}
    suite.redis.hset(keys.job(keys.job_id(batch, 0)), mapping={**fields, "origin": "x", "repeats_left": 9})
    daemon()
    until(lambda: suite.status(batch).counted == 3)
    assert not inspection.buried(suite.redis)


@pytest.mark.parametrize(
    ("begins", "ends", "moment", "expected"),
    [
        (-7200, -3600, timedelta(hours=-1.5), "before what was counted already"),
        (-3600, 3600, timedelta(days=30), "ahead of the clock"),
    ],
    ids=["into an election that is final", "into next month"],
)
def test_a_receipt_that_no_station_of_ours_gave_changes_no_result(
    suite: Counting,
    daemon: Callable[[], Callable[[], str]],
    begins: float,
    ends: float,
    moment: timedelta,
    expected: str,
) -> None:
    past = suite.election(begins=begins, ends=ends, jurisdiction=1)
    daemon()
    # The watermark has passed the end of what has ended.
    until(lambda: suite.watermarks() != [None])
    before = standing(suite, past)
    forged = suite.accept(new_lines(5))
    until(lambda: suite.status(forged).received == 5)
    # The same again, with a moment that was written by hand before any daemon saw it.
    pipe = suite.redis.pipeline()
    copy = "a" * 32
    head = {**suite.redis.hgetall(keys.batch(forged))}
    stamp = keys.to_microseconds(datetime.now(UTC) + moment)
    ours = {name: value for name, value in head.items() if not name.startswith((b"part:", b"recorded"))}
    pipe.hset(keys.batch(copy), mapping={**ours, b"received_at": stamp})
    pipe.set(keys.payload(f"{copy}_0"), pack(os.urandom(16 * 5), [1] * 5, range(5)))
    pipe.hset(keys.job(f"{copy}_0"), mapping=job(RECORD, None, [copy, 0, 5], {}))
    pipe.rpush(keys.queue(0), f"{copy}_0")
    pipe.execute()
    good = suite.accept(new_lines(4, seed=3))
    until(lambda: suite.waiting() == 0)
    (letter,) = inspection.buried(suite.redis)
    assert (letter.batch_id, expected in letter.reason) == (copy, True)
    with suite.database.reading() as session:
        assert sorted(session.scalars(sa.select(Part.batch_id))) == sorted([forged, good])
        assert session.scalars(sa.select(DeadLetter.received_at)).all() == [None]
    assert all(mark is not None and mark < datetime.now(UTC) + timedelta(minutes=2) for mark in suite.watermarks())
    if ends < 0:
        assert (before.state, standing(suite, past).state) == ("final", "final"), "What is final stays final."
        assert suite.tally(past) == {}

    # Replayed it is not believed either; dismissed it is settled.
    inspection.replay(suite.redis, copy, 0)
    until(lambda: suite.waiting() == 0)
    assert [one.batch_id for one in inspection.buried(suite.redis)] == [copy]
    assert dismiss(suite, copy, 0).status == 0
    assert not standing(suite, past).dead_letter


def test_ballots_of_an_accepted_upload_cannot_be_dismissed(
    suite: Counting, daemon: Callable[[], Callable[[], str]]
) -> None:
    election = suite.election()
    batch = suite.accept(new_lines(3))
    payload = suite.redis.get(keys.payload(f"{batch}_0"))
    suite.redis.set(keys.payload(f"{batch}_0"), b"URNA, but not really")
    daemon()
    until(lambda: len(inspection.buried(suite.redis)) == 1)
    refused = dismiss(suite, batch, 0)
    assert refused.status == 1
    assert "of an upload that was accepted at" in refused.error["error"]
    assert standing(suite, election).dead_letter
    assert journal(suite, "part.dismissed") == []
    assert len(inspection.buried(suite.redis)) == 1
    # Replayed, it counts.
    suite.redis.set(keys.payload(f"{batch}_0"), payload)
    inspection.replay(suite.redis, batch, 0)
    until(lambda: suite.status(batch).counted == 3)
    assert not standing(suite, election).dead_letter


@pytest.mark.parametrize("evidence", ["nothing", "redis", "store"])
def test_only_where_nothing_says_that_an_upload_was_accepted_a_part_of_it_can_be_dismissed(
    suite: Counting, evidence: str
) -> None:
    election = suite.election()
    batch = suite.accept(new_lines(40), max_part=20)
    head = suite.redis.hgetall(keys.batch(batch))
    claim = suite.claim(0)
    if evidence == "store":
        actions.record(suite.database, claim, suite.front(0)[:1], datetime.now(UTC))
    suite.redis.delete(keys.batch(batch))
    lost = work.front(suite.redis, 0, jobs=10, ballots=1000)[1]
    assert isinstance(lost, work.DamagedPart)
    actions.bury(suite.database, suite.redis, claim, lost, datetime.now(UTC))
    if evidence == "redis":
        suite.redis.hset(keys.batch(batch), mapping=head)
    assert standing(suite, election).dead_letter

    if evidence == "nothing":
        dismissal.dismiss(suite.database, suite.redis, batch, 1, "Nobody's.", datetime.now(UTC))
    else:
        with pytest.raises(Conflict, match="accepted"):
            dismissal.dismiss(suite.database, suite.redis, batch, 1, "Nobody's.", datetime.now(UTC))
    with suite.database.reading() as session:
        assert len(session.scalars(sa.select(Dismissal.batch_id)).all()) == (evidence == "nothing")
    assert len(inspection.buried(suite.redis)) == (evidence != "nothing")
    assert standing(suite, election).dead_letter is (evidence != "nothing")


def test_a_dismissal_says_what_it_needs_and_what_there_is_not(suite: Counting) -> None:
    unknown = dismiss(suite, STRANGER, 0)
    assert (unknown.status, "No dead letter" in unknown.error["error"]) == (1, True)
    empty = dismiss(suite, STRANGER, 0, reason=" ")
    assert (empty.status, "A reason has" in empty.error["error"]) == (2, True)
    where = {"REDIS_URL": suite.redis_url, "ELECTION_DATABASE_URL": ""}
    nowhere = urna("queue", "dismiss", STRANGER, "0", "--reason", "x", "--json", environment=where)
    assert (nowhere.status, "ELECTION_DATABASE_URL" in nowhere.error["error"]) == (2, True)


def test_a_dismissal_that_was_cut_off_is_finished_by_the_next(suite: Counting) -> None:
    put(suite, f"{STRANGER}_0", job("os.system", None, ["true"], {}))
    (stranger,) = work.front(suite.redis, 0, jobs=10, ballots=10)
    assert isinstance(stranger, work.DamagedPart)
    actions.bury(suite.database, suite.redis, suite.claim(0), stranger, datetime.now(UTC))
    with suite.database.writing() as session:
        session.add(Dismissal(batch_id=STRANGER, part=0, reason="Cut off.", dismissed_at=datetime.now(UTC)))
    dismissal.dismiss(suite.database, suite.redis, STRANGER, 0, "Again.", datetime.now(UTC))
    assert inspection.buried(suite.redis) == []
    with suite.database.reading() as session:
        assert session.scalars(sa.select(Dismissal.reason)).all() == ["Cut off."]


def test_a_daemon_whose_clock_is_behind_that_of_redis_takes_no_part_for_forged(suite: Counting) -> None:
    suite.election()
    suite.accept(new_lines(2))
    (part,) = suite.front(0)
    claim = suite.claim(0)
    # Whatever looks strange to a daemon is looked at twice; this is not.
    assert actions.forged(suite.database, suite.redis, claim, [part]) == []
    actions.advance(suite.database, claim, part.batch.received_at)
    assert actions.forged(suite.database, suite.redis, claim, [part]) == []
    actions.advance(suite.database, claim, part.batch.received_at + timedelta(microseconds=1))
    assert [one.job_id for one in actions.forged(suite.database, suite.redis, claim, [part])] == [part.job_id]
    # After a crash between the commit and the removal it is seen again, and recorded already.
    actions.record(suite.database, claim, [part], datetime.now(UTC))
    assert actions.forged(suite.database, suite.redis, claim, [part]) == []
