"""What a broken-into container would find: whose its processes are, what it may write, and which secrets lie about."""

import json
import re
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.deployment.engine.deployment import Deployment
from tests.deployment.engine.docker import docker, inside, inspect

# Made by everybody who knows the project, or told to everybody: no secrets.
NOT_SECRET = {"admin_email", "admin_jmbg", "jwt_public_key", "record_public_key", "tls_certificate"}
_SHORTEST = 12

_LOOK = r"""
for process in /proc/[0-9]*; do
  [ -r $process/status ] || continue
  grep -E '^(Uid|CapEff|NoNewPrivs):' $process/status | tr '\n\t' '  '
  tr '\0' ' ' < $process/cmdline; echo
done
"""
_WRITE = r"""
for folder in / /etc /usr/bin /usr/local/lib /opt /srv /srv/urna /root /var/lib /home /run/secrets; do
  [ -d $folder ] || continue
  if touch $folder/.written 2>/dev/null; then echo "$folder written"; rm -f $folder/.written; fi
done
mount | grep -E ' on / ' | head -1
"""
_ENVIRONMENTS = (
    "for process in /proc/[0-9]*; do cat $process/environ $process/cmdline; done 2>/dev/null | tr '\\0' '\\n'"
)


@dataclass(frozen=True)
class Process:
    """A process inside a container."""

    users: tuple[int, ...]
    capabilities: int
    may_gain_rights: bool
    command: str


def processes(container: str) -> list[Process]:
    """Every process of a container."""
    found = []
    for line in inside(container, _LOOK).splitlines():
        match = re.match(r"Uid: ([\d ]+?) +CapEff: (\w+) +NoNewPrivs: (\d) *(.*)", line)
        if match:
            users = tuple(int(one) for one in match[1].split())
            found.append(Process(users, int(match[2], 16), match[3] == "0", match[4].strip()))
    return found


def owners_of_processes(container: str) -> set[int]:
    """The users whose the processes of a container are, as the machine sees them."""
    return {int(line.split()[1]) for line in docker("top", container, "-eo", "pid,uid").splitlines()[1:]}


def written(container: str) -> list[str]:
    """Folders outside the container's volumes that could be written to, and how its root is mounted."""
    *folders, root = inside(container, _WRITE).splitlines()
    assert " on / " in root, root
    return [*folders, *([] if re.search(r"\((ro|ro,.*)\)", root) else [root])]


def secret_values(deployment: Deployment) -> dict[str, list[bytes]]:
    """What may stand nowhere, by the name of its file: each line of a secret, long enough to be known again."""
    found = {}
    for path in sorted(deployment.secrets.iterdir()):
        # A file with a dot says since when a key is used.
        if path.name in NOT_SECRET or path.name.startswith(".") or not path.is_file() or not path.stat().st_size:
            continue
        found[path.name] = [line for line in path.read_bytes().splitlines() if b"-----" not in line]
        assert min(map(len, found[path.name])) >= _SHORTEST, path.name
    assert len(found) > 20
    return found


def leaks(secrets: dict[str, list[bytes]], text: bytes) -> list[str]:
    """The names of the secrets that stand in a text."""
    return [name for name, lines in secrets.items() if any(line in text for line in lines)]


def everything_said(containers: Iterable[str]) -> dict[str, bytes]:
    """What can be read of containers from the outside, and in their processes' environments, by where it stands."""
    found = {}
    for described in inspect(*containers):
        name = described["Name"].lstrip("/")
        found[f"inspect of {name}"] = json.dumps(described).encode()
        found[f"log of {name}"] = _log(described["Id"])
        if described["State"]["Running"]:
            found[f"environments in {name}"] = inside(described["Id"], _ENVIRONMENTS).encode()
    return found


def _log(container: str) -> bytes:
    return subprocess.run(
        ["docker", "logs", container], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
    ).stdout


def layers(images: Iterable[str], folder: Path) -> Iterable[tuple[str, bytes]]:
    """Every file of every layer of the images, also those that a later layer hides, and the images' own descriptions.

    A layer that several of them have comes once.
    """
    target = folder / "images.tar"
    docker("save", "--output", str(target), *images, seconds=300)
    with tarfile.open(target) as whole:
        for member in whole.getmembers():
            content = whole.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if member.name.endswith(".json"):
                yield member.name, content.read()
                continue
            try:
                with tarfile.open(fileobj=content) as layer:
                    for entry in layer:
                        opened = layer.extractfile(entry) if entry.isfile() else None
                        if opened is not None:
                            yield entry.name, opened.read()
            except tarfile.ReadError:
                yield member.name, content.read()
    target.unlink()
