"""What the authentication service leaves in its journal: who came in, who did not, and what became of accounts."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from shared.schema.accounts import RefreshSession
from shared.schema.journal import AnyJournal
from shared.web.journal import CHANGING, journaled_of
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
from tests.services.test_account_pages import sign_in
from tests.services.test_authentication_limits import HOME, NOON, status
from tests.services.tokens import Keys, ServiceSettings, bearer

WRONG = "Invalid credentials."


Told = tuple[str, str, str, str, dict[str, Any]]


def told(entry: AnyJournal) -> Told:
    """Who, what, to what, how it ended, and the details."""
    return entry.actor, entry.action, entry.subject, entry.outcome, json.loads(entry.details)


def since(accounts: Accounts, before: int) -> list[Told]:
    return [told(entry) for entry in accounts.journal()[before:]]


def test_the_first_administrator_and_whoever_registers_are_in_it(accounts: Accounts) -> None:
    register(accounts, 1, role="official")
    registered = [told(entry) for entry in accounts.journal() if entry.action == "account.registered"]
    assert registered == [
        ("prepare", "account.registered", "account 1", "done", {"role": "administrator"}),
        ("vera1@gmail.com", "account.registered", "account 2", "done", {"role": "official", "approval": "approved"}),
    ]


def test_a_log_in_and_a_log_out_are_in_it_with_address_and_request(accounts: Accounts) -> None:
    before = len(accounts.journal())
    for path, name in (("/login", "email"), ("/api/login", "login")):
        tokens = accounts.client.post(
            path,
            json={name: ADMIN_EMAIL, "password": ADMIN_PASSWORD},
            environ_overrides={"REMOTE_ADDR": HOME},
            headers={"X-Request-ID": "request-0001"},
        ).get_json()
    for _ in range(2):
        accounts.post("/api/logout", headers=bearer(tokens["refresh_token"]))
    first, second, ended = accounts.journal()[before:]
    assert told(first) == told(second) == (ADMIN_EMAIL, "session.opened", "account 1", "done", {})
    assert (second.address, second.request_id) == (HOME, "request-0001")
    assert told(ended)[:4] == (ADMIN_EMAIL, "session.ended", "account 1", "done")


@pytest.mark.parametrize("role", ["official", "voter"])
def test_of_a_voters_own_log_out_there_is_no_entry_and_of_everybodys_no_moment_but_the_day(
    accounts: Accounts, role: str
) -> None:
    account = register(accounts, 1, role=role)["id"]
    with time_machine.travel(NOON, tick=False):
        tokens = accounts.tokens("vera1@gmail.com", PASSWORD)
        before = len(accounts.journal())
        assert accounts.post("/api/logout", headers=bearer(tokens["refreshToken"])).status_code == 204
        problem(accounts.post("/api/refresh", headers=bearer(tokens["refreshToken"])), 401)
    assert [entry[1] for entry in since(accounts, before)] == (["session.ended"] if role == "official" else [])
    with accounts.database.reading() as session:
        ended = session.scalars(sa.select(RefreshSession.revoked_at).where(RefreshSession.user_id == account)).all()
    assert ended == [NOON.replace(hour=0, microsecond=0)]


def test_a_failed_log_in_names_the_account_by_its_number_and_nobody_by_anything(accounts: Accounts) -> None:
    before = len(accounts.journal())
    for name in (ADMIN_EMAIL, "Typed-1nto-the-wrong-field", "nobody@gmail.com"):
        accounts.post("/api/login", {"login": name, "password": "Wr0ngPassword"})
    known, *unknown = accounts.journal()[before:]
    assert told(known) == ("", "session.opened", "account 1", "refused", {})
    assert [told(entry) for entry in unknown] == [("", "session.opened", "", "refused", {})] * 2
    assert {entry.reason for entry in (known, *unknown)} == {WRONG}
    everything = repr([vars(entry) for entry in accounts.journal()])
    for secret in ("1nto-the-wrong", "nobody@", "Wr0ngPassword"):
        assert secret not in everything


def test_the_beginning_of_each_wait_is_in_it_and_no_attempt_within(accounts: Accounts) -> None:
    before = len(accounts.journal())
    with time_machine.travel(NOON, tick=False) as clock:
        for seconds in (0, 30, 60):
            clock.shift(seconds)
            for _ in range(50):
                status(accounts, ADMIN_EMAIL, "2")
    refused: Told = ("", "session.opened", "account 1", "refused", {})
    waits = [("", "session.delayed", "account 1", "done", {"seconds": seconds}) for seconds in (30, 60, 120)]
    assert since(accounts, before) == [refused] * 10 + [waits[0], refused, waits[1], refused, waits[2]]


def test_nobody_fills_it_by_failing(accounts: Accounts) -> None:
    """Six hundred tries with as many names within an hour: a hundred are free, and then there is room for few."""
    before = len(accounts.journal())
    with time_machine.travel(NOON, tick=False) as clock:
        answers = []
        for number in range(600):
            answers.append(status(accounts, f"somebody{number}@gmail.com", "x"))
            clock.shift(6)
    refused = [entry.action for entry in accounts.journal()[before:]]
    assert answers.count(400) == refused.count("session.opened") == 100 + refused.count("session.delayed") - 1
    assert refused.count("session.delayed") <= 8


def test_a_log_in_that_lacks_only_the_approval_is_told_ten_times_an_hour(waiting_accounts: Accounts) -> None:
    accounts = waiting_accounts
    accounts.register(1)
    before = len(accounts.journal())
    for _ in range(25):
        assert status(accounts, "vera1@gmail.com", PASSWORD) == 400
    refused: Told = ("", "session.opened", "account 2", "refused", {})
    assert since(accounts, before) == [refused] * 10
    assert "waits" in accounts.journal()[-1].reason


def test_a_refresh_token_that_is_used_again_is_in_it_once(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    tokens = accounts.post("/api/login", {"login": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).get_json()
    before = len(accounts.journal())
    at_once(*[lambda: accounts.post("/api/refresh", headers=bearer(tokens["refresh_token"]))] * 4)
    (reused,) = [entry for entry in accounts.journal()[before:] if entry.action == "session.reused"]
    # Nobody can say whether it was the owner: an account is meant, and nobody acts.
    assert told(reused)[:4] == ("", "session.reused", "account 1", "refused")
    assert len(accounts.journal()) == before + 1


def test_what_people_change_about_themselves_is_in_it_without_the_values(accounts: Accounts) -> None:
    register(accounts, 1)
    headers = {**headers_of(accounts, 1), "If-Match": "*"}
    before = len(accounts.journal())
    changes = {"forename": "Zorka-marked", "username": "marked", "email": "marked@gmail.com", "password": "N3wMarked"}
    body = {**changes, "current_password": PASSWORD}
    assert accounts.client.patch("/api/profile", json=body, headers=headers).status_code == 200
    details = {"fields": ["email", "forename", "password", "username"], "sessions_ended": 1}
    assert since(accounts, before) == [("vera1@gmail.com", "account.changed", "account 2", "done", details)]
    assert "arked" not in repr([vars(entry) for entry in accounts.journal()])


def test_what_administrators_do_to_accounts_is_in_it(accounts: Accounts) -> None:
    register(accounts, 1)
    admin = accounts.logged_in()
    path = f"/api/users/{accounts.user_id('vera1@gmail.com')}"
    before = len(accounts.journal())
    for change in ({"roles": ["auditor", "voter"]}, {"roles": ["auditor", "voter"], "approval": "refused"}):
        accounts.client.patch(path, json=change, headers={**admin, "If-Match": "*"})
    accounts.client.delete(path, headers=admin)
    assert since(accounts, before) == [
        (ADMIN_EMAIL, "account.roles_changed", "account 2", "done", {"granted": ["auditor"], "taken": []}),
        (ADMIN_EMAIL, "account.judged", "account 2", "done", {"approval": {"before": "approved", "after": "refused"}}),
        (ADMIN_EMAIL, "account.deleted", "account 2", "done", {}),
    ]


def test_sessions_that_their_owner_ends_are_in_it(accounts: Accounts) -> None:
    register(accounts, 1)
    with time_machine.travel(NOON, tick=False):
        for _ in range(3):
            mine = headers_of(accounts, 1)
        listed = accounts.client.get("/api/sessions", headers=mine).get_json()["items"]
        found = next(item["id"] for item in listed if not item["current"])
        before = len(accounts.journal())
        accounts.client.delete(f"/api/sessions/{found}", headers=mine)
        for _ in range(2):
            accounts.client.delete("/api/sessions", headers=mine)
    opened = {"opened": NOON.isoformat()}
    assert since(accounts, before) == [
        ("vera1@gmail.com", "session.ended", "account 2", "done", opened),
        ("vera1@gmail.com", "session.ended", "account 2", "done", {"others": 1}),
    ]


def test_what_is_not_done_is_not_in_it(accounts_anywhere: Accounts) -> None:
    """Two registrations of one address at the same instant: one account, one entry."""
    accounts = accounts_anywhere
    bodies = [person(number, email="vera@gmail.com") for number in range(4)]
    at_once(*(lambda body=body: accounts.post("/register", body) for body in bodies))
    registered = [entry.subject for entry in accounts.journal() if entry.action == "account.registered"]
    assert len(registered) == 2
    assert len(set(registered)) == 2


def test_log_ins_at_the_same_instant_are_all_in_it(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    before = len(accounts.journal())
    at_once(*[accounts.tokens] * 8)
    assert since(accounts, before) == [(ADMIN_EMAIL, "session.opened", "account 1", "done", {})] * 8


def test_every_route_that_changes_something_says_how_the_journal_names_that(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    with running(sqlite_url, service_settings, keys) as accounts:
        views = {
            str(rule): accounts.app.view_functions[rule.endpoint]
            for rule in accounts.app.url_map.iter_rules()
            if (rule.methods or set()) & CHANGING
        }
    assert len(views) >= 10
    assert not [rule for rule, view in views.items() if journaled_of(view) is None]


@pytest.mark.parametrize("route", ["/login", "/api/login"])
def test_without_a_place_in_the_journal_nobody_comes_in(accounts: Accounts, route: str) -> None:
    """What cannot be told is not done: somebody has set the head of the journal back."""
    with accounts.database.writing() as session:
        session.connection().exec_driver_sql("UPDATE journal_head SET sequence = 0")
    name = "login" if route.startswith("/api") else "email"
    response = accounts.post(route, {name: ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert response.status_code == 503
    with accounts.database.reading() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM refresh_sessions").scalar() == 0


def test_it_is_searched_on_a_page_by_who_still_is_an_administrator_or_an_auditor(accounts: Accounts) -> None:
    for number in (1, 2):
        register(accounts, number, role="official", forename="<b>Vera</b>")
    accounts.change("vera1@gmail.com", roles=["auditor"])
    auditor = sign_in(accounts)
    shown = auditor.get("/journal?action=account.roles_changed")
    assert shown.status_code == 200
    assert f"account {accounts.user_id('vera1@gmail.com')}" in shown.text
    assert "urna journal verify --store accounts" in shown.text
    assert "account.registered" not in shown.text.partition("<ol")[2]
    for words in ("This part tells of accounts", 'href="/administration/journal"'):
        assert words in shown.text
    assert "No entry fits." in auditor.get("/journal?until=2020-01-01T00:00").text
    assert "session.opened" in auditor.get(f"/journal?actor={ADMIN_EMAIL}&outcome=done&text=SESSION").text
    for query in ("since=yesterday", "actr=vera", "outcome=perhaps", "page=0"):
        assert auditor.get(f"/journal?{query}").status_code == 422
    assert sign_in(accounts, "vera2@gmail.com").get("/journal").status_code == 403
    # What the cookie says of the roles is of the log-in.
    accounts.change("vera1@gmail.com", roles=["official"])
    assert auditor.get("/journal").status_code == 403
