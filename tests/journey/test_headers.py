"""What every answer of every running service says to browsers and caches, whatever it answers."""

import re
import socket
from collections.abc import Iterator, Mapping
from importlib import import_module
from urllib.parse import urlsplit

import httpx
import pytest

from shared.config import SERVICE_SETTINGS, load
from tests.journey.people import Journey
from tests.source import WEB_SERVICES
from tests.test_architecture import close, settings_of

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Streams never end, so only their beginning is looked at; which has the same headers.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def rules(service: str) -> list[tuple[str, frozenset[str]]]:
    """Every route of a service with an existing value in place of its parameters, and the methods that it takes."""
    app = import_module(f"{service}.app").create_app(
        load(SERVICE_SETTINGS[service], _env_file=None, **settings_of(service))
    )
    close(app)
    found = [(re.sub(r"<[^>]*>", "1", rule.rule), frozenset(rule.methods or ())) for rule in app.url_map.iter_rules()]
    files = [
        "/api/static/explorer.js",
        "/api/static/vendor/swagger-ui/swagger-ui.css",
        "/api/static/../auth.py",
        "/static/nothing",
        "/nothing",
        "/api/nothing",
    ]
    return [*found, *((path, frozenset({"GET"})) for path in files)]


def answers(journey: Journey, service: str) -> Iterator[tuple[str, bool, httpx.Response]]:
    """What every route answers to every method, without and with a token, and to bodies that it cannot read."""
    address = journey.suite.facts["addresses"][service]
    token = {"Authorization": f"Bearer {access_token(journey)}"}
    tries: list[tuple[Mapping[str, str], bytes]] = [
        ({}, b""),
        (token, b""),
        ({**token, "Content-Type": "application/json"}, b"{"),
        ({"Authorization": "Bearer garbage"}, b""),
    ]
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        for path, _ in rules(service):
            for method in METHODS:
                for headers, body in tries if path != "/delete" else tries[:1]:
                    with client.stream(method, path, headers=headers, content=body) as answer:
                        yield f"{method} {path} {answer.status_code}", "Authorization" in headers, answer


def access_token(journey: Journey) -> str:
    login = journey.suite.facts["administrator"]
    answer = httpx.post(
        f"{journey.suite.addresses.authentication}/api/login",
        json={"login": login["email"], "password": login["password"]},
        trust_env=False,
    )
    assert answer.status_code == 200
    return str(answer.json()["access_token"])


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


@pytest.mark.parametrize("service", WEB_SERVICES)
def test_every_answer_of_every_route_says_how_browsers_and_caches_have_to_treat_it(
    journey: Journey, service: str
) -> None:
    statuses = set()
    for what, with_token, answer in answers(journey, service):
        statuses.add(answer.status_code)
        assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED, what
        for name in {*EXPECTED, "Content-Security-Policy", "Cache-Control", "Permissions-Policy"}:
            assert len(answer.headers.get_list(name)) == 1, (what, name)
        # Browsers do not say of a form where it was when its page may tell nobody.
        refers = ("no-referrer", "same-origin", "strict-origin-when-cross-origin")
        assert answer.headers.get_list("Referrer-Policy") in [[word] for word in refers], what
        assert "geolocation=()" in answer.headers["Permissions-Policy"]
        policy = directives(answer.headers["Content-Security-Policy"])
        assert policy["default-src"] == ["'none'"], what
        for name in ("base-uri", "frame-ancestors"):
            assert policy[name] == ["'none'"], what
        # A form's answer may lead on to another service of the suite, which has another port here.
        others = sorted(address for name, address in journey.suite.facts["addresses"].items() if name != service)
        assert policy["form-action"] in (["'none'"], ["'self'"], ["'self'", *others]), what
        assert "'unsafe-inline'" not in str(policy), what
        assert "'unsafe-eval'" not in str(policy), what
        # "gunicorn" is no news, its version would be.
        assert not re.search(r"[0-9]", answer.headers.get("Server", "")), what
        assert "X-Powered-By" not in answer.headers
        kept = answer.headers["Cache-Control"]
        assert kept == "no-store" or kept.startswith(("public, ", "no-cache")), what
        if with_token and answer.status_code == 200 and kept != "no-store":
            # Who asks for what everybody may see gets no other answer for a token.
            assert service == "results_service" or "/static/" in what or "/api/docs" in what, what
        if "Set-Cookie" in answer.headers:
            assert kept == "no-store", what
    assert {200, 404, 405} <= statuses
    # The results are for everybody, with any token.
    assert 401 in statuses or service == "results_service"
    assert 500 not in statuses


@pytest.mark.parametrize("service", WEB_SERVICES)
def test_an_answer_to_what_is_no_http_has_the_same_headers(journey: Journey, service: str) -> None:
    where = urlsplit(journey.suite.facts["addresses"][service])
    for sent, status in [
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: secret\r\n\r\n", 400),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: unheard-of\r\n\r\n", 501),
    ]:
        with socket.create_connection((where.hostname, where.port), timeout=30) as client:
            client.sendall(sent)
            head, _, body = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first.startswith(f"HTTP/1.1 {status} "), (sent[:60], first)
        headers = dict(line.split(": ", 1) for line in lines)
        assert {name: headers.get(name) for name in EXPECTED} == EXPECTED
        assert headers["Cache-Control"] == "no-store"
        assert directives(headers["Content-Security-Policy"])["default-src"] == ["'none'"]
        assert headers["Content-Type"] == "application/problem+json"
        assert b"secret" not in body
        assert b"aaaa" not in body
