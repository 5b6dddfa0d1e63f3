"""Seats: the votes of an election's lists and its rules in, every seat with its reason out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from shared.apportionment.quotients import (
    Award,
    Contestant,
    NextQuotient,
    Ranking,
    divisor,
    in_order_of_preference,
    rank,
)
from shared.apportionment.rules import Rules
from shared.errors import InvalidInput
from shared.sentences import say
from shared.terms import FactorScope, ThresholdBase, TiePolicy


@dataclass(frozen=True, slots=True)
class Entry:
    """A list that stands in the election and its votes. ``exempt`` lists need not reach the threshold."""

    poll_number: int
    votes: int
    exempt: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.poll_number, int) or isinstance(self.poll_number, bool) or self.poll_number < 1:
            raise InvalidInput("A poll number is a whole number above 0.", field="poll_number")
        if not isinstance(self.votes, int) or isinstance(self.votes, bool) or self.votes < 0:
            raise InvalidInput("Votes are a whole number, 0 or more.", field="votes")
        if not isinstance(self.exempt, bool):
            raise InvalidInput("Whether a list is exempt is true or false.", field="exempt")


@dataclass(frozen=True, slots=True)
class Tie:
    """Lists with the same quotient, in poll-number order, and how many seats are left among them.

    There are always fewer seats than lists, and each of the lists can get one of them at most.
    """

    poll_numbers: tuple[int, ...]
    seats_open: int


@dataclass(frozen=True)
class Apportionment:
    """Who gets how many seats, and why.

    ``seats``           poll number → seats of every entry, in poll-number order; seats of an open tie are in
                        nobody's number.
    ``awards``          the quotients that won, in order of award.
    ``next_quotients``  the next quotient of each list that took part, largest first.
    ``excluded``        the poll numbers of the lists kept out by the threshold, in order.
    ``votes_needed``    the smallest number of votes that reaches the threshold.
    ``threshold_waived``  no list reached the threshold and the rules then let all lists take part.
    ``tie``             the tie that waits for lots, or None.
    """

    seats: dict[int, int]
    awards: tuple[Award, ...]
    next_quotients: tuple[NextQuotient, ...]
    excluded: tuple[int, ...]
    votes_needed: int
    threshold_waived: bool
    tie: Tie | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing waits for lots. Without any vote this is so with all seats empty."""
        return self.tie is None


def apportion(
    entries: Iterable[Entry],
    rules: Rules,
    ballots_cast: int | None = None,
    lots: Sequence[int] = (),
) -> Apportionment:
    """Divide the seats among the lists by highest averages.

    ``ballots_cast`` counts the valid and the invalid ballots; it is required when the threshold is a share of
    it. ``lots`` are the poll numbers of tied lists in the order drawn: the first gets the first open seat. As
    long as fewer are drawn than seats are open, the rest stays open.

    Raises InvalidInput, with the field ``entries``, ``ballots_cast`` or ``lots``, when a poll number comes
    twice, when the ballots are missing or fewer than the votes, and when a lot was drawn that no tie asks for.
    """
    standing = in_order(entries)
    return divide(standing, rules, rules.seats, threshold_of(standing, rules, ballots_cast), lots)


@dataclass(frozen=True)
class Threshold:
    """Who is under the threshold, whom that keeps out, and the smallest number of votes that reaches it."""

    under: frozenset[int]
    excluded: tuple[int, ...]
    votes_needed: int
    waived: bool


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """The lists in the order of their poll numbers; InvalidInput (``entries``) when one comes twice."""
    standing = sorted(entries, key=lambda entry: entry.poll_number)
    for entry, following in pairwise(standing):
        if entry.poll_number == following.poll_number:
            raise InvalidInput(say("Poll number {number} comes twice.", number=str(entry.poll_number)), field="entries")
    return standing


def threshold_of(standing: Sequence[Entry], rules: Rules, ballots_cast: int | None = None) -> Threshold:
    """What the threshold does to these lists with these votes; ``ballots_cast`` as for ``apportion``."""
    base = _threshold_base(standing, rules, ballots_cast)
    under = frozenset(entry.poll_number for entry in standing if not _reaches(entry.votes, rules.threshold, base))
    waived = rules.waive_if_none_reach and bool(standing) and len(under) == len(standing)
    excluded = tuple(
        entry.poll_number for entry in standing if entry.poll_number in under and not entry.exempt and not waived
    )
    return Threshold(under, excluded, _rounded_up(rules.threshold * base), waived)


def divide(
    standing: Sequence[Entry], rules: Rules, seats: int, threshold: Threshold, lots: Sequence[int] = ()
) -> Apportionment:
    """Divide so many seats among lists of which it is known what the threshold does to them."""
    # Zero votes make only zero quotients, which never win a seat, whatever the threshold says.
    contestants = [
        _contestant(entry, rules, entry.poll_number in threshold.under)
        for entry in standing
        if entry.votes > 0 and entry.poll_number not in threshold.excluded
    ]
    ranking = rank(in_order_of_preference(contestants, rules.tie_policy), rules.method, seats)
    winners, tie = _settle(ranking, rules.tie_policy, lots)
    won = Counter(winners)
    given = {entry.poll_number: 0 for entry in standing}
    for position, contestant in enumerate(ranking.contestants):
        given[contestant.poll_number] = won[position]
    return Apportionment(
        seats=given,
        awards=_awards(ranking, winners, rules),
        next_quotients=_next_quotients(ranking, won, rules),
        excluded=threshold.excluded,
        votes_needed=threshold.votes_needed,
        threshold_waived=threshold.waived,
        tie=tie,
    )


def _threshold_base(standing: Sequence[Entry], rules: Rules, ballots_cast: int | None) -> int:
    valid_votes = sum(entry.votes for entry in standing)
    if ballots_cast is None:
        if rules.threshold_base is ThresholdBase.BALLOTS_CAST:
            raise InvalidInput(
                "The threshold is a share of the ballots cast, so their number is needed.", field="ballots_cast"
            )
        return valid_votes
    if not isinstance(ballots_cast, int) or isinstance(ballots_cast, bool) or ballots_cast < valid_votes:
        raise InvalidInput(
            say(
                "The ballots cast are a whole number, and not fewer than the {valid_votes} valid votes.",
                valid_votes=valid_votes,
            ),
            field="ballots_cast",
        )
    return ballots_cast if rules.threshold_base is ThresholdBase.BALLOTS_CAST else valid_votes


def _reaches(votes: int, threshold: Fraction, base: int) -> bool:
    """To reach the threshold is to have at least that share; exactly the share is enough."""
    return votes * threshold.denominator >= threshold.numerator * base


def _rounded_up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _contestant(entry: Entry, rules: Rules, is_under: bool) -> Contestant:
    factored = entry.exempt and (is_under or rules.factor_scope is FactorScope.ALL_EXEMPT)
    factor = rules.exempt_factor if factored else Fraction(1)
    return Contestant(entry.poll_number, entry.votes, entry.votes * factor.numerator, factor.denominator)


def _settle(ranking: Ranking, policy: TiePolicy, lots: Sequence[int]) -> tuple[tuple[int, ...], Tie | None]:
    """The positions that won, in order of award, and the tie that is still open.

    Only the last seats can be in a tie: whoever ties for earlier ones gets them all.
    """
    if policy is not TiePolicy.LOTS or not ranking.contested:
        if lots:
            raise InvalidInput("There is no tie that lots have to decide.", field="lots")
        return ranking.winners, None
    clear = ranking.winners[: -ranking.contested]
    tied = {
        ranking.contestants[position].poll_number: position
        for position in (*ranking.winners[-ranking.contested :], *ranking.runners_up)
    }
    _check_lots(lots, tied)
    drawn = tuple(tied[poll_number] for poll_number in lots[: ranking.contested])
    seats_open = ranking.contested - len(drawn)
    waiting = tuple(sorted(poll_number for poll_number in tied if poll_number not in lots))
    return clear + drawn, Tie(waiting, seats_open) if seats_open else None


def _check_lots(lots: Sequence[int], tied: dict[int, int]) -> None:
    seen: set[int] = set()
    for poll_number in lots:
        # True and 1.0 equal 1 and would be found among the poll numbers.
        if type(poll_number) is not int or poll_number not in tied:
            allowed = ", ".join(str(number) for number in sorted(tied))
            raise InvalidInput(
                say("Lots are drawn among the tied lists only: {allowed}.", allowed=allowed), field="lots"
            )
        if poll_number in seen:
            raise InvalidInput(say("The lot of list {number} comes twice.", number=str(poll_number)), field="lots")
        seen.add(poll_number)


def _awards(ranking: Ranking, winners: Sequence[int], rules: Rules) -> tuple[Award, ...]:
    contested = {*ranking.winners[-ranking.contested :], *ranking.runners_up} if ranking.contested else set()
    first_contested = len(ranking.winners) - ranking.contested
    without_seat = contested.difference(winners[first_contested:])
    tied_with = tuple(sorted(ranking.contestants[position].poll_number for position in without_seat))
    won: Counter[int] = Counter()
    awards = []
    for index, position in enumerate(winners):
        contestant = ranking.contestants[position]
        by = divisor(rules.method, won[position])
        won[position] += 1
        awards.append(
            Award(
                seat=index + 1,
                poll_number=contestant.poll_number,
                divisor=by,
                quotient=contestant.quotient(by),
                tied_with=tied_with if index >= first_contested else (),
            )
        )
    return tuple(awards)


def _next_quotients(ranking: Ranking, won: Counter[int], rules: Rules) -> tuple[NextQuotient, ...]:
    nexts = []
    for position, contestant in enumerate(ranking.contestants):
        by = divisor(rules.method, won[position])
        nexts.append(NextQuotient(contestant.poll_number, by, contestant.quotient(by)))
    # The sort is stable, so equal quotients stay in the order in which the tie policy prefers them.
    return tuple(sorted(nexts, key=lambda following: following.quotient, reverse=True))
