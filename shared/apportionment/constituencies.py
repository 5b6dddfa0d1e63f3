"""Seats per constituency: each elects those that it has, and all of them together are the assembly.

So it is for instance in Spain: Ley Orgánica 5/1985, articles 161 (each province is a constituency), 162 (its seats) and
163 (in each the lists with at least 3 % of its valid votes, and D'Hondt).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.apportionment.rules import Rules
from shared.apportionment.seats import Apportionment, Entry, Threshold, divide, in_order, threshold_of
from shared.errors import InvalidInput
from shared.sentences import say
from shared.terms import Scope


@dataclass(frozen=True)
class Constituency:
    """How many seats there are in a constituency, and its votes by poll number; without votes is who is not there.

    ``ballots_cast`` are its valid and invalid ballots, needed as for ``apportion``.
    """

    id: int
    seats: int
    votes: Mapping[int, int]
    ballots_cast: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.seats, int) or isinstance(self.seats, bool) or self.seats < 0:
            raise InvalidInput("The seats of a constituency are a whole number, 0 or more.", field="seats")


@dataclass(frozen=True)
class ByConstituency:
    """Who gets how many seats in all, and where.

    ``seats``           poll number → seats of every entry, in poll-number order, over all constituencies.
    ``constituencies``  id of the constituency → its apportionment, in the order in which they were given.
    ``threshold``       what the threshold did, if it holds over the whole; None where it holds in each constituency.
    """

    seats: dict[int, int]
    constituencies: dict[int, Apportionment]
    threshold: Threshold | None

    @property
    def is_complete(self) -> bool:
        """Whether no constituency waits for lots."""
        return all(one.is_complete for one in self.constituencies.values())

    @property
    def tied(self) -> dict[int, Apportionment]:
        """The constituencies that wait for lots."""
        return {number: one for number, one in self.constituencies.items() if not one.is_complete}


def apportion_constituencies(
    entries: Iterable[Entry],
    constituencies: Sequence[Constituency],
    rules: Rules,
    ballots_cast: int | None = None,
    lots: Mapping[int, Sequence[int]] | None = None,
) -> ByConstituency:
    """Divide the seats of each constituency among the lists by its votes.

    ``entries`` have the votes over the whole, and ``ballots_cast`` are those of the whole: a threshold over the whole
    goes by these, so that votes which belong to no constituency are not lost for it. ``lots`` are those drawn in each
    constituency, by its id, as for ``apportion``. Raises InvalidInput as ``apportion`` does, and for lots drawn in a
    constituency that there is not.
    """
    standing = in_order(entries)
    drawn = dict(lots or {})
    unknown = drawn.keys() - {one.id for one in constituencies}
    if unknown:
        raise InvalidInput(
            say("There is no constituency {number} to draw lots in.", number=str(min(unknown))), field="lots"
        )
    over_whole = threshold_of(standing, rules, ballots_cast) if rules.threshold_over is Scope.WHOLE else None
    divided = {}
    total: Counter[int] = Counter({entry.poll_number: 0 for entry in standing})
    for one in constituencies:
        there = [Entry(entry.poll_number, one.votes.get(entry.poll_number, 0), entry.exempt) for entry in standing]
        threshold = over_whole or threshold_of(there, rules, one.ballots_cast)
        divided[one.id] = divide(there, rules, one.seats, threshold, drawn.get(one.id, ()))
        total.update(divided[one.id].seats)
    return ByConstituency(dict(total), divided, over_whole)


def lots_drawn_in(lots: Sequence[int] | Mapping[str, Sequence[int]]) -> dict[int, Sequence[int]]:
    """The lots of an election by constituency, from the form in which it stores them.

    An election over the whole stores a list of poll numbers, and nothing of that is of a constituency.
    """
    return {int(number): drawn for number, drawn in lots.items()} if isinstance(lots, Mapping) else {}


def lots_drawn_over_whole(lots: Sequence[int] | Mapping[str, Sequence[int]]) -> Sequence[int]:
    """The lots of an election whose seats are given over the whole, from the form in which it stores them."""
    return () if isinstance(lots, Mapping) else lots
