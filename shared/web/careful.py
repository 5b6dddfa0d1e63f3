"""What gunicorn's workers do otherwise here: they answer what is no HTTP like everything else, and say less of it."""

import json
import socket
import sys
from http import HTTPStatus
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.workers.base import Worker

from shared import metrics
from shared.logs import JsonLines
from shared.web.headers import HEADERS

_STATUSES: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn has no types.
    """Writes what the server itself has to say like the services' own lines."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        # The command line says which service it is: gunicorn … admin_service.app:create_app()
        service = next((word.partition(".")[0] for word in sys.argv if word.endswith(".app:create_app()")), "gunicorn")
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines(service))


class Careful(Worker):  # type: ignore[misc]  # gunicorn has no types.
    """A worker that tells neither the sender nor the log what was sent when it was no HTTP: a token may stand in it."""

    statuses: ClassVar = _STATUSES

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer what gunicorn could not read, or what the service could not answer."""
        if isinstance(exc, errors.ParseException):
            status = self.statuses.get(type(exc), HTTPStatus.BAD_REQUEST)
            detail = "This is no HTTP request that can be read."
            self.log.warning("A request could not be read: %s", type(exc).__name__)
        else:
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here."
            self.log.error("A request ended with %s", type(exc).__name__)
        metrics.requests().unreadable(status)
        refuse(client, status, detail)


def refuse(client: socket.socket, status: HTTPStatus, detail: str) -> None:
    """Write an answer without the help of the service, and let the sender go."""
    body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}).encode()
    headers = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        **HEADERS,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        util.write_nonblock(client, f"HTTP/1.1 {status.value} {status.phrase}\r\n{lines}\r\n".encode() + body)
    except OSError:
        # Who has gone away waits for no answer.
        return
