"""Shares of the votes in hundredths."""

import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.apportionment import share, shares
from shared.errors import InvalidInput


@pytest.mark.parametrize(
    ("votes", "denominator", "expected"),
    [
        (1, 3, "0.33"),
        (2, 3, "0.67"),
        (1, 8, "0.12"),
        (3, 8, "0.38"),
        (5, 8, "0.62"),
        (1, 200, "0"),
        (3, 200, "0.02"),
        (0, 9, "0"),
        (9, 9, "1"),
        (0, 0, "0"),
    ],
)
def test_shares_are_rounded_to_two_decimals_half_to_even(votes: int, denominator: int, expected: str) -> None:
    assert share(votes, denominator) == Fraction(expected)


def test_a_share_as_a_json_number_has_at_most_two_decimals() -> None:
    for hundredths in range(101):
        assert len(json.dumps(float(share(hundredths, 100)))) <= 4


def test_shares_are_listed_in_poll_number_order() -> None:
    rounded = shares({3: 1, 1: 2, 2: 0}, 3)
    assert list(rounded.items()) == [(1, Fraction(67, 100)), (2, Fraction(0)), (3, Fraction(33, 100))]


@pytest.mark.parametrize(
    ("votes", "denominator", "field"),
    [(-1, 3, "votes"), (4, 3, "votes"), (1, 0, "votes"), (True, 3, "votes"), (0, -1, "denominator")],
)
def test_an_impossible_share_names_its_field(votes: int, denominator: int, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        share(votes, denominator)
    assert refused.value.field == field


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_share_is_between_nothing_and_everything_and_within_half_a_hundredth(votes: int, others: int) -> None:
    total = votes + others
    rounded = share(votes, total)
    assert 0 <= rounded <= 1
    if total:
        assert abs(rounded - Fraction(votes, total)) <= Fraction(1, 200)
