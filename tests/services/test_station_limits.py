"""How much one official may send: uploads that are accepted, at all stations together, and uploads that are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.queue import keys
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
    running,
)
from tests.services.tokens import ServiceSettings, Token

PATHS = [VOTE, BATCHES, NAMED]


@pytest.fixture
def stations(redis_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[tuple[Station, Station]]:
    """Two stations on one Redis, where an official may send three files a minute, and two bad ones to each station."""
    limits: dict[str, Any] = {"uploads_per_minute": 3, "refused_uploads_per_minute": 2}
    with (
        running(redis_url, service_settings, token, **limits) as first,
        running(redis_url, service_settings, token, prepared=False, **limits) as second,
    ):
        yield first, second


def assert_too_many(answer: TestResponse, path: str) -> None:
    assert answer.status_code == 429, answer.get_data(as_text=True)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "Too many" in json_of(answer)["message" if path == VOTE else "detail"]


@pytest.mark.parametrize("path", PATHS)
def test_who_has_sent_too_many_files_to_all_stations_together_waits_and_nothing_is_stored(
    stations: tuple[Station, Station], path: str
) -> None:
    first, second = stations
    for number, station in enumerate([first, second, first]):
        assert station.send(file_of(2, first=10 * number + 1), path, key=str(number)).status_code in (200, 202)
    before = contents(first.redis)
    for station in stations:
        assert_too_many(station.send(file_of(2, first=100), path, key="new"), path)
    assert contents(first.redis) == before
    # Another official is not held up, and neither is who asks again for the receipt of what was accepted.
    other = first.official(2)
    assert first.send(file_of(2, first=100), path, header=other).status_code in (200, 202)
    again = second.send(file_of(2, first=1), path, key="0")
    assert again.status_code in (200, 202)
    assert path == VOTE or json_of(again)["repeated"]


def test_the_limit_is_forgotten_a_minute_after_the_first_upload(stations: tuple[Station, Station]) -> None:
    station, _ = stations
    for number in range(3):
        station.accepted(file_of(1, first=number + 1))
    counter = keys.uploads("official1@example.org")
    assert station.redis.get(counter) == b"3"
    assert 0 < station.redis.pttl(counter) <= 60_000
    assert_too_many(station.send(file_of(1, first=9)), BATCHES)
    # What a minute does.
    station.redis.pexpire(counter, 1)
    while station.redis.exists(counter):
        pass
    station.accepted(file_of(1, first=9))
    assert station.redis.get(counter) == b"1"


def test_the_spelling_of_the_address_gives_nobody_another_limit(stations: tuple[Station, Station]) -> None:
    assert keys.uploads("Vera@Example.org") == keys.uploads("vera@example.ORG")
    assert keys.uploads("vera@example.org") != keys.uploads("vesna@example.org")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(b"no ballot\n"), MULTIPART),
        (multipart(b"x" * 70_000), MULTIPART),
        (b"{}", "application/json"),
        (multipart(file_of(1)).replace(b'"file"', b'"other"'), MULTIPART),
    ],
    ids=["a bad line", "a file that is too large", "no file", "another field"],
)
def test_who_has_sent_too_many_bad_files_waits_before_anything_of_the_next_is_read(
    redis_url: str, service_settings: ServiceSettings, token: Token, path: str, body: bytes, kind: str
) -> None:
    with running(redis_url, service_settings, token, refused_uploads_per_minute=2, max_upload_bytes=60_000) as station:
        before = contents(station.redis)
        for _ in range(2):
            refused = station.client.post(path, data=body, content_type=kind, headers=station.official())
            assert refused.status_code in (400, 413, 422)
        assert_too_many(station.client.post(path, data=body, content_type=kind, headers=station.official()), path)
        assert_too_many(station.send(file_of(1), path), path)
        assert contents(station.redis) == before
        assert station.send(file_of(1), path, header=station.official(2)).status_code in (200, 202)


def test_a_refusal_that_is_not_the_senders_fault_is_not_counted(stations: tuple[Station, Station]) -> None:
    station, _ = stations
    known = station.redis.get(keys.PARTITIONS)
    station.redis.delete(keys.PARTITIONS)
    for _ in range(5):
        assert station.send(file_of(1)).status_code == 503
    station.redis.set(keys.PARTITIONS, known or b"")
    station.accepted(file_of(1))
