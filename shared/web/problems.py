"""Errors as answers: the only place that knows which HTTP status an error has.

The ``/api`` routes answer problems (RFC 9457); the classic routes answer the bodies that their contract names.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, json, request
from flask_jwt_extended import JWTManager
from gunicorn.http.errors import ParseException
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from shared import errors, metrics
from shared.auth import MISSING_HEADER, ClassicUnauthorized
from shared.logs import reason
from shared.web import logs

V = TypeVar("V", bound=Callable[..., Any])

STATUSES: dict[type[errors.UrnaError], int] = {
    errors.InvalidInput: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.ChangedMeanwhile: 412,
    errors.PreconditionMissing: 428,
    errors.TooLarge: 413,
    errors.TooManyAttempts: 429,
    errors.Unavailable: 503,
    errors.SigningFault: 503,
}

# What pydantic leaves out of its path when the whole body is wrong.
_WHOLE_BODY = "_schema"

log = structlog.get_logger()


class ClassicRefusal(Exception):
    """A refusal in the words of the classic contract: 400 and ``{"message": …}``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def problem(
    status: int,
    detail: str,
    fields: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem body: type, title, status, detail, and ``errors`` when fields are at fault."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if fields:
        body["errors"] = fields
    return Response(
        json.dumps(body, sort_keys=False),
        status=status,
        mimetype="application/problem+json",
        headers=headers,
    )


def is_api() -> bool:
    """Whether the request is for a route that answers problems; the others answer classic bodies."""
    return request.path.startswith(("/api/", "/health/"))


def install(app: APIFlask, tokens: JWTManager) -> None:
    """Map every error that a view can raise to an answer, so that nobody is ever shown a traceback."""
    app.register_error_handler(errors.UrnaError, _refuse)
    # No caller can act on it, and it names settings: something here was changed or damaged since the start.
    app.register_error_handler(errors.Misconfigured, _fail)
    app.register_error_handler(ClassicRefusal, _refuse_classically)
    app.register_error_handler(ClassicUnauthorized, lambda _error: _token_answer(401, MISSING_HEADER))
    app.register_error_handler(ParseException, refuse_framing)
    app.register_error_handler(Exception, _fail)
    # This also takes the framework's own errors, such as 413; so ours comes after it.
    app.error_processor(_refuse_request)
    app.register_error_handler(HTTPException, refuse_http)

    tokens.unauthorized_loader(lambda _reason: _token_answer(401, MISSING_HEADER))
    tokens.invalid_token_loader(lambda reason: _token_answer(401, f"The token is not valid: {reason.rstrip('.')}."))
    tokens.expired_token_loader(lambda _header, _claims: _token_answer(401, "Token has expired"))
    tokens.revoked_token_loader(lambda _header, _claims: _token_answer(401, "Token has been revoked"))


def _token_answer(status: int, message: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    return problem(status, message, headers=headers) if is_api() else _json({"msg": message}, status, headers)


def _refuse(error: errors.UrnaError) -> Response:
    status = STATUSES[type(error)]
    headers = {}
    if isinstance(error, errors.SigningFault):
        # No machine in order computes wrongly, so that an operator has to hear of it.
        note_fault(error)
    elif isinstance(error, errors.Unavailable):
        # The caller learns that it is away, the operator why: a missing right looks the same from outside.
        log.warning("unavailable", path=logs.path(), reason=reason(error.__cause__ or error))
    if isinstance(error, errors.Unavailable | errors.TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if not is_api():
        key = "msg" if status == HTTPStatus.UNAUTHORIZED else "message"
        # In the classic contract every refusal of what was sent is a 400.
        classic_status = 400 if status in (404, 409, 422) else status
        return _json({key: error.message}, classic_status, headers)
    faults = [(error.field, error.message)] if error.field else []
    if isinstance(error, errors.InvalidInput) and error.faults:
        faults = list(error.faults)
    fields = [{"field": field, "message": message} for field, message in faults]
    return problem(status, error.message, fields, headers)


def _refuse_classically(error: ClassicRefusal) -> Response:
    return _json({"message": error.message}, 400)


def _refuse_request(error: HTTPError) -> Response:
    """What APIFlask found wrong with a body or a query before the view was called."""
    fields = [
        # pydantic puts these words before the sentences of our own checks.
        {"field": field if field != _WHOLE_BODY else location, "message": message.removeprefix("Value error, ")}
        for location, found in (error.detail if isinstance(error.detail, dict) else {}).items()
        if isinstance(found, dict)
        for field, messages in found.items()
        for message in messages
    ]
    for field in fields:
        if field["field"] == "json":
            # pydantic would name a class of ours.
            field.update(message="The body has to be a JSON object.")
    if fields:
        detail = "; ".join(f"{field['field']}: {field['message'].removesuffix('.')}" for field in fields[:5]) + "."
        return problem(error.status_code, detail, fields)
    return _answer(error.status_code, str(error.message))


def refuse_http(error: HTTPException) -> Response:
    """What the framework itself refuses, such as an address at which nothing is."""
    if error.response is not None:
        response = error.response
        assert isinstance(response, Response)  # noqa: S101 -- Flask's own redirects and aborts are of its class.
        return response
    status = error.code or 500
    headers = {
        name: value for name, value in error.get_headers() if name.lower() not in ("content-type", "content-length")
    }
    if status == HTTPStatus.BAD_REQUEST:
        return _answer(status, "The body is not JSON, or not JSON that can be read.", headers)
    if status == HTTPStatus.NOT_FOUND:
        return _answer(status, "There is nothing at this address; /api/docs shows the routes of this service.", headers)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _answer(status, "The upload is over the size limit; cut the file into smaller ones.", headers)
    return _answer(status, error.description or HTTPStatus(status).phrase, headers)


def refuse_framing(_error: ParseException) -> Response:
    """The server finds wrong chunks only when the body is read. Where the next request begins, nobody knows then."""
    return _answer(400, "The body is not in the chunks that it says it is.", {"Connection": "close"})


def note_fault(error: Exception) -> None:
    """Count an error that nobody expected, and log it for the operators."""
    metrics.unexpected_errors().inc()
    log.error("unexpected error", path=request.path, exc_info=error)


def _fail(error: Exception) -> Response:
    note_fault(error)
    return _answer(500, "Something went wrong here; the operators can see it in the log.")


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return problem(status, detail, headers=headers) if is_api() else _json({"message": detail}, status, headers)


def _json(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json", headers=headers)


def classic_input(model: type[BaseModel]) -> Callable[[V], V]:
    """Describe a classic route's JSON body in the OpenAPI document, and leave its checks to the view.

    APIFlask's own ``input`` cannot do that: it leaves out the checks of marshmallow's schemas only, not pydantic's.
    """

    def decorate(view: V) -> V:
        described = {**getattr(view, "_spec", {}), "body": model, "content_type": "application/json"}
        view._spec = described  # type: ignore[attr-defined]  # Where APIFlask keeps what it knows of a view.
        return view

    return decorate


def classic_body() -> dict[str, Any]:
    """The JSON object of a classic request; a body that is no JSON object counts as ``{}``."""
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def is_missing(body: dict[str, Any], field: str) -> bool:
    """Whether a field is missing in the sense of the classic contract: absent, or a string of length 0."""
    return field not in body or (body[field] == "" and isinstance(body[field], str))


def require_fields(body: dict[str, Any], *names: str) -> None:
    """Refuse the first field, in the given order, that is missing from a classic body."""
    for name in names:
        if is_missing(body, name):
            raise ClassicRefusal(f"Field {name} is missing.")
