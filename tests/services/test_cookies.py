"""Pages that people sign in to: which cookie lets in, and which forms are taken."""

from typing import Any

import jwt
import pytest
from apiflask import APIFlask
from flask import Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.auth import identity, requires
from shared.config import WebSettings
from shared.terms import Role
from shared.web import create_service, finish
from shared.web.cookies import COOKIE, NotSignedIn, csrf_value, let_in, let_out, page_requires, public_form
from tests.services.tokens import Keys, ServiceSettings, access_claims, new_keys, signed

HERE = "http://localhost"
FROM_HERE = {"Origin": HERE}
VALUE = "a-value-that-nobody-else-knows"


@pytest.fixture
def service(service_settings: ServiceSettings, keys: Keys) -> APIFlask:
    """A service with the public key only: a page for any account, one for officials, their forms, and a route."""
    app = create_service("results_service", "Pages", service_settings(WebSettings), checks={})
    app.register_error_handler(NotSignedIn, lambda _error: Response("sign in", 303))

    @app.get("/page")
    @page_requires()
    def page() -> str:
        return f"{identity().email} {csrf_value()}"

    @app.route("/form", methods=["POST", "PUT", "PATCH", "DELETE"])
    @page_requires(Role.OFFICIAL)
    def form() -> str:
        return "done"

    @app.post("/sign-in")
    @public_form
    def sign_in() -> Response:
        response = Response("in")
        let_in(response, token(keys))
        return response

    @app.post("/sign-out")
    @page_requires()
    def sign_out() -> Response:
        response = Response("out")
        let_out(response)
        return response

    @app.route("/api/things", methods=["GET", "POST"])
    @requires()
    def things() -> str:
        return identity().email

    return finish(app)


def token(keys: Keys, *roles: Role, **claims: Any) -> str:
    made = access_claims(*(roles or (Role.OFFICIAL,)), email="vera@example.org", jmbg="1", forename="V", surname="V")
    return signed({**made, "csrf": VALUE, **claims}, keys.private_pem)


def with_cookie(service: APIFlask, value: str) -> FlaskClient:
    client = service.test_client()
    client.set_cookie(COOKIE, value, secure=True)
    return client


def send(client: FlaskClient, path: str = "/form", method: str = "POST", **how: Any) -> TestResponse:
    return client.open(path, method=method, **{"data": {"csrf_token": VALUE}, "headers": FROM_HERE, **how})


def test_who_has_the_cookie_sees_pages_and_may_send_their_forms(service: APIFlask, keys: Keys) -> None:
    client = with_cookie(service, token(keys))
    shown = client.get("/page")
    assert shown.text == f"vera@example.org {VALUE}"
    # A change of one's own account or another's is in no cache, and neither is a page of one person.
    assert shown.headers["Cache-Control"] == "no-store"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert send(client, method=method).text == "done"
    in_header = {**FROM_HERE, "X-CSRF-TOKEN": VALUE}
    assert send(client, data={}, headers=in_header).status_code == 403, "The value is taken from the form only."


def test_the_cookie_is_for_this_host_and_secure_connections_and_no_script_and_no_other_site(service: APIFlask) -> None:
    client = service.test_client()
    (written,) = client.post("/sign-in", headers=FROM_HERE).headers.getlist("Set-Cookie")
    name, *attributes = written.split("; ")
    assert name.startswith("__Host-urna=ey")
    assert "Domain" not in written
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=3600"} <= set(attributes)
    assert client.get("/page").status_code == 200
    out = send(client, "/sign-out")
    assert out.headers["Cache-Control"] == "no-store"
    (taken,) = out.headers.getlist("Set-Cookie")
    assert taken.startswith("__Host-urna=; ")
    assert {"Secure", "Path=/", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"} <= set(taken.split("; "))
    assert client.get("/page").status_code == 303


@pytest.mark.parametrize("sent", [None, "", "another", "none", "ključ", VALUE[:-1], VALUE + "a"])
def test_a_form_without_the_value_of_its_own_log_in_is_refused(service: APIFlask, keys: Keys, sent: str | None) -> None:
    client = with_cookie(service, token(keys))
    assert send(client).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused = send(client, method=method, data={} if sent is None else {"csrf_token": sent})
        assert refused.status_code == 403
    # In the address it could be logged and passed on.
    assert send(client, f"/form?csrf_token={VALUE}", data={}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Origin": HERE}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        # Behind a proxy that does not say the scheme, the browser knows better.
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": HERE}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://attacker.example"}, False),
        ({"Origin": "http://localhost.attacker.example"}, False),
        ({"Origin": "http://localhost:8080"}, False),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "null"}, False),
        ({"Referer": f"{HERE}/page"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_a_form_of_another_sites_page_is_refused_even_with_the_value(
    service: APIFlask, keys: Keys, headers: dict[str, str], taken: bool
) -> None:
    client = with_cookie(service, token(keys))
    assert send(client, headers=headers).status_code == (200 if taken else 403)
    # Nor can another site's page sign somebody in, as somebody else.
    assert send(service.test_client(), "/sign-in", headers=headers).status_code == (200 if taken else 403)


def test_a_cookie_that_lets_nobody_in_is_as_good_as_none(service: APIFlask, keys: Keys) -> None:
    public_as_secret = jwt.encode(
        access_claims(Role.OFFICIAL, email="a@b.cd", jmbg="1", forename="V", surname="V") | {"csrf": VALUE},
        "k" * 32,
        algorithm="HS256",
    )
    for value in (
        "",
        "garbage",
        "a.b.c",
        token(new_keys()),
        token(keys, exp=1_000_000_000),
        token(keys, csrf=""),
        public_as_secret,
        # What was made for a header brings no value for forms.
        signed(access_claims(Role.OFFICIAL, email="a@b.cd", jmbg="1", forename="V", surname="V"), keys.private_pem),
    ):
        client = with_cookie(service, value)
        assert client.get("/page").status_code == 303, value
        assert send(client).status_code == 303, value
    assert service.test_client().get("/page").status_code == 303


def test_a_refresh_token_in_the_cookie_lets_nobody_in(service: APIFlask, keys: Keys) -> None:
    client = with_cookie(service, token(keys, type="refresh"))
    assert client.get("/page").status_code == 303
    assert send(client).status_code == 303


def test_a_page_asks_for_a_role_as_a_route_does(service: APIFlask, keys: Keys) -> None:
    assert send(with_cookie(service, token(keys, Role.OFFICIAL))).status_code == 200
    assert send(with_cookie(service, token(keys, Role.VOTER, Role.AUDITOR))).status_code == 403


def test_a_route_takes_no_cookie_and_a_page_no_header(service: APIFlask, keys: Keys) -> None:
    client = with_cookie(service, token(keys))
    assert client.get("/api/things").status_code == 401
    assert send(client, "/api/things").status_code == 401
    header = {"Authorization": f"Bearer {token(keys)}"}
    assert service.test_client().post("/api/things", headers=header).status_code == 200, "A header needs no value."
    assert service.test_client().get("/page", headers=header).status_code == 303
