"""The pages of four services as one site: coming back after signing in, signing out from each, and the language."""

import pytest
from flask.testing import FlaskClient

from authentication_service.app import create_app
from authentication_service.rules.paths import page_of_the_suite
from shared.auth import identity
from shared.config import WebSettings
from shared.terms import Role
from shared.web import create_service, finish
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint, public_page
from shared.web.pages.language import COOKIE as LANGUAGE_COOKIE
from tests.services.accounts import PASSWORD, Accounts
from tests.services.test_account_pages import ANOTHER, ELSEWHERE, EMAIL, FROM_HERE, sign_in, submit, token_in
from tests.services.tokens import ServiceSettings


@pytest.fixture
def vera(accounts: Accounts) -> FlaskClient:
    accounts.register()
    return sign_in(accounts)


SITES = ["http://127.0.0.1:5001/", "https://station.example/station/"]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:5001/",
        "http://127.0.0.1:5001/elections/4?page=2&resume=1",
        "https://station.example/station/sheets",
        "/results/elections/1?page=2",
    ],
)
def test_a_page_of_the_suite_may_be_come_back_to(address: str) -> None:
    assert page_of_the_suite(address, SITES) == address


@pytest.mark.parametrize(
    "elsewhere",
    [
        *ELSEWHERE,
        "http://127.0.0.1:5001",
        "http://127.0.0.1:50010/",
        "http://127.0.0.1:5001@attacker.example/",
        "http://127.0.0.1:5001.attacker.example/",
        "http://127.0.0.1:5001\\@attacker.example/",
        "http://127.0.0.1:5001/\\attacker.example",
        "http://127.0.0.1:5001/a\nb",
        "http://127.0.0.1:5001/#fragment",
        "http://127.0.0.1:5002/",
        "https://127.0.0.1:5001/",
        "HTTP://127.0.0.1:5001/",
        "http://user@127.0.0.1:5001/",
        "http:127.0.0.1:5001/",
        "http:/127.0.0.1:5001/",
        " http://127.0.0.1:5001/",
        "https://station.example/",
        "https://station.example/stationary",
        "https://station.example/station/../other",
        "https://station.example/station/%2E%2e/other",
        "https://station.example/station/" + "a" * 600,
    ],
)
def test_nothing_else_is_a_page_of_the_suite(elsewhere: str) -> None:
    assert page_of_the_suite(elsewhere, SITES) == ""


BESIDE = {
    "results_site": ":5003/",
    "station_site": ":5002/",
    "administration_site": ":5001/",
    "account_site": ":5000/",
}


def test_on_ports_of_one_host_people_come_back_to_the_page_of_another_service(
    accounts: Accounts, service_settings: ServiceSettings
) -> None:
    accounts.register()
    station = create_service("voting_station_service", "Station", service_settings(WebSettings, **BESIDE), checks={})
    pages = page_blueprint("pages", "voting_station_service.pages")

    @pages.route("/sheets", methods=["GET", "POST"])
    @page_requires(Role.OFFICIAL)
    def sheets() -> str:
        return identity().email

    station.register_blueprint(pages)
    finish(station)
    app = create_app(accounts.settings.model_copy(update=BESIDE))
    here = "http://127.0.0.1:5002"
    there = "http://127.0.0.1:5000"
    asked = station.test_client().get("/sheets?page=2", base_url=here)
    back = f"{here}/sheets?page=2"
    assert asked.headers["Location"] == f"{there}/sign-in?next={back}"
    client = app.test_client()
    shown = client.get(asked.headers["Location"])
    assert f'<input type="hidden" name="next" value="{back}">' in shown.text
    # Browsers follow the answer of a form only where the policy of its page lets it lead.
    assert (
        f"form-action 'self' http://127.0.0.1:5001 {here} http://127.0.0.1:5003;"
        in shown.headers["Content-Security-Policy"]
    )
    form = {"login": EMAIL, "password": PASSWORD, "next": back}
    done = client.post("/sign-in", data=form, headers={"Origin": there}, base_url=there)
    assert (done.status_code, done.headers["Location"]) == (303, back)
    for elsewhere in (
        "http://127.0.0.1:5009/",
        "http://localhost:5002/",
        "https://127.0.0.1:5002/",
        f"{here}.example/",
    ):
        refused = client.post("/sign-in", data={**form, "next": elsewhere}, headers={"Origin": there}, base_url=there)
        assert refused.headers["Location"] == "/"
    app.extensions["database"].close()


def test_the_session_that_ends_in_the_middle_of_a_form_leads_back_to_the_forms_page(accounts: Accounts) -> None:
    client = accounts.client
    form = {"csrf_token": "x", "page_of_form": "/sessions?page=2"}
    for page, back in [
        ("/sessions?page=2", "&next=/sessions?page=2%26resume=1"),
        ("/sessions", "&next=/sessions?resume=1"),
        ("//attacker.example", ""),
        ("https://attacker.example/", ""),
        ("", ""),
    ]:
        ended = client.post("/password", data={**form, "page_of_form": page}, headers=FROM_HERE)
        assert (ended.status_code, ended.headers["Location"]) == (303, f"/sign-in?notice=session-over{back}")
    assert "Your session had ended" in client.get(ended.headers["Location"]).text
    by_script = client.post("/password", data=form, headers={**FROM_HERE, "HX-Request": "true"})
    assert by_script.status_code == 401
    assert by_script.headers["HX-Redirect"] == "/sign-in?notice=session-over&next=/sessions?page=2%26resume=1"
    # A script that sends a large body says it in a header: the whole address, with the place in the page.
    said = {**FROM_HERE, "HX-Request": "true", "HX-Current-URL": "http://localhost/sessions?page=2#main"}
    by_header = client.post("/password", data={"csrf_token": "x"}, headers=said)
    assert by_header.headers["HX-Redirect"] == by_script.headers["HX-Redirect"]


def test_only_signing_out_is_taken_from_a_page_of_another_service(accounts: Accounts) -> None:
    accounts.register()
    app = create_app(accounts.settings.model_copy(update=BESIDE))
    client = app.test_client()
    there = "http://localhost:5000"
    client.post("/sign-in", data={"login": EMAIL, "password": PASSWORD}, headers={"Origin": there}, base_url=there)
    value = token_in(client.get("/", base_url=there))
    from_a_page = {"Origin": "http://localhost:5002", "Sec-Fetch-Site": "same-site"}
    for path, value_sent, headers, status in [
        ("/sign-out", value, {"Origin": "http://localhost:5009", "Sec-Fetch-Site": "same-site"}, 403),
        ("/sign-out", value, {**from_a_page, "Sec-Fetch-Site": "cross-site"}, 403),
        ("/sign-out", "another value", from_a_page, 403),
        ("/sessions/end-others", value, from_a_page, 403),
        ("/password", value, from_a_page, 403),
        ("/sign-out", value, from_a_page, 303),
    ]:
        answer = client.post(path, data={"csrf_token": value_sent}, headers=headers, base_url=there)
        assert answer.status_code == status, (path, headers)
    app.extensions["database"].close()


def test_the_language_is_that_of_the_cookie_which_the_address_sets(accounts: Accounts, vera: FlaskClient) -> None:
    assert '<html lang="fr">' in vera.get("/", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).text
    chosen = vera.get("/?language=sr_Latn", headers={"Accept-Language": "fr"})
    (cookie,) = chosen.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"{LANGUAGE_COOKIE}=sr_Latn; ")
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=31536000"):
        assert f"; {attribute}" in cookie
    assert "Domain" not in cookie
    vera.set_cookie(LANGUAGE_COOKIE, "sr_Latn", secure=True)
    shown = vera.get("/", headers={"Accept-Language": "fr"})
    assert '<html lang="sr-Latn">' in shown.text
    assert "Promeni lozinku" in shown.text
    assert "član biračkog odbora" in shown.text
    # The public pages would not know.
    assert 'href="/results/?language=sr_Latn"' in shown.text
    wrong = submit(vera, "/password", current_password="wrong", new_password=ANOTHER, repeated_password=ANOTHER)
    assert "Sadašnja lozinka nije ispravna." in wrong.text
    assert 'href="/?language=fr"' in wrong.text
    for unknown in ("de", "../en", "", "en\r\nSet-Cookie: a=b"):
        answer = vera.get("/", query_string={"language": unknown})
        assert '<html lang="sr-Latn">' in answer.text
        assert "Set-Cookie" not in answer.headers


def test_who_reads_pages_is_told_by_a_page_what_is_not_here_and_a_program_by_an_answer(accounts: Accounts) -> None:
    reading = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "fr"}
    page = accounts.client.get("/nothing", headers=reading)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "Il n’y a rien à cette adresse." in page.text
    for path, headers, kind in [
        ("/nothing", {}, "application/json"),
        ("/nothing", {"Accept": "*/*"}, "application/json"),
        ("/api/nothing", reading, "application/problem+json"),
    ]:
        answer = accounts.client.get(path, headers=headers)
        assert (answer.status_code, answer.mimetype) == (404, kind)


@pytest.mark.parametrize("path", ["//attacker.example/a", "/\\attacker.example/a", "///attacker.example"])
def test_no_link_of_a_page_leads_to_the_host_that_its_address_names(accounts: Accounts, path: str) -> None:
    page = accounts.client.get("/", headers={"Accept": "text/html"}, environ_overrides={"PATH_INFO": path})
    assert page.status_code == 404
    assert "attacker.example" in page.text
    assert '"//' not in page.text
    assert '"/\\' not in page.text


def test_an_error_that_nobody_expected_is_a_page_without_its_words(service_settings: ServiceSettings) -> None:
    station = create_service("voting_station_service", "Station", service_settings(WebSettings), checks={})
    pages = page_blueprint("pages", "voting_station_service.pages")

    @pages.get("/broken")
    @public_page
    def broken() -> str:
        raise RuntimeError("hush")

    station.register_blueprint(pages)
    page = finish(station).test_client().get("/broken")
    assert (page.status_code, page.mimetype, page.headers["Cache-Control"]) == (500, "text/html", "no-store")
    assert "the operators can see it in the log" in page.text
    assert "hush" not in page.text
