"""The classic routes of the authentication service: each message, and the order of the checks."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.terms import Role
from tests.services.accounts import ADMIN_EMAIL, PASSWORD, Accounts, jmbg, person
from tests.services.tokens import Token, bearer

MISSING = {"msg": "Missing Authorization Header"}
ABSENT = object()

# For each route, faulty values of each field in the order of the contract: two faults get the first one's message.
BAD_REGISTRATION: list[tuple[str, Any, str]] = [
    ("jmbg", ABSENT, "Field jmbg is missing."),
    ("forename", ABSENT, "Field forename is missing."),
    ("surname", "", "Field surname is missing."),
    ("email", "", "Field email is missing."),
    ("password", ABSENT, "Field password is missing."),
    ("jmbg", "0101994704402", "Invalid jmbg."),
    ("email", "john@gmail.a", "Invalid email."),
    ("password", "aa345678", "Invalid password."),
    ("forename", "x" * 257, "Invalid forename."),
    ("surname", "x" * 257, "Invalid surname."),
    ("email", "VERA1@gmail.com", "Email already exists."),
    ("jmbg", jmbg(1), "JMBG already exists."),
]

NOT_TEXT: list[Any] = [None, 0, 1, 1.5, True, False, [], ["a"], {}, {"a": {"b": []}}]


def refusal(response: TestResponse) -> str:
    """The message of a 400 of the classic form, and nothing but the message."""
    assert response.status_code == 400, response.get_data(as_text=True)
    body = response.get_json()
    assert list(body) == ["message"]
    return str(body["message"])


def described(faults: list[tuple[str, Any, str]]) -> dict[str, Any]:
    """What a second person sends to register, with these faults; the first of two faults of a field stays."""
    body = person(2)
    for field, value, _ in reversed(faults):
        body[field] = value
    return {field: value for field, value in body.items() if value is not ABSENT}


def test_registering_answers_nothing_and_makes_an_official(accounts: Accounts) -> None:
    response = accounts.post("/register", person())
    assert (response.status_code, response.data) == (200, b"")
    assert accounts.claims(accounts.tokens(**credentials())["accessToken"])["roles"] == ["official"]


def credentials(number: int = 1) -> dict[str, str]:
    """What the person of this number logs in with."""
    return {"email": f"vera{number}@gmail.com", "password": PASSWORD}


@pytest.mark.parametrize("second", range(len(BAD_REGISTRATION)))
@pytest.mark.parametrize("first", range(len(BAD_REGISTRATION)))
def test_a_registration_with_two_faults_gets_the_message_of_the_first(
    registered: Accounts, first: int, second: int
) -> None:
    faults = [BAD_REGISTRATION[index] for index in sorted({first, second})]
    assert refusal(registered.post("/register", described(faults))) == faults[0][2]


@pytest.fixture
def registered(accounts: Accounts) -> Accounts:
    """The service with the first person in it."""
    accounts.register(1)
    return accounts


@pytest.mark.parametrize("value", NOT_TEXT, ids=repr)
@pytest.mark.parametrize("field", ["jmbg", "email", "password", "forename", "surname"])
def test_a_value_that_is_no_text_fails_the_check_of_its_form(accounts: Accounts, field: str, value: Any) -> None:
    assert refusal(accounts.post("/register", {**person(), field: value})) == f"Invalid {field}."


@pytest.mark.parametrize("field", ["jmbg", "email", "password", "forename", "surname"])
@pytest.mark.parametrize(
    "value", ["x" * 257, "Aa1" + "x" * 100_000, "\0", "\ud800"], ids=["257", "long", "nul", "half"]
)
def test_a_text_that_is_too_long_or_cannot_be_stored_fails_the_check_of_its_form(
    accounts: Accounts, field: str, value: str
) -> None:
    assert refusal(accounts.post("/register", {**person(), field: value})) == f"Invalid {field}."


def test_a_blank_is_present(accounts: Accounts) -> None:
    for field in ("jmbg", "email", "password"):
        assert refusal(accounts.post("/register", {**person(), field: " "})) == f"Invalid {field}."
    accounts.register(forename=" ", surname=" ")


@pytest.mark.parametrize("email", ["john", "john@", "john@gmail", "john@gmail.", "john@gmail.a"])
def test_the_addresses_that_the_contract_names_are_refused(registered: Accounts, email: str) -> None:
    admin = registered.logged_in()
    assert refusal(registered.post("/register", person(2, email=email))) == "Invalid email."
    assert refusal(registered.post("/login", {"email": email, "password": PASSWORD})) == "Invalid email."
    assert refusal(registered.post("/delete", {"email": email}, admin)) == "Invalid email."


def test_the_longest_values_are_taken(accounts: Accounts) -> None:
    longest = person(email="a" * 246 + "@gmail.com", password="Aa1" + "x" * 253, forename="Ž" * 256, surname="李" * 256)
    assert accounts.post("/register", longest).status_code == 200
    claims = accounts.claims(accounts.tokens(longest["email"], longest["password"])["accessToken"])
    assert (claims["sub"], claims["forename"], claims["surname"]) == (
        longest["email"],
        longest["forename"],
        longest["surname"],
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"[]", b'"text"', b"1", b"null", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000],
    ids=[
        "empty",
        "cut off",
        "no JSON",
        "a list",
        "a text",
        "a number",
        "null",
        "no UTF-8",
        "bottomless",
        "a huge number",
    ],
)
def test_a_body_that_is_no_json_object_counts_as_empty(accounts: Accounts, body: bytes) -> None:
    admin = accounts.logged_in()
    for path, field in (("/register", "jmbg"), ("/login", "email"), ("/delete", "email")):
        response = accounts.client.post(path, data=body, content_type="application/json", headers=admin)
        assert refusal(response) == f"Field {field} is missing."


def test_a_body_counts_as_json_whatever_its_content_type(accounts: Accounts) -> None:
    response = accounts.client.post("/login", data='{"email": "admin@admin.com"}', content_type="text/plain")
    assert refusal(response) == "Field password is missing."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Field email is missing."),
        ({"email": ""}, "Field email is missing."),
        ({"email": "john"}, "Field password is missing."),
        ({"email": "john", "password": ""}, "Field password is missing."),
        ({"email": "john", "password": "1"}, "Invalid email."),
        ({"email": " ", "password": " "}, "Invalid email."),
        ({"email": None, "password": None}, "Invalid email."),
        ({"email": ["admin@admin.com"], "password": "1"}, "Invalid email."),
        ({"email": "a" * 247 + "@gmail.com", "password": "1"}, "Invalid email."),
        ({"email": "nobody@gmail.com", "password": PASSWORD}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": "2"}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": " 1"}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": 1}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": None}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": ["1"]}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": "\ud800"}, "Invalid credentials."),
        ({"email": "admin@admin.com", "password": "1" * 500_000}, "Invalid credentials."),
    ],
)
def test_a_log_in_is_checked_in_order(accounts: Accounts, body: dict[str, Any], message: str) -> None:
    assert refusal(accounts.post("/login", body)) == message


def test_the_address_logs_in_however_it_is_spelled(accounts: Accounts) -> None:
    accounts.register(email="Vera@Gmail.com")
    claims = accounts.claims(accounts.tokens("vERA@gMAIL.COM", PASSWORD)["accessToken"])
    assert claims["sub"] == claims["email"] == "Vera@Gmail.com"


def test_only_the_address_logs_in_on_the_classic_route(accounts: Accounts) -> None:
    accounts.post("/api/register", person(username="vera", phone="+381641234567"))
    for name in ("vera", "+381641234567"):
        assert refusal(accounts.post("/login", {"email": name, "password": PASSWORD})) == "Invalid email."


def test_log_in_answers_exactly_two_tokens(accounts: Accounts) -> None:
    assert list(accounts.tokens()) == ["accessToken", "refreshToken"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Field email is missing."),
        ({"email": ""}, "Field email is missing."),
        ({"email": " "}, "Invalid email."),
        ({"email": "john"}, "Invalid email."),
        ({"email": 1}, "Invalid email."),
        ({"email": None}, "Invalid email."),
        ({"email": "nobody@gmail.com"}, "Unknown user."),
    ],
)
def test_a_deletion_is_checked_in_order(accounts: Accounts, body: dict[str, Any], message: str) -> None:
    assert refusal(accounts.post("/delete", body, accounts.logged_in())) == message


def test_a_deleted_account_is_unknown_and_its_address_and_jmbg_are_free_again(accounts: Accounts) -> None:
    admin = accounts.logged_in()
    for _ in range(3):
        accounts.register()
        assert accounts.tokens(**credentials())
        response = accounts.post("/delete", {"email": "VERA1@gmail.com"}, admin)
        assert (response.status_code, response.data) == (200, b"")
        assert refusal(accounts.post("/login", credentials())) == "Invalid credentials."
        assert refusal(accounts.post("/delete", {"email": "vera1@gmail.com"}, admin)) == "Unknown user."


@pytest.mark.parametrize("body", [{}, {"email": "john"}, {"email": ADMIN_EMAIL}])
def test_only_administrators_delete_and_others_are_answered_as_if_without_a_token(
    registered: Accounts, body: dict[str, Any]
) -> None:
    for headers in ({}, registered.logged_in(**credentials())):
        response = registered.post("/delete", body, headers)
        assert (response.status_code, response.get_json()) == (401, MISSING)


def test_the_last_administrator_cannot_be_deleted(accounts: Accounts) -> None:
    first = accounts.logged_in()
    message = "The last administrator has to stay one."
    assert refusal(accounts.post("/delete", {"email": ADMIN_EMAIL}, first)) == message
    second = accounts.administrator(2)
    assert accounts.post("/delete", {"email": ADMIN_EMAIL}, second).status_code == 200
    assert refusal(accounts.post("/delete", {"email": "vera2@gmail.com"}, second)) == message


def test_an_administrator_who_is_deleted_deletes_nobody_with_an_older_token(accounts: Accounts) -> None:
    first, second = accounts.logged_in(), accounts.administrator(2)
    accounts.post("/delete", {"email": ADMIN_EMAIL}, second)
    response = accounts.post("/delete", {"email": "vera2@gmail.com"}, first)
    assert (response.status_code, response.get_json()) == (401, MISSING)


def test_refreshing_gives_one_new_access_token(accounts: Accounts) -> None:
    response = accounts.post("/refresh", headers=bearer(accounts.tokens()["refreshToken"]))
    assert (response.status_code, list(response.get_json())) == (200, ["accessToken"])
    assert accounts.client.get("/api/users", headers=bearer(response.get_json()["accessToken"])).status_code == 200


def test_a_changed_role_is_in_the_new_token(registered: Accounts) -> None:
    refresh = bearer(registered.tokens(**credentials())["refreshToken"])
    registered.change("vera1@gmail.com", roles=[Role.AUDITOR, Role.VOTER])
    renewed = registered.post("/refresh", headers=refresh).get_json()["accessToken"]
    assert registered.claims(renewed)["roles"] == ["auditor", "voter"]


def test_a_deleted_account_gets_no_new_token_even_if_its_address_is_registered_again(registered: Accounts) -> None:
    refresh = bearer(registered.tokens(**credentials())["refreshToken"])
    registered.post("/delete", {"email": "vera1@gmail.com"}, registered.logged_in())
    registered.register(1)
    response = registered.post("/refresh", headers=refresh)
    assert response.status_code == 401
    assert list(response.get_json()) == ["msg"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer a b c"])
@pytest.mark.parametrize("path", ["/refresh", "/delete"])
def test_a_malformed_authorization_header_is_never_more_than_a_401(accounts: Accounts, path: str, header: str) -> None:
    response = accounts.post(path, {}, {"Authorization": header})
    assert response.status_code == 401
    assert list(response.get_json()) == ["msg"]


def test_access_and_refresh_tokens_do_not_stand_in_for_each_other(accounts: Accounts, token: Token) -> None:
    tokens = accounts.tokens()
    assert accounts.post("/refresh", headers=bearer(tokens["accessToken"])).status_code == 401
    assert accounts.post("/delete", {}, bearer(tokens["refreshToken"])).status_code == 401
    assert accounts.post("/refresh", headers=token(Role.ADMINISTRATOR)).status_code == 401


def test_a_get_on_a_route_for_posts_is_no_server_error(accounts: Accounts) -> None:
    assert accounts.client.get("/login", json={}).status_code == 405


class TestApproval:
    """Where the setting asks for an administrator's approval of new officials."""

    @pytest.fixture(autouse=True)
    def _waits(self, waiting_accounts: Accounts) -> None:
        self.accounts = waiting_accounts
        self.accounts.register(1)

    def test_an_official_who_waits_is_told_so_only_with_the_right_password(self) -> None:
        login = {**credentials(), "password": "Wr0ngPassword"}
        assert refusal(self.accounts.post("/login", login)) == "Invalid credentials."
        message = "This account waits for an administrator's approval."
        assert refusal(self.accounts.post("/login", credentials())) == message

    def test_an_approved_official_logs_in(self) -> None:
        self.accounts.change("vera1@gmail.com", approval="approved")
        assert self.accounts.claims(self.accounts.tokens(**credentials())["accessToken"])["roles"] == ["official"]

    def test_an_official_who_is_refused_later_refreshes_nothing(self) -> None:
        self.accounts.change("vera1@gmail.com", approval="approved")
        refresh = bearer(self.accounts.tokens(**credentials())["refreshToken"])
        self.accounts.change("vera1@gmail.com", approval="refused")
        assert self.accounts.post("/refresh", headers=refresh).status_code == 401
        message = "An administrator has refused this account."
        assert refusal(self.accounts.post("/login", credentials())) == message
        self.accounts.change("vera1@gmail.com", approval="approved")
        assert self.accounts.post("/refresh", headers=refresh).status_code == 401
