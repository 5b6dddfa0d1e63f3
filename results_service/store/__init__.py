"""What the results service reads. It writes nothing; its database user could not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, lazyload

from results_service.store import choices
from shared import tallies
from shared.schema.election import (
    DRAFT,
    Ballot,
    Batch,
    Candidate,
    CandidatePublication,
    Constituency,
    DeadLetter,
    Dismissal,
    Election,
    ElectionBase,
    Electorate,
    ElectorateConstituency,
    ElectorateStation,
    Entry,
    Part,
    Participant,
    Partition,
    PollingCentre,
    PollingStation,
    RefusedLine,
    Region,
    SheetEvent,
    Tally,
    TallySheet,
)
from shared.terms import SheetState

# A statement may have so many values in every database.
_AT_ONCE = 500


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
# user may read exactly this (deploy/grants/election.*.sql): for whom no ballot is, and nothing that a station received.
READ: tuple[type[ElectionBase] | tuple[InstrumentedAttribute[Any], ...], ...] = (
    Participant,
    Election,
    Entry,
    # Who stands in it as was approved, and of what waits for approval nothing.
    (Candidate.id, Candidate.participant_id, Candidate.place),
    CandidatePublication,
    Tally,
    (Batch.id, Batch.election_id, Batch.station_id, Batch.received_at),
    (
        *(
            Part.batch_id,
            Part.part,
            Part.partition,
            Part.sequence,
            Part.election_id,
            Part.received_at,
            Part.recorded_at,
        ),
        *(Part.counted, Part.duplicate, Part.invalid, Part.outside),
    ),
    (
        *(RefusedLine.batch_id, RefusedLine.line, RefusedLine.election_id),
        *(RefusedLine.guid, RefusedLine.poll_number, RefusedLine.reason),
    ),
    (
        *(DeadLetter.batch_id, DeadLetter.part, DeadLetter.received_at, DeadLetter.not_before),
        *(DeadLetter.ballots, DeadLetter.buried_at),
    ),
    Dismissal,
    # Whether a voter's ballot is there, and not for whom.
    (Ballot.election_id, Ballot.guid),
    (Partition.partition, Partition.epoch, Partition.sequence, Partition.watermark),
    Electorate,
    ElectorateConstituency,
    ElectorateStation,
    (Region.id, Region.name, Region.version),
    (Constituency.id, Constituency.region_id, Constituency.name, Constituency.seats, Constituency.version),
    (
        *(PollingCentre.id, PollingCentre.constituency_id, PollingCentre.municipality, PollingCentre.name),
        *(PollingCentre.latitude, PollingCentre.longitude, PollingCentre.version),
    ),
    (
        *(PollingStation.id, PollingStation.centre_id, PollingStation.code, PollingStation.registered),
        *(PollingStation.status, PollingStation.version),
    ),
    TallySheet,
    (
        *(SheetEvent.election_id, SheetEvent.station_id, SheetEvent.number, SheetEvent.act, SheetEvent.at),
        *(SheetEvent.numbers, SheetEvent.chosen, SheetEvent.reason),
    ),
)


def touch_what_is_read(session: Session) -> None:
    """Fail if a table or a column that this program reads is not there, or may not be read; reads no row."""
    for read in READ:
        columns = read if isinstance(read, tuple) else tuple(read.__table__.columns)
        session.execute(sa.select(*columns).where(sa.false()))
    choices.touch(session)


_SHEETS = (
    sa.select(
        sa.func.count(),
        sa.func.sum(TallySheet.last),
        sa.func.sum(TallySheet.standing),
        sa.func.max(TallySheet.changed_at),
    )
    .select_from(TallySheet)
    .where(TallySheet.election_id == sa.bindparam("election"))
)


def fingerprint_of_sheets(session: Session, election_id: int) -> str:
    """Another text whenever the tally sheets of an election may say something else."""
    return "/".join(map(str, session.execute(_SHEETS, {"election": election_id}).one()))


def accepted_sheets(session: Session, election_id: int) -> dict[int, tuple[int, datetime]]:
    """Of each accepted sheet, by its station, the number of the entry that stands and the moment of its last change."""
    rows = session.execute(
        sa.select(TallySheet.station_id, TallySheet.standing, TallySheet.changed_at).where(
            TallySheet.election_id == election_id,
            TallySheet.state == SheetState.ACCEPTED.value,
            TallySheet.standing.is_not(None),
        )
    )
    return {row.station_id: (row.standing, row.changed_at) for row in rows}


def entries_of_sheets(session: Session, election_id: int, entries: Mapping[int, int]) -> dict[int, Mapping[str, Any]]:
    """The numbers of one entry of each station's sheet, by station; ``entries`` are the numbers of the entries."""
    found: dict[int, Mapping[str, Any]] = {}
    wanted = sorted(entries)
    for start in range(0, len(wanted), _AT_ONCE):
        rows = session.execute(
            sa.select(SheetEvent.station_id, SheetEvent.number, SheetEvent.numbers).where(
                SheetEvent.election_id == election_id, SheetEvent.station_id.in_(wanted[start : start + _AT_ONCE])
            )
        )
        found |= {row.station_id: row.numbers for row in rows if row.number == entries[row.station_id] and row.numbers}
    return found
