"""Starts the voting station service: it takes ballots in, reaches Redis only, and keeps nothing itself."""

from contextlib import suppress
from typing import IO, Any

from apiflask import APIFlask
from flask import Request

from shared.config import StationSettings, load
from shared.errors import Unavailable
from shared.queue import intake
from shared.queue.connection import connect
from shared.queue.jobs import Queues
from shared.web import create_service, finish
from voting_station_service.actions import Station
from voting_station_service.classic import classic
from voting_station_service.routes import batches, describe_uploads

# What a multipart body needs around the file itself.
_MULTIPART_OVERHEAD = 64 * 1024

_MOST_UNREAD_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 16


class UploadRequest(Request):
    """A request that closes every file it has begun to receive; the framework forgets those of a broken upload.

    What was not read of a refused one is read before the answer goes out: whoever is cut off while sending never sees
    why. A sender of gigabytes is cut off nevertheless.
    """

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
