"""``urna journal``: what it shows, what it finds, and what it says when there is nothing to read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin_service.prepare import prepare
from cli.failure import REFUSED, SUCCESS, UNAVAILABLE, USAGE
from shared.database import Database, migrate
from shared.journal import events, store
from shared.terms import Outcome
from tests.services.test_cli_output import command

ENTRIES = 5


@pytest.fixture
def election(election_database_url: str) -> Iterator[Database]:
    """A prepared election store; the first entry tells of that, four more of what Vera has done."""
    prepare(election_database_url)
    opened = Database(election_database_url)
    events.begin("192.0.2.7", "request-0001")
    events.act_as("vera@example.org")
    for number in range(1, 4):
        with opened.writing() as session:
            store.note(session, "election.changed", f"election {number}", {"title": f"Избори {number}"})
    store.write(opened, events.event("election.closed", "election 1", outcome=Outcome.REFUSED, reason="Not open."))
    events.begin("", "")
    yield opened
    opened.close()


def spoil(database: Database, statement: str) -> None:
    with database.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(statement)


def test_a_whole_journal_is_said_to_be_whole_and_its_place_can_be_written_down(
    election: Database, election_database_url: str
) -> None:
    where = {"ELECTION_DATABASE_URL": election_database_url, "ACCOUNTS_DATABASE_URL": ""}
    done = command("journal", "verify", **where)
    assert done.returncode == SUCCESS, done.stderr
    assert f"whole: {ENTRIES} entries" in done.stdout
    written = re.search(r"Write down: (\S+)", done.stdout)
    assert written is not None
    assert command("journal", "verify", "--expect", written[1], **where).returncode == SUCCESS
    spoil(election, "UPDATE journal SET actor = 'mallory' WHERE sequence = 3")
    done = command("journal", "verify", **where)
    assert done.returncode == REFUSED
    assert "NOT as it was written" in done.stdout
    assert "Entry 3: It was changed" in done.stdout
    (verdict,) = json.loads(command("--json", "journal", "verify", **where).stdout)["stores"]
    assert (verdict["store"], [finding["sequence"] for finding in verdict["findings"]]) == ("election", [3])


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_end_that_was_cut_off_is_found_by_the_place_that_was_written_down(
    election: Database, election_database_url: str
) -> None:
    where = {"ELECTION_DATABASE_URL": election_database_url, "ACCOUNTS_DATABASE_URL": ""}
    newest = json.loads(command("journal", "verify", "--json", **where).stdout)["stores"][0]["newest"]
    spoil(election, "DELETE FROM journal WHERE sequence > 3")
    spoil(election, "UPDATE journal_head SET sequence = 3, hash = (SELECT hash FROM journal WHERE sequence = 3)")
    assert command("journal", "verify", **where).returncode == SUCCESS
    done = command("journal", "verify", "--expect", newest, **where)
    assert done.returncode == REFUSED
    assert "Entry 5: This entry was written down earlier" in done.stdout
    for wrong in ("5", "5:abc", "x:" + "0" * 64):
        assert command("journal", "verify", "--expect", wrong, **where).returncode == USAGE


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_entries_are_shown_by_what_is_asked_for(election: Database, election_database_url: str) -> None:
    where = {"ELECTION_DATABASE_URL": election_database_url}
    shown = command("journal", "list", **where).stdout
    assert "vera@example.org" in shown
    assert "192.0.2.7" in shown
    assert "refused: Not open." in " ".join(shown.split())

    def listed(*filters: str) -> list[int]:
        done = command("journal", "list", "--json", *filters, **where)
        assert done.returncode == SUCCESS, done.stderr
        return [item["sequence"] for item in json.loads(done.stdout)["items"]]

    assert listed() == [5, 4, 3, 2, 1]
    assert listed("--limit", "2") == [5, 4]
    assert listed("--actor", "prepare") == [1]
    assert listed("--action", "election.closed") == [5]
    assert listed("--subject", "election 1", "--outcome", "done") == [2]
    assert listed("--text", "ИЗБОРИ 3") == [4]
    assert listed("--from", "2099-01-01") == []
    assert listed("--to", "2099-01-01T00:00:00+02:00") == [5, 4, 3, 2, 1]


def test_an_embedded_suite_is_read_by_its_data_directory(tmp_path: Path) -> None:
    for name in ("accounts", "election"):
        migrate(f"sqlite:///{tmp_path / name}.db", name)
    done = command("journal", "verify", "--json", "--data", str(tmp_path))
    assert [one["store"] for one in json.loads(done.stdout)["stores"]] == ["accounts", "election"]
    assert command("journal", "list", "--store", "accounts", "--data", str(tmp_path)).returncode == SUCCESS
    anchor = f"0:{'0' * 64}"
    assert command("journal", "verify", "--data", str(tmp_path), "--expect", anchor).returncode == USAGE
    one = command("journal", "verify", "--store", "accounts", "--data", str(tmp_path), "--expect", anchor)
    assert one.returncode == SUCCESS


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    nothing = {"ELECTION_DATABASE_URL": "", "ACCOUNTS_DATABASE_URL": ""}
    done = command("journal", "verify", **nothing)
    assert (done.returncode, "ELECTION_DATABASE_URL" in done.stderr) == (USAGE, True)
    assert command("journal", "list", "--data", str(tmp_path)).returncode == USAGE
    assert command("journal", "list", **(nothing | {"ELECTION_DATABASE_URL": "nowhere"})).returncode == USAGE
    empty = nothing | {"ELECTION_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}
    done = command("journal", "verify", **empty)
    assert (done.returncode, "cannot be read" in done.stderr) == (UNAVAILABLE, True)
    away = nothing | {"ELECTION_DATABASE_URL": "postgresql+psycopg://a:b@127.0.0.1:1/c"}
    assert command("journal", "verify", **away).returncode == UNAVAILABLE


def test_preparing_a_store_is_told_once_for_each_revision(election: Database, election_database_url: str) -> None:
    prepare(election_database_url)
    with election.reading() as session:
        found = list(session.scalars(store.entries(store.Search(action="schema"))))
        assert [(entry.sequence, entry.actor) for entry in found] == [(1, "prepare")]
        assert re.fullmatch("schema [0-9]{4}", found[0].subject)
        assert store.check(session)[1] == []
