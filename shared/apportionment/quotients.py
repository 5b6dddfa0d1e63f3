"""The quotient table: who is in the race, and in which order the quotients come out.

Highest averages: every list's votes are divided by the method's divisors, and the seats go to the largest
quotients, one seat each.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from shared.terms import Method, TiePolicy


@dataclass(frozen=True, slots=True)
class Award:
    """One seat and the quotient that won it.

    ``seat`` counts from 1 in the order of award; ``divisor`` divided the list's votes, after the factor for
    exempt lists, to the exact ``quotient``. ``tied_with`` names the lists that had the very same quotient and
    got no seat for it, so that the tie policy decided; it is empty for almost every seat.
    """

    seat: int
    poll_number: int
    divisor: int
    quotient: Fraction
    tied_with: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NextQuotient:
    """The largest quotient of a list that has won no seat: how near the list was to one more."""

    poll_number: int
    divisor: int
    quotient: Fraction


@dataclass(frozen=True, slots=True)
class Contestant:
    """A list that takes part. ``numerator`` is its votes times the numerator of its factor."""

    poll_number: int
    votes: int
    numerator: int
    denominator: int

    def quotient(self, divisor: int) -> Fraction:
        return Fraction(self.numerator, self.denominator * divisor)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The race for the seats, before ties for the last of them are settled.

    ``winners`` are positions in ``contestants`` in order of award, as if earlier positions won ties.
    ``contested`` of them, at the end, have the same quotient as the ``runners_up``, who got no seat for it.
    """

    contestants: tuple[Contestant, ...]
    winners: tuple[int, ...]
    contested: int
    runners_up: tuple[int, ...]


def divisor(method: Method, won: int) -> int:
    """What a list's votes are divided by for its next seat when it has ``won`` that many."""
    return 2 * won + 1 if method is Method.SAINTE_LAGUE else won + 1


def in_order_of_preference(contestants: Sequence[Contestant], policy: TiePolicy) -> tuple[Contestant, ...]:
    """The lists in the order in which the policy prefers them when quotients are equal.

    Votes are counted as they were cast, without the factor. Equal votes fall back to the lower poll number.
    With lots nobody is preferred; the lower poll number then only orders seats that all of them get.
    """

    def preference(contestant: Contestant) -> tuple[int, int]:
        if policy is TiePolicy.MORE_VOTES:
            return (-contestant.votes, contestant.poll_number)
        if policy is TiePolicy.FEWER_VOTES:
            return (contestant.votes, contestant.poll_number)
        return (0, contestant.poll_number)

    return tuple(sorted(contestants, key=preference))


def rank(contestants: tuple[Contestant, ...], method: Method, seats: int) -> Ranking:
    """The ``seats`` largest quotients of the lists, which must be in order of preference and have votes."""
    if not contestants:
        return Ranking((), (), 0, ())
    # Bringing all quotients to one denominator lets integers stand for them, which is what makes this fast.
    common = lcm(*(contestant.denominator for contestant in contestants))
    weights = [contestant.numerator * (common // contestant.denominator) for contestant in contestants]
    # Two different quotients a/b and c/d differ by at least 1/(b·d). Multiplied by a number above every b·d
    # they differ by more than 1, so their whole parts differ too, in the same direction; equal quotients
    # have equal whole parts. So the whole parts compare exactly as the quotients do.
    shift = 2 * divisor(method, seats).bit_length()
    heap = [(-(weight << shift), position, 0) for position, weight in enumerate(weights)]
    heapq.heapify(heap)
    winners: list[int] = []
    last = 0
    last_count = 0
    for _ in range(seats):
        key, position, won = heap[0]
        last_count = last_count + 1 if key == last else 1
        last = key
        winners.append(position)
        next_key = -((weights[position] << shift) // divisor(method, won + 1))
        heapq.heapreplace(heap, (next_key, position, won + 1))
    runners_up = tuple(sorted(position for key, position, _ in heap if key == last))
    return Ranking(contestants, tuple(winners), last_count if runners_up else 0, runners_up)
