"""The benchmark on a real suite: it finds a wrong count, a server that died, and what officials do when refused."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import engines, processes
from benchmarks.__main__ import main
from benchmarks.ballots import Outcome, Source
from benchmarks.companion import Companion, CompanionFailed
from benchmarks.counting import count
from benchmarks.officials import Official, Sent
from benchmarks.officials import Plan as OfficialsPlan
from benchmarks.store import Recorded, differences
from benchmarks.suite import Suite, running
from benchmarks.uploads import Uploads, total
from benchmarks.voter_programs import Plan
from shared.ballot_proofs import write_key
from shared.blind_signatures import PrivateKey
from shared.queue import keys
from tests.left_out import needs
from tests.servers import Redis, ServerError, SQLite


@pytest.fixture(scope="module")
def counted(sqlite_files: SQLite) -> Iterator[tuple[Suite, Outcome]]:
    """A suite that has counted three files, one of them with errors."""
    needs(Redis)
    source = Source(99)
    with Uploads() as uploads, running(sqlite_files, 1) as suite, Recorded(suite) as recorded:
        files = [
            uploads.add(source.new(300)),
            uploads.add(source.new(200)),
            uploads.add(*source.with_errors(source.new(100))),
        ]
        found = count(suite, recorded, uploads, files, 2)
        assert found.outcome == total(files)
        assert found.ballots == recorded.ballots == 602
        yield suite, found.outcome


def test_the_benchmark_finds_nothing_wrong_with_a_right_count(counted: tuple[Suite, Outcome]) -> None:
    suite, expected = counted
    assert differences(suite, expected) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE tallies SET votes = votes + 1 WHERE poll_number = 1", "votes by poll number"),
        ("DELETE FROM ballots WHERE guid = (SELECT guid FROM ballots LIMIT 1)", "ballots stored: 600 instead of 601"),
        ("UPDATE parts SET counted = counted - 1, outside = outside + 1 WHERE part = 0", "outside"),
        ("DELETE FROM refused_lines WHERE reason = 'duplicate'", "refused lines: 1 instead of 2"),
    ],
)
def test_the_benchmark_finds_a_wrong_count(
    counted: tuple[Suite, Outcome], tmp_path: Path, change: str, found: str
) -> None:
    suite, expected = counted
    copy = tmp_path / "copy.sqlite3"
    with engines.connect(suite.url) as connection:
        engines.asking(connection)(f"VACUUM INTO '{copy}'")
    changed = replace(suite, url=f"sqlite:///{copy}")
    assert differences(changed, expected) == []
    with engines.connect(changed.url) as connection:
        engines.asking(connection)(change)
    wrong = differences(changed, expected)
    assert wrong
    assert found in " ".join(wrong)


def test_the_processor_time_of_a_suite_is_that_of_its_processes(counted: tuple[Suite, Outcome]) -> None:
    suite, _ = counted
    used = suite.seconds()
    assert used["station"] > 0
    assert used["daemon"] > 0
    # SQLite works inside the daemon.
    assert used["database"] == used["results"] == 0


def test_the_processor_time_of_a_process_includes_that_of_its_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert processes.processor_seconds([process.pid]) >= 0.3
        process.communicate(b"\n")


def test_officials_come_back_when_the_station_says_so(sqlite_files: SQLite) -> None:
    needs(Redis)
    with Uploads() as uploads, running(sqlite_files, 1) as suite, Recorded(suite) as recorded:
        upload = uploads.add(Source(99).new(10))
        sent = Sent()
        official = Official(OfficialsPlan.of_one(suite.station.port, suite.path, uploads.memory), suite.token(0), sent)
        with suite.redis.client() as client:
            # Without the snapshot of the elections the station takes nothing; the daemon writes it again.
            suite.daemons[0].freeze()
            client.delete(keys.ELECTIONS)
            sending = threading.Thread(target=official.hand_in, args=[upload.file])
            sending.start()
            while not sent.refused_for_now:
                time.sleep(0.01)
            assert recorded.look() == 0
            suite.daemons[0].thaw()
        sending.join()
        recorded.wait_for(10)
        official.close()
        assert differences(suite, upload.outcome) == []


def test_a_part_of_the_suite_that_has_died_is_named_with_its_last_words(sqlite_files: SQLite) -> None:
    needs(Redis)
    with running(sqlite_files, 1) as suite:
        suite.daemons[0].kill()
        with pytest.raises(ServerError, match="daemon has ended in the middle of the measurement"):
            suite.check()


def figures(folder: Path, *words: str) -> Any:
    """What a small run on SQLite, which has to be right, writes as JSON."""
    path = folder / "figures.json"
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        assert main(["--quick", "--engine", "sqlite", *words, "--json", str(path)]) == 0
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)
    return json.loads(path.read_text(encoding="utf-8"))


def test_one_scenario_runs_by_itself_and_is_written_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs(Redis)
    written = figures(tmp_path, "--only", "large")
    assert written["every count is exact"] is True
    assert written["large"]["ballots"] == 20_000
    assert written["settings, as the servers say themselves"]["redis"]["appendfsync"] == "always"
    assert written["settings, as the servers say themselves"]["sqlite"]["synchronous"] == "2"
    assert [one["target"] for one in written["targets"]] == ["large files, end to end / limit"]
    assert "Every count is exact: yes" in capsys.readouterr().out


def test_voters_log_in_have_their_ballots_signed_cast_them_and_are_counted_once(tmp_path: Path) -> None:
    needs(Redis)
    written = figures(tmp_path, "--only", "electors", "--electors", "7")
    assert written["size"]["electors"] == 7
    found = written["electors"]
    assert found["every count is exact"] is True
    # The first ones by password, the others with sessions that lie in the store.
    assert (found["voters"], found["of them logged in by password"], found["sessions put into the store"]) == (7, 3, 4)
    worked = found["signatures"]["processor ms a signature"]
    assert worked["authentication"] > 0
    assert worked["voters' programs"] > 0
    assert found["ballots"]["processor ms a ballot"]["station"] > 0
    (target,) = written["targets"]
    assert target["target"] == "electors, from the first signature to the last count"


def test_a_voters_program_that_is_refused_says_by_whom_and_why(sqlite_files: SQLite) -> None:
    needs(Redis)
    key, _ = PrivateKey.generate()
    with running(sqlite_files, 1) as suite:
        plan = Plan(
            # The station gives no signatures.
            authentication=suite.station.port,
            station=suite.station.port,
            election=suite.election,
            ballot_key=write_key(key.public),
            first=0,
            step=1,
            choices="0102",
            by_password=0,
            password="",
            signing_key=suite.keys.private_pem,
            connections=1,
            tries=1,
        )
        with Companion("voter_programs", asdict(plan)) as programs:
            programs.start()
            assert programs.finish()["took"] == []
            programs.start()
            with pytest.raises(CompanionFailed, match=rf"/api/elections/{suite.election}/signature answered 404"):
                programs.finish()


def test_files_of_stations_and_citizens_are_imported_whole_and_the_second_time_nothing_is(tmp_path: Path) -> None:
    needs(Redis)
    written = figures(tmp_path, "--only", "stations", "--only", "citizens", "--citizens", "7")
    assert (written["stations"]["polling stations"], written["citizens"]["citizens"]) == (200, 7)
    for scenario in ("stations", "citizens"):
        found = written[scenario]
        assert found["every count is exact"] is True
        assert found["import"]["processor seconds of the service"] > 0
        # SQLite works inside of the process.
        assert found["import"]["processor seconds of the database"] == 0
    assert [one["target"] for one in written["targets"]] == [
        "import of 8,387 polling stations",
        "import of a million citizens, processor of the service",
    ]


@pytest.mark.parametrize("number", ["0", "-1", "many"])
@pytest.mark.parametrize("option", ["--electors", "--citizens"])
def test_a_number_of_electors_or_citizens_that_is_none_is_refused_in_words(
    option: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([option, number])
    assert f"argument {option}" in capsys.readouterr().err
