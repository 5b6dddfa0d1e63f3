"""The results of the classic routes; the results service has everything beyond them."""

from dataclasses import dataclass
from datetime import datetime

from admin_service import store
from shared import tallies
from shared.apportionment import Entry, Rules, apportion, shares
from shared.database import Database
from shared.errors import Conflict, NotFound
from shared.schema.election import PUBLISHED, Election
from shared.tallies import RefusedBallot
from shared.terms import State


@dataclass(frozen=True)
class ListResult:
    """A participant's seats (an integer), or its share of the valid votes from 0 to 1."""

    poll_number: int
    name: str
    result: int | float


@dataclass(frozen=True)
class Results:
    """The final result of an election: every participant by poll number, and the ballots that do not count."""

    lists: list[ListResult]
    refused: list[RefusedBallot]


def final(database: Database, election_id: int, now: datetime) -> Results:
    """The result of an election; NotFound if it is not a published one, Conflict as long as it is not final.

    A tie that waits for lots is not final either.
    """
    with database.reading() as session:
        election = store.election(session, election_id)
        if election.stage != PUBLISHED:
            raise NotFound(f"Election {election_id} is not a published one.")
        # The state is read before the votes: once it is final, no vote can come any more.
        if tallies.current(session, election, now).state is not State.FINAL:
            raise Conflict(f"Not everything of election {election_id} is counted.")
        votes = tallies.votes(session, election_id)
        invalid = tallies.counts(session, election_id).invalid
        return Results(_lists(election, votes, invalid), tallies.refused_ballots(session, election_id, officials=True))


def _lists(election: Election, votes: dict[int, int], invalid: int) -> list[ListResult]:
    results: dict[int, int] | dict[int, float]
    valid = sum(votes.values())
    if election.rules:
        entries = [Entry(entry.poll_number, votes[entry.poll_number], entry.exempt) for entry in election.entries]
        seats = apportion(entries, Rules.from_dict(election.rules), valid + invalid, election.lots)
        if not seats.is_complete:
            raise Conflict(f"Seats of election {election.id} wait for lots.")
        results = seats.seats
    else:
        results = {number: float(share) for number, share in shares(votes, valid).items()}
    return [
        ListResult(entry.poll_number, entry.participant.name, results[entry.poll_number]) for entry in election.entries
    ]
