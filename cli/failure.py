"""How a command says that it did not succeed: a sentence with what to do, and an exit status for scripts."""

from typing import Any

SUCCESS = 0
REFUSED = 1
USAGE = 2
UNAVAILABLE = 3
NOT_ALLOWED = 4
CANNOT_START = 5
INTERRUPTED = 130

EXIT_STATUSES = {
    SUCCESS: "everything was done",
    REFUSED: "refused, not found, or not as it should be (a ballot not counted, a result that differs)",
    USAGE: "the command was called wrongly",
    UNAVAILABLE: "a service, Redis or a database cannot be reached or is not ready; trying again may help",
    NOT_ALLOWED: "the log-in failed, or the account may not do this",
    CANNOT_START: "the suite cannot be started here (a port or the data directory is taken, a program is missing)",
    INTERRUPTED: "interrupted from the keyboard",
}


class Failure(Exception):
    """A command could not do what it was asked; ``details`` are for programs that read the error as JSON."""

    def __init__(self, message: str, *, status: int = REFUSED, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details
