"""Who reaches whom, tried from inside the containers by reading greetings.

A connection that is taken proves nothing where a gateway takes every one; so a server has to say who it is.
"""

import base64
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.deployment.engine.deployment import PARTS, Deployment
from tests.deployment.engine.docker import docker, inside, inspect

_HTTP = r"GET /health/live HTTP/1.0\r\n\r\n"
# So that there is something to reach where nothing is ever asked, the test lets these listen.
_SILENT_PORT = 7999
_SILENT_GREETING = b"the greeting of a part that is never asked"
_WORLD_GREETING = b"the world's own greeting"
_AT_ONCE = 6

_LISTEN = f"""
import socket
server = socket.create_server(("0.0.0.0", {_SILENT_PORT}), backlog=50)
while True:
    connection, _ = server.accept()
    connection.sendall({_SILENT_GREETING!r})
    connection.close()
"""


@dataclass(frozen=True)
class Greeting:
    """Where a part listens, what has to be said to it first, and what it then says."""

    port: int
    said: str
    heard: re.Pattern[bytes]


# They ask, and nobody asks them.
SILENT = ("daemon", "mailer")
MYSQL = Greeting(3306, "", re.compile(rb"^.\0\0\0\x0a.*caching_sha2_password", re.DOTALL))
GREETINGS: Mapping[str, Greeting] = {
    # It speaks TLS; to whoever does not it says who it is.
    "nginx": Greeting(8443, _HTTP, re.compile(rb"^HTTP/1\.1 400 Bad Request\r\nServer: nginx")),
    "authentication": Greeting(5000, _HTTP, re.compile(rb"^HTTP/1\.[01] 200 ")),
    "administration": Greeting(5001, _HTTP, re.compile(rb"^HTTP/1\.[01] 200 ")),
    "station": Greeting(5002, _HTTP, re.compile(rb"^HTTP/1\.[01] 200 ")),
    **dict.fromkeys(SILENT, Greeting(_SILENT_PORT, "", re.compile(re.escape(_SILENT_GREETING)))),
    "results": Greeting(5003, _HTTP, re.compile(rb"^HTTP/1\.[01] 200 ")),
    "accounts-database": MYSQL,
    "election-database": MYSQL,
    "redis": Greeting(6379, r"PING\r\n", re.compile(rb"^-NOAUTH ")),
    "world": Greeting(0, "", re.compile(re.escape(_WORLD_GREETING))),
}

Table = dict[str, dict[str, bool]]


def addresses(container: str, networks: set[str]) -> list[str]:
    """A container's addresses on the deployment's own networks."""
    found = inspect(container)[0]["NetworkSettings"]["Networks"]
    return [one["IPAddress"] for name, one in found.items() if name in networks and one["IPAddress"]]


def targets(deployment: Deployment, networks: set[str]) -> dict[str, list[tuple[str, int]]]:
    """Every address of every container of each part."""
    return {
        part: [
            (address, GREETINGS[part].port)
            for container in deployment.containers(part)
            for address in addresses(container, networks)
        ]
        for part in PARTS
    }


@contextmanager
def listening_programs(deployment: Deployment) -> Iterator[None]:
    """Let the containers that listen nowhere answer on a port while the table is made."""
    silent = [container for part in SILENT for container in deployment.containers(part)]
    for container in silent:
        docker("exec", "--detach", container, "python", "-c", _LISTEN)
    try:
        yield
    finally:
        for container in silent:
            inside(
                container,
                "for p in /proc/[0-9]*; do id=${p#/proc/}; [ $id = $$ ] || ! grep -qs create_server $p/cmdline "
                "|| kill $id; done",
            )


@contextmanager
def world() -> Iterator[tuple[str, int]]:
    """Something outside the deployment that greets whoever reaches it: this machine, by its own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        # Nothing is sent: this only asks which address would be used.
        route.connect(("192.0.2.1", 9))
        address = route.getsockname()[0]
    server = socket.create_server((address, 0), backlog=50)

    def greet() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(_WORLD_GREETING)

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    try:
        yield address, server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def script(wanted: Mapping[str, list[tuple[str, int]]]) -> str:
    """A script for bash that asks every address and writes a line for each part, address and what it heard."""
    lines = []
    for part, places in wanted.items():
        said = GREETINGS[part].said
        for address, port in places:
            ask = f"exec 3<>/dev/tcp/{address}/{port} && printf '{said}' >&3 && dd bs=300 count=1 <&3"
            lines.append(f'(echo "{part} $(timeout 3 bash -c "{ask}" 2>/dev/null | base64 -w0)") &')
            if len(lines) % (_AT_ONCE + 1) == _AT_ONCE:
                lines.append("wait")
    return "\n".join([*lines, "wait"])


def heard(wanted: Mapping[str, list[tuple[str, int]]], output: str) -> dict[str, bool]:
    """Which parts greeted from at least one of their addresses; every address has to have been tried."""
    found = dict.fromkeys(wanted, False)
    tried = dict.fromkeys(wanted, 0)
    for line in output.splitlines():
        part, _, said = line.partition(" ")
        tried[part] += 1
        found[part] = found[part] or bool(GREETINGS[part].heard.search(base64.b64decode(said)))
    assert tried == {part: len(places) for part, places in wanted.items()}
    return found


def as_text(table: Table) -> str:
    """The table as people read it: who asks on the left, who is asked above."""
    columns = list(next(iter(table.values())))
    width = max(map(len, table)) + 2
    head = " " * width + "  ".join(columns)
    rows = [
        source.ljust(width) + "  ".join(("reached" if row[part] else "-").ljust(len(part)) for part in columns)
        for source, row in table.items()
    ]
    return "\n".join([head.rstrip(), *(row.rstrip() for row in rows)])
