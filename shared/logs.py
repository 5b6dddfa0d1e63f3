"""One JSON object a line for every event."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

import structlog
from structlog.typing import EventDict, Processor

from shared.errors import UrnaError

_MOST_PLACES = 20
_MOST_CAUSES = 5
_MOST_WORDS = 300
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
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(service))
    # Under gunicorn there is one already.
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class JsonLines(logging.Formatter):
    """What libraries and the server log, in the form of our own lines."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        event: EventDict = {
            "event": record.getMessage(),
            "logger": record.name,
            "service": self._service,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            event["exc_info"] = record.exc_info[1]
        return json.dumps(_place_of_error(self, record.levelname, event))


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


# What a database says under these numbers and classes is about itself and never about values: a full disk or table,
# connections, rights, missing tables, read-only, locks. From 2000 on MySQL's numbers are the client's.
_MYSQL_SAYS_NO_VALUES = {1021, 1040, 1041, 1044, 1045, 1049, 1053, 1114, 1129, 1130, 1142, 1143, 1146, 1205, 1213, 1290}
_POSTGRESQL_SAYS_NO_VALUES = ("08", "25", "28", "3D", "40", "42501", "42P01", "53", "55", "57", "58")


def reason(error: BaseException) -> str:
    """Why something failed, in one line for a log or a dead letter, without any value that went through it.

    Our own errors speak for themselves, and for their cause. Of others it is the type, the database's number, and the
    words only where those are known to be about the machines: a driver may put a ballot into the others.
    """
    if isinstance(error, UrnaError):
        return f"{error.message} ({reason(error.__cause__)})" if error.__cause__ else error.message
    said = getattr(error, "orig", None) or error
    number = next((one for one in said.args[:1] if isinstance(one, int)), None)
    code = getattr(said, "sqlstate", None) if number is None else number
    named = " ".join(str(one) for one in (type(said).__name__, code) if one is not None)
    words = str(said.args[-1] if said.args else "").partition("\n")[0]
    return f"{named}: {words[:_MOST_WORDS]}" if words and _says_no_values(said, code) else named


def _says_no_values(said: BaseException, code: object) -> bool:
    family = type(said).__module__.partition(".")[0]
    match family:
        case "pymysql":
            return isinstance(code, int) and (code >= 2000 or code in _MYSQL_SAYS_NO_VALUES)
        case "psycopg":
            # Without a state it is the client that speaks, of a connection.
            return code is None or str(code).startswith(_POSTGRESQL_SAYS_NO_VALUES)
        case "redis":
            # What Redis itself answers can repeat the words of a command.
            return type(said).__name__ in ("ConnectionError", "TimeoutError", "BusyLoadingError")
        case _:
            return family == "sqlite3" or isinstance(said, OSError)
