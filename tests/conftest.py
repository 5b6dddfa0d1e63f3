"""Real servers as fixtures.

Each starts when the first test asks for it, one of a kind for each worker of pytest-xdist.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import pytest

from tests.left_out import MARK, needs
from tests.made_once import made_once
from tests.servers import DatabaseServer, MariaDB, MySQL, PostgreSQL, Redis, Server, SQLite

S = TypeVar("S", bound=Server)

_BEGIN_WITH = (
    "tests/observability/test_staged.py",
    "tests/faults/test_overload.py",
    "tests/journey/test_backup.py",
    "tests/journey/test_other_stores.py",
    "tests/journey/test_restarts.py",
    "tests/journey/test_starting.py",
    "tests/services/test_fuzzing.py",
    "tests/services/test_hostile_jobs.py",
)


def pytest_configure() -> None:
    """Let Python look for garbage less often: with all that the tests read in, that took a fourth of their time."""
    gc.set_threshold(100_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with those that take a minute, most of it waiting: in the end the other workers would wait for them."""
    items.sort(key=lambda item: not item.nodeid.startswith(_BEGIN_WITH))


def pytest_collection_finish() -> None:
    """What was read in and collected lives until the end, so it is never looked through."""
    gc.collect()
    gc.freeze()


def _running(kind: type[S]) -> Iterator[S]:
    """Start a server of this kind, or leave out the tests that need it; end it after the last of them."""
    needs(kind)
    with kind() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _apps_share_what_they_prepare() -> Iterator[None]:
    with made_once():
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """The worker's Redis; most tests want `redis_url`."""
    yield from _running(Redis)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    """The worker's MariaDB."""
    yield from _running(MariaDB)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """The worker's PostgreSQL."""
    yield from _running(PostgreSQL)


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MySQL]:
    """The worker's MySQL."""
    yield from _running(MySQL)


@pytest.fixture(scope="session")
def sqlite_files() -> Iterator[SQLite]:
    """The worker's directory of SQLite databases."""
    with SQLite() as files:
        yield files


@pytest.fixture
def redis_url(redis_server: Redis) -> Iterator[str]:
    """The URL of an empty Redis, which is emptied again afterwards.

    It must be empty at the start, too: whatever is in it came from a daemon or a client that outlived its test.
    """
    with redis_server.client() as client:
        left = sorted(client.scan_iter(count=1000))
        client.flushall()
        assert not left, f"An earlier test's process still writes to Redis: {left[:10]}"
        yield redis_server.url
        client.flushall()


@pytest.fixture(params=["sqlite", "mariadb", "postgresql", "mysql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn, the same for both stores of a test.

    A test that makes no sense on all of them names its own with ``parametrize("engine", [...])``.
    """
    return str(request.param)


@pytest.fixture
def databases(request: pytest.FixtureRequest, engine: str) -> DatabaseServer | SQLite:
    """Where the test's databases are made, for a test that needs another one besides the two stores."""
    source = request.getfixturevalue("sqlite_files" if engine == "sqlite" else f"{engine}_server")
    assert isinstance(source, DatabaseServer | SQLite)
    return source


@pytest.fixture
def election_database_url(databases: DatabaseServer | SQLite) -> Iterator[str]:
    """The URL of an empty database for the election store, on each engine in turn."""
    yield from _new_database(databases)


@pytest.fixture
def accounts_database_url(databases: DatabaseServer | SQLite) -> Iterator[str]:
    """The URL of an empty database for the accounts store, on each engine in turn."""
    yield from _new_database(databases)


@pytest.fixture
def sqlite_url(sqlite_files: SQLite) -> Iterator[str]:
    """The URL of an empty SQLite database, for tests to which the engine does not matter."""
    yield from _new_database(sqlite_files)


def _new_database(source: DatabaseServer | SQLite) -> Iterator[str]:
    url = source.new_database()
    yield url
    source.drop_database(url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every part that was left out, how many tests it took along, and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            reasons[report.longrepr[2].removeprefix("Skipped: ").removeprefix(MARK)] += 1
    if reasons:
        terminalreporter.section("Left out on this machine")
        for reason, tests in sorted(reasons.items()):
            terminalreporter.write_line(f"{reason} ({tests} {'test' if tests == 1 else 'tests'})")
        terminalreporter.write_line("URNA_TEST_REQUIRE=all makes each of these a failure.")
