"""The journal in a store: entries join into a chain without gaps, and whatever is done to it afterwards is found."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.database import Database
from shared.errors import Unavailable
from shared.journal import events, store
from shared.journal.chain import BEGINNING, Anchor, Finding
from shared.schema.election import Jurisdiction
from shared.schema.journal import AnyJournal
from shared.terms import Outcome
from tests.services.migrated import have_tables

ENTRIES = 9


@pytest.fixture
def database(election_database_url: str) -> Iterator[Database]:
    """An election store whose journal holds nine entries."""
    have_tables(election_database_url, "election")
    opened = Database(election_database_url)
    events.begin("192.0.2.7", "request-0001")
    events.act_as("vera@example.org")
    for number in range(1, ENTRIES + 1):
        with opened.writing() as session:
            store.note(session, "election.changed", f"election {number}", {"title": {"from": "Ђ", "to": f"Ž{number}"}})
    events.begin("", "")
    yield opened
    opened.close()


def findings(database: Database, *expected: Anchor) -> list[Finding]:
    with database.reading() as session:
        return store.check(session, expected)[1]


def newest(database: Database) -> AnyJournal:
    with database.reading() as session:
        entry = session.scalars(store.entries(store.Search())).first()
        session.expunge_all()
    assert isinstance(entry, AnyJournal)
    return entry


def add(database: Database, name: str) -> None:
    """An action that leaves an entry."""
    with database.writing() as session:
        session.add(Jurisdiction(name=name))
        store.note(session, "jurisdiction.created", f"jurisdiction {name}")


def jurisdictions(database: Database) -> list[str]:
    """What actions have added."""
    with database.reading() as session:
        return list(session.scalars(sa.select(Jurisdiction.name).where(Jurisdiction.id > 1).order_by(Jurisdiction.id)))


def sequences(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(sa.text("SELECT sequence FROM journal ORDER BY sequence")))


def tamper(database: Database, *statements: str) -> None:
    """Do what somebody with every right on the database could do."""
    with database.engine.execution_options(writes=True).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_journal_that_nobody_has_touched_is_whole(database: Database) -> None:
    assert findings(database) == []
    assert sequences(database) == list(range(1, ENTRIES + 1))


def test_an_entry_says_who_did_what_to_what_when_from_where_and_how_it_ended(database: Database) -> None:
    entry = newest(database)
    assert (entry.actor, entry.action, entry.subject) == ("vera@example.org", "election.changed", "election 9")
    assert (entry.address, entry.request_id, entry.outcome) == ("192.0.2.7", "request-0001", "done")
    assert abs((datetime.now(UTC) - entry.moment).total_seconds()) < 60
    assert entry.details == '{"title":{"from":"Ђ","to":"Ž9"}}'


def test_the_chain_can_be_followed_with_ten_lines_of_ones_own(database: Database) -> None:
    """What docs/journal.md says about the canonical form, without a line of the suite's."""
    names = [
        "previous",
        "sequence",
        "id",
        "moment",
        "actor",
        "action",
        "subject",
        "address",
        "outcome",
        "reason",
        "request_id",
        "details",
    ]
    previous = "0" * 64
    with database.reading() as session:
        rows = session.execute(sa.text("SELECT * FROM journal ORDER BY sequence")).mappings().all()
    for row in rows:
        moment = datetime.fromisoformat(str(row["moment"])).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fields = [str(value).encode() for value in ({**row, "moment": moment}[name] for name in names)]
        digest = hashlib.sha256(b"".join(b"%d:%s," % (len(field), field) for field in fields)).hexdigest()
        assert (row["previous"], row["hash"]) == (previous, digest)
        previous = digest
    assert len(rows) == ENTRIES


CHANGES = {
    "id": "id = 'ffffffffffffffffffffffffffffffff'",
    "moment": "moment = '2020-01-01 00:00:00.000001'",
    "actor": "actor = 'mallory@example.org'",
    "action": "action = 'election.closed'",
    "subject": "subject = 'election 77'",
    "address": "address = '192.0.2.8'",
    "outcome": "outcome = 'refused'",
    "reason": "reason = 'because'",
    "request_id": "request_id = 'request-0002'",
    "details": "details = '{}'",
    "previous": f"previous = '{'1' * 64}'",
    "hash": f"hash = '{'2' * 64}'",
}
PLACES = {"first": 1, "middle": 5, "last": ENTRIES}


@pytest.mark.parametrize("place", PLACES)
def test_a_change_of_any_field_is_found(database: Database, place: str) -> None:
    number = PLACES[place]
    with database.reading() as session:
        row = session.execute(sa.text(f"SELECT * FROM journal WHERE sequence = {number}")).mappings().one()
        assert {*CHANGES, "sequence"} == set(row)
    for change in CHANGES.values():
        column = change.partition(" ")[0]
        tamper(database, f"UPDATE journal SET {change} WHERE sequence = {number}")
        assert number in {finding.sequence for finding in findings(database)}, change
        with database.writing() as session:
            session.execute(
                sa.text(f"UPDATE journal SET {column} = :value WHERE sequence = {number}"),
                {"value": row[column]},
            )
        assert findings(database) == []


@pytest.mark.parametrize("place", PLACES)
def test_a_removed_entry_is_found(database: Database, place: str) -> None:
    tamper(database, f"DELETE FROM journal WHERE sequence = {PLACES[place]}")
    assert [finding.sequence for finding in findings(database)] == [PLACES[place]]


def test_a_removed_entry_is_found_also_when_the_others_move_up(database: Database) -> None:
    ups = [f"UPDATE journal SET sequence = {number - 1} WHERE sequence = {number}" for number in range(5, ENTRIES + 1)]
    tamper(database, "DELETE FROM journal WHERE sequence = 4", *ups, "UPDATE journal_head SET sequence = 8")
    assert {finding.sequence for finding in findings(database)} == {4, 5, 6, 7, 8}


def test_an_inserted_entry_is_found(database: Database) -> None:
    copied = "id, moment, actor, action, subject, address, outcome, reason, request_id, details, previous, hash"
    copy = copied.replace("id, moment", f"'{'e' * 32}', moment", 1)
    for number in (0, ENTRIES + 1):
        tamper(database, f"INSERT INTO journal SELECT {number}, {copy} FROM journal WHERE sequence = 5")
        assert {finding.sequence for finding in findings(database)} == {number}
        tamper(database, f"DELETE FROM journal WHERE sequence = {number}")
    downs = [f"UPDATE journal SET sequence = {number + 1} WHERE sequence = {number}" for number in range(9, 5, -1)]
    tamper(
        database,
        *downs,
        f"INSERT INTO journal SELECT 6, {copy} FROM journal WHERE sequence = 5",
        "UPDATE journal_head SET sequence = 10",
    )
    assert {finding.sequence for finding in findings(database)} == {6, 7, 8, 9, 10}


def test_two_entries_that_changed_places_are_found(database: Database) -> None:
    moves = [(4, 100), (5, 4), (100, 5)]
    tamper(database, *(f"UPDATE journal SET sequence = {to} WHERE sequence = {number}" for number, to in moves))
    assert {finding.sequence for finding in findings(database)} >= {4, 5}


def test_a_head_that_was_set_back_is_found_and_stops_every_action(database: Database) -> None:
    with database.reading() as session:
        earlier = session.scalar(sa.text("SELECT hash FROM journal WHERE sequence = 6"))
    tamper(database, f"UPDATE journal_head SET sequence = 6, hash = '{earlier}'")
    assert [finding.sequence for finding in findings(database)] == [7]
    with pytest.raises(Unavailable, match="urna journal verify"):
        add(database, "Bačka")
    assert jurisdictions(database) == []


def test_a_head_of_another_hash_or_none_at_all_is_found(database: Database) -> None:
    tamper(database, f"UPDATE journal_head SET hash = '{'3' * 64}'")
    assert [finding.sequence for finding in findings(database)] == [ENTRIES]
    tamper(database, "DELETE FROM journal_head")
    assert {finding.sequence for finding in findings(database)} >= {0, 1}
    with pytest.raises(Unavailable, match="urna journal verify"):
        add(database, "Bačka")


def test_an_end_cut_off_with_the_head_is_found_by_what_was_written_down(database: Database) -> None:
    with database.reading() as session:
        anchor, _ = store.check(session)
        kept = session.scalar(sa.text("SELECT hash FROM journal WHERE sequence = 6"))
    assert findings(database, anchor, BEGINNING) == []
    cut = ("DELETE FROM journal WHERE sequence > 6", f"UPDATE journal_head SET sequence = 6, hash = '{kept}'")
    tamper(database, *cut)
    assert findings(database) == []
    assert [finding.sequence for finding in findings(database, anchor)] == [ENTRIES]
    # Somebody with every right who writes other entries in their place does not get the same hash either.
    for _ in range(3):
        with database.writing() as session:
            store.note(session, "election.changed", "election 1")
    assert findings(database) == []
    assert [finding.sequence for finding in findings(database, anchor)] == [ENTRIES]
    assert findings(database, Anchor(6, str(kept))) == []


def test_an_action_that_fails_leaves_no_entry_and_one_that_cannot_be_noted_is_not_done(database: Database) -> None:
    add(database, "Bačka")
    with pytest.raises(IntegrityError):
        add(database, "Bačka")
    assert sequences(database) == list(range(1, ENTRIES + 2))
    tamper(database, "DROP TABLE journal")
    with pytest.raises((DBAPIError, Unavailable)):
        add(database, "Banat")
    assert jurisdictions(database) == ["Bačka"]


def test_an_entry_of_a_transaction_with_savepoints_is_written_once_at_its_end(database: Database) -> None:
    with database.writing() as session:
        with session.begin_nested():
            store.note(session, "election.changed", "election 1")
        session.add(Jurisdiction(name="Bačka"))
    assert sequences(database) == list(range(1, ENTRIES + 2))
    assert findings(database) == []


def test_an_event_that_comes_twice_is_written_once(database: Database) -> None:
    first, second = events.event("batch.accepted", "batch a"), events.event("batch.accepted", "batch b")
    for happened, new in ([first], 1), ([first, second, second], 1), ([second, first], 0):
        with database.writing() as session:
            assert store.append(session, happened) == new
    assert sequences(database) == list(range(1, ENTRIES + 3))
    assert findings(database) == []


HOSTILE = "a\0b\n\x1b[2J\ud800" + "ш" * 2000


def test_whatever_a_caller_sends_can_be_written_and_checked(database: Database) -> None:
    with database.writing() as session:
        store.note(
            session, HOSTILE, HOSTILE, {HOSTILE: [HOSTILE, 1.5, None]}, outcome=Outcome.REFUSED, reason=HOSTILE,
            actor=HOSTILE,
        )  # fmt: skip
    assert findings(database) == []
    assert newest(database).subject == ("a\ufffdb\ufffd\ufffd[2J\ufffd" + "ш" * 2000)[:256]


def test_writers_at_the_same_instant_leave_one_chain_without_a_gap(database: Database) -> None:
    """Each also changes rows of its own and of all, in another order, before its entry: no two may block each other."""
    names = ["Bačka", "Banat", "Srem"]
    with database.writing() as session:
        session.add_all(Jurisdiction(name=name) for name in names)
    failed: list[BaseException] = []

    def write(who: int) -> None:
        events.act_as(f"writer {who}")
        try:
            for number in range(10):
                with database.writing() as session:
                    store.note(session, "jurisdiction.changed", f"jurisdiction {number}")
                    session.execute(
                        sa.update(Jurisdiction).where(Jurisdiction.name == names[who % 3]).values(name=names[who % 3])
                    )
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sequences(database) == list(range(1, ENTRIES + 61))
    assert findings(database) == []


# Says when the entry is written and not committed, and waits to be killed.
WRITER = """
import sys, time
from shared.database import Database
from shared.journal import events, store
from shared.schema.election import Jurisdiction
with Database(sys.argv[1]).writing() as session:
    session.add(Jurisdiction(name="Banat"))
    session.flush()
    store.append(session, [events.event("jurisdiction.created", "jurisdiction 2")])
    print("written", flush=True)
    time.sleep(600)
"""


def test_a_writer_that_is_killed_leaves_neither_half(database: Database, election_database_url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, election_database_url], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        os.kill(writer.pid, signal.SIGKILL)
    add(database, "Srem")
    assert jurisdictions(database) == ["Srem"]
    assert sequences(database) == list(range(1, ENTRIES + 2))
    assert findings(database) == []


SEARCHES: list[tuple[store.Search, Callable[[int], bool]]] = [
    (store.Search(actor="vera@example.org"), lambda _: True),
    (store.Search(actor="nobody@example.org"), lambda _: False),
    (store.Search(action="election.changed"), lambda _: True),
    (store.Search(action="election"), lambda _: True),
    (store.Search(action="elec"), lambda _: False),
    (store.Search(subject="election 3"), lambda number: number == 3),
    (store.Search(outcome=Outcome.REFUSED), lambda _: False),
    (store.Search(text="ž7"), lambda number: number == 7),
    (store.Search(text="%"), lambda _: False),
    (store.Search(since=datetime(2020, 1, 1, tzinfo=UTC)), lambda _: True),
    (store.Search(until=datetime(2020, 1, 1, tzinfo=UTC)), lambda _: False),
]


def test_entries_are_found_by_what_they_say(database: Database) -> None:
    for search, fits in SEARCHES:
        with database.reading() as session:
            found = [entry.sequence for entry in session.scalars(store.entries(search))]
        assert found == [number for number in range(ENTRIES, 0, -1) if fits(number)], search
