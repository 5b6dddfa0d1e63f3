"""An authentication service in this process, on a real database, and people to register with it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any, TypeVar

import jwt
from apiflask import APIFlask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from authentication_service.app import create_app
from authentication_service.prepare import prepare
from authentication_service.rules import jmbg_control_digit
from shared.config import AuthenticationSettings
from shared.database import Database
from shared.journal import store
from shared.schema.journal import AnyJournal
from shared.terms import Role
from tests.services.citizens import have_citizens
from tests.services.migrated import have_prepared, have_tables
from tests.services.tokens import Keys, ServiceSettings, bearer

T = TypeVar("T")

ADMIN_EMAIL = "admin@admin.com"
ADMIN_PASSWORD = "1"
PASSWORD = "Str0ngPassword"
_CITIZENS = 40
# The settings on which it depends what a prepared store holds.
_PREPARED_BY = {"admin_email", "admin_password", "admin_jmbg", "register_key", "password_memory_kib"}
REGISTER_KEY = "the key of the register in the tests"


def jmbg(number: int) -> str:
    """The ``number``-th of a series of valid national ids."""
    first_twelve = f"0101{990 + number // 1000:03d}71{number % 1000:03d}"
    return first_twelve + str(jmbg_control_digit(first_twelve))


def person(number: int = 1, **changed: Any) -> dict[str, Any]:
    """What a person sends to register; ``changed`` replaces fields."""
    described = {
        "jmbg": jmbg(number),
        "forename": "Vera",
        "surname": "Verić",
        "email": f"vera{number}@gmail.com",
        "password": PASSWORD,
    }
    return {**described, **changed}


@dataclass(frozen=True)
class Accounts:
    """The running service."""

    app: APIFlask
    settings: AuthenticationSettings
    keys: Keys

    @property
    def client(self) -> FlaskClient:
        """A caller of the service."""
        return self.app.test_client()

    @property
    def database(self) -> Database:
        """The service's own store."""
        found = self.app.extensions["database"]
        assert isinstance(found, Database)
        return found

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> TestResponse:
        """POST a JSON body."""
        return self.client.post(path, json=body, headers=headers)

    def register(self, number: int = 1, **changed: Any) -> dict[str, Any]:
        """Register a person on the classic route; returns what was sent."""
        body = person(number, **changed)
        response = self.post("/register", body)
        assert response.status_code == 200, response.get_data(as_text=True)
        return body

    def tokens(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> dict[str, str]:
        """Log in on the classic route: ``accessToken`` and ``refreshToken``."""
        response = self.post("/login", {"email": email, "password": password})
        assert response.status_code == 200, response.get_data(as_text=True)
        found: dict[str, str] = response.get_json()
        return found

    def logged_in(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> dict[str, str]:
        """The header of a new access token."""
        return bearer(self.tokens(email, password)["accessToken"])

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says, read without a look at the clock."""
        claims: dict[str, Any] = jwt.decode(
            token, self.keys.public_pem, algorithms=["EdDSA"], options={"verify_exp": False, "verify_nbf": False}
        )
        return claims

    def user_id(self, email: str) -> int:
        """The number of the account with this address, as an administrator finds it."""
        response = self.client.get(f"/api/users?search={email}", headers=self.logged_in())
        (found,) = response.get_json()["items"]
        return int(found["id"])

    def change(self, email: str, **changes: Any) -> None:
        """Let the administrator change the roles or the approval of the account with this address."""
        path = f"/api/users/{self.user_id(email)}"
        response = self.client.patch(path, json=changes, headers={**self.logged_in(), "If-Match": "*"})
        assert response.status_code == 200, response.get_data(as_text=True)

    def make_known(self, number: int, **said: Any) -> None:
        """Let the administrator make an election known to voters, which is not known yet."""
        path, body = f"/api/voter-elections/{number}", {"title": f"Election {number}", **said}
        response = self.client.put(path, json=body, headers=self.logged_in())
        assert response.status_code == 201, response.get_data(as_text=True)

    def journal(self) -> list[AnyJournal]:
        """The entries of the journal, which has to be whole, from the first."""
        with self.database.reading() as session:
            assert store.check(session)[1] == []
            found = list(session.scalars(store.entries(store.Search())))
            session.expunge_all()
        return found[::-1]

    def administrator(self, number: int) -> dict[str, str]:
        """A second administrator's access token."""
        body = self.register(number)
        self.change(body["email"], roles=[Role.ADMINISTRATOR], approval="approved")
        return self.logged_in(body["email"], body["password"])


@contextmanager
def running(url: str, service_settings: ServiceSettings, keys: Keys, **values: Any) -> Iterator[Accounts]:
    """A prepared service on the database ``url``; ``values`` replace settings."""
    settings = authentication_settings(url, service_settings, keys, **values)

    def prepared(store: str) -> None:
        have_tables(store, "accounts")
        prepare(settings.model_copy(update={"accounts_database_url": SecretStr(store)}), wait_seconds=10)
        with closing(Database(store)) as database:
            # Whoever the tests register as a voter is a citizen; of the numbers that tests use.
            have_citizens(database, REGISTER_KEY, map(jmbg, range(_CITIZENS)))

    if values.keys() & _PREPARED_BY:
        prepared(url)
    else:
        have_prepared(url, "prepared_accounts", prepared)
    app = create_app(settings)
    accounts = Accounts(app, settings, keys)
    try:
        yield accounts
    finally:
        accounts.database.close()


def authentication_settings(
    url: str, service_settings: ServiceSettings, keys: Keys, **values: Any
) -> AuthenticationSettings:
    """Settings of a development machine, with hashes that cost as little as Argon2id allows."""
    defaults = {
        "accounts_database_url": url,
        "jwt_private_key": keys.private_pem,
        "admin_email": ADMIN_EMAIL,
        "admin_password": ADMIN_PASSWORD,
        "register_key": REGISTER_KEY,
        "registration": "open",
        "password_memory_kib": 8,
    }
    return service_settings(AuthenticationSettings, **{**defaults, **values})


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make the calls at the same instant, each in a thread of its own; their results in order."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """The body of a refusal with this status, in the one shape that problems have."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json()
    assert set(body) - {"errors"} == {"type", "title", "status", "detail"}
    assert body["status"] == status
    return body


def faulty_fields(response: TestResponse, status: int = 422) -> list[str]:
    """The fields that a refusal names."""
    return [error["field"] for error in problem(response, status)["errors"]]


def register(accounts: Accounts, number: int = 1, **changed: Any) -> dict[str, Any]:
    """Register over /api; the new account as the service answers it."""
    response = accounts.post("/api/register", person(number, **changed))
    assert response.status_code == 201, response.get_data(as_text=True)
    account: dict[str, Any] = response.get_json()
    return account


def headers_of(accounts: Accounts, number: int = 1) -> dict[str, str]:
    """The access token of the person of this number."""
    return accounts.logged_in(f"vera{number}@gmail.com", PASSWORD)
