"""Files that are wrong, requests that are none, and what the station says of them; nothing of any is stored."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.queue import keys
from shared.terms import Role
from tests.services.station import (
    BATCHES,
    MULTIPART,
    NAMED,
    VOTE,
    Station,
    contents,
    file_of,
    guid,
    json_of,
    multipart,
    running,
)
from tests.services.tokens import ServiceSettings, Token
from voting_station_service.rules.examination import ADVICE, Hint

GOOD = f"{guid(1)},1\n"
API = pytest.mark.parametrize("path", [BATCHES, NAMED])
ALL = pytest.mark.parametrize("path", [VOTE, BATCHES, NAMED])


@pytest.fixture
def small_station(redis_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Station]:
    """A station that takes files of up to 1,000 bytes."""
    with running(redis_url, service_settings, token, max_upload_bytes=1000) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_stored(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold for every test here that Redis is afterwards as it was before."""
    name = "small_station" if "small_station" in request.fixturenames else "station"
    station: Station = request.getfixturevalue(name)
    before = contents(station.redis)
    yield
    assert contents(station.redis) == before


def refusal(answer: TestResponse, path: str) -> str:
    """The sentence of a refusal, in the body that its kind of route has."""
    said = json_of(answer)
    if path == VOTE:
        assert answer.status_code == 400
        assert set(said) == {"message"}
        return str(said["message"])
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert said["errors"] == [{"field": "file", "message": said["detail"]}]
    return str(said["detail"])


LINES = [
    ("no poll number", guid(1), "Incorrect number of values on line 0."),
    ("a third value", f"{guid(1)},1,1", "Incorrect number of values on line 0."),
    ("a comma at the end", f"{guid(1)},1,", "Incorrect number of values on line 0."),
    ("semicolons", f"{guid(1)};1", f"Incorrect number of values on line 0. {ADVICE[Hint.SEMICOLONS]}"),
    ("an empty line", f"{GOOD}\n{GOOD}", "Incorrect number of values on line 1."),
    ("blanks alone", f"{GOOD}   \n{GOOD}", "Incorrect number of values on line 1."),
    ("a header", f"guid,poll number\n{GOOD}", f"Incorrect poll number on line 0. {ADVICE[Hint.HEADING]}"),
    ("an empty poll number", f"{guid(1)},", "Incorrect poll number on line 0."),
    ("poll number 0", f"{guid(1)},0", "Incorrect poll number on line 0."),
    ("poll number -1", f"{GOOD}{GOOD}{guid(1)},-1", "Incorrect poll number on line 2."),
    ("poll number +1", f"{guid(1)},+1", "Incorrect poll number on line 0."),
    ("poll number 1_0", f"{guid(1)},1_0", "Incorrect poll number on line 0."),
    ("poll number ١", f"{guid(1)},١", "Incorrect poll number on line 0."),
    ("poll number 1e3", f"{guid(1)},1e3", "Incorrect poll number on line 0."),
    ("poll number 1.0", f"{guid(1)},1.0", "Incorrect poll number on line 0."),
    ("poll number 2^64", f"{guid(1)},{2**64}", "Incorrect poll number on line 0."),
    ("a word", f"{guid(1)},one", "Incorrect poll number on line 0."),
    ("both values wrong", "none,none", f"Incorrect poll number on line 0. {ADVICE[Hint.HEADING]}"),
    ("the values exchanged", f"1,{guid(1)}", f"Incorrect poll number on line 0. {ADVICE[Hint.SWAPPED_COLUMNS]}"),
    ("no GUID", "none,1", "Incorrect ballot GUID on line 0."),
    ("an empty GUID", ",1", "Incorrect ballot GUID on line 0."),
    ("a GUID in braces", f"{{{guid(1)}}},1", "Incorrect ballot GUID on line 0."),
    ("a GUID cut short", f"{guid(1)[:-1]},1", "Incorrect ballot GUID on line 0."),
    ("a quote that is never closed", f'{GOOD}"{guid(1)},1', "Incorrect number of values on line 1."),
    ("a formula", f"{GOOD}=1+1,1", "Incorrect ballot GUID on line 1."),
    ("a byte order mark in the middle", f"{GOOD}\ufeff{GOOD}", "Incorrect ballot GUID on line 1."),
    ("a null character", f"{GOOD}{guid(1)},1\0\n", "Incorrect poll number on line 1."),
]


@ALL
@pytest.mark.parametrize(("content", "message"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_the_first_bad_line_is_named_and_nothing_of_the_file_is_stored(
    station: Station, path: str, content: str, message: str
) -> None:
    # The classic contract has its own words and no other; routes of ours say what is most likely wrong as well.
    expected = message.partition(". ")[0].removesuffix(".") + "." if path == VOTE else message
    assert refusal(station.send(content.encode(), path), path) == expected


@ALL
@pytest.mark.parametrize("line", [0, 1, 7_000, 19_999], ids="line {}".format)
def test_a_bad_line_anywhere_in_a_long_file_refuses_all_of_it(station: Station, path: str, line: int) -> None:
    ballots = file_of(20_000).splitlines(keepends=True)
    ballots[line] = b"none,1\n"
    assert refusal(station.send(b"".join(ballots), path), path) == f"Incorrect ballot GUID on line {line}."


@ALL
@pytest.mark.parametrize(
    "content",
    [
        os.urandom(5000),
        b"\x89PNG\r\n\x1a\n" + bytes(2000),
        b"PK\x03\x04" + bytes(range(256)),
        "ballots".encode("utf-16"),
    ],
    ids=["random bytes", "an image", "an archive", "another encoding"],
)
def test_a_binary_file_is_refused_by_its_first_line(station: Station, path: str, content: bytes) -> None:
    assert refusal(station.send(content, path), path).startswith("Incorrect ")


@ALL
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key"}], ids=["without a key", "with a key"])
def test_a_request_without_a_file_says_so(station: Station, path: str, headers: dict[str, str]) -> None:
    answer = station.client.post(path, headers={**station.official(), **headers})
    assert "file" in refusal(answer, path)
    if path == VOTE:
        assert json_of(answer) == {"message": "Field file is missing."}


def _as_text_field() -> dict[str, Any]:
    return {"data": {"file": GOOD}, "content_type": "multipart/form-data"}


def _under_another_name() -> dict[str, Any]:
    return {"data": {"files": (io.BytesIO(GOOD.encode()), "station-1.csv")}}


def _as_json() -> dict[str, Any]:
    return {"json": {"file": GOOD}}


def _as_form() -> dict[str, Any]:
    return {"data": {"file": GOOD}, "content_type": "application/x-www-form-urlencoded"}


def _as_csv() -> dict[str, Any]:
    return {"data": GOOD, "content_type": "text/csv"}


def _without_a_boundary() -> dict[str, Any]:
    return {"data": multipart(GOOD.encode()), "content_type": "multipart/form-data"}


def _with_another_boundary() -> dict[str, Any]:
    return {"data": multipart(GOOD.encode()), "content_type": "multipart/form-data; boundary=another"}


def _cut_in_the_file() -> dict[str, Any]:
    whole = multipart(GOOD.encode() * 30)
    return {"data": whole[: len(whole) // 2], "content_type": MULTIPART}


def _cut_in_the_head() -> dict[str, Any]:
    return {"data": multipart(GOOD.encode())[:60], "content_type": MULTIPART}


def _cut_before_the_last_boundary() -> dict[str, Any]:
    whole = multipart(GOOD.encode())
    return {"data": whole[: whole.rindex(b"\r\n--")], "content_type": MULTIPART}


@ALL
@pytest.mark.parametrize(
    "request_of",
    [
        _as_text_field,
        _under_another_name,
        _as_json,
        _as_form,
        _as_csv,
        _without_a_boundary,
        _with_another_boundary,
        _cut_in_the_file,
        _cut_in_the_head,
        _cut_before_the_last_boundary,
    ],
    ids=lambda made: made.__name__.strip("_").replace("_", " "),
)
def test_what_is_not_a_whole_multipart_file_counts_as_no_file(station: Station, path: str, request_of: Any) -> None:
    answer = station.client.post(path, headers=station.official(), **request_of())
    assert "file" in refusal(answer, path)
    if path == VOTE:
        assert json_of(answer) == {"message": "Field file is missing."}


@ALL
def test_two_files_at_once_are_refused_and_none_is_left_out_in_silence(station: Station, path: str) -> None:
    files = [(io.BytesIO(file_of(2, first)), f"station-{first}.csv") for first in (1, 10)]
    answer = station.client.post(path, data={"file": files}, headers=station.official())
    assert "one file" in refusal(answer, path)


@ALL
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"], ids=["no byte", "a byte order mark alone"])
def test_an_empty_file_is_nothing_to_store(station: Station, path: str, content: bytes) -> None:
    answer = station.send(content, path)
    if path == VOTE:
        assert (answer.status_code, answer.data) == (200, b"")
    else:
        assert "empty" in refusal(answer, path)


@API
def test_a_file_over_the_limit_is_refused_with_a_problem(small_station: Station, path: str) -> None:
    for content in (GOOD.encode() * 26, b"x" * 1_000_000):
        answer = small_station.send(content, path)
        assert (answer.status_code, answer.content_type) == (413, "application/problem+json")
        assert json_of(answer)["status"] == 413
        assert "limit" in json_of(answer)["detail"]


def test_a_file_over_the_limit_is_refused_with_a_message_on_the_classic_route(small_station: Station) -> None:
    for content in (GOOD.encode() * 26, b"x" * 1_000_000):
        answer = small_station.send(content, VOTE)
        assert answer.status_code == 413
        assert set(json_of(answer)) == {"message"}
        assert "limit" in json_of(answer)["message"]


@ALL
def test_a_body_that_does_not_say_how_long_it_is_is_held_to_the_same_limit(small_station: Station, path: str) -> None:
    answer = small_station.client.post(
        path,
        headers={**small_station.official(), "Transfer-Encoding": "chunked"},
        content_type=MULTIPART,
        input_stream=io.BytesIO(multipart(GOOD.encode() * 30_000)),
        environ_base={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


@ALL
def test_a_thousand_form_fields_around_the_file_are_refused(station: Station, path: str) -> None:
    fields = {f"field{number}": "value" for number in range(1000)}
    answer = station.client.post(
        path, data={**fields, "file": (io.BytesIO(GOOD.encode()), "f.csv")}, headers=station.official()
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "-1", "one", "1.0", "%00"])
def test_an_election_number_that_no_election_can_have_is_not_found(station: Station, number: str) -> None:
    answer = station.send(GOOD.encode(), f"/api/elections/{number}/batches")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("batch", ["none", "0" * 32, "..", "%00", "a" * 5000, "*", "ž"])
def test_a_batch_that_does_not_exist_is_not_found(station: Station, batch: str) -> None:
    for role in (Role.OFFICIAL, Role.ADMINISTRATOR):
        answer = station.client.get(f"/api/batches/{batch}", headers=station.token(role))
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@ALL
def test_another_method_is_not_allowed(station: Station, method: str, path: str) -> None:
    assert station.client.open(path, method=method, headers=station.official()).status_code == 405


def test_the_queue_is_not_asked_for_a_file_that_is_refused_for_its_lines(station: Station) -> None:
    station.redis.config_resetstat()
    station.send(b"none,1\n", VOTE)
    assert "cmdstat_multi" not in station.redis.info("commandstats")
    assert station.redis.get(keys.QUEUED_BALLOTS) is None
