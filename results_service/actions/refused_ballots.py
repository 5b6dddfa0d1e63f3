"""The ballots of an election that do not count."""

from dataclasses import dataclass

from results_service.actions import SETTLED, Desk, look_at_count, tag_of
from results_service.actions.answers import Answer, Known
from shared import tallies


@dataclass(frozen=True)
class Refusals:
    """A page of the ballots that do not count, and whether it may be said how they were cast."""

    items: list[tallies.RefusedBallot]
    total: int
    names_choices: bool


def list_refused_ballots(desk: Desk, election_id: int, limit: int, offset: int, known: Known) -> Answer[Refusals]:
    """The ballots of an election that are not counted, in the order of receipt."""
    with desk.database.reading() as session:
        counted, standing = look_at_count(desk, session, election_id)
        tag = tag_of(counted, standing)
        if known(tag):
            return Answer(tag, standing.state in SETTLED, None)
        items = tallies.refused_ballots(session, election_id, limit, offset, officials=False)
        # A ballot that its voter sent twice is cast alike both times, and the voter's receipt names it.
        names_choices = counted.election.ballot_key is None
        counts = counted.sums.counts
        return Answer(tag, standing.state in SETTLED, Refusals(items, counts.duplicate + counts.invalid, names_choices))
