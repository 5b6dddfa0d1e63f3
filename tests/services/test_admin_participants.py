"""/api/participants, /api/candidates and /api/jurisdictions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from shared.terms import Role
from tests.services.administration import HOUR, Administration, answered, entries, running
from tests.services.tokens import ServiceSettings, Token

PERSON = {"forename": "Милица", "surname": "Ђорђевић"}


@pytest.fixture
def admin(sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token) as service:
        yield service


def fields(problem: Any) -> list[str]:
    return [error["field"] for error in problem["errors"]]


def party(admin: Administration, name: str = "Party", *, individual: bool = False) -> Any:
    return admin.post("/api/participants", {"name": name, "individual": individual}, 201)


def candidate(admin: Administration, participant: int, **more: Any) -> Any:
    return admin.post("/api/candidates", {"participant_id": participant, **PERSON, **more}, 201)


def test_a_participant_is_made_read_changed_and_deleted(admin: Administration) -> None:
    response = admin.call("POST", "/api/participants", {"name": " Зелени ", "individual": False})
    made = answered(response, 201)
    assert (made["name"], made["individual"], made["version"]) == ("Зелени", False, 1)
    path = response.headers["Location"]
    assert path == f"/api/participants/{made['id']}"
    read = admin.call("GET", path)
    assert (read.get_json(), read.headers["ETag"]) == (made, '"1"')
    changed = admin.call("PATCH", path, {"name": "Плави"}, match=read.headers["ETag"])
    assert changed.get_json() == {**made, "name": "Плави", "version": 2}
    assert changed.headers["ETag"] == '"2"'
    gone = admin.call("DELETE", path)
    assert (gone.status_code, gone.data) == (204, b"")
    assert admin.get(path, 404)["detail"] == f"There is no participant {made['id']}."
    answered(admin.call("DELETE", path), 404)


def test_participants_are_listed_in_pages_and_searched(admin: Administration) -> None:
    for name in ("Жута", "Plava 100%", "Plava", "žuta", "P_ava"):
        party(admin, name)
    party(admin, "Žuta Žena", individual=True)

    def names(query: str) -> list[str]:
        return [item["name"] for item in admin.get(f"/api/participants{query}")["items"]]

    assert len(names("")) == 6
    assert names("?per_page=2&page=2") == ["Plava", "žuta"]
    page = admin.get("/api/participants?per_page=4&page=2")
    assert (page["page"], page["per_page"], page["total"], len(page["items"])) == (2, 4, 6, 2)
    assert names("?page=9") == []
    assert names("?name=PLAVA") == ["Plava 100%", "Plava"]
    assert names("?name=ŽUTA") == ["žuta", "Žuta Žena"]
    assert names("?name=жУТ") == ["Жута"]
    assert names("?name=100%25") == ["Plava 100%"]
    assert names("?name=P_a") == ["P_ava"]
    assert names("?individual=true") == ["Žuta Žena"]
    assert names("?name=žuta&individual=false") == ["žuta"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=99999999999", "page"),
        ("per_page=201", "per_page"),
        ("individual=perhaps", "individual"),
        ("name=%00", "name"),
        ("name=" + "x" * 257, "name"),
    ],
)
def test_a_query_that_cannot_be_is_refused_with_its_field(admin: Administration, query: str, field: str) -> None:
    assert fields(admin.get(f"/api/participants?{query}", 422)) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"individual": True}, "name"),
        ({"name": "", "individual": True}, "name"),
        ({"name": "   ", "individual": True}, "name"),
        ({"name": "N" * 257, "individual": True}, "name"),
        ({"name": "A\0", "individual": True}, "name"),
        ({"name": 5, "individual": True}, "name"),
        ({"name": None, "individual": True}, "name"),
        ({"name": "A"}, "individual"),
        ({"name": "A", "individual": 1}, "individual"),
        ({"name": "A", "individual": "true"}, "individual"),
        ({"name": "A", "individual": True, "colour": "red"}, "colour"),
    ],
)
def test_a_participant_with_a_fault_is_refused_with_its_field(
    admin: Administration, body: dict[str, Any], field: str
) -> None:
    response = admin.call("POST", "/api/participants", body)
    assert response.mimetype == "application/problem+json"
    assert fields(answered(response, 422)) == [field]
    assert admin.get("/api/participants")["total"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_a_bad_request(admin: Administration, body: bytes) -> None:
    problem = answered(admin.call("POST", "/api/participants", data=body), 400)
    assert (problem["title"], problem["status"]) == ("Bad Request", 400)


@pytest.mark.parametrize("body", [b"[]", b'"name"', b"5", b"null"])
def test_json_of_another_shape_is_refused(admin: Administration, body: bytes) -> None:
    problem = answered(admin.call("POST", "/api/participants", data=body), 422)
    assert problem["errors"]
    # The caller knows nothing of our classes.
    assert "NewParticipant" not in problem["detail"]


@pytest.mark.parametrize("number", ["0", "99", "2147483648", "9" * 40, "x", "-1", "1.0"])
def test_what_no_participant_has_as_a_number_is_not_found(admin: Administration, number: str) -> None:
    for path in ("participants", "candidates", "jurisdictions", "elections"):
        assert admin.get(f"/api/{path}/{number}", 404)["status"] == 404


def test_of_two_administrators_who_change_a_participant_the_second_has_to_read_it_again(admin: Administration) -> None:
    path = f"/api/participants/{party(admin)['id']}"
    admin.patch(path, {"name": "Mine"}, 1)
    problem = admin.patch(path, {"name": "Yours"}, 1, 412)
    assert problem["title"] == "Precondition Failed"
    assert admin.patch(path, {"name": "Yours"}, None, 428)["title"] == "Precondition Required"
    assert admin.get(path)["name"] == "Mine"
    assert admin.patch(path, {"name": "Yours"}, 2)["version"] == 3
    assert admin.patch(path, {"name": "Anyway"}, "*")["version"] == 4
    assert admin.patch(path, {}, 4)["name"] == "Anyway"
    for another in ('"3"', 'W/"4"', '"4', "x", '"1", "2"'):
        admin.patch(path, {"name": "No"}, another, 412)
    admin.patch(path, {"name": "Yes"}, '"1", "4"')


def test_a_participant_that_is_used_cannot_be_deleted(admin: Administration) -> None:
    drafted, listed, free = (party(admin)["id"] for _ in range(3))
    draft = admin.election(draft=True, entries=entries([drafted]))
    person = candidate(admin, listed)
    for used in (drafted, listed):
        assert "cannot be deleted" in answered(admin.call("DELETE", f"/api/participants/{used}"), 409)["detail"]
    answered(admin.call("DELETE", f"/api/participants/{free}"), 204)
    answered(admin.call("DELETE", f"/api/elections/{draft['id']}"), 204)
    answered(admin.call("DELETE", f"/api/candidates/{person['id']}"), 204)
    for unused in (drafted, listed):
        answered(admin.call("DELETE", f"/api/participants/{unused}"), 204)


def test_the_name_of_a_participant_is_frozen_when_its_election_begins_and_its_sort_before(
    admin: Administration,
) -> None:
    parties = admin.participants()
    opening = datetime.now(UTC) + HOUR
    admin.election(start=opening.isoformat(), end=(opening + HOUR).isoformat(), entries=entries(parties))
    path = f"/api/participants/{parties[0]}"
    assert fields(admin.patch(path, {"individual": True}, 1, 409)) == ["individual"]
    admin.patch(path, {"name": "Renamed in time"}, 1)
    with time_machine.travel(opening - timedelta(seconds=5), tick=False):
        assert fields(admin.patch(path, {"name": "Too late"}, 2, 409)) == ["name"]
        assert admin.patch(path, {"name": "Renamed in time"}, 2)["name"] == "Renamed in time"


def test_a_cancelled_election_freezes_no_name(admin: Administration) -> None:
    parties = admin.participants()
    made = admin.election(entries=entries(parties))
    admin.post(f"/api/elections/{made['id']}/cancellation", {"reason": "Flood"}, match=1)
    admin.patch(f"/api/participants/{parties[0]}", {"name": "New"}, 1)


def test_a_candidate_is_made_read_changed_and_deleted(admin: Administration) -> None:
    participant = party(admin)["id"]
    texts = {"post": "Mayor", "code_name": "M1", "biography": "Б" * 10_000}
    response = admin.call("POST", "/api/candidates", {"participant_id": participant, **PERSON, **texts})
    made = answered(response, 201)
    assert {**PERSON, **texts}.items() <= made.items()
    assert (made["approval"], made["approval_reason"], made["participant_id"]) == ("waiting", "", participant)
    path = response.headers["Location"]
    assert admin.get(path) == made
    changed = admin.patch(path, {"post": "", "surname": "Петровић"}, 1)
    assert (changed["post"], changed["surname"], changed["forename"]) == ("", "Петровић", "Милица")
    admin.patch(path, {"post": "Again"}, 1, 412)
    admin.patch(path, {"post": "Again"}, None, 428)
    answered(admin.call("DELETE", path), 204)
    admin.get(path, 404)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"participant_id": 99}, "participant_id"),
        ({"participant_id": True}, "participant_id"),
        ({"participant_id": 2**40}, "participant_id"),
        ({"forename": ""}, "forename"),
        ({"surname": "S" * 257}, "surname"),
        ({"biography": "B" * 10_001}, "biography"),
        ({"approval": "approved"}, "approval"),
    ],
)
def test_a_candidate_with_a_fault_is_refused_with_its_field(
    admin: Administration, changed: dict[str, Any], field: str
) -> None:
    body = {"participant_id": party(admin)["id"], **PERSON, **changed}
    assert fields(admin.post("/api/candidates", body, 422)) == [field]


def test_an_administrator_approves_and_refuses_with_a_reason(admin: Administration) -> None:
    made = candidate(admin, party(admin)["id"])
    path = f"/api/candidates/{made['id']}"
    assert fields(admin.post(f"{path}/approval", {"decision": "refused"}, 422, match=1)) == ["reason"]
    refused = admin.post(f"{path}/approval", {"decision": "refused", "reason": "No signature."}, match=1)
    assert (refused["approval"], refused["approval_reason"], refused["version"]) == ("refused", "No signature.", 2)
    approved = admin.post(f"{path}/approval", {"decision": "approved"}, match=2)
    assert (approved["approval"], approved["approval_reason"]) == ("approved", "")
    assert "already" in admin.post(f"{path}/approval", {"decision": "approved"}, 409, match=3)["detail"]
    assert fields(admin.post(f"{path}/approval", {"decision": "waiting"}, 422, match=3)) == ["decision"]
    admin.post(f"{path}/approval", {"decision": "refused", "reason": "Late."}, 412, match=2)
    admin.post(f"{path}/approval", {"decision": "refused", "reason": "Late."}, 428)
    admin.post("/api/candidates/99/approval", {"decision": "approved"}, 404, match=1)


def test_a_changed_candidate_waits_for_approval_again(admin: Administration) -> None:
    made = candidate(admin, party(admin)["id"])
    path = f"/api/candidates/{made['id']}"
    admin.post(f"{path}/approval", {"decision": "approved"}, match=1)
    assert admin.patch(path, {"surname": PERSON["surname"]}, 2)["approval"] == "approved"
    assert admin.patch(path, {"surname": "Other"}, 2)["approval"] == "waiting"


def test_candidates_are_listed_by_participant_and_approval(admin: Administration) -> None:
    first, second = (party(admin)["id"] for _ in range(2))
    ada, bea, cia = (candidate(admin, participant)["id"] for participant in (first, second, second))
    admin.post(f"/api/candidates/{bea}/approval", {"decision": "approved"}, match=1)

    def found(query: str) -> list[int]:
        return [item["id"] for item in admin.get(f"/api/candidates?{query}")["items"]]

    assert found("") == [ada, bea, cia]
    assert found(f"participant_id={second}") == [bea, cia]
    assert found("approval=approved") == [bea]
    assert found(f"participant_id={second}&approval=waiting") == [cia]
    assert fields(admin.get("/api/candidates?approval=maybe", 422)) == ["approval"]


def test_jurisdictions_have_names_of_their_own(admin: Administration) -> None:
    made = admin.call("POST", "/api/jurisdictions", {"name": "Војводина"})
    assert made.headers["Location"] == f"/api/jurisdictions/{made.get_json()['id']}"
    assert admin.get(made.headers["Location"]) == {"id": 2, "name": "Војводина"}
    assert fields(admin.post("/api/jurisdictions", {"name": "Војводина"}, 409)) == ["name"]
    assert [item["name"] for item in admin.get("/api/jurisdictions")["items"]] == ["The whole country", "Војводина"]


WRITES = [
    ("POST", "/api/participants"),
    ("PATCH", "/api/participants/1"),
    ("DELETE", "/api/participants/1"),
    ("POST", "/api/candidates"),
    ("PATCH", "/api/candidates/1"),
    ("DELETE", "/api/candidates/1"),
    ("POST", "/api/candidates/1/approval"),
    ("POST", "/api/jurisdictions"),
    ("POST", "/api/elections"),
    ("PATCH", "/api/elections/1"),
    ("DELETE", "/api/elections/1"),
    ("POST", "/api/elections/1/publication"),
    ("POST", "/api/elections/1/closing"),
    ("POST", "/api/elections/1/cancellation"),
    ("POST", "/api/elections/1/lots"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_only_administrators_change_anything(admin: Administration, method: str, path: str) -> None:
    for role in Role:
        if role is not Role.ADMINISTRATOR:
            # The role is looked at before the body, which is wrong everywhere here.
            response = admin.call(method, path, {"no": "field"}, role=role)
            assert (response.status_code, response.mimetype) == (403, "application/problem+json")
    response = admin.call(method, path, {"no": "field"}, role=None)
    assert (response.status_code, response.get_json()["title"]) == (401, "Unauthorized")


@pytest.mark.parametrize("noun", ["participants", "candidates", "jurisdictions", "elections"])
def test_officials_and_auditors_may_read_what_is_voted_on(admin: Administration, noun: str) -> None:
    for role in Role:
        readers = (Role.ADMINISTRATOR, Role.OFFICIAL, Role.AUDITOR)
        admin.get(f"/api/{noun}", 200 if role in readers else 403, role)
        admin.get(f"/api/{noun}/99", 404 if role in readers else 403, role)
    admin.get(f"/api/{noun}", 401, None)
