"""A file that is sent again under the same Idempotency-Key, for an election that the sender named or left to us."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from shared.config import StationSettings
from shared.queue import keys, snapshot
from shared.queue.connection import connect
from shared.terms import Role
from tests.services.tokens import ServiceSettings, Token
from voting_station_service.app import create_app

FILE = f"{uuid4()},1\n{uuid4()},2\n".encode()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A queue of two partitions, and an election that is open."""
    with connect(redis_url) as client:
        client.set(keys.PARTITIONS, 2)
        know(client, open_election=1)
        yield client


@pytest.fixture
def station(redis: Redis, redis_url: str, service_settings: ServiceSettings) -> FlaskClient:
    return create_app(service_settings(StationSettings, redis_url=redis_url)).test_client()


def know(redis: Redis, *, open_election: int) -> None:
    """Let the stations know a single election, which is open."""
    now = datetime.now(UTC)
    begin, end = (keys.to_microseconds(now + timedelta(hours=hours)) for hours in (-1, 1))
    election = snapshot.KnownElection(open_election, "", "parliamentary", 1, begin, end, [1, 2])
    snapshot.write(redis, [election])


def send(station: FlaskClient, header: dict[str, str], path: str, content: bytes = FILE) -> TestResponse:
    return station.post(
        path,
        data={"file": (io.BytesIO(content), "station-1.csv")},
        headers={**header, "Idempotency-Key": "station-1"},
    )


def body(answer: TestResponse) -> dict[str, Any]:
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", ["/api/elections/1/batches", "/api/batches"])
def test_a_repeated_upload_gets_the_same_receipt_and_adds_nothing(
    station: FlaskClient, redis: Redis, token: Token, path: str
) -> None:
    first = send(station, token(Role.OFFICIAL), path)
    again = send(station, token(Role.OFFICIAL), path)
    assert (first.status_code, again.status_code) == (202, 202)
    assert body(first) == {**body(again), "repeated": False}
    assert body(first)["election_id"] == 1
    assert body(again)["repeated"] is True
    assert redis.get(keys.QUEUED_BALLOTS) == b"2"


@pytest.mark.parametrize("path", ["/api/elections/1/batches", "/api/batches"])
def test_the_same_key_with_another_file_is_refused(station: FlaskClient, redis: Redis, token: Token, path: str) -> None:
    assert send(station, token(Role.OFFICIAL), path).status_code == 202
    refused = send(station, token(Role.OFFICIAL), path, FILE + FILE)
    assert refused.status_code == 422
    assert body(refused)["errors"][0]["field"] == "Idempotency-Key"
    assert redis.get(keys.QUEUED_BALLOTS) == b"2"


def test_a_repetition_gets_its_receipt_also_when_the_election_has_been_followed_by_another(
    station: FlaskClient, redis: Redis, token: Token
) -> None:
    first = send(station, token(Role.OFFICIAL), "/api/batches")
    know(redis, open_election=2)
    again = send(station, token(Role.OFFICIAL), "/api/batches")
    assert body(again) == {**body(first), "repeated": True}
    assert body(again)["election_id"] == 1
