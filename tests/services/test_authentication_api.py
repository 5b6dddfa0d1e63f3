"""The /api routes for accounts: registering, sessions and the own profile."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.terms import Role
from tests.services.accounts import (
    ADMIN_EMAIL,
    PASSWORD,
    Accounts,
    faulty_fields,
    headers_of,
    jmbg,
    person,
    problem,
    register,
)
from tests.services.tokens import bearer


class TestRegistering:
    """POST /api/register."""

    @pytest.mark.parametrize("role", [Role.VOTER, Role.CANDIDATE, Role.CAMPAIGN_DIRECTOR, Role.OFFICIAL])
    def test_people_register_with_one_of_four_roles(self, accounts: Accounts, role: Role) -> None:
        response = accounts.post("/api/register", person(1, role=role, username="Vera", phone="+381 64 123-45-67"))
        assert (response.status_code, response.headers["Location"]) == (201, "/api/profile")
        account = response.get_json()
        assert account.pop("created_at").endswith("Z")
        assert account == {
            "id": 2,
            "email": "vera1@gmail.com",
            "jmbg": jmbg(1),
            "forename": "Vera",
            "surname": "Verić",
            "username": "vera",
            "phone": "+381641234567",
            "roles": [role],
            "stations": [],
            "participant": None,
            "approval": "approved",
            "has_second_factor": False,
        }

    def test_who_names_no_role_is_a_voter(self, accounts: Accounts) -> None:
        assert register(accounts)["roles"] == ["voter"]

    @pytest.mark.parametrize("role", ["administrator", "auditor", "king", "", None, ["official"]])
    def test_no_other_role_can_be_registered_with(self, accounts: Accounts, role: Any) -> None:
        assert faulty_fields(accounts.post("/api/register", person(role=role))) == ["role"]

    def test_only_officials_wait_where_approval_is_asked_for(self, waiting_accounts: Accounts) -> None:
        assert register(waiting_accounts, 1, role="official")["approval"] == "waiting"
        assert register(waiting_accounts, 2, role="campaign_director")["approval"] == "approved"
        response = waiting_accounts.post("/api/login", {"login": "vera1@gmail.com", "password": PASSWORD})
        assert "waits" in problem(response, 403)["detail"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("jmbg", "0101994704402"),
            ("jmbg", 101994704401),
            ("jmbg", "0" * 14),
            ("email", "john@gmail.a"),
            ("email", None),
            ("password", "aa345678"),
            ("password", "Aa1" + "x" * 254),
            ("forename", ""),
            ("forename", "x" * 257),
            ("surname", "\ud800"),
            ("surname", ["Verić"]),
            ("username", "vera@home"),
            ("username", "ve"),
            ("username", "064123456"),
            ("phone", "call me"),
            ("phone", "12345"),
        ],
    )
    def test_a_bad_value_is_named_by_its_field(self, accounts: Accounts, field: str, value: Any) -> None:
        assert faulty_fields(accounts.post("/api/register", person(**{"number": 1, field: value}))) == [field]

    @pytest.mark.parametrize("field", ["jmbg", "email", "password", "forename", "surname"])
    def test_a_missing_field_is_named(self, accounts: Accounts, field: str) -> None:
        body = person()
        del body[field]
        assert faulty_fields(accounts.post("/api/register", body)) == [field]

    def test_a_field_that_nobody_knows_is_named(self, accounts: Accounts) -> None:
        body = person(approval="approved", roles=["administrator"])
        assert faulty_fields(accounts.post("/api/register", body)) == ["approval", "roles"]

    @pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff", b"[" * 50_000])
    def test_a_body_that_is_no_json_is_a_400(self, accounts: Accounts, body: bytes) -> None:
        for path in ("/api/register", "/api/login"):
            problem(accounts.client.post(path, data=body, content_type="application/json"), 400)

    @pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null"])
    def test_a_body_of_another_shape_is_a_422(self, accounts: Accounts, body: bytes) -> None:
        problem(accounts.client.post("/api/register", data=body, content_type="application/json"), 422)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("email", "VERA1@GMAIL.COM"),
            ("jmbg", jmbg(1)),
            ("username", "VERA"),
            ("phone", "064/123-456"),
        ],
    )
    def test_what_another_account_has_is_a_conflict(self, accounts: Accounts, field: str, value: str) -> None:
        register(accounts, 1, username="vera", phone="064123456")
        body = person(2, username="other", phone="064654321")
        assert faulty_fields(accounts.post("/api/register", {**body, field: value}), 409) == [field]
        assert accounts.post("/api/register", body).status_code == 201


class TestSessions:
    """POST /api/login, /api/refresh and /api/logout."""

    @pytest.mark.parametrize("login", ["vera1@gmail.com", "Vera1@Gmail.com", "vera.v", "VERA.V", "+381 64 123-45-67"])
    def test_email_username_and_phone_log_in(self, accounts: Accounts, login: str) -> None:
        register(accounts, 1, username="vera.v", phone="+381641234567")
        response = accounts.post("/api/login", {"login": login, "password": PASSWORD})
        body = response.get_json()
        assert (response.status_code, set(body)) == (200, {"access_token", "refresh_token", "expires_in"})
        assert body["expires_in"] == 3600
        assert accounts.client.get("/api/profile", headers=bearer(body["access_token"])).status_code == 200

    @pytest.mark.parametrize("login", ["vera", "nobody@gmail.com", "0641234567", "", "a@b@c", "%", "x" * 256])
    def test_an_unknown_name_and_a_wrong_password_are_told_apart_by_nothing(
        self, accounts: Accounts, login: str
    ) -> None:
        register(accounts, 1, username="vera.v")
        unknown = accounts.post("/api/login", {"login": login, "password": PASSWORD})
        wrong = accounts.post("/api/login", {"login": "vera.v", "password": "Wr0ngPassword"})
        assert problem(unknown, 401) == problem(wrong, 401)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("login", 1), ("login", None), ("login", "\0"), ("login", "\ud800"), ("password", 1), ("password", ["x"])],
    )
    def test_a_value_that_is_no_text_is_named_by_its_field(self, accounts: Accounts, field: str, value: Any) -> None:
        body = {"login": ADMIN_EMAIL, "password": "1", field: value}
        assert faulty_fields(accounts.post("/api/login", body)) == [field]

    def test_refreshing_gives_a_token_with_the_roles_of_today(self, accounts: Accounts) -> None:
        register(accounts)
        tokens = accounts.post("/api/login", {"login": "vera1@gmail.com", "password": PASSWORD}).get_json()
        accounts.change("vera1@gmail.com", roles=["candidate", "voter"])
        response = accounts.post("/api/refresh", headers=bearer(tokens["refresh_token"]))
        assert (response.status_code, response.get_json()["expires_in"]) == (200, 3600)
        assert accounts.claims(response.get_json()["access_token"])["roles"] == ["candidate", "voter"]

    def test_logging_out_ends_one_session_and_no_other(self, accounts: Accounts) -> None:
        first, second = (bearer(accounts.tokens()["refreshToken"]) for _ in range(2))
        for _ in range(2):
            response = accounts.post("/api/logout", headers=first)
            assert (response.status_code, response.data) == (204, b"")
        for path in ("/refresh", "/api/refresh"):
            assert accounts.post(path, headers=first).status_code == 401
            assert accounts.post(path, headers=second).status_code == 200

    def test_the_two_kinds_of_tokens_do_not_stand_in_for_each_other(self, accounts: Accounts) -> None:
        tokens = accounts.tokens()
        for path in ("/api/refresh", "/api/logout"):
            problem(accounts.post(path, headers=bearer(tokens["accessToken"])), 401)
            problem(accounts.post(path), 401)
        for path in ("/api/profile", "/api/users", "/api/users/1"):
            problem(accounts.client.get(path, headers=bearer(tokens["refreshToken"])), 401)
            problem(accounts.client.get(path), 401)


class TestProfile:
    """GET and PATCH /api/profile."""

    @pytest.fixture(autouse=True)
    def _registered(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.account = register(accounts, 1)
        self.headers = headers_of(accounts, 1)

    def patch(self, body: Any, match: str | None = "*", headers: dict[str, str] | None = None) -> TestResponse:
        sent = dict(headers or self.headers)
        if match is not None:
            sent["If-Match"] = match
        return self.accounts.client.patch("/api/profile", json=body, headers=sent)

    def test_people_see_their_own_account(self) -> None:
        response = self.accounts.client.get("/api/profile", headers=self.headers)
        assert (response.get_json(), response.headers["ETag"]) == (self.account, '"1"')

    def test_details_change_and_can_be_removed(self) -> None:
        changed = self.patch({"forename": "Ana", "username": "Ana", "phone": "064 123 456"}, '"1"')
        assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
        assert changed.get_json() == {**self.account, "forename": "Ana", "username": "ana", "phone": "064123456"}
        removed = self.patch({"username": None, "phone": None}, '"2"').get_json()
        assert removed == {**self.account, "forename": "Ana"}

    def test_the_next_token_says_the_new_name(self) -> None:
        self.patch({"surname": "Anić"})
        assert (
            self.accounts.claims(self.accounts.tokens("vera1@gmail.com", PASSWORD)["accessToken"])["surname"] == "Anić"
        )

    def test_a_change_without_if_match_is_refused(self) -> None:
        problem(self.patch({"forename": "Ana"}, None), 428)

    def test_of_two_changes_of_the_same_state_the_second_is_refused(self) -> None:
        assert self.patch({"forename": "Ana"}, '"1"').status_code == 200
        problem(self.patch({"forename": "Eva"}, '"1"'), 412)
        assert self.accounts.client.get("/api/profile", headers=self.headers).get_json()["forename"] == "Ana"

    @pytest.mark.parametrize("change", [{"password": "N3wPassword"}, {"email": "ana@gmail.com"}])
    @pytest.mark.parametrize("current", [{}, {"current_password": "Wr0ngPassword"}, {"current_password": None}])
    def test_a_new_address_or_password_needs_the_current_password(
        self, change: dict[str, str], current: dict[str, Any]
    ) -> None:
        assert faulty_fields(self.patch({**change, **current})) == ["current_password"]
        assert self.accounts.tokens("vera1@gmail.com", PASSWORD)

    def test_guessing_the_current_password_is_limited(self) -> None:
        for _ in range(10):
            self.patch({"password": "N3wPassword", "current_password": "x"})
        response = self.patch({"password": "N3wPassword", "current_password": PASSWORD})
        problem(response, 429)
        assert 1 <= int(response.headers["Retry-After"]) <= 30

    def test_a_new_password_ends_all_sessions(self) -> None:
        refresh = bearer(self.accounts.tokens("vera1@gmail.com", PASSWORD)["refreshToken"])
        assert self.patch({"password": "N3wPassword", "current_password": PASSWORD}).status_code == 200
        assert self.accounts.post("/refresh", headers=refresh).status_code == 401
        old = self.accounts.post("/login", {"email": "vera1@gmail.com", "password": PASSWORD})
        assert old.get_json() == {"message": "Invalid credentials."}
        assert self.accounts.tokens("vera1@gmail.com", "N3wPassword")

    def test_after_a_new_address_the_access_token_has_to_be_refreshed(self) -> None:
        refresh = bearer(self.accounts.tokens("vera1@gmail.com", PASSWORD)["refreshToken"])
        assert (
            self.patch({"email": "Ana@gmail.com", "current_password": PASSWORD}).get_json()["email"] == "Ana@gmail.com"
        )
        problem(self.accounts.client.get("/api/profile", headers=self.headers), 401)
        renewed = bearer(self.accounts.post("/refresh", headers=refresh).get_json()["accessToken"])
        assert self.accounts.client.get("/api/profile", headers=renewed).status_code == 200
        # The old address is free.
        register(self.accounts, 2, email="vera1@gmail.com")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("forename", ""),
            ("forename", None),
            ("surname", "x" * 257),
            ("surname", "\n"),
            ("email", "ana"),
            ("username", "1"),
            ("phone", "x"),
            ("password", "simple"),
            ("roles", ["administrator"]),
            ("jmbg", jmbg(2)),
            ("approval", "approved"),
        ],
    )
    def test_a_bad_value_is_named_by_its_field(self, field: str, value: Any) -> None:
        assert faulty_fields(self.patch({field: value, "current_password": PASSWORD})) == [field]

    @pytest.mark.parametrize(
        ("field", "value"), [("email", "Vera2@gmail.com"), ("username", "Eva"), ("phone", "064 111111")]
    )
    def test_what_another_account_has_is_a_conflict(self, field: str, value: str) -> None:
        register(self.accounts, 2, username="eva", phone="064111111")
        assert faulty_fields(self.patch({field: value, "current_password": PASSWORD}), 409) == [field]

    def test_what_the_account_itself_has_is_no_conflict(self) -> None:
        body = {"email": "VERA1@gmail.com", "username": "vera", "phone": "064111111", "current_password": PASSWORD}
        assert self.patch(body).status_code == 200
        assert self.patch(body, headers=headers_of(self.accounts, 1)).status_code == 200

    def test_a_deleted_accounts_token_does_not_open_the_account_that_took_its_address(self) -> None:
        self.accounts.post("/delete", {"email": "vera1@gmail.com"}, self.accounts.logged_in())
        register(self.accounts, 2, email="vera1@gmail.com")
        problem(self.accounts.client.get("/api/profile", headers=self.headers), 401)
        problem(self.patch({"forename": "Ana"}), 401)

    def test_a_refused_accounts_token_opens_nothing_here(self) -> None:
        self.accounts.change("vera1@gmail.com", approval="refused")
        problem(self.accounts.client.get("/api/profile", headers=self.headers), 403)
