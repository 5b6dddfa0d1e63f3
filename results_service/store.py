"""What the results service reads. It writes nothing; its database user could not."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload

from shared.schema.election import DRAFT, Election, ElectionBase, Partition


def hold_still(session: Session) -> None:
    """Let every query of this session see the same moment; to be called before its first query.

    Otherwise a part that is recorded between two queries would make sums that do not add up. SQLite does this anyway.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def published(session: Session, election_id: int) -> Election | None:
    """The election with its entries, unless it is a draft: nobody may see those here."""
    return session.scalar(sa.select(Election).where(Election.id == election_id, Election.stage != DRAFT))


def published_page(session: Session, limit: int, offset: int) -> tuple[int, list[Election]]:
    """How many elections are not drafts, and some of them without their entries, those that begin last first."""
    total = session.scalar(sa.select(sa.func.count()).select_from(Election).where(Election.stage != DRAFT))
    found = session.scalars(
        sa.select(Election)
        .where(Election.stage != DRAFT)
        .options(lazyload(Election.entries))
        .order_by(Election.start.desc(), Election.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return total or 0, list(found)


def positions(session: Session) -> list[tuple[int, int]]:
    """How many parts of each partition are recorded: as long as none of these grows, no sum changes."""
    rows = session.execute(sa.select(Partition.partition, Partition.sequence).order_by(Partition.partition))
    return [(partition, sequence) for partition, sequence in rows]


def touch_every_table(session: Session) -> None:
    """Fail if a table or a column that this program knows is not there; reads no row."""
    for table in ElectionBase.metadata.sorted_tables:
        session.execute(sa.select(table).where(sa.false()))
