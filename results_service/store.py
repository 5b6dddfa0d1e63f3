"""What the results service reads. It writes nothing; its database user could not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, lazyload

from shared import tallies
from shared.schema.election import (
    DRAFT,
    Batch,
    DeadLetter,
    DifferenceNote,
    Dismissal,
    Election,
    ElectionBase,
    Entry,
    Part,
    Participant,
    Partition,
    RefusedLine,
    SheetEvent,
    SheetPhotograph,
    Tally,
    TallySheet,
)


@dataclass(frozen=True)
class Look:
    """Everything but the time that an answer about an election depends on: as long as it is the same, so is the answer.

    ``names`` grows with each change of the name of somebody who stands in it.
    """

    version: int
    names: int
    dead_letter: bool
    partitions: tuple["Reached", ...]

    @property
    def ballot(self) -> tuple[int, int]:
        """Changes whenever an administrator changes the election, or the name of one who stands in it."""
        return (self.version, self.names)

    @property
    def drained(self) -> datetime | None:
        """The moment before which everything received is counted; see ``shared.tallies.Standing``."""
        return tallies.least_of([partition.watermark for partition in self.partitions])

    @property
    def places(self) -> Mapping[int, int]:
        """The place of the last part of each partition that there is."""
        return {partition.number: partition.place for partition in self.partitions}

    @property
    def owners(self) -> list[tuple[int, int]]:
        """Which partitions there are and how often each was claimed: another number of them means other owners, too."""
        return [(partition.number, partition.epoch) for partition in self.partitions]


@dataclass(frozen=True)
class Reached:
    """How far one partition is."""

    number: int
    epoch: int
    place: int
    watermark: datetime | None


_NAMES = (
    sa.select(sa.func.coalesce(sa.func.sum(Participant.version), 0))
    .join_from(Entry, Participant)
    .where(Entry.election_id == Election.id)
    .scalar_subquery()
)
# Kept, because it costs less to execute than to put together.
_LOOK = (
    sa.select(
        Election.version,
        _NAMES.label("names"),
        tallies.HAS_DEAD_LETTER.label("dead_letter"),
        Partition.partition,
        Partition.epoch,
        Partition.sequence,
        Partition.watermark,
    )
    .select_from(Election)
    .outerjoin(Partition, sa.true())
    .where(Election.id == sa.bindparam("election"))
    .order_by(Partition.partition)
)


def hold_still(engine: sa.Engine) -> None:
    """Let every transaction of this engine see one moment, that of its first query.

    Otherwise a part that is recorded between two queries would make sums that do not add up. SQLite does this anyway.
    """
    if engine.dialect.name != "sqlite":
        sa.event.listen(
            engine, "connect", lambda connection, _: engine.dialect.set_isolation_level(connection, "REPEATABLE READ")
        )


def look(session: Session, election_id: int) -> Look | None:
    """See in one query whether anything has changed about an election; None when there is no such election."""
    rows = session.execute(_LOOK, {"election": election_id}).all()
    if not rows:
        return None
    return Look(
        version=rows[0].version,
        # MySQL and PostgreSQL sum integers to decimals, and MySQL has no type for the truth.
        names=int(rows[0].names),
        dead_letter=bool(rows[0].dead_letter),
        partitions=tuple(
            Reached(row.partition, row.epoch, row.sequence, row.watermark) for row in rows if row.partition is not None
        ),
    )


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


# Whole tables, and of the others no more than the queries here and in ``shared.tallies`` need. The service's database
# user may read exactly this (deploy/grants/election.*.sql): no ballot, and nothing of what a station received.
READ: tuple[type[ElectionBase] | tuple[InstrumentedAttribute[Any], ...], ...] = (
    Participant,
    Election,
    Entry,
    Tally,
    (Batch.id, Batch.election_id, Batch.received_at),
    (
        *(Part.batch_id, Part.part, Part.partition, Part.sequence, Part.election_id),
        *(Part.counted, Part.duplicate, Part.invalid, Part.outside),
    ),
    (
        *(RefusedLine.batch_id, RefusedLine.line, RefusedLine.election_id),
        *(RefusedLine.guid, RefusedLine.poll_number, RefusedLine.reason),
    ),
    (DeadLetter.batch_id, DeadLetter.part, DeadLetter.received_at, DeadLetter.not_before),
    (Dismissal.batch_id, Dismissal.part),
    (Partition.partition, Partition.epoch, Partition.sequence, Partition.watermark),
    TallySheet,
    SheetEvent,
    (
        *(SheetPhotograph.id, SheetPhotograph.election_id, SheetPhotograph.station_id, SheetPhotograph.actor),
        *(SheetPhotograph.at, SheetPhotograph.name, SheetPhotograph.media_type, SheetPhotograph.sha256),
        SheetPhotograph.size,
    ),
    DifferenceNote,
)


def touch_what_is_read(session: Session) -> None:
    """Fail if a table or a column that this program reads is not there, or may not be read; reads no row."""
    for read in READ:
        columns = read if isinstance(read, tuple) else tuple(read.__table__.columns)
        session.execute(sa.select(*columns).where(sa.false()))
