"""Refresh tokens that are good once, what becomes of a session when one is used again, and the own sessions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from werkzeug.test import TestResponse

from tests.services.accounts import ADMIN_EMAIL, PASSWORD, Accounts, at_once, headers_of, problem, register, running
from tests.services.tokens import Keys, ServiceSettings, bearer

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
ENDED = {"msg": "Token has been revoked"}


def log_in(accounts: Accounts, number: int = 1, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The tokens of a new session over /api."""
    body = {"login": f"vera{number}@gmail.com", "password": PASSWORD}
    response = accounts.post("/api/login", body, headers)
    assert response.status_code == 200, response.get_data(as_text=True)
    tokens: dict[str, Any] = response.get_json()
    return tokens


def refresh(accounts: Accounts, tokens: dict[str, Any], route: str = "/api/refresh") -> TestResponse:
    return accounts.post(route, headers=bearer(tokens["refresh_token"]))


class TestRotation:
    """POST /api/refresh, and POST /refresh beside it."""

    @pytest.fixture(autouse=True)
    def _registered(self, accounts: Accounts) -> None:
        self.accounts = accounts
        register(accounts, 1)

    def test_refreshing_gives_a_new_refresh_token_of_the_same_session(self) -> None:
        first = log_in(self.accounts)
        second = refresh(self.accounts, first).get_json()
        third = refresh(self.accounts, second).get_json()
        claims = [self.accounts.claims(tokens["refresh_token"]) for tokens in (first, second, third)]
        assert len({claim["jti"] for claim in claims}) == 3
        assert len({claim["sid"] for claim in claims}) == 1
        assert {claim["exp"] - claim["nbf"] for claim in claims} == {2_592_000}
        assert set(second) == {"access_token", "refresh_token", "expires_in"}
        assert self.accounts.client.get("/api/profile", headers=bearer(third["access_token"])).status_code == 200

    @pytest.mark.parametrize("route", ["/api/refresh", "/refresh"])
    def test_a_superseded_token_ends_the_session_and_no_other(self, route: str) -> None:
        other, first = log_in(self.accounts), log_in(self.accounts)
        second = refresh(self.accounts, first).get_json()
        third = refresh(self.accounts, second).get_json()
        for tokens in (first, third, second):
            assert refresh(self.accounts, tokens, route).status_code == 401
        problem(refresh(self.accounts, third), 401)
        assert refresh(self.accounts, other).status_code == 200

    def test_a_session_ends_thirty_days_after_its_log_in_however_often_it_was_refreshed(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            tokens = log_in(self.accounts)
            for _ in range(2):
                clock.shift(timedelta(days=14))
                tokens = refresh(self.accounts, tokens).get_json()
            clock.shift(timedelta(days=2))
            problem(refresh(self.accounts, tokens), 401)

    def test_the_classic_route_takes_no_token_that_is_good_once_and_leaves_it_good(self) -> None:
        tokens = log_in(self.accounts)
        response = refresh(self.accounts, tokens, "/refresh")
        assert (response.status_code, response.get_json()) == (401, ENDED)
        assert refresh(self.accounts, tokens).status_code == 200

    def test_a_classic_token_stays_good_on_the_classic_route(self) -> None:
        tokens = {"refresh_token": self.accounts.tokens("vera1@gmail.com", PASSWORD)["refreshToken"]}
        for _ in range(3):
            response = refresh(self.accounts, tokens, "/refresh")
            assert (response.status_code, list(response.get_json())) == (200, ["accessToken"])

    def test_a_classic_session_that_is_refreshed_over_api_rotates_from_then_on(self) -> None:
        first = {"refresh_token": self.accounts.tokens("vera1@gmail.com", PASSWORD)["refreshToken"]}
        second = refresh(self.accounts, first).get_json()
        assert refresh(self.accounts, second, "/refresh").status_code == 401
        third = refresh(self.accounts, second).get_json()
        assert refresh(self.accounts, first, "/refresh").status_code == 401
        assert refresh(self.accounts, third).status_code == 401

    def test_any_token_of_a_session_logs_it_out(self) -> None:
        for superseded in (False, True):
            first = log_in(self.accounts)
            second = refresh(self.accounts, first).get_json()
            sent = first if superseded else second
            assert self.accounts.post("/api/logout", headers=bearer(sent["refresh_token"])).status_code == 204
            assert refresh(self.accounts, second).status_code == 401


def test_of_two_uses_at_the_same_instant_one_wins_and_the_session_ends(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    register(accounts, 1)
    for _ in range(5):
        tokens = log_in(accounts)
        responses = at_once(*[lambda tokens=tokens: refresh(accounts, tokens)] * 4)
        assert sorted(response.status_code for response in responses) == [200, 401, 401, 401]
        (won,) = [response.get_json() for response in responses if response.status_code == 200]
        problem(refresh(accounts, won), 401)


def test_a_token_that_is_used_again_leaves_a_warning_without_the_token(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(sqlite_url, service_settings, keys, log_level="warning") as accounts:
        register(accounts, 1)
        tokens = log_in(accounts)
        for _ in range(3):
            refresh(accounts, tokens)
        session = accounts.claims(tokens["refresh_token"])["sid"]
    (line,) = capfd.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("refresh token used again", "warning")
    assert (told["account"], told["session"]) == (2, session)
    assert tokens["refresh_token"] not in line


class TestOwnSessions:
    """GET and DELETE /api/sessions."""

    @pytest.fixture(autouse=True)
    def _registered(self, accounts: Accounts) -> None:
        self.accounts = accounts
        register(accounts, 1)
        register(accounts, 2)

    def listed(self, tokens: dict[str, Any]) -> list[dict[str, Any]]:
        response = self.accounts.client.get("/api/sessions", headers=bearer(tokens["access_token"]))
        assert response.status_code == 200
        items: list[dict[str, Any]] = response.get_json()["items"]
        return items

    def test_people_see_when_and_where_from_each_was_opened_and_which_is_this_one(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            first = log_in(self.accounts, headers={"User-Agent": "Firefox\t\x7f"})
            clock.shift(60)
            body = {"login": "vera1@gmail.com", "password": PASSWORD}
            elsewhere = {"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}
            second = self.accounts.client.post("/api/login", json=body, environ_overrides=elsewhere).get_json()
            log_in(self.accounts, 2)
            clock.shift(60)
            first = refresh(self.accounts, first).get_json()
            newest, oldest = self.listed(first)
        assert (newest["id"], oldest["id"]) == tuple(
            self.accounts.claims(tokens["access_token"])["sid"] for tokens in (second, first)
        )
        assert (newest["current"], oldest["current"]) == (False, True)
        assert (newest["address"], oldest["address"]) == ("2001:db8:1:2::/64", "127.0.0.1")
        assert oldest["program"] == "Firefox"
        assert [oldest[name] for name in ("created_at", "used_at", "expires_at")] == [
            "2026-11-20T12:00:00Z",
            "2026-11-20T12:02:00Z",
            "2026-12-20T12:00:00Z",
        ]
        assert newest["used_at"] == newest["created_at"] == "2026-11-20T12:01:00Z"

    def test_a_person_ends_a_stolen_session(self) -> None:
        mine, stolen = log_in(self.accounts), log_in(self.accounts)
        (found,) = [item["id"] for item in self.listed(mine) if not item["current"]]
        path, headers = f"/api/sessions/{found}", bearer(mine["access_token"])
        response = self.accounts.client.delete(path, headers=headers)
        assert (response.status_code, response.data) == (204, b"")
        assert [item["current"] for item in self.listed(mine)] == [True]
        assert refresh(self.accounts, stolen).status_code == 401
        problem(self.accounts.client.delete(path, headers=headers), 404)
        assert refresh(self.accounts, mine).status_code == 200

    @pytest.mark.parametrize("session_id", ["x", "0" * 36, "x" * 300, "%00", "\ud800".encode("utf-8", "replace")])
    def test_a_session_that_there_is_not_is_not_found(self, session_id: Any) -> None:
        problem(self.accounts.client.delete(f"/api/sessions/{session_id}", headers=headers_of(self.accounts)), 404)

    def test_nobody_sees_or_ends_the_session_of_another(self) -> None:
        mine, others = log_in(self.accounts, 1), log_in(self.accounts, 2)
        session = self.accounts.claims(others["refresh_token"])["sid"]
        for headers in (bearer(mine["access_token"]), self.accounts.logged_in(ADMIN_EMAIL)):
            problem(self.accounts.client.delete(f"/api/sessions/{session}", headers=headers), 404)
        assert session not in {item["id"] for item in self.listed(mine)}
        assert refresh(self.accounts, others).status_code == 200

    def test_a_person_ends_all_sessions_but_this_one(self) -> None:
        mine, others = log_in(self.accounts, 1), log_in(self.accounts, 2)
        stolen = [log_in(self.accounts) for _ in range(2)]
        classic = {"refresh_token": self.accounts.tokens("vera1@gmail.com", PASSWORD)["refreshToken"]}
        response = self.accounts.client.delete("/api/sessions", headers=bearer(mine["access_token"]))
        assert (response.status_code, response.data) == (204, b"")
        assert {refresh(self.accounts, tokens).status_code for tokens in stolen} == {401}
        assert refresh(self.accounts, classic, "/refresh").status_code == 401
        assert refresh(self.accounts, mine).status_code == refresh(self.accounts, others).status_code == 200
