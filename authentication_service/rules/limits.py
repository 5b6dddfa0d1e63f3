"""How long somebody has to wait who fails to log in, registers, or asks for another password too often.

A failed log-in counts for an hour in up to three places: for the name from that address; for the name from anywhere;
for the address with any name. The last two, which stop guessing from many addresses and one guess at many accounts,
bind only who has not logged in to that account from that address before: nobody who fails elsewhere, or at the same
address, keeps people out of their own accounts.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

WINDOW: Final = timedelta(hours=1)

# Who has one address of a network like this has 2⁶⁴ of them.
_IPV6_PREFIX = 64


@dataclass(frozen=True)
class Limits:
    """How many failed log-ins are free, how long the next one waits, and how much else there may be an hour."""

    of_name_from_address: int
    of_name: int
    from_address: int
    first_delay: timedelta
    longest_delay: timedelta
    registrations: int
    resets: int
    resets_of_name: int
    # Networks (CIDR) that hide who calls; their addresses are not limited, or one caller would shut all the others out.
    shared_addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tries:
    """How often something was tried in the last hour, and when for the first and the last time in it."""

    number: int
    earliest: datetime
    latest: datetime


def place(address: str) -> str:
    """Where a caller is, as far as limits know: an IPv4 address, or the first half of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), _IPV6_PREFIX), strict=False))


def hides_who_calls(where: str, limits: Limits) -> bool:
    """Whether this place is one that many callers seem to come from."""
    if not where:
        return True
    address = ip_network(where).network_address
    return any(address in ip_network(network) for network in limits.shared_addresses)


def failure_keys(name: str, where: str, limits: Limits, *, is_known: bool) -> dict[str, int]:
    """Under which keys a failed log-in with this name from this place counts, and how many are free under each.

    ``is_known``: the account with this name has logged in from this place before.
    """
    keys = {key_of_pair(name, where): limits.of_name_from_address}
    if not is_known:
        keys[_key("name", name)] = limits.of_name
        if not hides_who_calls(where, limits):
            keys[_key("address", where)] = limits.from_address
    return keys


def key_of_pair(name: str, where: str) -> str:
    """The key of the failed log-ins with this name from this place."""
    return _key("name and address", name, where)


def registration_key(where: str) -> str:
    """The key of the registrations from this place."""
    return _key("registration", where)


def reset_keys(name: str, where: str, limits: Limits) -> dict[str, int]:
    """Under which keys it counts that this name's password is to be set anew, and how many an hour there may be."""
    keys = {_key("reset", name): limits.resets_of_name}
    if not hides_who_calls(where, limits):
        keys[_key("reset from", where)] = limits.resets
    return keys


def not_opened_key(user_id: int) -> str:
    """The key of the log-ins to an account that open no session though the password is right."""
    return _key("not opened", str(user_id))


def wait(keys: Mapping[str, int], tries: Mapping[str, Tries], limits: Limits, now: datetime) -> int:
    """Seconds until the next log-in may be tried, at least 1; 0 when it may be tried now.

    ``keys`` as ``failure_keys`` gives them; ``tries`` has what has failed under them.
    """
    ends = [
        found.latest + _delay(found.number - free, limits)
        for key, free in keys.items()
        # Below the limit nobody waits, not even for a failure that another machine's clock puts into the future.
        if (found := tries.get(key)) is not None and found.number >= free
    ]
    return max((_seconds(end - now) for end in ends), default=0)


def wait_after_registrations(tries: Tries | None, limits: Limits, now: datetime) -> int:
    """Seconds until the next registration may be tried, 0 when it may be tried now."""
    return wait_within_hour(tries, limits.registrations, now)


def wait_within_hour(tries: Tries | None, most: int, now: datetime) -> int:
    """Seconds until something may be tried again that may be tried ``most`` times an hour, 0 when it may be now."""
    if tries is None or tries.number < most:
        return 0
    return _seconds(tries.earliest + WINDOW - now)


def _delay(doublings: int, limits: Limits) -> timedelta:
    # Beyond 2³⁰ times the first delay everything is the longest one.
    return min(limits.longest_delay, limits.first_delay * (1 << min(doublings, 30)))


def _seconds(left: timedelta) -> int:
    return max(0, -(-left // timedelta(seconds=1)))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
