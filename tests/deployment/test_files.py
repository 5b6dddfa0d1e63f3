"""What the deployment's files promise: who reaches whom, who may write where, and that no secret stands in them."""

import os
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from authentication_service.routes.citizens import MOST_BYTES
from shared.config import PROGRAM_SETTINGS, SERVICE_SETTINGS
from tests.left_out import leave_out

ROOT = Path(__file__).parents[2]

# The arrows of the design. Whoever is not joined by one shares no network.
ARROWS = {
    frozenset(arrow)
    for arrow in (
        ("nginx", "authentication"),
        ("nginx", "administration"),
        ("nginx", "station"),
        ("nginx", "results"),
        ("authentication", "accounts-database"),
        ("mailer", "accounts-database"),
        ("administration", "election-database"),
        ("station", "redis"),
        ("daemon", "redis"),
        ("daemon", "election-database"),
        ("results", "election-database"),
        ("results", "redis"),
        # For people, and only while one of them works there.
        ("operator", "redis"),
        ("operator", "election-database"),
        ("operator", "accounts-database"),
    )
}
# Those of the figures and the log lines, which nobody needs for an election: Prometheus asks each part on a network
# that it shares with that part alone, and nothing of this reaches a store.
LOOKS = {
    frozenset(arrow)
    for arrow in (
        ("prometheus", "authentication"),
        ("prometheus", "administration"),
        ("prometheus", "station"),
        ("prometheus", "results"),
        ("prometheus", "daemon"),
        ("grafana", "prometheus"),
        ("grafana", "loki"),
        ("alloy", "loki"),
    )
}
LOOKING = {"prometheus", "grafana", "loki", "alloy"}
# Work that is done once belongs to the service that the store belongs to; two containers serve one kind of people.
PART_OF = {
    "authentication-prepare": "authentication",
    "accounts-grants": "authentication",
    "administration-prepare": "administration",
    "election-grants": "administration",
    "auditor": "operator",
    "backup": "operator",
    "restore": "operator",
}
# Which target of the Dockerfile each of our services runs.
TARGETS = {
    "authentication": "authentication_service",
    "administration": "admin_service",
    "station": "voting_station_service",
    "daemon": "daemon",
    "results": "results_service",
}
PORTS = {"authentication": 5000, "administration": 5001, "station": 5002, "results": 5003}
MIGRATIONS = {"authentication_service": {"accounts"}, "admin_service": {"election"}}
# The containers of the command urna, for people.
TOOLS = {"operator", "auditor", "backup", "restore"}
ONCE = set(PART_OF) - TOOLS
STATEFUL = {"accounts-database", "election-database", "redis"}
OUTSIDE = "outside"
OUTSIDE_OF = {"grafana-outside": {"grafana"}, "mailer-outside": {"mailer"}}

Described = dict[str, Any]


def _read(name: str) -> Described:
    found = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(found, dict)
    return found


def _over(under: Described, name: str) -> Described:
    """A stack file with another one on top, as Docker puts them together."""
    over = _read(name)
    services = {**under["services"]}
    for part, service in over["services"].items():
        if part in services:
            assert set(service) == {"networks"}, f"{name} gives {part} more than a network."
            services[part] = {**services[part], "networks": services[part]["networks"] + service["networks"]}
        else:
            services[part] = service
    kinds = ("networks", "volumes", "secrets", "configs")
    return {**under, "services": services, **{kind: {**under[kind], **over[kind]} for kind in kinds}}


COMPOSE = _read("docker-compose.yml")
PLAIN_STACK = _read("stack.yaml")
ENCRYPTED = "deploy/stack.encrypted.yaml"
OBSERVED = "deploy/stack.observability.yaml"
OBSERVED_ENCRYPTED = "deploy/stack.observability.encrypted.yaml"
STACK = _over(PLAIN_STACK, OBSERVED)
BOTH = pytest.mark.parametrize("file", [COMPOSE, STACK], ids=["docker-compose.yml", "stack.yaml"])


def _members(file: Described) -> dict[str, set[str]]:
    """The parts on each network."""
    members: dict[str, set[str]] = {name: set() for name in file["networks"]}
    for name, service in file["services"].items():
        for network in service["networks"]:
            members[network].add(PART_OF.get(name, name))
    return members


def _targets(service: Described) -> dict[str, str]:
    """The names of the secret files that a service finds, and the secrets behind them."""
    return {secret["target"]: secret["source"] for secret in service.get("secrets", [])}


@BOTH
def test_two_parts_share_a_network_exactly_where_an_arrow_joins_them(file: Described) -> None:
    members = _members(file)
    parts = {PART_OF.get(name, name) for name in file["services"]}
    arrows = ARROWS | LOOKS
    assert parts == {part for arrow in arrows for part in arrow}
    for pair in map(frozenset, combinations(sorted(parts), 2)):
        shared = [name for name, found in members.items() if pair <= found]
        assert len(shared) == (1 if pair in arrows else 0), f"{set(pair)} share {shared}"


@BOTH
def test_each_network_joins_two_parts_and_has_no_way_out(file: Described) -> None:
    members = _members(file)
    # The only ways out: of whoever is asked by the world, of the figures for operators, and to the mail server.
    outside = members.pop(OUTSIDE, {"nginx"})
    assert outside == {"nginx"}
    assert {name: members.pop(name) for name in OUTSIDE_OF} == OUTSIDE_OF
    for name, found in members.items():
        assert len(found) == 2, name
        assert file["networks"][name]["internal"] is True, name
    assert len(members) == len(ARROWS | LOOKS)


def test_the_table_of_networks_in_the_documentation_is_the_same() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z-]+) \| ([a-z-]+) \|", page, re.MULTILINE)
    assert {name: {first, second} for name, first, second in rows} == {
        name: found for name, found in _members(COMPOSE).items() if name not in (OUTSIDE, *OUTSIDE_OF)
    }


@BOTH
def test_only_nginx_publishes_ports_and_grafana_where_it_is_asked_for(file: Described) -> None:
    assert [name for name, service in file["services"].items() if "ports" in service] == ["nginx", "grafana"]
    targets = [port["target"] for port in file["services"]["nginx"]["ports"]]
    assert targets == [8443, *PORTS.values()]
    (port,) = file["services"]["grafana"]["ports"]
    if file is COMPOSE:
        assert port["host_ip"] == "127.0.0.1"
    else:
        # A swarm cannot publish on one address only.
        assert file["services"]["grafana"]["environment"]["GF_SERVER_PROTOCOL"] == "https"


def test_whoever_looks_is_there_only_where_it_is_asked_for() -> None:
    for name, service in COMPOSE["services"].items():
        assert ("observability" in service.get("profiles", [])) is (name in LOOKING), name
        # Nothing of the suite waits for it.
        assert not LOOKING & set(service.get("depends_on", {})), name
    assert not LOOKING & set(PLAIN_STACK["services"])
    for name in LOOKING:
        image, _, version = COMPOSE["services"][name]["image"].rpartition(":")
        assert re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+", version), image


@BOTH
def test_no_container_runs_as_root_or_can_change_its_files(file: Described) -> None:
    for name, service in file["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        # The files with everybody's log lines are root's, who has no capability here like all others.
        reads_lines = name == "alloy"
        assert (int(service["user"].partition(":")[0]) == 0) is reads_lines, name
        assert "cap_add" not in service, name
        memory = [volume["target"] for volume in service["volumes"] if volume["type"] == "tmpfs"]
        assert "/tmp" in memory, name
        assert "privileged" not in service
        bound = [volume for volume in service["volumes"] if volume["type"] == "bind"]
        assert [volume["source"] for volume in bound] == (["/var/lib/docker/containers"] if reads_lines else []), name
        assert all(volume["read_only"] for volume in bound), name


def test_no_container_of_compose_can_gain_rights() -> None:
    # Swarm has no such option: there, having no capabilities and no file that gives any has to do.
    for name, service in COMPOSE["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name


@BOTH
def test_there_are_three_stations_and_each_store_has_a_server_and_a_volume_of_its_own(file: Described) -> None:
    services = file["services"]
    assert services["station"]["deploy"]["replicas"] == 3
    volumes = []
    for name in STATEFUL:
        assert services[name]["deploy"]["replicas"] == 1
        volumes += [volume["source"] for volume in services[name]["volumes"] if volume["type"] == "volume"]
    assert sorted(volumes) == ["accounts", "election", "queue"]
    assert services["accounts-database"]["image"] == services["election-database"]["image"] == "mysql:9.7"
    assert services["redis"]["image"] == "redis:7-bookworm"


@BOTH
def test_each_service_gets_every_setting_that_it_needs_and_no_secret_besides(file: Described) -> None:
    for name, target in TARGETS.items():
        settings = SERVICE_SETTINGS[target].model_fields
        service = file["services"][name]
        secrets = _targets(service)
        given = {key.lower() for key in service["environment"]} | set(secrets)
        needed = {field for field, described in settings.items() if described.is_required()}
        needed |= {"jwt_public_key"} & set(settings) | {"jwt_private_key"} & set(settings)
        assert needed <= given, name
        # The results service reads published changes from Redis, for which it has no setting of its own yet.
        assert set(secrets) - set(settings) <= ({"redis_url"} if name == "results" else set()), name
        assert service["environment"]["ENVIRONMENT"] == "production"


@BOTH
def test_no_two_services_reach_a_store_as_the_same_user(file: Described) -> None:
    urls = [
        secret
        for name, service in file["services"].items()
        for target, secret in _targets(service).items()
        # Whoever backs up reads as the auditor does, and whoever restores writes as those do who prepare the stores.
        if target.endswith("_url") and name not in ("backup", "restore")
    ]
    assert len(urls) == len(set(urls)) == 13


@BOTH
def test_nobody_but_the_authentication_service_gets_the_key_that_signs(file: Described) -> None:
    for name, service in file["services"].items():
        if PART_OF.get(name, name) != "authentication":
            assert "jwt_private_key" not in _targets(service), name


@BOTH
def test_no_secret_is_handed_over_in_the_environment(file: Described) -> None:
    secret_settings = {
        field.upper()
        for kind in PROGRAM_SETTINGS.values()
        for field, described in kind.model_fields.items()
        if "SecretStr" in str(described.annotation) or described.annotation is SecretStr
    }
    assert "REDIS_URL" in secret_settings
    for name, service in file["services"].items():
        for key, value in service.get("environment", {}).items():
            assert key not in secret_settings, name
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN", key):
                assert key.endswith(("_FILE", "_CERT_KEY")), name
                assert value.startswith("/run/secrets/"), name


def test_no_value_of_a_secret_stands_in_any_file() -> None:
    files = [ROOT / name for name in ("Dockerfile", "docker-compose.yml", "stack.yaml", "docs/deployment.md")]
    files += [path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    for path in files:
        text = path.read_text()
        assert "PRIVATE KEY" not in text, path
        assert "CERTIFICATE-----" not in text, path
        assert not re.search(r"\b[0-9a-f]{32,}\b", text), path
        for user, password in re.findall(r"://([^\s:/@]*):([^\s@/]+)@", text):
            # What deploy/secrets.sh fills in.
            assert (user, password) == ("%s", "%s"), path


def _is_program(file: Described, entry: Described) -> bool:
    """Whether a file is put where programs are looked for, and can be run there."""
    is_program = "bin/" in entry["target"]
    if file is STACK:
        assert is_program == (entry.get("mode") == 0o555), entry
    elif is_program:
        assert os.access(ROOT / file["configs"][entry["source"]]["file"], os.X_OK), entry
    return is_program


def _without_what_only_one_has(file: Described) -> Described:
    services = {}
    for name, service in file["services"].items():
        service = {
            key: value
            for key, value in service.items()
            # What each way of running has for itself: building and order here, a policy for restarts there.
            if key not in {"build", "depends_on", "restart", "security_opt", "ports", "deploy", "profiles"}
        }
        service["networks"] = [network for network in service["networks"] if network != OUTSIDE]
        if "configs" in service:
            # Compose hands a file over with the mode that it has here; a swarm has to be told.
            service["configs"] = [{**one, "mode": _is_program(file, one)} for one in service["configs"]]
        if name == "nginx":
            # The certificate for development and where it is kept.
            service.pop("environment", None)
            service["volumes"] = [volume for volume in service["volumes"] if volume.get("source") != "certificate"]
        if name == "grafana":
            # There it speaks TLS, with the certificate of nginx.
            service["environment"] = {
                key: value for key, value in service["environment"].items() if not key.startswith("GF_SERVER_")
            }
            service["secrets"] = [one for one in service["secrets"] if not one["source"].startswith("tls_")]
        if name == "authentication":
            # Behind the routing mesh callers cannot be told apart.
            hidden = service["environment"].get("SHARED_ADDRESSES")
            assert hidden == ('${SHARED_ADDRESSES:-["10.0.0.0/8"]}' if file is STACK else None)
            service["environment"] = {**service["environment"], "SHARED_ADDRESSES": None}
        services[name] = service
    return services


def test_compose_and_stack_agree() -> None:
    assert _without_what_only_one_has(COMPOSE) == _without_what_only_one_has(STACK)
    assert set(COMPOSE["networks"]) - {OUTSIDE} == set(STACK["networks"])
    assert set(COMPOSE["secrets"]) == set(STACK["secrets"])
    assert set(COMPOSE["volumes"]) - {"certificate"} == set(STACK["volumes"])
    for name, config in COMPOSE["configs"].items():
        assert STACK["configs"][name]["file"] == config["file"].replace("clients-compose", "clients-swarm")
        assert (ROOT / config["file"]).is_file()
    for name, service in COMPOSE["services"].items():
        assert service["deploy"]["resources"] == STACK["services"][name]["deploy"]["resources"], name


@BOTH
def test_what_is_defined_is_used_and_what_is_used_is_defined(file: Described) -> None:
    for kind in ("secrets", "configs"):
        used = {entry["source"] for service in file["services"].values() for entry in service.get(kind, [])}
        assert used == set(file[kind])


def test_the_stack_needs_no_order_and_takes_its_secrets_from_the_swarm() -> None:
    for name, service in STACK["services"].items():
        assert not {"depends_on", "build", "restart", "container_name", "profiles"} & set(service), name
    for name, secret in STACK["secrets"].items():
        own = {"jwt": "SIGNING_KEY_VERSION", "record": "RECORD_KEY_VERSION", "tls": "CERTIFICATE_VERSION"}
        version = own.get(name.partition("_")[0], "SECRETS_VERSION")
        assert secret == {"external": True, "name": f"urna_v${{{version}:-1}}_{name}"}
    for port in STACK["services"]["nginx"]["ports"]:
        assert isinstance(port["published"], int)
    for network in STACK["networks"].values():
        assert network["driver"] == "overlay"
    assert set(_read(ENCRYPTED)["networks"]) == set(PLAIN_STACK["networks"])
    assert set(_read(OBSERVED_ENCRYPTED)["networks"]) == set(_read(OBSERVED)["networks"])


def test_the_stack_rolls_out_one_by_one_and_back_by_itself() -> None:
    for name, service in STACK["services"].items():
        deploy = service["deploy"]
        update = deploy["update_config"]
        assert deploy["resources"]["limits"]["memory"], name
        assert deploy["restart_policy"]["condition"] == ("on-failure" if name in ONCE else "any")
        if name in ONCE:
            continue
        assert update["failure_action"] == "rollback", name
        # Two servers on one volume would destroy it.
        assert update["order"] == ("stop-first" if name in STATEFUL | LOOKING else "start-first"), name
        assert update["parallelism"] == 1, name
    # Whoever reads the lines of a machine has to be on each.
    assert STACK["services"]["alloy"]["deploy"]["mode"] == "global"
    for name in STATEFUL | LOOKING - {"alloy"}:
        assert STACK["services"][name]["deploy"]["placement"]["constraints"], name


def _compose(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Docker's program, which for these commands talks to no engine."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "DOCKER_HOST": "unix:///none"}
    return subprocess.run(
        ["docker", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def docker() -> None:
    """Docker's program with Compose; no engine has to run."""
    if shutil.which("docker") is None or _compose("compose", "version").returncode != 0:
        leave_out("Docker Compose", "install Docker's program and its Compose plugin; no engine has to run")


@pytest.mark.usefixtures("docker")
def test_docker_takes_the_compose_file_without_a_setting() -> None:
    for profile in ([], ["--profile", "observability"]):
        result = _compose("compose", *profile, "--file", "docker-compose.yml", "config", "--quiet")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize(("database", "image"), [("mariadb", "mariadb:10.11"), ("postgres", "postgres:15-bookworm")])
def test_with_another_database_nothing_of_mysql_is_left(database: str, image: str) -> None:
    files = ("--file", "docker-compose.yml", "--file", f"deploy/compose.{database}.yml")
    result = _compose("compose", *files, "config")
    assert (result.returncode, result.stderr) == (0, "")
    services = yaml.safe_load(result.stdout)["services"]
    users = {}
    for name in ("accounts-database", "election-database", "accounts-grants", "election-grants"):
        assert services[name]["image"] == image
        (data,) = (one for one in services[name]["volumes"] if one["target"].startswith("/var/lib"))
        assert database in str(data.get("source")).replace("postgresql", "postgres") or data["type"] == "tmpfs"
        users[name] = services[name]["environment"].get("USERS")
        assert services[name]["secrets"] == [
            {"source": one["source"], "target": one["target"]} for one in COMPOSE["services"][name]["secrets"]
        ]
    # Whoever has a user in the one has it in the other.
    assert users == {name: COMPOSE["services"][name]["environment"].get("USERS") for name in users}


def _rendered(*over: str) -> str:
    """stack.yaml with these files over it, as Docker understands them; it has nothing to complain of."""
    files = (part for name in ("stack.yaml", *over) for part in ("--compose-file", name))
    done = _compose("stack", "config", *files)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.usefixtures("docker")
def test_docker_takes_the_stack_file_without_a_setting() -> None:
    assert _rendered().count("encrypted:") == 0
    assert _rendered(ENCRYPTED).count("encrypted:") == len(PLAIN_STACK["networks"])
    assert _rendered(ENCRYPTED, OBSERVED, OBSERVED_ENCRYPTED).count("encrypted:") == len(STACK["networks"])
    merged = yaml.safe_load(_rendered(OBSERVED))["services"]
    assert {name: set(service["networks"]) for name, service in merged.items()} == {
        name: set(service["networks"]) for name, service in STACK["services"].items()
    }


@BOTH
def test_two_of_the_largest_files_of_citizens_fit_into_the_memory_of_the_service(file: Described) -> None:
    service = file["services"]["authentication"]
    (size,) = (one["tmpfs"]["size"] for one in service["volumes"] if one["target"] == "/tmp")
    limit = service["deploy"]["resources"]["limits"]["memory"]
    of_the_service = 512 * 2**20
    assert limit == "1G"
    assert 2 * MOST_BYTES <= size <= 2**30 - of_the_service
