"""The page of who stands in an election: approved candidates, list after list, for everybody and without a script."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from results_service.app import create_app
from shared.config import ResultsSettings
from shared.schema.election import DRAFT, Candidate, CandidatePublication
from tests.services.recorded import Recorded
from tests.services.standing import approve
from tests.services.tokens import ServiceSettings

NO_REDIS = "redis://127.0.0.1:1/0"
NOW = datetime.now(UTC)
OPEN = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def client(sqlite_url: str, night: Recorded, service_settings: ServiceSettings) -> Iterator[FlaskClient]:
    app = create_app(service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=NO_REDIS))
    yield app.test_client()
    app.extensions["database"].close()


def seen(text: str) -> list[str]:
    """The names of lists and candidates in the order of the page."""
    return re.findall(r"<h[23][^>]*>([^<]*)</h[23]>", text.partition("<main")[2])


def test_lists_and_their_approved_candidates_stand_in_order_with_words_and_photographs(
    night: Recorded, client: FlaskClient
) -> None:
    election = night.election(("Left", HOSTILE, "Nobody's"), hours=OPEN, title="Assembly")
    ola = approve(night, election, 2, "Ola", "Ilić", place=2, post="Deputy", biography="Born in Ada.\nLives there.")
    ana = approve(night, election, 2, "Ana", HOSTILE, place=1, has_picture=True)
    approve(night, election, 1, "Una", "Unić")
    with night.database.writing() as session:
        # What is being changed since is nobody's business.
        session.get_one(Candidate, ola).forename = "Changed"
    text = client.get(f"/elections/{election}/candidates").text
    hostile = "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert seen(text) == ["1 Left", "Una Unić", f"2 {hostile}", f"Ana {hostile}", "Ola Ilić"]
    assert "Born in Ada.\nLives there." in text
    assert "<script>alert" not in text
    assert re.findall(r'<td class="number">([0-9]+)</td></tr>', text) == ["1", "2", "0"]
    (address,) = re.findall(r'<img[^>]* src="([^"]+)"', text)
    assert address == f"/api/elections/{election}/candidates/{ana}/picture?size=small"
    assert client.get(address).mimetype == "image/jpeg"
    # From every page of the election, and one list by itself.
    assert f'href="/elections/{election}/candidates"' in client.get(f"/elections/{election}").text
    assert seen(client.get(f"/elections/{election}/candidates?list=1").text) == ["1 Left", "Una Unić"]
    empty = client.get(f"/elections/{election}/candidates?list=3").text
    assert "No candidate of this list has been approved." in empty
    for path in (f"{election}/candidates?list=4", "77/candidates", f"{night.election(stage=DRAFT)}/candidates"):
        assert client.get(f"/elections/{path}").status_code == 404


def test_the_page_has_an_etag_that_changes_with_what_is_approved(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OPEN)
    path, tags = f"/elections/{election}/candidates", []
    ola = approve(night, election, 1, "Ola", "Ilić")
    for change in ({}, {"biography": "New."}, {"sha256": "0" * 64}, None):
        with night.database.writing() as session:
            if change:
                session.execute(sa.update(CandidatePublication).values(change))
            if change is None:
                session.delete(session.get_one(CandidatePublication, ola))
        page = client.get(path)
        assert page.headers["Cache-Control"] == "public, max-age=1"
        assert client.get(path, headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
        tags.append(page.headers["ETag"])
    assert len(set(tags)) == 4
    assert "No candidate of this election has been approved." in page.text


def test_a_long_list_has_fifty_candidates_on_a_page(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OPEN)
    for place in range(1, 53):
        approve(night, election, 1, f"No{place}", "Ilić", place=place)
    approve(night, election, 2, "Una", "Unić")
    path = f"/elections/{election}/candidates"
    first, second = seen(client.get(path).text), seen(client.get(f"{path}?page=2").text)
    assert first == ["1 Left", *(f"No{place} Ilić" for place in range(1, 51))]
    assert second == ["1 Left", "No51 Ilić", "No52 Ilić", "2 Right", "Una Unić"]
    alone = client.get(f"{path}?list=1").text
    assert 'href="?list=1&amp;page=2"' in alone
    assert len(seen(client.get(f"{path}?list=1&page=2").text)) == 3
    for page in ("0", "-1", "none", "9" * 30):
        for of in (path, f"/elections/{election}/corrections"):
            assert client.get(f"{of}?page={page}").status_code == 200
