"""Prometheus in the deployment, by the profile of the Compose file: it reaches every replica, and knows the rules."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deployment.engine import lab
from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import OURS, until
from tests.deployment.engine.docker import docker, inspect
from tests.deployment.engine.hardening import written
from tests.deployment.engine.report import Report
from tests.source import ROOT

pytestmark = pytest.mark.release

RULES = ROOT / "deploy" / "observability" / "prometheus" / "rules.yml"
# These two count nothing; their lines say what they did.
WATCHED = [part for part in OURS if part not in ("nginx", "mailer")]


@pytest.fixture
def prometheus(compose: Compose, report: Report) -> Iterator[str]:
    """The container, healthy, beside the suite."""
    with report.timed("the image of Prometheus"):
        lab.make_stand_in("prom/prometheus:v2.53.3")
    profile = ("--profile", "observability")
    compose.call(*profile, "up", "--detach", "--wait", "--no-recreate", "prometheus")
    yield compose.one("prometheus")
    compose.call(*profile, "rm", "--stop", "--force", "--volumes", "prometheus")


def _asked(container: str, path: str) -> Any:
    answer = json.loads(docker("exec", container, "wget", "-q", "-O", "-", f"http://127.0.0.1:9090/api/v1/{path}"))
    assert answer["status"] == "success"
    return answer["data"]


def test_it_sees_every_replica_of_every_part_and_nobody_else_sees_it(
    compose: Compose, prometheus: str, report: Report
) -> None:
    wanted = {part: len(compose.containers(part)) for part in WATCHED}

    def seen() -> dict[str, int]:
        found = _asked(prometheus, "targets")["activeTargets"]
        return dict(Counter(one["labels"]["job"] for one in found if one["health"] == "up"))

    until(lambda: seen() == wanted, f"Not every replica is seen: {wanted}")
    report.add("What Prometheus sees under Compose", "\n".join(f"{part:20}{n}" for part, n in sorted(seen().items())))
    described = inspect(prometheus)[0]
    assert not any(described["NetworkSettings"]["Ports"].values())
    assert written(prometheus) == []


def test_it_has_every_rule_and_no_alert_of_a_deployment_that_is_well(prometheus: str) -> None:
    written_down = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    known = {rule["name"]: rule for group in _asked(prometheus, "rules")["groups"] for rule in group["rules"]}
    assert written_down <= set(known)
    assert {name for name, rule in known.items() if rule["health"] == "err"} == set()
    until(lambda: _firing(prometheus) == set(), "Something is wrong, or an alert says so.")


def _firing(prometheus: str) -> set[str]:
    return {one["labels"]["alertname"] for one in _asked(prometheus, "alerts")["alerts"] if one["state"] == "firing"}
