"""How each ballot was cast, by its GUID: for everybody, once the count is final and if the election's rules say so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from results_service.app import create_app
from results_service.store.choices import PUBLISHED
from shared.config import ResultsSettings
from shared.schema.election import Election
from tests.services.casting import voted
from tests.services.counting import Counting, counting, guid
from tests.services.tokens import ServiceSettings


@pytest.fixture
def suite(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, partitions=1) as made:
        yield made


@pytest.fixture
def client(suite: Counting, service_settings: ServiceSettings) -> Iterator[FlaskClient]:
    url = suite.database.engine.url.render_as_string(hide_password=False)
    app = create_app(service_settings(ResultsSettings, election_database_url=url, redis_url=suite.redis_url))
    yield app.test_client()
    app.extensions["database"].close()


def published(suite: Counting) -> int:
    """An open election that publishes choices; of its ballots three count, one is sent twice, one for nobody."""
    election = voted(suite)
    change(suite, election, choices_public=True)
    suite.accept([(guid(3), 1), (guid(1), 3), (guid(3), 2), (guid(4), 9), (guid(2), 2)], election=election)
    suite.record_all()
    return election


def change(suite: Counting, election: int, **values: Any) -> None:
    with suite.database.writing() as session:
        row = session.get_one(Election, election)
        for name, value in values.items():
            setattr(row, name, value)


def asked(client: FlaskClient, election: int, path: str = "choices") -> tuple[int, Any]:
    answer = client.get(f"/api/elections/{election}/{path}")
    return answer.status_code, answer.get_json() if answer.is_json else answer.text


def in_view(suite: Counting) -> int:
    with suite.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(PUBLISHED)) or 0


def test_they_are_told_when_the_count_is_final_and_only_where_the_rules_say_so(
    suite: Counting, client: FlaskClient
) -> None:
    election = published(suite)
    receipt, lists = f"receipts/{guid(3)}", ("choices", "choices.csv", "counted-ballots", "counted-ballots.csv")
    for _ in range(2):
        assert [asked(client, election, path)[0] for path in lists] == [409] * 4
        assert asked(client, election, receipt)[1]["poll_number"] is None
        # Nor could a service that was broken into read them: of the ballots it has no more rights.
        assert in_view(suite) == 0
        change(suite, election, end=datetime.now(UTC))
    suite.note_that_nothing_waits()
    # That a ballot was counted everybody may know, however it was cast.
    all_guids = [{"guid": guid(number)} for number in (1, 2, 3)]
    assert asked(client, election, "counted-ballots") == (200, {"items": all_guids, "next": None})
    told = [(guid(number), poll_number) for number, poll_number in ((1, 3), (2, 2), (3, 1))]
    items = [{"guid": one, "poll_number": number} for one, number in told]
    assert asked(client, election) == (200, {"items": items, "next": None})
    # Page after page they are the same.
    _, first = asked(client, election, "choices?limit=2")
    assert (first["items"], first["next"]) == (items[:2], items[1]["guid"])
    assert asked(client, election, f"choices?limit=2&after={first['next']}")[1]["items"] == items[2:]
    lines = "".join(f"{one},{number}\r\n" for one, number in told)
    assert asked(client, election, "choices.csv") == (200, f"guid,poll_number\r\n{lines}")
    assert asked(client, election, receipt)[1]["poll_number"] == 1
    assert asked(client, election, f"receipts/{guid(4)}")[1] == {
        "election_id": election,
        "guid": guid(4),
        "counted": False,
        "reason": "invalid_poll_number",
        "poll_number": None,
        "repeated": False,
    }
    assert client.get(f"/api/elections/{election}").get_json()["choices_public"] is True
    assert "choices.csv" in client.get(f"/elections/{election}").text
    # The same election with other rules tells none of it.
    change(suite, election, choices_public=False)
    assert [asked(client, election, path)[0] for path in lists] == [404, 404, 200, 200]
    assert asked(client, election, receipt)[1] | {"guid": ""} == {
        "election_id": election,
        "guid": "",
        "counted": True,
        "reason": None,
        "poll_number": None,
        "repeated": True,
    }
    assert in_view(suite) == 0
    assert "choices.csv" not in client.get(f"/elections/{election}").text


def test_the_numbers_of_all_counted_ballots_are_public_once_the_count_is_final_and_can_be_counted(
    suite: Counting, client: FlaskClient
) -> None:
    election = published(suite)
    change(suite, election, choices_public=False)
    page, link = f"/elections/{election}", f"/api/elections/{election}/counted-ballots.csv"
    for _ in range(2):
        assert (client.get(link).status_code, link in client.get(page).text) == (409, False)
        change(suite, election, end=datetime.now(UTC))
    suite.note_that_nothing_waits()
    # Sorted, and without the one for nobody, which also stands in the way of no other.
    numbers = [guid(number) for number in (1, 2, 3)]
    assert client.get(link).text == "".join(f"{line}\r\n" for line in ("guid", *numbers))
    assert len(numbers) == client.get(f"/api/elections/{election}/results").get_json()["ballots"]["counted"]
    _, first = asked(client, election, "counted-ballots?limit=2")
    assert ([one["guid"] for one in first["items"]], first["next"]) == (numbers[:2], numbers[1])
    _, second = asked(client, election, f"counted-ballots?limit=2&after={first['next']}")
    assert second == {"items": [{"guid": numbers[2]}], "next": None}
    assert [client.get(f"/api/elections/{election}/receipts/{one}").get_json()["counted"] for one in numbers] == [
        True
    ] * 3
    assert link in client.get(page).text
    # Where nobody has a receipt there is no list.
    change(suite, election, ballot_key=None)
    assert (client.get(link).status_code, link in client.get(page).text) == (404, False)


def test_who_has_them_already_is_told_so_and_only_while_everybody_may_read_them(
    suite: Counting, client: FlaskClient
) -> None:
    election = published(suite)
    change(suite, election, end=datetime.now(UTC))
    suite.note_that_nothing_waits()
    paths = [f"/api/elections/{election}/{path}" for path in ("choices", "choices?limit=2", "choices.csv")]
    numbers = [path.replace("choices", "counted-ballots") for path in paths]
    for path in (*numbers, *paths):
        first = client.get(path)
        assert first.status_code == 200
        # As the result itself: what is final still gets a lot drawn.
        result = client.get(f"/api/elections/{election}/results")
        assert first.headers["Cache-Control"] == result.headers["Cache-Control"] == "public, max-age=60"
        tag = first.headers["ETag"]
        # A proxy that compresses makes it a weak one.
        for sent in (tag, f"W/{tag}", f'"other", {tag}'):
            again = client.get(path, headers={"If-None-Match": sent})
            assert (again.status_code, again.data) == (304, b"")
            assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "public, max-age=60")
            assert "Content-Disposition" not in again.headers
        assert client.get(path, headers={"If-None-Match": '"other"'}).data == first.data
    # Whoever has them is told no more than anybody else where they are not (yet) public.
    change(suite, election, choices_public=False)
    for path in paths:
        refused = client.get(path, headers={"If-None-Match": tag})
        assert refused.status_code == 404
        assert "ETag" not in refused.headers
    change(suite, election, choices_public=True, end=datetime.now(UTC) + timedelta(hours=1))
    for path in paths:
        held_back = client.get(path, headers={"If-None-Match": tag})
        assert held_back.status_code == 409
        assert "ETag" not in held_back.headers


def test_the_pages_say_that_choices_will_be_published_while_votes_are_held_back(
    suite: Counting, client: FlaskClient
) -> None:
    election = published(suite)
    pages = [f"/elections/{election}", f"/elections/{election}/why"]

    def said() -> list[bool]:
        return ['id="choices-public"' in client.get(page).text for page in pages]

    assert said() == [True, True]
    change(suite, election, choices_public=False)
    assert said() == [False, False]


def test_the_tag_is_another_one_when_another_ballot_counts(suite: Counting, client: FlaskClient) -> None:
    election = published(suite)
    change(suite, election, end=datetime.now(UTC))
    suite.note_that_nothing_waits()
    path = f"/api/elections/{election}/choices"
    before = client.get(path)
    # As after a part that had been laid aside: open once more, and final again with one ballot more.
    change(suite, election, end=datetime.now(UTC) + timedelta(hours=1))
    suite.accept([(guid(5), 1)], election=election)
    suite.record_all()
    change(suite, election, end=datetime.now(UTC))
    suite.note_that_nothing_waits()
    after = client.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert [one["guid"] for one in after.get_json()["items"]] == [guid(1), guid(2), guid(3), guid(5)]
    assert after.headers["ETag"] != before.headers["ETag"]
