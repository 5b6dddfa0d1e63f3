"""Keys, tokens and settings that the tests of all services share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from results_service.actions import ground
from results_service.app import create_app
from shared.config import ResultsSettings, load
from shared.terms import Role
from tests.services.accounts import Accounts, running
from tests.services.administration import Administration
from tests.services.administration import running as running_administration
from tests.services.casting import polling
from tests.services.counting import Counting
from tests.services.recorded import Recorded
from tests.services.signed_in import SignedIn
from tests.services.station import Station
from tests.services.station import running as running_station
from tests.services.tokens import Keys, S, ServiceSettings, Token, access_claims, bearer, new_keys, signed
from tests.services.voting import Voting, voters


@pytest.fixture(scope="session")
def keys() -> Keys:
    """The pair of keys with which the tests' tokens are signed and checked."""
    return new_keys()


@pytest.fixture(scope="session")
def token(keys: Keys) -> Token:
    """Makes the header ``{"Authorization": "Bearer …"}`` for an account with the given roles."""

    def make(
        *roles: Role | str,
        email: str = "official@example.org",
        jmbg: str = "0101994704401",
        forename: str = "Vera",
        surname: str = "Verić",
        **claims: Any,
    ) -> dict[str, str]:
        made = access_claims(*roles, email=email, jmbg=jmbg, forename=forename, surname=surname)
        return bearer(signed({**made, **claims}, keys.private_pem))

    return make


@pytest.fixture(scope="session")
def service_settings(keys: Keys) -> ServiceSettings:
    """Makes the settings of a service: ``service_settings(AdministrationSettings, election_database_url=url)``.

    A developer's ``.env`` is passed over, since its settings are not the ones that the tests speak of.
    """

    def make(kind: type[S], **values: Any) -> S:
        defaults = {"environment": "development", "log_level": "error", "jwt_public_key": keys.public_pem}
        return load(kind, _env_file=None, **{**defaults, **values})

    return make


@pytest.fixture
def accounts(sqlite_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Accounts]:
    """An authentication service with an administrator, where officials may act at once."""
    with running(sqlite_url, service_settings, keys) as service:
        yield service


@pytest.fixture
def waiting_accounts(sqlite_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Accounts]:
    """The same where officials wait for an administrator's approval."""
    with running(sqlite_url, service_settings, keys, registration="approval") as service:
        yield service


@pytest.fixture
def accounts_anywhere(accounts_database_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Accounts]:
    """The same on each database engine in turn."""
    with running(accounts_database_url, service_settings, keys) as service:
        yield service


@pytest.fixture
def station(redis_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Station]:
    """A voting station on an empty Redis, which a daemon has prepared."""
    with running_station(redis_url, service_settings, token) as made:
        yield made


@pytest.fixture
def recorded(sqlite_url: str) -> Iterator[Recorded]:
    """The election store, with two partitions that no daemon has worked yet."""
    written = Recorded(sqlite_url)
    yield written
    written.close()


@pytest.fixture
def admin(
    recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token
) -> Iterator[Administration]:
    """An administration service on that store."""
    with running_administration(sqlite_url, service_settings, token, prepared=False) as service:
        yield service


@pytest.fixture
def ana(admin: Administration, token: Token) -> SignedIn:
    """An administrator at its pages."""
    return SignedIn.to(admin.app, token, Role.ADMINISTRATOR, "ana@example.org")


@pytest.fixture
def boris(admin: Administration, token: Token) -> SignedIn:
    """Another administrator."""
    return SignedIn.to(admin.app, token, Role.ADMINISTRATOR, "boris@example.org")


@pytest.fixture
def auditor(admin: Administration, token: Token) -> SignedIn:
    """An auditor at its pages."""
    return SignedIn.to(admin.app, token, Role.AUDITOR)


@pytest.fixture
def night(recorded: Recorded) -> Recorded:
    """The same, as the night of an election."""
    return recorded


@pytest.fixture
def anywhere(election_database_url: str) -> Iterator[Recorded]:
    """The same on each database engine in turn."""
    recorded = Recorded(election_database_url)
    yield recorded
    recorded.close()


@pytest.fixture
def client_of(
    service_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Recorded], FlaskClient]]:
    """Makes results services on a store, which look at geography each time."""
    monkeypatch.setattr(ground, "SECONDS_BETWEEN_LOOKS", 0.0)
    made = []

    def make(night: Recorded) -> FlaskClient:
        url = night.database.engine.url.render_as_string(hide_password=False)
        app = create_app(
            service_settings(ResultsSettings, election_database_url=url, redis_url="redis://127.0.0.1:1/0")
        )
        made.append(app)
        return app.test_client()

    yield make
    for app in made:
        app.extensions["database"].close()


@pytest.fixture
def voting(
    tmp_path: Path,
    redis_url: str,
    service_settings: ServiceSettings,
    keys: Keys,
    token: Token,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Voting]:
    """All services, an open election, and a voter at a terminal."""
    with voters(tmp_path, redis_url, service_settings, keys, token, capsys) as made:
        yield made


@pytest.fixture
def polls(
    sqlite_url: str, redis_url: str, service_settings: ServiceSettings, token: Token
) -> Iterator[tuple[Counting, Station]]:
    with polling(sqlite_url, redis_url, service_settings, token) as made:
        yield made
