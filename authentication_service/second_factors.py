"""The secrets of second factors: sealed for the store, turned into codes, and carried through a log-in in two steps.

What has to be known between two requests travels with whoever asks, sealed: nothing of it can be read or changed, and
no table fills with log-ins that nobody finished.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from authentication_service.rules import second_factor as rules
from shared.errors import Misconfigured
from shared.sealing import SECOND_FACTORS, Seal, about_account
from shared.terms import Role

ISSUER = "Urna"
# Long enough to look for the device, or to install its program.
CODE_TIME = timedelta(minutes=5)
SET_UP_TIME = timedelta(minutes=15)

_CHALLENGE = b"challenge"
_OFFER = b"offer"


@dataclass(frozen=True)
class Challenge:
    """Somebody has proved the password of an account, and has to send a code next, or to set up a second factor."""

    user_id: int
    password: str = field(repr=False)
    sets_up: bool

    def is_about(self, password_hash: str) -> bool:
        """Whether this is still the password that was proved."""
        return hmac.compare_digest(self.password, _digest(password_hash))


@dataclass(frozen=True)
class Offer:
    """A new secret for an account, which counts only once a code was made from it.

    ``secret`` and ``uri`` are for the device, as text and as ``otpauth`` address; ``carried`` comes back with the code.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    carried: str = field(repr=False)


class SecondFactors:
    """Makes, seals and checks secrets and codes; ``demanding`` are the roles that have to have a second factor."""

    def __init__(self, register_key: str, demanding: frozenset[Role]) -> None:
        self.demanding = demanding
        self._secrets = Seal(register_key, SECOND_FACTORS)
        self._carried = Seal(register_key, "log-ins in two steps")

    def close(self, user_id: int, secret: bytes) -> bytes:
        """A secret as it is stored."""
        return self._secrets.close(secret, about_account(user_id))

    def matching_step(self, user_id: int, sealed: bytes, digits: str, now: datetime) -> int | None:
        """The half minute whose code these six digits are; None if they are none of those that are taken now.

        Raises ``Misconfigured`` when the secret was sealed with another key.
        """
        return matching_step(self._secrets.open(sealed, about_account(user_id)), digits, now)

    def challenge(self, user_id: int, password_hash: str, now: datetime, *, sets_up: bool) -> str:
        """What whoever has proved a password brings back with the code."""
        ends = now + (SET_UP_TIME if sets_up else CODE_TIME)
        said = {"user": user_id, "password": _digest(password_hash), "sets_up": sets_up, "ends": int(ends.timestamp())}
        return self._carry(said, _CHALLENGE)

    def read_challenge(self, text: str, now: datetime) -> Challenge | None:
        """What ``challenge`` gave; None when it is none, or too old."""
        said = self._read(text, _CHALLENGE, now)
        return Challenge(said["user"], said["password"], said["sets_up"]) if said else None

    def offer(self, user_id: int, email: str, now: datetime) -> Offer:
        """A new secret for an account, which is not stored yet."""
        return self._offer(user_id, email, secrets.token_bytes(rules.SECRET_BYTES), now)

    def read_offer(self, text: str, user_id: int, now: datetime) -> bytes | None:
        """The secret that was offered to this account; None when it is none, another's, or too old."""
        said = self._read(text, _OFFER, now)
        return base64.b32decode(said["secret"]) if said and said["user"] == user_id else None

    def offered_again(self, text: str, user_id: int, email: str, now: datetime) -> Offer | None:
        """The same offer, for whoever has mistyped the code; it ends when the first one does."""
        secret = self.read_offer(text, user_id, now)
        if secret is None:
            return None
        return Offer(_text(secret), _uri(secret, email), text)

    def _offer(self, user_id: int, email: str, secret: bytes, now: datetime) -> Offer:
        ends = int((now + SET_UP_TIME).timestamp())
        carried = self._carry({"user": user_id, "secret": _text(secret), "ends": ends}, _OFFER)
        return Offer(_text(secret), _uri(secret, email), carried)

    def _carry(self, said: Mapping[str, Any], about: bytes) -> str:
        return base64.urlsafe_b64encode(self._carried.close(json.dumps(said).encode(), about)).decode()

    def _read(self, text: str, about: bytes, now: datetime) -> dict[str, Any] | None:
        try:
            sealed = base64.b64decode(text.encode("ascii", "replace"), altchars=b"-_", validate=True)
            said: dict[str, Any] = json.loads(self._carried.open(sealed, about))
        except (binascii.Error, Misconfigured):
            # Whatever was not made here, or under the key before, is no more than something too old.
            return None
        return said if said["ends"] > now.timestamp() else None


def matching_step(secret: bytes, digits: str, now: datetime) -> int | None:
    """The half minute around ``now`` whose code these digits are, the latest of several; None if there is none."""
    totp = _totp(secret)
    found = None
    # All are compared, so that the time that it takes does not tell which one it was.
    for step in rules.steps_around(now):
        if step >= 0 and hmac.compare_digest(totp.generate(step * rules.STEP_SECONDS), digits.encode("ascii")):
            found = step
    return found


def _totp(secret: bytes) -> TOTP:
    # The programs on people's devices know no other hash; in an HMAC nothing is wrong with this one.
    return TOTP(secret, rules.DIGITS, SHA1(), rules.STEP_SECONDS)  # noqa: S303 -- see above.


def _uri(secret: bytes, email: str) -> str:
    return _totp(secret).get_provisioning_uri(email, ISSUER)


def _text(secret: bytes) -> str:
    return base64.b32encode(secret).decode()


def _digest(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()
