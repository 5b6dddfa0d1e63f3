"""A run begins on an engine without what another one, which was killed, left there."""

from collections.abc import Iterator

import pytest

from tests.deployment.engine.docker import docker
from tests.deployment.engine.leftovers import remove_leftovers
from tests.deployment.engine.stage import Stage

_PROJECTS = ("urna-test-killed", "somebodys-urna-test-killed")
_LISTS = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))


def left_of(project: str) -> list[int]:
    """How many containers, networks and volumes of a project there are."""
    label = f"label=com.docker.compose.project={project}"
    return [len(docker(*listed, "--quiet", "--filter", label).split()) for listed in _LISTS]


@pytest.fixture
def killed(stage: Stage) -> Iterator[None]:
    """A container that runs with a network, a volume of its own and one without a name, for each project."""
    stage.clear()
    for name in _PROJECTS:
        label = ("--label", f"com.docker.compose.project={name}")
        docker("network", "create", *label, name)
        docker("volume", "create", *label, name)
        # The image declares the volume without a name.
        mounted = ("--volume", f"{name}:/kept")
        docker("run", "--detach", *label, "--network", name, *mounted, "redis:7-bookworm", "sleep", "300")
    yield
    for name in _PROJECTS:
        docker(
            "rm", "--force", "--volumes", *docker("ps", "--quiet", "--filter", f"network={name}").split() or ["none"]
        )
        for kind in ("network", "volume"):
            docker(kind, "rm", "--force", name)


@pytest.mark.usefixtures("killed")
def test_only_what_bears_the_names_of_the_tests_is_removed() -> None:
    volumes = len(docker("volume", "ls", "--quiet").split())
    assert [left_of(name) for name in _PROJECTS] == [[1, 1, 1], [1, 1, 1]]
    remove_leftovers()
    assert [left_of(name) for name in _PROJECTS] == [[0, 0, 0], [1, 1, 1]]
    assert len(docker("volume", "ls", "--quiet").split()) == volumes - 2
