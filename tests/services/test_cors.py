"""Whose pages may read the answers of a service: those of the origins on the list, and nobody else's."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from apiflask import APIFlask

from shared.config import SERVICE_SETTINGS, load
from shared.errors import Misconfigured
from tests.source import WEB_SERVICES
from tests.test_architecture import close, settings_of

LISTED, ALSO_LISTED = "https://pages.example", "http://127.0.0.1:8080"
STRANGERS = [
    "https://other.example",
    "null",
    "https://sub.pages.example",
    "https://pages.example.attacker.example",
    "https://attackerpages.example",
    "https://pages-example",
    "https://pages.example:8443",
    "http://pages.example",
    "https://pages.example/",
    "https://pages.example https://other.example",
    "http://127.0.0.1:80801",
    "file://",
    "*",
]
# An answer, and refusals of each kind: not found, no token, another method, no JSON.
ASKED = [("GET", "/health/live"), ("GET", "/nothing"), ("GET", "/api/nothing"), ("POST", "/health/live")]
GUARDED = {
    "authentication_service": "/api/profile",
    "admin_service": "/getParticipants",
    "voting_station_service": "/api/elections",
    "results_service": "/api/elections/1/results",
}


@pytest.fixture(params=WEB_SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[tuple[APIFlask, str]]:
    """A service with a list of two origins, and a route that refuses, or needs a store that is not there."""
    yield from _running(str(request.param), [LISTED, ALSO_LISTED])


@pytest.fixture(params=WEB_SERVICES)
def closed_service(request: pytest.FixtureRequest) -> Iterator[tuple[APIFlask, str]]:
    """The same with no list."""
    yield from _running(str(request.param), [])


def _running(name: str, origins: list[str]) -> Iterator[tuple[APIFlask, str]]:
    settings = load(SERVICE_SETTINGS[name], _env_file=None, **settings_of(name), cors_origins=origins)
    app = import_module(f"{name}.app").create_app(settings)
    # What goes wrong on purpose is answered here, too.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield app, GUARDED[name]
    close(app)


def test_a_page_of_a_listed_origin_may_read_answers_and_refusals(service: tuple[APIFlask, str]) -> None:
    app, guarded = service
    for origin in (LISTED, ALSO_LISTED):
        for method, path in [*ASKED, ("GET", guarded)]:
            answer = app.test_client().open(path, method=method, headers={"Origin": origin})
            assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin], (method, path)
            assert "Origin" in answer.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", STRANGERS)
def test_no_other_page_may_read_anything(service: tuple[APIFlask, str], origin: str) -> None:
    app, guarded = service
    for method, path in [*ASKED, ("GET", guarded)]:
        answer = app.test_client().open(path, method=method, headers={"Origin": origin})
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")], (method, path)
        # A cache must not give this answer to a page that may read it, nor the other way round.
        assert "Origin" in answer.headers["Vary"]


def test_an_answer_to_no_page_at_all_names_no_origin_and_says_that_it_depends_on_one(
    service: tuple[APIFlask, str],
) -> None:
    app, guarded = service
    for method, path in [*ASKED, ("GET", guarded)]:
        answer = app.test_client().open(path, method=method)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


def test_a_browser_that_asks_first_is_told_what_a_listed_page_may_send(service: tuple[APIFlask, str]) -> None:
    app, guarded = service
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization, if-match"}
    told = app.test_client().options(guarded, headers={"Origin": LISTED, **asked})
    assert told.status_code == 200
    assert told.headers["Access-Control-Allow-Origin"] == LISTED
    assert "PATCH" in told.headers["Access-Control-Allow-Methods"]
    assert told.headers["Access-Control-Allow-Headers"] == "authorization, if-match"
    assert "Access-Control-Allow-Credentials" not in told.headers
    refused = app.test_client().options(guarded, headers={"Origin": STRANGERS[0], **asked})
    assert not [name for name, _ in refused.headers if name.startswith("Access-Control-")]


def test_without_a_list_no_page_may_read_anything(closed_service: tuple[APIFlask, str]) -> None:
    app, guarded = closed_service
    for origin in (LISTED, *STRANGERS):
        for method, path in [*ASKED, ("GET", guarded), ("OPTIONS", guarded)]:
            answer = app.test_client().open(path, method=method, headers={"Origin": origin})
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize(
    "listed", ["*", "null", "https://pages.example/", "pages.example", "https://*.example", ".*", "https://a.b/c"]
)
def test_what_is_no_origin_is_not_taken_into_the_list(listed: str) -> None:
    name = WEB_SERVICES[0]
    with pytest.raises(Misconfigured, match="CORS_ORIGINS"):
        load(SERVICE_SETTINGS[name], _env_file=None, **settings_of(name), cors_origins=[LISTED, listed])
