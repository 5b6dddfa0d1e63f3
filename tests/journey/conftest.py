"""The whole suite as the ``urna`` command runs it, with real processes on free ports in a temporary directory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.demo.suite import EmbeddedSuite
from tests.journey.people import CHEAP_HASHES, Journey
from tests.left_out import needs
from tests.servers import Redis

StartSuite = Callable[..., EmbeddedSuite]


@pytest.fixture(scope="package")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    """A running suite that all tests here share in a worker; no test may stop or break it."""
    needs(Redis)
    with EmbeddedSuite(tmp_path_factory.mktemp("suite"), **CHEAP_HASHES) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def start_suite(tmp_path: Path) -> Iterator[StartSuite]:
    """Starts suites of the test's own: ``start_suite("--classic", data=folder, LOG_LEVEL="debug")``."""
    needs(Redis)
    started: list[EmbeddedSuite] = []

    def start(*options: str, data: Path = tmp_path / "data", **settings: str) -> EmbeddedSuite:
        made = EmbeddedSuite(data, *options, **{**CHEAP_HASHES, **settings})
        started.append(made)
        return made

    yield start
    for made in started:
        made.stop()


@pytest.fixture
def journey(suite: EmbeddedSuite) -> Iterator[Journey]:
    """The shared suite with an administrator, an official, and elections of their own."""
    with Journey(suite) as people:
        yield people
