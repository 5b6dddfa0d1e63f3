"""Candidates whom everybody sees, written as the administration does when it approves them."""

from hashlib import sha256

import sqlalchemy as sa

from shared.schema.election import Candidate, CandidatePublication, Entry
from tests.services.pictures import picture
from tests.services.recorded import NOON, Recorded


def approve(
    recorded: Recorded,
    election: int,
    poll_number: int,
    forename: str,
    surname: str,
    *,
    place: int = 1,
    post: str = "",
    biography: str = "",
    has_picture: bool = False,
) -> int:
    """Let a list of an election have a public candidate at this place; the number of the candidate."""
    photograph = picture((90, 120), "JPEG") if has_picture else None
    words = {"forename": forename, "surname": surname, "post": post, "code_name": "", "biography": biography}
    with recorded.database.writing() as session:
        party = session.scalars(
            sa.select(Entry.participant_id).where(Entry.election_id == election, Entry.poll_number == poll_number)
        ).one()
        candidate = Candidate(
            participant_id=party, place=place, approval="approved", approval_reason="", created_at=NOON, **words
        )
        session.add(candidate)
        session.flush()
        digest = sha256(photograph).hexdigest() if photograph else None
        session.add(
            CandidatePublication(candidate_id=candidate.id, large=photograph, small=photograph, sha256=digest, **words)
        )
        return candidate.id
