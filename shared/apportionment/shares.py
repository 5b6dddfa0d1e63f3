"""Shares of the votes, rounded to hundredths without ever passing through a float."""

from collections.abc import Mapping
from fractions import Fraction

from shared.errors import InvalidInput


def share(votes: int, denominator: int) -> Fraction:
    """``votes`` of ``denominator`` as a whole number of hundredths, from 0 to 1; 0 of 0 is 0.

    Exactly half a hundredth goes to the even neighbour (0.125 → 0.12, 0.375 → 0.38). Rounding it always up
    would push the sum of an election's shares upwards, and half to even is what clients get that round the same
    quotient themselves, where a double holds it exactly. For JSON, ``float()`` of the result is the
    nearest double and prints with at most two decimals.
    """
    if not isinstance(denominator, int) or isinstance(denominator, bool) or denominator < 0:
        raise InvalidInput("The number that shares are taken of is whole, 0 or more.", field="denominator")
    if not isinstance(votes, int) or isinstance(votes, bool) or not 0 <= votes <= denominator:
        raise InvalidInput("Votes are a whole number, and not more than all of them.", field="votes")
    if denominator == 0:
        return Fraction(0)
    # round() of a Fraction is exact and goes to the even neighbour.
    return Fraction(round(Fraction(100 * votes, denominator)), 100)


def shares(votes: Mapping[int, int], denominator: int) -> dict[int, Fraction]:
    """``share`` for each poll number, in poll-number order. The rounded shares need not add up to 1."""
    return {poll_number: share(votes[poll_number], denominator) for poll_number in sorted(votes)}
