"""The images themselves: how large they are, what is in them, and what is not."""

import json
import re
from pathlib import Path

import pytest

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.docker import docker, inspect
from tests.deployment.engine.hardening import layers, leaks, secret_values
from tests.deployment.engine.report import Report
from tests.deployment.test_files import MIGRATIONS, TARGETS
from tests.source import ROOT

BASE = "python:3.12-slim-bookworm"
LARGEST = 90_000_000
# The folders of each image of ours: its own and shared, and migrations where it prepares a store.
FOLDERS = {
    **{target: {target, "shared", *(["migrations"] if target in MIGRATIONS else [])} for target in TARGETS.values()},
    # For people: it also restores both stores.
    "operator": {"cli", "shared", "migrations"},
}
STORES = {**MIGRATIONS, "operator": {"accounts", "election"}}
OURS = pytest.mark.parametrize("target", sorted(FOLDERS))
EVERY = sorted([*FOLDERS, "nginx"])
ALL = pytest.mark.parametrize("target", EVERY)


def _image(compose: Compose, target: str) -> str:
    return f"urna-{target}:{compose.environment['VERSION']}"


def _run(image: str, script: str) -> str:
    """What a script of the shell writes in a new container, as root, who sees everything."""
    return docker("run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh", image, "-c", script)


def test_each_image_adds_at_most_ninety_megabytes_to_its_base_as_the_readme_says(
    compose: Compose, report: Report
) -> None:
    base = inspect(BASE)[0]["Size"]
    added = {target: inspect(_image(compose, target))[0]["Size"] - base for target in sorted(FOLDERS)}
    added["nginx"] = inspect(_image(compose, "nginx"))[0]["Size"] - inspect("nginx:1.27")[0]["Size"]
    report.add(
        "What the images add to their base",
        "\n".join(f"urna-{target:26}{size / 1e6:7.1f} MB" for target, size in added.items()),
    )
    assert {target: size for target, size in added.items() if size > LARGEST} == {}
    said = re.findall(r"^\| `urna-(\w+)` \| ([0-9.]+) MB \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {target for target, _ in said} == set(added)
    for target, size in said:
        # Wheels differ a little from one release to the next.
        assert added[target] / 1e6 == pytest.approx(float(size), abs=3), target


@OURS
def test_an_image_holds_its_own_service_and_shared_and_nothing_else_of_ours(compose: Compose, target: str) -> None:
    found = set(_run(_image(compose, target), "cd /srv/urna && ls -A").split())
    assert found == FOLDERS[target]
    if target in STORES:
        folders = set(_run(_image(compose, target), "cd /srv/urna/migrations && ls -d */").split())
        assert folders - {"__pycache__/"} == {f"{store}/" for store in STORES[target]}


@OURS
def test_an_image_has_no_compiler_no_cache_of_pip_and_no_requirement_file(compose: Compose, target: str) -> None:
    script = """
    for program in gcc g++ cc c++ clang ld as make cmake strip; do command -v $program && echo "$program is there"; done
    ls -d /root/.cache /tmp/* /build /wheels 2>/dev/null
    find / -xdev -name '*.whl' -not -path '/usr/local/lib/python3*/ensurepip/*' -o -xdev -path '/srv/*requirements*'
    ls -d /opt/urna/lib/python3*/site-packages/pip 2>/dev/null
    true
    """
    assert _run(_image(compose, target), script) == ""


@OURS
def test_the_user_of_an_image_may_change_nothing_that_it_runs(compose: Compose, target: str) -> None:
    script = (
        "find / -xdev \\( -user 10001 -o -group 10001 -o -perm -0002 \\) -not -type l"
        " | grep -vE '^/(tmp|var/tmp|run/lock|dev|proc|sys|archives$)'; true"
    )
    assert _run(_image(compose, target), script) == ""


@ALL
def test_an_image_says_what_it_is_checks_itself_and_is_nobody_important(compose: Compose, target: str) -> None:
    described = inspect(_image(compose, target))[0]["Config"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in described["Labels"].items()}
    assert labels["title"] == f"urna-{target}"
    assert labels["version"] == compose.environment["VERSION"]
    assert {"description", "vendor", "revision", "created", "base.name"} <= set(labels)
    assert described["User"] == ("101:101" if target == "nginx" else "10001:10001")
    # The command for people has nothing to answer with: its container waits until somebody uses it.
    assert ("Healthcheck" in described) == (target != "operator")
    assert not any(
        re.search(r"PASSWORD|SECRET(?!S_DIR)|KEY|TOKEN", name.partition("=")[0]) for name in described["Env"]
    )


def test_no_layer_of_an_image_holds_a_secret(compose: Compose, tmp_path: Path) -> None:
    images = [_image(compose, target) for target in EVERY]
    secrets = secret_values(compose)
    described = set()
    seen = 0
    for name, content in layers(images, tmp_path):
        seen += 1
        if name == "manifest.json":
            described = {tag for one in json.loads(content) for tag in one["RepoTags"]}
        assert leaks(secrets, content) == [], name
        # A library of the base has a key for its own tests in it, which everybody knows.
        if not content.startswith(b"\x7fELF"):
            assert not re.search(rb"-----BEGIN (EC |RSA |OPENSSH |)PRIVATE KEY-----\n[A-Za-z0-9+/]{20}", content), name
        assert not re.search(r"(^|/)(\.env|secrets/|run/secrets/.)", name), name
    assert described == set(images)
    assert seen > 1000
    for image in images:
        assert leaks(secrets, json.dumps(inspect(image)).encode()) == [], image
        assert leaks(secrets, docker("history", "--no-trunc", image).encode()) == [], image
