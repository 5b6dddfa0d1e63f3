"""The seats of a counted election, as the classic results and the lots of a tie need them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from shared import electorate, station_sums, tallies
from shared.apportionment import (
    Apportionment,
    Constituency,
    Entry,
    Rules,
    Tie,
    apportion,
    apportion_constituencies,
    lots_drawn_in,
    lots_drawn_over_whole,
)
from shared.errors import Conflict, InvalidInput
from shared.schema.election import Election
from shared.sentences import say


@dataclass(frozen=True)
class WaitingTie:
    """A tie that waits for lots: over the whole, or in the constituency of this number and name."""

    tie: Tie
    constituency_id: int | None = None
    constituency: str = ""


def rules_of(election: Election) -> Rules | None:
    """By which rules the votes of an election become seats; None when it gives none."""
    return Rules.from_dict(election.rules) if election.rules else None


class Count:
    """What is counted in an election that gives seats, all of it and by constituency."""

    def __init__(self, session: Session, election: Election, rules: Rules) -> None:
        self._lots = election.lots
        self._rules = rules
        votes = tallies.votes(session, election.id)
        self._entries = [Entry(entry.poll_number, votes[entry.poll_number], entry.exempt) for entry in election.entries]
        self._cast = sum(votes.values()) + tallies.counts(session, election.id).invalid
        self._names: Mapping[int | None, str] = {}
        self._constituencies: list[Constituency] = []
        if rules.is_by_constituency:
            places = electorate.geography(session, election.id)
            self._names = {part.id: part.name for part in places.constituencies.values()}
            self._constituencies = _constituencies(session, election, places)

    def seats(self) -> dict[int, int] | None:
        """The seats of each poll number; None while some wait for lots."""
        found = list(self._settled().values())
        if not all(one.is_complete for one in found):
            return None
        return {entry.poll_number: sum(one.seats[entry.poll_number] for one in found) for entry in self._entries}

    def ties(self) -> list[WaitingTie]:
        """The ties that the lots of the election do not settle yet."""
        return [
            WaitingTie(one.tie, number, self._names.get(number, ""))
            for number, one in self._settled().items()
            if one.tie is not None
        ]

    def _settled(self) -> dict[int | None, Apportionment]:
        """The seats with the lots that are entered, by constituency; over the whole under None."""
        if not self._rules.is_by_constituency:
            return {None: _with(self.whole, lots_drawn_over_whole(self._lots))}
        drawn = lots_drawn_in(self._lots)
        return {one.id: _with(partial(self.of, one.id), drawn.get(one.id, ())) for one in self._constituencies}

    def whole(self, lots: Sequence[int]) -> Apportionment:
        """The seats over the whole with these lots."""
        return apportion(self._entries, self._rules, self._cast, lots)

    def of(self, constituency_id: int, lots: Sequence[int]) -> Apportionment:
        """The seats of one constituency with these lots; InvalidInput when there is none of this number."""
        here = [one for one in self._constituencies if one.id == constituency_id]
        if not here:
            raise InvalidInput(
                say("There is no constituency {number}.", number=str(constituency_id)), field="constituency_id"
            )
        drawn: Mapping[int, Sequence[int]] = {constituency_id: lots}
        divided = apportion_constituencies(self._entries, here, self._rules, self._cast, drawn)
        return divided.constituencies[constituency_id]


def final_seats(session: Session, election: Election, rules: Rules) -> dict[int, int]:
    """The seats of each poll number; Conflict while some wait for lots."""
    found = Count(session, election, rules).seats()
    if found is None:
        raise Conflict(say("Seats of election {number} wait for lots.", number=str(election.id)))
    return found


def waiting_ties(session: Session, election: Election) -> list[WaitingTie]:
    """The ties for last seats that the lots of ``election`` do not settle yet; means something once all is counted."""
    rules = rules_of(election)
    return [] if rules is None else Count(session, election, rules).ties()


def _with(divide: Callable[[Sequence[int]], Apportionment], lots: Sequence[int]) -> Apportionment:
    """The seats with these lots; those of a tie that a late recount has undone count for nothing."""
    if lots:
        with suppress(InvalidInput):
            return divide(lots)
    return divide(())


def _constituencies(session: Session, election: Election, places: electorate.Geography) -> list[Constituency]:
    numbers = [entry.poll_number for entry in election.entries]
    votes = station_sums.votes(session, election.id, numbers)
    reports = station_sums.reports(session, election.id)
    return station_sums.by_constituency(places, votes, reports)
