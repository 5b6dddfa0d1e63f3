"""The daemon and tally sheets: each entry and photograph recorded once, whoever dies, races or is in the way."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from daemon.actions import sheets as actions
from daemon.sheets import SheetRelay
from daemon.store import sheets as store
from shared.database import Database
from shared.errors import Unavailable
from shared.queue import keys, sheet_line
from shared.queue.connection import connect
from shared.schema.election import Election, Electorate, PollingStation, TallySheet
from shared.sheets import photographs
from tests.services.sheets import OTHER, SHEET, Sheets, large_picture, picture, reopen, sheet, sheets

ONE = pytest.mark.parametrize("engine", ["sqlite"])
VERA, MILAN, ANA = "vera@example.org", "milan@example.org", "ana@example.org"


@pytest.fixture
def made(election_database_url: str, redis_url: str) -> Iterator[Sheets]:
    with sheets(election_database_url, redis_url) as found:
        yield found


def test_two_officials_same_numbers_are_accepted_and_the_journal_names_no_number(made: Sheets) -> None:
    first, second = made.send(VERA), made.send(MILAN)
    made.work()
    assert made.row() == ("accepted", 2, 1)
    assert made.events() == [(1, "entry", VERA), (2, "entry", MILAN)]
    assert made.became(VERA) == made.became(MILAN) == [("recorded", "")]
    assert made.line() == []
    told = made.journal()
    assert [(action, actor, {**details, "sha256": ""}) for action, actor, details, _ in told] == [
        ("sheet.entered", VERA, {"entry": 1, "findings": [], "state": "entered_once", "sha256": ""}),
        ("sheet.entered", MILAN, {"entry": 2, "findings": [], "state": "accepted", "sha256": ""}),
    ]
    copy = made.sight(ANA).copy
    assert (copy.state.value, copy.last, copy.entered_by) == ("accepted", 2, (VERA, MILAN))
    assert first != second


def test_the_administrations_changes_come_to_the_stations_and_so_does_everything_when_redis_was_lost(
    made: Sheets,
) -> None:
    made.send(VERA)
    made.send(MILAN, OTHER)
    made.send(VERA, station=1)
    made.work()
    assert made.row() == ("differing", 2, None)
    assert made.sight(VERA).copy.differing == ("votes.1", "votes.2")
    made.refresh()
    assert made.refresh() == 0
    made.reopen()
    assert made.refresh() == 1
    assert made.refresh() == 0
    copy = made.sight(VERA).copy
    assert (copy.state.value, copy.round, copy.entered_by, copy.differing) == ("reopened", 3, (), ())
    made.send(VERA)
    made.work()
    assert made.row() == ("entered_once", 4, None)
    before = [made.sight(VERA, place).copy for place in (0, 1)]
    made.redis.flushall()
    assert made.sight(VERA).copy.last == 0
    assert made.refresh() == 2
    assert [made.sight(VERA, place).copy for place in (0, 1)] == before
    # A daemon that takes over knows nothing of what the other one has written.
    made.copies = actions.Copies()
    assert made.refresh() == 0


def test_a_photograph_as_large_as_they_may_be_is_kept_as_it_was_sent(made: Sheets) -> None:
    content = large_picture(photographs.MOST_BYTES)
    assert len(content) == photographs.MOST_BYTES
    sent = made.photograph(VERA, content)
    assert int(made.redis.get(keys.PHOTOGRAPHS) or 0) == len(content)
    made.work()
    assert made.photographs() == [(sent, "image/png", content)]
    assert made.became(VERA) == [("recorded", "")]
    assert (made.redis.exists(keys.photograph(sent)), made.redis.get(keys.PHOTOGRAPHS)) == (0, b"0")
    ((action, actor, details, _),) = made.journal()
    assert (action, actor, details["bytes"]) == ("photograph.added", VERA, len(content))


def test_of_two_second_entries_at_once_one_is_recorded_and_the_other_official_reads_why(
    made: Sheets, election_database_url: str
) -> None:
    made.send(VERA)
    made.work()
    made.send(MILAN)
    made.send(ANA, OTHER)
    # Each as if another daemon had it at the front, at the same moment.
    found = in_turn_or_at_once(election_database_url, made, [[item] for item in made.line()])
    assert sorted(one.became["state"] for one in found if one.became) == ["recorded", "refused"]
    assert made.events()[0] == (1, "entry", VERA)
    assert len(made.events()) == 2
    row = made.row()
    assert row is not None
    assert row[0] in ("accepted", "differing")
    (reason,) = [one.became["reason"] for one in found if one.became and one.became["state"] == "refused"]
    assert "administration" in reason


def test_of_two_first_entries_at_once_one_becomes_the_second(made: Sheets, election_database_url: str) -> None:
    made.send(VERA)
    made.send(MILAN)
    found = in_turn_or_at_once(election_database_url, made, [[item] for item in made.line()])
    assert [one.became["state"] for one in found if one.became] == ["recorded", "recorded"]
    assert made.row() == ("accepted", 2, 1)


def test_two_daemons_that_record_the_same_entry_record_it_once(made: Sheets, election_database_url: str) -> None:
    made.send(VERA)
    block = made.line()
    found = in_turn_or_at_once(election_database_url, made, [block, block])
    assert [one.became for one in found] == [{"state": "recorded", "number": 1}] * 2
    assert made.events() == [(1, "entry", VERA)]
    assert len(made.journal()) == 1


@pytest.mark.parametrize("engine", ["mariadb", "mysql", "postgresql"])
@pytest.mark.parametrize("kind", ["entry", "photograph"])
def test_what_another_daemon_records_between_two_looks_is_recorded_and_not_refused(
    made: Sheets, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SQLite lets one write at a time, so nothing of this can happen there.
    if kind == "entry":
        made.send(VERA)
    else:
        made.photograph(VERA, picture("PNG"))
    block, other = made.line(), list[sheet_line.Done | None]()

    def look_then_let_the_other_one_record(look: Any) -> Any:
        def looked(session: Session, ids: Collection[str]) -> Any:
            found = look(session, ids)
            if not other:
                other.append(None)
                other[:] = actions.record(made.database, made.redis, block).done
            return found

        return looked

    for name in ("recorded", "told"):
        monkeypatch.setattr(store, name, look_then_let_the_other_one_record(getattr(store, name)))
    made.work()
    assert made.line() == []
    assert [one and one.became for one in other] == [{"state": "recorded", "number": int(kind == "entry")}]
    assert made.became(VERA) == [("recorded", "")]
    assert len(made.journal()) == 1


def test_a_reopening_and_a_second_entry_at_once_leave_one_history(made: Sheets, election_database_url: str) -> None:
    made.send(VERA)
    made.work()
    made.send(MILAN)
    (item,) = made.line()
    failures: list[BaseException] = []

    def open_again() -> None:
        try:
            with closing(Database(election_database_url)) as database:
                reopen(database, made.election, made.stations[0])
        except BaseException as error:
            failures.append(error)

    other = threading.Thread(target=open_again)
    other.start()
    actions.record(made.database, made.redis, [item])
    other.join()
    assert failures == []
    acts = [act for _, act, _ in made.events()]
    assert [number for number, _, _ in made.events()] == [1, 2, 3]
    if acts == ["entry", "entry", "reopening"]:
        assert made.row() == ("reopened", 3, None)
    else:
        assert acts == ["entry", "reopening", "entry"]
        assert made.row() == ("entered_once", 3, None)


def in_turn_or_at_once(url: str, made: Sheets, blocks: list[list[sheet_line.Waiting]]) -> list[sheet_line.Done]:
    """Let a daemon of its own record each block, all at the same moment; one that lost a race tries again."""
    barrier = threading.Barrier(len(blocks))
    done: list[list[sheet_line.Done]] = [[] for _ in blocks]
    failures: list[BaseException] = []

    def work(place: int) -> None:
        try:
            with closing(Database(url)) as database, connect(made.suite.redis_url) as redis:
                barrier.wait()
                for attempt in range(20):
                    try:
                        done[place] = actions.record(database, redis, blocks[place]).done
                        return
                    except Unavailable:
                        if attempt == 19:
                            raise
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return [one for some in done for one in some]


@ONE
def test_the_daemon_goes_on_at_once_only_while_more_waits_than_a_transaction_takes(made: Sheets) -> None:
    relay = SheetRelay(made.database, made.redis, threading.Event(), threading.Event(), timedelta(days=8))
    assert relay.step() == relay.idle_seconds
    # A photograph is recorded alone.
    made.photograph(VERA, picture())
    made.send(VERA)
    made.send(MILAN)
    assert relay.step() == 0
    assert len(made.line()) == 2
    assert relay.step() > relay.idle_seconds
    assert made.line() == []
    assert made.row() == ("accepted", 2, 1)


@ONE
def test_an_entry_that_is_not_possible_any_more_is_refused_and_told_to_its_official_alone(made: Sheets) -> None:
    made.send(VERA)
    made.send(VERA, OTHER)
    made.send(MILAN, sheet(in_box=301))
    made.send(ANA, sheet(unused=0))
    made.work()
    assert made.events() == [(1, "entry", VERA)]
    assert [state for state, _ in made.became(VERA)] == ["recorded", "refused"]
    assert "made the first entry" in made.became(VERA)[1][1]
    assert made.became(MILAN)[0][1].startswith("E101: ")
    assert made.became(ANA)[0][1].startswith("W206: ")
    assert [action for action, *_ in made.journal()] == ["sheet.entered"] + ["sheet.refused"] * 3
    assert "301" not in json.dumps([details for _, _, details, _ in made.journal()])


WHEN_NOTHING_IS_TAKEN = {
    "cancelled": (sa.update(Election).values(stage="cancelled"), "cancelled"),
    "not begun": (sa.update(Election).values(start=datetime(2090, 1, 1, tzinfo=UTC)), "not begun"),
    "over for a week": (
        sa.update(Election).values(end=datetime.now(UTC) - timedelta(days=7, minutes=1)),
        "more than 7 days ago",
    ),
    "made after the opening": (
        sa.insert(Electorate).values(election_id=1, frozen_at=datetime.now(UTC)),
        "made or enabled after the election opened",
    ),
    "disabled": (sa.update(PollingStation).values(status="disabled", reason="moved"), "disabled"),
}


@ONE
@pytest.mark.parametrize("case", WHEN_NOTHING_IS_TAKEN)
def test_what_the_store_says_by_then_decides(made: Sheets, case: str) -> None:
    made.send(VERA)
    made.work()
    made.send(MILAN)
    made.photograph(MILAN, picture("PNG"))
    change, words = WHEN_NOTHING_IS_TAKEN[case]
    with made.database.writing() as session:
        session.execute(change)
    made.work()
    assert len(made.events()) == 1
    assert made.photographs() == []
    assert [(state, words in reason) for state, reason in made.became(MILAN)] == [("refused", True)] * 2


@ONE
def test_a_sheet_is_taken_until_seven_days_after_the_end(made: Sheets) -> None:
    with made.database.writing() as session:
        session.execute(sa.update(Election).values(end=datetime.now(UTC) - timedelta(days=6, hours=23)))
    made.send(VERA)
    made.work()
    assert made.became(VERA) == [("recorded", "")]


@ONE
def test_what_cannot_be_recorded_is_laid_aside_and_holds_up_nothing(made: Sheets) -> None:
    made.redis.rpush(keys.SHEETS, b"no moment and no JSON", b'17 {"id": 5}', b"\xff\xfe")
    good = picture("PNG")
    poisoned = made.photograph(VERA, good, sha256="0" * 64)
    scripted = made.photograph(VERA, b"<html><script>", media_type="text/html")
    made.redis.delete(keys.photograph(made.photograph(VERA, good)))
    # A moment that no station gave.
    made.send("x" * 250 + "@example.org", station=1)
    ahead = made.line()[-1].text
    stamp, _, said = ahead.partition(b" ")
    made.redis.lset(keys.SHEETS, -1, f"{int(stamp) + 3_600_000_000} {said.decode()}")
    made.send(MILAN)
    made.work()
    assert made.line() == []
    assert made.events() == [(1, "entry", MILAN)]
    assert made.events(1) == []
    assert made.photographs() == []
    actions_told = [action for action, *_ in made.journal()]
    assert actions_told == ["sheet.damaged"] * 7 + ["sheet.entered"]
    assert [state for state, _ in made.became(VERA)] == ["refused"] * 3
    assert not made.redis.exists(keys.photograph(poisoned), keys.photograph(scripted))


@ONE
def test_the_sixth_photograph_of_one_official_is_refused_whatever_the_station_knew(made: Sheets) -> None:
    content = picture("PNG")
    for _ in range(6):
        made.photograph(VERA, content)
    made.photograph(MILAN, content)
    made.work()
    assert [state for state, _ in made.became(VERA)] == ["recorded"] * 5 + ["refused"]
    assert made.became(MILAN) == [("recorded", "")]


# The daemon's own way, up to the moment at which the store has what waited and Redis still has it, too.
DYING = """
import sys, time
from daemon.actions import sheets
from shared.database import Database
from shared.queue.connection import connect
sheets.sheet_copies.write = lambda *_: (print("written", flush=True), time.sleep(600))
sheets.move(Database(sys.argv[1]), connect(sys.argv[2]), sheets.Copies())
"""


def test_a_daemon_killed_between_the_store_and_redis_records_nothing_twice(
    made: Sheets, election_database_url: str, redis_url: str
) -> None:
    made.send(VERA)
    made.send(VERA, OTHER)
    photographed = made.photograph(VERA, picture("PNG"))
    for expected in (3, 1):
        assert len(made.line()) == expected
        with subprocess.Popen(
            [sys.executable, "-c", DYING, election_database_url, redis_url], stdout=subprocess.PIPE
        ) as dying:
            assert dying.stdout is not None
            assert dying.stdout.readline() == b"written\n"
            dying.send_signal(signal.SIGKILL)
        assert len(made.line()) == expected
        before = made.events(), made.photographs(), made.journal()
        # The refused entry would be possible by now, and stays what its official may have read already.
        if expected == 3:
            made.reopen()
            before = made.events(), *before[1:]
        actions.move(made.database, made.redis, made.copies)
        assert (made.events(), made.photographs(), made.journal()) == before
        assert [state for state, _ in made.became(VERA)][:2] == ["recorded", "refused"]
    assert [one[0] for one in made.photographs()] == [photographed]
    assert made.line() == []
    made.refresh()
    assert made.sight(VERA).copy.state == "reopened"


@ONE
def test_a_daemon_without_its_database_waits_and_then_records(made: Sheets) -> None:
    made.send(VERA)
    made.photograph(VERA, picture("PNG"))
    with closing(Database("postgresql+psycopg://nobody@127.0.0.1:1/none")) as away, pytest.raises(Unavailable):
        actions.move(away, made.redis, made.copies)
    assert len(made.line()) == 2
    made.work()
    assert made.became(VERA) == [("recorded", "")] * 2


@ONE
def test_a_table_that_is_missing_stops_the_line_and_lays_nothing_aside(made: Sheets) -> None:
    made.send(VERA)
    with made.database.writing() as session:
        session.execute(sa.text("ALTER TABLE sheet_events RENAME TO away"))
    with pytest.raises(Unavailable):
        actions.move(made.database, made.redis, made.copies)
    assert len(made.line()) == 1
    with made.database.writing() as session:
        session.execute(sa.text("ALTER TABLE away RENAME TO sheet_events"))
    made.work()
    assert made.became(VERA) == [("recorded", "")]


@ONE
def test_what_waits_is_drained_while_redis_is_full(made: Sheets) -> None:
    made.send(VERA)
    made.photograph(VERA, picture("PNG"))
    made.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            made.send(MILAN)
        made.work()
        made.refresh()
        assert made.line() == []
        assert made.became(VERA) == [("recorded", "")] * 2
    finally:
        made.redis.config_set("maxmemory", 0)


@ONE
def test_many_entries_are_recorded_in_one_transaction_each_in_its_turn(
    election_database_url: str, redis_url: str
) -> None:
    with sheets(election_database_url, redis_url, stations=120) as made:
        for official in (VERA, MILAN):
            for place in range(120):
                made.send(official, SHEET if place % 3 else sheet(voted=300 + len(official)), station=place)
        began = time.monotonic()
        made.work()
        assert time.monotonic() - began < 60
        with made.database.reading() as session:
            rows = session.execute(sa.select(TallySheet.state, sa.func.count()).group_by(TallySheet.state))
            states = {row[0]: row[1] for row in rows}
        # Each third was refused twice for what it lacks: its explanation.
        assert states == {"accepted": 80}
        assert sum(state == "refused" for place in range(120) for state, _ in made.became(VERA, place)) == 40
