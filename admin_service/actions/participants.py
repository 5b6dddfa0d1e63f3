"""Participants: the parties and individuals that may stand in elections."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from admin_service import store
from admin_service.rules.elections import NOTICE
from shared.database import Database
from shared.errors import Conflict
from shared.journal.events import difference
from shared.journal.store import note
from shared.schema.election import Participant


def create(database: Database, name: str, individual: bool, now: datetime) -> Participant:
    """Make a party or an individual known. Two may have the same name, as in life."""
    with database.writing() as session:
        participant = Participant(name=name, individual=individual, created_at=now)
        session.add(participant)
        session.flush()
        note(session, "participant.created", f"participant {participant.id}", _facts(participant))
        return participant


def change(
    database: Database,
    participant_id: int,
    check: Callable[[int], None],
    now: datetime,
    name: str | None = None,
    individual: bool | None = None,
) -> Participant:
    """Change what is not None.

    Raises Conflict for the name of a participant on a ballot that is frozen, because ballots and results say it, and
    for the sort of one that stands anywhere, because no election takes both sorts.
    """
    with database.writing() as session:
        participant = store.participant(session, participant_id, lock=True)
        check(participant.version)
        before = _facts(participant)
        if name is not None and name != participant.name:
            if store.stands(session, participant_id, begun_by=now + NOTICE):
                raise Conflict(
                    "This participant stands in an election that has begun; its name is frozen.", field="name"
                )
            participant.name = name
        if individual is not None and individual != participant.individual:
            if store.stands(session, participant_id):
                raise Conflict(
                    "This participant stands in an election; whether it is an individual is settled.",
                    field="individual",
                )
            participant.individual = individual
        session.flush()
        note(session, "participant.changed", f"participant {participant_id}", difference(before, _facts(participant)))
        return participant


def delete(database: Database, participant_id: int, check: Callable[[int], None] | None = None) -> None:
    """Forget a participant that nothing refers to; Conflict when it stands in an election or has candidates."""
    with database.writing() as session:
        participant = store.participant(session, participant_id, lock=True)
        if check is not None:
            check(participant.version)
        if store.is_used(session, participant_id):
            raise Conflict("This participant stands in an election or has candidates, so it cannot be deleted.")
        session.delete(participant)
        note(session, "participant.deleted", f"participant {participant_id}", _facts(participant))


def _facts(participant: Participant) -> dict[str, Any]:
    return {"name": participant.name, "individual": participant.individual}
