"""What can go wrong, as types. The web layer alone maps them to HTTP; nothing else knows a status code."""

from collections.abc import Sequence


class UrnaError(Exception):
    """A refusal that its receiver can act on.

    ``message`` is a whole sentence for the person who gets it; ``field`` names the part of the input
    that is wrong, dotted for nested fields, and is None when the refusal is not about one field.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidInput(UrnaError):
    """The input was understood and is wrong.

    ``faults`` are all that is wrong where that is more than one thing: fields, each with a sentence.
    """

    def __init__(self, message: str, *, field: str | None = None, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, field=field)
        self.faults = tuple(faults)


class Unauthenticated(UrnaError):
    """Nobody is known to be asking: wrong credentials or no usable token."""


class Forbidden(UrnaError):
    """Who asks is known and may not do this."""


class NotFound(UrnaError):
    """The thing asked for does not exist, or not for this person."""


class Conflict(UrnaError):
    """The thing is in a state that does not allow this."""


class ChangedMeanwhile(UrnaError):
    """Somebody else has changed the thing since it was read (``If-Match`` does not match)."""


class PreconditionMissing(UrnaError):
    """A change was sent without ``If-Match`` where two people may change the same thing."""


class TooLarge(UrnaError):
    """The input is over the size limit."""


class TooManyAttempts(UrnaError):
    """This was tried and failed too often; it may be tried again after ``retry_after`` seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(UrnaError):
    """A part that is needed is away or full; nothing was stored. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SigningFault(Unavailable):
    """The private operation gave a wrong result, or the key is damaged. Nothing of it may leave the machine: a wrong
    signature would give the key away.
    """


class Misconfigured(UrnaError):
    """The settings do not allow a start; the message names the setting and what to do."""
