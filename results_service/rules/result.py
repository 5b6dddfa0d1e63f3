"""What a result says, and how certain it is: decided from numbers alone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from results_service.rules.declared import Declared
from results_service.rules.holding_back import HeldBack
from results_service.rules.seats import (
    ListVotes,
    Parts,
    Seats,
    apportion_whole,
    explained,
    seats_by_constituency,
    share,
)
from shared.apportionment import Apportionment, ByConstituency, Rules
from shared.sentences import say, say_number
from shared.terms import State


class Certainty(StrEnum):
    """Whether a result may still change: ``void`` is that of a cancelled election."""

    PROVISIONAL = "provisional"
    FINAL = "final"
    VOID = "void"


@dataclass(frozen=True)
class Ballots:
    """What became of the ballots that the stations accepted for an election.

    ``invalid`` have a poll number that nobody has; ``outside`` were sent for this election by name before its
    end, when it was not open. ``received`` is the sum of the other four.
    """

    counted: int
    duplicate: int
    invalid: int
    outside: int

    @property
    def received(self) -> int:
        return self.counted + self.duplicate + self.invalid + self.outside

    @property
    def cast(self) -> int:
        """The ballots in the box: a second ballot with the same GUID is not one, nor is one that came too late."""
        return self.counted + self.invalid


@dataclass(frozen=True)
class ListResult:
    """A line of the result. ``seats`` is None where the election gives no seats."""

    poll_number: int
    name: str
    exempt: bool
    votes: int
    share: str
    seats: int | None
    excluded: bool


@dataclass(frozen=True)
class Reporting:
    """How many stations there are and have reported, and how many voters took part there.

    ``total`` are those at which people vote, or that sent ballots all the same; ``counted`` those of them that have
    reported, ``sheets`` those whose tally sheet is accepted. ``registered`` are the voters of all,
    ``registered_counted`` those of the counted stations, of whom ``turnout`` is a share: the ballots in the box of
    these. It is None while nobody could have voted. ``outstanding`` are the most ballots that may still come from all
    of them as long as ballots are taken; see ``Facts.outstanding``.
    """

    total: int
    counted: int
    sheets: int
    registered: int
    registered_counted: int
    cast: int
    turnout: str | None
    outstanding: int


NO_STATIONS = Reporting(0, 0, 0, 0, 0, 0, None, 0)


@dataclass(frozen=True)
class Result:
    """The result of one election, as far as it is counted.

    ``last_change`` is the moment of the newest receipt that is recorded, ``unattributed`` how many ballots in the box
    are of no station. ``declared`` is what the accepted tally sheets declare together, None where there is none; it is
    no part of the other figures. ``as_of`` is the moment to which the result was brought back, None for that of now.
    While votes are ``held_back`` there are no ``lists``, no ``apportionment`` and nothing ``declared``.
    """

    certainty: Certainty
    waits_for: tuple[str, ...]
    counted_until: datetime | None
    valid_votes: int
    share_of: str
    ballots: Ballots
    lists: tuple[ListResult, ...]
    apportionment: Seats | None
    last_change: datetime | None = None
    stations: Reporting = NO_STATIONS
    unattributed: int = 0
    declared: Declared | None = None
    as_of: datetime | None = None
    held_back: HeldBack | None = None


def without_votes(
    held: HeldBack,
    state: State,
    end: datetime,
    drained: datetime | None,
    dead_letter: bool,
    ballots: Ballots,
    stations: Reporting,
    last_change: datetime | None,
) -> Result:
    """What is told while votes are held back: how many ballots there are, and what the result waits for."""
    return Result(
        certainty=certainty_of(state, None),
        waits_for=waiting_for(state, end, drained, dead_letter, None, ()),
        counted_until=counted_until(state, end, drained),
        valid_votes=ballots.counted,
        share_of="valid_votes",
        ballots=ballots,
        lists=(),
        apportionment=None,
        last_change=last_change,
        stations=stations,
        unattributed=ballots.cast - stations.cast,
        held_back=held,
    )


def result_of(
    state: State,
    end: datetime,
    drained: datetime | None,
    dead_letter: bool,
    listed: Sequence[ListVotes],
    ballots: Ballots,
    rules: Rules | None,
    lots: Sequence[int],
    parts: Parts | None = None,
    stations: Reporting = NO_STATIONS,
    declared: Declared | None = None,
    last_change: datetime | None = None,
    as_of: datetime | None = None,
) -> Result:
    """Put the result together; ``rules`` is None for an election that gives no seats.

    ``parts`` are needed where each constituency elects for itself. ``as_of`` says that all numbers are those of that
    moment; what was then is provisional.
    """
    valid_votes = sum(one.votes for one in listed)
    seats: Apportionment | ByConstituency | None = None
    why: Seats | None = None
    if rules is not None and state is not State.CANCELLED:
        cast = valid_votes + ballots.invalid
        if rules.is_by_constituency:
            seats, why = seats_by_constituency(listed, rules, cast, parts or Parts((), {}, {}))
        else:
            seats, lots = apportion_whole(listed, rules, cast, lots)
            why = explained(seats, rules, rules.seats, valid_votes, ballots.invalid, listed, lots)
    waits_for = waiting_for(state, end, drained, dead_letter, seats, listed, parts.names if parts else None)
    return Result(
        certainty=certainty_of(state, seats) if as_of is None or state is State.CANCELLED else Certainty.PROVISIONAL,
        waits_for=waits_for if as_of is None else (),
        counted_until=counted_until(state, end if as_of is None else min(end, as_of), drained),
        valid_votes=valid_votes,
        share_of="valid_votes",
        ballots=ballots,
        lists=tuple(
            ListResult(
                poll_number=one.poll_number,
                name=one.name,
                exempt=one.exempt,
                votes=one.votes,
                share=share(one.votes, valid_votes),
                seats=seats.seats[one.poll_number] if seats else None,
                excluded=why is not None
                and why.threshold is not None
                and one.poll_number in {name.poll_number for name in why.threshold.excluded},
            )
            for one in listed
        ),
        apportionment=why,
        last_change=last_change,
        stations=stations,
        unattributed=ballots.cast - stations.cast,
        declared=declared,
        as_of=as_of,
    )


def certainty_of(state: State, seats: Apportionment | ByConstituency | None) -> Certainty:
    """A result is final when the count is, and no seat waits for a lot."""
    if state is State.CANCELLED:
        return Certainty.VOID
    if state is State.FINAL and (seats is None or seats.is_complete):
        return Certainty.FINAL
    return Certainty.PROVISIONAL


def counted_until(state: State, end: datetime, drained: datetime | None) -> datetime | None:
    """The moment before which every ballot of the election is counted; None before it opens.

    It stops at the end of the election: what is received later is none of its ballots.
    """
    if state in (State.DRAFT, State.SCHEDULED, State.CANCELLED) or drained is None:
        return None
    return min(drained, end)


def waiting_for(
    state: State,
    end: datetime,
    drained: datetime | None,
    dead_letter: bool,
    seats: Apportionment | ByConstituency | None,
    listed: Sequence[ListVotes],
    names: Mapping[int, str] | None = None,
) -> tuple[str, ...]:
    """What still has to happen before the result is final, as sentences for everybody."""
    if state is State.CANCELLED:
        return ()
    sentences: list[str] = []
    if state is State.SCHEDULED:
        sentences.append(say("The election has not begun."))
    if state is State.OPEN:
        sentences.append(say("The election is open."))
    if state is State.COUNTING and (drained is None or drained < end):
        sentences.append(say("Ballots received before the end of the election are still being counted."))
    if dead_letter:
        sentences.append(say("Ballots that could not be recorded have to be replayed by the operators."))
    if state is State.FINAL and isinstance(seats, ByConstituency):
        for number, part in seats.tied.items():
            sentences.append(_tied(part, listed, str((names or {}).get(number, number))))
    elif state is State.FINAL and isinstance(seats, Apportionment) and seats.tie is not None:
        sentences.append(_tied(seats, listed))
    return tuple(sentences)


def _tied(seats: Apportionment, listed: Sequence[ListVotes], where: str = "") -> str:
    names = {one.poll_number: one.name for one in listed}
    poll_numbers, left = (seats.tie.poll_numbers, seats.tie.seats_open) if seats.tie else ((), 0)
    tied = ", ".join(f"{number} ({names[number]})" for number in poll_numbers)
    if where:
        return say_number(
            "One seat is tied in {where} between the lists {tied}; a lot has to be drawn.",
            "{number} seats are tied in {where} between the lists {tied}; a lot has to be drawn.",
            left,
            where=where,
            tied=tied,
        )
    return say_number(
        "One seat is tied between the lists {tied}; a lot has to be drawn.",
        "{number} seats are tied between the lists {tied}; a lot has to be drawn.",
        left,
        tied=tied,
    )


def fingerprint(*parts: object) -> str:
    """A short name for a state of things: another state has another name, the same state always the same."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
