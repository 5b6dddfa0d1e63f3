"""How long who fails too often has to wait, and what counts as one place."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication_service.rules import limits
from authentication_service.rules.limits import Limits, Tries

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
LIMITS = Limits(
    of_name_from_address=3,
    of_name=5,
    from_address=8,
    first_delay=timedelta(seconds=30),
    longest_delay=timedelta(minutes=15),
    registrations=4,
    resets=4,
    resets_of_name=2,
    shared_addresses=("10.0.0.0/8", "2001:db8:ffff::/48"),
)


def tries(number: int, age: float = 0) -> Tries:
    """So many tries, the last of them ``age`` seconds ago."""
    return Tries(number, NOON - timedelta(minutes=50), NOON - timedelta(seconds=age))


def waits(number: int, age: float = 0) -> int:
    return limits.wait({"key": 3}, {"key": tries(number, age)}, LIMITS, NOON)


def test_the_wait_doubles_with_each_failure_up_to_the_longest() -> None:
    assert [waits(number) for number in range(1, 11)] == [0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert waits(10_000_000) == 900


def test_the_wait_runs_from_the_last_failure_and_is_told_in_whole_seconds() -> None:
    assert [waits(3, age) for age in (0, 0.001, 1, 28.9, 29, 29.999, 30, 31)] == [30, 30, 29, 2, 1, 1, 0, 0]


def test_below_the_limit_a_failure_by_a_clock_that_is_ahead_lets_nobody_wait() -> None:
    assert [waits(2, -5), waits(3, -5)] == [0, 35]


def test_the_longest_of_the_waits_counts() -> None:
    keys = limits.failure_keys("vera", "192.0.2.1", LIMITS, is_known=False)
    assert sorted(keys.values()) == [3, 5, 8]
    found = {key: tries(6) for key in keys}
    assert limits.wait(keys, found, LIMITS, NOON) == 240
    assert limits.wait(keys, {}, LIMITS, NOON) == 0


def test_who_has_logged_in_from_a_place_is_limited_by_the_own_failures_from_there_alone() -> None:
    keys = limits.failure_keys("vera", "192.0.2.1", LIMITS, is_known=True)
    assert keys == {limits.key_of_pair("vera", "192.0.2.1"): 3}


@given(st.lists(st.tuples(st.text(), st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::/64"])), unique=True))
def test_names_and_places_never_share_a_key_by_chance(pairs: list[tuple[str, str]]) -> None:
    assert len({limits.key_of_pair(name, where) for name, where in pairs}) == len(pairs)


def test_the_kinds_of_keys_do_not_meet() -> None:
    where = "192.0.2.1"
    # Somebody may call himself like a place.
    found = [*limits.failure_keys(where, where, LIMITS, is_known=False), limits.registration_key(where)]
    assert len(set(found)) == 4
    assert not {"vera", where} & set("".join(found))


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", ""),
        ("192.0.2.7, 192.0.2.8", ""),
    ],
)
def test_half_of_an_ipv6_address_is_one_place(address: str, where: str) -> None:
    assert limits.place(address) == where


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("::ffff:10.1.2.3", True),
        ("2001:db8:ffff:1::1", True),
        ("2001:db8:fffe:1::1", False),
        ("nonsense", True),
    ],
)
def test_a_place_that_hides_who_calls_is_not_limited_as_one_caller(address: str, hidden: bool) -> None:
    where = limits.place(address)
    assert limits.hides_who_calls(where, LIMITS) == hidden
    keys = limits.failure_keys("vera", where, LIMITS, is_known=False)
    assert len(keys) == (2 if hidden else 3)


def test_registrations_wait_until_the_first_of_the_hour_is_over() -> None:
    assert limits.wait_after_registrations(None, LIMITS, NOON) == 0
    assert limits.wait_after_registrations(tries(3), LIMITS, NOON) == 0
    assert limits.wait_after_registrations(tries(4), LIMITS, NOON) == 600


@given(st.integers(1, 100), st.integers(1, 3600), st.integers(1, 3600))
def test_whatever_the_settings_nobody_waits_longer_than_the_longest_delay(free: int, first: int, longest: int) -> None:
    chosen = Limits(free, free, free, timedelta(seconds=first), timedelta(seconds=longest), 1, 1, 1)
    waited = [limits.wait({"key": free}, {"key": tries(number)}, chosen, NOON) for number in range(free + 40)]
    assert waited == sorted(waited)
    assert waited[free - 1] == 0
    assert 0 < waited[free] <= waited[-1] == longest
