"""The suite as a swarm of one node runs it, from stack.yaml as it is."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import PATIENCE, Deployment, Ports, make, until
from tests.deployment.engine.docker import DockerError, attempt, docker
from tests.deployment.engine.lab import routing_mesh
from tests.deployment.engine.stage import PROJECT, Stage

STACK = "urna-test"
# Secrets and configs of a swarm have names of their own, so that nobody's are touched.
_VERSIONS = dict.fromkeys(
    ("SECRETS_VERSION", "SIGNING_KEY_VERSION", "RECORD_KEY_VERSION", "CERTIFICATE_VERSION", "CONFIG_VERSION"), "4711"
)
_LABELS = ("urna.accounts", "urna.election", "urna.queue")
# The ports stand in stack.yaml.
PORTS = Ports(443, 5000, 5001, 5002, 5003)


class Swarm(Deployment):
    """A checkout, its secrets, and the stack that was made of them."""

    def __init__(self, checkout: Path, version: str) -> None:
        super().__init__(checkout, PORTS)
        self.version = version
        self.settings = {**_VERSIONS, "VERSION": version, "STACK": STACK, "RESOLVE_IMAGE": "never"}

    def prepare(self) -> None:
        """Secrets, a certificate, and the labels that say where the data lies."""
        make(self.checkout, "secrets")
        for arguments in (("certificate", "localhost", "127.0.0.1"), ("swarm",)):
            subprocess.run(
                [self.checkout / "deploy" / "secrets.sh", *arguments],
                env={**os.environ, **self.settings},
                check=True,
                capture_output=True,
            )
        node = docker("info", "--format", "{{.Swarm.NodeID}}").strip()
        docker("node", "update", *(part for label in _LABELS for part in ("--label-add", f"{label}=true")), node)

    def deploy(self, **settings: str) -> str:
        """`make stack`; what it says at its end."""
        return make(self.checkout, "stack", **{**self.settings, "SECONDS_TO_RUN": "600", **settings})

    def service(self, part: str) -> str:
        return f"{STACK}_{part}"

    def update(self, part: str, *options: str) -> None:
        """`docker service update`, which waits until every replica is replaced and stays."""
        docker("service", "update", "--detach=false", "--quiet", *options, self.service(part), seconds=600)

    def containers(self, part: str) -> list[str]:
        # While one replaces another both run; only what is healthy is counted.
        label = f"label=com.docker.swarm.service.name={self.service(part)}"
        return docker("ps", "--quiet", "--no-trunc", "--filter", label).split()

    def all_containers(self) -> list[str]:
        label = f"label=com.docker.stack.namespace={STACK}"
        return docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()


def remove_stack() -> None:
    """End the stack and remove its data, its secrets and its configs."""
    attempt("stack", "rm", STACK)
    of_the_stack = ("--all", "--quiet", "--filter", f"label=com.docker.stack.namespace={STACK}")
    until(lambda: not docker("ps", *of_the_stack).split(), "The stack does not end.", seconds=PATIENCE)

    def without_volumes() -> bool:
        found = docker("volume", "ls", "--quiet", "--filter", f"name={STACK}_").split()
        return not found or attempt("volume", "rm", *found).returncode == 0

    until(without_volumes, "The volumes of the stack cannot be removed.")
    for kind in ("secret", "config"):
        version = _VERSIONS["SECRETS_VERSION"]
        if found := docker(kind, "ls", "--quiet", "--filter", f"name=urna_v{version}_").split():
            docker(kind, "rm", *found)


def in_a_swarm() -> bool:
    """Whether the engine is in a swarm already."""
    return docker("info", "--format", "{{.Swarm.LocalNodeState}}").strip() == "active"


@contextmanager
def a_swarm() -> Iterator[None]:
    """A swarm of this one node, unless the engine is in one already."""
    if in_a_swarm():
        with routing_mesh():
            yield
        return
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--default-addr-pool", "10.200.0.0/16")
    try:
        with routing_mesh():
            yield
    finally:
        docker("swarm", "leave", "--force")


@contextmanager
def stacked(stage: Stage, name: str) -> Iterator[Swarm]:
    """The stack as `make stack` deploys it, with everything running, until it is ended."""
    made = Swarm(stage.new_checkout(name), stage.version)
    with stage.report.timed("docker compose build (for the swarm)"):
        # A swarm builds nothing, and must not run what was built of other files.
        Compose(made.checkout, f"{PROJECT}{name}", stage.version).build()
    with a_swarm():
        try:
            made.prepare()
            with stage.report.timed("make stack"):
                stage.report.add("docker stack services", made.deploy())
            yield made
        except (AssertionError, DockerError):
            stage.report.add("docker stack ps", attempt("stack", "ps", "--no-trunc", STACK).stdout)
            raise
        finally:
            with stage.report.timed("docker stack rm"):
                remove_stack()
