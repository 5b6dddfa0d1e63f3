"""The page to try a service's routes, from files of our own (no CDN), and what its OpenAPI document says of access."""

from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask import Response, render_template_string

from shared.auth import Access, public
from shared.web.files import Files

STATIC = Path(__file__).parent / "static"

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "An error in the form of RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that was read, so that nobody's change is overwritten unseen.",
    "schema": {"type": "string"},
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="stylesheet" href="static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<div id="explorer"><noscript>This page needs JavaScript; the routes are described in openapi.json.</noscript></div>
<script src="static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="static/explorer.js"></script>
</body>
</html>
"""


# The vendored library has its pictures in its style, and calls this service alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: APIFlask, title: str) -> None:
    """Serve ``/api/docs`` and the files that it needs."""
    files = Files(STATIC)

    @app.get("/api/docs")
    @app.doc(hide=True)
    @public
    def api_docs() -> Response:
        return Response(
            render_template_string(_PAGE, title=title),
            mimetype="text/html",
            headers={"Content-Security-Policy": _POLICY},
        )

    @app.get("/api/static/<path:name>")
    @app.doc(hide=True)
    @public
    def api_static(name: str) -> Response:
        return files.answer(name, seconds=86400)


def describe(operation: dict[str, Any], access: Access) -> None:
    """Write into one operation which token it takes, which roles it needs, and how it refuses."""
    responses = operation.setdefault("responses", {})
    if access.token is not None:
        operation["security"] = [{"bearer": []}]
        roles = ", ".join(sorted(role.value for role in access.roles)) or "any account"
        said = "Takes a refresh token." if access.token == "refresh" else f"Who may: {roles}."
        operation["description"] = f"{operation.get('description', '')}\n\n{said}".strip()
        responses.setdefault("401", {"description": "No usable token"})
        if access.roles and not access.classic:
            responses.setdefault("403", {"description": "The token's role may not do this"})
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        responses.setdefault("413", {"description": "The body is over the size limit"})
        if operation.get("tags") != ["Classic"]:
            # A classic route takes it for an empty object.
            responses.setdefault("400", {"description": "The body is not JSON"})
    if "428" in responses:
        operation.setdefault("parameters", []).append(IF_MATCH)
    if access.classic or operation.get("tags") == ["Classic"]:
        _describe_classically(responses)
        return
    for status, response in responses.items():
        if int(status) >= 400:
            response["content"] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _describe_classically(responses: dict[str, Any]) -> None:
    """Write into a classic operation the contract's two bodies: ``msg`` about tokens, ``message`` about the rest."""
    # The framework expects its own check of the body, which the classic routes replace by their ordered ones.
    if responses.get("422", {}).get("description") == "Validation error":
        del responses["422"]
    for status, response in responses.items():
        if status == "200" and response["description"].startswith("Empty"):
            del response["content"]
        if int(status) >= 400:
            key = "msg" if status == "401" else "message"
            schema = {"type": "object", "required": [key], "properties": {key: {"type": "string"}}}
            response["content"] = {"application/json": {"schema": schema}}
