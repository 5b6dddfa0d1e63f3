"""The plain pages of the results service."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from results_service.app import create_app
from shared.config import ResultsSettings
from shared.schema.election import CANCELLED
from shared.terms import Refusal
from shared.web.cookies import COOKIE
from shared.web.pages.language import COOKIE as LANGUAGE_COOKIE
from tests.services.recorded import Recorded
from tests.services.tokens import ServiceSettings

# Without watchers, nothing is asked of Redis.
NO_REDIS = "redis://127.0.0.1:1/0"

NOW = datetime.now(UTC).replace(microsecond=0)
OVER = (NOW - timedelta(hours=2), NOW - timedelta(hours=1))
OPEN = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))


@pytest.fixture
def client(night: Recorded, sqlite_url: str, service_settings: ServiceSettings) -> Iterator[FlaskClient]:
    app = create_app(service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=NO_REDIS))
    yield app.test_client()
    app.extensions["database"].close()


def test_the_first_page_lists_elections_and_links_to_their_results(night: Recorded, client: FlaskClient) -> None:
    assert "No election has been published yet." in client.get("/").text
    election = night.election(hours=OVER, title="Assembly <2026>")
    text = client.get("/").text
    assert "Assembly &lt;2026&gt;" in text
    assert f'href="/elections/{election}"' in text


def test_a_result_is_readable_without_a_script(night: Recorded, client: FlaskClient) -> None:
    election = night.election(["<script>alert(1)</script>", "Right", "Small"], hours=OVER)
    night.part(election, {1: 60_000, 2: 39_000, 3: 1_000}, [(1, Refusal.DUPLICATE)], received_at=OVER[0])
    night.drained(NOW, NOW)
    page = client.get(f"/elections/{election}")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "The result is final." in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    for shown in ("60,000", "60.00%", "152", "5,000 votes", "Small"):
        assert shown in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_of_a_result_that_may_change_follows_its_stream_and_that_of_a_final_one_stands_still(
    night: Recorded, client: FlaskClient
) -> None:
    election = night.election(hours=OPEN)
    for prefix in ("", "/results"):
        page = client.get(f"/elections/{election}", environ_overrides={"SCRIPT_NAME": prefix})
        tag = page.headers["ETag"].strip('"')
        shown = re.search(r'<main [^>]* data-tag="(\w+)" data-live="([^"]+)">', page.text)
        assert shown is not None
        assert shown.group(2) == f"{prefix}/api/elections/{election}/live"
        # The page's own tag differs by language, and by release.
        assert tag.startswith(f"{shown.group(1)}-en-")
        (script_address,) = re.findall(r'<script src="([^"]+)" defer></script>', page.text)
        assert re.fullmatch(prefix + r"/static/[0-9a-f]{16}/live\.js", script_address)
    policy = page.headers["Content-Security-Policy"]
    for allowed in ("script-src 'self';", "connect-src 'self';"):
        assert allowed in policy
    assert "unsafe" not in policy
    assert shown is not None
    assert shown.group(1) == client.get(f"/api/elections/{election}/results").headers["ETag"].strip('"')
    with client.get(script_address.removeprefix("/results")) as script:
        assert (script.status_code, script.mimetype) == (200, "text/javascript")
    final = night.election(hours=OVER)
    night.drained(NOW, NOW)
    text = client.get(f"/elections/{final}").text
    assert "<script" not in text
    assert "data-live" not in text


def test_a_page_has_an_etag_too(night: Recorded, client: FlaskClient) -> None:
    for path in ("/", f"/elections/{night.election(hours=OVER)}"):
        tag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_a_cancelled_election_says_why(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OVER, stage=CANCELLED, cancelled_reason="A flood.")
    assert "The election was cancelled: A flood." in client.get(f"/elections/{election}").text


def test_an_unknown_election_is_a_page_too(client: FlaskClient) -> None:
    page = client.get("/elections/7")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is no election 7." in page.text


def test_the_style_comes_from_the_service_itself(client: FlaskClient) -> None:
    address = re.findall(r'<link rel="stylesheet" href="([^"]+)">', client.get("/").text)[0]
    # A file is answered as a stream, which has to be closed.
    with client.get(address) as page:
        assert (page.status_code, page.mimetype) == (200, "text/css")
        assert page.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    # During an update a process is asked for the file of another one, which nobody may keep under that name.
    with client.get("/static/0123456789abcdef/pages.css") as page:
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-cache")
    for name in ("nothing.css", "../pages.py", "%2e%2e/pages.py", "/etc/passwd"):
        assert client.get(f"/static/0/{name}").status_code in (404, 308)


@pytest.mark.parametrize("threshold", ["1/30", "0.05", "0"])
def test_any_threshold_can_be_shown(night: Recorded, client: FlaskClient, threshold: str) -> None:
    rules = {"seats": 3, "method": "dhondt", "threshold": threshold, "threshold_base": "ballots_cast"}
    election = night.election(hours=OVER, rules=rules)
    expected = {"1/30": "3.33%", "0.05": "5.00%", "0": "0.00%"}[threshold]
    assert expected in client.get(f"/elections/{election}").text


LANGUAGES = {
    "en": ("en", "Published elections", "final"),
    "sr_Cyrl": ("sr-Cyrl", "Објављени избори", "коначни"),
    "sr_Latn": ("sr-Latn", "Objavljeni izbori", "konačni"),
    "fr": ("fr", "Élections publiées", "définitive"),
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_page_is_in_the_language_of_its_address_which_its_links_keep(
    night: Recorded, client: FlaskClient, code: str
) -> None:
    election = night.election(hours=OVER)
    night.part(election, {1: 60_000}, received_at=OVER[0])
    night.drained(NOW, NOW)
    tag, *words = LANGUAGES[code]
    page = client.get(f"/?language={code}", headers={"Accept-Language": "fr"})
    assert f'<html lang="{tag}">' in page.text
    for word in words:
        assert word in page.text
    assert f'href="/elections/{election}?language={code}"' in page.text
    assert "Accept-Language" not in page.headers.get("Vary", "")
    result = client.get(f"/elections/{election}?language={code}").text
    separator = {"en": ",", "fr": "\u202f"}.get(code, ".")
    assert f">60{separator}000<" in result


def test_a_public_page_follows_the_browser_and_no_cookie(night: Recorded, client: FlaskClient) -> None:
    night.election(hours=OVER)
    plain = {name: client.get("/", headers={"Accept-Language": name}) for name in ("sr", "sr-Latn", "fr", "de")}
    assert ["Избори" in plain["sr"].text, "Izbori" in plain["sr-Latn"].text, "Élections" in plain["fr"].text] == [
        True
    ] * 3
    assert '<html lang="en">' in plain["de"].text
    tags = {answer.headers["ETag"] for answer in plain.values()}
    assert len(tags) == 4
    for name, answer in plain.items():
        assert "Accept-Language" in answer.headers["Vary"]
        assert answer.headers["Cache-Control"].startswith("public, ")
        known = {"If-None-Match": answer.headers["ETag"], "Accept-Language": name}
        again = client.get("/", headers=known)
        assert (again.status_code, "Accept-Language" in again.headers["Vary"]) == (304, True)
        # What is known in another language is another page.
        other = {**known, "Accept-Language": "fr" if name != "fr" else "sr"}
        assert client.get("/", headers=other).status_code == 200
        cookies = f"{COOKIE}=something; {LANGUAGE_COOKIE}=fr"
        with_cookies = client.get("/", headers={"Accept-Language": name, "Cookie": cookies})
        assert with_cookies.data == answer.data
        assert "Set-Cookie" not in with_cookies.headers
