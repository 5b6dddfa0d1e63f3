"""A running suite and a browser, one of each for all tests of a worker."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from cli.demo.suite import EmbeddedSuite
from tests.browser.chromium import Chromium
from tests.browser.looking import Window
from tests.browser.voting import Booth, prepare
from tests.journey.people import CHEAP_HASHES, Journey
from tests.left_out import needs
from tests.servers import Redis

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="package")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    """A running suite that all tests here share in a worker; no test may stop or break it."""
    needs(Redis)
    needs(Chromium)
    with EmbeddedSuite(tmp_path_factory.mktemp("suite"), **CHEAP_HASHES) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The worker's browser."""
    needs(Chromium)
    with Chromium.running() as running:
        yield running


@pytest.fixture
def journey(suite: EmbeddedSuite) -> Iterator[Journey]:
    """The shared suite with an administrator, an official, and elections of their own."""
    with Journey(suite) as people:
        yield people


@pytest.fixture
def open_window(browser: Browser, suite: EmbeddedSuite) -> Iterator[OpenWindow]:
    """Opens windows that share nothing: ``open_window(locale="fr-FR", java_script_enabled=False)``.

    At the end of the test each fails when a page asked another host for anything, or broke its policy.
    """
    opened: list[Window] = []
    hosts = {urlsplit(address).netloc for address in suite.facts["addresses"].values()}

    def open_one(**options: object) -> Window:
        opened.append(Window.open(browser, hosts, **options))
        return opened[-1]

    yield open_one
    for window in opened:
        window.close()


@pytest.fixture
def page(open_window: OpenWindow) -> Page:
    """A page in a window of its own."""
    return open_window().page()


@pytest.fixture(scope="package")
def booth(suite: EmbeddedSuite) -> Iterator[Booth]:
    """An election that all tests here share, each with voters of its own."""
    with Journey(suite) as journey:
        yield prepare(journey, 11)
