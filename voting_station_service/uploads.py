"""How the body of an upload is received: taken apart quickly, never left behind, and read to its end."""

import io
import re
import socket
import time
from contextlib import suppress
from typing import IO, Any

from flask import Request, current_app, request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from shared.sheets import photographs

# The setting of the application that says how large the body of an upload may be.
MOST_BYTES = "MAX_UPLOAD_BODY_BYTES"
# What a multipart body needs around the file itself.
MULTIPART_OVERHEAD = 64 * 1024

_MOST_UNREAD_BYTES = 1 << 30
_UNREAD_SECONDS = 5.0
_BLOCK_BYTES = 1 << 16

_SMALL_BYTES = 1 << 18
_ONE_FILE = re.compile(
    rb'--([^\r\n]+)\r\nContent-Disposition: form-data; name="file"; filename="([^"\\%\r\n]*)"\r\n'
    rb"(?:Content-Type: [ -~]*\r\n)?\r\n"
)


class UploadParser(FormDataParser):
    """Takes the body that programs send apart in one step: one small file and nothing else.

    The framework's parser takes it apart by blocks and lines, which costs as much as reading the ballots in it. All
    other bodies are left to it, and all headers that could mean anything but what they say.
    """

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        if mimetype == "multipart/form-data" and content_length is not None and content_length <= _SMALL_BYTES:
            body = b""
            while len(body) < content_length and (block := stream.read(content_length - len(body))):
                body += block
            file = only_file(body, (options or {}).get("boundary", ""))
            if file is not None:
                return stream, self.cls(), self.cls([("file", file)])
            stream = io.BytesIO(body)
        return super().parse(stream, mimetype, content_length, options)


def only_file(body: bytes, boundary: str) -> FileStorage | None:
    """The file in a multipart body that consists of it; None for every other body, whatever is in it."""
    head = _ONE_FILE.match(body)
    if head is None or not boundary.isascii() or head[1] != boundary.encode():
        return None
    delimiter = b"--" + head[1]
    end = body.find(delimiter, head.end()) - 2
    if body[max(end, head.end()) :].removesuffix(b"\r\n") != b"\r\n" + delimiter + b"--":
        return None
    try:
        return FileStorage(io.BytesIO(body[head.end() : end]), head[2].decode(), "file")
    except UnicodeDecodeError:
        return None


class UploadRequest(Request):
    """A request that closes every file it has begun to receive; the framework forgets those of a broken upload.

    What was not read of a refused one is read before the answer goes out: whoever is cut off while sending never sees
    why. A sender of gigabytes is cut off nevertheless, and so is a slow one: the thread is for others.
    """

    form_data_parser_class = UploadParser

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._received: list[IO[bytes]] = []

    def _get_file_stream(self, *arguments: Any, **named: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*arguments, **named)
        self._received.append(stream)
        return stream

    def close(self) -> None:
        super().close()
        for stream in self._received:
            stream.close()
        unread, until = _MOST_UNREAD_BYTES, time.monotonic() + _UNREAD_SECONDS
        connection: socket.socket | None = self.environ.get("gunicorn.socket")
        # Who has gone away waits for no answer.
        with suppress(OSError):
            while unread > 0 and (left := until - time.monotonic()) > 0:
                if connection is not None:
                    connection.settimeout(left)
                block = self.environ["wsgi.input"].read(_BLOCK_BYTES)
                if not block:
                    break
                unread -= len(block)
        if connection is not None:
            connection.settimeout(None)


def received_files(most_bytes: int | None = None) -> list[FileStorage]:
    """The files in the body of this request, which may be as large as an upload; that of no other request may."""
    most = current_app.config[MOST_BYTES] if most_bytes is None else most_bytes + MULTIPART_OVERHEAD
    request.max_content_length = most
    return request.files.getlist("file")


def take_large() -> None:
    """Before a form with a file is looked at: its value against forgery stands in the same body.

    That is read only for who has a cookie that lets him in.
    """
    if request.method == "POST":
        request.max_content_length = current_app.config[MOST_BYTES]


def take_photograph() -> None:
    """The same for a form with a photograph, which is a little larger at most than one that is taken."""
    if request.method == "POST":
        request.max_content_length = photographs.MOST_BYTES + MULTIPART_OVERHEAD
