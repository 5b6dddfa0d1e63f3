"""Accounts as people tend them: registering as whatever one may be, the own details, and what administrators change."""

import re

import pytest

from shared.terms import Role
from tests.services.accounts import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PASSWORD,
    Accounts,
    headers_of,
    person,
    problem,
    register,
    running,
)
from tests.services.mailboxes import Sender, mail_server, mail_settings, text_of
from tests.services.signed_in import filled
from tests.services.test_account_pages import FROM_HERE, assert_signed_out, sign_in, submit
from tests.services.tokens import Keys, ServiceSettings, bearer

VERA = "vera1@gmail.com"


@pytest.mark.parametrize("role", ["voter", "official", "candidate", "campaign_director"])
def test_people_register_on_the_page_and_sign_in_by_email_username_and_phone(accounts: Accounts, role: str) -> None:
    form = {**person(1), "role": role, "username": "Vera.V", "phone": "+381 64/111-111", "repeated_password": PASSWORD}
    done = accounts.client.post("/sign-up", data=form, headers=FROM_HERE)
    assert done.headers["Location"] == "/sign-in?notice=registered", done.text
    for login in (VERA, "vera.v", "VERA.V", "+38164111111", "+381 (64) 111-111"):
        assert role.replace("_", " ") in sign_in(accounts, login).get("/").text
        token = accounts.post("/api/login", {"login": login, "password": PASSWORD}).get_json()["access_token"]
        assert accounts.claims(token)["roles"] == [role]


def test_nobody_registers_with_a_role_that_administrators_grant(accounts: Accounts) -> None:
    for role in ("administrator", "auditor"):
        form = {**person(1), "role": role, "repeated_password": PASSWORD}
        assert accounts.client.post("/sign-up", data=form, headers=FROM_HERE).status_code == 422
        assert accounts.post("/api/register", person(1, role=role)).status_code == 422
        assert (
            accounts.client.patch(
                f"/api/users/{accounts.user_id(ADMIN_EMAIL)}", json={"roles": [role]}, headers={"If-Match": "*"}
            ).status_code
            == 401
        )
    register(accounts, 1)
    path = f"/api/users/{accounts.user_id(VERA)}"
    own = {**headers_of(accounts, 1), "If-Match": "*"}
    assert accounts.client.patch(path, json={"roles": ["auditor"]}, headers=own).status_code == 403
    accounts.change(VERA, roles=[Role.AUDITOR])
    assert accounts.claims(accounts.tokens(VERA, PASSWORD)["accessToken"])["roles"] == ["auditor"]


def test_the_own_details_are_changed_on_the_page_and_another_address_needs_the_password(accounts: Accounts) -> None:
    register(accounts, 1)
    register(accounts, 2, username="taken")
    vera = sign_in(accounts, VERA)
    form = filled(vera.get("/").text, "change-details")
    assert (form["forename"], form["email"], form["username"]) == ("Vera", VERA, "")
    for wrong, told in (
        ({"username": "taken"}, "already exists"),
        ({"username": "1x"}, "A username has"),
        ({"phone": "12"}, "A phone number has"),
        ({"email": "new@example.org"}, "The current password is another one"),
        ({"email": "none", "current_password": PASSWORD}, "no email address"),
        ({"forename": ""}, "A forename has"),
    ):
        refused = submit(vera, "/profile", **{**form, "surname": "<b>Other", **wrong})
        assert refused.status_code in (409, 422), told
        assert refused.text.count(told) == 1, told
        assert 'value="&lt;b&gt;Other"' in refused.text
    new = {"forename": "Вера", "username": "vera", "phone": "064 111 111", "email": "new@example.org"}
    done = submit(vera, "/profile", **{**form, **new, "current_password": PASSWORD})
    assert done.headers["Location"] == "/?notice=details-changed", done.text
    # The session goes on under the new address.
    shown = vera.get(done.headers["Location"]).text
    assert "Your details are changed." in shown
    assert filled(shown, "change-details")["phone"] == "064111111"
    assert submit(vera, "/profile", **{**form, "forename": "Late"}).status_code == 412
    submit(vera, "/profile", **{**filled(shown, "change-details"), "phone": "", "username": ""})
    assert accounts.post("/api/login", {"login": "vera", "password": PASSWORD}).status_code == 401
    sign_in(accounts, "new@example.org")


def test_administrators_find_accounts_by_every_name(accounts: Accounts) -> None:
    register(accounts, 1, username="vera", phone="+381 64 111-111")
    register(accounts, 2, forename="Ана", surname="Вера 100%", role="candidate", phone="011 222 333")
    admin = sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
    for search, found in (
        ("vera1@", {1}),
        ("VERA1", {1}),
        ("Vera Verić", {1}),
        ("Ана Вера", {2}),
        ("100%", {2}),
        ("64/111", {1}),
        ("+38164111111", {1}),
        ("222-333", {2}),
        ("%", {2}),
        ("064999", set()),
        (person(2)["jmbg"], {2}),
    ):
        listed = accounts.client.get("/api/users", query_string={"search": search}, headers=accounts.logged_in())
        emails = {account["email"] for account in listed.get_json()["items"]}
        assert emails == {f"vera{number}@gmail.com" for number in found}, search
        shown = admin.get("/accounts", query_string={"search": search}).text
        assert set(re.findall(r"vera[12]@gmail[.]com", shown)) == emails, search


def test_administrators_change_details_and_the_former_address_is_told(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    with mail_server() as box, running(sqlite_url, service_settings, keys, **mail_settings()) as accounts:
        number = register(accounts, 1)["id"]
        register(accounts, 2)
        admin = sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
        page = f"/accounts/{number}"
        form = filled(admin.get(page).text, "details-form")
        taken = submit(admin, f"{page}/details", page, **{**form, "email": "vera2@gmail.com"})
        assert (taken.status_code, taken.text.count("Email already exists.")) == (409, 1)
        done = submit(admin, f"{page}/details", page, **{**form, "email": "new@example.org", "surname": "Nova"})
        assert "The details of the account are changed." in admin.get(done.headers["Location"]).text
        assert submit(admin, f"{page}/details", page, **form).status_code == 412
        assert Sender.of(accounts, service_settings, box.port).send() == 1
        assert box.mails[0]["To"] == VERA
        assert "another address" in text_of(box.mails[0])
        entry = next(one for one in reversed(accounts.journal()) if one.outcome == "done")
        assert (entry.action, entry.subject) == ("account.details_changed", f"account {number}")
        assert entry.details == '{"fields":["email","surname"]}'
        path, headers = f"/api/users/{number}/details", {**accounts.logged_in(), "If-Match": "*"}
        answer = accounts.client.patch(path, json={"phone": "064/111-111"}, headers=headers)
        assert (answer.status_code, answer.get_json()["phone"]) == (200, "064111111")
        refused = accounts.client.patch(path, json={"password": "An0therPassword"}, headers=headers)
        assert refused.status_code == 422
        problem(accounts.client.patch(path, json={"phone": None}, headers=accounts.logged_in()), 428)
        sign_in(accounts, "new@example.org")


def test_administrators_see_and_end_the_sessions_of_an_account_and_deactivate_it(accounts: Accounts) -> None:
    number = register(accounts, 1)["id"]
    vera = sign_in(accounts, VERA)
    refresh = accounts.post("/api/login", {"login": VERA, "password": PASSWORD}).get_json()["refresh_token"]
    admin = sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
    page, path = f"/accounts/{number}", f"/api/users/{number}/sessions"
    assert "2 sessions" in admin.get(page).text
    assert accounts.client.get(path, headers=accounts.logged_in()).get_json()["total"] == 2
    submit(admin, f"{page}/sessions/end", page)
    assert_signed_out(vera)
    assert accounts.post("/api/refresh", headers=bearer(refresh)).status_code == 401
    assert "There are none." in admin.get(page).text
    sign_in(accounts, VERA)
    assert accounts.client.delete(path, headers=accounts.logged_in()).status_code == 204
    assert accounts.client.get(path, headers=accounts.logged_in()).get_json()["total"] == 0
    assert accounts.client.delete("/api/users/98/sessions", headers=accounts.logged_in()).status_code == 404
    ended = [one for one in accounts.journal() if one.action == "account.sessions_ended" and one.outcome == "done"]
    assert [(one.subject, one.details) for one in ended] == [
        (f"account {number}", '{"sessions":2}'),
        (f"account {number}", '{"sessions":1}'),
    ]
    again = sign_in(accounts, VERA)
    assert "Deactivate" in admin.get(page).text
    submit(admin, f"{page}/approval", page, **filled(admin.get(page).text, "refuse"))
    assert_signed_out(again)
    assert accounts.post("/api/login", {"login": VERA, "password": PASSWORD}).status_code == 403
    submit(admin, f"{page}/approval", page, **filled(admin.get(page).text, "approve"))
    sign_in(accounts, VERA)
