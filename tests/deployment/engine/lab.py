"""An engine for machines that have none, from a laboratory beside the checkout, with images as the public ones."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deployment.engine.docker import attempt, docker
from tests.left_out import leave_out
from tests.source import ROOT

LABORATORY = ROOT.parent / "shared" / "lab"
PUBLIC_IMAGES = ("python:3.12-slim-bookworm", "nginx:1.27", "redis:7-bookworm", "mysql:9.7")
# Debian's own programs as the public images have them that the override files and the profile observability use.
STAND_INS = {"mariadb:10.11": "mariadb", "postgres:15-bookworm": "postgres", "prom/prometheus:v2.53.3": "prometheus"}
# Where an engine writes its process id, for as long as it runs.
_ENGINE = Path("/var/run/docker.pid")
_SECONDS_TO_END = 60.0


def make_ready() -> bool:
    """See to it that an engine answers which has or can fetch the public images; else leave the tests out.

    Returns whether it had to be started, and so is to be ended.
    """
    started = not _answers()
    if started:
        if not _may_use_laboratory():
            leave_out("Docker", "no engine answers, and there is no laboratory beside the checkout for the root user")
        for step in ("engine", "daemon"):
            _laboratory(step)
    if not all(map(_has, PUBLIC_IMAGES)) and _may_use_laboratory():
        _laboratory("images")
    return started


def end() -> None:
    """End the engine that was started for the tests, as its operator would."""
    process = int(_ENGINE.read_text())
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS_TO_END
    while _ENGINE.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _ENGINE.exists(), f"The engine, process {process}, does not end."


def make_stand_in(name: str) -> None:
    """One of the images that not every deployment needs, where no registry has it for us."""
    if _may_use_laboratory() and not _has(name):
        folder = Path(__file__).with_name("stand_ins") / STAND_INS[name]
        docker("build", "--tag", name, str(folder), seconds=600)


@contextmanager
def routing_mesh() -> Iterator[None]:
    """A swarm whose published ports answer, also on a kernel without IPVS, where the laboratory stands in for it."""
    stand_in = LABORATORY / "swarm-vip.py"
    if Path("/proc/net/ip_vs").exists() or not stand_in.exists() or os.geteuid() != 0:
        yield
        return
    process = subprocess.Popen([sys.executable, str(stand_in)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return attempt("info").returncode == 0 and attempt("compose", "version").returncode == 0


def _has(image: str) -> bool:
    return attempt("image", "inspect", image).returncode == 0


def _may_use_laboratory() -> bool:
    return (LABORATORY / "setup.sh").exists() and os.geteuid() == 0


def _laboratory(step: str) -> None:
    # The daemon outlives us and must not hold our pipes.
    subprocess.run([LABORATORY / "setup.sh", step], stdin=subprocess.DEVNULL, check=True, timeout=900)
