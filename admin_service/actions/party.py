"""What a campaign director sees and settles: the own participant, the order of its list, its votes at each station."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from admin_service import store
from admin_service.rules.candidates import Standing, check_not_frozen, check_order, freezing
from admin_service.store import lists
from shared import electorate, tallies
from shared.database import Database
from shared.electorate import Station
from shared.errors import Conflict, NotFound
from shared.holding_back import are_votes_held_back
from shared.journal.store import note
from shared.schema.election import Candidate, Election, Participant
from shared.terms import State


@dataclass(frozen=True)
class Standings:
    """A participant, the elections that it stands in, the latest first, and which of them freezes its candidates."""

    participant: Participant
    elections: "list[Stands]"
    frozen_by: str | None


@dataclass(frozen=True)
class Stands:
    """An election that a participant stands in."""

    election: Election
    poll_number: int
    state: State


@dataclass(frozen=True)
class AtStation:
    """The votes of one list at a polling station, and the ballots of all lists that count there."""

    station: Station | None
    votes: int
    counted: int

    @property
    def share(self) -> Fraction | None:
        """Of the ballots that count; None where there are none."""
        return Fraction(self.votes, self.counted) if self.counted else None


@dataclass(frozen=True)
class OwnResult:
    """The votes of one list in an election, station by station, in the order of the stations' numbers.

    ``elsewhere`` are those whose upload is of no station; ``total`` is the sum of everything.
    """

    stands: Stands
    stations: list[AtStation]
    elsewhere: AtStation | None
    total: AtStation


def participant_of(session: Session, participant_id: int | None) -> Participant:
    """The own participant of a director; NotFound where an administrator has said of none."""
    if participant_id is None:
        raise NotFound("You direct no participant; an administrator says of which one you are the campaign director.")
    return store.participant(session, participant_id)


def overview(session: Session, participant_id: int | None, now: datetime) -> Standings:
    """The own participant with its elections."""
    participant = participant_of(session, participant_id)
    found = stands_of(session, participant.id, now)
    frozen = freezing(map(_standing, found), now)
    return Standings(participant, found, frozen.title if frozen else None)


def stands_of(session: Session, participant_id: int, now: datetime) -> list[Stands]:
    """The elections that a participant stands in, without drafts, the latest first."""
    found = lists.elections_of(session, participant_id)
    standings = tallies.standings(session, (election for election, _ in found), now)
    return [Stands(election, number, standings[election.id].state) for election, number in found]


def freezing_elections(session: Session, participant_id: int, now: datetime) -> list[Standing]:
    """The same, as the rules about frozen candidates take them."""
    return list(map(_standing, stands_of(session, participant_id, now)))


def order(
    database: Database,
    participant_id: int | None,
    check: Callable[[int], None],
    candidate_ids: Sequence[int],
    now: datetime,
) -> Participant:
    """Put the candidates of a participant in this order, each named once.

    ``check`` is asked about the version of the participant, which counts changes of the order.
    """
    with database.writing() as session:
        participant = store.participant(session, participant_of(session, participant_id).id, lock=True)
        check(participant.version)
        check_not_frozen(freezing_elections(session, participant.id, now), now)
        found: dict[int, Candidate] = {one.id: one for one in session.scalars(lists.on_list(participant.id))}
        check_order(candidate_ids, found)
        before = list(found)
        for place, number in enumerate(candidate_ids, start=1):
            found[number].place = place
        lists.touch_list(participant)
        session.flush()
        told = {"candidates": {"from": before, "to": list(candidate_ids)}}
        note(session, "participant.ordered", f"participant {participant.id}", told)
        return participant


def results(database: Database, participant_id: int | None, election_id: int, now: datetime) -> OwnResult:
    """The votes of the own participant at each polling station where people vote, or from where there are ballots.

    NotFound where it does not stand in such an election; Conflict for one that has not opened, was cancelled, or holds
    its votes back.
    """
    # Sums that were read one after the other would not fit to each other.
    with database.reading(still=True) as session:
        participant = participant_of(session, participant_id)
        found = [one for one in stands_of(session, participant.id, now) if one.election.id == election_id]
        if not found:
            raise NotFound("Your participant stands in no such election.")
        (stands,) = found
        if stands.state is State.SCHEDULED:
            raise Conflict("This election has not opened; there is nothing to count.")
        if stands.state is State.CANCELLED:
            raise Conflict("This election was cancelled; it has no result.")
        if are_votes_held_back(stands.election.ballot_key, stands.state):
            raise Conflict("Votes are held back until every ballot is counted.")
        counted = lists.counted_by_station(session, election_id)
        votes = lists.votes_by_station(session, election_id, stands.poll_number)
        places = electorate.geography(session, election_id)
        session.expunge_all()
    stations = [
        AtStation(station, votes.get(station.id, 0), counted.get(station.id, 0))
        for station in places.stations.values()
        if station.is_active or station.id in counted
    ]
    known = {one.station.id for one in stations if one.station}
    rest = AtStation(
        None,
        sum(number for station, number in votes.items() if station not in known),
        sum(number for station, number in counted.items() if station not in known),
    )
    total = AtStation(None, sum(votes.values()), sum(counted.values()))
    return OwnResult(stands, stations, rest if rest.counted else None, total)


def _standing(one: Stands) -> Standing:
    return Standing(one.election.title or f"{one.election.kind} {one.election.id}", one.state, one.election.start)
