"""A log line for every request, with the id by which it can be followed."""

import re
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

from shared.journal import events

# What nginx or a caller may give as a request id; anything else could forge log lines.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

V = TypeVar("V", bound=Callable[..., Any])

log = structlog.get_logger()


def unlinked(view: V) -> V:
    """Say on a view that nothing which is written of its requests may lead to whoever sent them, or to a ballot.

    Their lines have no id, which could be the same as that of another request, and the route instead of the path.
    """
    view.unlinked = True  # type: ignore[attr-defined]  # A view carries its own names.
    return view


def path() -> str:
    """The path of this request as logs may have it."""
    return request.url_rule.rule if request.url_rule and g.get("unlinked") else request.path


def install(app: Flask) -> None:
    """Write one line for each request; query strings are left out, because they may name people."""

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()
        g.unlinked = getattr(current_app.view_functions.get(request.endpoint or ""), "unlinked", False)
        if g.unlinked:
            structlog.contextvars.unbind_contextvars("request_id")
            events.begin("", "")
            return
        sent = request.headers.get("X-Request-ID", "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        events.begin(request.remote_addr or "", g.request_id)

    @app.after_request
    def _end(response: Response) -> Response:
        if "began" in g:
            if not g.unlinked:
                response.headers["X-Request-ID"] = g.request_id
            # Programs ask for these every few seconds.
            level = "debug" if request.path.startswith(("/health/", "/metrics")) else "info"
            getattr(log, level)(
                "request",
                method=request.method,
                path=path(),
                status=response.status_code,
                milliseconds=round((time.perf_counter() - g.began) * 1000, 1),
            )
        return response
