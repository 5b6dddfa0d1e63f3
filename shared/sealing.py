"""How the accounts store keeps national ids and other secrets, so that a leaked table does not give them away.

Everything is derived from one secret, the setting ``REGISTER_KEY``, by HKDF (RFC 5869) with a label for each purpose. A
national id is found by its HMAC-SHA256 and read back from AES-256-GCM; without the secret neither is of use, and there
are too few national ids for a hash without a key to hide one.
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import Misconfigured

# One byte that says how the rest is sealed, so that another way can come beside this one.
_AES_256_GCM = b"\x01"
_NONCE_BYTES = 12

BALLOT_KEYS = "ballot keys"
"""The purpose for which the private keys of elections are sealed, each about ``about_election`` of its number."""

MAILS = "mails"
"""The purpose for which mails that wait are sealed, each about its own id."""

SECOND_FACTORS = "second factors"
"""The purpose for which the secrets of second factors are sealed, each about ``about_account`` of its number."""

WRONG_KEY = (
    "REGISTER_KEY is not the key that the accounts store was made with, so no national id in it can be read. Set the "
    "key that belongs to this store (docs/operations.md)."
)


class Seal:
    """Encrypts small values for one purpose; what was sealed for one purpose or row opens for no other.

    A sealed value is 29 bytes longer than the plain one.
    """

    def __init__(self, secret: str, purpose: str) -> None:
        self._cipher = AESGCM(derived(secret, f"urna: seal {purpose}"))

    def close(self, plain: bytes, about: bytes) -> bytes:
        """``plain`` sealed; ``about`` is whatever names the row, and has to be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return _AES_256_GCM + nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed; raises ``Misconfigured`` when it was sealed with another key, or for another row."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _AES_256_GCM or len(nonce) != _NONCE_BYTES:
            raise Misconfigured(WRONG_KEY)
        try:
            return self._cipher.decrypt(nonce, rest, about)
        except InvalidTag:
            raise Misconfigured(WRONG_KEY) from None


class NationalIds:
    """National ids as the store keeps them: a keyed hash to find one by, and a sealed one to read."""

    def __init__(self, secret: str) -> None:
        self._key = derived(secret, "urna: look up national ids")
        self._seal = Seal(secret, "national ids")

    def key_of(self, national_id: str) -> bytes:
        """The 32 bytes by which a national id is found; the same for the same id."""
        return hmac.digest(self._key, national_id.encode(), "sha256")

    def sealed(self, national_id: str, key: bytes) -> bytes:
        """The national id sealed, never the same bytes twice; it opens only beside its own ``key_of``."""
        return self._seal.close(national_id.encode(), key)

    def kept(self, national_id: str) -> tuple[bytes, bytes]:
        """Both: what it is found by, and the sealed one."""
        key = self.key_of(national_id)
        return key, self.sealed(national_id, key)

    def open(self, sealed: bytes, key: bytes) -> str:
        """The national id that was sealed beside ``key``; raises ``Misconfigured`` under another secret."""
        return self._seal.open(sealed, key).decode()


def about_election(election_id: int) -> bytes:
    """What the seal of an election's private key is about: its number, so that no key stands for another election."""
    return f"election {election_id}".encode()


def about_account(user_id: int) -> bytes:
    """What the seal of an account's second factor is about: its number, so that no secret stands for another's."""
    return f"account {user_id}".encode()


def derived(secret: str, label: str) -> bytes:
    """Thirty-two bytes for the purpose that ``label`` names."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label.encode()).derive(secret.encode())
