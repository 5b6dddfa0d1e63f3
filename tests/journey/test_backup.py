"""A night that is backed up while files come in, and goes on elsewhere: real services, daemons and commands."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cli import elections
from cli.client import Client, Credentials
from cli.demo.suite import EmbeddedSuite
from cli.failure import REFUSED, SUCCESS
from cli.results import wait_until_final
from cli.upload import hand_in, wait_for_outcome
from shared.database import Database
from shared.schema.election import Batch
from tests.journey.command import urna
from tests.journey.conftest import StartSuite
from tests.journey.people import PASSWORD, Journey, read_result, write_ballots
from tests.left_out import needs
from tests.servers import PostgreSQL, Redis

WORD = "six words that dice have chosen"
FILES, LINES, LISTS = 60, 400, 3


class Intake(threading.Thread):
    """An official who hands in one file after the other until told to stop."""

    def __init__(self, official: Client, election: int, files: Sequence[Path]) -> None:
        super().__init__()
        self._official, self._election, self._files = official, election, files
        self.accepted: list[str] = []
        self.failed: list[BaseException] = []
        self.enough = threading.Event()

    def run(self) -> None:
        try:
            for file in self._files:
                if self.enough.is_set():
                    return
                self.accepted.append(hand_in(self._official, file, self._election)["id"])
        except BaseException as error:
            self.failed.append(error)

    def wait_for(self, files: int) -> None:
        deadline = time.monotonic() + 120
        while len(self.accepted) < files and not self.failed:
            assert time.monotonic() < deadline, f"{len(self.accepted)} files were accepted within two minutes."
            time.sleep(0.01)


def files_of_a_night(folder: Path) -> list[Path]:
    """Files in which every tenth ballot was in the file before as well, with another vote."""
    made, guids = list[Path](), list[str]()
    for number in range(FILES):
        path = folder / f"station-{number}.csv"
        votes = [1 + (number * number + line) % (LISTS + 1) for line in range(LINES)]
        guids = write_ballots(path, votes, guids[: LINES // 10])[::-1]
        made.append(path)
    return made


def plainest_count(files: Sequence[Path]) -> list[int]:
    """Votes of each list: the first ballot with a GUID wins, whatever it says."""
    seen: dict[str, int] = {}
    for file in files:
        for line in file.read_text().splitlines():
            guid, _, vote = line.partition(",")
            seen.setdefault(guid, int(vote))
    return [list(seen.values()).count(number) for number in range(1, LISTS + 1)]


def batches_of(url: str) -> list[str]:
    """The names of the files whose batches a store has, in the order of their receipt."""
    with closing(Database(url)) as database, database.reading() as session:
        return list(session.scalars(sa.select(Batch.file_name).order_by(Batch.received_at)))


def votes(result: dict[str, Any]) -> list[int]:
    return [one["votes"] for one in result["lists"]]


@pytest.mark.parametrize("engine", ["mysql"])
def test_what_was_accepted_before_a_backup_on_mysql_is_counted_to_the_last_ballot_on_postgresql(
    accounts_database_url: str,
    election_database_url: str,
    redis_url: str,
    postgresql_server: PostgreSQL,
    start_suite: StartSuite,
    tmp_path: Path,
) -> None:
    needs(PostgreSQL)
    archive = tmp_path / "night.urna"
    word = {"URNA_BACKUP_PASSPHRASE": WORD}
    files = files_of_a_night(tmp_path)
    first = start_suite(
        ACCOUNTS_DATABASE_URL=accounts_database_url,
        ELECTION_DATABASE_URL=election_database_url,
        REDIS_URL=redis_url,
        PARTITIONS="2",
    )
    first.wait_until_ready()
    with Journey(first) as journey:
        election = journey.open_election()
        intake = Intake(journey.official, election, files)
        intake.start()
        intake.wait_for(5)
        before = list(intake.accepted)
        done = urna("backup", archive, "--data", first.data, "--json", environment=word, seconds=300)
        afterwards = len(intake.accepted)
        intake.enough.set()
        intake.join()
        assert not intake.failed
        assert done.status == SUCCESS, done.err
        assert done.json["lost_parts"] == 0
        assert afterwards > len(before), "files were accepted while the backup was made"
        person = journey.person
    first.stop()

    with ExitStack() as stack:
        other = stack.enter_context(Redis())
        urls = {}
        for name in ("ACCOUNTS_DATABASE_URL", "ELECTION_DATABASE_URL"):
            urls[name] = postgresql_server.new_database()
            stack.callback(postgresql_server.drop_database, urls[name])
        target = {**urls, "REDIS_URL": other.url}
        data = tmp_path / "elsewhere"
        done = urna(
            *("restore", archive, "--secrets", data / "secrets", "--json"), environment={**word, **target}, seconds=300
        )
        assert done.status == SUCCESS, done.err
        assert done.json["restored"] == ["accounts", "election"]
        second = start_suite(data=data, PARTITIONS="2", **target)
        second.wait_until_ready()
        stack.callback(second.stop)
        # The keys came along, and with them whoever may log in.
        assert second.facts["administrator"] == first.facts["administrator"]
        _goes_on(second, person.email, election, before, files, urls["ELECTION_DATABASE_URL"])

        settings = {**urls, **word}
        assert urna("journal", "verify", environment=settings).status == SUCCESS
        agreed = urna("recount", str(election), "--json", environment=settings)
        assert agreed.status == SUCCESS, agreed.out
        assert agreed.json["parts_waiting"] == 0
        assert agreed.json["batches_without_journal"] == 0
        again = urna("restore", archive, environment={**word, **target}, seconds=300)
        assert (again.status, "restored here already" in again.err) == (REFUSED, True)


def _goes_on(
    suite: EmbeddedSuite, official: str, election: int, before: Sequence[str], files: Sequence[Path], url: str
) -> None:
    """Everything accepted before the backup is counted, and the night can go on to a final result."""
    login = suite.facts["administrator"]
    with (
        Client(suite.addresses, Credentials(official, PASSWORD)) as client,
        Client(suite.addresses, Credentials(login["email"], login["password"])) as admin,
    ):
        for batch in before:
            outcome = wait_for_outcome(client, batch, 120)
            assert (outcome["status"], outcome["received"], outcome["dead_parts"]) == ("counted", LINES, 0)
        deadline = time.monotonic() + 120
        while any(one["parts"] for one in urna("queue", "--data", suite.data, "--json").json["partitions"]):
            assert time.monotonic() < deadline
        names = batches_of(url)
        restored = [file for file in files if file.name in names]
        assert [file.name for file in restored] == names
        assert [file.name for file in files[: len(before)]] == names[: len(before)]
        assert votes(read_result(client, election)) == plainest_count(restored)

        # Whoever is not sure sends everything again: what is here is not counted twice, and the rest is counted.
        receipts = [hand_in(client, file, election) for file in files]
        assert [receipt["id"] for receipt in receipts[: len(before)]] == list(before)
        assert [receipt["repeated"] for receipt in receipts] == [file.name in names for file in files]
        elections.close(admin, election)
        rest = [file for file in files if file.name not in names]
        assert votes(wait_until_final(admin, election, 120)) == plainest_count([*restored, *rest])


def test_an_embedded_suite_is_backed_up_running_or_not_and_restored_into_another_directory(
    start_suite: StartSuite, tmp_path: Path
) -> None:
    word = {"URNA_BACKUP_PASSPHRASE": WORD}
    files = files_of_a_night(tmp_path)[:3]
    first = start_suite()
    first.wait_until_ready()
    with Journey(first) as journey:
        election = journey.open_election()
        for file in files:
            wait_for_outcome(journey.official, hand_in(journey.official, file, election)["id"], 120)
        official = journey.person.email
        expected = votes(read_result(journey.official, election))
        running = urna(
            "backup", tmp_path / "running.urna", "--data", first.data, "--json", environment=word, seconds=300
        )
        assert running.status == SUCCESS, running.err
    first.stop()
    stopped = urna("backup", tmp_path / "stopped.urna", "--data", first.data, "--json", environment=word, seconds=300)
    assert stopped.status == SUCCESS, stopped.err
    rows = [{one["table"]: one["rows"] for one in done.json["tables"]} for done in (running, stopped)]
    for table in ("ballots", "parts", "users", "batches", "files"):
        assert rows[0][table] == rows[1][table] > 0, table

    other = tmp_path / "other"
    done = urna("restore", tmp_path / "stopped.urna", "--data", other, environment=word, seconds=300)
    assert done.status == SUCCESS, done.err
    assert not list(tmp_path.glob(".other*"))
    again = urna("restore", tmp_path / "stopped.urna", "--data", other, environment=word, seconds=300)
    assert (again.status, "is not empty" in again.err) == (REFUSED, True)
    second = start_suite(data=other)
    second.wait_until_ready()
    assert second.facts["administrator"] == first.facts["administrator"]
    with Client(second.addresses, Credentials(official, PASSWORD)) as client:
        assert votes(read_result(client, election)) == expected == plainest_count(files)
        assert [hand_in(client, file, election)["repeated"] for file in files] == [True] * 3
    assert urna("journal", "verify", "--data", other).status == SUCCESS
    assert urna("recount", str(election), "--data", other).status == SUCCESS
