"""How each ballot was cast, by its GUID, for everybody: once the count is final, in elections whose rules say so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from results_service.actions import Desk
from results_service.actions.answers import Answer, Known
from results_service.actions.counted_ballots import AT_ONCE, CountedBallot, once_final, whole
from results_service.rules.holding_back import tells_choices
from results_service.store import choices as rows
from shared import tallies
from shared.errors import Conflict, NotFound
from shared.schema.election import Election
from shared.sentences import say


@dataclass(frozen=True)
class Choice(CountedBallot):
    """A counted ballot and whom it is for."""

    poll_number: int


def are_told(session: Session, election: Election, now: datetime) -> bool:
    """Whether everybody may read how the ballots of an election were cast."""
    state = tallies.current(session, election, now).state
    return tells_choices(election.ballot_key, state, choices_public=election.choices_public)


def list_choices(desk: Desk, election_id: int, after: UUID | None, limit: int, known: Known) -> Answer[list[Choice]]:
    """Counted ballots in the order of their GUIDs, the first ones or those after a GUID.

    NotFound for a draft and where the rules of the election publish no choices; Conflict before the count is final.
    Neither depends on what the caller has already.
    """

    def check(session: Session, election: Election) -> None:
        if election.ballot_key is None or not election.choices_public:
            raise NotFound(say("The rules of this election do not say that everybody may read how a ballot was cast."))
        if not are_told(session, election, desk.now()):
            raise Conflict(say("How the ballots were cast can be read once the count is final."))

    def read(session: Session, election: Election) -> list[Choice]:
        numbers = [entry.poll_number for entry in election.entries]
        found = rows.choices(session, election_id, numbers, after.bytes if after else None, limit)
        return [Choice(guid, number) for guid, number in found]

    return once_final(desk, election_id, known, check, read)


def all_choices(desk: Desk, election_id: int, known: Known) -> Answer[Iterator[list[Choice]]]:
    """All of them, some at a time; the same errors, before there is anything to go through."""
    return whole(lambda after, has: list_choices(desk, election_id, after, AT_ONCE, has), known)
