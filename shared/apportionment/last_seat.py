"""How many votes flip the last seat: what was nearly otherwise, in votes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.apportionment.duels import Contest, Duel, contest_of
from shared.apportionment.quotients import Award
from shared.apportionment.rules import Rules
from shared.apportionment.seats import Entry, apportion


@dataclass(frozen=True, slots=True)
class Gain:
    """The fewest additional votes, for this list alone, that give it one seat more.

    ``votes`` is None where no number does, because the list has all the seats or cannot reach the threshold.
    """

    poll_number: int
    votes: int | None


@dataclass(frozen=True)
class LastSeat:
    """The last seat awarded, and how near it was to another list.

    ``award``    who has the seat, by which divisor and quotient.
    ``gains``    for every other list, in poll-number order, how many votes more give it one seat more.
    ``closest``  the list of those that needs the fewest, the lower poll number where several do; None where none can.
    ``holder_loses``  the fewest votes with whose loss, all else unchanged, the holder has one seat less.
    """

    award: Award
    gains: tuple[Gain, ...]
    closest: Gain | None
    holder_loses: int


def last_seat(
    entries: Iterable[Entry], rules: Rules, ballots_cast: int | None = None, lots: Sequence[int] = ()
) -> LastSeat | None:
    """How many votes flip the last seat; None where no seat is awarded.

    The arguments are those of ``apportion``. An additional vote is also an additional ballot, and a vote that is lost
    is a ballot less, so the base of the threshold moves with them, and other lists may fall below it or reach it. Lots
    have been drawn for the votes as they are: with other votes a tie is open again, its seats in nobody's number.

    More votes can cost a list a seat, by two rules (``docs/apportionment.md``); then the fewest votes that give one
    seat more are named all the same, and somewhat more of them need not.
    """
    standing = {entry.poll_number: entry for entry in sorted(entries, key=lambda entry: entry.poll_number)}
    now = apportion(standing.values(), rules, ballots_cast, lots)
    if not now.awards:
        return None
    contest = contest_of(standing, rules, ballots_cast)
    award = now.awards[-1]
    gains = tuple(
        Gain(number, _fewest_gained(contest, entry, now.seats[number] + 1))
        for number, entry in standing.items()
        if number != award.poll_number
    )
    closest = min((gain for gain in gains if gain.votes is not None), key=lambda gain: gain.votes or 0, default=None)
    holder = standing[award.poll_number]
    return LastSeat(award, gains, closest, _fewest_lost(contest, holder, now.seats[holder.poll_number]))


def has_seats(contest: Contest, entry: Entry, more: int, seats: int) -> bool:
    """Whether the list has at least so many seats, 1 or more, with ``more`` votes (or fewer, when negative).

    All else is as it is, but for the base of the threshold, which moves with the votes. Seats of an open tie do not
    count. It is what ``apportion`` says, without the table of quotients.
    """
    votes = entry.votes + more
    needed = contest.votes_needed(more)
    others = [other for other in contest.entries.values() if other is not entry]
    nobody = votes < needed and all(other.votes < needed for other in others)
    waived = nobody and contest.rules.waive_if_none_reach
    if seats > contest.rules.seats or not votes or (votes < needed and not entry.exempt and not waived):
        return False
    weight = contest.weight(entry, reaches=votes >= needed)
    duel = Duel(contest.rules, entry, votes, weight, seats, lots_help=False)
    before = sum(
        duel.ahead(other, other.votes, contest.weight(other, reaches=other.votes >= needed))
        for other in others
        if other.votes >= needed or other.exempt or waived
    )
    return before <= contest.rules.seats - seats


def _fewest_gained(contest: Contest, entry: Entry, seats: int) -> int | None:
    """The fewest votes more that give the list so many seats; None where no number does.

    As long as every list stays on its side of the threshold, more votes can only help. So the votes are cut where one
    of them changes sides, and each piece is searched by halves.
    """
    if seats > contest.rules.seats:
        return None
    cuts = []
    reach = _growth_to_reach(contest, entry)
    if reach is not None:
        cuts.append(reach)
    for other in contest.entries.values():
        kept = contest.growth_for(other.votes)
        if other is not entry and kept is not None:
            cuts.append(kept + 1)
    start = 1
    for end in sorted({cut for cut in cuts if cut > 1}):
        found = _first(lambda more: has_seats(contest, entry, more, seats), start, end - 1)
        if found is not None:
            return found
        start = end
    # With this many votes its last quotient is above all of the others', so that it has every seat if it takes part.
    factor = max(contest.rules.exempt_factor, 1 / contest.rules.exempt_factor)
    enough = start + int((2 * contest.rules.seats + 1) * (contest.base + 1) * factor) + 1
    return _first(lambda more: has_seats(contest, entry, more, seats), start, enough)


def _growth_to_reach(contest: Contest, entry: Entry) -> int | None:
    """The fewest votes more with which the list reaches the threshold; None where no number does."""
    if entry.votes >= contest.votes_needed(0):
        return 0
    threshold = contest.rules.threshold
    if threshold == 1:
        return None
    short = (threshold * contest.base - entry.votes) / (1 - threshold)
    return -(-short.numerator // short.denominator)


def _fewest_lost(contest: Contest, entry: Entry, seats: int) -> int:
    """The fewest votes less that leave the list fewer seats; without votes it has none.

    Searched as ``_fewest_gained`` is: each cut is the last number before one of the lists changes sides.
    """
    cuts = []
    threshold = contest.rules.threshold
    if threshold < 1:
        over = (entry.votes - threshold * contest.base) / (1 - threshold)
        cuts.append(over.numerator // over.denominator)
    for other in contest.entries.values():
        kept = contest.growth_for(other.votes)
        if other is not entry and kept is not None:
            cuts.append(-kept - 1)
    start = 1
    for end in sorted({cut for cut in cuts if 1 <= cut < entry.votes}):
        found = _first(lambda less: not has_seats(contest, entry, -less, seats), start, end)
        if found is not None:
            return found
        start = end + 1
    return _first(lambda less: not has_seats(contest, entry, -less, seats), start, entry.votes) or entry.votes


def _first(holds: Callable[[int], bool], start: int, end: int) -> int | None:
    """The smallest number from ``start`` to ``end`` of which it holds, where it holds of all that follow; or None."""
    if end < start or not holds(end):
        return None
    while start < end:
        middle = (start + end) // 2
        if holds(middle):
            end = middle
        else:
            start = middle + 1
    return end
