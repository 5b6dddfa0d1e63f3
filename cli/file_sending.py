"""How a file of ballots goes to a voting station: as a form, in pieces, and once more after a lost connection."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from uuid import uuid4

import httpx

from cli.client import Client
from cli.failure import Failure

_CHUNK_BYTES = 256 * 1024


def send_file(
    client: Client,
    file: Path,
    path: str,
    headers: Mapping[str, str],
    station: int | None,
    advance: Callable[[int], None] = lambda _: None,
) -> httpx.Response:
    """Post a file to a route of the station, for a polling station if one is named; ``advance`` is told its bytes."""
    with _opened(file) as stream:
        size = stream.seek(0, os.SEEK_END)
    boundary = uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_form_name(file)}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    def content() -> Iterator[bytes]:
        yield head
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
                advance(len(chunk))
        yield tail

    form = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }
    query = None if station is None else {"station": station}
    return client.authorized(
        "POST", "station", path, content=content, headers={**form, **headers}, query=query, repeatable=True
    )


def digest_of(file: Path) -> str:
    """SHA-256 of a file's content in hexadecimal."""
    with _opened(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _opened(file: Path) -> BufferedReader:
    stream = file.open("rb")
    if not stream.seekable():
        stream.close()
        # It is read twice, for its key and for sending, and perhaps once more after a lost connection.
        raise Failure("This is a pipe, which can be read only once; write its content into a file and upload that.")
    return stream


def _form_name(file: Path) -> str:
    """A file's name as it may stand in a header of a form (WHATWG HTML, multipart/form-data)."""
    name = file.name.encode(errors="replace").decode()
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
