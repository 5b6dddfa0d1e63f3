"""The body that programs send is taken apart in one step, and means what the framework's own parser says it means."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.formparser import FormDataParser

from tests.services.station import BOUNDARY, multipart
from voting_station_service.uploads import UploadParser, only_file

HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="station-1.csv"\r\n'.encode()
TYPE = b"Content-Type: text/csv\r\n"
END = f"\r\n--{BOUNDARY}--".encode()


def read(kind: type[FormDataParser], body: bytes, boundary: str) -> Any:
    """The fields and the files in a body, as a parser of this kind reads them."""
    parser = kind(stream_factory=lambda *_, **__: io.BytesIO())
    _, form, files = parser.parse(io.BytesIO(body), "multipart/form-data", len(body), {"boundary": boundary})
    return list(form.items(multi=True)), [
        (field, file.name, file.filename, file.read()) for field, file in files.items(multi=True)
    ]


def is_taken_apart(body: bytes, boundary: str = BOUNDARY) -> bool:
    """Whether a body is taken apart in one step; whoever does it, it means the same."""
    assert read(UploadParser, body, boundary) == read(FormDataParser, body, boundary)
    return only_file(body, boundary) is not None


@pytest.mark.parametrize("content", [b"", b"x", b"\r\n", b"\n", b"-", b"--", b"\r\n--", b"\r", bytes(range(256)) * 9])
@pytest.mark.parametrize("name", ["station-1.csv", "", "Београд 1.csv", "a;b='c'.csv", "a\x00b\x07.csv", "a b"])
def test_a_body_of_one_file_is_taken_apart_in_one_step(content: bytes, name: str) -> None:
    assert is_taken_apart(multipart(content, name))
    assert is_taken_apart(multipart(content, name).removesuffix(b"\r\n"))
    assert is_taken_apart(multipart(content, name).replace(TYPE, b""))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        HEAD,
        HEAD + TYPE + b"\r\nx",
        HEAD + TYPE + b"\r\nx" + END[:-1],
        HEAD + TYPE + b"\r\nx" + END + b"\r\nmore",
        HEAD + TYPE + b"\r\nx" + END + b"\r\n" + HEAD + b"\r\ny" + END,
        HEAD + b"\r\nx\r\n" + HEAD + b"\r\ny" + END,
        HEAD + b"\r\nx\r\n" + f"--{BOUNDARY}".encode() + b"x" + END,
        HEAD.replace(b'"file"', b'"other"') + b"\r\nx" + END,
        HEAD.replace(b'; filename="station-1.csv"', b"") + b"\r\nx" + END,
        HEAD.replace(b".csv", b'\\".csv') + b"\r\nx" + END,
        HEAD.replace(b".csv", b"%22.csv") + b"\r\nx" + END,
        HEAD.replace(b".csv", b"\xff.csv") + b"\r\nx" + END,
        HEAD + b"Content-Type: \xff\r\n\r\nx" + END,
        HEAD + b"Content-Length: 1\r\n\r\nx" + END,
        HEAD.replace(b"\r\n", b"\n") + b"\nx" + END,
        b"before\r\n" + HEAD + b"\r\nx" + END,
    ],
)
def test_any_other_body_is_left_to_the_framework(body: bytes) -> None:
    assert not is_taken_apart(body)


@pytest.mark.parametrize("boundary", ["", "another", BOUNDARY[:-1], f"{BOUNDARY}x", "ž"])
def test_a_body_with_another_boundary_is_left_to_the_framework(boundary: str) -> None:
    assert not is_taken_apart(multipart(b"x"), boundary)
    assert not is_taken_apart(multipart(b"x").replace(BOUNDARY.encode(), "ž".encode()), boundary)


fragments = st.sampled_from(
    [
        *(HEAD, TYPE, END, b"\r\n", b"\n", b"\r", b"x", b"-", b"--", b" ", b"\x00", b"\xff", b'"', b"\\", b"%22"),
        *(f"--{BOUNDARY}".encode(), f"--{BOUNDARY}\r\n".encode(), b'Content-Disposition: form-data; name="x"\r\n'),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 3), fragments), max_size=4))
def test_every_spoilt_body_means_what_the_framework_says(spoilings: list[tuple[int, int, bytes]]) -> None:
    body = multipart(b"x,1\r\ny,2\n")
    for place, cut, put in spoilings:
        at = place % (len(body) + 1)
        body = body[:at] + put + body[at + cut :]
    is_taken_apart(body)
