"""The data directory of an embedded suite: its secrets, its databases, its logs, and the lock that it is used once."""

import fcntl
import json
import os
import secrets
import string
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.durable import replace
from cli.failure import CANNOT_START, UNAVAILABLE, Failure

CLASSIC_EMAIL = "admin@admin.com"
CLASSIC_PASSWORD = "1"  # The classic contract's own, and public; for a development machine only.
DEFAULT_EMAIL = "administrator@urna.example"

# A suite that was killed takes a moment to end its processes, which hold the lock as long as they live.
_SECONDS_FOR_LEFTOVERS = 20.0


@dataclass(frozen=True)
class Administrator:
    """Who may log in first."""

    email: str
    password: str


class DataDirectory:
    """A directory that only its owner may read, made at the first start and used again at every further one."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self.secrets = self.path / "secrets"
        self.accounts = self.path / "accounts.db"
        self.election = self.path / "election.db"
        self.heartbeat = self.path / "heartbeat"
        self.metrics = self.path / "metrics"
        self._running = self.path / "suite.json"
        self._lock: int | None = None

    def open(self) -> None:
        """Make what is missing and take the lock; fails when another suite uses the directory."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.secrets, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Failure(
                f"The data directory {self.path} cannot be used ({error.strerror}); choose another with --data.",
                status=CANNOT_START,
            ) from None
        self._take_lock(self._lock)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > 16 * 1024 * 1024:
                log.replace(log.with_suffix(".log.1"))

    @property
    def lock(self) -> int:
        """Descriptor of the lock; every process inherits it, so that the directory is taken until all have ended."""
        if self._lock is None:
            raise RuntimeError("The data directory is not open.")
        return self._lock

    def _take_lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + _SECONDS_FOR_LEFTOVERS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                if _is_alive(holder) or time.monotonic() > deadline:
                    raise Failure(
                        f"Another urna up (process {holder or 'unknown'}) uses the data directory {self.path}; "
                        "stop that one first, or choose another directory with --data.",
                        status=CANNOT_START,
                    ) from None
                time.sleep(0.1)
            else:
                break
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Give the lock back."""
        self._running.unlink(missing_ok=True)
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def secret(self, name: str, value: str) -> str:
        """The secret of that name; ``value`` becomes it when there is none yet."""
        path = self.secrets / name
        if not path.exists():
            replace(path, value)
        return path.read_text(encoding="utf-8")

    def key_pair(self) -> tuple[str, str]:
        """The Ed25519 key pair that signs tokens, private key first, as PEM."""
        path = self.secrets / "jwt_private_key"
        if not path.exists():
            replace(path, _private_pem(Ed25519PrivateKey.generate()))
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return path.read_text(encoding="ascii"), public.decode("ascii")

    def record_key(self) -> str:
        """The Ed25519 private key that signs records, as PEM."""
        path = self.secrets / "record_signing_key"
        if not path.exists():
            replace(path, _private_pem(Ed25519PrivateKey.generate()))
        return path.read_text(encoding="ascii")

    def administrator(self, *, classic: bool, email: str | None, password: str | None) -> Administrator:
        """The first administrator. What was settled at the first start stays: the account was made with it."""
        mode = self.secret("mode", "classic" if classic else "usual")
        if (mode == "classic") != classic:
            asked, usual = ("with", "without") if classic else ("without", "with")
            raise Failure(
                f"The data directory {self.path} was made {usual} --classic and cannot be used {asked} it, "
                "because its administrator is another; choose another directory with --data.",
                status=CANNOT_START,
            )
        if classic:
            return Administrator(CLASSIC_EMAIL, CLASSIC_PASSWORD)
        return Administrator(
            self.secret("admin_email", email or DEFAULT_EMAIL),
            self.secret("admin_password", password or make_password()),
        )

    def remember_running(self, facts: dict[str, Any]) -> None:
        """Write down what runs where, for commands that are given this directory."""
        replace(self._running, json.dumps(facts))

    def election_store(self) -> str:
        """The URL of the election store: of the suite that runs here, or the SQLite file that one has left behind."""
        running = self.facts()
        if running is not None:
            return str(running["election_database_url"])
        if not self.election.is_file():
            raise Failure(
                f"No election store lies in {self.path}; if its suite kept it elsewhere, give ELECTION_DATABASE_URL.",
                status=UNAVAILABLE,
            )
        return sqlite_url(self.election)

    def facts(self) -> dict[str, Any] | None:
        """What runs where; None when nothing does."""
        try:
            facts = json.loads(self._running.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) and self._is_taken() else None

    def running(self) -> dict[str, Any]:
        """What runs where; fails when nothing does."""
        facts = self.facts()
        if facts is None:
            raise Failure(
                f"No suite runs on the data directory {self.path}; start it with: urna up --data {self.path}",
                status=UNAVAILABLE,
            )
        return facts

    def _is_taken(self) -> bool:
        with suppress(OSError), (self.path / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite database in a file."""
    # What SQLAlchemy would write. To read it in for this alone takes as long as everything else that `urna up` needs.
    return f"sqlite:///{quote(str(path), safe=' +/')}"


def make_password() -> str:
    """A password of 20 letters and digits, about 119 bits, that passes the rule of the classic contract."""
    while True:
        made = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))
        if any(map(str.isdigit, made)) and any(map(str.islower, made)) and any(map(str.isupper, made)):
            return made


def _private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _is_alive(process: str) -> bool:
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
