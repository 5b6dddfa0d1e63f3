"""Candidates: the people on the lists of parties and behind individual participants."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from admin_service import store
from shared.database import Database
from shared.errors import Conflict, InvalidInput
from shared.journal.events import difference
from shared.journal.store import note
from shared.schema.election import Candidate
from shared.sentences import say
from shared.terms import Approval


def create(database: Database, participant_id: int, texts: Mapping[str, str], now: datetime) -> Candidate:
    """Put a person forward for a participant; an administrator still has to approve. ``texts`` by column."""
    with database.writing() as session:
        if participant_id not in store.known_participants(session, [participant_id]):
            raise InvalidInput(
                say("There is no participant {number}.", number=str(participant_id)), field="participant_id"
            )
        candidate = Candidate(participant_id=participant_id, created_at=now, **texts)
        session.add(candidate)
        session.flush()
        note(session, "candidate.created", f"candidate {candidate.id}", _facts(candidate))
        return candidate


def change(database: Database, candidate_id: int, check: Callable[[int], None], texts: Mapping[str, str]) -> Candidate:
    """Change the texts that are given. Whoever had been decided on waits again: it was decided on other words."""
    with database.writing() as session:
        candidate = store.candidate(session, candidate_id, lock=True)
        check(candidate.version)
        before = _facts(candidate)
        changed = {column: text for column, text in texts.items() if getattr(candidate, column) != text}
        for column, text in changed.items():
            setattr(candidate, column, text)
        if changed:
            candidate.approval = Approval.WAITING.value
            candidate.approval_reason = ""
        session.flush()
        note(session, "candidate.changed", f"candidate {candidate_id}", difference(before, _facts(candidate)))
        return candidate


def decide(
    database: Database, candidate_id: int, check: Callable[[int], None], decision: Approval, reason: str
) -> Candidate:
    """Approve or refuse a candidate; a refusal says why."""
    if decision is Approval.WAITING:
        raise InvalidInput("A decision is to approve or to refuse.", field="decision")
    if decision is Approval.REFUSED and not reason:
        raise InvalidInput("Who is refused is told why.", field="reason")
    with database.writing() as session:
        candidate = store.candidate(session, candidate_id, lock=True)
        check(candidate.version)
        if candidate.approval == decision.value:
            is_approved = decision is Approval.APPROVED
            raise Conflict(
                say("This candidate is approved already.") if is_approved else say("This candidate is refused already.")
            )
        before = _facts(candidate)
        candidate.approval = decision.value
        candidate.approval_reason = reason
        session.flush()
        note(session, "candidate.decided", f"candidate {candidate_id}", difference(before, _facts(candidate)))
        return candidate


def delete(database: Database, candidate_id: int, check: Callable[[int], None] | None = None) -> None:
    """Forget a candidate."""
    with database.writing() as session:
        candidate = store.candidate(session, candidate_id, lock=True)
        if check is not None:
            check(candidate.version)
        store.delete_picture(session, candidate_id)
        session.delete(candidate)
        note(session, "candidate.deleted", f"candidate {candidate_id}", _facts(candidate))


def _facts(candidate: Candidate) -> dict[str, Any]:
    names = ("participant_id", "forename", "surname", "post", "code_name", "biography", "approval", "approval_reason")
    return {name: getattr(candidate, name) for name in names}
