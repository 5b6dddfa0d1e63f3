"""What an embedded suite survives: its own end, a killed daemon, a killed service, and a killed ``urna up``."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.demo.suite import EmbeddedSuite
from cli.upload import hand_in, wait_for_outcome
from tests.journey.command import urna
from tests.journey.conftest import StartSuite
from tests.journey.people import Journey, read_result, write_ballots
from tests.left_out import needs
from tests.servers import Redis

SECONDS = 40.0


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that has to come."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def running(suite: EmbeddedSuite) -> dict[str, Any]:
    """What the suite has written down of itself for other commands."""
    found = json.loads((suite.data / "suite.json").read_text())
    assert isinstance(found, dict)
    return found


def is_another(suite: EmbeddedSuite, daemon: int) -> bool:
    """Whether the daemon is another process by now."""
    return bool(running(suite)["processes"]["daemon"] != daemon)


def lives(process: int) -> bool:
    """Whether a process is there and has not ended; one that nobody has waited for yet counts as ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    # The second when it ends between opening and reading.
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    """A suite of this module's own, whose processes may be killed as long as they are back when the test ends."""
    needs(Redis)
    with EmbeddedSuite(tmp_path_factory.mktemp("broken")) as started:
        started.wait_until_ready()
        yield started


def test_a_killed_daemon_loses_nothing_and_counts_nothing_twice(suite: EmbeddedSuite, tmp_path: Path) -> None:
    with Journey(suite) as journey:
        election = journey.open_election()
        receipts = []
        for number in range(40):
            file = tmp_path / f"{number}.csv"
            write_ballots(file, [1, 2, 3] * 3000)
            receipts.append(hand_in(journey.official, file, election)["id"])
            if number in (5, 20, 39):
                daemon = running(suite)["processes"]["daemon"]
                os.kill(daemon, signal.SIGKILL)
                until(partial(is_another, suite, daemon), "The daemon stays away.")
        outcomes = [wait_for_outcome(journey.official, receipt, SECONDS) for receipt in receipts]
        assert {(one["received"], one["counted"]) for one in outcomes} == {(9000, 9000)}
        result = read_result(journey.admin, election)
        assert [one["votes"] for one in result["lists"]] == [120_000] * 3
        assert result["ballots"]["received"] == 360_000
    assert "daemon was ended by signal 9 and is started again" in suite.said()


def test_a_killed_service_comes_back_on_its_port(suite: EmbeddedSuite) -> None:
    killed = running(suite)["processes"]["results_service"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: running(suite)["restarts"].get("results_service") == 1, "The service was not started again.")

    def answers() -> bool:
        try:
            return httpx.get(f"{suite.addresses.results}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    until(answers, "The service does not answer again.")


def test_an_upload_outlasts_a_killed_redis_and_what_was_accepted_before_is_still_there(
    suite: EmbeddedSuite, tmp_path: Path
) -> None:
    with Journey(suite) as journey:
        election = journey.open_election()
        first, second = tmp_path / "first.csv", tmp_path / "second.csv"
        write_ballots(first, [1, 2])
        write_ballots(second, [3])
        earlier = hand_in(journey.official, first, election)
        os.kill(running(suite)["processes"]["redis"], signal.SIGKILL)
        sent = urna(
            *("upload", first, second, "--election", str(election), "--wait", "--json"),
            environment=journey.environment(),
        )
        assert sent.status == 0, sent.out + sent.err
        receipts = [one["receipt"] for one in sent.json["files"]]
        assert [(one["id"] == earlier["id"], one["repeated"]) for one in receipts] == [(True, True), (False, False)]
        assert [one["votes"] for one in read_result(journey.admin, election)["lists"]] == [1, 1, 1]


def test_when_urna_up_is_killed_everything_ends_and_a_second_start_goes_on_with_the_same_data(
    start_suite: StartSuite, tmp_path: Path
) -> None:
    file = tmp_path / "ballots.csv"
    write_ballots(file, [1, 1, 2])
    first = start_suite()
    with Journey(first) as journey:
        election = journey.open_election()
        receipt = hand_in(journey.official, file, election)
        wait_for_outcome(journey.official, receipt["id"], SECONDS)
    processes = running(first)["processes"]
    assert len(processes) == 6
    os.kill(first.process_id, signal.SIGKILL)
    first.wait(SECONDS)
    until(lambda: not any(lives(process) for process in processes.values()), "Something outlived urna up.")

    second = start_suite()
    assert second.facts["administrator"] == first.facts["administrator"]
    with Journey(second) as later:
        later.admin.log_in()
        assert read_result(later.admin, election)["ballots"]["counted"] == 3
        # The station remembers the upload, too: the official's second try gets the first receipt.
        again = urna(
            *("upload", file, "--election", str(election), "--json"),
            environment={
                **later.environment(),
                "URNA_EMAIL": journey.person.email,
                "URNA_PASSWORD": journey.person.password,
            },
        )
        assert again.status == 0, again.err
        assert again.json["files"][0]["receipt"]["id"] == receipt["id"]
    assert_ctrl_c_ends_it_in_order(second)


def assert_ctrl_c_ends_it_in_order(suite: EmbeddedSuite) -> None:
    """The services end first and Redis last, so that nothing is asked of a part that has gone."""
    processes = running(suite)["processes"]
    os.kill(suite.process_id, signal.SIGINT)
    order: list[str] = []
    while len(order) < len(processes):
        order += [name for name, process in processes.items() if name not in order and not lives(process)]
        time.sleep(0.002)
    assert suite.wait(SECONDS) == 0
    assert order[-2:] == ["daemon", "redis"]
    assert not (suite.data / "suite.json").exists()
