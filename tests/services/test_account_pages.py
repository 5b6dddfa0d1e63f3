"""The pages of the own account: what people see and do there, and what nobody else can do in their name."""

import re
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authentication_service.app import create_app
from authentication_service.rules.paths import own_path
from shared.auth import ACCESS_SECONDS
from shared.web.cookies import COOKIE
from tests.services.accounts import PASSWORD, Accounts, person
from tests.services.tokens import ServiceSettings, bearer

FROM_HERE = {"Origin": "http://localhost"}
EMAIL = person()["email"]
ANOTHER = "An0therPassword"


def sign_in(accounts: Accounts, login: str = EMAIL, password: str = PASSWORD, **fields: str) -> FlaskClient:
    """A browser of somebody who has signed in."""
    client = accounts.client
    answer = client.post("/sign-in", data={"login": login, "password": password, **fields}, headers=FROM_HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, fields.get("next", "/")), answer.text
    return client


def token_in(page: TestResponse) -> str:
    found = set(re.findall(r'name="csrf_token" value="([^"]+)"', page.text))
    assert len(found) == 1
    return str(found.pop())


def submit(client: FlaskClient, path: str, page: str = "/", **fields: str) -> TestResponse:
    """Send a form as the browser does that shows ``page``."""
    shown = client.get(page)
    assert shown.status_code == 200, shown.headers
    return client.post(path, data={"csrf_token": token_in(shown), **fields}, headers=FROM_HERE)


def assert_signed_out(client: FlaskClient, page: str = "/") -> None:
    answer = client.get(page)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")


@pytest.fixture
def vera(accounts: Accounts) -> FlaskClient:
    accounts.register()
    return sign_in(accounts)


def test_who_signs_in_sees_the_own_account(accounts: Accounts) -> None:
    body = accounts.register(1, forename="<b>Vera</b>")
    shown = sign_in(accounts).get("/")
    for detail in (body["email"], body["jmbg"], "&lt;b&gt;Vera&lt;/b&gt;", "official"):
        assert detail in shown.text
    assert "<b>Vera" not in shown.text
    policy = shown.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "form-action 'self';" in policy
    assert "unsafe" not in policy
    assert shown.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?! src=)[^>]*>|<style|style=|\son[a-z]+=", shown.text)


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " "])
def test_a_wrong_password_signs_nobody_in_and_is_not_shown_again(accounts: Accounts, password: str) -> None:
    accounts.register()
    sign_in(accounts)
    client = accounts.client
    for login in (EMAIL, "nobody@example.org"):
        refused = client.post("/sign-in", data={"login": login, "password": password}, headers=FROM_HERE)
        assert refused.status_code == 401
        assert "Set-Cookie" not in refused.headers
        assert f'value="{login}"' in refused.text
        assert not password or password not in refused.text
    assert_signed_out(client)


def test_too_many_wrong_passwords_are_refused_as_on_the_route(accounts: Accounts) -> None:
    accounts.register()
    form = {"login": EMAIL, "password": "wrong"}
    statuses = [accounts.client.post("/sign-in", data=form, headers=FROM_HERE) for _ in range(15)]
    assert {answer.status_code for answer in statuses} == {401, 429}
    assert int(statuses[-1].headers["Retry-After"]) > 0
    assert accounts.post("/api/login", {"login": EMAIL, "password": PASSWORD}).status_code == 429


def test_who_waits_for_approval_is_told_so(waiting_accounts: Accounts) -> None:
    waiting_accounts.register()
    refused = waiting_accounts.client.post("/sign-in", data={"login": EMAIL, "password": PASSWORD}, headers=FROM_HERE)
    assert refused.status_code == 403
    assert "waits for an administrator" in refused.text


def test_signing_out_ends_the_session(accounts: Accounts, vera: FlaskClient) -> None:
    assert submit(vera, "/sign-out").headers["Location"] == "/sign-in?notice=signed-out"
    assert vera.get_cookie(COOKIE) is None
    assert_signed_out(vera)


def test_a_copy_of_the_cookie_is_of_no_use_after_signing_out(accounts: Accounts, vera: FlaskClient) -> None:
    cookie = vera.get_cookie(COOKIE)
    assert cookie is not None
    thief = accounts.client
    thief.set_cookie(COOKIE, cookie.value, secure=True)
    assert thief.get("/").status_code == 200
    submit(vera, "/sign-out")
    for page in ("/", "/sessions"):
        assert_signed_out(thief, page)


def test_a_new_password_needs_the_old_one_and_ends_every_session(accounts: Accounts, vera: FlaskClient) -> None:
    other = sign_in(accounts)
    refresh_token = accounts.post("/api/login", {"login": EMAIL, "password": PASSWORD}).get_json()["refresh_token"]
    good = {"current_password": PASSWORD, "new_password": ANOTHER, "repeated_password": ANOTHER}
    for change, status in (
        ({"current_password": "wrong"}, 422),
        ({"current_password": ""}, 422),
        ({"repeated_password": PASSWORD}, 422),
        ({"new_password": "simple", "repeated_password": "simple"}, 422),
    ):
        refused = submit(vera, "/password", **{**good, **change})
        assert refused.status_code == status
        assert 'role="alert"' in refused.text
        assert ANOTHER not in refused.text
    sign_in(accounts)
    done = submit(vera, "/password", **good)
    assert done.headers["Location"] == "/sign-in?notice=password-changed"
    for client in (vera, other):
        assert_signed_out(client)
    assert accounts.post("/api/refresh", headers=bearer(refresh_token)).status_code == 401
    assert accounts.post("/api/login", {"login": EMAIL, "password": PASSWORD}).status_code == 401
    sign_in(accounts, password=ANOTHER)


def test_the_own_sessions_are_shown_and_each_can_be_ended(accounts: Accounts, vera: FlaskClient) -> None:
    other = accounts.client
    other.post(
        "/sign-in",
        data={"login": EMAIL, "password": PASSWORD},
        headers={**FROM_HERE, "User-Agent": "Another <i>browser</i>"},
    )
    third = sign_in(accounts)
    shown = vera.get("/sessions").text
    assert shown.count("End this session") == 2
    assert shown.count(">this one</span>") == 1
    assert "Another &lt;i&gt;browser" in shown
    item = next(item for item in shown.split("<li") if "Another &lt;i" in item)
    (session,) = re.findall(r'name="session" value="([^"]+)"', item)
    ended = submit(vera, "/sessions/end", "/sessions", session=session)
    assert ended.headers["Location"] == "/sessions?notice=session-ended"
    assert "That session is ended." in vera.get(ended.headers["Location"]).text
    assert_signed_out(other)
    assert third.get("/").status_code == 200
    assert submit(vera, "/sessions/end", "/sessions", session=session).status_code == 404
    submit(vera, "/sessions/end-others", "/sessions")
    assert_signed_out(third)
    assert vera.get("/sessions").text.count("End this session") == 0


def test_nobody_ends_the_session_of_somebody_else(accounts: Accounts, vera: FlaskClient) -> None:
    accounts.register(2)
    second = sign_in(accounts, person(2)["email"])
    sign_in(accounts)
    (session,) = re.findall(r'name="session" value="([^"]+)"', vera.get("/sessions").text)
    assert submit(second, "/sessions/end", "/sessions", session=session).status_code == 404
    submit(second, "/sessions/end-others", "/sessions")
    assert session in vera.get("/sessions").text


def test_what_a_page_refuses_is_in_the_journal_with_the_words_of_the_page(
    accounts: Accounts, vera: FlaskClient
) -> None:
    wrong = {"current_password": "wrong", "new_password": ANOTHER, "repeated_password": ANOTHER}
    for path, fields, subject in (
        ("/password", wrong, "own account"),
        ("/sessions/end", {"session": "0" * 32}, "own session"),
    ):
        page = submit(vera, path, **fields)
        entry = accounts.journal()[-1]
        assert (entry.actor, entry.subject, entry.outcome) == (EMAIL, subject, "refused")
        assert entry.reason
        assert entry.reason in page.text


@pytest.mark.parametrize("path", ["/sign-out", "/password", "/sessions/end", "/sessions/end-others"])
def test_no_form_is_taken_without_its_value_or_from_elsewhere(accounts: Accounts, vera: FlaskClient, path: str) -> None:
    sign_in(accounts)
    (session,) = re.findall(r'name="session" value="([^"]+)"', vera.get("/sessions").text)
    fields = {
        "csrf_token": token_in(vera.get("/")),
        "session": session,
        "current_password": PASSWORD,
        "new_password": ANOTHER,
        "repeated_password": ANOTHER,
    }
    other = token_in(sign_in(accounts).get("/"))
    before = vera.get("/sessions").text.count("<li")
    for data, headers in (
        ({**fields, "csrf_token": ""}, FROM_HERE),
        ({**fields, "csrf_token": other}, FROM_HERE),
        (fields, {"Origin": "https://attacker.example"}),
        (fields, {"Origin": "null"}),
        (fields, {"Sec-Fetch-Site": "cross-site", **FROM_HERE}),
        (fields, {}),
    ):
        refused = vera.post(path, data=data, headers=headers)
        assert refused.status_code == 403
        assert "did not come from a page" in refused.text
    assert vera.get("/sessions").text.count("<li") == before
    assert vera.post(path, data=fields, headers=FROM_HERE).status_code == 303


def test_the_cookie_is_renewed_while_its_session_lasts_and_names_the_roles_of_today(
    accounts: Accounts, vera: FlaskClient, time_machine: Any
) -> None:
    shown = vera.get("/")
    assert "Set-Cookie" not in shown.headers
    open_form = token_in(shown)
    now = time.time()
    time_machine.move_to(now + ACCESS_SECONDS * 0.6)
    renewed = vera.get("/")
    assert renewed.headers["Set-Cookie"].startswith(f"{COOKIE}=ey")
    # A form that is open in another tab, at another service perhaps, is taken with the new cookie, too.
    assert token_in(vera.get("/")) == token_in(renewed) == open_form
    time_machine.move_to(now + ACCESS_SECONDS * 1.5)
    assert vera.get("/").status_code == 200
    time_machine.move_to(now + ACCESS_SECONDS * 4)
    assert_signed_out(vera)


def test_whoever_asks_for_a_page_comes_back_to_it_after_signing_in(accounts: Accounts) -> None:
    accounts.register()
    asked = accounts.client.get("/sessions")
    assert asked.headers["Location"] == "/sign-in?next=/sessions"
    shown = accounts.client.get(asked.headers["Location"])
    assert '<input type="hidden" name="next" value="/sessions">' in shown.text
    sign_in(accounts, next="/sessions")


ELSEWHERE = [
    "https://attacker.example/",
    "//attacker.example",
    "///attacker.example",
    "/\\attacker.example",
    "\\\\attacker.example",
    "/\t/attacker.example",
    "/\n/attacker.example",
    "javascript:alert(1)",
    "attacker.example",
    " /",
    "/ ",
    '/"onload="',
    "/" + "a" * 600,
    "/\r\nSet-Cookie: a=b",
    "",
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_signing_in(accounts: Accounts, elsewhere: str) -> None:
    accounts.register()
    assert 'name="next"' not in accounts.client.get("/sign-in", query_string={"next": elsewhere}).text
    answer = accounts.client.post(
        "/sign-in", data={"login": EMAIL, "password": PASSWORD, "next": elsewhere}, headers=FROM_HERE
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert own_path("/results/elections/1?page=2") == "/results/elections/1?page=2"


def test_behind_a_proxy_every_link_bears_its_prefix(accounts: Accounts, service_settings: ServiceSettings) -> None:
    accounts.register()
    app = create_app(accounts.settings.model_copy(update={"trusted_proxies": 1}))
    forwarded = {
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "urna.example",
        "X-Forwarded-Prefix": "/authentication",
    }
    client = app.test_client()
    asked = client.get("/sessions", headers=forwarded)
    assert asked.headers["Location"] == "/authentication/sign-in?next=/authentication/sessions"
    form = {"login": EMAIL, "password": PASSWORD, "next": "/authentication/sessions"}
    refused = client.post("/sign-in", data=form, headers={**forwarded, "Origin": "http://localhost"})
    assert refused.status_code == 403
    done = client.post("/sign-in", data=form, headers={**forwarded, "Origin": "https://urna.example"})
    assert (done.status_code, done.headers["Location"]) == (303, "/authentication/sessions")
    # For the other services' pages behind the same host, too.
    (cookie,) = done.headers.getlist("Set-Cookie")
    assert "Path=/;" in cookie
    client.set_cookie(COOKIE, cookie.partition("=")[2].partition(";")[0], secure=True, domain="urna.example")
    shown = client.get("/", headers=forwarded, base_url="https://urna.example")
    links = re.findall(r'(?:href|action|src)="([^"#]+)"', shown.text)
    assert len(links) >= 10
    others = {"/results/", "/station/"}
    assert all(link.startswith("/authentication/") or link in others for link in links)
    assert others <= set(links)
    app.extensions["database"].close()
