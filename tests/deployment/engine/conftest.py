"""An engine, and the deployments that the tests of a run share.

The order of the files matters for the time that a run takes, not for what it finds: those that need the same deployment
stand together, so that each is started once.
"""

from collections.abc import Iterator

import pytest

from tests.deployment.engine import lab
from tests.deployment.engine.compose import Compose
from tests.deployment.engine.leftovers import remove_leftovers
from tests.deployment.engine.report import REPORT, Report
from tests.deployment.engine.stage import Stage, composed
from tests.deployment.engine.swarm import Swarm, stacked

# The images of the tests bear a tag of their own, so that nobody's are replaced.
VERSION = "test-1"


@pytest.fixture(scope="session")
def report() -> Report:
    """What was measured, printed at the end of the run."""
    return REPORT


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, report: Report) -> Iterator[Stage]:
    """An engine that has or can fetch the images that the files name, and what runs on it."""
    with report.timed("an engine and the public images"):
        started = lab.make_ready()
    made = Stage(tmp_path_factory.mktemp("deployments"), report, VERSION)
    try:
        remove_leftovers()
        yield made
        made.clear()
    finally:
        if started:
            lab.end()


@pytest.fixture
def compose(stage: Stage) -> Iterator[Compose]:
    """The suite as Compose runs it, healthy; whatever a test does to it, it leaves it so."""
    made = stage.enter("compose", composed)
    yield made
    made.close_clients()


@pytest.fixture
def swarm(stage: Stage) -> Iterator[Swarm]:
    """The suite on a swarm of one node, every replica running; whatever a test does to it, it leaves it so."""
    made = stage.enter("swarm", stacked)
    yield made
    made.close_clients()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    REPORT.write(terminalreporter)
