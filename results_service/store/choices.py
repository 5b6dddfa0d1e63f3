"""How ballots were cast, by their GUIDs, as far as everybody may know it.

The service has no right on that column of the ballots. It reads a view that is empty unless the rules of the election
publish choices and everything received by its end is counted.
"""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.database import Guid

PUBLISHED = sa.table(
    "published_choices",
    sa.column("election_id", sa.Integer),
    sa.column("guid", Guid),
    sa.column("poll_number", sa.BigInteger),
)


def choices(
    session: Session, election_id: int, poll_numbers: Sequence[int], after: bytes | None, limit: int
) -> list[tuple[UUID, int]]:
    """Counted ballots in the order of their GUIDs, which says nothing of who came when: those after a GUID."""
    found = session.execute(
        sa.select(PUBLISHED.c.guid, PUBLISHED.c.poll_number)
        .where(
            PUBLISHED.c.election_id == election_id,
            PUBLISHED.c.guid > after if after else sa.true(),
            # A ballot for a number that nobody has takes its GUID up and is not counted.
            PUBLISHED.c.poll_number.in_(poll_numbers),
        )
        .order_by(PUBLISHED.c.guid)
        .limit(limit)
    )
    return [(UUID(bytes=row.guid), row.poll_number) for row in found]


def choice(session: Session, election_id: int, guid: bytes) -> int | None:
    """The poll number of one ballot; None where it is not published."""
    return session.scalar(
        sa.select(PUBLISHED.c.poll_number).where(PUBLISHED.c.election_id == election_id, PUBLISHED.c.guid == guid)
    )


def touch(session: Session) -> None:
    """Fail if the view is not there, or may not be read."""
    session.execute(sa.select(*PUBLISHED.c).where(sa.false()))
