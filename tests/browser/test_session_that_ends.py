"""A session that ends while somebody fills in a form of another service: nothing that was typed is lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import sqlalchemy as sa
from apiflask import APIFlask
from flask import Response, request, url_for
from jinja2 import DictLoader
from playwright.sync_api import Browser, Page, expect
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from shared.config import MailSettings, WebSettings, load
from shared.errors import InvalidInput
from shared.schema.accounts import PasswordReset
from shared.terms import Role
from shared.web import create_service, finish
from shared.web.cookies import COOKIE, page_requires
from shared.web.pages import page_blueprint, render, see_other
from tests.browser.looking import Window, assert_everybody_can_use, look_at
from tests.browser.signing_in import fill_in
from tests.servers import free_port
from tests.services.accounts import PASSWORD, Accounts, person, running
from tests.services.tokens import Keys, new_keys, signed

SHEET = """{% extends "base/page.html" %}
{% import "base/forms.html" as forms %}
{% import "base/parts.html" as parts %}
{% block title %}Sheet{% endblock %}
{% block main %}<h1>Sheet</h1>
{{ parts.refusal(message) }}
{% call forms.form(url_for("pages.take_sheet"), id="sheet") %}
{{ forms.field("votes", "Votes", inputmode="numeric", value=given.votes) }}
{{ forms.text("reason", "Reason", value=given.reason or "") }}
{{ forms.choice("kind", "Kind", [("a", "First"), ("b", "Second")], value=given.kind) }}
{{ forms.tick("agreed", "Agreed", checked=given.agreed == "1") }}
{{ forms.field("secret", "Secret", type="password") }}
{{ forms.send("Send the sheet") }}
{% endcall %}
{% endblock %}"""
EMAIL = person()["email"]


@dataclass
class Station:
    """A service with one form, and what was sent with it."""

    address: str
    account: str
    keys: Keys
    accounts: Accounts
    taken: list[dict[str, str]] = field(default_factory=list)


def station_app(taken: list[dict[str, str]], settings: WebSettings) -> APIFlask:
    app = create_service("voting_station_service", "Station", settings, checks={})
    pages = page_blueprint("pages", "voting_station_service.pages")

    @pages.get("/sheet")
    @page_requires(Role.OFFICIAL)
    def show_sheet() -> Response:
        return shown({})

    @pages.post("/sheet/taken")
    @page_requires(Role.OFFICIAL)
    def take_sheet() -> Response:
        given = request.form.to_dict()
        if not given["votes"].isdigit():
            return shown(given, InvalidInput("The votes have to be a number.", field="votes"))
        taken.append(given)
        return see_other(url_for("pages.show_sheet"))

    def shown(given: dict[str, str], error: InvalidInput | None = None) -> Response:
        return render("sheet.html", error, given=given)

    app.jinja_loader = DictLoader({"sheet.html": SHEET})
    app.register_blueprint(pages)
    return finish(app)


@contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def suite(url: str, *, behind_one: bool) -> Iterator[Station]:
    """Both services, each on a port of its own as on one machine, or below paths of one as behind nginx."""
    keys = new_keys()
    ports = (free_port(), free_port())
    sites = {"account_site": f":{ports[0]}/", "station_site": f":{ports[1]}/"}
    site, account = f"http://127.0.0.1:{ports[1]}", f"http://127.0.0.1:{ports[0]}"
    if behind_one:
        sites = {"account_site": "/account/", "station_site": "/station/"}
        site, account = f"{account}/station", f"{account}/account"
    # Mails that wait for somebody to send them, which nobody does here.
    mail = {"smtp_host": "mail.example.org", "mail_sender": "urna@example.org", "account_address": f"{account}/"}

    def settings(kind: Any, **values: Any) -> Any:
        common = {"environment": "development", "log_level": "error", "jwt_public_key": keys.public_pem}
        its_own = mail if issubclass(kind, MailSettings) else {}
        return load(kind, _env_file=None, **{**common, **sites, **its_own, **values})

    with ExitStack() as stack:
        accounts = stack.enter_context(running(url, settings, keys))
        accounts.register()
        made = Station(site, account, keys, accounts)
        station = station_app(made.taken, settings(WebSettings))
        if behind_one:
            both = DispatcherMiddleware(NotFound(), {"/account": accounts.app, "/station": station})
            stack.enter_context(served(both, ports[0]))
        else:
            stack.enter_context(served(accounts.app, ports[0]))
            stack.enter_context(served(station, ports[1]))
        yield made


@pytest.fixture
def station(sqlite_url: str) -> Iterator[Station]:
    with suite(sqlite_url, behind_one=False) as made:
        yield made


@contextmanager
def opened(browser: Browser, station: Station) -> Iterator[Window]:
    window = Window.open(browser, {urlsplit(site).netloc for site in (station.address, station.account)})
    yield window
    window.close()


@pytest.fixture
def window(browser: Browser, station: Station) -> Iterator[Window]:
    with opened(browser, station) as made:
        yield made


def claims_in(window: Window) -> dict[str, Any]:
    """What the token in the browser's cookie says."""
    (cookie,) = [one for one in window.context.cookies() if one["name"] == COOKIE]
    return dict(jwt.decode(cookie["value"], options={"verify_signature": False}))


def let_time_pass(window: Window, station: Station, left: int) -> None:
    """Let the cookie be good for so many seconds more, as it is some time after somebody has signed in."""
    token = signed({**claims_in(window), "exp": int(time.time()) + left}, station.keys.private_pem)
    window.context.add_cookies(
        [{"name": COOKIE, "value": token, "url": station.address.replace("http:", "https:"), "secure": True}]
    )


def test_shortly_before_the_end_a_link_renews_the_session_and_the_form_stays_as_it_is(
    station: Station, window: Window
) -> None:
    page = window.page()
    page.goto(f"{station.address}/sheet")
    fill_in(page, EMAIL, PASSWORD)
    link = page.get_by_role("link", name="Stay signed in")
    expect(page.get_by_label("Votes")).to_be_visible()
    expect(link).to_be_hidden()
    let_time_pass(window, station, 540)
    page.reload()
    expect(link).to_be_visible()
    assert_everybody_can_use(page)
    fill_in_sheet(page)
    before = claims_in(window)
    with window.context.expect_page() as other:
        link.click()
    expect(other.value.get_by_role("heading", level=1)).to_be_visible()
    expect(link).to_be_hidden()
    after = claims_in(window)
    assert after["exp"] > before["exp"] + 1800
    page.get_by_role("button", name="Send the sheet").click()
    expect(page.get_by_label("Votes")).to_have_value("")
    assert [one["votes"] for one in station.taken] == ["412"]


def test_behind_one_address_who_works_stays_signed_in_and_an_ended_session_is_not_renewed(
    sqlite_url: str, browser: Browser
) -> None:
    with suite(sqlite_url, behind_one=True) as station, opened(browser, station) as window:
        page = window.page()
        page.goto(f"{station.address}/sheet")
        fill_in(page, EMAIL, PASSWORD)
        expect(page.get_by_label("Votes")).to_be_visible()
        let_time_pass(window, station, 540)
        page.reload()
        link = page.get_by_role("link", name="Stay signed in")
        expect(link).to_be_visible()
        before = claims_in(window)
        fill_in_sheet(page)
        expect(link).to_be_hidden()
        assert claims_in(window)["exp"] > before["exp"] + 1800
        page.get_by_role("button", name="Send the sheet").click()
        expect(page.get_by_label("Votes")).to_have_value("")
        assert [one["votes"] for one in station.taken] == ["412"]

        # Ended from elsewhere: the cookie is good for the station for as long as it says, and no new one is given.
        with opened(browser, station) as another:
            elsewhere = another.page()
            elsewhere.goto(f"{station.account}/sessions")
            fill_in(elsewhere, EMAIL, PASSWORD)
            elsewhere.get_by_role("button", name="End all others").click()
            expect(elsewhere.get_by_text("All your other sessions are ended.")).to_be_visible()
        let_time_pass(window, station, 540)
        page.reload()
        expect(link).to_be_visible()
        ends = claims_in(window)["exp"]
        with page.expect_response(lambda answer: answer.url.startswith(f"{station.account}/")) as refused:
            page.get_by_label("Votes").fill("413")
        assert refused.value.status == 401
        expect(link).to_be_visible()
        assert claims_in(window)["exp"] == ends


def fill_in_sheet(page: Page) -> None:
    page.get_by_label("Votes").fill("412")
    page.get_by_label("Reason").fill("Two voters <left>\nwithout a ballot.")
    page.get_by_label("Kind").select_option("Second")
    page.get_by_label("Agreed").check()
    page.get_by_label("Secret").fill("hush")


@pytest.mark.parametrize("is_refused_before", [False, True])
def test_what_was_typed_is_there_again_after_signing_in(
    station: Station, window: Window, is_refused_before: bool
) -> None:
    page = window.page()
    page.goto(f"{station.address}/sheet")
    fill_in(page, EMAIL, PASSWORD)
    # From the page of one service to that of the other, and back to what was asked for.
    expect(page).to_have_url(f"{station.address}/sheet")
    if is_refused_before:
        page.get_by_label("Votes").fill("many")
        page.get_by_label("Reason").fill("x")
        page.get_by_label("Secret").fill("hush")
        page.get_by_role("button", name="Send the sheet").click()
        expect(page.get_by_role("alert")).to_have_text("The votes have to be a number.")
    fill_in_sheet(page)
    # As the browser does when the cookie's hour is over.
    window.context.clear_cookies(name=COOKIE)
    page.get_by_role("button", name="Send the sheet").click()
    expect(page.get_by_text("Your session had ended, so the form was not done. Sign in")).to_be_visible()
    assert not station.taken
    fill_in(page, EMAIL, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    fill_in(page, EMAIL, PASSWORD)
    expect(page.get_by_text("What you had typed is here again")).to_be_visible()
    expect(page).to_have_url(f"{station.address}/sheet")
    expect(page.get_by_label("Votes")).to_have_value("412")
    expect(page.get_by_label("Reason")).to_have_value("Two voters <left>\nwithout a ballot.")
    expect(page.get_by_label("Kind")).to_have_value("b")
    expect(page.get_by_label("Agreed")).to_be_checked()
    expect(page.get_by_label("Secret")).to_have_value("")
    page.get_by_label("Secret").fill("hush")
    page.get_by_role("button", name="Send the sheet").click()
    # Done: the page is empty again, and nothing is kept any more.
    expect(page.get_by_label("Votes")).to_have_value("")
    expect(page.get_by_text("What you had typed is here again")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0
    (sent,) = station.taken
    assert (sent["votes"], sent["kind"], sent["agreed"]) == ("412", "b", "1")


def test_who_signs_out_on_the_page_of_another_service_and_forgets_the_password_can_sign_in_again(
    station: Station, window: Window
) -> None:
    page = window.page()
    page.goto(f"{station.address}/sheet")
    fill_in(page, EMAIL, PASSWORD)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto(f"{station.address}/sheet")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    # Who has forgotten the password asks for a link, and follows it.
    page.get_by_role("link", name="I have forgotten my password").click()
    look_at(page, "forgotten-password")
    page.get_by_label("Email, username or phone number").fill(EMAIL)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("a link to set a new password is on its way")).to_be_visible()
    with station.accounts.database.writing() as session:
        (row,) = session.scalars(sa.select(PasswordReset))
        # The link itself is sealed in the mail that waits.
        row.token_hash = sha256(b"another link").digest()
    page.goto(f"{station.account}/reset-password?token=another+link")
    look_at(page, "reset-password")
    page.get_by_label("New password", exact=True).fill("An0therPassword")
    page.get_by_label("New password again").fill("An0therPassword")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Your new password is set, and all your sessions are ended.")).to_be_visible()
    fill_in(page, EMAIL, "An0therPassword")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
