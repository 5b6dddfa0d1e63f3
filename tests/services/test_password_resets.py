"""A forgotten password is set anew by a link that works once, and nobody learns from it who has an account."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from werkzeug.test import TestResponse

from authentication_service.actions.sealing import hold_key
from shared.schema.accounts import Mail, PasswordReset
from tests.services.accounts import PASSWORD, REGISTER_KEY, Accounts, at_once, faulty_fields, problem, register, running
from tests.services.mailboxes import Mailbox, Sender, link_in, mail_server, mail_settings, text_of
from tests.services.test_account_pages import FROM_HERE, assert_signed_out, sign_in
from tests.services.test_authentication_same_answer import counted, told
from tests.services.tokens import Keys, ServiceSettings, bearer

ANOTHER = "An0therPassword"
VERA = "vera1@gmail.com"


class Night:
    """The service, its mail server and the sender between them."""

    def __init__(self, accounts: Accounts, box: Mailbox, sender: Sender) -> None:
        self.accounts, self.box, self.sender = accounts, box, sender

    def ask(self, login: str = VERA, address: str = "192.0.2.1", **headers: str) -> TestResponse:
        return self.accounts.client.post(
            "/api/password-resets", json={"login": login}, headers=headers, environ_overrides={"REMOTE_ADDR": address}
        )

    def link(self, login: str = VERA, **headers: str) -> str:
        """The token of a new link."""
        assert self.ask(login, **headers).status_code == 202
        assert self.sender.send() == 1
        return link_in(self.box.mails[-1])[0]

    def use(self, token: str, password: str = ANOTHER) -> TestResponse:
        return self.accounts.post("/api/password-resets/use", {"token": token, "password": password})

    def signs_in(self, password: str) -> bool:
        return self.accounts.post("/api/login", {"login": VERA, "password": password}).status_code == 200


@pytest.fixture
def night(sqlite_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Night]:
    yield from _night(sqlite_url, service_settings, keys)


def _night(url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Night]:
    with mail_server() as box, running(url, service_settings, keys, **mail_settings()) as accounts:
        register(accounts, 1, username="vera", phone="+381 64 111-111")
        yield Night(accounts, box, Sender.of(accounts, service_settings, box.port))


def test_a_link_sets_the_password_once_and_ends_every_session_and_every_other_link(night: Night) -> None:
    accounts = night.accounts
    browser = sign_in(accounts, VERA)
    refresh = accounts.post("/api/login", {"login": VERA, "password": PASSWORD}).get_json()["refresh_token"]
    earlier, token = night.link(), night.link("vera")
    assert night.signs_in(PASSWORD)
    assert faulty_fields(night.use(token, "simple")) == ["password"]
    assert night.use(token).status_code == 204
    assert_signed_out(browser)
    assert accounts.post("/api/refresh", headers=bearer(refresh)).status_code == 401
    assert (night.signs_in(PASSWORD), night.signs_in(ANOTHER)) == (False, True)
    for used_up in (token, earlier, token[:-1], "", "x" * 43):
        assert faulty_fields(night.use(used_up, "Y3tAnother")) == ["token"]
    assert night.signs_in(ANOTHER)
    # The account's owner is told, whoever it was.
    assert night.sender.send() == 1
    assert night.box.mails[-1]["Subject"] == "Your password was changed"
    assert "office@urna.example" in text_of(night.box.mails[-1])
    entries = [(one.action, one.subject, one.actor, one.outcome) for one in accounts.journal()][-12:]
    account = f"account {accounts.user_id(VERA)}"
    assert ("account.reset_asked", account, "", "done") in entries
    assert ("account.password_reset", account, VERA, "done") in entries


def test_a_link_is_good_for_half_an_hour(night: Night, time_machine: Any) -> None:
    asked = datetime(2030, 5, 1, 8, tzinfo=UTC)
    time_machine.move_to(asked, tick=False)
    token = night.link()
    time_machine.move_to(asked + timedelta(minutes=29, seconds=59), tick=False)
    assert night.accounts.client.get(f"/reset-password?token={token}").status_code == 200
    time_machine.move_to(asked + timedelta(minutes=30), tick=False)
    assert night.accounts.client.get(f"/reset-password?token={token}").status_code == 422
    assert faulty_fields(night.use(token)) == ["token"]
    assert night.signs_in(PASSWORD)


@pytest.mark.parametrize("change", ["password", "email", "delete"])
def test_a_link_is_good_no_more_once_the_password_or_the_address_is_another_or_the_account_gone(
    night: Night, change: str
) -> None:
    accounts = night.accounts
    token = night.link()
    header = {**accounts.logged_in(VERA, PASSWORD), "If-Match": "*"}
    if change == "delete":
        path = f"/api/users/{accounts.user_id(VERA)}"
        assert accounts.client.delete(path, headers=accounts.logged_in()).status_code == 204
    else:
        body = {change: {"password": "Y3tAnother", "email": "new@example.org"}[change], "current_password": PASSWORD}
        assert accounts.client.patch("/api/profile", json=body, headers=header).status_code == 200
    assert faulty_fields(night.use(token)) == ["token"]


@pytest.fixture
def night_anywhere(accounts_database_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Night]:
    yield from _night(accounts_database_url, service_settings, keys)


def test_of_uses_at_the_same_instant_one_wins_and_of_senders_one_sends(night_anywhere: Night) -> None:
    night = night_anywhere
    tokens = [night.link(), night.link()]
    tries = [(tokens[number % 2], f"Passw0rd{number}") for number in range(4)]
    answers = at_once(*(partial(night.use, *one) for one in tries))
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    assert [night.signs_in(password) for _, password in tries] == [answer.status_code == 204 for answer in answers]
    assert sum(at_once(night.sender.send, night.sender.send, night.sender.send)) == 1
    assert len(night.box.mails) == 3


def test_neither_the_answer_nor_the_work_says_whether_somebody_has_a_name(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = night.accounts
    register(accounts, 2)
    assert accounts.post("/delete", {"email": "vera2@gmail.com"}, accounts.logged_in()).status_code == 200
    names = [VERA, "vera", "064/999-999", "+381 64/111-111", "nobody@gmail.com", "nobody", "?!", "vera2@gmail.com"]
    answers, pages, works = [], [], []
    for name in names:
        with counted(accounts, monkeypatch) as work:
            answers.append(told(night.ask(name)))
        works.append(Counter(work))
        pages.append(told(accounts.client.post("/forgotten-password", data={"login": name}, headers=FROM_HERE)))
    assert answers == answers[:1] * len(names)
    assert works == works[:1] * len(names)
    assert sum(works[0].values()) > 5
    assert pages == pages[:1] * len(names)
    assert pages[0][0] == 303
    assert night.sender.send() == 6
    assert {mail["To"] for mail in night.box.mails} == {VERA}
    with accounts.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 0
    # Of what nobody is called nothing is kept.
    told_of = json.dumps([[one.subject, one.reason, one.details] for one in accounts.journal()], default=str)
    assert "nobody" not in told_of


def test_who_asks_too_often_has_to_wait_whether_or_not_somebody_has_the_name(night: Night) -> None:
    for name in (VERA, "nobody@gmail.com"):
        # From another address each time: the limit is the name's.
        answers = [night.ask(name, f"198.51.100.{number}") for number in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        assert "for half an hour" in problem(answers[-1], 429)["detail"]
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    answers = [night.ask(f"nobody{number}", "203.0.113.7") for number in range(21)]
    assert [answer.status_code for answer in answers] == [202] * 20 + [429]
    assert night.ask("nobody0", "203.0.113.8").status_code == 202
    page = night.accounts.client.post(
        "/forgotten-password", data={"login": VERA}, headers=FROM_HERE, environ_overrides={"REMOTE_ADDR": "192.0.2.9"}
    )
    assert (page.status_code, "asked for too often" in page.text) == (429, True)


def test_the_token_stands_nowhere_in_the_store_and_no_log_line(night: Night, capfd: pytest.CaptureFixture[str]) -> None:
    token = night.link()
    assert night.ask().status_code == 202
    with night.accounts.database.reading() as session:
        (waiting,) = session.scalars(sa.select(Mail))
        assert VERA.encode() not in waiting.sealed
        assert b"reset-password" not in waiting.sealed
        links = list(session.scalars(sa.select(PasswordReset)))
        assert len(links) == 2
        dump = "\n".join(session.connection().connection.driver_connection.iterdump())  # type: ignore[union-attr]  # SQLite's own.
    assert token not in dump
    assert token.encode().hex() not in dump.lower()
    night.accounts.client.get(f"/reset-password?token={token}")
    night.use(token)
    output = capfd.readouterr()
    assert token not in output.out + output.err


def test_mails_that_wait_are_sealed_anew_with_the_store(night: Night) -> None:
    assert night.ask().status_code == 202
    other = "another key of the register in the tests"
    database = night.accounts.database
    assert hold_key(database, other, REGISTER_KEY) > 0
    assert night.sender.send() == 0
    night.sender.settings.register_key = SecretStr(other)
    night.sender.ahead = timedelta(minutes=4)
    assert night.sender.send() == 1


def test_the_pages_lead_from_a_forgotten_password_to_a_new_one_in_four_languages(night: Night) -> None:
    for number, (accepted, code, subject) in enumerate(
        (
            ("en", "en", "Set a new password"),
            ("sr", "sr_Cyrl", "Нова лозинка"),
            ("sr-Latn", "sr_Latn", "Nova lozinka"),
            ("fr", "fr", "Nouveau mot de passe"),
        )
    ):
        browser = night.accounts.client
        headers = {**FROM_HERE, "Accept-Language": accepted}
        assert 'href="/forgotten-password"' in browser.get("/sign-in", headers=headers).text
        assert browser.post("/forgotten-password", data={"login": " "}, headers=headers).status_code == 422
        asked = browser.post("/forgotten-password", data={"login": "vera"}, headers=headers)
        assert asked.headers["Location"] == "/sign-in?notice=reset-asked"
        assert night.sender.send() >= 1
        mail = next(mail for mail in reversed(night.box.mails) if "reset-password" in text_of(mail))
        assert mail["Subject"] == subject
        token, language = link_in(mail)
        assert language == code
        # Looking at it uses nothing up, as programs do that look at the links in mails.
        for _ in range(2):
            page = browser.get(f"/reset-password?token={token}&language={code}")
            assert (page.status_code, f'value="{token}"' in page.text) == (200, True)
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        new = f"Passw0rd{number}"
        form = {"token": token, "password": new, "repeated_password": new}
        for wrong in ({"repeated_password": "x"}, {"password": "x", "repeated_password": "x"}):
            refused = browser.post("/reset-password", data={**form, **wrong}, headers=headers)
            assert (refused.status_code, f'value="{token}"' in refused.text, new in refused.text) == (422, True, False)
        assert browser.post("/reset-password", data=form, headers={}).status_code == 403
        done = browser.post("/reset-password", data=form, headers=headers)
        assert done.headers["Location"] == "/sign-in?notice=password-set"
        assert night.signs_in(new)
        again = browser.post("/reset-password", data=form, headers=headers)
        assert (again.status_code, token in again.text) == (422, False)
        assert 'href="/forgotten-password"' in again.text


def test_where_no_mail_is_sent_page_and_route_say_so_and_whom_to_ask(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    with running(sqlite_url, service_settings, keys, help_contact="the <office>, +381 11 555") as accounts:
        page = accounts.client.get("/forgotten-password")
        assert page.status_code == 200
        assert "sends no mail" in page.text
        assert "the &lt;office&gt;, +381 11 555" in page.text
        assert not re.search(r'<form [^>]*id="forgotten-password"', page.text)
        answer = accounts.post("/api/password-resets", {"login": VERA})
        assert "the <office>, +381 11 555" in problem(answer, 409)["detail"]
        assert accounts.client.post("/forgotten-password", data={"login": VERA}, headers=FROM_HERE).status_code == 409
        with accounts.database.reading() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 0
