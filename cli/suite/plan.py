"""What an embedded suite consists of: each process, its command, and the settings that it alone is given."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values

from cli.failure import CANNOT_START, Failure
from cli.suite import ports
from cli.suite.directory import Administrator, DataDirectory, sqlite_url
from cli.suite.redis import find_program, write_configuration
from shared.config import PROGRAM_SETTINGS

ROOT = Path(__file__).resolve().parents[2]

# In the order of their ports.
SERVICES = ("authentication_service", "admin_service", "voting_station_service", "results_service")

# Where the pages of each are.
_SITES = {
    "authentication_service": "ACCOUNT_SITE",
    "admin_service": "ADMINISTRATION_SITE",
    "voting_station_service": "STATION_SITE",
    "results_service": "RESULTS_SITE",
}

# How many worker processes each gets on one machine, unless WEB_WORKERS says another number for all of them: the
# stations read files while everything else waits for a database.
_WORKERS = {"voting_station_service": 2}

# Who is asked by the page of the voting station on which voters vote.
_ASKED_BY_VOTERS = ("authentication_service", "results_service")
# As what a browser on this machine has asked for that page. By plain HTTP no other browser can use it.
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")

# What a process needs of the environment besides its settings. Everything else stays out, so that a part of the
# suite holds no secret that is not its own.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "USER",
    "VIRTUAL_ENV",
    "SECRETS_DIR",
    "WEB_WORKERS",
    "WEB_THREADS",
    "PYTHONDONTWRITEBYTECODE",
)


# Where this machine itself reaches a service that listens on every address.
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared, not bound.


@dataclass(frozen=True)
class Process:
    """One process of the suite. ``ready_url`` answers 200 when a service can do its work."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    ready_url: str | None = None


@dataclass(frozen=True)
class Plan:
    """A whole suite. The steps that prepare the stores run to their end before any service starts."""

    redis: Process | None
    redis_url: str = field(repr=False)
    accounts_database_url: str = field(repr=False)
    election_database_url: str = field(repr=False)
    preparations: tuple[Process, ...]
    services: tuple[Process, ...]
    daemon: Process
    # Only where mails are to be sent.
    mailer: Process | None
    addresses: dict[str, str]
    administrator: Administrator = field(repr=False)
    algorithm: str


def read_settings(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the environment and, where it says nothing, of ``.env`` in ``folder``."""
    written = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return {**written, **environment}


def make_plan(data: DataDirectory, given: Mapping[str, str], *, host: str, port_base: int, classic: bool) -> Plan:
    """Decide what will run where; ``given`` are the settings that somebody made, and they win.

    Checks the ports and looks for Redis, and starts nothing.
    """
    if port_base == 0:
        port_base = ports.free_base(host, len(SERVICES))
    numbers = {name: port_base + place for place, name in enumerate(SERVICES)}
    ports.refuse_taken(host, list(numbers.values()))

    settings = _settings(data, given, classic=classic)
    redis = None
    if "REDIS_URL" not in given:
        port = ports.free_base("127.0.0.1", 1)
        password = data.secret("redis_password", os.urandom(24).hex())
        settings["REDIS_URL"] = f"redis://:{quote(password)}@127.0.0.1:{port}/0"
        configuration = write_configuration(data, port, password)
        redis = Process("redis", (str(find_program()), str(configuration)), _environment(given, {}))

    # The pages lead from one service to the others, whatever name of this machine somebody has typed.
    for name, setting in _SITES.items():
        settings.setdefault(setting, f":{numbers[name]}/")

    origins = json.dumps([f"http://{name}:{numbers['voting_station_service']}" for name in _OWN_NAMES])
    asked = {"CORS_ORIGINS": origins, **settings}

    reachable = _ANYWHERE.get(host, host)
    addresses = {name: f"http://{_bracketed(reachable)}:{number}" for name, number in numbers.items()}
    return Plan(
        redis=redis,
        redis_url=settings["REDIS_URL"],
        accounts_database_url=settings["ACCOUNTS_DATABASE_URL"],
        election_database_url=settings["ELECTION_DATABASE_URL"],
        preparations=tuple(
            Process(
                f"{service}.prepare",
                (sys.executable, "-m", f"{service}.prepare"),
                _environment(given, _settings_of(service, settings)),
            )
            for service in ("authentication_service", "admin_service")
        ),
        services=tuple(
            _service(
                *(name, host, numbers[name], addresses[name], given),
                asked if name in _ASKED_BY_VOTERS else settings,
                data.metrics / name,
            )
            for name in SERVICES
        ),
        daemon=Process(
            "daemon", (sys.executable, "-m", "daemon.app"), _environment(given, _settings_of("daemon", settings))
        ),
        mailer=_mailer(given, settings) if settings.get("SMTP_HOST") else None,
        addresses=addresses,
        administrator=Administrator(settings["ADMIN_EMAIL"], settings["ADMIN_PASSWORD"]),
        algorithm=settings["JWT_ALGORITHM"],
    )


def _settings(data: DataDirectory, given: Mapping[str, str], *, classic: bool) -> dict[str, str]:
    """Every setting of every process, except where Redis is."""
    private_key, public_key = data.key_pair()
    administrator = data.administrator(
        classic=classic, email=given.get("ADMIN_EMAIL"), password=given.get("ADMIN_PASSWORD")
    )
    settings = {
        "ENVIRONMENT": "development",
        "REGISTRATION": "open",
        "JWT_ALGORITHM": "HS256" if classic and given.get("JWT_SECRET_KEY") else "EdDSA",
        "JWT_PRIVATE_KEY": private_key,
        "JWT_PUBLIC_KEY": public_key,
        "RECORD_SIGNING_KEY": data.record_key(),
        "REGISTER_KEY": data.secret("register_key", os.urandom(32).hex()),
        "ACCOUNTS_DATABASE_URL": sqlite_url(data.accounts),
        "ELECTION_DATABASE_URL": sqlite_url(data.election),
        **{name: value for name, value in given.items() if name in known_settings()},
        "ADMIN_EMAIL": administrator.email,
        "ADMIN_PASSWORD": administrator.password,
        "HEARTBEAT_FILE": str(data.heartbeat),
    }
    # Nobody else waits for the partitions here, so a daemon that was killed and started again may have them back soon.
    settings.setdefault("LEASE_SECONDS", "3")
    if classic:
        settings["ADMIN_JMBG"] = "0000000000000"
    if settings["ELECTION_DATABASE_URL"].startswith("sqlite"):
        # SQLite has one writer at a time, so that a second queue would only make the daemon wait for itself.
        settings.setdefault("PARTITIONS", "1")
    if settings["JWT_ALGORITHM"] == "HS256" and not settings.get("JWT_SECRET_KEY"):
        raise Failure("JWT_ALGORITHM is HS256, which needs a key in JWT_SECRET_KEY; set it.", status=CANNOT_START)
    return settings


def known_settings() -> set[str]:
    """The names of all settings of all parts."""
    return {name.upper() for kind in PROGRAM_SETTINGS.values() for name in kind.model_fields}


def _settings_of(process: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Those settings that a process has a field for."""
    fields = PROGRAM_SETTINGS[process].model_fields
    return {name.upper(): settings[name.upper()] for name in fields if name.upper() in settings}


def _environment(given: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: given[name] for name in _INHERITED if name in given}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", **settings}


def _service(
    name: str,
    host: str,
    port: int,
    address: str,
    given: Mapping[str, str],
    settings: Mapping[str, str],
    metrics: Path,
) -> Process:
    command = (
        *(sys.executable, "-m", "gunicorn", "--no-control-socket"),
        *("--config", "python:shared.web.gunicorn", f"{name}.app:create_app()"),
    )
    environment = {
        "WEB_WORKERS": str(_WORKERS.get(name, 1)),
        **_environment(given, _settings_of(name, settings)),
        "BIND": _bracketed(host),
        "PORT": str(port),
        "METRICS_DIR": str(metrics),
    }
    return Process(name, command, environment, ready_url=f"{address}/health/ready")


def _mailer(given: Mapping[str, str], settings: Mapping[str, str]) -> Process:
    # The file that the daemon touches is not this one's.
    own = {name: value for name, value in _settings_of("mailer", settings).items() if name != "HEARTBEAT_FILE"}
    return Process("mailer", (sys.executable, "-m", "authentication_service.mailer"), _environment(given, own))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
