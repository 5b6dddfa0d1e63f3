"""Under Docker Compose nothing is lost or counted twice, whatever dies or is added at night."""

import time

import pytest

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import PARTS, until
from tests.deployment.engine.docker import docker, inspect, kill_hard
from tests.deployment.engine.night import Night
from tests.deployment.engine.report import Report


def _wait_until_healthy(compose: Compose, part: str) -> None:
    until(lambda: compose.is_healthy(part), f"{part} does not become healthy again.")


def test_every_count_is_exact_after_the_death_of_each_container_under_load(compose: Compose, report: Report) -> None:
    rows = []
    with report.timed("the death of each container under load, under Compose"), Night(compose) as night:
        for part in PARTS:
            container = compose.one(part)
            before = inspect(container)[0]

            def die_and_come_back(part: str = part, container: str = container) -> None:
                kill_hard(container)
                _wait_until_healthy(compose, part)
                night.let_pass(files=4)

            seen = night.watch(die_and_come_back)
            after = inspect(container)[0]
            assert after["RestartCount"] == before["RestartCount"] + 1, part
            assert after["State"]["Pid"] != before["State"]["Pid"], part
            asked = sum(one.requests for one in seen.values())
            failed = sum(len(one.failures) for one in seen.values())
            rows.append(f"{part:20}{asked:10}{failed:10}")
        night.stop()
        night.close_and_check()
    counted = f"{night.accepted} files with {night.ledger.ballots['received']} ballots, every count exact"
    head = f"{'killed':20}{'requests':>10}{'failed':>10}"
    report.add("The death of each container under Compose", "\n".join([head, *rows, counted]))


@pytest.mark.release
def test_a_container_that_is_told_to_end_finishes_what_it_has_begun(compose: Compose, report: Report) -> None:
    rows = []
    with report.timed("the end of each container under load, under Compose"), Night(compose) as night:
        for part in PARTS:
            container = compose.one(part)
            began = time.monotonic()
            # By the signal that Compose and Swarm would send; it is killed after the time that the files give it.
            docker("stop", container)
            rows.append(f"{part:20}{time.monotonic() - began:8.1f} s")
            assert inspect(container)[0]["State"]["ExitCode"] == 0, part
            docker("start", container)
            _wait_until_healthy(compose, part)
            night.let_pass(files=2)
        night.stop()
        night.close_and_check()
    report.add("How long each took to end under load, with status 0 (Compose)", "\n".join(rows))


def test_what_was_handed_in_is_counted_although_everything_was_taken_down_and_brought_up_meanwhile(
    compose: Compose, report: Report
) -> None:
    with Night(compose) as night:
        with report.timed("docker compose down and up, under load"):
            compose.down()
            assert compose.all_containers() == []
            compose.up()
        night.let_pass(files=4)
        night.stop()
        night.close_and_check()
    report.add("Down and up under Compose", f"{night.accepted} files, every count exact")


def test_scaling_stations_and_daemons_during_the_night_changes_nothing(compose: Compose, report: Report) -> None:
    with report.timed("scaling under load, under Compose"), Night(compose) as night:

        def scale() -> None:
            for stations, daemons in ((5, 4), (1, 1), (2, 0), (4, 3), (3, 2)):
                options = ("--scale", f"station={stations}", "--scale", f"daemon={daemons}")
                compose.call("up", "--detach", "--wait", "--no-recreate", *options)
                assert len(compose.containers("station")) == stations
                assert len(compose.containers("daemon")) == daemons
                night.let_pass(files=6)

        seen = night.watch(scale)
        night.stop()
        night.close_and_check()
    asked = sum(one.requests for one in seen.values())
    failures = [failure for one in seen.values() for failure in one.failures]
    report.add(
        "More and fewer stations and daemons under Compose",
        f"{asked} requests, {len(failures)} failed; every count exact",
    )
    assert failures == []
