"""The same suite on MariaDB and on PostgreSQL, by an override file: the whole election, to the last seat."""

from functools import partial
from pathlib import Path

import pytest

from tests.deployment.engine import lab
from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import PARTS
from tests.deployment.engine.docker import docker
from tests.deployment.engine.hardening import written
from tests.deployment.engine.journey import hold_election
from tests.deployment.engine.report import Report
from tests.deployment.engine.stage import Stage, composed

pytestmark = pytest.mark.release

OVERRIDES = {"mariadb": "deploy/compose.mariadb.yml", "postgresql": "deploy/compose.postgres.yml"}
SERVERS = {"mariadb": "mariadbd", "postgresql": "postgres"}
IMAGES = {"mariadb": "mariadb:10.11", "postgresql": "postgres:15-bookworm"}


@pytest.mark.parametrize("engine", list(OVERRIDES))
def test_an_election_from_the_first_log_in_to_the_final_result(
    stage: Stage, report: Report, tmp_path: Path, engine: str
) -> None:
    with report.timed(f"the image of {engine}"):
        lab.make_stand_in(IMAGES[engine])
    compose: Compose = stage.enter(engine, partial(composed, overrides=(OVERRIDES[engine],), DATABASE=engine))
    for part in PARTS:
        assert compose.is_healthy(part), part
    with report.timed(f"the election of 2014 at a hundredth, on {engine}"):
        held = hold_election(compose, tmp_path)
    assert held.differences == []
    for part in ("accounts-database", "election-database"):
        # It is the server that was asked for, and as shut in as the other.
        assert SERVERS[engine] in docker("top", compose.one(part), "-eo", "pid,comm")
        assert written(compose.one(part)) == []
