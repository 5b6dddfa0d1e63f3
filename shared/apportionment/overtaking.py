"""The fewest votes that put so many quotients of other lists before one quotient of a list.

Quotients are bought with votes, as it were. A list that takes part pays for each further quotient before the one to
be overtaken: first what is left to its next one, then always the same, because divisors grow by always the same. So
the cheapest steps come first. A list under the threshold pays once for reaching it, and then has several quotients
there at once; of such lists those with the most votes pay least, and are alike once they are there. What is left is
rounding, because votes are whole: where that decides, all combinations are gone through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.apportionment.duels import Duel
from shared.apportionment.seats import Entry

# Where going through combinations would take more steps than this, a rounding of a few votes is left undecided.
LARGEST_SEARCH = 100_000


@dataclass(frozen=True, slots=True)
class Rival:
    """A list that may be given votes, and what each counts ``below`` the threshold and ``above``; None: nothing."""

    entry: Entry
    below: int | None
    above: int | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Lists are under it with ``most_below`` votes at most, and reach it with ``least_above`` at least.

    Between two neighbouring numbers lies one threshold; numbers that overlap stand for several at once.
    """

    most_below: int
    least_above: int


class _Steps(NamedTuple):
    """Up to ``limit`` quotients more at the same price each, for the rival at ``place``.

    ``leaps`` says that the first of them costs more than is said here.
    """

    price: int
    leaps: bool
    place: int
    limit: int


class _Plan(NamedTuple):
    """A price that no way of overtaking is below, and how many quotients each rival would have before in it."""

    price: int
    ahead: dict[int, int]


def can_overtake(duel: Duel, rivals: Sequence[Rival], threshold: Threshold, ahead: int, votes: int) -> bool:
    """Whether so many further votes for the rivals can put ``ahead`` quotients of theirs before the one of the duel.

    The answer no is always right. The answer yes is right unless less than a vote for each list decides and going
    through the combinations would take more than ``LARGEST_SEARCH`` steps.
    """
    if votes < 0:
        return False
    weights = [_weight_now(rival, threshold) for rival in rivals]
    now = [
        0 if weight is None else duel.ahead(rival.entry, rival.entry.votes, weight)
        for rival, weight in zip(rivals, weights, strict=True)
    ]
    missing = ahead - sum(now)
    if missing <= 0:
        return True
    undecided = False
    for plan in _plans(duel, rivals, threshold, weights, now, missing, votes):
        if plan.price <= votes * duel.unit:
            undecided = True
            if _is_affordable(duel, rivals, threshold, plan, votes):
                return True
    if not undecided or len(rivals) * missing * missing > LARGEST_SEARCH:
        return undecided
    return _any_combination(duel, rivals, threshold, now, missing, votes)


def _weight_now(rival: Rival, threshold: Threshold) -> int | None:
    """The best of the weights that its votes can have without further ones."""
    above = rival.above if rival.entry.votes >= threshold.least_above else None
    below = rival.below if rival.entry.votes <= threshold.most_below else None
    if above is None or below is None:
        return below if above is None else above
    return max(above, below)


def _votes_for(duel: Duel, rival: Rival, threshold: Threshold, ahead: int) -> int | None:
    """The fewest further votes with which the rival has so many quotients before; None where no number does it."""
    have = rival.entry.votes
    if rival.below is not None and have <= threshold.most_below:
        votes = max(have, duel.votes_for(rival.entry, ahead, rival.below))
        if votes <= threshold.most_below:
            return votes - have
    if rival.above is None:
        return None
    return max(have, threshold.least_above, duel.votes_for(rival.entry, ahead, rival.above)) - have


def _is_affordable(duel: Duel, rivals: Sequence[Rival], threshold: Threshold, plan: _Plan, votes: int) -> bool:
    for place, ahead in plan.ahead.items():
        further = _votes_for(duel, rivals[place], threshold, ahead)
        if further is None:
            return False
        votes -= further
    return votes >= 0


def _plans(
    duel: Duel,
    rivals: Sequence[Rival],
    threshold: Threshold,
    weights: Sequence[int | None],
    now: Sequence[int],
    missing: int,
    votes: int,
) -> Iterator[_Plan]:
    """For every number of lists lifted over the threshold that the votes allow, the cheapest plan."""
    steps: list[_Steps] = []
    lifted: list[int] = []
    for place, (rival, weight) in enumerate(zip(rivals, weights, strict=True)):
        if weight is not None:
            steps += _steps(duel, rival, threshold, weight, now[place], place, missing)
        elif rival.above is not None:
            lifted.append(place)
    lifted.sort(key=lambda place: rivals[place].entry.votes, reverse=True)
    steps.sort()
    plan = _cheapest_steps(steps, missing, 0, {}, now)
    if plan:
        yield plan
    paid = 0
    gained = 0
    for count, place in enumerate(lifted, start=1):
        rival = rivals[place]
        there = threshold.least_above
        paid += there - rival.entry.votes
        if paid > votes or gained >= missing or rival.above is None:
            break
        # Lists that have been lifted have the same votes and differ in ties only; the plan sees them win all of these.
        each = duel.ahead(rival.entry, there, rival.above)
        each += duel.price(each + 1, rival.above) == there * duel.unit
        gained = each * count
        first = max(0, duel.price(each + 1, rival.above) - there * duel.unit)
        more = [_Steps(first, False, other, 1) for other in lifted[:count]]
        more.append(_Steps(duel.slope(rival.above), False, place, missing))
        started = dict.fromkeys(lifted[:count], each) if each else {}
        plan = _cheapest_steps(sorted(steps + more), missing - gained, paid * duel.unit, started, now)
        if plan:
            yield plan


def _steps(
    duel: Duel, rival: Rival, threshold: Threshold, weight: int, now: int, place: int, missing: int
) -> list[_Steps]:
    """The steps of a list that takes part, none cheaper than the one before."""
    have = rival.entry.votes
    above = rival.above
    free: list[_Steps] = []
    unlimited = weight == above and (have >= threshold.least_above or weight == rival.below)
    if not unlimited and above is not None and above > weight:
        # Its votes count for more above the threshold, and the plan sees it there at no cost.
        weight, unlimited = above, True
        better = duel.ahead(rival.entry, have, weight)
        free, now = [_Steps(0, True, place, better - now)], better
    first = max(0, duel.price(now + 1, weight) - have * duel.unit)
    slope = duel.slope(weight)
    if unlimited:
        return [*free, _Steps(first, bool(free), place, 1), _Steps(slope, bool(free), place, missing)]
    steps = []
    allowed = duel.ahead(rival.entry, threshold.most_below, weight) - now
    if allowed > 0:
        steps += [_Steps(first, False, place, 1), _Steps(slope, False, place, allowed - 1)]
    if above is not None:
        # To go on above the threshold with a smaller weight costs a leap first, which the plan leaves out.
        if allowed <= 0:
            steps.append(_Steps(max(0, duel.price(now + 1, above) - have * duel.unit), True, place, 1))
        steps.append(_Steps(duel.slope(above), True, place, missing))
    return steps


def _cheapest_steps(
    steps: Sequence[_Steps], missing: int, paid: int, started: dict[int, int], now: Sequence[int]
) -> _Plan | None:
    """Take the cheapest steps, which come first, until nothing is missing; None when there are not enough."""
    ahead = started.copy()
    for price, _, place, limit in steps:
        if missing <= 0:
            break
        taken = min(missing, limit)
        if taken > 0:
            paid += price * taken
            ahead[place] = ahead.get(place, now[place]) + taken
            missing -= taken
    return _Plan(paid, ahead) if missing <= 0 else None


def _any_combination(
    duel: Duel, rivals: Sequence[Rival], threshold: Threshold, now: Sequence[int], missing: int, votes: int
) -> bool:
    """Whether any way of sharing the missing quotients out can be paid."""
    best: list[int | None] = [0] + [None] * missing
    for place, rival in enumerate(rivals):
        combined = best.copy()
        for more in range(1, missing + 1):
            further = _votes_for(duel, rival, threshold, now[place] + more)
            if further is None or further > votes:
                break
            for got, paid in enumerate(best):
                if paid is not None and paid + further <= votes:
                    total = min(missing, got + more)
                    before = combined[total]
                    combined[total] = paid + further if before is None else min(before, paid + further)
        best = combined
    return best[missing] is not None
