"""The election of the demonstration at a fraction of its size, with exactly the seats of the real one. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from cli.demo.facts import ElectoralList
from cli.failure import Failure
from shared.apportionment import SERBIA_2014, Entry, apportion


def scaled_votes(lists: Sequence[ElectoralList], scale: int) -> dict[int, int]:
    """Votes by poll number, about one ``scale``-th of the real ones, that give every list its official seats.

    Every list's votes are divided by ``scale`` and rounded. D'Hondt gives a list s seats where its votes lie between
    s and s + 1 times the quotient of the last seat; where rounding leaves that range, the nearest whole number inside
    it is taken, which is at most one vote away. The outcome is checked with the suite's own apportionment; the
    election is refused at a scale so large that no whole numbers give the official seats.
    """
    price = _price_of_a_seat(lists) / scale
    votes = {one.poll_number: _nearest(one, scale, price) for one in lists}
    if seats_of(lists, votes) != {one.poll_number: one.seats for one in lists}:
        raise Failure(
            f"One {scale}-th of the election is too small to give the same seats as the whole; choose a smaller scale."
        )
    return votes


def seats_of(lists: Sequence[ElectoralList], votes: dict[int, int]) -> dict[int, int]:
    """The seats by poll number that these votes give under the rules of 2014."""
    entries = [Entry(one.poll_number, votes[one.poll_number], one.minority) for one in lists]
    return dict(apportion(entries, SERBIA_2014, sum(votes.values())).seats)


def _price_of_a_seat(lists: Sequence[ElectoralList]) -> Fraction:
    """Votes for a seat: half-way between the quotient that won the last one and the largest that won none."""
    taking_part = [Entry(one.poll_number, one.votes, one.minority) for one in lists]
    outcome = apportion(taking_part, SERBIA_2014, sum(one.votes for one in lists))
    last = min(award.quotient for award in outcome.awards)
    following = max(one.quotient for one in outcome.next_quotients)
    return (last + following) / 2


def _nearest(one: ElectoralList, scale: int, price: Fraction) -> int:
    rounded = round(Fraction(one.votes, scale))
    if one.seats == 0 and not one.minority:
        # Kept out by the threshold, whatever its quotients are.
        return rounded
    fewest = floor(one.seats * price) + 1
    most = ceil((one.seats + 1) * price) - 1
    return min(max(rounded, fewest), most)
