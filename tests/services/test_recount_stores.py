"""What ``urna recount`` agrees with: every store that the daemon has written, at any moment, and no other."""

import json
import random
import sqlite3
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.app import main
from cli.failure import Failure
from cli.recount.command import recounted
from cli.recount.reading import snapshot
from cli.recount.sorting import Sorter
from daemon import actions
from shared.queue import inspection, work
from shared.queue.work import DamagedPart
from shared.schema.election import CANCELLED, Ballot, Batch, Election, ElectionBase, Part, RefusedLine, Tally
from tests.servers import Redis, SQLite
from tests.services.counting import Counting, DaemonProcess, Line, counting, guid, new_lines, reference

CELLS = [
    (table.name, column.name)
    for table in (
        ElectionBase.metadata.tables[kind.__tablename__] for kind in (Ballot, RefusedLine, Tally, Part, Batch)
    )
    for column in table.columns
]
# Nothing that was received says these again; see docs/recount.md.
UNSEEN = {
    ("parts", "recorded_at"),
    ("batches", "official_email"),
    ("batches", "official_jmbg"),
    ("batches", "file_name"),
    ("batches", "sha256"),
    ("batches", "station_id"),
}


@pytest.fixture
def suite(sqlite_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(sqlite_url, redis_url, partitions=2) as made:
        yield made


@pytest.fixture
def anywhere(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, partitions=2) as made:
        yield made


def recount(suite: Counting, election: int) -> dict[str, Any]:
    return recounted(suite.database.engine.url.render_as_string(hide_password=False), election, 20)


def agrees(suite: Counting, election: int) -> dict[str, Any]:
    found = recount(suite, election)
    assert found["findings"] == []
    assert found["agrees"]
    return found


def votes(found: dict[str, Any]) -> dict[int, int]:
    return {one["poll_number"]: one["recounted"] for one in found["lists"] if one["recounted"]}


def file_of(suite: Counting) -> str:
    return str(suite.database.engine.url.database)


def two_uploads(suite: Counting) -> int:
    """An election with an upload in several parts, and one with a duplicate and a wrong number."""
    election = suite.election()
    suite.accept([(guid(100 + number), 1 + number % 3) for number in range(20)], max_part=6)
    suite.accept([(guid(100), 3), (guid(200), 9), (guid(201), 2)])
    suite.record_all()
    suite.note_that_nothing_waits()
    return election


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_a_cell_that_was_changed_is_found_unless_nothing_received_says_it_again(
    suite: Counting, table: str, column: str
) -> None:
    election = two_uploads(suite)
    agrees(suite, election)
    kind = ElectionBase.metadata.tables[table].columns[column].type
    key = ", ".join(one.name for one in ElectionBase.metadata.tables[table].primary_key)
    with sqlite3.connect(file_of(suite)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        (value,) = connection.execute(f"SELECT {column} FROM {table} ORDER BY {key}").fetchone()
        (where,) = (f"({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)",)
        if isinstance(kind, sa.Integer):
            other: Any = (value or 0) + 1000
        elif isinstance(value, bytes):
            other = bytes([value[0] ^ 0x80]) + value[1:]
        else:
            other = "2026-01-01 00:00:00.000000" if value[4:5] == "-" else f"{value[:-1]}!"
        assert connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (other,)).rowcount == 1
    connection.close()
    assert recount(suite, election)["agrees"] == ((table, column) in UNSEEN)


def test_a_replayed_dead_letter_is_counted_when_it_came_and_not_when_it_was_received(anywhere: Counting) -> None:
    election = anywhere.election()
    first = anywhere.accept([(guid(1), 1), (guid(2), 1), (guid(3), 1), (guid(4), 1)])
    for number in range(2):
        for part in anywhere.front(number):
            broken = DamagedPart(part.job_id, "It was damaged.", first, part.part, part.batch.received_at, part.ballots)
            actions.bury(anywhere.database, anywhere.redis, anywhere.claim(number), broken, datetime.now(UTC))
    anywhere.accept([(guid(1), 2), (guid(2), 2), (guid(5), 2)])
    anywhere.record_all()
    before = recount(anywhere, election)
    assert set(before["found"]) == {"dead_letter_unsettled"}
    for one in inspection.buried(anywhere.redis):
        inspection.replay(anywhere.redis, one.batch_id, one.part)
    anywhere.accept([(guid(3), 3), (guid(6), 3)])
    anywhere.record_all()
    assert votes(agrees(anywhere, election)) == {1: 2, 2: 3, 3: 1}


def test_parts_that_still_wait_are_told_and_are_no_fault(suite: Counting) -> None:
    election = suite.election()
    suite.accept(new_lines(40), max_part=10)
    claim = suite.claim(1)
    parts = suite.front(1)
    work.finish(suite.redis, 1, actions.record(suite.database, claim, parts, datetime.now(UTC)))
    assert agrees(suite, election)["parts_waiting"]
    suite.record_all()
    found = agrees(suite, election)
    assert found["parts_waiting"] == 0
    assert found["ballots"]["counted"]["recounted"] == 40


def test_ballots_of_another_number_of_partitions_are_counted_in_the_order_of_receipt(suite: Counting) -> None:
    election = suite.election()
    files = [new_lines(60, seed=1), new_lines(60, seed=1)[::-1] + new_lines(20, seed=2), new_lines(30, seed=2)]
    for partitions, lines in zip((2, 3, 1), files, strict=True):
        actions.prepare(suite.database, suite.redis, partitions)
        suite.partitions = partitions
        suite.accept([(ballot, 1 + (number + partitions) % 3) for ballot, number in lines], max_part=7)
        suite.record_all()
    files = [
        [(ballot, 1 + (number + partitions) % 3) for ballot, number in lines]
        for partitions, lines in zip((2, 3, 1), files, strict=True)
    ]
    assert votes(agrees(suite, election)) == reference(files, 3)


def test_what_was_judged_before_a_cancellation_and_after_it_is_right(suite: Counting) -> None:
    election = suite.election()
    suite.accept(new_lines(10, seed=1))
    suite.record_all()
    with suite.database.writing() as session:
        row = session.get_one(Election, election)
        row.stage, row.cancelled_at = CANCELLED, datetime.now(UTC)
    suite.accept(new_lines(10, seed=2), election=election)
    suite.record_all()
    found = agrees(suite, election)
    assert found["ballots"]["counted"]["recounted"] == found["ballots"]["outside"]["recounted"] == 10


@pytest.mark.parametrize("engine", ["sqlite", "mariadb", "postgresql"])
def test_a_recount_agrees_at_any_moment_while_ballots_come_in(anywhere: Counting) -> None:
    election = anywhere.election()
    url = anywhere.database.engine.url.render_as_string(hide_password=False)
    daemon = DaemonProcess(url, anywhere.redis_url, 2)
    counted = [0]
    files = 0
    try:
        # Until there have been several moments at which some of it was recorded and some was not.
        while len(set(counted)) < 5:
            anywhere.accept([*new_lines(300, seed=files), *new_lines(20, seed=files // 2)], max_part=60)
            files += 1
            counted.append(agrees(anywhere, election)["ballots"]["counted"]["recounted"])
            assert files < 1000
        while counted[-1] < 300 * files:
            counted.append(agrees(anywhere, election)["ballots"]["counted"]["recounted"])
    finally:
        daemon.end()


small_file = st.lists(st.tuples(st.integers(0, 12).map(guid), st.integers(1, 6)), min_size=1, max_size=14)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.lists(st.tuples(small_file, st.integers(1, 5), st.booleans()), min_size=1, max_size=6),
    partitions=st.integers(1, 3),
)
def test_a_recount_agrees_with_every_store_and_with_the_plainest_count(
    sqlite_files: SQLite,
    redis_server: Redis,
    files: Sequence[tuple[list[Line], int, bool]],
    partitions: int,
) -> None:
    url = sqlite_files.new_database()
    try:
        with counting(url, redis_server.url, partitions) as suite:
            election = suite.election()
            for lines, max_part, at_once in files:
                suite.accept(lines, max_part=max_part)
                if at_once:
                    suite.record_all()
            suite.record_all()
            assert votes(agrees(suite, election)) == reference([lines for lines, _, _ in files], 3)
    finally:
        with redis_server.client() as client:
            client.flushall()
        sqlite_files.drop_database(url)


def test_the_command_tells_by_its_exit_status_whether_everything_agrees(
    suite: Counting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    election = two_uploads(suite)
    where = ("--database-url", f"sqlite:///{file_of(suite)}")
    assert main(["recount", str(election), *where]) == 0
    said = capsys.readouterr().out
    assert "Every ballot, refused line, tally and sum agrees" in said
    assert "Ballots duplicate" in said
    assert main(["recount", str(election), *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agrees"] is True

    assert main(["recount", "77", *where]) == 1
    assert "no published election 77" in capsys.readouterr().err
    assert main(["recount", "1", "--data", str(tmp_path)]) == 3
    assert "No election store lies in" in capsys.readouterr().err
    missing = tmp_path / "missing.db"
    assert main(["recount", "1", "--database-url", f"sqlite:///{missing}"]) == 3
    assert not missing.exists()

    with suite.database.writing() as session:
        session.execute(sa.update(Ballot).values(poll_number=3))
    assert main(["recount", str(election), *where, "--show", "2"]) == 1
    said = capsys.readouterr().out
    assert said.count("is stored with poll number 3") == 2
    assert "more of the kind ballot changed" in said
    assert "The store does not agree with what the stations received" in said


def test_a_recount_can_write_nothing(anywhere: Counting) -> None:
    url = anywhere.database.engine.url.render_as_string(hide_password=False)
    with pytest.raises(Failure, match=r"(?i)read.?only"), snapshot(url) as seen:
        seen.connection.execute(sa.delete(Ballot))


@pytest.mark.parametrize("records", [0, 1, 999, 60_000])
def test_sorting_needs_the_memory_of_one_run(records: int) -> None:
    source = random.Random(records)
    given_ = [source.randbytes(4) for _ in range(records)]
    expected = sorted(given_)
    sorter = Sorter(4, run_records=250)
    tracemalloc.start()
    for record in given_:
        sorter.add(record)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(sorter) == expected
    sorter.close()
    assert peak < 20_000_000, held
