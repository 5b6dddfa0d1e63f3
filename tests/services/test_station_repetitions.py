"""A file that is sent again under the same Idempotency-Key gets the same receipt and adds nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from shared.queue import keys, snapshot
from shared.terms import Role
from tests.services.station import (
    BATCHES,
    NAMED,
    OPEN,
    OVER,
    VOTE,
    Station,
    contents,
    file_of,
    json_of,
    known,
)

FILE, OTHER = file_of(40), file_of(40, first=1000)
API = pytest.mark.parametrize("path", [BATCHES, NAMED])
ALL = pytest.mark.parametrize("path", [VOTE, BATCHES, NAMED])


def assert_refused(answer: TestResponse, path: str) -> None:
    """An answer that says that the key is at fault."""
    if path == VOTE:
        assert answer.status_code == 400
        assert "Idempotency-Key" in json_of(answer)["message"]
    else:
        assert answer.status_code == 422
        assert [error["field"] for error in json_of(answer)["errors"]] == ["Idempotency-Key"]


@API
def test_a_repeated_upload_gets_the_same_receipt(station: Station, path: str) -> None:
    first = station.accepted(FILE, path, key="station-1")
    before = contents(station.redis)
    again = station.accepted(FILE, path, key="station-1")
    assert (first["repeated"], first["election_id"]) == (False, OPEN)
    assert again == {**first, "repeated": True}
    assert contents(station.redis) == before


def test_a_repeated_upload_adds_nothing_on_the_classic_route(station: Station) -> None:
    assert station.send(FILE, VOTE, key="station-1").status_code == 200
    before = contents(station.redis)
    again = station.send(FILE, VOTE, key="station-1")
    assert (again.status_code, again.data) == (200, b"")
    assert contents(station.redis) == before


def test_without_a_key_every_upload_is_a_new_one(station: Station) -> None:
    first, second = station.accepted(FILE), station.accepted(FILE)
    assert first["id"] != second["id"]
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"80"


@ALL
def test_the_same_key_with_another_file_is_refused(station: Station, path: str) -> None:
    station.send(FILE, path, key="station-1")
    before = contents(station.redis)
    for other in (OTHER, FILE + OTHER, FILE + b"\n", FILE.replace(b"\n", b"\r\n"), b"", b"none,1\n"):
        assert_refused(station.send(other, path, key="station-1"), path)
    assert contents(station.redis) == before


def test_the_same_key_for_another_election_is_refused(station: Station) -> None:
    snapshot.write(station.redis, [known(OPEN, -1, 1), known(8, -1, 1)])
    station.accepted(FILE, NAMED, key="station-1")
    before = contents(station.redis)
    for path in ("/api/elections/8/batches", BATCHES, VOTE):
        assert_refused(station.send(FILE, path, key="station-1"), path)
    assert contents(station.redis) == before


@API
def test_a_repetition_gets_its_receipt_also_when_the_election_has_been_followed_by_another(
    station: Station, path: str
) -> None:
    first = station.accepted(FILE, path, key="station-1")
    snapshot.write(station.redis, [known(OPEN, -2, -1), known(8, -1, 1)])
    assert station.accepted(FILE, path, key="station-1") == {**first, "repeated": True}
    snapshot.write(station.redis, [])
    assert station.accepted(FILE, path, key="station-1") == {**first, "repeated": True}


def test_the_same_key_of_another_official_is_another_key(station: Station) -> None:
    first = station.accepted(FILE, key="station-1")
    second = station.accepted(FILE, key="station-1", header=station.official(2))
    third = station.accepted(OTHER, key="station-1", header=station.official(3))
    assert len({first["id"], second["id"], third["id"]}) == 3
    assert not any(receipt["repeated"] for receipt in (first, second, third))


def test_an_official_is_the_same_however_the_address_is_written(station: Station) -> None:
    first = station.accepted(FILE, key="station-1")
    header = station.token(Role.OFFICIAL, email="OFFICIAL1@example.org")
    assert station.accepted(FILE, key="station-1", header=header)["id"] == first["id"]


def test_a_key_cannot_reach_into_another_officials(station: Station) -> None:
    station.accepted(FILE, key="b\x7fc", header=station.token(Role.OFFICIAL, email="a"))
    second = station.accepted(OTHER, key="c", header=station.token(Role.OFFICIAL, email="a\0b\x7f"))
    assert not second["repeated"]


@ALL
@pytest.mark.parametrize(
    ("key", "is_good"), [("", False), ("k", True), ("k" * 255, True), ("k" * 256, False), ("k" * 5000, False)]
)
def test_a_key_has_a_length(station: Station, path: str, key: str, is_good: bool) -> None:
    before = contents(station.redis)
    answer = station.send(FILE, path, key=key)
    if is_good:
        assert answer.status_code in (200, 202)
    else:
        assert_refused(answer, path)
        assert contents(station.redis) == before


@pytest.mark.parametrize("key", ["urna:clock", "*", "a b", "ž", '"', "../..", "\x7f"])
def test_a_key_may_be_any_text(station: Station, key: str) -> None:
    header = {**station.official(), "Idempotency-Key": key.encode().decode("latin-1")}
    first = station.accepted(FILE, header=header)
    assert station.accepted(FILE, header=header) == {**first, "repeated": True}
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"40"


@ALL
def test_many_same_uploads_at_the_same_instant_are_one_batch(station: Station, path: str) -> None:
    content = file_of(5_000)
    start = threading.Barrier(6)

    def hand_in(_: int) -> TestResponse:
        start.wait()
        return station.send(content, path, key="station-1")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(hand_in, range(6)))
    assert {answer.status_code for answer in answers} == {200 if path == VOTE else 202}
    assert station.status(station.only_batch()).head.lines == 5_000
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"5000"
    waiting = station.waiting()
    assert len(waiting) == len(set(waiting)) == 2
    if path != VOTE:
        receipts = [json_of(answer) for answer in answers]
        assert sorted(receipt.pop("repeated") for receipt in receipts) == [False] + [True] * 5
        assert all(receipt == receipts[0] for receipt in receipts)


@ALL
def test_of_different_files_under_one_key_at_the_same_instant_one_is_accepted(station: Station, path: str) -> None:
    start = threading.Barrier(4)

    def hand_in(number: int) -> TestResponse:
        start.wait()
        return station.send(file_of(1_000, first=number * 10_000), path, key="station-1")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(hand_in, range(4)))
    refused = [answer for answer in answers if answer.status_code not in (200, 202)]
    assert len(refused) == 3
    for answer in refused:
        assert_refused(answer, path)
    assert station.redis.get(keys.QUEUED_BALLOTS) == b"1000"


def test_a_refused_upload_does_not_use_its_key_up(station: Station) -> None:
    assert station.send(b"none,1\n", key="station-1").status_code == 422
    assert station.send(FILE, f"/api/elections/{OVER}/batches", key="station-1").status_code == 409
    assert station.send(b"", key="station-1").status_code == 422
    assert not station.accepted(FILE, key="station-1")["repeated"]


@ALL
def test_a_large_file_is_recognised_again(station: Station, path: str) -> None:
    content = file_of(20_000)
    assert station.send(content, path, key="station-1").status_code in (200, 202)
    before = contents(station.redis)
    assert station.send(content, path, key="station-1").status_code in (200, 202)
    assert_refused(station.send(content + FILE, path, key="station-1"), path)
    assert contents(station.redis) == before
