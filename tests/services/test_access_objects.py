"""What belongs to somebody else, or is not for everybody, looks like what does not exist, however one asks for it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from results_service.app import create_app
from shared.config import ResultsSettings
from shared.schema.election import DRAFT
from shared.terms import Role
from tests.servers import Redis
from tests.services.accounts import Accounts, headers_of, register
from tests.services.administration import Administration, running
from tests.services.recorded import Recorded
from tests.services.station import BATCHES, Station, contents, file_of, json_of
from tests.services.tokens import ServiceSettings, Token

SECRET = "The secret draft"


def told(answer: TestResponse) -> tuple[int, str, bytes]:
    """All that an answer tells whoever asked."""
    return answer.status_code, answer.content_type, answer.data


GUESSES: dict[str, Callable[[str], str]] = {
    "the id": lambda batch: batch,
    "capital letters": str.upper,
    "percent-encoded": lambda batch: "".join(f"%{ord(letter):02x}" for letter in batch),
    "percent-encoded twice": lambda batch: "".join(f"%25{ord(letter):02x}" for letter in batch),
    "with hyphens": lambda batch: f"{batch[:8]}-{batch[8:12]}-{batch[12:16]}-{batch[16:20]}-{batch[20:]}",
    "full-width digits": lambda batch: batch.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
    "Arabic digits": lambda batch: batch.translate({ord(str(digit)): 0x660 + digit for digit in range(10)}),
    "the one before": lambda batch: f"{int(batch, 16) - 1:032x}",
    "the one after": lambda batch: f"{int(batch, 16) + 1:032x}",
    "a beginning": lambda batch: batch[:16],
    "a pattern": lambda batch: f"{batch[:31]}*",
    "another pattern": lambda batch: f"{batch[:31]}[0-9a-f]",
    "a null character": lambda batch: f"{batch}%00",
    "a blank": lambda batch: f"{batch}%20",
    "a line end": lambda batch: f"{batch}%0a",
    "a key of Redis": lambda batch: f"{batch}:official_email",
}
# As what the batch is shown to who may see it; every other guess names nothing.
SAME = {"the id", "percent-encoded"}


@pytest.mark.parametrize("guess", GUESSES)
def test_another_officials_batch_is_found_by_no_spelling_of_its_id(station: Station, guess: str) -> None:
    batch = station.accepted(file_of(3))["id"]
    path = f"/api/batches/{GUESSES[guess](batch)}"
    unknown = told(station.client.get("/api/batches/none", headers=station.official(2)))
    assert unknown[0] == 404
    assert told(station.client.get(path, headers=station.official(2))) == unknown
    for seer in (station.official(1), station.token(Role.AUDITOR)):
        answer = station.client.get(path, headers=seer)
        assert answer.status_code == (200 if guess in SAME else 404)
        assert guess not in SAME or json_of(answer)["id"] == batch


def test_who_has_got_the_address_of_a_former_official_does_not_get_his_batches(station: Station) -> None:
    batch = station.accepted(file_of(3))["id"]
    email = "official1@example.org"
    for header, status in (
        (station.token(Role.OFFICIAL, email=email), 200),
        (station.token(Role.OFFICIAL, email=email, jmbg="0101995710006"), 404),
        (station.token(Role.OFFICIAL, email=email.upper()), 404),
        (station.token(Role.OFFICIAL, email=email, jmbg=""), 404),
    ):
        assert station.client.get(f"/api/batches/{batch}", headers=header).status_code == status


def test_ids_of_batches_do_not_lead_from_one_to_the_next(station: Station) -> None:
    ids = [int(station.accepted(file_of(1, first))["id"], 16) for first in range(1, 30)]
    steps = [after - before for before, after in pairwise(ids)]
    assert len(set(ids)) == len(ids)
    assert min(map(abs, steps)) > 2**64
    assert sorted(ids) != ids


def test_two_officials_with_the_same_idempotency_key_do_not_meet(station: Station) -> None:
    first = station.accepted(file_of(2), key="a key")
    same = station.accepted(file_of(2), key="a key", header=station.official(2))
    other = station.accepted(file_of(2, 50), key="a key", header=station.official(3))
    assert [receipt["repeated"] for receipt in (first, same, other)] == [False] * 3
    assert len({receipt["id"] for receipt in (first, same, other)}) == 3
    again = station.accepted(file_of(2), key="a key")
    assert (again["id"], again["repeated"]) == (first["id"], True)
    # A key that is made up of another's name finds nothing of his either.
    for spliced in ("official1@example.org a key", "official1@example.orga key"):
        assert station.accepted(file_of(2), key=spliced, header=station.official(2))["repeated"] is False


@pytest.mark.parametrize(
    "number", ["1", "2", "3", "99", "0", "99999999999999999999", "01", "%31", "１", "-1", "1.0", "me"]
)
def test_whether_an_account_exists_is_told_to_administrators_only(accounts: Accounts, number: str) -> None:
    register(accounts, 1)
    register(accounts, 2)
    for header in (headers_of(accounts, 1), {}):
        for method in ("GET", "PATCH", "DELETE"):
            body = {"roles": ["administrator"]} if method == "PATCH" else None
            path = f"/api/users/{number}"
            answer = accounts.client.open(path, method=method, json=body, headers={**header, "If-Match": "*"})
            unknown = accounts.client.open("/api/users/98", method=method, json=body, headers=header)
            is_number = number.isascii() and number.replace("%31", "1").isdigit()
            assert unknown.status_code == (403 if header else 401)
            if is_number:
                assert told(answer) == told(unknown)
            else:
                assert answer.status_code == 404
    shown = accounts.client.get(f"/api/users/{number}", headers=accounts.logged_in())
    assert shown.status_code == (200 if number in ("1", "2", "3", "01", "%31") else 404)


def test_nobody_reads_or_changes_the_profile_of_somebody_else(accounts: Accounts) -> None:
    mine, other = register(accounts, 1), register(accounts, 2)
    header = headers_of(accounts, 1)
    assert accounts.client.get(f"/api/profile/{other['id']}", headers=header).status_code == 404
    for query in (f"?id={other['id']}", f"?user_id={other['id']}", f"?email={other['email']}"):
        assert accounts.client.get(f"/api/profile{query}", headers=header).get_json()["id"] == mine["id"]
    for field, value in {
        "id": other["id"],
        "jmbg": other["jmbg"],
        "roles": ["administrator"],
        "approval": "approved",
    }.items():
        answer = accounts.client.patch("/api/profile", json={field: value}, headers={**header, "If-Match": "*"})
        assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)
    assert accounts.client.get("/api/profile", headers=headers_of(accounts, 2)).get_json() == other
    assert accounts.client.get("/api/profile", headers=header).get_json() == mine


@pytest.fixture
def night(sqlite_url: str) -> Iterator[Recorded]:
    """An election that is over, with a dead letter, and a draft."""
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    recorded = Recorded(sqlite_url)
    recorded.part(recorded.election(hours=(now - 3 * hour, now - 2 * hour), title="Over"), {1: 3})
    recorded.election(hours=(now + hour, now + 2 * hour), stage=DRAFT, title=SECRET)
    recorded.drained(now, now)
    yield recorded
    recorded.close()


@pytest.fixture
def results(
    sqlite_url: str, night: Recorded, redis_server: Redis, service_settings: ServiceSettings
) -> Iterator[FlaskClient]:
    settings = service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=redis_server.url)
    app = create_app(settings)
    yield app.test_client()
    app.extensions["database"].close()


DRAFT_ID, NO_ID = 2, 98


@pytest.mark.parametrize("rest", ["", "/results", "/live", "/refused-ballots"])
@pytest.mark.parametrize("role", [None, *Role])
def test_a_draft_looks_to_everybody_as_if_there_were_none(
    results: FlaskClient, token: Token, rest: str, role: Role | None
) -> None:
    header = token(role) if role else {}
    for number in (DRAFT_ID, NO_ID):
        answer = results.get(f"/api/elections/{number}{rest}", headers=header)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
        assert answer.get_json()["detail"] == f"There is no election {number}."
        assert set(answer.get_json()) == {"type", "title", "status", "detail"}


def test_no_page_and_no_list_names_a_draft(results: FlaskClient) -> None:
    draft, none = (results.get(f"/elections/{number}") for number in (DRAFT_ID, NO_ID))
    assert draft.status_code == none.status_code == 404
    # The page names the number that was asked for, in its sentence and in the links to its other languages.
    told = draft.text.replace(f"no election {DRAFT_ID}.", f"no election {NO_ID}.")
    assert told.replace(f"/elections/{DRAFT_ID}?", f"/elections/{NO_ID}?") == none.text
    for path in ("/", "/api/elections", "/api/elections?per_page=200"):
        text = results.get(path).text
        assert "Over" in text
        assert SECRET not in text


def test_a_dead_letter_is_named_to_nobody_by_the_services(
    sqlite_url: str, night: Recorded, results: FlaskClient, service_settings: ServiceSettings, token: Token
) -> None:
    batch = night.dead_letter(datetime.now(UTC) - timedelta(hours=2, minutes=30))
    found = results.get("/api/elections/1/results")
    assert (found.status_code, found.get_json()["certainty"]) == (200, "provisional")
    texts = [found.text, results.get("/elections/1").text, results.get("/api/elections/1/refused-ballots").text]
    with running(sqlite_url, service_settings, token, prepared=False) as admin:
        answers: list[Any] = [
            admin.get("/api/elections/1/batches", role=Role.AUDITOR),
            admin.get("/api/elections/1", role=Role.OFFICIAL),
        ]
    for text in [*texts, *map(str, answers)]:
        assert batch not in text
        assert "unpacked" not in text


@pytest.fixture
def admin(
    sqlite_url: str, night: Recorded, service_settings: ServiceSettings, token: Token
) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token) as service:
        yield service


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, "/api/elections/{}") for method in ("PATCH", "DELETE")),
        *(("POST", f"/api/elections/{{}}/{what}") for what in ("publication", "closing", "cancellation", "lots")),
        ("GET", "/api/elections/{}/batches"),
        *(("GET", f"/api/elections/{{}}/{what}") for what in ("sheets", "sheets.csv", "sheets/1", "reconciliation/1")),
        *(("GET", f"/api/elections/1/sheets/{what}") for what in ("{}", "1/photographs/{}")),
        *(("POST", f"/api/elections/1/sheets/{{}}/{what}") for what in ("resolution", "acceptance", "reopening")),
        ("POST", "/api/elections/1/reconciliation/{}/explanations"),
        *((method, f"/api/{what}/{{}}") for what in ("participants", "candidates") for method in ("PATCH", "DELETE")),
        ("POST", "/api/candidates/{}/approval"),
        ("GET", "/api/candidates/{}"),
        ("GET", "/api/jurisdictions/{}"),
        *(
            (method, f"/api/{what}/{{}}")
            for what in ("regions", "constituencies", "polling-centres", "polling-stations")
            for method in ("GET", "PATCH", "DELETE")
        ),
    ],
)
def test_who_may_not_is_not_told_whether_the_object_exists(admin: Administration, method: str, path: str) -> None:
    for role in (Role.VOTER, Role.CANDIDATE, Role.CAMPAIGN_DIRECTOR, None):
        answers = {told(admin.call(method, path.format(number), {}, role=role)) for number in (1, 2, 98, 0, 10**20)}
        assert len(answers) == 1
        assert next(iter(answers))[0] == (403 if role else 401)


def test_what_somebody_else_may_see_at_the_station_changes_nothing_there(station: Station) -> None:
    batch = station.accepted(file_of(3))["id"]
    before = contents(station.redis)
    for header in (station.official(2), station.token(Role.VOTER), {}):
        station.client.get(f"/api/batches/{batch}", headers=header)
        station.client.get(BATCHES, headers=header)
    assert contents(station.redis) == before
