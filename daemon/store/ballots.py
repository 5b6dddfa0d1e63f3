"""The stored ballots: new ones in, and the answer to who came first."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from daemon.store.bulk import NewBallots, load, split
from shared.schema.election import Ballot

__all__ = ["NewBallots", "insert", "split"]

# SQLite takes 32,766 parameters a statement, PostgreSQL 65,535; MySQL's optimizer likes short lists.
_GUIDS_A_QUERY = 1_000


def insert(session: Session, election_id: int, parts: Sequence[NewBallots]) -> dict[bytes, int]:
    """Insert the ballots whose GUID the election does not have yet; of several with one GUID, the first.

    Returns nothing when all GUIDs were new. Otherwise it says of every GUID that may have been there before, or may
    be among ``parts`` twice, which part it came in first.
    """
    doubtful = load(session.connection(), election_id, parts)
    found: dict[bytes, int] = {}
    for start in range(0, len(doubtful), _GUIDS_A_QUERY):
        chunk = doubtful[start : start + _GUIDS_A_QUERY]
        rows = session.execute(
            sa.select(Ballot.guid, Ballot.source).where(Ballot.election_id == election_id, Ballot.guid.in_(chunk))
        )
        found.update((guid, source) for guid, source in rows)
    if not found.keys() >= set(doubtful):
        raise RuntimeError("The database has neither taken nor kept a ballot that it was given.")
    return found
