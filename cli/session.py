"""The session that ``urna login`` keeps for the commands after it, in a file that only its owner can read."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from cli.durable import OTHERS, replace
from cli.failure import NOT_ALLOWED, Failure

_ENDED = "The session that `urna login` opened has ended; log in again."


@dataclass(frozen=True)
class Session:
    """Who is logged in at which authentication service, and the tokens of that."""

    authentication: str
    login: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class KeptSession:
    """The file with the session. Programs that run at the same time share it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or _usual_path()

    def read(self) -> Session | None:
        """The session, if somebody is logged in. Fails when others may read the file, or it is none of ours."""
        try:
            with self.path.open(encoding="utf-8") as file:
                status = os.fstat(file.fileno())
                if status.st_mode & OTHERS or status.st_uid != os.geteuid():
                    raise Failure(
                        f"Others may read or have written {self.path}; remove it and log in again, and mind who has "
                        "read it.",
                        status=NOT_ALLOWED,
                    )
                found = json.load(file)
                return Session(**{one.name: str(found[one.name]) for one in fields(Session)})
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._no_place("read", error) from None
        except (ValueError, TypeError, KeyError):
            raise Failure(f"{self.path} is no session; remove it and log in again.", status=NOT_ALLOWED) from None

    def write(self, session: Session) -> None:
        """Keep this session in the place of any other; within ``alone``."""
        try:
            replace(self.path, json.dumps(asdict(session)) + "\n")
        except OSError as error:
            raise self._no_place("written", error) from None

    def forget(self) -> None:
        """Nobody is logged in any more; within ``alone``."""
        self.path.unlink(missing_ok=True)

    def renewed(self, expired: str, renew: Callable[[str], tuple[str, str]]) -> Session:
        """The session with another access token than the one that has ``expired``.

        ``renew`` makes an access token and a refresh token of a refresh token, which is good once: of two programs with
        the same one the second would end the session, so it waits for the first and takes what that one has kept.
        """
        with self.alone():
            found = self.read()
            if found is None:
                raise Failure(_ENDED, status=NOT_ALLOWED)
            if found.access_token != expired:
                return found
            try:
                made = Session(found.authentication, found.login, *renew(found.refresh_token))
            except Failure as failure:
                if failure.status != NOT_ALLOWED:
                    raise
                self.forget()
                raise Failure(_ENDED, status=NOT_ALLOWED) from None
            self.write(made)
            return made

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other program change the session as long as the block lasts."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Its folder is locked, for the file itself is another one after each change.
            descriptor = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise self._no_place("written", error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _no_place(self, done: str, error: OSError) -> Failure:
        return Failure(
            f"The session in {self.path} cannot be {done} ({error.strerror}); name another file in URNA_SESSION.",
            status=NOT_ALLOWED,
        )


def _usual_path() -> Path:
    if named := os.environ.get("URNA_SESSION"):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "urna" / "session.json"
