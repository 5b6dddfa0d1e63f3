"""The stored ballots: new ones in, and the answer to who came first."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy.orm import Session

from daemon.store.bulk import NewBallots, load, sources, split

__all__ = ["NewBallots", "insert", "split"]


def insert(session: Session, election_id: int, parts: Sequence[NewBallots]) -> dict[bytes, int]:
    """Insert the ballots whose GUID the election does not have yet; of several with one GUID, the first.

    ``parts`` are all that one transaction inserts. Returns which part each GUID came in first that was there before,
    or is there several times; of nearly all uploads none.
    """
    connection = session.connection()
    doubtful = load(connection, election_id, parts)
    if not doubtful.guids:
        return {}
    places = [part.source for part in parts]
    came_in = sources(connection, election_id, doubtful.guids, range(min(places), max(places) + 1))
    times = Counter(doubtful.guids)
    repeated = [guid for guid, often in times.items() if often > 1 and guid not in came_in]
    left_out = sum(times[guid] for guid in came_in) + sum(times[guid] - 1 for guid in repeated)
    if left_out != doubtful.left_out:
        raise RuntimeError(f"The database has left out {doubtful.left_out} ballots, and not the {left_out} duplicates.")
    return came_in | sources(connection, election_id, repeated)
