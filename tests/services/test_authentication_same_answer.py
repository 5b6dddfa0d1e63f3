"""That somebody has an account shows neither by what log-in answers nor by what it does; and how passwords are kept."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import argon2
import pytest
import sqlalchemy as sa
from argon2.low_level import Type
from pydantic import ValidationError
from werkzeug.test import TestResponse

from authentication_service.passwords import Passwords
from authentication_service.prepare import prepare
from shared.errors import Misconfigured
from shared.schema.accounts import User
from tests.services.accounts import (
    ADMIN_EMAIL,
    PASSWORD,
    Accounts,
    authentication_settings,
    headers_of,
    person,
    register,
    running,
)
from tests.services.tokens import Keys, ServiceSettings

WRONG = "Wr0ngPassword"
Work = Counter[str]


@contextmanager
def counted(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """What the service does meanwhile: hashes that it computes, and statements that it sends to the store."""
    done: Work = Counter()

    def counting(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **keywords: object) -> object:
            done[name] += 1
            return real(*arguments, **keywords)

        return call

    def statement(_c: object, _cursor: object, text: str, *_: object) -> None:
        done[" ".join(text.split()[:3])] += 1

    with monkeypatch.context() as patch:
        for name in ("hash", "verify"):
            patch.setattr(argon2.PasswordHasher, name, counting(name, getattr(argon2.PasswordHasher, name)))
        sa.event.listen(accounts.database.engine, "before_cursor_execute", statement)
        yield done
        sa.event.remove(accounts.database.engine, "before_cursor_execute", statement)


def names(accounts: Accounts) -> dict[str, str]:
    """One name of each kind that a stranger may try, the password of which is another one."""
    for number in (1, 2, 3):
        register(accounts, number, role="official", username=f"vera{number}", phone=f"06411111{number}")
    accounts.change("vera1@gmail.com", approval="approved")
    assert accounts.post("/delete", {"email": "vera3@gmail.com"}, accounts.logged_in()).status_code == 200
    return {
        "known": "vera1@gmail.com",
        "known by username": "vera1",
        "known by phone number": "064/11-11-11",
        "unknown": "nobody@gmail.com",
        "unknown username": "nobody",
        "unknown phone number": "064/999-999",
        "no name at all": "?!",
        "waiting for approval": "vera2@gmail.com",
        "deleted": "vera3@gmail.com",
    }


def told(response: TestResponse) -> tuple[object, ...]:
    """All that an answer tells, but for the id of its request."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    return response.status_code, headers, response.data


@pytest.mark.parametrize("route", ["/login", "/api/login"])
def test_every_failed_log_in_has_the_same_answer_and_the_same_work(
    waiting_accounts: Accounts, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    accounts = waiting_accounts
    answers: dict[str, tuple[object, ...]] = {}
    works: dict[str, Work] = {}
    for kind, name in names(accounts).items():
        if route == "/login" and "@" not in name:
            continue
        body = {"email" if route == "/login" else "login": name, "password": WRONG}
        with counted(accounts, monkeypatch) as work:
            response = accounts.client.post(route, json=body, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
        answers[kind], works[kind] = told(response), work
    assert len(answers) in (4, 9)
    assert set(answers) == {kind for kind in answers if answers[kind] == answers["unknown"]}
    assert {kind: works[kind] for kind in works if works[kind] != works["unknown"]} == {}
    assert (works["known"]["verify"], works["known"]["hash"]) == (1, 0)
    assert sum(works["known"].values()) > 5


def test_a_log_in_that_has_to_wait_does_the_same_for_every_name_and_computes_no_hash(
    waiting_accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = waiting_accounts
    works = {}
    for kind, name in names(accounts).items():
        for _ in range(10):
            accounts.post("/api/login", {"login": name, "password": WRONG})
        with counted(accounts, monkeypatch) as work:
            assert accounts.post("/api/login", {"login": name, "password": WRONG}).status_code == 429
        works[kind] = work
        with accounts.database.writing() as session:
            session.execute(sa.text("DELETE FROM attempts"))
    assert {kind for kind in works if works[kind] != works["unknown"]} == set()
    assert works["known"]["verify"] == 0


def test_a_registration_computes_one_hash_whether_or_not_the_address_is_taken(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.register(1)
    for path, body, status in (
        ("/register", person(2, email="vera1@gmail.com"), 400),
        ("/register", person(2), 200),
        ("/api/register", person(3, email="vera1@gmail.com"), 409),
        ("/api/register", person(3), 201),
    ):
        with counted(accounts, monkeypatch) as work:
            assert accounts.post(path, body).status_code == status
        assert (work["hash"], work["verify"]) == (1, 0)


def test_the_current_password_is_checked_once_whatever_it_is(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(accounts, 1)
    headers = {**headers_of(accounts, 1), "If-Match": "*"}
    for current, status in ((WRONG, 422), (PASSWORD, 200)):
        body = {"email": "other@gmail.com", "current_password": current}
        with counted(accounts, monkeypatch) as work:
            assert accounts.client.patch("/api/profile", json=body, headers=headers).status_code == status
        assert (work["verify"], work["hash"]) == (1, 0)


def test_a_password_over_the_limit_is_refused_before_any_hash_is_computed(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(accounts, 1)
    headers = {**headers_of(accounts, 1), "If-Match": "*"}
    long = "Aa1" + "x" * 254
    with counted(accounts, monkeypatch) as work:
        classic = accounts.post("/login", {"email": ADMIN_EMAIL, "password": long})
        assert classic.get_json() == {"message": "Invalid credentials."}
        assert accounts.post("/login", {"email": ADMIN_EMAIL, "password": "x" * 500_000}).status_code == 400
        assert accounts.post("/register", person(2, password=long)).get_json() == {"message": "Invalid password."}
        assert accounts.post("/api/login", {"login": ADMIN_EMAIL, "password": long}).status_code == 422
        assert accounts.post("/api/register", person(2, password=long)).status_code == 422
        for body in (
            {"password": long, "current_password": PASSWORD},
            {"email": "other@gmail.com", "current_password": long},
        ):
            assert accounts.client.patch("/api/profile", json=body, headers=headers).status_code == 422
    assert (work["hash"], work["verify"]) == (0, 0)


def test_the_stored_hash_is_argon2id_with_the_parameters_of_the_settings(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    parameters = {"password_memory_kib": 64, "password_passes": 3, "password_lanes": 2}
    with running(sqlite_url, service_settings, keys, **parameters) as accounts:
        register(accounts, 1)
        with accounts.database.reading() as session:
            hashes = list(session.scalars(sa.select(User.password_hash)))
    assert len(set(hashes)) == 2
    for stored in hashes:
        assert stored.startswith("$argon2id$v=19$m=64,t=3,p=2$")
        found = argon2.extract_parameters(stored)
        assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 64, 3, 2)
        # RFC 9106, section 3.1, and OWASP: a salt of 16 bytes, a tag of 32.
        assert (found.salt_len, found.hash_len) == (16, 32)


def test_the_parameters_are_owasps_unless_they_are_set(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    settings = authentication_settings(sqlite_url, service_settings, keys, password_memory_kib=19456)
    assert Passwords.of(settings).hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_too_little_memory_for_the_lanes_and_networks_that_are_none_are_refused_at_the_start(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    for wrong, named in (
        ({"password_memory_kib": 31, "password_lanes": 4}, "PASSWORD_LANES"),
        ({"shared_addresses": ["10.0.0.1/8"]}, "SHARED_ADDRESSES"),
        ({"shared_addresses": ["everywhere"]}, "SHARED_ADDRESSES"),
    ):
        with pytest.raises((Misconfigured, ValidationError), match=named):
            authentication_settings(sqlite_url, service_settings, keys, **wrong)


def test_a_first_administrator_whose_password_is_too_long_to_log_in_is_not_made(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    settings = authentication_settings(sqlite_url, service_settings, keys, admin_password="x" * 257)
    with pytest.raises(Misconfigured, match="ADMIN_PASSWORD"):
        prepare(settings, wait_seconds=1)
