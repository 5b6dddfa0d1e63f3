"""Starts the voting station service: it takes ballots in, reaches Redis only, and keeps nothing itself."""

import ctypes
from contextlib import suppress
from functools import partial
from typing import Any

from apiflask import APIFlask

from shared import metrics
from shared.config import StationSettings, load
from shared.errors import Unavailable
from shared.queue import intake, journal
from shared.queue.connection import connect
from shared.queue.jobs import Queues
from shared.web import create_service, finish
from shared.web import journal as refusals
from voting_station_service import pages
from voting_station_service.actions import Station, casting, queued
from voting_station_service.actions.box import Box
from voting_station_service.classic import classic
from voting_station_service.pages import files as file_pages
from voting_station_service.pages import sheets as sheet_pages
from voting_station_service.pages import voting as voting_pages
from voting_station_service.routes import batches, describe_uploads
from voting_station_service.routes.ballots import ballots
from voting_station_service.routes.sheets import describe_sheets, sheets
from voting_station_service.uploads import MOST_BYTES, MULTIPART_OVERHEAD, UploadRequest

# Parts are larger than this, so that the memory of each goes back to the system when it was sent; glibc would otherwise
# keep what a large upload took. Blocks of a file are smaller, and memory that is free is kept up to some of them.
_GIVEN_BACK_BYTES = 1 << 18
_KEPT_BYTES = 1 << 22
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


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
    )
    app.request_class = UploadRequest
    app.config[MOST_BYTES] = settings.max_upload_bytes + MULTIPART_OVERHEAD
    app.extensions["station"] = station
    app.extensions["box"] = Box(partial(casting.commit, station))
    metrics.uploads()
    app.extensions["readings"] = partial(_readings, station)
    refusals.install(app, partial(journal.add_refusal, redis))
    app.register_blueprint(batches)
    app.register_blueprint(ballots)
    app.register_blueprint(sheets)
    app.register_blueprint(classic)
    for blueprint in (pages.blueprint, file_pages.blueprint, sheet_pages.blueprint, voting_pages.blueprint):
        app.register_blueprint(blueprint)
    return finish(app, _describe)


def _describe(spec: dict[str, Any]) -> None:
    describe_uploads(spec)
    describe_sheets(spec)


def _readings(station: Station) -> list[metrics.Reading]:
    """What a station can see of the queues, so that somebody tells of them also when no daemon is left."""
    waiting, most = queued(station)
    return [
        metrics.Reading("urna_queued_ballots", "Ballots that wait to be counted.", waiting),
        metrics.Reading("urna_queued_ballots_limit", "Waiting ballots from which on uploads are refused.", most),
    ]


def _give_memory_back() -> None:
    """Tell glibc when to give memory back; other C libraries have no such thing to be told."""
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _GIVEN_BACK_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
