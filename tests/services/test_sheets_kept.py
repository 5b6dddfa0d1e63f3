"""Tally sheets in a backup and in a recount: nothing that was accepted is lost, and nothing is changed unseen."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cli.backup.places import Places
from cli.recount.command import recounted
from shared.database import migrate
from shared.queue import keys
from tests.left_out import needs
from tests.servers import Redis, SQLite
from tests.services.backing_up import restore, steps, url_of
from tests.services.counting import counting
from tests.services.sheets import OTHER, Sheets, picture, sheet, sheets

VERA, MILAN = "vera@example.org", "milan@example.org"
WHY = {"W206": "Ten were torn."}


@pytest.fixture
def made(sqlite_url: str, redis_url: str) -> Iterator[Sheets]:
    with sheets(sqlite_url, redis_url, stations=4) as found:
        yield found


@pytest.fixture
def second_redis() -> Iterator[Redis]:
    """Another Redis than the one that is backed up."""
    needs(Redis)
    with Redis() as server:
        yield server


def test_what_waits_and_what_is_kept_survives_backup_and_restore(
    made: Sheets, sqlite_files: SQLite, second_redis: Redis, tmp_path: Path
) -> None:
    accounts = sqlite_files.new_database()
    migrate(accounts, "accounts")
    made.send(VERA)
    kept = made.photograph(VERA, picture("PNG"))
    made.work()
    made.send(MILAN, OTHER)
    waiting = made.photograph(MILAN, picture("PNG", size=(300, 200)))
    file = tmp_path / "archive"
    with steps(Places(accounts, url_of(made.database), made.suite.redis_url), file) as backup:
        backup.first_look()
        # What is recorded between the two moments is in both, and is recorded once.
        made.work()
        made.send(VERA, station=1)
        made.photograph(VERA, picture("PNG"), station=1)
        made.work()
        backup.hold()
        made.send(MILAN, station=2)
        backup.rest()
    places = Places(sqlite_files.new_database(), sqlite_files.new_database(), second_redis.url)
    restore(places, file)
    with counting(places.election, places.redis, 1) as suite:
        again = Sheets(suite, made.election, made.stations)
        assert int(again.redis.get(keys.PHOTOGRAPHS) or 0) == len(picture("PNG", size=(300, 200)))
        assert [state for state, _ in again.became(VERA)] == ["recorded", "recorded"]
        assert [state for state, _ in again.became(MILAN)] == ["waiting", "waiting"]
        again.publish()
        again.work()
        again.refresh()
        assert [state for state, _ in again.became(MILAN)] == ["recorded", "recorded"]
        assert again.row() == made.row() == ("differing", 2, None)
        assert again.row(1) == made.row(1) == ("entered_once", 1, None)
        assert again.row(2) is None
        assert again.photographs() == made.photographs()
        assert {one[0] for one in again.photographs()} >= {kept, waiting}
        assert again.sight(VERA).copy == made.sight(VERA).copy
        assert again.line() == []


def recount(made: Sheets) -> dict[str, int]:
    found = recounted(url_of(made.database), made.election, 20)
    assert found["agrees"] == (not found["found"])
    return dict(found["found"])


TAMPERINGS = {
    "a state": ("UPDATE tally_sheets SET state = 'accepted' WHERE station_id = 2", "sheet_changed"),
    "which entry stands": ("UPDATE tally_sheets SET standing = 2 WHERE station_id = 1", "sheet_changed"),
    "a moment": ("UPDATE tally_sheets SET changed_at = '2026-01-01 00:00:00.000000'", "sheet_changed"),
    "a row": ("DELETE FROM tally_sheets WHERE station_id = 3", "sheet_missing"),
    "a new row": (
        "INSERT INTO tally_sheets SELECT election_id, 99, state, last, standing, changed_at FROM tally_sheets "
        "WHERE station_id = 1",
        "sheet_added",
    ),
    "the last entry": (
        "DELETE FROM sheet_events WHERE station_id = 2 AND number = 2",
        "sheet_entry_missing",
    ),
    "the first entry": ("DELETE FROM sheet_events WHERE station_id = 2 AND number = 1", "sheet_history"),
    "who entered": ("UPDATE sheet_events SET actor = 'vera@example.org'", "sheet_history"),
    "which persons entered": ("UPDATE sheet_events SET actor_jmbg = '0101990710008'", "sheet_history"),
    "both numbers alike": (
        "UPDATE sheet_events SET numbers = replace(numbers, '150', '151') WHERE station_id = 1",
        "sheet_entry_changed",
    ),
    "an explanation": (
        "UPDATE sheet_events SET explanations = replace(explanations, 'torn', 'lost')",
        "sheet_entry_changed",
    ),
    "a new entry": (
        "INSERT INTO sheet_events SELECT election_id, station_id, 2, 'x', act, 'ana@example.org', at, numbers, "
        "explanations, chosen, reason, actor_jmbg FROM sheet_events WHERE station_id = 4",
        "sheet_entry_added",
    ),
    "a photograph": ("UPDATE sheet_photographs SET content = x'89504e47'", "photograph_changed"),
    "a photograph and its sum": ("UPDATE sheet_photographs SET sha256 = 'x'", "photograph_changed"),
    "no photograph": ("DELETE FROM sheet_photographs", "photograph_missing"),
}


@pytest.mark.parametrize("case", TAMPERINGS)
def test_a_recount_finds_whatever_was_done_to_a_sheet_behind_our_back(made: Sheets, case: str) -> None:
    for official in (VERA, MILAN):
        made.send(official)
        made.send(official, OTHER if official == VERA else None, station=1)
        made.send(official, sheet(unused=190, explanations=WHY), station=2)
    made.send(VERA, station=3)
    made.photograph(VERA, picture("PNG"))
    made.work()
    made.reopen(3)
    made.send(VERA, station=3)
    made.work()
    made.suite.note_that_nothing_waits()
    assert [row[0] for place in range(4) if (row := made.row(place))] == [
        "accepted",
        "differing",
        "waiting_for_review",
        "entered_once",
    ]
    assert recount(made) == {}
    statement, kind = TAMPERINGS[case]
    if case == "a new entry":
        statement = statement.replace("2, 'x'", "4, 'x'").replace("station_id = 4", "station_id = 4 AND number = 3")
    with closing(sqlite3.connect(make_url(url_of(made.database)).database or "")) as connection:
        assert connection.execute(statement).rowcount > 0
        connection.commit()
    assert kind in recount(made)
