"""Who fails to log in, or registers, too often has to wait, and keeps nobody else out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from werkzeug.test import TestResponse

from shared.schema.accounts import Attempt
from tests.services.accounts import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PASSWORD,
    Accounts,
    at_once,
    headers_of,
    person,
    problem,
    register,
    running,
)
from tests.services.tokens import Keys, ServiceSettings

NOON = datetime(2026, 11, 20, 12, 0, 0, 999_999, tzinfo=UTC)
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


def tries(accounts: Accounts, email: str, password: str, address: str = HOME, **headers: str) -> TestResponse:
    """One log-in from an address, on the classic route."""
    return accounts.client.post(
        "/login",
        json={"email": email, "password": password},
        environ_overrides={"REMOTE_ADDR": address},
        headers=headers,
    )


def status(*arguments: Any, **keywords: Any) -> int:
    return tries(*arguments, **keywords).status_code


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The time stands still unless it is moved."""
    with time_machine.travel(NOON, tick=False) as travelled:
        yield travelled


def test_after_ten_failures_each_further_one_doubles_the_wait(
    accounts: Accounts, clock: time_machine.Traveller
) -> None:
    assert [status(accounts, ADMIN_EMAIL, "2") for _ in range(10)] == [400] * 10
    for seconds in (30, 60, 120, 240, 480, 900, 900):
        for path, body in (
            ("/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}),
            ("/login", {"email": ADMIN_EMAIL, "password": "2"}),
            ("/api/login", {"login": ADMIN_EMAIL, "password": ADMIN_PASSWORD}),
        ):
            response = accounts.client.post(path, json=body, environ_overrides={"REMOTE_ADDR": HOME})
            assert (response.status_code, response.headers["Retry-After"]) == (429, str(seconds))
        clock.shift(seconds - 1)
        assert status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD) == 429
        clock.shift(1)
        assert status(accounts, ADMIN_EMAIL, "2") == 400
    clock.shift(900)
    assert status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD) == 200


def test_the_refusal_has_the_shape_of_its_route(accounts: Accounts) -> None:
    for _ in range(10):
        accounts.post("/login", {"email": ADMIN_EMAIL, "password": "2"})
    classic = accounts.post("/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert (classic.status_code, list(classic.get_json())) == (429, ["message"])
    response = accounts.post("/api/login", {"login": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert "Too many failed log-ins" in problem(response, 429)["detail"]


def test_a_right_log_in_clears_the_failures_of_that_account_and_address(
    accounts: Accounts, clock: time_machine.Traveller
) -> None:
    accounts.register(1)
    for address in (HOME, ELSEWHERE):
        for _ in range(9):
            status(accounts, "vera1@gmail.com", "x", address)
    assert status(accounts, "VERA1@gmail.com", PASSWORD) == 200
    assert [status(accounts, "vera1@gmail.com", "x") for _ in range(11)] == [400] * 10 + [429]
    # Where nobody has logged in nothing was forgotten.
    assert [status(accounts, "vera1@gmail.com", "x", ELSEWHERE) for _ in range(2)] == [400, 429]


def test_a_failure_is_forgotten_after_an_hour(accounts: Accounts, clock: time_machine.Traveller) -> None:
    for _ in range(9):
        status(accounts, ADMIN_EMAIL, "2")
    clock.shift(timedelta(hours=1))
    assert [status(accounts, ADMIN_EMAIL, "2") for _ in range(10)] == [400] * 10
    with accounts.database.reading() as session:
        # What limits nobody any more is not kept either: ten failures for name and address, name, address.
        assert session.scalar(sa.select(sa.func.count()).select_from(Attempt)) == 30


def test_log_ins_with_the_right_password_are_not_limited(accounts: Accounts, clock: time_machine.Traveller) -> None:
    assert [status(accounts, ADMIN_EMAIL, "2") for _ in range(9)] == [400] * 9
    assert [status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD) for _ in range(150)] == [200] * 150


def test_guesses_about_nobodys_account_are_limited_alike(accounts: Accounts) -> None:
    for _ in range(10):
        assert status(accounts, "nobody@gmail.com", "1") == 400
    assert status(accounts, "Nobody@gmail.com", "1") == 429


@pytest.mark.parametrize("names", [("vera", "VERA"), ("0641234567", "064/123-45-67"), ("?!", "?!")])
def test_spellings_of_a_name_are_one_whether_or_not_somebody_has_it(accounts: Accounts, names: tuple[str, str]) -> None:
    first, second = names
    for has_it in (False, True):
        if has_it and first != "?!":
            register(accounts, 1, **({"phone": first} if first.isdigit() else {"username": first}))
            with accounts.database.writing() as session:
                session.execute(sa.delete(Attempt))
        elif has_it:
            return
        for _ in range(5):
            for name in names:
                assert accounts.post("/api/login", {"login": name, "password": "x"}).status_code == 401
        assert accounts.post("/api/login", {"login": second, "password": "x"}).status_code == 429


def test_that_two_names_are_one_account_shows_by_no_limit(accounts: Accounts) -> None:
    """Otherwise ten failures with an address would tell, by the answer to one with a phone number, that both exist."""
    register(accounts, 1, username="vera", phone="0641234567")
    for _ in range(11):
        last = accounts.post("/api/login", {"login": "vera1@gmail.com", "password": "x"})
    assert last.status_code == 429
    for name in ("vera", "0641234567"):
        assert accounts.post("/api/login", {"login": name, "password": "x"}).status_code == 401
    # Whoever knows the password clears all of them.
    assert accounts.post("/api/login", {"login": "vera", "password": PASSWORD}).status_code == 200
    assert accounts.post("/api/login", {"login": "vera1@gmail.com", "password": PASSWORD}).status_code == 200


def test_guesses_from_many_addresses_are_limited_and_do_not_keep_the_owner_out(
    accounts: Accounts, clock: time_machine.Traveller
) -> None:
    accounts.register(1)
    assert status(accounts, "vera1@gmail.com", PASSWORD, HOME) == 200
    guesses = [status(accounts, "vera1@gmail.com", "x", f"203.0.113.{number}") for number in range(31)]
    assert guesses == [400] * 30 + [429]
    # An attacker who goes on whenever he may: the wait grows for all addresses that the account does not know.
    for seconds in (30, 60, 120, 240):
        clock.shift(seconds)
        assert status(accounts, "vera1@gmail.com", "x", "203.0.113.200") == 400
    assert status(accounts, "vera1@gmail.com", PASSWORD, ELSEWHERE) == 429
    for _ in range(3):
        assert status(accounts, "vera1@gmail.com", PASSWORD, HOME) == 200
    # Others are not concerned.
    assert status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD, "203.0.113.200") == 200


def test_one_guess_at_each_of_many_accounts_is_limited_and_does_not_keep_out_who_is_known_there(
    accounts: Accounts, clock: time_machine.Traveller
) -> None:
    accounts.register(1)
    accounts.register(2)
    assert status(accounts, "vera1@gmail.com", PASSWORD) == 200
    guesses = [status(accounts, f"somebody{number}@gmail.com", "Passw0rd") for number in range(101)]
    assert guesses == [400] * 100 + [429]
    assert status(accounts, "vera2@gmail.com", PASSWORD) == 429
    assert status(accounts, "vera1@gmail.com", PASSWORD) == 200
    assert status(accounts, "vera2@gmail.com", PASSWORD, ELSEWHERE) == 200
    clock.shift(30)
    assert status(accounts, "vera2@gmail.com", PASSWORD) == 200


def test_an_account_is_known_at_an_address_for_thirty_days(accounts: Accounts, clock: time_machine.Traveller) -> None:
    accounts.register(1)
    assert status(accounts, "vera1@gmail.com", PASSWORD) == 200
    for days, expected in ((29, 200), (31, 429)):
        clock.shift(timedelta(days=days))
        for number in range(31):
            status(accounts, "vera1@gmail.com", "x", f"203.0.113.{number}")
        assert status(accounts, "vera1@gmail.com", PASSWORD) == expected


@pytest.mark.parametrize(("proxies", "expected"), [(0, 429), (1, 429)])
def test_a_forged_x_forwarded_for_gives_nobody_another_address(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, proxies: int, expected: int
) -> None:
    with running(sqlite_url, service_settings, keys, trusted_proxies=proxies) as accounts:
        for number in range(11):
            forged = f"203.0.113.{number}"
            # What a trusted proxy adds stands last; nginx replaces the rest, another one may pass it on.
            sent = f"{forged}, {HOME}" if proxies else forged
            last = status(accounts, ADMIN_EMAIL, "2", **{"X-Forwarded-For": sent, "Forwarded": f"for={forged}"})
        assert last == expected


def test_behind_a_trusted_proxy_callers_have_addresses_of_their_own(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    with running(sqlite_url, service_settings, keys, trusted_proxies=1) as accounts:
        for number in range(11):
            sent = {"X-Forwarded-For": f"203.0.113.{number}"}
            assert status(accounts, ADMIN_EMAIL, "2", "172.18.0.2", **sent) == 400
        assert status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD, "172.18.0.2", **{"X-Forwarded-For": ELSEWHERE}) == 200


def test_where_callers_share_an_address_one_of_them_does_not_use_up_what_is_for_all(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    shared = {"shared_addresses": ["192.0.2.0/24"], "login_failures_per_address": 3, "registrations_per_hour": 3}
    with running(sqlite_url, service_settings, keys, **shared) as accounts:
        for number in range(5):
            assert status(accounts, f"somebody{number}@gmail.com", "x") == 400
            assert registration(accounts, number) == 200
        assert status(accounts, "vera1@gmail.com", PASSWORD) == 200
        for number in range(4):
            last = status(accounts, f"somebody{number}@gmail.com", "x", ELSEWHERE), registration(accounts, 7, ELSEWHERE)
        assert last == (429, 429)


def registration(accounts: Accounts, number: int, address: str = HOME, path: str = "/register") -> int:
    response = accounts.client.post(path, json=person(number), environ_overrides={"REMOTE_ADDR": address})
    return response.status_code


def test_registrations_from_one_address_are_limited_for_an_hour(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, clock: time_machine.Traveller
) -> None:
    with running(sqlite_url, service_settings, keys, registrations_per_hour=3) as accounts:
        assert [registration(accounts, 1), registration(accounts, 1)] == [200, 400]
        clock.shift(60)
        # What is not of its form costs nothing, and does not count.
        assert accounts.client.post("/register", json=person(2, email="x")).status_code == 400
        assert registration(accounts, 2, path="/api/register") == 201
        classic = accounts.client.post("/register", json=person(3), environ_overrides={"REMOTE_ADDR": HOME})
        assert (classic.status_code, list(classic.get_json())) == (429, ["message"])
        response = accounts.client.post("/api/register", json=person(3), environ_overrides={"REMOTE_ADDR": HOME})
        assert "registrations" in problem(response, 429)["detail"]
        assert classic.headers["Retry-After"] == response.headers["Retry-After"] == str(3600 - 60)
        assert registration(accounts, 3, ELSEWHERE) == 200
        clock.shift(3540)
        assert registration(accounts, 4) == 200


def test_a_class_of_officials_registers_and_logs_in_behind_one_address(accounts: Accounts) -> None:
    """With the limits as they are unless they are set: sixty people, each of whom mistypes the password once."""
    for number in range(60):
        assert registration(accounts, number) == 200
    for number in range(60):
        assert status(accounts, f"vera{number}@gmail.com", "Str0ngPasswort") == 400
        assert status(accounts, f"vera{number}@gmail.com", PASSWORD) == 200


def test_failures_at_the_same_instant_are_all_counted_on_every_engine(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    assert set(at_once(*[lambda: status(accounts, ADMIN_EMAIL, "2")] * 10)) == {400}
    assert status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD) == 429
    assert status(accounts, ADMIN_EMAIL, ADMIN_PASSWORD, ELSEWHERE) == 200


def test_attempts_at_the_same_instant_overrun_the_limit_by_no_more_than_the_threads(
    accounts_anywhere: Accounts,
) -> None:
    threads, accounts = 8, accounts_anywhere

    def guess_on() -> list[int]:
        return [status(accounts, ADMIN_EMAIL, "2") for _ in range(5)]

    answers = [answer for answered in at_once(*[guess_on] * threads) for answer in answered]
    assert set(answers) == {400, 429}
    assert 10 <= answers.count(400) < 10 + threads
    with accounts.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Attempt)) == 3 * answers.count(400)


def test_guessing_the_current_password_counts_as_a_failed_log_in(accounts: Accounts) -> None:
    register(accounts, 1)
    headers = {**headers_of(accounts, 1), "If-Match": "*"}
    for _ in range(10):
        body = {"password": "N3wPassword", "current_password": "x"}
        assert accounts.client.patch("/api/profile", json=body, headers=headers).status_code == 422
    response = accounts.post("/api/login", {"login": "vera1@gmail.com", "password": PASSWORD})
    assert 1 <= int(response.headers["Retry-After"]) <= 30
    problem(response, 429)
