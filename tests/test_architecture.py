"""The arrows of the design, held by reading what the modules import, and what no file here may hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask

from shared.config import SERVICE_SETTINGS, load
from shared.errors import Misconfigured
from shared.signed_records import NotProven
from shared.web.problems import STATUSES
from tests.services.tokens import new_keys
from tests.source import ROOT, SERVICES, WEB_SERVICES, files, imports, modules, reached, tree

LONGEST_FILE = 450

# A module may import from its own layer and from lower ones. Beside the names that every service has, these are the
# names that one service alone needs, with what each is for.
HTTP, ACTION, GROUND = 3, 2, 1
STARTS = 4
LAYERS = {
    "app": STARTS,
    "routes": HTTP,
    "classic": HTTP,
    "pages": HTTP,
    "actions": ACTION,
    "rules": GROUND,
    "store": GROUND,
}
OWN_NAMES = {
    "authentication_service": {
        "prepare": STARTS,  # Makes the tables and the first administrator, once, before the service starts.
        "signing": HTTP,  # Turns an account into tokens.
        "passwords": GROUND,  # Hashes and checks passwords.
        "letters": HTTP,  # Writes mails in the language of a request.
        "mailer": STARTS,  # Sends the mails that wait, as a program of its own.
        "second_factors": GROUND,  # Seals the secrets of second factors, and makes codes of them.
        "sealed": GROUND,  # Opens the store so that its sessions can read and seal national ids.
    },
    "admin_service": {
        "prepare": STARTS,  # Makes the tables, once, before the service starts.
        "pictures": GROUND,  # Makes pictures of what is sent for candidates, in a process of its own.
    },
    "voting_station_service": {
        "uploads": HTTP,  # Takes the bodies of uploads apart.
        "inspection": GROUND,  # Looks into photographs, in a process of its own.
    },
    "daemon": {
        "duty": HTTP,  # The thread of what one daemon of all does beside the partitions.
        "health": STARTS,  # Tells a container's health check whether the daemon works.
        "monitor": HTTP,  # Answers on the daemon's own port how it is and what it counts.
        "provisional": HTTP,  # Tells Redis what is counted, from a thread of its own.
        "relay": HTTP,  # Moves the stations' entries of the journal from Redis to the store.
        "sheets": HTTP,  # Moves what officials have sent of tally sheets to the store, and its state back to Redis.
        "worker": HTTP,  # Takes parts off the queue, as routes take requests off the net.
    },
    "results_service": {
        "live": ACTION,  # Looks at what is watched, and tells all who watch.
        "sockets": HTTP,  # Speaks the protocol of WebSockets, as routes speak HTTP.
        "memory": GROUND,  # Keeps what was asked for last, and lets a crowd share one look.
    },
}

PURE = (
    *(
        "shared.errors",
        "shared.sentences",
        "shared.terms",
        "shared.csv_lines",
        "shared.holding_back",
        "shared.place_names",
    ),
    *("shared.apportionment", "shared.sheets"),
)
# Pure code gets every moment, random number and file from its caller.
IMPURE = {"time", "os", "pathlib", "socket", "random", "secrets", "subprocess", "logging", "threading", "tempfile"}
IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today"}
WEB_LIBRARIES = {"flask", "apiflask", "werkzeug", "http", "flask_jwt_extended"}

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml"}
# In pieces, so that this file does not name what no file may name.
REGISTRIES = [
    ("py" + "pi", "org"),
    ("python" + "hosted", "org"),
    ("registry", "npm" + "js", "org"),
    ("registry", "yarn" + "pkg", "com"),
    ("proxy", "golang", "org"),
    ("crates", "io"),
    ("ruby" + "gems", "org"),
    ("jsdelivr", "net"),
    ("un" + "pkg", "com"),
]


def own_modules(service: str, *layers: str) -> dict[str, Path]:
    """The modules of a service that have one of these inner names, or all."""
    found = modules(service)
    return {name: path for name, path in found.items() if not layers or inner(name) in layers}


def inner(name: str) -> str:
    """The inner name of a module of a service: ``routes`` of ``admin_service.routes.elections``."""
    return name.split(".")[1] if "." in name else ""


def top_levels(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def is_within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_itself_and_shared_only(service: str) -> None:
    others = {*SERVICES, "cli", "migrations", "tests", "benchmarks"} - {service}
    for name, path in modules(service).items():
        assert not top_levels(imports(path)) & others, f"{name} imports from another part."


def test_shared_imports_no_service() -> None:
    others = {*SERVICES, "cli", "migrations", "tests", "benchmarks"}
    for name, path in modules("shared").items():
        assert not top_levels(imports(path)) & others, f"{name} imports from outside of shared."


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_inner_names_of_the_design(service: str) -> None:
    allowed = {"", *LAYERS, *OWN_NAMES.get(service, {})}
    assert {inner(name) for name in modules(service)} <= allowed
    folders = {path.name for path in (ROOT / service).iterdir() if path.is_dir()}
    assert folders <= {*allowed, "templates", "static", "__pycache__"}


@pytest.mark.parametrize("service", SERVICES)
def test_inside_a_service_imports_go_from_http_to_actions_to_rules_and_store(service: str) -> None:
    layers = {**LAYERS, **OWN_NAMES.get(service, {})}
    for name, path in own_modules(service).items():
        if not inner(name):
            continue
        for imported in imports(path):
            if not is_within(imported, [service]) or not inner(imported):
                continue
            assert layers[inner(imported)] <= layers[inner(name)], f"{name} imports {imported}."


@pytest.mark.parametrize(
    "name",
    [
        *sorted(modules("shared/apportionment") | modules("shared/sheets")),
        *("shared.csv_lines", "shared.holding_back", "shared.place_names"),
    ],
)
def test_apportionment_and_the_judgement_of_tally_sheets_are_pure(name: str) -> None:
    assert_pure(name, modules("shared")[name])


@pytest.mark.parametrize("service", SERVICES)
def test_rules_are_pure(service: str) -> None:
    for name, path in own_modules(service, "rules").items():
        assert_pure(name, path, service)


def assert_pure(name: str, path: Path, service: str = "shared") -> None:
    """Standard library without clock and I/O, errors, terms and apportionment are all that it uses."""
    for imported in imports(path):
        if is_within(imported, [*PURE, f"{service}.rules"]):
            continue
        top = imported.partition(".")[0]
        assert top in sys.stdlib_module_names, f"{name} imports {imported}."
        assert top not in IMPURE, f"{name} imports {imported}."
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in IMPURE_CALLS, f"{name}, line {node.lineno}, calls {called}()."


@pytest.mark.parametrize("service", WEB_SERVICES)
def test_the_http_side_knows_no_database_and_no_queue(service: str) -> None:
    for name, path in own_modules(service, "routes", "classic", "pages").items():
        assert not top_levels(imports(path)) & {"sqlalchemy", "redis", "rq"}, f"{name} reaches below the actions."


@pytest.mark.parametrize("service", SERVICES)
def test_actions_rules_and_store_know_no_http(service: str) -> None:
    for name, path in own_modules(service, "actions", "rules", "store").items():
        found = imports(path)
        assert not top_levels(found) & WEB_LIBRARIES, f"{name} knows of HTTP."
        web = {imported for imported in found if is_within(imported, ["shared.web"])}
        assert web <= {"shared.web.requests"}, f"{name} knows of HTTP."


def test_in_shared_only_web_and_auth_know_http() -> None:
    for name, path in modules("shared").items():
        if not is_within(name, ["shared.web", "shared.auth"]):
            found = imports(path)
            assert not top_levels(found) & WEB_LIBRARIES, f"{name} knows of HTTP."
            assert not any(is_within(imported, ["shared.web", "shared.auth"]) for imported in found), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_store_never_ends_a_transaction(service: str) -> None:
    for name, path in own_modules(service, "store").items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in {"commit", "rollback", "begin"}, f"{name}, line {node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module == "shared.database":
                assert "Database" not in {alias.name for alias in node.names}, f"{name} opens its own sessions."


def test_the_voting_station_can_reach_no_database() -> None:
    found = reached(modules("voting_station_service"))
    assert not [name for name in found if is_within(name, ["shared.database", "shared.schema", "shared.tallies"])]
    libraries = set().union(*(top_levels(imports(path)) for path in found.values()))
    assert not libraries & {"sqlalchemy", "alembic", "pymysql", "psycopg"}


@pytest.mark.parametrize("service", ["authentication_service", "admin_service"])
def test_what_has_no_arrow_to_redis_knows_nothing_of_the_queue(service: str) -> None:
    found = reached(modules(service))
    assert not [name for name in found if is_within(name, ["shared.queue"])]
    assert not set().union(*(top_levels(imports(path)) for path in found.values())) & {"redis", "rq"}


@pytest.mark.parametrize("service", ["admin_service", "voting_station_service", "daemon", "results_service"])
def test_only_the_authentication_service_knows_the_accounts_store_and_the_private_key(service: str) -> None:
    assert "shared.schema.accounts" not in reached(modules(service))
    for name, path in modules(service).items():
        assert "jwt_private_key" not in path.read_text(encoding="utf-8"), name


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_imports_stands_in_its_requirements(service: str) -> None:
    requirements = (ROOT / "requirements" / f"{service}.txt").read_text(encoding="utf-8")
    pinned = {canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", requirements, re.MULTILINE)}
    distributions = packages_distributions()
    found = reached(modules(service))
    libraries = set().union(*(top_levels(imports(path)) for path in found.values()))
    libraries -= {*sys.stdlib_module_names, *SERVICES, "shared"}
    for library in sorted(libraries):
        providers = {canonical(name) for name in distributions.get(library, [])}
        assert providers & pinned, f"{service} imports {library}, which its requirements do not bring."


def canonical(name: str) -> str:
    """The name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_nothing_is_connected_or_read_when_modules_are_imported() -> None:
    """Importing every module needs no setting, opens no connection and starts no process."""
    names = sorted(name for name in modules(*SERVICES, "shared") if name != "shared.web.gunicorn")
    program = (
        "import importlib, socket, subprocess\n"
        "def refuse(*_, **__): raise AssertionError('An import reaches outside.')\n"
        "socket.socket.connect = refuse\n"
        "subprocess.Popen.__init__ = refuse\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", WEB_SERVICES)
def test_a_service_does_not_start_with_a_route_that_says_not_who_may_use_it(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module(f"{service}.app")
    settings = load(SERVICE_SETTINGS[service], _env_file=None, **settings_of(service))
    app = module.create_app(settings)
    close(app)
    create = module.create_service

    def create_with_an_undeclared_route(*args: Any, **keywords: Any) -> APIFlask:
        made = create(*args, **keywords)
        assert isinstance(made, APIFlask)
        made.add_url_rule("/api/undeclared", view_func=lambda: "")
        return made

    monkeypatch.setattr(module, "create_service", create_with_an_undeclared_route)
    with pytest.raises(Misconfigured, match="/api/undeclared"):
        module.create_app(settings)


def settings_of(service: str) -> dict[str, str]:
    """Settings with which a service can be made, though not reach anything."""
    keys = new_keys()
    return {
        "environment": "development",
        "log_level": "error",
        "jwt_public_key": keys.public_pem,
        "jwt_private_key": keys.private_pem,
        "accounts_database_url": "sqlite://",
        "election_database_url": "sqlite://",
        "redis_url": "redis://127.0.0.1:1/0",
        "admin_email": "admin@example.org",
        "admin_password": "Password1",
        "register_key": "x" * 32,
    }


def close(app: APIFlask) -> None:
    """Let go of what the service has opened."""
    database = app.extensions.get("database")
    if database is not None:
        database.close()


def test_every_error_that_a_service_can_raise_has_a_status() -> None:
    places = modules("shared", *SERVICES)
    bases = {
        (module, node.name): {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for module, path in places.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }
    heirs: dict[str, str] = {}
    # An heir of an heir may stand in a module that comes before that one's.
    while (
        found := {name: module for (module, name), its in bases.items() if its & {"UrnaError", *heirs}}.items()
        - heirs.items()
    ):
        heirs.update(found)
    assert heirs["InvalidInput"] == heirs["SigningFault"] == "shared.errors"
    types = {getattr(import_module(module), name) for name, module in heirs.items()}
    # The first is no caller's doing and answered like every unexpected error, the second raised by a command alone.
    assert types - STATUSES.keys() == {Misconfigured, NotProven}


def test_no_file_is_too_long_to_be_read_at_a_sitting() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in files()
        if path.suffix == ".py" and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert not long, f"Over {LONGEST_FILE} lines: cut them by noun."


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [path for path in files() if path.suffix == ".py" and {path.stem, path.parent.name} & BANNED_NAMES]
    assert not vague


def test_there_is_no_lock_file() -> None:
    assert not [path for path in files() if path.name in LOCK_FILES]


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile("|".join(re.escape(".".join(pieces)) for pieces in REGISTRIES), re.IGNORECASE)
    naming = {}
    for path in files():
        found = hosts.search(path.read_bytes().decode("utf-8", errors="ignore"))
        if found:
            naming[path.relative_to(ROOT).as_posix()] = found.group()
    assert not naming
