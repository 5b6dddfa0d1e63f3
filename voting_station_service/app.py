"""Starts the voting station service: it takes ballots in, reaches Redis only, and keeps nothing itself."""

import ctypes
import io
import re
from contextlib import suppress
from typing import IO, Any

from apiflask import APIFlask
from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from shared.config import StationSettings, load
from shared.errors import Unavailable
from shared.queue import intake
from shared.queue.connection import connect
from shared.queue.jobs import Queues
from shared.web import create_service, finish
from voting_station_service.actions import Station
from voting_station_service.classic import classic
from voting_station_service.routes import batches, describe_uploads

# Parts are larger than this, so that the memory of each goes back to the system when it was sent; glibc would otherwise
# keep what a large upload took. Blocks of a file are smaller, and memory that is free is kept up to some of them.
_GIVEN_BACK_BYTES = 1 << 18
_KEPT_BYTES = 1 << 22
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# What a multipart body needs around the file itself.
_MULTIPART_OVERHEAD = 64 * 1024

_MOST_UNREAD_BYTES = 1 << 30
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
    why. A sender of gigabytes is cut off nevertheless.
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
        unread = _MOST_UNREAD_BYTES
        # Who has gone away waits for no answer.
        with suppress(OSError):
            while unread > 0 and (block := self.environ["wsgi.input"].read(_BLOCK_BYTES)):
                unread -= len(block)


def create_app(settings: StationSettings | None = None) -> APIFlask:
    """The service, ready for gunicorn; settings come from the environment unless given."""
    settings = settings or load(StationSettings)
    _give_memory_back()
    redis = connect(settings.redis_url.get_secret_value())
    station = Station(redis, Queues(redis), settings)

    def queue_is_prepared() -> bool:
        try:
            return intake.partitions(redis) > 0
        except Unavailable:
            return False

    app = create_service(
        "voting_station_service",
        "Urna: voting station",
        settings,
        checks={"the queue": queue_is_prepared},
        max_body_bytes=settings.max_upload_bytes + _MULTIPART_OVERHEAD,
    )
    app.request_class = UploadRequest
    app.extensions["station"] = station
    app.register_blueprint(batches)
    app.register_blueprint(classic)
    return finish(app, describe_uploads)


def _give_memory_back() -> None:
    """Tell glibc when to give memory back; other C libraries have no such thing to be told."""
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _GIVEN_BACK_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
