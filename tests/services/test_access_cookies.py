"""Pages for who is signed in, with every cookie that is none, and forms with every value that is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.terms import Role
from shared.web.cookies import COOKIE, CSRF_CLAIM
from tests.services.access_table import OWN
from tests.services.access_worlds import Tables
from tests.services.accounts import PASSWORD, Accounts
from tests.services.bearers import SAME_ORIGIN, strangers
from tests.services.test_account_pages import ANOTHER, EMAIL, sign_in
from tests.services.tokens import Keys, new_keys, signed

PUBLIC = ("/sign-in", "/sign-up", "/forgotten-password", "/reset-password")
PAGES = [
    row
    for row in OWN["authentication_service"]
    if row.by_cookie
    and not row.rule.startswith((*PUBLIC, "/accounts", "/officials", "/citizens", "/voters", "/journal"))
]
VALUE = "the value of a form"
# What answers the owner without a change: the secret is in no store yet, and the others need a second factor.
ANSWERED = {
    "/second-factor/secret": 200,
    "/second-factor/confirmation": 409,
    "/second-factor/recovery-codes": 409,
    "/second-factor/removal": 409,
}


class Browser:
    """What the first person's browser sends, with another cookie or other fields."""

    def __init__(self, accounts: Accounts) -> None:
        accounts.register()
        self.accounts = accounts
        cookie = sign_in(accounts).get_cookie(COOKIE)
        other = sign_in(accounts).get_cookie(COOKIE)
        assert cookie is not None
        assert other is not None
        self.token = cookie.value
        self.claims = accounts.claims(self.token)
        self.other = accounts.claims(other.value)
        self.tables = Tables(accounts.settings.accounts_database_url.get_secret_value())

    def send(self, route: str, token: str | None, headers: dict[str, str] | None = None, **fields: str) -> TestResponse:
        """Ask for a page, or send its form, filled in rightly but for ``fields``."""
        method, path = route.split(" ")
        headers = dict(SAME_ORIGIN if headers is None else headers)
        if token is not None:
            headers["Cookie"] = f"{COOKIE}={token}"
        form = {
            "csrf_token": self.claims[CSRF_CLAIM],
            "session": self.other["sid"],
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_password": ANOTHER,
            "repeated_password": ANOTHER,
            "version": "1",
            "forename": "Another",
            "surname": "Name",
            "email": EMAIL,
            **fields,
        }
        data = form if method == "POST" else None
        client = self.accounts.app.test_client(use_cookies=False)
        return client.open(path, method=method, data=data, headers=headers)


@pytest.fixture
def browser(accounts: Accounts) -> Any:
    made = Browser(accounts)
    yield made
    made.tables.close()


@pytest.mark.parametrize("row", PAGES, ids=str)
def test_the_cookie_and_the_value_of_its_form_open_the_page(browser: Browser, row: Any) -> None:
    """So that what follows is refused for the right reason."""
    answer = browser.send(row.route, browser.token)
    status = 200 if row.method == "GET" else ANSWERED.get(row.rule, 303)
    assert answer.status_code == status
    assert not answer.headers.get("Location", "").startswith("/sign-in?next")
    assert bool(browser.tables.changed()) == (status == 303)


def spoilt(browser: Browser, keys: Keys) -> dict[str, str | None]:
    """Cookies that sign nobody in."""
    claims = browser.claims
    now = datetime.now(UTC)

    def page(key: str = keys.private_pem, **changed: Any) -> str:
        return signed({name: value for name, value in {**claims, **changed}.items() if value is not ...}, key)

    found = {
        "none": None,
        "empty": "",
        "of another key": page(new_keys().private_pem),
        "expired": page(exp=now - timedelta(seconds=1)),
        "not yet good": page(nbf=now + timedelta(minutes=5)),
        "without a value for forms": page(csrf=...),
        "with an empty value": page(csrf=""),
        "without a session": page(sid=...),
        "of no session": page(sid="0" * 32),
        "of a number for a session": page(sid=1),
        "of another account": page(sub="admin@admin.com", jmbg="0000000000000"),
        "of a former holder of the address": page(jmbg="0101995710006"),
        "of an account that there is not": page(sub="nobody@gmail.com"),
        "of a route": browser.accounts.tokens(EMAIL, PASSWORD)["accessToken"],
        "a refresh token": browser.accounts.tokens(EMAIL, PASSWORD)["refreshToken"],
    }
    for caller in strangers(keys, page(csrf=...)):
        words = caller.headers.get("Authorization", "").split()
        if caller.refused and len(words) == 2 and words[0] == "Bearer" and words[1].isascii():
            found.setdefault(caller.name, words[1])
    return found


@pytest.mark.parametrize("row", PAGES, ids=str)
def test_whatever_cookie_is_none_leads_to_the_page_to_sign_in(browser: Browser, keys: Keys, row: Any) -> None:
    cookies = spoilt(browser, keys)
    if row.rule == "/sign-out":
        # It ends the session that the cookie itself names, whatever has become of the account.
        cookies = {name: token for name, token in cookies.items() if "account" not in name and "address" not in name}
    assert len(cookies) > 60
    browser.tables.restore()
    wrong = {}
    for name, token in cookies.items():
        answer = browser.send(row.route, token, csrf_token=str(browser.claims[CSRF_CLAIM]))
        asks = answer.status_code == 303 and answer.headers["Location"].partition("?")[0] == "/sign-in"
        if not asks or EMAIL in answer.text or browser.tables.changed():
            wrong[name] = (answer.status_code, answer.headers.get("Location"), browser.tables.changed())
        browser.tables.restore()
    assert not wrong


@pytest.mark.parametrize("row", [row for row in PAGES if row.method == "POST"], ids=str)
def test_no_form_is_taken_with_another_value_or_from_another_page(browser: Browser, row: Any) -> None:
    value = str(browser.claims[CSRF_CLAIM])
    values = ["", " ", "none", value[:-1], value + "x", value.upper(), "ž", "\0", str(browser.other[CSRF_CLAIM])]
    elsewhere: list[dict[str, str]] = [
        {},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost.attacker.example"},
        {"Origin": "http://attacker.example"},
        {"Sec-Fetch-Site": "cross-site", **SAME_ORIGIN},
        {"Sec-Fetch-Site": "same-site", **SAME_ORIGIN},
        {"Sec-Fetch-Site": "none", **SAME_ORIGIN},
    ]
    requests: list[Callable[[], TestResponse]] = [
        *(lambda sent=sent: browser.send(row.route, browser.token, csrf_token=sent) for sent in values),
        *(lambda headers=headers: browser.send(row.route, browser.token, headers) for headers in elsewhere),
        lambda: browser.send(f"{row.route}?csrf_token={value}", browser.token, csrf_token=""),
        lambda: browser.send(row.route, browser.token, {**SAME_ORIGIN, "X-CSRF-TOKEN": value}, csrf_token=""),
    ]
    for number, request in enumerate(requests):
        answer = request()
        assert (answer.status_code, browser.tables.changed()) == (403, []), number
        assert "did not come from a page" in answer.text


def test_a_page_token_bears_no_more_in_a_header_than_any_other(browser: Browser) -> None:
    header = {"Authorization": f"Bearer {browser.token}"}
    assert browser.accounts.client.get("/api/profile", headers=header).status_code == 200
    assert browser.accounts.client.get("/api/users", headers=header).status_code == 403
    assert browser.accounts.post("/api/refresh", headers=header).status_code == 401
    assert Role.OFFICIAL in browser.claims["roles"]
