"""The suite as `docker compose` runs it, under a name and on ports of its own."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.deployment.engine.deployment import Deployment, Ports, make
from tests.deployment.engine.docker import attempt, docker
from tests.servers.process import free_port

UP_SECONDS = 900


class Compose(Deployment):
    """A checkout, its secrets, and what Compose made of them."""

    def __init__(self, checkout: Path, project: str, version: str, overrides: Sequence[str] = ()) -> None:
        super().__init__(checkout, Ports(*(free_port() for _ in range(5))))
        self.project = project
        self._files = [part for name in ("docker-compose.yml", *overrides) for part in ("--file", name)]
        self.environment = {
            "COMPOSE_PROJECT_NAME": project,
            "VERSION": version,
            "HTTPS_PORT": str(self.ports.https),
            "AUTHENTICATION_PORT": str(self.ports.authentication),
            "ADMINISTRATION_PORT": str(self.ports.administration),
            "STATION_PORT": str(self.ports.station),
            "RESULTS_PORT": str(self.ports.results),
        }

    def call(self, *arguments: str, seconds: float = 300) -> str:
        """`docker compose …` with this deployment's settings, as an operator types it."""
        done = subprocess.run(
            ["docker", "compose", "--progress", "quiet", *self._files, *arguments],
            cwd=self.checkout,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            state = attempt("ps", "--all", "--filter", f"label=com.docker.compose.project={self.project}").stdout
            logs = "".join(
                f"\n{container}: {attempt('logs', '--tail', '15', container).stderr[-1500:]}"
                for container in self.all_containers()
            )
            raise AssertionError(f"compose {' '.join(arguments)}: {done.stdout}{done.stderr}\n{state}{logs}")
        return done.stdout

    def make_secrets(self, **settings: str) -> None:
        make(self.checkout, "secrets", **settings)

    def build(self) -> None:
        # The image with the command for people, too, which nothing starts by itself.
        self.call("--profile", "tools", "build", seconds=UP_SECONDS)

    def up(self, *options: str) -> None:
        """Start it and wait until everything is healthy; the command fails when something does not become so."""
        self.call("up", "--build", "--wait", *options, seconds=UP_SECONDS)

    def down(self, *options: str) -> None:
        self.call("down", "--timeout", "60", *options)

    def remove(self) -> None:
        """End it with all of its data, also what only a profile has."""
        self.call("--profile", "*", "down", "--timeout", "60", "--volumes", "--remove-orphans")

    def containers(self, part: str) -> list[str]:
        return self._found("--filter", f"label=com.docker.compose.service={part}")

    def all_containers(self) -> list[str]:
        return self._found("--all")

    def _found(self, *options: str) -> list[str]:
        # The images bear the name of the project that they were built in; only a container of Compose has a number.
        labels = (f"label=com.docker.compose.project={self.project}", "label=com.docker.compose.container-number")
        filters = [part for label in labels for part in ("--filter", label)]
        return docker("ps", "--quiet", "--no-trunc", *filters, *options).split()
