"""Candidates: the people on the lists of parties and behind individual participants.

An administrator may change everybody; a campaign director the candidates of one participant, and a candidate himself,
both as an ``Owner``: only until the election opens, and what they have changed has to be sent for approval. What was
approved last stays public meanwhile.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from admin_service import store
from admin_service.actions.party import freezing_elections
from admin_service.rules.candidates import (
    INVITATION,
    MOST_CANDIDATES,
    check_complete,
    check_may_submit,
    check_not_frozen,
    key_of,
)
from admin_service.store import lists
from shared.database import Database
from shared.errors import Conflict, InvalidInput, NotFound
from shared.journal.events import difference
from shared.journal.store import note
from shared.schema.election import Candidate
from shared.sentences import say
from shared.terms import Approval


@dataclass(frozen=True)
class Owner:
    """Who acts for himself: the director of a participant, or the account of a candidate; exactly one of the two."""

    participant_id: int | None = None
    account_id: int | None = None

    def has(self, candidate: Candidate) -> bool:
        """Whether a candidate is his to read and to change."""
        if self.participant_id is not None:
            return candidate.participant_id == self.participant_id
        return self.account_id is not None and candidate.account_id == self.account_id


@dataclass(frozen=True)
class Invitation:
    """What links an account to a candidate: told once, to whoever has made it, and good until it expires."""

    code: str
    expires_at: datetime
    candidate: Candidate


def find(session: Session, candidate_id: int, owner: Owner | None, *, lock: bool = False) -> Candidate:
    """A candidate. NotFound, in the same words, for one that there is not and for one that is not the owner's."""
    if owner is None:
        return store.candidate(session, candidate_id, lock=lock)
    try:
        found = store.candidate(session, candidate_id, lock=lock)
    except NotFound:
        found = None
    if found is None or not owner.has(found):
        raise NotFound(say("There is no candidate {number} of yours.", number=str(candidate_id)))
    return found


def find_to_change(
    session: Session, candidate_id: int, check: Callable[[int], None], owner: Owner | None, now: datetime
) -> Candidate:
    """The same, locked, and as somebody has read it; Conflict for an owner while the candidates are frozen."""
    candidate = find(session, candidate_id, owner, lock=True)
    check(candidate.version)
    if owner is not None:
        check_not_frozen(freezing_elections(session, candidate.participant_id, now), now)
    return candidate


def create(
    database: Database, participant_id: int, texts: Mapping[str, str], now: datetime, owner: Owner | None = None
) -> Candidate:
    """Put a person forward, last on the list of a participant. ``texts`` by column.

    Whom an administrator puts forward waits for a decision; whom a director does, until that is sent for approval.
    """
    with database.writing() as session:
        if participant_id not in store.known_participants(session, [participant_id]):
            raise InvalidInput(
                say("There is no participant {number}.", number=str(participant_id)), field="participant_id"
            )
        # Two who put somebody forward at once would give both the same place.
        store.participant(session, participant_id, lock=True)
        if owner is not None:
            check_not_frozen(freezing_elections(session, participant_id, now), now)
        count, last = lists.places_taken(session, participant_id)
        if count >= MOST_CANDIDATES:
            raise Conflict(say("A participant has at most {most} candidates.", most=MOST_CANDIDATES))
        candidate = Candidate(
            participant_id=participant_id,
            created_at=now,
            submitted_at=now if owner is None else None,
            place=last + 1,
            **texts,
        )
        session.add(candidate)
        session.flush()
        note(session, "candidate.created", f"candidate {candidate.id}", _facts(candidate))
        return candidate


def change(
    database: Database,
    candidate_id: int,
    check: Callable[[int], None],
    texts: Mapping[str, str],
    now: datetime,
    owner: Owner | None = None,
) -> Candidate:
    """Change the texts that are given. Whoever had been decided on waits again: it was decided on other words."""
    with database.writing() as session:
        candidate = find_to_change(session, candidate_id, check, owner, now)
        before = _facts(candidate)
        changed = {column: text for column, text in texts.items() if getattr(candidate, column) != text}
        for column, text in changed.items():
            setattr(candidate, column, text)
        if changed:
            wait_again(candidate, owner, now)
        session.flush()
        note(session, "candidate.changed", f"candidate {candidate_id}", difference(before, _facts(candidate)))
        return candidate


def wait_again(candidate: Candidate, owner: Owner | None, now: datetime) -> None:
    """Let what was changed be decided on anew: at once after an administrator, else when it is sent for approval.

    Until then an owner sees why it was refused.
    """
    if owner is None or candidate.approval != Approval.REFUSED:
        candidate.approval = Approval.WAITING.value
        candidate.approval_reason = ""
    candidate.submitted_at = now if owner is None else None


def submit(
    database: Database, candidate_id: int, check: Callable[[int], None], owner: Owner, now: datetime
) -> Candidate:
    """Send a profile for approval.

    InvalidInput names what it lacks; Conflict where nothing has changed since it was sent, or the candidates are
    frozen.
    """
    with database.writing() as session:
        candidate = find_to_change(session, candidate_id, check, owner, now)
        check_may_submit(Approval(candidate.approval), candidate.submitted_at is not None)
        has_picture = bool(store.with_pictures(session, [candidate_id]))
        check_complete(candidate.post, candidate.biography, has_picture)
        before = _facts(candidate)
        candidate.approval = Approval.WAITING.value
        candidate.approval_reason = ""
        candidate.submitted_at = now
        session.flush()
        told = {"submitted_at": now, **difference(before, _facts(candidate))}
        note(session, "candidate.submitted", f"candidate {candidate_id}", told)
        return candidate


def decide(
    database: Database,
    candidate_id: int,
    check: Callable[[int], None],
    decision: Approval,
    reason: str,
    now: datetime,
    *,
    withdraw: bool = False,
) -> Candidate:
    """Approve or refuse a candidate; a refusal says why.

    What is approved becomes public as it is. What is refused after an earlier version was approved leaves that one
    public, unless it is what was approved, or ``withdraw`` says so.
    """
    if decision is Approval.WAITING:
        raise InvalidInput("A decision is to approve or to refuse.", field="decision")
    is_approved = decision is Approval.APPROVED
    if not is_approved and not reason:
        raise InvalidInput("Who is refused is told why.", field="reason")
    with database.writing() as session:
        candidate = store.candidate(session, candidate_id, lock=True)
        check(candidate.version)
        is_withdrawn = withdraw and not is_approved and candidate.published_at is not None
        if candidate.approval == decision.value and not is_withdrawn:
            raise Conflict(
                say("This candidate is approved already.") if is_approved else say("This candidate is refused already.")
            )
        if is_approved and candidate.submitted_at is None:
            raise Conflict("This is still being written; it is decided on when it is sent for approval.")
        before = _facts(candidate)
        if is_approved:
            lists.publish(session, candidate, now)
        elif is_withdrawn or candidate.approval == Approval.APPROVED:
            lists.unpublish(session, candidate)
        candidate.approval = decision.value
        candidate.approval_reason = reason
        session.flush()
        note(session, "candidate.decided", f"candidate {candidate_id}", difference(before, _facts(candidate)))
        return candidate


def delete(
    database: Database,
    candidate_id: int,
    check: Callable[[int], None] | None,
    now: datetime,
    owner: Owner | None = None,
) -> None:
    """Forget a candidate, the picture and what was public."""
    with database.writing() as session:
        candidate = find_to_change(session, candidate_id, check or _whatever, owner, now)
        told = _facts(candidate)
        store.delete_picture(session, candidate_id)
        lists.unpublish(session, candidate)
        session.flush()
        session.delete(candidate)
        note(session, "candidate.deleted", f"candidate {candidate_id}", told)


def invite(
    database: Database, candidate_id: int, check: Callable[[int], None], now: datetime, owner: Owner | None = None
) -> Invitation:
    """Make the code by which a candidate links an account to himself; an earlier one is good no more.

    The code has 128 random bits, and the store only its hash.
    """
    code = secrets.token_urlsafe(16)
    with database.writing() as session:
        candidate = find(session, candidate_id, owner, lock=True)
        check(candidate.version)
        candidate.invitation_key = key_of(code)
        candidate.invitation_expires_at = now + INVITATION
        session.flush()
        note(session, "candidate.invited", f"candidate {candidate_id}", {"expires_at": now + INVITATION})
        return Invitation(code, now + INVITATION, candidate)


def accept(database: Database, code: str, account_id: int | None, now: datetime) -> Candidate:
    """Link an account to the candidate who was invited with this code; it takes the place of one that was linked.

    InvalidInput, in the same words, for a code of nobody and for one that has run out or was taken up.
    """
    if account_id is None:
        raise Conflict("Sign in again; your token does not say yet which account it is of.")
    with database.writing() as session:
        candidate = lists.by_invitation(session, key_of(code))
        expires = candidate.invitation_expires_at if candidate else None
        if candidate is None or expires is None or expires <= now:
            raise InvalidInput(
                "No invitation has this code, or it has run out or was taken up. Ask whoever has invited you for a "
                "new one.",
                field="code",
            )
        told = {"account": {"from": candidate.account_id, "to": account_id}}
        candidate.account_id = account_id
        candidate.invitation_key = candidate.invitation_expires_at = None
        session.flush()
        note(session, "candidate.linked", f"candidate {candidate.id}", told)
        return candidate


def unlink(
    database: Database, candidate_id: int, check: Callable[[int], None], owner: Owner | None = None
) -> Candidate:
    """Let no account act for a candidate, and no invitation be good; NotFound where there is neither."""
    with database.writing() as session:
        candidate = find(session, candidate_id, owner, lock=True)
        check(candidate.version)
        if candidate.account_id is None and candidate.invitation_key is None:
            raise NotFound("This candidate has neither an account nor an invitation.")
        told = {"account": {"from": candidate.account_id, "to": None}}
        candidate.account_id = candidate.invitation_key = candidate.invitation_expires_at = None
        session.flush()
        note(session, "candidate.unlinked", f"candidate {candidate_id}", told)
        return candidate


def _whatever(_version: int) -> None:
    """Whoever names no version deletes whatever there is."""


def _facts(candidate: Candidate) -> dict[str, Any]:
    names = ("participant_id", "forename", "surname", "post", "code_name", "biography", "approval", "approval_reason")
    return {name: getattr(candidate, name) for name in names} | {"is_public": candidate.published_at is not None}
