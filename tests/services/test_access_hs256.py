"""Services that share a secret (HS256) take no other token: none of the old pair of keys, and none made from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.services import accounts, administration, station
from tests.services.bearers import BAD_ALGORITHM, BAD_SIGNATURE, MISSING, claims, forgeries, mac
from tests.services.tokens import Keys, ServiceSettings, Token, bearer, signed

SECRET = "a secret of at least thirty-two characters"
SHARED: dict[str, Any] = {"jwt_algorithm": "HS256", "jwt_secret_key": SECRET}
# A route for an administrator in each service that takes tokens, and one that answers in the classic way.
ROUTES = {
    "authentication_service": [("GET", "/api/users", 200), ("POST", "/delete", 400)],
    "admin_service": [("GET", "/api/participants", 200), ("GET", "/getParticipants", 200)],
    "voting_station_service": [("GET", "/api/elections", 200), ("POST", "/vote", 401)],
}


@contextmanager
def serving(
    service: str, sqlite_url: str, redis_url: str, settings: ServiceSettings, keys: Keys, token: Token
) -> Iterator[FlaskClient]:
    """The service with the shared secret, and without any key of the pair or still with the public one."""
    if service == "authentication_service":
        with accounts.running(sqlite_url, settings, keys, **SHARED, jwt_private_key=None) as authentication:
            yield authentication.client
    elif service == "admin_service":
        with administration.running(sqlite_url, settings, token, **SHARED) as admin:
            yield admin.app.test_client()
    else:
        with station.running(redis_url, settings, token, **SHARED) as made:
            yield made.client


@pytest.fixture
def client(
    service: str, sqlite_url: str, redis_url: str, service_settings: ServiceSettings, keys: Keys, token: Token
) -> Iterator[FlaskClient]:
    with serving(service, sqlite_url, redis_url, service_settings, keys, token) as made:
        yield made


@pytest.mark.parametrize("service", ROUTES)
def test_a_token_of_the_shared_secret_opens_what_its_roles_open(service: str, client: FlaskClient) -> None:
    for method, path, status in ROUTES[service]:
        answer = client.open(path, method=method, headers=bearer(signed(claims(), SECRET, "HS256")))
        assert answer.status_code == status
        # At the station an administrator may not hand in ballots.
        assert status != 401 or answer.get_json() == {"msg": MISSING}


@pytest.mark.parametrize("service", ROUTES)
def test_no_token_of_the_old_keys_and_none_made_from_them_opens_anything(
    service: str, client: FlaskClient, keys: Keys
) -> None:
    # What is signed as HS256 has the right algorithm here, so that only the secret can tell.
    refused = {
        name: (text, BAD_SIGNATURE if name.startswith("HS256") and "EdDSA" not in name else BAD_ALGORITHM)
        for name, text, _ in forgeries(keys)
    }
    refused["EdDSA"] = (signed(claims(), keys.private_pem), BAD_ALGORITHM)
    refused["another algorithm with the right secret"] = (mac(claims(), SECRET.encode(), "HS512"), BAD_ALGORITHM)
    refused["the secret with another end"] = (mac(claims(), SECRET.encode() + b"\n"), BAD_SIGNATURE)
    for name, (text, words) in refused.items():
        for method, path, _ in ROUTES[service]:
            answer = client.open(path, method=method, headers=bearer(text))
            body = answer.get_json()
            assert (answer.status_code, body.get("detail") or body["msg"]) == (401, words), (name, path)
