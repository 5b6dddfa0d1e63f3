"""Codes of a second factor: what they look like, when each is good, and who has to have one.

A device makes a code for each half minute (TOTP, RFC 6238). Clocks differ and people type slowly, so the codes of the
half minutes before and after are taken, too. A recovery code stands once for such a code.
"""

import base64
import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from typing import Final

from shared.terms import Role

STEP_SECONDS: Final = 30
DIGITS: Final = 6
# How many half minutes a device's clock may be early or late (RFC 6238, section 5.2).
WINDOW: Final = 1
SECRET_BYTES: Final = 20

RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
_GROUP = 4

_DIGITS = re.compile(rf"[0-9]{{{DIGITS}}}")
_BETWEEN = re.compile(r"[\s-]+")
# Crockford's letters for base 32: none that is taken for another one when it is read from paper.
_RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TO_CROCKFORD = str.maketrans(_RFC_4648, _CROCKFORD)
_MISREAD = str.maketrans("oil", "011")
_RECOVERY = re.compile(rf"[{_CROCKFORD}]{{16}}")


def step_at(moment: datetime) -> int:
    """The number of the half minute since 1970 in which this moment is."""
    return int(moment.timestamp()) // STEP_SECONDS


def steps_around(moment: datetime) -> range:
    """The half minutes whose codes are taken at this moment, the earliest first."""
    return range(step_at(moment) - WINDOW, step_at(moment) + WINDOW + 1)


def device_code(text: str) -> str | None:
    """The six digits that somebody typed, perhaps with a blank in between; None if these are none."""
    digits = _BETWEEN.sub("", text)
    return digits if _DIGITS.fullmatch(digits) else None


def new_recovery_code(random: bytes) -> str:
    """A recovery code of ten random bytes, for people to read: ``7hq2-x0zt-93kd-w5ma``."""
    letters = base64.b32encode(random).decode().translate(_TO_CROCKFORD)
    return "-".join(letters[place : place + _GROUP] for place in range(0, len(letters), _GROUP))


def recovery_code(text: str) -> str | None:
    """The sixteen letters of a recovery code that somebody typed, in any case and grouping; None if these are none."""
    letters = _BETWEEN.sub("", text).lower().translate(_MISREAD)
    return letters if _RECOVERY.fullmatch(letters) else None


def recovery_digest(user_id: int, code: str) -> bytes:
    """By what an account's recovery code is found: 80 random bits cannot be tried out, so this needs no slow hash."""
    return hashlib.sha256(f"urna: recovery code\naccount {user_id}\n{recovery_code(code)}".encode()).digest()


def must_have_one(roles: Collection[str], demanding: Collection[Role]) -> bool:
    """Whether an account with these roles may be used only with a second factor."""
    return any(role in roles for role in demanding)
