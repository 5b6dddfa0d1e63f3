"""How passwords are kept: Argon2id hashes, which take the same work to check whether or not the account exists."""

import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from authentication_service.rules import MOST_CHARACTERS
from shared.config import AuthenticationSettings


class Passwords:
    """Makes and checks hashes that pass ``passes`` times over ``memory_kib`` KiB, in ``lanes`` lanes (RFC 9106)."""

    def __init__(self, memory_kib: int, passes: int, lanes: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes, type=Type.ID)
        # Checked in place of the hash of an account that does not exist, so that the time of an answer tells nothing.
        self._nobody = self._hasher.hash(secrets.token_bytes(32))

    @classmethod
    def of(cls, settings: AuthenticationSettings) -> "Passwords":
        """With the parameters of the settings."""
        return cls(settings.password_memory_kib, settings.password_passes, settings.password_lanes)

    def hash(self, password: str) -> str:
        """The hash of a password, with its parameters and a salt of its own."""
        return self._hasher.hash(_bytes(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password of the stored hash; None stands for an account that does not exist.

        A password that is longer than any account's is refused unhashed.
        """
        if len(password) > MOST_CHARACTERS:
            return False
        try:
            self._hasher.verify(stored or self._nobody, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)

    def is_stale(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    # JSON can escape half a character, which plain UTF-8 has no bytes for; such a password is unusual, not an error.
    return password.encode("utf-8", "surrogatepass")
