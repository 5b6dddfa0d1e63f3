"""``/health/live`` and ``/health/ready`` of each service before, while and after its store is away.

The daemon's are tried in ``test_daemon_monitor.py``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from apiflask import APIFlask

from results_service.app import create_app as create_results
from shared.config import ResultsSettings
from shared.database import migrate
from shared.queue.connection import connect
from tests.left_out import needs
from tests.servers import MariaDB, Redis, Server
from tests.services import accounts, administration, station
from tests.services.test_metrics import read, value
from tests.services.tokens import Keys, ServiceSettings, Token

NO_REDIS = "redis://127.0.0.1:1/0"


@contextmanager
def results(url: str, service_settings: ServiceSettings) -> Iterator[APIFlask]:
    migrate(url, "election")
    app = create_results(service_settings(ResultsSettings, election_database_url=url, redis_url=NO_REDIS))
    try:
        yield app
    finally:
        app.extensions["database"].close()


@pytest.fixture(params=["authentication", "administration", "station", "results"])
def service(
    request: pytest.FixtureRequest, service_settings: ServiceSettings, keys: Keys, token: Token
) -> Iterator[tuple[APIFlask, Server, str]]:
    """A service, the server of its store, which the test may kill, and the name by which it is checked."""
    needs(Redis if request.param == "station" else MariaDB)
    if request.param == "station":
        with Redis() as redis, connect(redis.url) as client:
            station.prepare(client)
            with station.running(redis.url, service_settings, token) as made:
                yield made.app, redis, "queue"
        return
    with MariaDB() as database:
        url = database.new_database()
        match request.param:
            case "authentication":
                with accounts.running(url, service_settings, keys) as authentication:
                    yield authentication.app, database, "accounts database"
            case "administration":
                with administration.running(url, service_settings, token) as admin:
                    yield admin.app, database, "election store"
            case _:
                # Without Redis it hears nothing, and looks each second: that is enough to do its work.
                with results(url, service_settings) as app:
                    yield app, database, "election store"


def test_a_service_is_ready_while_its_store_is_there_and_lives_in_any_case(
    service: tuple[APIFlask, Server, str],
) -> None:
    app, server, name = service
    client = app.test_client()

    def said() -> tuple[int, int, float]:
        """Of both addresses, and of the figures."""
        figures = read(client.get("/metrics").get_data(as_text=True))
        ready, live = (client.get(f"/health/{which}").status_code for which in ("ready", "live"))
        return ready, live, value(figures, "urna_ready", check=name)

    assert said() == (200, 200, 1)
    server.kill()
    assert said() == (503, 200, 0)
    problem = client.get("/health/ready")
    assert problem.get_json()["detail"] == f"Not ready: the {name} cannot be used at the moment."
    assert int(problem.headers["Retry-After"]) > 0
    server.start()
    assert said() == (200, 200, 1)
