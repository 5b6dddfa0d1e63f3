"""How votes became seats, over the whole or in each constituency, told so that everybody can follow it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from shared.apportionment import (
    Apportionment,
    ByConstituency,
    Constituency,
    Entry,
    Rules,
    apportion,
    apportion_constituencies,
)
from shared.errors import InvalidInput
from shared.terms import ThresholdBase

SHARE_DECIMALS = 4


@dataclass(frozen=True)
class ListVotes:
    """A list on the ballot and the votes counted for it so far."""

    poll_number: int
    name: str
    exempt: bool
    votes: int


@dataclass(frozen=True)
class Name:
    """A list as it is named in a sentence or a table."""

    poll_number: int
    name: str


@dataclass(frozen=True)
class Threshold:
    """What a list had to reach, and who did not; ``votes_needed`` is the least number of votes that reaches it."""

    share: str
    base: str
    base_ballots: int
    votes_needed: int
    waived: bool
    excluded: tuple[Name, ...]


@dataclass(frozen=True)
class Tie:
    """Lists with the same quotient, of which fewer can have a seat: a lot has to be drawn."""

    lists: tuple[Name, ...]
    seats_open: int


@dataclass(frozen=True)
class Quotient:
    """A row of the quotient table: an award (``seat`` counts from 1), or the next quotient of a list (no seat)."""

    seat: int | None
    poll_number: int
    divisor: int
    quotient: str
    tied_with: tuple[int, ...]


@dataclass(frozen=True)
class Seats:
    """How the votes became seats.

    Where each constituency elects for itself, the reasons stand in ``constituencies``, and those of the whole are
    empty; ``threshold`` is None where it holds in each constituency.
    """

    rules: Mapping[str, int | str | bool]
    seats: int
    awarded: int
    threshold: Threshold | None
    tie: Tie | None
    lots: tuple[int, ...]
    awards: tuple[Quotient, ...]
    next_quotients: tuple[Quotient, ...]
    constituencies: "tuple[SeatsOfConstituency, ...] | None" = None


@dataclass(frozen=True)
class ListSeats:
    """A list in one constituency."""

    poll_number: int
    votes: int
    share: str
    seats: int
    excluded: bool


@dataclass(frozen=True, kw_only=True)
class SeatsOfConstituency(Seats):
    """How the votes of one constituency became its seats; ``threshold`` is None where it holds over the whole."""

    id: int
    name: str
    valid_votes: int
    lists: tuple[ListSeats, ...]


@dataclass(frozen=True)
class Parts:
    """Constituencies that elect for themselves, in the order of their names, which are by id, and the lots drawn."""

    constituencies: Sequence[Constituency]
    names: Mapping[int, str]
    lots: Mapping[int, Sequence[int]]


def share(votes: int, of: int) -> str:
    """A share with four decimals, from "0.0000" to "1.0000"; a half goes to the even neighbour, 0 of 0 is 0."""
    return rounded(Fraction(votes, of)) if of else rounded(Fraction(0))


def rounded(value: Fraction) -> str:
    """A number that is not negative, with four decimals; computed without floats."""
    # round() of a fraction is exact and goes to the even neighbour.
    scaled = str(round(value * 10**SHARE_DECIMALS)).rjust(SHARE_DECIMALS + 1, "0")
    return f"{scaled[:-SHARE_DECIMALS]}.{scaled[-SHARE_DECIMALS:]}"


def apportion_whole(
    listed: Sequence[ListVotes], rules: Rules, ballots_cast: int, lots: Sequence[int]
) -> tuple[Apportionment, Sequence[int]]:
    """The seats, and the lots that decided something."""
    entries = [Entry(one.poll_number, one.votes, one.exempt) for one in listed]
    try:
        return apportion(entries, rules, ballots_cast, lots), lots
    except InvalidInput as error:
        # Lots were drawn for a tie that the replay of a dead letter has since undone; they decide nothing.
        if error.field != "lots":
            raise
        return apportion(entries, rules, ballots_cast), ()


def seats_by_constituency(
    listed: Sequence[ListVotes], rules: Rules, ballots_cast: int, parts: Parts
) -> tuple[ByConstituency, Seats]:
    """The seats of each constituency, all together, and why they are so."""
    entries = [Entry(one.poll_number, one.votes, one.exempt) for one in listed]
    divided, drawn = {}, {}
    total = Counter({one.poll_number: 0 for one in listed})
    for part in parts.constituencies:
        alone, drawn[part.id] = _apportion_part(entries, part, rules, ballots_cast, parts.lots.get(part.id, ()))
        divided[part.id] = alone.constituencies[part.id]
        total.update(divided[part.id].seats)
    over_whole = apportion_constituencies(entries, (), rules, ballots_cast).threshold
    seats = ByConstituency(dict(total), divided, over_whole)
    told: list[SeatsOfConstituency] = []
    for part in parts.constituencies:
        found = seats.constituencies[part.id]
        there = [replace(one, votes=part.votes.get(one.poll_number, 0)) for one in listed]
        valid = sum(one.votes for one in there)
        invalid = (part.ballots_cast or 0) - valid
        own = explained(found, rules, part.seats, valid, invalid, there, drawn[part.id])
        told.append(
            SeatsOfConstituency(
                **{**vars(own), "threshold": None if over_whole else own.threshold},
                id=part.id,
                name=parts.names[part.id],
                valid_votes=valid,
                lists=tuple(
                    ListSeats(
                        poll_number=one.poll_number,
                        votes=one.votes,
                        share=share(one.votes, valid),
                        seats=found.seats[one.poll_number],
                        excluded=one.poll_number in found.excluded,
                    )
                    for one in there
                ),
            )
        )
    votes, names = sum(one.votes for one in listed), {one.poll_number: one.name for one in listed}
    return seats, Seats(
        rules=rules.to_dict(),
        seats=sum(part.seats for part in parts.constituencies),
        awarded=sum(len(found.awards) for found in seats.constituencies.values()),
        threshold=_threshold(
            rules,
            votes,
            ballots_cast - votes,
            over_whole.votes_needed,
            over_whole.waived,
            over_whole.excluded,
            names,
        )
        if over_whole
        else None,
        tie=None,
        lots=(),
        awards=(),
        next_quotients=(),
        constituencies=tuple(told),
    )


def _apportion_part(
    entries: Sequence[Entry], part: Constituency, rules: Rules, ballots_cast: int, lots: Sequence[int]
) -> tuple[ByConstituency, Sequence[int]]:
    """The seats of one constituency, and the lots that decided something there; see ``apportion_whole``."""
    try:
        return apportion_constituencies(entries, [part], rules, ballots_cast, {part.id: lots}), lots
    except InvalidInput as error:
        if error.field != "lots":
            raise
        return apportion_constituencies(entries, [part], rules, ballots_cast), ()


def explained(
    seats: Apportionment,
    rules: Rules,
    to_give: int,
    valid_votes: int,
    invalid: int,
    listed: Sequence[ListVotes],
    lots: Sequence[int],
) -> Seats:
    names = {one.poll_number: one.name for one in listed}
    return Seats(
        rules=rules.to_dict(),
        seats=to_give,
        awarded=len(seats.awards),
        threshold=_threshold(
            rules, valid_votes, invalid, seats.votes_needed, seats.threshold_waived, seats.excluded, names
        ),
        tie=Tie(_named(seats.tie.poll_numbers, names), seats.tie.seats_open) if seats.tie else None,
        lots=tuple(lots),
        awards=tuple(
            Quotient(award.seat, award.poll_number, award.divisor, str(award.quotient), award.tied_with)
            for award in seats.awards
        ),
        next_quotients=tuple(
            Quotient(None, following.poll_number, following.divisor, str(following.quotient), ())
            for following in seats.next_quotients
        ),
    )


def _threshold(
    rules: Rules,
    valid_votes: int,
    invalid: int,
    votes_needed: int,
    waived: bool,
    excluded: Sequence[int],
    names: Mapping[int, str],
) -> Threshold:
    of_ballots_cast = rules.threshold_base is ThresholdBase.BALLOTS_CAST
    return Threshold(
        share=str(rules.to_dict()["threshold"]),
        base=rules.threshold_base.value,
        base_ballots=valid_votes + invalid if of_ballots_cast else valid_votes,
        votes_needed=votes_needed,
        waived=waived,
        excluded=_named(excluded, names),
    )


def _named(poll_numbers: Sequence[int], names: Mapping[int, str]) -> tuple[Name, ...]:
    return tuple(Name(poll_number, names[poll_number]) for poll_number in poll_numbers)
