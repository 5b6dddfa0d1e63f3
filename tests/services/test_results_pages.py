"""The plain pages of the results service."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from results_service.app import create_app
from shared.config import ResultsSettings
from shared.schema.election import CANCELLED
from shared.terms import Refusal
from tests.services.recorded import Recorded
from tests.services.tokens import ServiceSettings

# Without watchers, nothing is asked of Redis.
NO_REDIS = "redis://127.0.0.1:1/0"

NOW = datetime.now(UTC).replace(microsecond=0)
OVER = (NOW - timedelta(hours=2), NOW - timedelta(hours=1))
OPEN = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))


@pytest.fixture
def night(sqlite_url: str) -> Iterator[Recorded]:
    recorded = Recorded(sqlite_url)
    yield recorded
    recorded.close()


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
    for shown in ("60\u202f000", "60.00 %", "152", "5\u202f000 votes", "Small"):
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
        assert f'<main data-tag="{tag}" data-live="{prefix}/api/elections/{election}/live">' in page.text
        assert f'<script src="{prefix}/static/live.js" defer></script>' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert tag == client.get(f"/api/elections/{election}/results").headers["ETag"].strip('"')
    with client.get("/static/live.js") as script:
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
    # A file is answered as a stream, which has to be closed.
    with client.get("/static/results.css") as page:
        assert (page.status_code, page.mimetype) == (200, "text/css")


@pytest.mark.parametrize("threshold", ["1/30", "0.05", "0"])
def test_any_threshold_can_be_shown(night: Recorded, client: FlaskClient, threshold: str) -> None:
    rules = {"seats": 3, "method": "dhondt", "threshold": threshold, "threshold_base": "ballots_cast"}
    election = night.election(hours=OVER, rules=rules)
    expected = {"1/30": "3.33 %", "0.05": "5.00 %", "0": "0.00 %"}[threshold]
    assert expected in client.get(f"/elections/{election}").text
