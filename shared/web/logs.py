"""A log line for every request, with the id by which it can be followed."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from shared.journal import events

# What nginx or a caller may give as a request id; anything else could forge log lines.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

log = structlog.get_logger()


def install(app: Flask) -> None:
    """Write one line for each request; query strings are left out, because they may name people."""

    @app.before_request
    def _begin() -> None:
        sent = request.headers.get("X-Request-ID", "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        g.began = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        events.begin(request.remote_addr or "", g.request_id)

    @app.after_request
    def _end(response: Response) -> Response:
        if "began" in g:
            response.headers["X-Request-ID"] = g.request_id
            # Programs ask for these every few seconds.
            level = "debug" if request.path.startswith(("/health/", "/metrics")) else "info"
            getattr(log, level)(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                milliseconds=round((time.perf_counter() - g.began) * 1000, 1),
            )
        return response
