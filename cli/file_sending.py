"""How a file of ballots goes to a voting station: as a form, in pieces, and once more after a lost connection."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
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
    size, _ = measure(file)
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


def measure(file: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 in hexadecimal."""
    with file.open("rb") as stream:
        if not stream.seekable():
            # It is read twice, for its key and for sending, and perhaps once more after a lost connection.
            raise Failure("This is a pipe, which can be read only once; write its content into a file and upload that.")
        digest = hashlib.file_digest(stream, "sha256")
        return stream.tell(), digest.hexdigest()


def _form_name(file: Path) -> str:
    """A file's name as it may stand in a header of a form (WHATWG HTML, multipart/form-data)."""
    name = file.name.encode(errors="replace").decode()
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
