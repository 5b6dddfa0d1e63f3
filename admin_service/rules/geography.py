"""Where people vote: which names mean the same place, and what may be said of one."""

from dataclasses import dataclass
from hashlib import sha256

from shared.errors import InvalidInput
from shared.place_names import compared
from shared.sentences import say
from shared.terms import Disabling, StationStatus

WHOLE_COUNTRY = "The whole country"
"""The region and the constituency of a station where nobody names another one."""

MOST_REGISTERED = 100_000
"""Voters of one polling station; laws allow a few thousand at most, and more than this is a slip of the pen."""

LONGEST = {
    "region": 256,
    "constituency": 256,
    "municipality": 256,
    "centre": 256,
    "address": 256,
    "code": 64,
    "contact": 256,
    "note": 1024,
}
"""Characters, for each text that is kept of a place."""


@dataclass(frozen=True)
class Searched:
    """Which polling stations; what is empty or None filters nothing.

    ``text`` is a part of code, municipality, centre or address.
    """

    text: str = ""
    municipality: str = ""
    centre_id: int | None = None
    constituency_id: int | None = None
    status: StationStatus | None = None


def identity(*names: str) -> str:
    """The key of a place that these names identify, 64 hexadecimal digits: SHA-256 of them as they are compared."""
    return sha256("\x1f".join(map(compared, names)).encode()).hexdigest()


def check_coordinates(latitude: float | None, longitude: float | None) -> None:
    """Refuse a half of a pair, and a point that is not on the globe; in degrees, WGS 84.

    Raises InvalidInput for ``latitude`` or ``longitude``.
    """
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise InvalidInput("A point has a latitude and a longitude; this is only one of them.", field=missing)
    if latitude is not None and not -90 <= latitude <= 90:
        raise InvalidInput("A latitude is -90 to 90 degrees; is it the longitude?", field="latitude")
    if longitude is not None and not -180 <= longitude <= 180:
        raise InvalidInput("A longitude is -180 to 180 degrees.", field="longitude")


def check_status(status: str, reason: str, note: str) -> None:
    """Refuse a disabled station without a reason, an active one with one, and ``other`` without a word.

    Raises InvalidInput for ``status``, ``reason`` or ``note``.
    """
    if status not in set(StationStatus):
        raise InvalidInput("A polling station is active or disabled.", field="status")
    if status == StationStatus.ACTIVE:
        if reason or note:
            raise InvalidInput("An active polling station has no reason for being disabled.", field="reason")
    elif reason not in set(Disabling):
        reasons = ", ".join(Disabling)
        raise InvalidInput(say("A disabled polling station has a reason: {reasons}.", reasons=reasons), field="reason")
    elif reason == Disabling.OTHER and not note:
        raise InvalidInput("The reason 'other' needs a note that says which.", field="note")
