"""The users of deploy/redis/users.acl, each with a client, on a real Redis."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from shared.queue import connection
from tests.left_out import leave_out

RULES = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"


@dataclass(frozen=True)
class Users:
    """A client for each of the users."""

    station: Redis
    daemon: Redis
    results: Redis
    operator: Redis
    backup: Redis


@contextmanager
def connected(redis_url: str) -> Iterator[Users]:
    """All users on the Redis at this URL, which forgets them afterwards."""
    with Redis.from_url(redis_url) as administrator:
        version = administrator.info("server")["redis_version"]
        if int(version.split(".")[0]) < 7:
            leave_out("Redis 7", f"{version} does not know rules for reading only; install a newer redis-server")
        password = secrets.token_hex(16)
        clients = {}
        for line in RULES.read_text().splitlines():
            _, name, *rules = line.split()
            if name in Users.__dataclass_fields__:
                administrator.execute_command("ACL", "SETUSER", name, "reset", f">{password}", *rules)
                clients[name] = connection.connect(re.sub(r"://:[^@]*@", f"://{name}:{password}@", redis_url))
        yield Users(**clients)
        for name, client in clients.items():
            client.close()
            administrator.execute_command("ACL", "DELUSER", name)
