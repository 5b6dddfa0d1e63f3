"""One quotient of one list against the quotients of others, without writing the table out.

Whether a list has its k-th seat depends on one thing: how many quotients of others come before its k-th. These
are the counts and the inverse question, how many votes it takes to have so many quotients before it.

A list's weight is what one of its votes counts, as a whole number: the denominator of the factor for exempt lists for
everybody, and its numerator where the factor is given. So all comparisons are of integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.apportionment.quotients import divisor
from shared.apportionment.rules import Rules
from shared.apportionment.seats import Entry
from shared.terms import FactorScope, Method, ThresholdBase, TiePolicy


@dataclass(frozen=True, slots=True)
class Contest:
    """The lists by poll number, the rules, and ``base``: what the threshold is a share of now."""

    entries: Mapping[int, Entry]
    rules: Rules
    base: int

    def votes_needed(self, more: int) -> int:
        """The smallest number of votes that reaches the threshold when the base has grown by ``more``."""
        threshold = self.rules.threshold
        return -(-threshold.numerator * (self.base + more) // threshold.denominator)

    def growth_for(self, votes: int) -> int | None:
        """By how much the base can grow, at most, and ``votes`` still reach the threshold; None without a limit.

        It is negative when they do not reach it even now.
        """
        threshold = self.rules.threshold
        if threshold == 0:
            return None
        return votes * threshold.denominator // threshold.numerator - self.base

    @property
    def factor_below(self) -> bool:
        """Whether exempt lists have another weight below the threshold than above it."""
        return self.rules.factor_scope is FactorScope.EXEMPT_BELOW_THRESHOLD and self.rules.exempt_factor != 1

    def weight(self, entry: Entry, *, reaches: bool) -> int:
        """What one vote for the list counts, below the threshold or when it ``reaches`` it."""
        below_only = self.rules.factor_scope is FactorScope.EXEMPT_BELOW_THRESHOLD
        factor = self.rules.exempt_factor
        return factor.numerator if entry.exempt and not (below_only and reaches) else factor.denominator


def contest_of(standing: Mapping[int, Entry], rules: Rules, ballots_cast: int | None) -> Contest:
    """The contest of lists and ballots that ``apportion`` has accepted."""
    base = sum(entry.votes for entry in standing.values())
    if rules.threshold_base is ThresholdBase.BALLOTS_CAST and ballots_cast is not None:
        base = ballots_cast
    return Contest(standing, rules, base)


@dataclass(slots=True)
class Duel:
    """The quotient with which ``entry`` has its ``seat``-th seat, when it has ``votes``, above 0, of this ``weight``.

    ``lots_help`` says how a tie that lots decide is seen: as won by ``entry``, or as lost. Prices are votes times
    ``unit``, which makes whole numbers of the exact votes, not rounded up, that a quotient takes.
    """

    rules: Rules
    entry: Entry
    votes: int
    weight: int
    seat: int
    lots_help: bool
    unit: int = field(init=False)
    _by: int = field(init=False)
    _worth: int = field(init=False)
    _rates: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        factor = self.rules.exempt_factor
        self._by = divisor(self.rules.method, self.seat - 1)
        self._worth = self.weight * self.votes
        self.unit = self._by * factor.numerator * factor.denominator
        self._rates = {
            factor.numerator: self._worth * factor.denominator,
            factor.denominator: self._worth * factor.numerator,
        }

    def ahead(self, other: Entry, votes: int, weight: int) -> int:
        """How many quotients of the other list, which has so many votes, come before this one."""
        theirs = weight * votes * self._by
        largest = theirs // self._worth
        if largest * self._worth == theirs and not self._loses_tie(other, votes):
            largest -= 1
        if self.rules.method is Method.SAINTE_LAGUE:
            return (largest + 1) // 2
        return max(0, largest)

    def votes_for(self, other: Entry, ahead: int, weight: int) -> int:
        """The smallest number of votes with which the other list has so many quotients, 1 or more, before this one."""
        theirs = self._worth * divisor(self.rules.method, ahead - 1)
        per_vote = weight * self._by
        votes = -(-theirs // per_vote)
        return votes + 1 if votes * per_vote == theirs and not self._loses_tie(other, votes) else votes

    def price(self, ahead: int, weight: int) -> int:
        """What votes cost of which the quotient number ``ahead``, 1 or more, equals this one."""
        return self._rates[weight] * divisor(self.rules.method, ahead - 1)

    def slope(self, weight: int) -> int:
        """What each quotient more costs a list that has one before."""
        return self._rates[weight] * (2 if self.rules.method is Method.SAINTE_LAGUE else 1)

    def _loses_tie(self, other: Entry, votes: int) -> bool:
        """Whether an equal quotient of the other list comes first."""
        policy = self.rules.tie_policy
        if policy is TiePolicy.LOTS:
            return not self.lots_help
        if policy is not TiePolicy.LOWER_POLL_NUMBER and votes != self.votes:
            return (votes > self.votes) is (policy is TiePolicy.MORE_VOTES)
        return other.poll_number < self.entry.poll_number
