"""The pictures of candidates. Voters are shown them, so an administrator decides about them as about the words."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from admin_service import pictures, store
from admin_service.actions.candidates import Owner, find, find_to_change, wait_again
from shared.database import Database
from shared.errors import InvalidInput, NotFound, TooLarge
from shared.journal.store import note
from shared.schema.election import Candidate, CandidatePicture
from shared.sentences import say


class Size(StrEnum):
    """The two pictures that there are of each candidate who has any."""

    LARGE = "large"
    SMALL = "small"


def put(
    database: Database,
    candidate_id: int,
    check: Callable[[int], None],
    content: bytes,
    now: datetime,
    owner: Owner | None = None,
) -> Candidate:
    """Take a JPEG, PNG or WebP for the picture of a candidate, who waits for a decision again.

    InvalidInput with the field ``picture`` for what is no such file, or too many pixels; TooLarge for too many bytes.
    """
    if len(content) > pictures.MOST_BYTES:
        most = pictures.MOST_BYTES >> 20
        raise TooLarge(say("A picture has at most {most} MiB; make it smaller.", most=most), field="picture")
    if owner is not None:
        # What is refused in any case costs no picture.
        with database.reading() as session:
            find(session, candidate_id, owner)
    made = pictures.make(content)
    if made.refused:
        raise InvalidInput(made.refused, field="picture")
    digest = hashlib.sha256(made.large).hexdigest()
    with database.writing() as session:
        candidate = find_to_change(session, candidate_id, check, owner, now)
        session.merge(
            CandidatePicture(
                candidate_id=candidate_id, large=made.large, small=made.small, sha256=digest, created_at=now
            )
        )
        _wait_again(candidate, owner, now)
        session.flush()
        note(session, "picture.put", f"picture {candidate_id}", {"sha256": digest})
        return candidate


def read(database: Database, candidate_id: int, size: Size, owner: Owner | None = None) -> tuple[bytes, str]:
    """A picture as JPEG, and a tag that differs when it does; NotFound where there is none."""
    with database.reading() as session:
        find(session, candidate_id, owner)
        columns = {Size.LARGE: CandidatePicture.large, Size.SMALL: CandidatePicture.small}
        found = store.picture(session, candidate_id, columns[size])
    if found is None:
        raise NotFound("This candidate has no picture.")
    content, digest = found
    return content, f"{digest[:32]}-{size}"


def delete(
    database: Database,
    candidate_id: int,
    check: Callable[[int], None],
    now: datetime,
    owner: Owner | None = None,
) -> Candidate:
    """Take the picture of a candidate away, who waits for a decision again; NotFound where there is none."""
    with database.writing() as session:
        candidate = find_to_change(session, candidate_id, check, owner, now)
        if not store.delete_picture(session, candidate_id):
            raise NotFound("This candidate has no picture.")
        _wait_again(candidate, owner, now)
        session.flush()
        note(session, "picture.deleted", f"picture {candidate_id}", {"candidate": candidate_id})
        return candidate


def _wait_again(candidate: Candidate, owner: Owner | None, now: datetime) -> None:
    wait_again(candidate, owner, now)
    # The picture is in a table of its own; the candidate's version has to count its change all the same.
    store.touch(candidate)
