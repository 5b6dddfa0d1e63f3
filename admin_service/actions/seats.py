"""The seats of a counted election, as the classic results and the lots of a tie need them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

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
        self._constituencies = _constituencies(session, election) if rules.is_by_constituency else []

    def seats(self) -> dict[int, int] | None:
        """The seats of each poll number; None while some wait for lots."""
        found: dict[int, int]
        if self._rules.is_by_constituency:
            drawn = lots_drawn_in(self._lots)
            divided = apportion_constituencies(self._entries, self._constituencies, self._rules, self._cast, drawn)
            found, complete = divided.seats, divided.is_complete
        else:
            whole = self.whole(lots_drawn_over_whole(self._lots))
            found, complete = whole.seats, whole.is_complete
        return found if complete else None

    def whole(self, lots: Sequence[int]) -> Apportionment:
        """The seats over the whole with these lots."""
        return apportion(self._entries, self._rules, self._cast, lots)

    def of(self, constituency_id: int, lots: Sequence[int]) -> Apportionment:
        """The seats of one constituency with these lots; InvalidInput when there is none of this number."""
        here = [one for one in self._constituencies if one.id == constituency_id]
        if not here:
            raise InvalidInput(f"There is no constituency {constituency_id}.", field="constituency_id")
        drawn: Mapping[int, Sequence[int]] = {constituency_id: lots}
        divided = apportion_constituencies(self._entries, here, self._rules, self._cast, drawn)
        return divided.constituencies[constituency_id]


def final_seats(session: Session, election: Election, rules: Rules) -> dict[int, int]:
    """The seats of each poll number; Conflict while some wait for lots."""
    found = Count(session, election, rules).seats()
    if found is None:
        raise Conflict(f"Seats of election {election.id} wait for lots.")
    return found


def waiting_tie(session: Session, election: Election) -> Tie | None:
    """The tie for the last seats that the lots of ``election`` do not settle yet; None where there is none.

    Means something once everything is counted, and where seats are given over the whole.
    """
    rules = rules_of(election)
    if rules is None or rules.is_by_constituency:
        return None
    count = Count(session, election, rules)
    if drawn := lots_drawn_over_whole(election.lots):
        # Lots of a tie that a late recount has undone count for nothing.
        with suppress(InvalidInput):
            return count.whole(drawn).tie
    return count.whole(()).tie


def _constituencies(session: Session, election: Election) -> list[Constituency]:
    places = electorate.geography(session, election.id)
    numbers = [entry.poll_number for entry in election.entries]
    votes = station_sums.votes(session, election.id, numbers)
    reports = station_sums.reports(session, election.id)
    return station_sums.by_constituency(places, votes, reports)
