"""The tables of all routes, written from the running services; ``python -m tests.routes_table`` prints them.

They stand in the README, and tests/test_readme.py holds them there.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from apiflask import APIFlask

from shared.auth import Access, access_of
from shared.config import SERVICE_SETTINGS, load
from tests.services.tokens import new_keys
from tests.source import WEB_SERVICES

_TITLES = {
    "authentication_service": "Authentication service, port 5000",
    "admin_service": "Administration service, port 5001",
    "voting_station_service": "Voting station service, port 5002",
    "results_service": "Results service, port 5003",
}

# What the OpenAPI documents do not describe: pages, and the page to try the routes with what it needs.
_UNDESCRIBED = {
    "/api/openapi.json": "The OpenAPI 3.1 document of the service",
    "/api/docs": "A page to try the routes",
    "/api/static/{name}": "The files of that page",
    "/metrics": "What the service counts, for Prometheus; nginx answers 404 in its place",
}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, order=True)
class Route:
    """A route as a reader needs it: ``path`` with its parameters in braces, who may use it, and what for."""

    path: str
    method: str
    who: str
    summary: str
    classic: bool


def routes(service: str) -> list[Route]:
    """The routes of a service, by path and method."""
    app = _app(service)
    found = [
        Route(_path(rule.rule), method, _who(access), _summary(view, _path(rule.rule)), _is_classic(rule.endpoint))
        for rule in app.url_map.iter_rules()
        # A route that becomes a WebSocket is another way to the one of the same path.
        if not rule.websocket and (access := access_of(view := app.view_functions[rule.endpoint])) is not None
        for method in sorted(rule.methods or (), key=_rank)
        if method in _METHODS
    ]
    if database := app.extensions.get("database"):
        database.close()
    return sorted(found, key=lambda route: (route.path, _rank(route.method)))


def routes_tables() -> str:
    """Markdown: a table of the routes that every service has, and two of each service's own, the classic ones first."""
    by_service = {service: routes(service) for service in WEB_SERVICES}
    shared = [route for route in by_service[WEB_SERVICES[0]] if all(route in found for found in by_service.values())]
    texts = [f"### Every service\n\n{_table(shared)}"]
    for service, found in by_service.items():
        own = [route for route in found if route not in shared]
        text = f"### {_TITLES[service]}\n"
        for title, its in (
            ("Classic", [route for route in own if route.classic]),
            ("Resources", [route for route in own if not route.classic and route.path.startswith("/api")]),
            ("Pages", [route for route in own if not route.classic and not route.path.startswith("/api")]),
        ):
            if its:
                text += f"\n{title}:\n\n{_table(its)}"
        texts.append(text)
    return "\n".join(texts)


def _table(found: list[Route]) -> str:
    rows = [f"| `{route.method} {route.path}` | {route.who} | {route.summary} |" for route in found]
    return "\n".join(["| Route | Who may | What for |", "| --- | --- | --- |", *rows]) + "\n"


def _app(service: str) -> APIFlask:
    """A service with settings that reach nothing."""
    keys = new_keys()
    settings: dict[str, Any] = {
        "environment": "development",
        "log_level": "error",
        "jwt_public_key": keys.public_pem,
        "jwt_private_key": keys.private_pem,
        "accounts_database_url": "sqlite://",
        "election_database_url": "sqlite://",
        "redis_url": "redis://127.0.0.1:1/0",
        "admin_email": "administrator@example.org",
        "admin_password": "Password1",
        "register_key": "x" * 32,
    }
    app = import_module(f"{service}.app").create_app(load(SERVICE_SETTINGS[service], _env_file=None, **settings))
    assert isinstance(app, APIFlask)
    return app


def _path(rule: str) -> str:
    """A rule of the framework with its parameters as OpenAPI writes them: ``/api/users/{user_id}``."""
    parts = rule.replace("<", "{").replace(">", "}").split("{")
    return parts[0] + "".join("{" + part.rpartition(":")[2] for part in parts[1:])


def _who(access: Access) -> str:
    if access.token is None:
        return "everybody"
    if access.token == "refresh":
        return "who has a refresh token"
    who = ", ".join(sorted(role.value for role in access.roles)) or "any account"
    return f"{who}, signed in" if access.page else who


def _summary(view: Any, path: str) -> str:
    summary = getattr(view, "_spec", {}).get("summary") or _UNDESCRIBED[path]
    return str(summary)


def _is_classic(endpoint: str) -> bool:
    return endpoint.startswith("classic.")


def _rank(method: str) -> int:
    return _METHODS.index(method) if method in _METHODS else len(_METHODS)


if __name__ == "__main__":
    print(routes_tables(), end="")
