"""Who may use which route of the station, and whose batches one sees."""

import time
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.terms import Role
from tests.services.station import (
    BATCHES,
    MULTIPART,
    NAMED,
    VOTE,
    Station,
    contents,
    file_of,
    json_of,
    multipart,
)

READERS = {Role.OFFICIAL, Role.ADMINISTRATOR, Role.AUDITOR}
READING = ["/api/elections", "/api/batches/none"]
SENDING = [VOTE, BATCHES, NAMED]


def call(station: Station, path: str, header: dict[str, str]) -> TestResponse:
    """Do on a route what it is for."""
    if path in READING:
        return station.client.get(path, headers=header)
    return station.send(file_of(2), path, header=header)


def is_refused(answer: TestResponse, path: str) -> bool:
    """Whether an answer says that the token's role may not do this, in the way of its kind of route."""
    if path == VOTE:
        return answer.status_code == 401 and json_of(answer) == {"msg": "Missing Authorization Header"}
    return answer.status_code == 403 and answer.content_type == "application/problem+json"


@pytest.mark.parametrize("path", READING + SENDING)
@pytest.mark.parametrize("role", [*Role, "root", None])
def test_every_route_is_for_its_roles_only(station: Station, path: str, role: Role | str | None) -> None:
    before = contents(station.redis)
    allowed = READERS if path in READING else {Role.OFFICIAL}
    answer = call(station, path, station.token(*([role] if role else [])))
    if role in allowed:
        assert answer.status_code in (200, 202, 404)
    else:
        assert is_refused(answer, path)
        assert contents(station.redis) == before


@pytest.mark.parametrize("path", READING + SENDING)
def test_without_a_token_nothing_is_taken_and_nothing_told(station: Station, path: str) -> None:
    before = contents(station.redis)
    answer = call(station, path, {})
    assert answer.status_code == 401
    if path == VOTE:
        assert json_of(answer) == {"msg": "Missing Authorization Header"}
    else:
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert contents(station.redis) == before


@pytest.mark.parametrize("path", READING + SENDING)
@pytest.mark.parametrize("header", ["Bearer garbage", "Bearer a.b.c", "Basic dXNlcjpwYXNz", "Bearer ", "garbage"])
def test_a_token_that_is_none_is_refused(station: Station, path: str, header: str) -> None:
    answer = call(station, path, {"Authorization": header})
    assert answer.status_code in (401, 422)
    assert ("msg" if path == VOTE else "detail") in json_of(answer)


@pytest.mark.parametrize("path", READING + SENDING)
@pytest.mark.parametrize(
    "claims",
    [{"exp": 1_000_000_000}, {"type": "refresh"}, {"nbf": 9_000_000_000}, {"sub": None}, {"roles": "official"}],
)
def test_a_token_that_is_not_good_now_is_refused(station: Station, path: str, claims: dict[str, Any]) -> None:
    answer = call(station, path, station.token(Role.OFFICIAL, **claims))
    assert answer.status_code in (401, 403, 422)


def test_who_may_not_send_is_told_before_the_body_is_read(station: Station) -> None:
    began = time.monotonic()
    answer = station.client.post(
        BATCHES, data=multipart(b"none,1\n" * 100_000), content_type=MULTIPART, headers=station.token(Role.VOTER)
    )
    assert answer.status_code == 403
    assert time.monotonic() - began < 5


def test_an_official_sees_only_batches_of_his_own(station: Station) -> None:
    path = f"/api/batches/{station.accepted(file_of(2))['id']}"
    assert station.client.get(path, headers=station.official(1)).status_code == 200
    answer = station.client.get(path, headers=station.official(2))
    unknown = station.client.get("/api/batches/none", headers=station.official(2))
    # A batch of somebody else looks as if there were none.
    assert (answer.status_code, answer.data) == (unknown.status_code, unknown.data) == (404, unknown.data)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_administrators_and_auditors_see_every_batch(station: Station, role: Role) -> None:
    batch = station.accepted(file_of(2))["id"]
    answer = station.client.get(f"/api/batches/{batch}", headers=station.token(role, email="other@example.org"))
    assert (answer.status_code, json_of(answer)["id"]) == (200, batch)


def test_an_official_who_is_also_a_voter_may_send(station: Station) -> None:
    assert station.send(file_of(2), header=station.token(Role.VOTER, Role.OFFICIAL)).status_code == 202


def test_a_batch_tells_nobody_who_sent_it(station: Station) -> None:
    batch = station.accepted(file_of(2))["id"]
    answer = station.client.get(f"/api/batches/{batch}", headers=station.token(Role.AUDITOR))
    assert "official1@example.org" not in answer.get_data(as_text=True)
    assert "0101994704401" not in answer.get_data(as_text=True)
