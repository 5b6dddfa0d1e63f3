"""The suite under Docker Compose: that it comes up, holds an election, and keeps its parts apart."""

from pathlib import Path

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import ONCE, PARTS
from tests.deployment.engine.docker import inspect
from tests.deployment.engine.isolation import may_reach, reached_by_all
from tests.deployment.engine.journey import hold_election
from tests.deployment.engine.probes import as_text, world
from tests.deployment.engine.report import Report


def test_everything_is_healthy_and_the_work_that_is_done_once_has_been_done(compose: Compose) -> None:
    for part in PARTS:
        assert len(compose.containers(part)) == {"station": 3, "daemon": 2}.get(part, 1), part
        assert compose.is_healthy(part), part
    ended = [
        one
        for one in inspect(*compose.all_containers())
        if one["Config"]["Labels"]["com.docker.compose.service"] in ONCE
    ]
    assert [one["State"]["ExitCode"] for one in ended] == [0, 0, 0, 0]


def test_an_election_from_the_first_log_in_to_the_final_result_through_nginx(
    compose: Compose, tmp_path: Path, report: Report
) -> None:
    with report.timed("the election of 2014 at a hundredth, under Compose"):
        held = hold_election(compose, tmp_path)
    assert held.differences == []
    seen = held.stream.received()
    assert seen == sorted(seen), "A live result went back."
    assert seen[0] < seen[-1]
    assert held.stream.events[-1]["certainty"] == "final"


def test_a_file_of_stations_that_is_larger_than_other_bodies_may_be_comes_through_nginx(compose: Compose) -> None:
    lines = ["municipality,station,registered", *(f"Ада,Ада {number},700" for number in range(60_000))]
    content = "\n".join(lines).encode()
    assert len(content) > 1024 * 1024
    answer = compose.administrator().authorized(
        *("POST", "admin", "/api/polling-stations/import"),
        content=lambda: content,
        headers={"Content-Type": "text/csv"},
        query={"preview": "true"},
    )
    assert answer.json()["new"] == 60_000


def test_each_container_reaches_those_that_the_design_joins_it_to_and_nothing_else(
    compose: Compose, report: Report
) -> None:
    with world() as outside:
        table = reached_by_all(compose, outside)
    report.add("Who reaches whom under Compose", as_text(table))
    assert table == may_reach(table)


def test_nothing_but_nginx_is_reached_from_this_machine(compose: Compose) -> None:
    published = {}
    for container in inspect(*compose.all_containers()):
        for bindings in (container["NetworkSettings"]["Ports"] or {}).values():
            for one in bindings or ():
                published[int(one["HostPort"])] = container["Config"]["Labels"]["com.docker.compose.service"]
    assert published == dict.fromkeys(vars(compose.ports).values(), "nginx")
