"""The suite on a swarm of one node, from stack.yaml as it is: that it comes up, holds an election, and keeps apart."""

import json
from pathlib import Path

import pytest

from tests.deployment.engine.deployment import ONCE, PARTS
from tests.deployment.engine.docker import docker, inspect
from tests.deployment.engine.hardening import (
    everything_said,
    leaks,
    owners_of_processes,
    processes,
    secret_values,
    written,
)
from tests.deployment.engine.isolation import may_reach, reached_by_all
from tests.deployment.engine.journey import hold_election
from tests.deployment.engine.probes import as_text, world
from tests.deployment.engine.report import Report
from tests.deployment.engine.swarm import Swarm
from tests.deployment.test_files import STACK as DESCRIBED


def test_every_replica_runs_and_the_work_that_is_done_once_has_been_done(swarm: Swarm) -> None:
    for part in PARTS:
        assert len(swarm.containers(part)) == DESCRIBED["services"][part]["deploy"]["replicas"], part
        assert swarm.is_healthy(part), part
    for part in ONCE:
        states = docker("service", "ps", "--format", "{{.CurrentState}}", swarm.service(part)).splitlines()
        assert states[0].startswith("Complete"), part


def test_an_election_from_the_first_log_in_to_the_final_result_through_the_routing_mesh(
    swarm: Swarm, tmp_path: Path, report: Report
) -> None:
    with report.timed("the election of 2014 at a hundredth, on a swarm"):
        held = hold_election(swarm, tmp_path)
    assert held.differences == []
    seen = held.stream.received()
    assert seen == sorted(seen), "A live result went back."
    assert seen[0] < seen[-1]


def test_each_container_reaches_those_that_the_design_joins_it_to_and_nothing_else(
    swarm: Swarm, report: Report
) -> None:
    with world() as outside:
        table = reached_by_all(swarm, outside)
    report.add("Who reaches whom on a swarm", as_text(table))
    assert table == may_reach(table)


def test_nothing_but_nginx_publishes_ports(swarm: Swarm) -> None:
    published = {}
    for part in (*PARTS, *ONCE):
        described = json.loads(docker("service", "inspect", swarm.service(part)))[0]
        for port in described["Endpoint"].get("Ports") or ():
            published[port["PublishedPort"]] = part
    assert published == dict.fromkeys(vars(swarm.ports).values(), "nginx")
    for container in inspect(*swarm.all_containers()):
        assert not any((container["NetworkSettings"]["Ports"] or {}).values()), container["Name"]


def test_no_process_is_root_and_nothing_can_be_changed(swarm: Swarm) -> None:
    for part in PARTS:
        for container in swarm.containers(part):
            for process in processes(container):
                assert 0 not in process.users, (part, process)
                assert process.capabilities == 0, (part, process)
            assert 0 not in owners_of_processes(container), part
            assert written(container) == [], part


def test_no_secret_is_in_an_environment_a_log_or_what_docker_says(swarm: Swarm) -> None:
    secrets = secret_values(swarm)
    said = everything_said(swarm.all_containers())
    for part in (*PARTS, *ONCE):
        said[f"service {part}"] = docker("service", "inspect", swarm.service(part)).encode()
    for kind in ("config", "secret"):
        names = docker(kind, "ls", "--quiet").split()
        said[f"every {kind}"] = docker(kind, "inspect", *names).encode()
    assert {where: found for where, text in said.items() if (found := leaks(secrets, text))} == {}


def test_deploying_the_same_again_touches_nothing(swarm: Swarm) -> None:
    before = {part: sorted(swarm.containers(part)) for part in PARTS}
    swarm.deploy()
    assert {part: sorted(swarm.containers(part)) for part in PARTS} == before


def test_a_stack_whose_secrets_are_missing_is_refused_before_anything_is_changed(swarm: Swarm) -> None:
    with pytest.raises(AssertionError, match=r"(?s)no secret urna_v4712_redis_station_url.*Nothing was deployed"):
        swarm.deploy(SECRETS_VERSION="4712")
