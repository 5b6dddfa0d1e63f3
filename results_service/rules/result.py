"""What a result says, and how certain it is: decided from numbers alone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from shared.apportionment import Apportionment, Entry, Rules, apportion
from shared.errors import InvalidInput
from shared.terms import State, ThresholdBase

SHARE_DECIMALS = 4


class Certainty(StrEnum):
    """Whether a result may still change: ``void`` is that of a cancelled election."""

    PROVISIONAL = "provisional"
    FINAL = "final"
    VOID = "void"


@dataclass(frozen=True)
class ListVotes:
    """A list on the ballot and the votes counted for it so far."""

    poll_number: int
    name: str
    exempt: bool
    votes: int


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
class Name:
    """A list as it is named in a sentence or a table."""

    poll_number: int
    name: str


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
    """How the votes became seats."""

    rules: Mapping[str, int | str | bool]
    seats: int
    awarded: int
    threshold: Threshold
    tie: Tie | None
    lots: tuple[int, ...]
    awards: tuple[Quotient, ...]
    next_quotients: tuple[Quotient, ...]


@dataclass(frozen=True)
class Result:
    """The result of one election, as far as it is counted."""

    certainty: Certainty
    waits_for: tuple[str, ...]
    counted_until: datetime | None
    valid_votes: int
    share_of: str
    ballots: Ballots
    lists: tuple[ListResult, ...]
    apportionment: Seats | None


def result_of(
    state: State,
    end: datetime,
    drained: datetime | None,
    dead_letter: bool,
    listed: Sequence[ListVotes],
    ballots: Ballots,
    rules: Rules | None,
    lots: Sequence[int],
) -> Result:
    """Put the result together; ``rules`` is None for an election that gives no seats."""
    valid_votes = sum(one.votes for one in listed)
    seats: Apportionment | None = None
    if rules is not None and state is not State.CANCELLED:
        seats, lots = _apportion(listed, rules, valid_votes + ballots.invalid, lots)
    waits_for = waiting_for(state, end, drained, dead_letter, seats, listed)
    return Result(
        certainty=certainty_of(state, seats),
        waits_for=waits_for,
        counted_until=counted_until(state, end, drained),
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
                excluded=seats is not None and one.poll_number in seats.excluded,
            )
            for one in listed
        ),
        apportionment=_explained(seats, rules, valid_votes, ballots, listed, lots) if seats and rules else None,
    )


def certainty_of(state: State, seats: Apportionment | None) -> Certainty:
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
    seats: Apportionment | None,
    listed: Sequence[ListVotes],
) -> tuple[str, ...]:
    """What still has to happen before the result is final, as sentences for everybody."""
    if state is State.CANCELLED:
        return ()
    sentences = []
    if state is State.SCHEDULED:
        sentences.append("The election has not begun.")
    if state is State.OPEN:
        sentences.append("The election is open.")
    if state is State.COUNTING and (drained is None or drained < end):
        sentences.append("Ballots received before the end of the election are still being counted.")
    if dead_letter:
        sentences.append("Ballots that could not be recorded have to be replayed by the operators.")
    if state is State.FINAL and seats is not None and seats.tie is not None:
        names = {one.poll_number: one.name for one in listed}
        tied = ", ".join(f"{number} ({names[number]})" for number in seats.tie.poll_numbers)
        seats_open = "One seat is" if seats.tie.seats_open == 1 else f"{seats.tie.seats_open} seats are"
        sentences.append(f"{seats_open} tied between the lists {tied}; a lot has to be drawn.")
    return tuple(sentences)


def share(votes: int, of: int) -> str:
    """A share with four decimals, from "0.0000" to "1.0000"; a half goes to the even neighbour, 0 of 0 is 0."""
    return rounded(Fraction(votes, of)) if of else rounded(Fraction(0))


def rounded(value: Fraction) -> str:
    """A number that is not negative, with four decimals; computed without floats."""
    # round() of a fraction is exact and goes to the even neighbour.
    scaled = str(round(value * 10**SHARE_DECIMALS)).rjust(SHARE_DECIMALS + 1, "0")
    return f"{scaled[:-SHARE_DECIMALS]}.{scaled[-SHARE_DECIMALS:]}"


def fingerprint(*parts: object) -> str:
    """A short name for a state of things: another state has another name, the same state always the same."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _apportion(
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


def _explained(
    seats: Apportionment,
    rules: Rules,
    valid_votes: int,
    ballots: Ballots,
    listed: Sequence[ListVotes],
    lots: Sequence[int],
) -> Seats:
    names = {one.poll_number: one.name for one in listed}
    written = rules.to_dict()
    of_ballots_cast = rules.threshold_base is ThresholdBase.BALLOTS_CAST
    return Seats(
        rules=written,
        seats=rules.seats,
        awarded=len(seats.awards),
        threshold=Threshold(
            share=str(written["threshold"]),
            base=rules.threshold_base.value,
            base_ballots=valid_votes + ballots.invalid if of_ballots_cast else valid_votes,
            votes_needed=seats.votes_needed,
            waived=seats.threshold_waived,
            excluded=_named(seats.excluded, names),
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


def _named(poll_numbers: Sequence[int], names: Mapping[int, str]) -> tuple[Name, ...]:
    return tuple(Name(poll_number, names[poll_number]) for poll_number in poll_numbers)
