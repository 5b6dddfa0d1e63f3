"""How a service is put together: framework, tokens, errors, logs, health, and the rule that every view says who may.

A service's ``create_app`` calls ``create_service``, registers its blueprints and ends with ``finish``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from shared.auth import access_of, configure_tokens, public
from shared.config import WebSettings
from shared.errors import Misconfigured
from shared.logs import configure
from shared.version import VERSION
from shared.web import cookies, explorer, headers, health, logs, metrics, pages, problems


class JSONProvider(DefaultJSONProvider):
    """JSON in the order in which it was written, and nothing a caller sends that is not read as wrong input."""

    sort_keys = False
    # Names stay readable for who looks at an answer; it is UTF-8 in any case.
    ensure_ascii = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        text = super().dumps(obj, **kwargs)
        try:
            text.encode()
        except UnicodeEncodeError:
            # Half a surrogate pair, which JSON can say and UTF-8 cannot; a caller may have sent one.
            return super().dumps(obj, **{**kwargs, "ensure_ascii": True})
        return text

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            # A few kilobytes of opening brackets would otherwise look like a fault of ours.
            raise ValueError("The JSON is nested too deeply.") from None


class RowNumber(IntegerConverter):
    """``<int:…>`` in a route: the number of a row.

    A number that is too large for the databases becomes 0, which no row has, so that it is not found like any other.
    """

    # Python would read the digits of every script.
    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        number = int(value) if len(value) < 20 else 0
        return number if number < 2**31 else 0


def create_service(
    name: str,
    title: str,
    settings: WebSettings,
    *,
    checks: dict[str, health.Check],
    private_key: str | None = None,
) -> APIFlask:
    """A service without its own routes yet; ``checks`` decide about ``/health/ready``."""
    configure(name, settings.log_level)
    app = APIFlask(
        name,
        title=title,
        version=VERSION,
        spec_path="/api/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes None; APIFlask has typed it too narrowly.
        root_path=str(Path(__file__).parent),
    )
    app.json = JSONProvider(app)
    app.url_map.converters["int"] = RowNumber
    app.config.update(
        # A route that takes more says so for itself.
        MAX_CONTENT_LENGTH=1024 * 1024,
        # Form fields are kept in memory; the uploaded file itself is not one of them. The parser reads by 64 KiB and
        # holds what it has not looked at yet against this limit too, so a limit that low would refuse large files.
        MAX_FORM_MEMORY_SIZE=512 * 1024,
        MAX_FORM_PARTS=16,
        OPENAPI_VERSION="3.1.0",
        AUTO_404_RESPONSE=False,
        SPEC_FORMAT="json",
        # Relative to the document, so that it holds behind a proxy that adds a prefix, too.
        SERVERS=[{"url": ".."}],
    )
    if proxies := settings.trusted_proxies:
        # The prefix is the first part of the path, which the proxy takes away: our own links have to bear it again.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # The documented way to add middleware.
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    tokens = configure_tokens(app, settings, private_key)
    cookies.configure(app)
    problems.install(app, tokens)
    logs.install(app)
    metrics.install(app, checks)
    health.install(app, checks)
    explorer.install(app, title)
    pages.install(app, name, settings)
    headers.install(app, settings.cors_origins)
    return app


def finish(app: APIFlask, describe: Callable[[dict[str, Any]], None] | None = None) -> APIFlask:
    """Refuse to start when a view declares neither a role nor that it is public.

    ``describe`` may add to the OpenAPI document what the framework cannot know of the service's routes.
    """
    for endpoint in ("openapi.spec", "static"):
        if endpoint in app.view_functions:
            public(app.view_functions[endpoint])
    undeclared = sorted(
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if access_of(app.view_functions[rule.endpoint]) is None
    )
    if undeclared:
        raise Misconfigured("These routes declare neither a role nor that they are public: " + ", ".join(undeclared))

    @app.spec_processor
    def _describe(spec: Any) -> Any:
        if describe is not None:
            describe(spec)
        return _describe_access(app, spec)

    return app


def _describe_access(app: APIFlask, spec: dict[str, Any]) -> dict[str, Any]:
    """Put into the OpenAPI document who may call what, and the one shape that all problems have."""
    components = spec.setdefault("components", {})
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    schemas = components.setdefault("schemas", {})
    schemas.pop("ValidationError", None)
    schemas.pop("HTTPError", None)
    schemas["Problem"] = explorer.PROBLEM_SCHEMA
    for rule in app.url_map.iter_rules():
        path = spec.get("paths", {}).get(_openapi_path(rule.rule))
        access = access_of(app.view_functions[rule.endpoint])
        if path is None or access is None:
            continue
        for method in rule.methods or ():
            operation = path.get(method.lower())
            if operation is None:
                continue
            explorer.describe(operation, access)
    return spec


def _openapi_path(rule: str) -> str:
    parts = []
    for part in rule.split("/"):
        inner = part.strip("<>").split(":")[-1]
        parts.append(f"{{{inner}}}" if part.startswith("<") else part)
    return "/".join(parts)
