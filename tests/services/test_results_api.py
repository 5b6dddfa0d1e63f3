"""The results service as everybody meets it: elections, results, refused ballots."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from results_service.app import create_app
from shared.config import ResultsSettings
from shared.database import Database
from shared.schema.election import CANCELLED, DRAFT, Election, Participant
from shared.terms import Refusal
from tests.services.recorded import Recorded
from tests.services.tokens import ServiceSettings

# Without watchers, nothing is asked of Redis.
NO_REDIS = "redis://127.0.0.1:1/0"

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
# The hours of an election that is over, and of one that is open.
OVER = (NOW - 3 * HOUR, NOW - 2 * HOUR)
OPEN = (NOW - HOUR, NOW + HOUR)
DURING = NOW - 3 * HOUR


@pytest.fixture
def client(sqlite_url: str, service_settings: ServiceSettings) -> Iterator[FlaskClient]:
    app = create_app(service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=NO_REDIS))
    yield app.test_client()
    app.extensions["database"].close()


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    response = client.get(path)
    assert response.status_code == status, response.text
    return response.get_json()


def test_published_elections_are_listed_with_their_states_and_drafts_are_not(
    night: Recorded, client: FlaskClient
) -> None:
    over = night.election(hours=OVER, title="Over")
    current = night.election(hours=OPEN)
    night.election(hours=OPEN, stage=DRAFT)
    cancelled = night.election(hours=(NOW + HOUR, NOW + 2 * HOUR), stage=CANCELLED, cancelled_reason="Flood")
    scheduled = night.election(hours=(NOW + 2 * HOUR, NOW + 3 * HOUR))
    night.drained(NOW, NOW)
    found = get(client, "/api/elections")
    assert [(item["id"], item["state"]) for item in found["items"]] == [
        (scheduled, "scheduled"),
        (cancelled, "cancelled"),
        (current, "open"),
        (over, "final"),
    ]
    assert (found["page"], found["per_page"], found["total"]) == (1, 50, 4)
    assert found["items"][1]["cancelled_reason"] == "Flood"
    second_page = get(client, "/api/elections?per_page=3&page=2")
    assert [item["title"] for item in second_page["items"]] == ["Over"]
    assert second_page["total"] == 4


def test_a_page_that_cannot_be_is_refused_with_the_field(client: FlaskClient, night: Recorded) -> None:
    problem = get(client, "/api/elections?page=0", 422)
    assert [error["field"] for error in problem["errors"]] == ["page"]


def test_an_election_shows_its_lists_and_rules(night: Recorded, client: FlaskClient) -> None:
    election = night.election(["Left", "Minority"], hours=OPEN, exempt=[2])
    found = get(client, f"/api/elections/{election}")
    assert found["lists"] == [
        {"poll_number": 1, "name": "Left", "individual": False, "exempt": False},
        {"poll_number": 2, "name": "Minority", "individual": False, "exempt": True},
    ]
    assert found["rules"]["threshold"] == "0.05"
    assert found["state"] == "open"


def test_a_final_result_says_seats_counts_and_why(night: Recorded, client: FlaskClient) -> None:
    election = night.election(["A", "B", "C", "D", "E"], hours=OVER, title="Assembly")
    night.part(
        election,
        {1: 20, 2: 80, 3: 100},
        [(1, Refusal.DUPLICATE), (9, Refusal.INVALID_POLL_NUMBER)],
        received_at=DURING,
    )
    night.part(election, {4: 100, 5: 200}, partition=1, received_at=DURING)
    night.part(None, outside=7, named=election, received_at=OVER[0] - HOUR)
    night.drained(NOW, NOW)
    found = get(client, f"/api/elections/{election}/results")
    assert (found["title"], found["kind"], found["state"]) == ("Assembly", "parliamentary", "final")
    assert (found["certainty"], found["waits_for"]) == ("final", [])
    assert datetime.fromisoformat(found["counted_until"]) == OVER[1]
    assert [line["seats"] for line in found["lists"]] == [0, 42, 52, 52, 104]
    assert [line["share"] for line in found["lists"]] == ["0.0400", "0.1600", "0.2000", "0.2000", "0.4000"]
    assert (found["valid_votes"], found["share_of"]) == (500, "valid_votes")
    assert found["ballots"] == {
        "received": 509,
        "counted": 500,
        "duplicate": 1,
        "invalid": 1,
        "outside": 7,
        "cast": 501,
    }
    seats = found["apportionment"]
    assert seats["threshold"]["excluded"] == [{"poll_number": 1, "name": "A"}]
    assert seats["threshold"]["votes_needed"] == 25
    assert len(seats["awards"]) == 250
    assert seats["awards"][0] == {"seat": 1, "poll_number": 5, "divisor": 1, "quotient": "200", "tied_with": []}


def test_what_is_received_after_the_end_changes_no_final_result(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OVER)
    night.part(election, {1: 5}, received_at=DURING)
    night.part(None, outside=2, named=election, received_at=OVER[0] - HOUR)
    night.drained(NOW, NOW)
    final = client.get(f"/api/elections/{election}/results")
    assert final.get_json()["state"] == "final"
    assert final.get_json()["ballots"]["outside"] == 2
    # A station that was frozen hands in what it had let in before the end.
    night.part(None, outside=22, named=election, received_at=OVER[1])
    night.part(None, outside=22, named=election, received_at=NOW, partition=1)
    later = client.get(f"/api/elections/{election}/results")
    assert (later.headers["ETag"], later.get_json()) == (final.headers["ETag"], final.get_json())


def test_a_result_is_provisional_until_everything_received_before_the_end_is_counted(
    night: Recorded, client: FlaskClient
) -> None:
    election = night.election(hours=OVER)
    path = f"/api/elections/{election}/results"
    night.part(election, {1: 3}, received_at=DURING)
    night.drained(NOW, OVER[1] - timedelta(microseconds=1))
    found = get(client, path)
    assert (found["state"], found["certainty"]) == ("counting", "provisional")
    assert found["waits_for"] == ["Ballots received before the end of the election are still being counted."]
    night.drained(NOW, OVER[1])
    assert get(client, path)["certainty"] == "final"
    buried = night.dead_letter(DURING)
    assert get(client, path)["waits_for"] == [
        "Ballots that could not be recorded have to be replayed by the operators."
    ]
    night.part(election, {1: 1}, batch_id=buried, received_at=DURING)
    assert get(client, path)["certainty"] == "final"


def test_a_presidential_election_has_shares_and_no_seats(night: Recorded, client: FlaskClient) -> None:
    election = night.election(["Ana", "Bora"], hours=OPEN, individual=True)
    night.part(election, {1: 2, 2: 1}, received_at=NOW)
    found = get(client, f"/api/elections/{election}/results")
    assert [(line["name"], line["share"], line["seats"]) for line in found["lists"]] == [
        ("Ana", "0.6667", None),
        ("Bora", "0.3333", None),
    ]
    assert found["apportionment"] is None


def test_a_cancelled_election_has_votes_but_no_seats(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OVER, stage=CANCELLED, cancelled_reason="Flood")
    night.part(election, {1: 2}, received_at=DURING)
    found = get(client, f"/api/elections/{election}/results")
    assert (found["state"], found["certainty"], found["cancelled_reason"]) == ("cancelled", "void", "Flood")
    assert found["lists"][0]["votes"] == 2
    assert found["apportionment"] is None


@pytest.mark.parametrize("path", ["", "/results", "/refused-ballots"])
def test_drafts_and_unknown_elections_are_not_found(night: Recorded, client: FlaskClient, path: str) -> None:
    draft = night.election(hours=OVER, stage=DRAFT)
    for election in (draft, 999, 2**31, 10**30):
        problem = get(client, f"/api/elections/{election}{path}", 404)
        # A number that is too large for a row reaches the view as 0, which nobody has asked for.
        named = f"There is no election {election}." if election < 2**31 else "There is no such election."
        assert problem["detail"] == named
        assert problem["title"] == "Not Found"


def test_refused_ballots_name_no_official(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OVER)
    night.part(election, {1: 1}, [(1, Refusal.DUPLICATE), (9, Refusal.INVALID_POLL_NUMBER)], received_at=DURING)
    found = get(client, f"/api/elections/{election}/refused-ballots?per_page=1&page=2")
    assert (found["total"], found["page"], found["per_page"]) == (2, 2, 1)
    (item,) = found["items"]
    assert set(item) == {"guid", "poll_number", "reason"}
    assert (item["poll_number"], item["reason"]) == (9, "invalid_poll_number")
    assert len(item["guid"]) == 36


@pytest.mark.parametrize("path", ["/api/elections", "/api/elections/{}", "/api/elections/{}/results"])
def test_an_unchanged_answer_is_not_sent_again(night: Recorded, client: FlaskClient, path: str) -> None:
    election = night.election(hours=OVER)
    night.drained(NOW, NOW)
    path = path.format(election)
    first = client.get(path)
    for tag in (first.headers["ETag"], f"W/{first.headers['ETag']}"):
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_answers_may_be_kept_for_a_second_while_they_change_and_longer_when_final(
    night: Recorded, client: FlaskClient
) -> None:
    current = night.election(hours=OPEN)
    over = night.election(hours=OVER)
    night.drained(NOW, NOW)
    assert _kept(client, "/api/elections") == "public, max-age=1"
    assert _kept(client, f"/api/elections/{current}/results") == "public, max-age=1"
    assert _kept(client, f"/api/elections/{over}/results") == "public, max-age=60"


def test_everything_that_changes_a_result_changes_its_etag(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OPEN)
    path = f"/api/elections/{election}/results"
    tags = [client.get(path).headers["ETag"]]

    def expect_another() -> None:
        tags.append(client.get(path).headers["ETag"])
        assert len(set(tags)) == len(tags)

    night.part(election, {1: 1}, received_at=NOW)
    expect_another()
    night.part(election, refused=[(1, Refusal.DUPLICATE)], partition=1, received_at=NOW)
    expect_another()
    night.drained(NOW, NOW)
    expect_another()
    night.dead_letter(NOW)
    expect_another()
    with night.database.writing() as session:
        session.get_one(Election, election).title = "Renamed"
    expect_another()
    with night.database.writing() as session:
        session.scalars(sa.select(Participant)).all()[0].name = "Renamed"
    expect_another()


def test_a_final_result_keeps_its_etag_as_time_goes_by(night: Recorded, client: FlaskClient) -> None:
    path = f"/api/elections/{night.election(hours=OVER)}/results"
    night.drained(NOW, NOW)
    before = client.get(path).headers["ETag"]
    night.drained(NOW + HOUR, NOW + HOUR)
    assert client.get(path).headers["ETag"] == before


def test_while_the_database_is_away_everything_is_503_with_a_time_to_come_back(
    service_settings: ServiceSettings,
) -> None:
    away = "postgresql+psycopg://reader:secret@127.0.0.1:1/urna"
    app = create_app(service_settings(ResultsSettings, election_database_url=away, redis_url=NO_REDIS))
    client = app.test_client()
    for path in ("/api/elections", "/api/elections/1", "/api/elections/1/results", "/", "/elections/1"):
        response = client.get(path)
        assert response.status_code == 503, path
        assert response.headers["Retry-After"]
        assert "secret" not in response.text
        assert "Traceback" not in response.text
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200
    app.extensions["database"].close()


def test_the_service_is_ready_when_its_tables_are_there(
    election_database_url: str, service_settings: ServiceSettings
) -> None:
    app = create_app(service_settings(ResultsSettings, election_database_url=election_database_url, redis_url=NO_REDIS))
    assert get(app.test_client(), "/health/ready", 503)["detail"].startswith("Not ready: the election store")
    Recorded(election_database_url).close()
    assert get(app.test_client(), "/health/ready") == {"status": "ready"}
    app.extensions["database"].close()


def test_the_service_only_reads(election_database_url: str, service_settings: ServiceSettings) -> None:
    night = Recorded(election_database_url)
    election = night.election(hours=OVER)
    night.part(election, {1: 2, 2: 1}, [(1, Refusal.DUPLICATE)], received_at=DURING)
    night.drained(NOW, NOW)
    night.close()
    app = create_app(service_settings(ResultsSettings, election_database_url=election_database_url, redis_url=NO_REDIS))
    database: Database = app.extensions["database"]
    verbs: set[str] = set()
    sa.event.listen(
        database.engine, "before_cursor_execute", lambda *args: verbs.add(str(args[2]).split(maxsplit=1)[0].upper())
    )
    client = app.test_client()
    for path in ("", f"/{election}", f"/{election}/results", f"/{election}/refused-ballots"):
        assert get(client, f"/api/elections{path}")
    assert client.get(f"/elections/{election}").status_code == 200
    database.close()
    assert verbs <= {"SELECT", "BEGIN", "WITH"}


def test_sums_of_one_answer_are_of_one_moment(election_database_url: str, service_settings: ServiceSettings) -> None:
    """A part that is recorded between two queries of an answer stands in none of its sums."""
    night = Recorded(election_database_url)
    election = night.election(hours=OPEN)
    night.part(election, {1: 2}, received_at=NOW)
    app = create_app(service_settings(ResultsSettings, election_database_url=election_database_url, redis_url=NO_REDIS))
    database: Database = app.extensions["database"]
    recorded_meanwhile: list[str] = []

    def record_before_the_parts_are_summed(*args: Any) -> None:
        if "FROM parts" in args[2] and "JOIN" not in args[2] and not recorded_meanwhile:
            recorded_meanwhile.append(night.part(election, {1: 40}, [(1, Refusal.DUPLICATE)], received_at=NOW))

    sa.event.listen(database.engine, "before_cursor_execute", record_before_the_parts_are_summed)
    path = f"/api/elections/{election}/results"
    first = get(app.test_client(), path)
    assert recorded_meanwhile
    assert first["valid_votes"] == first["ballots"]["counted"] == 2
    assert get(app.test_client(), path)["valid_votes"] == 42
    # The same where only what is new is added up.
    recorded_meanwhile.clear()
    night.part(election, {1: 100}, received_at=NOW)
    third = get(app.test_client(), path)
    assert recorded_meanwhile
    assert third["valid_votes"] == third["ballots"]["counted"] == 142
    assert get(app.test_client(), path)["valid_votes"] == 182
    database.close()
    night.close()


def test_other_methods_than_get_are_refused(client: FlaskClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.open("/api/elections", method=method).status_code == 405


def test_the_routes_are_described_and_public(client: FlaskClient, night: Recorded) -> None:
    document = get(client, "/api/openapi.json")
    results = {path: operations for path, operations in document["paths"].items() if path.startswith("/api/elections")}
    assert set(results) == {
        "/api/elections",
        "/api/elections/{election_id}",
        "/api/elections/{election_id}/results",
        "/api/elections/{election_id}/refused-ballots",
        "/api/elections/{election_id}/receipts/{guid}",
        "/api/elections/{election_id}/live",
        "/api/elections/{election_id}/results/places",
        "/api/elections/{election_id}/results/places/{level}/{place}",
        "/api/elections/{election_id}/results/timeline",
        "/api/elections/{election_id}/corrections",
        "/api/elections/{election_id}/results/certainty",
        "/api/elections/{election_id}/results.csv",
        "/api/elections/{election_id}/results/stations.csv",
        "/api/elections/{election_id}/results.nist.json",
        "/api/elections/{election_id}/record",
        "/api/elections/{election_id}/record/signed",
        "/api/elections/{election_id}/record/stations/{station_id}",
        "/api/elections/{election_id}/record/stations/{station_id}/signed",
        "/api/elections/{election_id}/candidates",
        "/api/elections/{election_id}/candidates/{candidate_id}/picture",
        "/api/elections/{election_id}/counted-ballots",
        "/api/elections/{election_id}/counted-ballots.csv",
        "/api/elections/{election_id}/choices",
        "/api/elections/{election_id}/choices.csv",
    }
    for operations in results.values():
        assert set(operations) == {"get"}
        assert "security" not in operations["get"]
        assert "application/problem+json" in operations["get"]["responses"]["503"]["content"]
    stream = results.pop("/api/elections/{election_id}/live")["get"]["responses"]["200"]["content"]
    assert set(stream) == {"text/event-stream"}
    assert "lists" in document["components"]["schemas"]["LiveEvent"]["properties"]
    # Nobody may keep who asked for which ballot; candidates are read from the store each time.
    for path in ("receipts/{guid}", "candidates"):
        untagged = results.pop(f"/api/elections/{{election_id}}/{path}")["get"]["responses"]
        assert "304" not in untagged
        assert "ETag" not in untagged["200"].get("headers", {})
    for operations in results.values():
        responses = operations["get"]["responses"]
        assert "content" not in responses["304"]
        assert set(responses["200"]["headers"]) == {"ETag", "Cache-Control"}


def _kept(client: FlaskClient, path: str) -> str:
    return client.get(path).headers["Cache-Control"]
