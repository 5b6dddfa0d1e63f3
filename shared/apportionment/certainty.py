"""Which seats are certain while ballots are still to come.

Every number here is a bound over all results that are still possible: from none to all of the outstanding ballots come,
and each is for any list or for none. ``docs/apportionment.md`` explains it for readers, with what is exact and what
is on the safe side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from shared.apportionment.duels import Contest, Duel, contest_of
from shared.apportionment.overtaking import Rival, Threshold, can_overtake
from shared.apportionment.rules import Rules
from shared.apportionment.seats import Apportionment, Entry, apportion
from shared.errors import InvalidInput
from shared.terms import ThresholdBase

# More thresholds, or lists that could be lifted over one, than these are not gone through one by one.
MOST_THRESHOLDS = 64
MOST_LIFTED = 6


@dataclass(frozen=True, slots=True)
class ListCertainty:
    """A list's ``seats`` by the ballots counted so far, and the ``least`` and the ``most`` it can end with."""

    poll_number: int
    seats: int
    least: int
    most: int


@dataclass(frozen=True)
class SeatCertainty:
    """What is certain of the seats while ``outstanding`` ballots may still come.

    ``lists``    every entry, in poll-number order; ``least`` of them are the certain seats of a list.
    ``certain``  how many seats are certain, and ``open`` how many can still go to one list or another.
    """

    outstanding: int
    lists: tuple[ListCertainty, ...]
    certain: int
    open: int

    @property
    def is_certain(self) -> bool:
        """Whether no seat can change any more."""
        return all(one.least == one.most for one in self.lists)


def seat_certainty(
    entries: Iterable[Entry],
    rules: Rules,
    ballots_cast: int | None = None,
    *,
    outstanding: int,
    lots: Sequence[int] = (),
) -> SeatCertainty:
    """The least and the most seats of each list when up to ``outstanding`` further ballots come.

    Each of them may be for any list or invalid, and any number of them may stay away; ``ballots_cast`` grows with
    those that come. A seat that depends on lots is certain for nobody, unless ``lots`` have decided it and nothing is
    outstanding. The other arguments are those of ``apportion``, which also says what is refused; besides, InvalidInput
    names ``outstanding`` when it is not a whole number from 0.

    Never is a seat called certain that can still change, and ``most`` is never too small. Both are exact, except that
    ``least`` may be too small or ``most`` too large:

    - by what less than one vote for each list decides, where more than ``LARGEST_SEARCH`` combinations would have to be
      tried;
    - where the threshold is a share of the valid votes and can be waived, or exempt lists have another factor below it:
      votes that would have to be for somebody are then taken for ballots that are for nobody;
    - where exempt lists have a factor above 1 below the threshold only: others may lift them over it to take the factor
      from them, at a price from which fractions of a vote are left out, and more than ``MOST_THRESHOLDS``
      thresholds or ``MOST_LIFTED`` lists are not gone through one by one;
    - ``most``, where the threshold can be waived, the list is exempt, and nobody reaches the threshold although the
      list gets all that comes.
    """
    standing = sorted(entries, key=lambda entry: entry.poll_number)
    if not isinstance(outstanding, int) or isinstance(outstanding, bool) or outstanding < 0:
        raise InvalidInput("The outstanding ballots are a whole number, 0 or more.", field="outstanding")
    # Lots were drawn for the ballots counted so far; another ballot can undo the tie.
    now = apportion(standing, rules, ballots_cast, () if outstanding else lots)
    if outstanding == 0:
        bounds = {entry.poll_number: _settled(now, entry) for entry in standing}
    else:
        contest = contest_of({entry.poll_number: entry for entry in standing}, rules, ballots_cast)
        bounds = {
            entry.poll_number: (
                least_seats(contest, entry, outstanding, now.seats[entry.poll_number]),
                most_seats(contest, entry, outstanding),
            )
            for entry in standing
        }
    certain = sum(least for least, _ in bounds.values())
    lists = tuple(
        # Nobody can get a seat that is certain for another list.
        ListCertainty(number, now.seats[number], least, min(most, rules.seats - certain + least))
        for number, (least, most) in bounds.items()
    )
    # Seats that stay empty because nobody takes part are neither certain nor open.
    may_change = any(one.least != one.most for one in lists)
    return SeatCertainty(outstanding, lists, certain, rules.seats - certain if may_change else 0)


def _settled(now: Apportionment, entry: Entry) -> tuple[int, int]:
    """The seats with which nothing but lots can change: each tied list can get one more at most."""
    seats = now.seats[entry.poll_number]
    return seats, seats + (now.tie is not None and entry.poll_number in now.tie.poll_numbers)


def least_seats(contest: Contest, entry: Entry, outstanding: int, seats: int) -> int:
    """The least seats that the list can end with; ``seats`` are those that it has now, without lots."""
    if not seats:
        return 0
    if len(contest.entries) == 1 and contest.rules.threshold_base is ThresholdBase.VALID_VOTES:
        # Every valid vote is its own, so it always reaches the threshold and has no rival.
        return contest.rules.seats
    attacks = _attacks(contest, entry, outstanding)
    if attacks is None:
        return 0
    lost, kept = seats + 1, 0
    while lost - kept > 1:
        seat = (kept + lost) // 2
        if any(attack.takes(contest.rules, entry, seat) for attack in attacks):
            lost = seat
        else:
            kept = seat
    return kept


@dataclass(frozen=True, slots=True)
class _Attack:
    """A way in which a list can lose seats: what it has then, and what its rivals may be given."""

    own: int
    weight: int
    rivals: tuple[Rival, ...]
    threshold: Threshold
    votes: int

    def takes(self, rules: Rules, entry: Entry, seat: int) -> bool:
        duel = Duel(rules, entry, self.own, self.weight, seat, lots_help=False)
        return can_overtake(duel, self.rivals, self.threshold, rules.seats - seat + 1, self.votes)


def _attacks(contest: Contest, entry: Entry, outstanding: int) -> list[_Attack] | None:
    """Every way that has to be tried; None when the list can lose all seats by the threshold alone.

    The more ballots come, the more the rivals can be given, and what the threshold grows by is less than that
    for all the lists together that can reach it. So it is enough to try all the outstanding ballots and, because a
    threshold is rounded up, as many of them as keep it one vote lower.
    """
    needed = contest.votes_needed(outstanding)
    others = [other for other in contest.entries.values() if other is not entry]
    waivable = contest.rules.waive_if_none_reach
    attacks = []
    reached_by_others = any(other.votes + outstanding >= needed for other in others)
    if not entry.exempt and entry.votes < needed and (reached_by_others or not waivable):
        return None
    if entry.exempt and entry.votes < needed:
        attacks += [_attack(contest, entry, others, more) for more in _growths(contest, outstanding, entry.votes + 1)]
        attacks += _attacks_from_below(contest, entry, others, outstanding)
    reached = contest.growth_for(entry.votes)
    if reached is None or reached >= 0:
        limit = outstanding if reached is None else min(outstanding, reached)
        attacks += [_attack(contest, entry, others, more) for more in _growths(contest, limit, 0)]
    if waivable and entry.votes < needed and all(other.votes < needed for other in others):
        rivals = tuple(Rival(other, contest.weight(other, reaches=False), None) for other in others)
        weight = contest.weight(entry, reaches=False)
        attacks.append(_Attack(entry.votes, weight, rivals, Threshold(needed - 1, needed), outstanding))
    return attacks


def _growths(contest: Contest, outstanding: int, least_needed: int) -> list[int]:
    """All the ballots, and as many as keep the threshold one vote lower, where it is not below ``least_needed``."""
    needed = contest.votes_needed(outstanding)
    fewer = contest.growth_for(needed - 1)
    if fewer is None or fewer < 0 or needed - 1 < least_needed:
        return [outstanding]
    return [outstanding, fewer]


def _rivals(contest: Contest, others: Sequence[Entry]) -> tuple[Rival, ...]:
    """The others while the threshold is not waived."""
    return tuple(
        Rival(
            other,
            contest.weight(other, reaches=False) if other.exempt else None,
            contest.weight(other, reaches=True),
        )
        for other in others
    )


def _attack(contest: Contest, entry: Entry, others: Sequence[Entry], more: int) -> _Attack:
    needed = contest.votes_needed(more)
    weight = contest.weight(entry, reaches=entry.votes >= needed)
    return _Attack(entry.votes, weight, _rivals(contest, others), Threshold(needed - 1, needed), more)


def _attacks_from_below(contest: Contest, entry: Entry, others: Sequence[Entry], outstanding: int) -> list[_Attack]:
    """An exempt list whose quotients are raised below the threshold loses by being lifted just to it."""
    if not contest.factor_below or contest.rules.exempt_factor < 1:
        return []
    lowest = max(entry.votes + 1, contest.votes_needed(0))
    # With this many votes of its own it would have at least the quotients that it has below.
    useless = contest.rules.exempt_factor * entry.votes
    highest = min(contest.votes_needed(outstanding), -(-useless.numerator // useless.denominator) - 1)
    rivals = _rivals(contest, others)
    weight = contest.weight(entry, reaches=True)
    if highest - lowest >= MOST_THRESHOLDS:
        return [_Attack(lowest, weight, rivals, Threshold(highest, lowest), outstanding - (lowest - entry.votes))]
    attacks = []
    for needed in range(lowest, highest + 1):
        grown = contest.growth_for(needed)
        more = outstanding if grown is None else min(outstanding, grown)
        attacks.append(_Attack(needed, weight, rivals, Threshold(needed - 1, needed), more - (needed - entry.votes)))
    return attacks


def most_seats(contest: Contest, entry: Entry, outstanding: int) -> int:
    """The most seats that the list can end with: as a rule, when it gets all the ballots that come."""
    votes = entry.votes + outstanding
    needed = contest.votes_needed(outstanding)
    others = [other for other in contest.entries.values() if other is not entry]
    somebody = votes >= needed or any(other.votes >= needed for other in others)
    waivable = contest.rules.waive_if_none_reach
    if not entry.exempt and votes < needed and (somebody or not waivable):
        return 0
    # An exempt list would rather have the others kept out, so that counts as possible where somebody can reach it.
    may_be_reached = entry.exempt and any(one.votes + outstanding >= needed for one in contest.entries.values())
    waived = waivable and not somebody and not may_be_reached
    hopes = [(votes, contest.weight(entry, reaches=votes >= needed))]
    if entry.exempt and contest.factor_below and entry.votes < needed <= votes:
        hopes.append((needed - 1, contest.weight(entry, reaches=False)))
    return max(_most(contest, entry, own, weight, others, outstanding, waived) for own, weight in hopes)


def _most(
    contest: Contest,
    entry: Entry,
    own: int,
    weight: int,
    others: Sequence[Entry],
    outstanding: int,
    waived: bool,
) -> int:
    """The most seats with at most so many votes, while as many ballots as can be come."""
    needed = contest.votes_needed(outstanding)
    rivals: list[_Opponent] = []
    loaded: list[_Opponent] = []
    # What the threshold is before it is rounded up: no number of ballots makes it cheaper to lift a list over it.
    exact = contest.rules.threshold * (contest.base + outstanding)
    plain = contest.rules.exempt_factor.denominator
    for other in others:
        reaches = other.votes >= needed
        if not (reaches or other.exempt or waived):
            continue
        opponent = (other, other.votes, contest.weight(other, reaches=reaches))
        can_lose_weight = contest.factor_below and not reaches and not waived
        (loaded if can_lose_weight and opponent[2] * other.votes > plain * exact else rivals).append(opponent)
    found = _seats_against(contest.rules, entry, own, weight, rivals + loaded)
    for lifted in _subsets(loaded):
        paid = sum(exact - votes for _, votes, _ in lifted) if len(loaded) <= MOST_LIFTED else 0
        left = min(Fraction(own), entry.votes + outstanding - paid)
        if left < entry.votes:
            continue
        # Multiplied by the same number, all votes stay in proportion and are whole.
        scale = exact.denominator
        against = [(other, votes * scale, counts) for other, votes, counts in rivals]
        for opponent in loaded:
            other, votes, counts = opponent
            against.append((other, exact.numerator, plain) if opponent in lifted else (other, votes * scale, counts))
        found = max(found, _seats_against(contest.rules, entry, int(left * scale), weight, against))
    return found


_Opponent = tuple[Entry, int, int]
"""A list, its votes, and what each of them counts."""


def _subsets(loaded: Sequence[_Opponent]) -> list[tuple[_Opponent, ...]]:
    """Every choice of lists to be lifted over the threshold; only that of all of them where there are too many."""
    if len(loaded) > MOST_LIFTED:
        return [tuple(loaded)]
    return [lifted for size in range(1, len(loaded) + 1) for lifted in combinations(loaded, size)]


def _seats_against(rules: Rules, entry: Entry, votes: int, weight: int, opponents: Sequence[_Opponent]) -> int:
    """The seats of a list against others whose votes and weights are fixed."""
    if not votes:
        return 0
    has, lacks = 0, rules.seats + 1
    while lacks - has > 1:
        seat = (has + lacks) // 2
        duel = Duel(rules, entry, votes, weight, seat, lots_help=True)
        if sum(duel.ahead(*opponent) for opponent in opponents) <= rules.seats - seat:
            has = seat
        else:
            lacks = seat
    return has
