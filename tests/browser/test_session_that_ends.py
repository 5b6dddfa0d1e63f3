"""A session that ends while somebody fills in a form of another service: nothing that was typed is lost."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from apiflask import APIFlask
from flask import Response, request, url_for
from jinja2 import DictLoader
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from shared.config import WebSettings, load
from shared.errors import InvalidInput
from shared.terms import Role
from shared.web import create_service, finish
from shared.web.cookies import COOKIE, page_requires
from shared.web.pages import page_blueprint, render, see_other
from tests.browser.looking import Window
from tests.browser.signing_in import fill_in
from tests.servers import free_port
from tests.services.accounts import PASSWORD, person, running
from tests.services.tokens import new_keys

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
def served(app: APIFlask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def station(sqlite_url: str) -> Iterator[Station]:
    keys = new_keys()
    ports = (free_port(), free_port())
    sites = {"account_site": f":{ports[0]}/", "station_site": f":{ports[1]}/"}

    def settings(kind: Any, **values: Any) -> Any:
        common = {"environment": "development", "log_level": "error", "jwt_public_key": keys.public_pem}
        return load(kind, _env_file=None, **{**common, **sites, **values})

    made = Station(f"http://127.0.0.1:{ports[1]}", f"http://127.0.0.1:{ports[0]}")
    with ExitStack() as stack:
        accounts = stack.enter_context(running(sqlite_url, settings, keys))
        accounts.register()
        stack.enter_context(served(accounts.app, ports[0]))
        stack.enter_context(served(station_app(made.taken, settings(WebSettings)), ports[1]))
        yield made


@pytest.fixture
def window(browser: Browser, station: Station) -> Iterator[Window]:
    opened = Window.open(browser, {station.address.removeprefix("http://"), station.account.removeprefix("http://")})
    yield opened
    opened.close()


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
    page.get_by_label("Votes").fill("412")
    page.get_by_label("Reason").fill("Two voters <left>\nwithout a ballot.")
    page.get_by_label("Kind").select_option("Second")
    page.get_by_label("Agreed").check()
    page.get_by_label("Secret").fill("hush")
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


def test_signing_out_works_from_the_page_of_another_service(station: Station, window: Window) -> None:
    page = window.page()
    page.goto(f"{station.address}/sheet")
    fill_in(page, EMAIL, PASSWORD)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto(f"{station.address}/sheet")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
