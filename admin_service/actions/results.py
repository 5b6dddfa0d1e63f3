"""The results of the classic routes; the results service has everything beyond them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from admin_service import store
from admin_service.actions.seats import final_seats, rules_of
from shared import tallies
from shared.apportionment import shares
from shared.database import Database
from shared.errors import Conflict, NotFound
from shared.schema.election import PUBLISHED, Election
from shared.sentences import say
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
    """The final result of an election: every participant by poll number, and the ballots that do not count.

    ``names_choices``: it may be said how those were cast.
    """

    lists: list[ListResult]
    refused: list[RefusedBallot]
    names_choices: bool


def final(database: Database, election_id: int, now: datetime) -> Results:
    """The result of an election; NotFound if it is not a published one, Conflict as long as it is not final.

    A tie that waits for lots is not final either.
    """
    with database.reading() as session:
        election = store.election(session, election_id)
        if election.stage != PUBLISHED:
            raise NotFound(say("Election {number} is not a published one.", number=str(election_id)))
        # The state is read before the votes: once it is final, no vote can come any more.
        if tallies.current(session, election, now).state is not State.FINAL:
            raise Conflict(say("Not everything of election {number} is counted.", number=str(election_id)))
        votes = tallies.votes(session, election_id)
        rules = rules_of(election)
        results = final_seats(session, election, rules) if rules else _shares(votes)
        refused = tallies.refused_ballots(session, election_id, officials=True)
        # A ballot that its voter sent twice is cast alike both times, and the voter's receipt names it.
        return Results(_lists(election, results), refused, names_choices=election.ballot_key is None)


def _shares(votes: Mapping[int, int]) -> dict[int, float]:
    return {number: float(share) for number, share in shares(votes, sum(votes.values())).items()}


def _lists(election: Election, results: Mapping[int, int | float]) -> list[ListResult]:
    return [
        ListResult(entry.poll_number, entry.participant.name, results[entry.poll_number]) for entry in election.entries
    ]
