"""A deployment that runs in containers: where it answers, who administers it, which containers it has."""

import shutil
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cli.client import Addresses, Client, Credentials
from tests.deployment.engine.docker import inspect
from tests.source import ROOT

# The parts that always run, and the replicas of each as the files want them.
PARTS = (
    "nginx",
    "authentication",
    "administration",
    "station",
    "daemon",
    "results",
    "mailer",
    "accounts-database",
    "election-database",
    "redis",
)
OURS = PARTS[:7]
STORES = PARTS[7:]
ONCE = ("authentication-prepare", "accounts-grants", "administration-prepare", "election-grants")

# For all that takes as long as the machine happens to need.
PATIENCE = 180.0


@dataclass(frozen=True)
class Ports:
    """Where nginx answers on this machine."""

    https: int
    authentication: int
    administration: int
    station: int
    results: int


class Deployment(ABC):
    """The suite in containers, reached as everybody reaches it: through nginx, over TLS."""

    def __init__(self, checkout: Path, ports: Ports) -> None:
        self.checkout = checkout
        self.ports = ports
        self._clients: list[Client] = []

    @property
    def secrets(self) -> Path:
        return self.checkout / "secrets"

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text()

    @property
    def newest_archive(self) -> str:
        """The name of the file that the page's backup made last; empty when there is none."""
        return max((path.name for path in (self.checkout / "archives").glob("*.urna")), default="")

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.ports.https}"

    @property
    def addresses(self) -> Addresses:
        return Addresses(
            *(f"{self.base}/{part}" for part in ("authentication", "administration", "station", "results"))
        )

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Believes the certificate of this deployment and no other, and looks whether it has this address in it."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.ports.https), timeout=10)
        return ssl.create_default_context(cadata=pem)

    def client(self, email: str, password: str) -> Client:
        """Somebody's own connection, who waits for what is away; the test's fixture closes it."""
        made = Client(self.addresses, Credentials(email, password), patience=PATIENCE, verify=self.tls)
        self._clients.append(made)
        return made

    def close_clients(self) -> None:
        """Close the connections of everybody who came during a test."""
        while self._clients:
            self._clients.pop().__exit__()

    def administrator(self) -> Client:
        return self.client(self.secret("admin_email"), self.secret("admin_password"))

    @abstractmethod
    def containers(self, part: str) -> list[str]:
        """The ids of the running containers of a part."""

    @abstractmethod
    def all_containers(self) -> list[str]:
        """Those of all parts, also of the work that is done once and has ended."""

    def is_healthy(self, part: str) -> bool:
        """Whether containers of the part run, and each of them answers."""
        found = inspect(*self.containers(part))
        return bool(found) and all(one["State"]["Health"]["Status"] == "healthy" for one in found)

    def one(self, part: str) -> str:
        found = self.containers(part)
        assert found, f"No container of {part} runs."
        return found[0]


def copy_checkout(target: Path) -> Path:
    """The project's files as a fresh clone would have them, so that no secret of the developer's is used or changed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def make(checkout: Path, goal: str, **settings: str) -> str:
    """What ``make`` says, called as a developer calls it."""
    given = [f"{name}={value}" for name, value in settings.items()]
    done = subprocess.run(
        ["make", "--no-print-directory", goal, *given], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(holds: Callable[[], bool], otherwise: str, seconds: float = PATIENCE, pause: float = 0.3) -> None:
    """Wait for something to become so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(pause)
