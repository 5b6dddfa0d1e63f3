"""What an account must look like, who may become what, and what must never happen to the last administrator.

The predicates take any value that JSON can hold, because a client may send a number or a list where a text belongs;
such a value is simply not a JMBG, an address or a password.
"""

import re
import unicodedata
from collections.abc import Collection
from enum import StrEnum
from itertools import product
from typing import Final

from shared.errors import InvalidInput
from shared.sentences import say
from shared.terms import Approval, Role

MOST_CHARACTERS: Final = 256
LEAST_PASSWORD_CHARACTERS: Final = 8
# Nobody looks after more, and a token that names them all still fits into a header and a cookie.
MOST_STATIONS: Final = 100

# Day, month, last three digits of the year, region, number within the region, control digit. `[0-9]` and not `\d`,
# which would also take the digits of other scripts.
_JMBG = re.compile(r"(0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])[0-9]{3}[7-9][0-9][0-9]{3}[0-9]")
# The first and the second three digits of six, weighted: a register has a million of them to be added up.
_WEIGHTED_765 = {f"{a}{b}{c}": 7 * a + 6 * b + 5 * c for a, b, c in product(range(10), repeat=3)}
_WEIGHTED_432 = {f"{a}{b}{c}": 4 * a + 3 * b + 2 * c for a, b, c in product(range(10), repeat=3)}

# The unquoted form of RFC 5321, section 4.1.2, in ASCII: two addresses that only look alike can then never be two
# accounts, and every database compares them in the same way. The last label has two or more letters, or is a
# national domain in its ASCII form.
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:[a-z]{2,}|xn--[a-z0-9-]*[a-z0-9])",
    re.IGNORECASE | re.ASCII,
)

# A username starts with a letter and holds no @, a phone number holds digits only, so that the three things that log
# in can never be taken for one another.
_USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,63}")
_PHONE = re.compile(r"\+?[0-9]{6,15}")
_PHONE_PUNCTUATION = re.compile(r"[ ()/.-]")

# Who may create such an account without being asked who they are; any other role is granted by an administrator.
SELF_REGISTERED: Final = frozenset({Role.VOTER, Role.CANDIDATE, Role.CAMPAIGN_DIRECTOR, Role.OFFICIAL})

# Who directs the election, who brings the ballots in and who watches both must be different accounts: the
# administrator cannot change counts, and the auditor changes nothing.
_SEPARATE: Final = frozenset({Role.ADMINISTRATOR, Role.OFFICIAL, Role.AUDITOR})


class LoginName(StrEnum):
    """Which of an account's names somebody logs in with."""

    EMAIL = "email"
    USERNAME = "username"
    PHONE = "phone"


def is_jmbg(value: object) -> bool:
    """Whether this is a unique citizen number (JMBG): 13 ASCII digits, the last of them the right control digit.

    There is no calendar check: 31 February passes.
    """
    if not isinstance(value, str) or not _JMBG.fullmatch(value):
        return False
    return jmbg_control_digit(value[:12]) == int(value[12])


def jmbg_control_digit(first_twelve: str) -> int:
    """The thirteenth digit that belongs to the first twelve."""
    one, two, three, four = first_twelve[:3], first_twelve[3:6], first_twelve[6:9], first_twelve[9:]
    weighted = _WEIGHTED_765[one] + _WEIGHTED_432[two] + _WEIGHTED_765[three] + _WEIGHTED_432[four]
    control = 11 - weighted % 11
    return control if control < 10 else 0


def is_email(value: object) -> bool:
    """Whether this is an address of at most 256 characters whose last domain label has two or more letters."""
    return isinstance(value, str) and len(value) <= MOST_CHARACTERS and _EMAIL.fullmatch(value) is not None


def email_key(email: str) -> str:
    """What two spellings of one address have in common; accounts are unique by it."""
    return email.lower()


def is_password(value: object) -> bool:
    """Whether this is 8 to 256 characters with at least one digit, one lower-case and one upper-case letter."""
    return (
        isinstance(value, str)
        and LEAST_PASSWORD_CHARACTERS <= len(value) <= MOST_CHARACTERS
        and any(character in "0123456789" for character in value)
        and any(character.islower() for character in value)
        and any(character.isupper() for character in value)
    )


def is_name(value: object) -> bool:
    """Whether this is a forename or surname: 1 to 256 characters, none of which a database or a page would trip over.

    Those are control characters, and halves of characters, which JSON can escape but nothing can store.
    """
    return (
        isinstance(value, str)
        and 1 <= len(value) <= MOST_CHARACTERS
        and not any(unicodedata.category(character) in ("Cc", "Cs") for character in value)
    )


def username_key(value: str) -> str | None:
    """A username as it is stored, in lower case; None if it is none: 3 to 64 of a-z, 0-9, . _ -, a letter first."""
    key = value.lower() if value.isascii() else ""
    return key if _USERNAME.fullmatch(key) else None


def phone_key(value: str) -> str | None:
    """A phone number as it is stored, without punctuation; None if it is none: 6 to 15 digits, perhaps after a +."""
    key = _PHONE_PUNCTUATION.sub("", value)
    return key if _PHONE.fullmatch(key) else None


def part_of_phone(value: str) -> str | None:
    """What a part of a phone number looks like where it is stored; None if this is none."""
    key = _PHONE_PUNCTUATION.sub("", value)
    return key if re.fullmatch(r"\+?[0-9]+", key) else None


def login_name(text: str) -> tuple[LoginName, str] | None:
    """Which name this is and how it is stored; None if no account can have such a name."""
    if "@" in text:
        return (LoginName.EMAIL, email_key(text)) if is_email(text) else None
    if (phone := phone_key(text)) is not None:
        return LoginName.PHONE, phone
    if (username := username_key(text)) is not None:
        return LoginName.USERNAME, username
    return None


def check_roles(roles: Collection[Role]) -> None:
    """Refuse a set of roles that one account may not have."""
    if not roles:
        raise InvalidInput("An account needs at least one role.", field="roles")
    if len(_SEPARATE.intersection(roles)) > 1:
        raise InvalidInput(
            "An administrator, an official and an auditor have to be different accounts: who directs the election "
            "must not bring in its ballots, and who watches must not do either.",
            field="roles",
        )


def check_stations(stations: Collection[int], roles: Collection[Role]) -> None:
    """Refuse polling stations for whoever is no official, and more than anybody can look after."""
    if stations and Role.OFFICIAL not in roles:
        raise InvalidInput("Only an official belongs to polling stations.", field="stations")
    if len(stations) > MOST_STATIONS:
        raise InvalidInput(
            say("An official belongs to at most {most} polling stations.", most=MOST_STATIONS), field="stations"
        )


def check_participant(participant: int | None, roles: Collection[Role]) -> None:
    """Refuse a participant for whoever is no campaign director."""
    if participant is not None and Role.CAMPAIGN_DIRECTOR not in roles:
        raise InvalidInput("Only a campaign director is one of a participant.", field="participant")


def first_approval(role: Role, registration: str) -> Approval:
    """Whether a new account may act at once; ``registration`` is the setting of that name."""
    if role is Role.OFFICIAL and registration == "approval":
        return Approval.WAITING
    return Approval.APPROVED


def would_leave_no_administrator(administrators: Collection[int], user_id: int) -> bool:
    """Whether nobody could direct the elections any more once this account is no administrator that may log in."""
    return set(administrators) == {user_id}
