"""Docker's program as the tests call it, and what it says about containers."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class DockerError(Exception):
    """Docker's program did not do as it was told."""


def docker(*arguments: str, seconds: float = 120, cwd: Path | None = None, given: str | None = None) -> str:
    """What the command writes to standard output; fails with what it said when its status is not 0."""
    done = attempt(*arguments, seconds=seconds, cwd=cwd, given=given)
    if done.returncode:
        raise DockerError(f"docker {' '.join(arguments)[:300]}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done.stdout


def attempt(
    *arguments: str, seconds: float = 120, cwd: Path | None = None, given: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """The same, whatever its status."""
    return subprocess.run(
        ["docker", *arguments],
        cwd=cwd,
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def inspect(*names: str) -> list[dict[str, Any]]:
    """What Docker knows of these containers or images."""
    found = json.loads(docker("inspect", *names)) if names else []
    assert isinstance(found, list)
    return found


def inside(container: str, script: str, *, seconds: float = 60) -> str:
    """What a script of the shell writes in a running container, as its own user."""
    return docker("exec", container, "bash", "-c", script, seconds=seconds)


def environment_of(described: dict[str, Any]) -> Sequence[str]:
    """The environment that a container was made with."""
    return list(described["Config"]["Env"] or [])


def kill_hard(container: str) -> None:
    """End a container's first process by SIGKILL, as a fault does.

    ``docker kill`` would say that somebody wanted it, and then nothing starts it again; so it is done from the
    outside, by a container that sees the processes of the machine.
    """
    pid = inspect(container)[0]["State"]["Pid"]
    assert pid > 0, f"{container} does not run."
    docker(
        *("run", "--rm", "--pid", "host", "--network", "none", "--user", "0:0", "--entrypoint", "sh"),
        *("redis:7-bookworm", "-c", f"kill -KILL {pid}"),
    )
