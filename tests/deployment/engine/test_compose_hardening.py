"""Under Docker Compose: no process is root or has rights, nothing can be changed, no secret can be read from outside.

The file comes after those that make the deployment work and break, so that there are logs to look into.
"""

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import PARTS
from tests.deployment.engine.docker import docker, inspect
from tests.deployment.engine.hardening import (
    everything_said,
    leaks,
    owners_of_processes,
    processes,
    secret_values,
    written,
)


def test_no_process_is_root_or_has_capabilities_or_may_gain_rights(compose: Compose) -> None:
    for part in PARTS:
        for container in compose.containers(part):
            found = processes(container)
            assert found, part
            for process in found:
                assert 0 not in process.users, (part, process)
                assert process.capabilities == 0, (part, process)
                assert not process.may_gain_rights, (part, process)
            # What is seen from outside says the same of every process, those included that cannot be looked into.
            owners = owners_of_processes(container)
            assert owners, part
            assert 0 not in owners, part


def test_file_systems_are_read_only(compose: Compose) -> None:
    for part in PARTS:
        for container in compose.containers(part):
            assert written(container) == [], part


def test_no_secret_is_in_an_environment_a_log_or_what_docker_says_of_a_container(compose: Compose) -> None:
    secrets = secret_values(compose)
    said = everything_said(compose.all_containers())
    assert sum(name.startswith("environments") for name in said) >= len(PARTS)
    assert all(text for where, text in said.items() if not where.startswith("log"))
    assert {where: found for where, text in said.items() if (found := leaks(secrets, text))} == {}
    # The same search finds each of them where it has to be.
    for container in compose.containers("redis"):
        mounted = {one["Destination"].rpartition("/")[2] for one in inspect(container)[0]["Mounts"]}
        assert {"station_password", "daemon_password", "results_password"} <= mounted
        content = docker("exec", container, "sh", "-c", "cat /run/secrets/*").encode()
        assert leaks(secrets, content) == [f"redis_{name}" for name in sorted(mounted) if f"redis_{name}" in secrets]
