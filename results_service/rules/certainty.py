"""How certain the seats of a result are while ballots may still come, and how near the last one was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from results_service.rules.seats import ListVotes, Parts, seats_by_constituency
from shared.apportionment import (
    Constituency,
    Entry,
    LastSeat,
    Rules,
    SeatCertainty,
    last_seat,
    seat_certainty,
)
from shared.errors import InvalidInput
from shared.sentences import say
from shared.terms import Scope, State


@dataclass(frozen=True)
class Basis:
    """What the certainty of the seats follows from.

    ``outstanding`` are the most ballots that may still come: none once the count is final, else what each station may
    still send (``Facts.outstanding``). It is None while no station is known. ``outstanding_in`` are those of each
    constituency, where each elects for itself.
    """

    state: State
    listed: tuple[ListVotes, ...]
    ballots_cast: int
    rules: Rules | None
    lots: Sequence[int]
    parts: Parts | None
    outstanding: int | None
    outstanding_in: Mapping[int, int]


@dataclass(frozen=True)
class SeatBounds:
    """The seats of a list now, and the least and the most with which it can end."""

    poll_number: int
    seats: int
    least: int
    most: int


@dataclass(frozen=True)
class Closeness:
    """The last seat that was given in a constituency, or over the whole (``constituency`` is None).

    ``lists`` are empty where the certainty of each list is told for the whole alone.
    """

    constituency: int | None
    last_seat: LastSeat | None
    lists: tuple[SeatBounds, ...]


@dataclass(frozen=True)
class SeatsCertainty:
    """What is certain of the seats. ``unknown`` says in a sentence why it cannot be told; then ``lists`` are empty."""

    unknown: str
    outstanding: int | None
    certain: int
    open: int
    lists: tuple[SeatBounds, ...]
    closeness: tuple[Closeness, ...]

    def of(self, poll_number: int) -> SeatBounds | None:
        """The bounds of a list, where they are known."""
        return next((one for one in self.lists if one.poll_number == poll_number), None)


NO_SEATS = say("The election gives no seats.")
NO_STATIONS_KNOWN = say("No polling station is known, so nobody can say how many ballots may still come.")
OVER_WHOLE = say(
    "Seats are given in each constituency, and the threshold holds over the whole: what is certain can be told when "
    "the count is final."
)


def certainty_of_seats(basis: Basis) -> SeatsCertainty:
    """What can still change, by list, and how many votes would have moved the last seat."""
    rules = basis.rules
    if rules is None or basis.state is State.CANCELLED:
        return SeatsCertainty(NO_SEATS, None, 0, 0, (), ())
    if rules.is_by_constituency:
        return _by_constituency(basis, rules, basis.parts or Parts((), {}, {}))
    entries = [Entry(one.poll_number, one.votes, one.exempt) for one in basis.listed]
    last = (Closeness(None, _last(entries, rules, basis.ballots_cast, basis.lots), ()),)
    if basis.outstanding is None:
        return SeatsCertainty(NO_STATIONS_KNOWN, None, 0, 0, (), last)
    found = _certainty(entries, rules, basis.ballots_cast, basis.outstanding, basis.lots)
    return SeatsCertainty("", basis.outstanding, found.certain, found.open, _bounds(found), last)


def _by_constituency(basis: Basis, rules: Rules, parts: Parts) -> SeatsCertainty:
    if rules.threshold_over is Scope.WHOLE:
        return _under_one_threshold(basis, rules, parts)
    told, certain, unsettled = [], 0, 0
    for part in parts.constituencies:
        if not part.seats:
            continue
        there = [Entry(one.poll_number, part.votes.get(one.poll_number, 0), one.exempt) for one in basis.listed]
        own = replace(rules, seats=part.seats, apportioned=Scope.WHOLE, threshold_over=Scope.WHOLE)
        lots = parts.lots.get(part.id, ())
        cast = _cast(part)
        bounds: tuple[SeatBounds, ...] = ()
        if basis.outstanding is not None:
            found = _certainty(there, own, cast, basis.outstanding_in.get(part.id, 0), lots)
            bounds, certain, unsettled = _bounds(found), certain + found.certain, unsettled + found.open
        told.append(Closeness(part.id, _last(there, own, cast, lots), bounds))
    if basis.outstanding is None:
        return SeatsCertainty(NO_STATIONS_KNOWN, None, 0, 0, (), tuple(told))
    sums = {one.poll_number: SeatBounds(one.poll_number, 0, 0, 0) for one in basis.listed}
    for closeness in told:
        for one in closeness.lists:
            so_far = sums[one.poll_number]
            sums[one.poll_number] = SeatBounds(
                one.poll_number, so_far.seats + one.seats, so_far.least + one.least, so_far.most + one.most
            )
    return SeatsCertainty("", basis.outstanding, certain, unsettled, tuple(sums.values()), tuple(told))


def _under_one_threshold(basis: Basis, rules: Rules, parts: Parts) -> SeatsCertainty:
    """While ballots are to come, all constituencies would have to be searched at once for what moves the threshold."""
    if basis.outstanding != 0:
        return SeatsCertainty(OVER_WHOLE, basis.outstanding, 0, 0, (), ())
    found, _ = seats_by_constituency(basis.listed, rules, basis.ballots_cast, parts)
    if not found.is_complete:
        return SeatsCertainty(OVER_WHOLE, 0, 0, 0, (), ())
    lists = tuple(SeatBounds(number, seats, seats, seats) for number, seats in found.seats.items())
    return SeatsCertainty("", 0, sum(found.seats.values()), 0, lists, ())


def _cast(part: Constituency) -> int:
    return max(part.ballots_cast or 0, sum(part.votes.values()))


def _certainty(
    entries: Sequence[Entry], rules: Rules, ballots_cast: int, outstanding: int, lots: Sequence[int]
) -> SeatCertainty:
    try:
        return seat_certainty(entries, rules, ballots_cast, outstanding=outstanding, lots=lots)
    except InvalidInput as error:
        # Lots were drawn for a tie that is none any more; they decide nothing.
        if error.field != "lots":
            raise
        return seat_certainty(entries, rules, ballots_cast, outstanding=outstanding)


def _last(entries: Sequence[Entry], rules: Rules, ballots_cast: int, lots: Sequence[int]) -> LastSeat | None:
    try:
        return last_seat(entries, rules, ballots_cast, lots)
    except InvalidInput as error:
        if error.field != "lots":
            raise
        return last_seat(entries, rules, ballots_cast)


def _bounds(found: SeatCertainty) -> tuple[SeatBounds, ...]:
    return tuple(SeatBounds(one.poll_number, one.seats, one.least, one.most) for one in found.lists)
