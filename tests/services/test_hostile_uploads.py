"""Uploads that somebody has made to do harm, sent over real sockets to a station under gunicorn.

Each gets its one answer in time; nothing of it is in Redis afterwards, the memory of the station stays bounded, and it
takes the next good file.
"""

import gzip
import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis as Client

from benchmarks.processes import family, memory_kib
from shared.queue.connection import connect
from shared.queue.keys import QUEUED_BALLOTS
from shared.terms import Role
from tests.servers import Redis
from tests.services.station import BATCHES, BOUNDARY, MULTIPART, VOTE, contents, file_of, guid, multipart, prepare
from tests.services.test_station_process import running
from tests.services.tokens import Keys, Token
from voting_station_service.rules.examination import ADVICE, Hint

LIMIT = 2_000_000
# Beside its own memory the station may hold a few copies of one upload and what is made of it.
MOST_MORE_KIB = 60 * 1024
SECONDS = 60
SPOILT = int(os.environ.get("URNA_FUZZ_UPLOADS", "60"))
GOOD = file_of(2)

VALUES, NUMBER, GUID = "Incorrect number of values", "Incorrect poll number", "Incorrect ballot GUID"
NO_FILE = "Send the CSV file as the multipart field `file`."
ONE_FILE = "Send one file at a time; nothing was stored."

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Running:
    """The station's process, its Redis, and the head of an official's request."""

    port: int
    pid: int
    redis: Client
    header: dict[str, str]

    def memory_kib(self) -> int:
        """What the station's processes hold of the machine's memory, in KiB."""
        return sum(memory_kib(process, "VmRSS") for process in family(self.pid))

    def raw(self, *pieces: bytes) -> bytes:
        """What comes back on a connection of its own on which these bytes were sent, up to its end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            # The answer may come before the whole was read, as it should.
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    connection.sendall(piece)
            received = b""
            with suppress(ConnectionResetError):
                while block := connection.recv(1 << 16):
                    received += block
            return received

    def head(self, path: str = BATCHES, **headers: Any) -> bytes:
        """The head of a request that closes its connection; ``Content_Type`` becomes ``Content-Type``."""
        lines = {"Host": "station", "Connection": "close", "Content-Type": MULTIPART, **self.header}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        return "".join([f"POST {path} HTTP/1.1\r\n", *(f"{a}: {b}\r\n" for a, b in lines.items()), "\r\n"]).encode()

    def send(self, body: bytes, path: str = BATCHES, **headers: Any) -> Answer:
        """The status and the sentence of the answer to a whole request."""
        return told(self.raw(self.head(path, Content_Length=len(body), **headers), body))


def told(received: bytes) -> Answer:
    """The status of an answer, and its sentence, or how many ballots were accepted."""
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    try:
        said = json.loads(body) if body else {}
    except ValueError:
        return status, body.decode()
    return status, said.get("detail") or said.get("message") or said.get("msg") or said.get("lines")


@pytest.fixture(scope="module")
def station(redis_server: Redis, keys: Keys, token: Token) -> Iterator[Running]:
    many = {"UPLOADS_PER_MINUTE": "100000", "REFUSED_UPLOADS_PER_MINUTE": "100000"}
    with connect(redis_server.url) as redis:
        redis.flushall()
        prepare(redis)
        with running(redis_server.url, keys, LIMIT, **many) as (port, pid):
            yield Running(port, pid, redis, token(Role.OFFICIAL))
        redis.flushall()


@pytest.fixture(autouse=True)
def _holds_out(station: Running) -> Iterator[None]:
    """Hold for every test that the station's memory is bounded, and that it takes a good file afterwards."""
    station.redis.flushall()
    prepare(station.redis)
    station.send(multipart(GOOD))
    before = station.memory_kib()
    yield
    assert station.memory_kib() < before + MOST_MORE_KIB
    assert station.send(multipart(file_of(3, 1000))) == (202, 3)


def refused(station: Running, body: bytes, status: int, words: str, **headers: Any) -> None:
    """Send a body on both kinds of route; it is refused in these words, and nothing is stored."""
    before = contents(station.redis)
    assert station.send(body, **headers) == (status, words)
    assert station.send(body, VOTE, **headers) == (400 if status == 422 else status, CLASSIC.get(words, words))
    assert contents(station.redis) == before


BALLOT = GOOD.splitlines(keepends=True)[0]
UTF16 = f"{NUMBER} on line 0. {ADVICE[Hint.UTF16]}"
# What the classic contract says where our routes say more.
CLASSIC = {NO_FILE: "Field file is missing.", UTF16: f"{NUMBER} on line 0."}

# What is packed does not say when: one second in many has a comma among its bytes, which makes two values of the line.
FILES: dict[str, tuple[bytes, str]] = {
    "UTF-16 with its mark": (GOOD.decode().encode("utf-16"), UTF16),
    "UTF-16 without": (GOOD.decode().encode("utf-16-le"), f"{NUMBER} on line 0."),
    "UTF-32": (GOOD.decode().encode("utf-32"), f"{NUMBER} on line 0."),
    "two marks of UTF-8": (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, f"{GUID} on line 0."),
    "a letter of Latin-1": (GOOD + "\xe9".encode("latin-1") + BALLOT, f"{GUID} on line 2."),
    "no UTF-8": (GOOD + b"\xff\xfe\xc3\x28" + BALLOT, f"{GUID} on line 2."),
    "a null character in a GUID": (GOOD + b"\0" + BALLOT, f"{GUID} on line 2."),
    "null characters alone": (bytes(1_900_000), f"{VALUES} on line 0."),
    "one line without end": (b"x" * 1_900_000, f"{VALUES} on line 0."),
    "one line of commas": (b"," * 1_900_000, f"{VALUES} on line 0."),
    "one line of quotes": (b'"' * 1_900_000, f"{VALUES} on line 0."),
    "one endless poll number": (guid(1).encode() + b"," + b"1" * 1_900_000, f"{VALUES} on line 0."),
    "a poll number of many zeros": (guid(1).encode() + b"," + b"0" * 100_000 + b"1" * 19, f"{NUMBER} on line 0."),
    "a million empty lines": (b"\n" * 1_000_000, f"{VALUES} on line 0."),
    "empty lines after good ones": (GOOD + b"\n" * 1_000_000, f"{VALUES} on line 2."),
    "a million line ends of three kinds": (GOOD + b"\r\r\n\n" * 400_000, f"{VALUES} on line 2."),
    "a quote never closed": (GOOD + b'"' + BALLOT * 40_000, f"{VALUES} on line 2."),
    "a quote over the lines": (GOOD + b'"' + guid(9).encode() + b'\n",1\n', f"{GUID} on line 2."),
    "a packed file": (gzip.compress(GOOD * 1000, mtime=0), f"{VALUES} on line 0."),
    "a bomb": (gzip.compress(bytes(50_000_000), mtime=0), f"{VALUES} on line 0."),
    "a number over 18 digits": (GOOD + f"{guid(3)},{10**18}\n".encode(), f"{NUMBER} on line 2."),
    "a number in hexadecimal": (GOOD + f"{guid(3)},0x1\n".encode(), f"{NUMBER} on line 2."),
    "Arabic digits": (GOOD + f"{guid(3)},١\n".encode(), f"{NUMBER} on line 2."),
    "full-width digits": (GOOD + f"{guid(3)},１\n".encode(), f"{NUMBER} on line 2."),
    "a superscript": (GOOD + f"{guid(3)},²\n".encode(), f"{NUMBER} on line 2."),
    "a GUID in braces": (GOOD + f"{{{guid(3)}}},1\n".encode(), f"{GUID} on line 2."),
    "a GUID as a URN": (GOOD + f"urn:uuid:{guid(3)},1\n".encode(), f"{GUID} on line 2."),
    "a GUID with full-width letters": (GOOD + f"{'ａ' * 32},1\n".encode(), f"{GUID} on line 2."),
    "a GUID with its hyphens elsewhere": (GOOD + b"00000000-000-00000-0000-000000000000,1\n", f"{GUID} on line 2."),
    "a no-break space": (GOOD + f"\xa0{guid(3)},1\n".encode(), f"{GUID} on line 2."),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_whole_by_its_first_bad_line(station: Running, name: str) -> None:
    content, words = FILES[name]
    refused(station, multipart(content), 422, words)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"\xef\xbb\xbf" + GOOD, 2),
        (GOOD.replace(b"\n", b"\r"), 2),
        (GOOD.replace(b"\n", b"\r\n"), 2),
        (BALLOT.replace(b"\n", b"\r") + file_of(1, 7) + file_of(1, 8).replace(b"\n", b"\r\n"), 3),
        (GOOD.upper(), 2),
        (b'"' + BALLOT.replace(b",", b'","').replace(b"\n", b'"\n'), 1),
    ],
    ids=["a mark of UTF-8", "CR alone", "CRLF", "mixed line ends", "capital letters", "quotes"],
)
def test_what_only_looks_odd_is_taken_to_the_line(station: Running, content: bytes, lines: int) -> None:
    assert station.send(multipart(content)) == (202, lines)


def part(name: str = "file", file_name: str | None = "f.csv", content: bytes = GOOD, more: str = "") -> bytes:
    """One part of a multipart body."""
    said = "" if file_name is None else f'; filename="{file_name}"'
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{said}\r\n{more}\r\n'.encode()
        + content
        + b"\r\n"
    )


END = f"--{BOUNDARY}--\r\n".encode()
TOO_LARGE = "The upload is over the size limit; cut the file into smaller ones."
BODIES: dict[str, tuple[bytes, dict[str, Any], int, str]] = {
    "no end": (part(), {}, 422, NO_FILE),
    "an end in the middle of the boundary": (part() + END[:10], {}, 422, NO_FILE),
    "no boundary": (part() + END, {"Content_Type": "multipart/form-data"}, 422, NO_FILE),
    "an empty boundary": (part() + END, {"Content_Type": "multipart/form-data; boundary="}, 422, NO_FILE),
    "another boundary": (part() + END, {"Content_Type": "multipart/form-data; boundary=x"}, 422, NO_FILE),
    "a boundary of 7,000 characters": (
        part() + END,
        {"Content_Type": f"multipart/form-data; boundary={'x' * 7000}"},
        422,
        NO_FILE,
    ),
    "a body that is packed": (gzip.compress(part() + END, mtime=0), {"Content_Encoding": "gzip"}, 422, NO_FILE),
    "a bomb as the body": (gzip.compress(bytes(50_000_000), mtime=0), {"Content_Encoding": "gzip"}, 422, NO_FILE),
    "a nested multipart": (
        part(file_name=None, more="Content-Type: multipart/mixed; boundary=inner\r\n", content=b"--inner--") + END,
        {},
        422,
        NO_FILE,
    ),
    "another field's name": (part("files") + END, {}, 422, NO_FILE),
    "a field in capital letters": (part("FILE") + END, {}, 422, NO_FILE),
    "a field that is no file": (part(file_name=None) + END, {}, 422, NO_FILE),
    "two files": (part() + part(content=file_of(2, 9)) + END, {}, 422, ONE_FILE),
    "50,000 fields": (part("f", None, b"x") * 15_000 + part() + END, {}, 413, TOO_LARGE),
    "50,000 empty parts": (f"--{BOUNDARY}\r\n\r\n\r\n".encode() * 50_000 + part() + END, {}, 422, NO_FILE),
    "a field of a megabyte": (part("f", None, b"x" * 1_000_000) + part() + END, {}, 413, TOO_LARGE),
    "a form of 50,000 fields": (
        b"&".join(b"f%d=1" % number for number in range(50_000)),
        {"Content_Type": "application/x-www-form-urlencoded"},
        422,
        NO_FILE,
    ),
    "over the limit": (part(content=b"x" * LIMIT * 2) + END, {}, 413, TOO_LARGE),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_and_nothing_of_it_stored(station: Running, name: str) -> None:
    body, headers, status, words = BODIES[name]
    refused(station, body, status, words, **headers)


NAMES = {
    "a path": "../../etc/passwd",
    "a path of Windows": "C:\\\\Windows\\\\system32\\\\x.csv",
    "control characters": "a\x1b[2J\x07b.csv",
    "a null character": "a\0b.csv",
    "line ends": "a%0D%0Ab.csv",
    "right to left": "a\u202evsc.exe",
    "ten kilobytes": "x" * 10_000,
    "half a pair": "a\ud800b.csv".encode("utf-8", "surrogatepass").decode("latin-1"),
    "markup": "<script>alert(1)</script>.csv",
    "nothing": "",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name_and_what_is_kept_of_it_is_harmless(station: Running, name: str) -> None:
    received = station.raw(station.head(Content_Length=len(body := part(file_name=NAMES[name]) + END)), body)
    assert told(received) == (202, 2)
    batch = json.loads(received.partition(b"\r\n\r\n")[2])["id"]
    connection = http.client.HTTPConnection("127.0.0.1", station.port, timeout=SECONDS)
    connection.request("GET", f"/api/batches/{batch}", headers=station.header)
    kept = json.loads(connection.getresponse().read())["file_name"]
    connection.close()
    assert len(kept) <= 256
    assert kept.isprintable()
    assert kept not in (".", "..")


def test_framing_that_two_servers_could_read_in_two_ways_is_refused(station: Running) -> None:
    before = contents(station.redis)
    body = multipart(GOOD)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    tricks: dict[str, tuple[dict[str, Any], bytes]] = {
        "both": ({"Content_Length": len(body), "Transfer_Encoding": "chunked"}, chunked),
        "a negative length": ({"Content_Length": -1}, body),
        "a length with a sign": ({"Content_Length": f"+{len(body)}"}, body),
        "a length in hexadecimal": ({"Content_Length": hex(len(body))}, body),
        "a length in Arabic digits": ({"Content_Length": "١٢"}, body),
        "two lengths": ({"Content_Length": f"{len(body)}, 5"}, body),
        "chunked twice": ({"Transfer_Encoding": "chunked, chunked"}, chunked),
        "an unknown coding": ({"Transfer_Encoding": "xchunked"}, chunked),
        "a chunk of negative length": ({"Transfer_Encoding": "chunked"}, b"-5\r\n" + body),
        "a chunk of no length": ({"Transfer_Encoding": "chunked"}, b"zz\r\n" + body),
        "a chunk that is longer": ({"Transfer_Encoding": "chunked"}, b"5\r\n" + body + b"\r\n0\r\n\r\n"),
        "a chunk of huge length": ({"Transfer_Encoding": "chunked"}, b"f" * 40 + b"\r\n" + body),
    }
    found: dict[str, int] = {}
    for name, (headers, sent) in tricks.items():
        received = station.raw(station.head(**headers), sent)
        found[name] = int(received.split(b" ")[1]) if received else 0
        assert contents(station.redis) == before, name
    # RFC 9112 has 501 for a coding that the server does not know.
    assert found == {**dict.fromkeys(tricks, 400), "an unknown coding": 501}
    assert told(station.raw(station.head(Content_Length=10**18), body))[0] == 413
    assert told(station.raw(station.head(Transfer_Encoding="chunked"), chunked)) == (202, 2)


def test_heads_without_measure_are_refused(station: Running) -> None:
    before = contents(station.redis)
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(50_000))
    for head in (
        station.head()[:-2] + many + b"\r\n",
        station.head()[:-2] + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"POST /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"\0" * 100_000,
    ):
        received = station.raw(head)
        assert not received or 400 <= told(received)[0] < 500
    assert contents(station.redis) == before


def test_bodies_that_drip_in_keep_nobody_else_waiting(station: Running) -> None:
    before = contents(station.redis)
    body = multipart(GOOD)
    with ExitStack() as stack:
        drips = [
            stack.enter_context(socket.create_connection(("127.0.0.1", station.port), timeout=SECONDS))
            for _ in range(20)
        ]
        for connection in drips:
            connection.sendall(station.head(Content_Length=len(body)))
        for place in range(5):
            for connection in drips:
                # The station may have had enough of it.
                with suppress(OSError):
                    connection.sendall(body[place : place + 1])
            assert station.send(multipart(b"none,1\n")) == (422, f"{GUID} on line 0.")
    assert contents(station.redis) == before


spoilings = st.lists(
    st.tuples(st.integers(0, 2_000), st.integers(0, 40), st.binary(max_size=40)), min_size=1, max_size=4
)


@settings(max_examples=SPOILT, deadline=None, suppress_health_check=list(HealthCheck))
@given(spoilings)
def test_a_body_spoilt_anyhow_is_taken_whole_or_not_at_all(
    station: Running, changes: list[tuple[int, int, bytes]]
) -> None:
    body = multipart(file_of(20))
    for place, cut, put in changes:
        at = place % (len(body) + 1)
        body = body[:at] + put + body[at + cut :]
    station.redis.flushall()
    prepare(station.redis)
    before = contents(station.redis)
    status, said = station.send(body)
    assert status in (202, 400, 413, 422), (status, said)
    if status == 202:
        assert int(station.redis.get(QUEUED_BALLOTS) or 0) == said
    else:
        assert contents(station.redis) == before
