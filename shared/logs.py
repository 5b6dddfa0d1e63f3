"""One JSON object a line for every event."""

import logging
import sys
import traceback

import structlog
from structlog.typing import EventDict, Processor

_MOST_PLACES = 20
_MOST_CAUSES = 5
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(service: str, level: str) -> None:
    """Write log lines of ``service`` from ``level`` on to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _service_is(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _place_of_error,
            structlog.processors.JSONRenderer(sort_keys=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        # Asked for with each line, since whoever embeds a service may replace the stream.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING)


def _place_of_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """In place of an exception, its type and those of its causes, and where in the code it came from.

    Neither what it says nor any variable: drivers and parsers put passwords, addresses and ballots into their words.
    """
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["places"] = [f"{frame.filename}:{frame.lineno}" for frame in frames[-_MOST_PLACES:]]
        event["errors"] = []
        while error is not None and len(event["errors"]) < _MOST_CAUSES:
            event["errors"].append(f"{type(error).__module__}.{type(error).__qualname__}")
            error = error.__cause__ or error.__context__
    return event


def _service_is(service: str) -> Processor:
    """Name the service on every line; a context variable would not reach the threads."""

    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add
