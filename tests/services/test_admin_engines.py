"""What depends on the database engine: races between administrators, texts of every script, moments, results."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from shared.schema.election import Election
from shared.terms import Refusal
from tests.services.administration import HOUR, Administration, answered, entries, running
from tests.services.recorded import CLASSIC_RULES, EVENING, Recorded
from tests.services.tokens import ServiceSettings, Token

OPENING = datetime(2030, 5, 1, 7, tzinfo=UTC)
CROWD = 6
ROUNDS = 3
NAMES = [
    "Ђорђе Šćepanović",
    "🗳️👩🏽‍🚀" * 20,
    "😀" * 256,
    "Ж" * 256,
    "'; DROP TABLE elections; --",
    "النهضة עתיד 日本維新の会",
    "A\tB\nC",
    "%_\\",
]


@pytest.fixture
def admin(election_database_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(election_database_url, service_settings, token) as service:
        yield service


def at_once(calls: Sequence[Callable[[], TestResponse]]) -> list[TestResponse]:
    """Make all calls at the same instant, each in a thread of its own."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], TestResponse]) -> TestResponse:
        barrier.wait(timeout=30)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def published(admin: Administration) -> int:
    with admin.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).where(Election.stage == "published")) or 0


def test_of_administrators_who_plan_overlapping_elections_at_the_same_instant_one_wins(
    admin: Administration,
) -> None:
    parties = admin.participants()
    for day in range(ROUNDS):
        opening = OPENING + timedelta(days=day)

        def plan(number: int, opening: datetime = opening) -> Callable[[], TestResponse]:
            # Each starts a little later, so that the later ones overlap with the earlier ones or lie within them.
            start, end = opening + number * timedelta(minutes=1), opening + HOUR
            body = {"start": start.isoformat(), "end": end.isoformat(), "individual": False, "participants": parties}
            return partial(admin.call, "POST", "/createElection", body)

        answers = at_once([plan(number) for number in range(CROWD)])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 400: CROWD - 1}, [
            answer.get_data(as_text=True) for answer in answers
        ]
        messages = {answer.get_json()["message"] for answer in answers if answer.status_code == 400}
        assert messages == {"Invalid date and time."}
    assert published(admin) == ROUNDS


def test_of_drafts_published_and_elections_moved_into_the_same_hours_at_once_one_wins(admin: Administration) -> None:
    parties = entries(admin.participants())
    hours: dict[str, Any] = {"start": OPENING.isoformat(), "end": (OPENING + HOUR).isoformat()}
    drafts = [admin.election(entries=parties, draft=True, **hours)["id"] for _ in range(3)]
    others = []
    for day in (1, 2, 3):
        start = OPENING + timedelta(days=day)
        others.append(admin.election(entries=parties, start=start.isoformat(), end=(start + HOUR).isoformat())["id"])
    calls = [
        *(partial(admin.call, "POST", f"/api/elections/{made}/publication", match=1) for made in drafts),
        *(partial(admin.call, "PATCH", f"/api/elections/{made}", hours, match=1) for made in others),
    ]
    answers = at_once(calls)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 5}, [
        answer.get_data(as_text=True) for answer in answers
    ]
    with admin.database.reading() as session:
        in_the_hours = sa.select(sa.func.count()).where(Election.stage == "published", Election.start == OPENING)
        assert session.scalar(in_the_hours) == 1


def test_of_administrators_who_change_the_same_election_at_once_one_wins(admin: Administration) -> None:
    made = admin.election(start=OPENING.isoformat(), end=(OPENING + HOUR).isoformat())["id"]

    def change(number: int) -> Callable[[], TestResponse]:
        return partial(admin.call, "PATCH", f"/api/elections/{made}", {"title": str(number)}, match=1)

    answers = at_once([change(number) for number in range(CROWD)])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: CROWD - 1}
    winner = next(answer.get_json() for answer in answers if answer.status_code == 200)
    assert admin.get(f"/api/elections/{made}") == winner


def test_a_participant_that_is_deleted_at_the_instant_of_its_election_is_in_none(admin: Administration) -> None:
    for day in range(ROUNDS):
        keeps, goes = admin.participants()
        start = OPENING + timedelta(days=day)
        body = {
            "kind": "parliamentary",
            "start": start.isoformat(),
            "end": (start + HOUR).isoformat(),
            "entries": entries([keeps, goes]),
        }
        made, deleted = at_once(
            [
                partial(admin.call, "POST", "/api/elections", body),
                partial(admin.call, "DELETE", f"/api/participants/{goes}"),
            ]
        )
        assert (made.status_code, deleted.status_code) in ((201, 409), (422, 204))


def test_names_of_every_script_come_back_as_they_were_sent(admin: Administration) -> None:
    for name in NAMES:
        admin.post("/createParticipant", {"name": name, "individual": False})
    assert [found["name"] for found in admin.get("/getParticipants")["participants"]] == NAMES
    biography = "🗳" * 10_000
    person = {"participant_id": 1, "forename": "Ч" * 256, "surname": "😀" * 256, "biography": biography}
    made = admin.post("/api/candidates", person, 201)
    assert {**made, **person} == admin.get("/api/candidates/1")
    reason = "Поплава 🌊" * 100
    refused = admin.post("/api/candidates/1/approval", {"decision": "refused", "reason": reason}, match=1)
    assert refused["approval_reason"] == reason
    election = admin.election(title="😀" * 256)
    cancelled = admin.post(f"/api/elections/{election['id']}/cancellation", {"reason": reason}, match=1)
    assert (cancelled["title"], cancelled["cancelled_reason"]) == ("😀" * 256, reason)


def test_a_search_takes_no_notice_of_case_and_reads_no_wildcards(admin: Administration) -> None:
    for name in ("Жута листа", "Šljiva 100%", "Šljiva 1000"):
        admin.post("/createParticipant", {"name": name, "individual": False})

    def found(part: str) -> list[str]:
        answer = admin.app.test_client().get(
            "/api/participants", query_string={"name": part}, headers=admin.token("auditor")
        )
        return [item["name"] for item in answered(answer, 200)["items"]]

    assert found("жУТ") == ["Жута листа"]
    assert found("ŠLJIVA") == ["Šljiva 100%", "Šljiva 1000"]
    assert found("100%") == ["Šljiva 100%"]
    assert found("_") == []
    assert found("\\") == []


def test_jurisdictions_are_numbered_after_the_whole_country_and_named_once(admin: Administration) -> None:
    assert admin.post("/api/jurisdictions", {"name": "Војводина"}, 201)["id"] > 1
    assert admin.post("/api/jurisdictions", {"name": "Војводина"}, 409)["errors"][0]["field"] == "name"
    assert admin.get("/api/jurisdictions")["total"] == 2


def test_moments_keep_their_microseconds_and_all_years(admin: Administration) -> None:
    parties = entries(admin.participants())
    for start, end in (
        ("2030-05-01T07:00:00.000001Z", "2030-05-01T19:59:59.999999Z"),
        ("1583-01-01T00:00:00Z", "1583-01-02T00:00:00Z"),
        ("9998-12-31T00:00:00Z", "9998-12-31T23:59:59.999999Z"),
    ):
        made = admin.election(entries=parties, start=start, end=end)
        found = admin.get(f"/api/elections/{made['id']}")
        assert (found["start"], found["end"]) == (start, end)


def test_numbers_beyond_every_column_are_unknown(admin: Administration) -> None:
    for number in (2**31, 2**63, 2**64, 10**30):
        assert admin.get(f"/api/elections/{number}", 404)["detail"] == "There is no such election."
        assert admin.get(f"/getResults?id={number}", 400) == {"message": "Election does not exist."}
        body = {"start": "2021-01-01T00:00:00", "end": "2021-01-02T00:00:00", "individual": False}
        assert admin.post("/createElection", {**body, "participants": [number, 1]}, 400) == {
            "message": "Invalid participants."
        }


def test_the_whole_life_of_an_election_passes_on_every_engine(
    admin: Administration, election_database_url: str
) -> None:
    parties = admin.participants(3)
    rules = {**CLASSIC_RULES, "seats": 1, "tie_policy": "lots"}
    draft = admin.election(draft=True, entries=[], rules=rules)
    path = f"/api/elections/{draft['id']}"
    admin.patch(path, {"entries": entries(parties)}, 1)
    admin.patch(path, {"entries": entries(parties[::-1])}, 2)
    assert admin.post(f"{path}/publication", match=3)["state"] == "open"
    end = datetime.fromisoformat(admin.post(f"{path}/closing", match=4)["end"])
    # The daemon's part, and the passing of the five seconds.
    recorded = Recorded(election_database_url)
    try:
        with recorded.database.writing() as session:
            session.execute(sa.update(Election).values(end=end - HOUR / 2))
        recorded.part(
            draft["id"],
            {1: 4, 2: 4, 3: 1},
            [(1, Refusal.DUPLICATE)],
            received_at=end - HOUR,
            partition=1,
        )
        recorded.drained(end, end)
    finally:
        recorded.close()
    assert admin.get(path)["state"] == "final"
    assert [item["id"] for item in admin.get("/api/elections?state=final")["items"]] == [draft["id"]]
    assert admin.get("/getResults?id=1", 400) == {"message": "Election is ongoing."}
    assert admin.post(f"{path}/lots", {"poll_numbers": [2]}, match=5)["lots"] == [2]
    found = admin.get("/getResults?id=1")
    assert [line["result"] for line in found["participants"]] == [0, 1, 0]
    assert [line["reason"] for line in found["invalidVotes"]] == ["Duplicate ballot."]
    (batch,) = admin.get(f"{path}/batches")["items"]
    assert (batch["received"], batch["counted"], batch["duplicate"]) == (10, 9, 1)
    assert admin.get("/getElections")["elections"][0]["participants"][0]["id"] == parties[2]


def test_results_are_shares_on_every_engine(admin: Administration, election_database_url: str) -> None:
    recorded = Recorded(election_database_url)
    try:
        made = recorded.election(["A", "B", "C"], individual=True)
        recorded.part(made, {1: 10, 2: 10})
        recorded.part(made, {2: 10}, partition=1)
        recorded.drained(EVENING, EVENING)
    finally:
        recorded.close()
    found = admin.get(f"/getResults?id={made}")
    assert [line["result"] for line in found["participants"]] == [0.33, 0.67, 0.0]
