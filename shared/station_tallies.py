"""What was counted from the files of each polling station in an election.

Sums over the rows that the daemon has recorded, as in ``shared.tallies``: nothing here reads a ballot or unpacks a
part. An upload says which station it is of, so the sums go by the stations of the uploads; ballots whose upload says
none stand under None. Sessions come from the caller, who asks in one snapshot where sums have to fit to each other.

Nothing is kept here, because whoever holds a station's counts against its sheet asks about a few stations, or once
about all, and has to know whether every part of each upload is recorded. Who is asked again and again for sums that
only grow keeps them and adds what is new: that is ``shared.station_sums``, which in turn says nothing of uploads.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared import tallies
from shared.schema.election import Batch, Entry, Part, Tally
from shared.sheets.reconciliation import Counted

# So many columns, and so many keys, every database takes at once.
_COLUMNS = 200
_KEYS = 300

_COUNTS = (
    sa.func.count().label("recorded"),
    sa.func.sum(Part.counted).label("valid"),
    sa.func.sum(Part.invalid).label("invalid"),
    sa.func.sum(Part.duplicate).label("duplicate"),
)


def of_stations(session: Session, election_id: int, station_ids: Collection[int]) -> dict[int, Counted]:
    """What came of the files of a few hundred stations at most; those without a file are left out.

    Costs the number of their parts.
    """
    if not station_ids:
        return {}
    # The sum hides the election from the index on it, which would lead to all parts instead of those of the stations.
    wanted = (Part.election_id + 0 == election_id, Batch.station_id.in_(station_ids))
    sums = _count(session, *wanted)
    places = sa.select(Part.partition, Part.sequence, Batch.station_id).join(Batch, Batch.id == Part.batch_id)
    station_of = {(row.partition, row.sequence): row.station_id for row in session.execute(places.where(*wanted))}
    keys = sorted(station_of)
    for start in range(0, len(keys), _KEYS):
        # By their keys, so that no database has to guess that a few parts are few.
        these = sa.tuple_(Tally.partition, Tally.sequence).in_(keys[start : start + _KEYS])
        columns = (Tally.partition, Tally.sequence, Tally.poll_number, Tally.votes)
        for partition, sequence, number, votes in session.execute(
            sa.select(*columns).where(Tally.election_id == election_id, these, Tally.votes > 0)
        ):
            found = sums[station_of[partition, sequence]].votes
            found[number] = found.get(number, 0) + votes
    return {station_id: Counted(**vars(found)) for station_id, found in sums.items() if station_id is not None}


def by_station(session: Session, election_id: int) -> dict[int | None, Counted]:
    """What came of the files of every station that sent one; under None the ballots that are of no station."""
    sums = _count(session, Part.election_id == election_id)
    poll_numbers = list(session.scalars(sa.select(Entry.poll_number).where(Entry.election_id == election_id)))
    for start in range(0, len(poll_numbers), _COLUMNS):
        some = poll_numbers[start : start + _COLUMNS]
        for station_id, *votes in session.execute(_votes(election_id, some)):
            # MySQL and PostgreSQL sum integers to decimals, and all of them nothing to NULL.
            cast = {number: int(total) for number, total in zip(some, votes, strict=True) if total}
            sums[station_id].votes.update(cast)
    return {station_id: Counted(**vars(found)) for station_id, found in sums.items()}


@dataclass
class _Sum:
    votes: dict[int, int] = field(default_factory=dict)
    valid: int = 0
    invalid: int = 0
    duplicate: int = 0
    uploads: int = 0
    is_complete: bool = True


def _count(session: Session, *wanted: sa.ColumnElement[bool]) -> "defaultdict[int | None, _Sum]":
    """All but the votes, by station."""
    sums: defaultdict[int | None, _Sum] = defaultdict(_Sum)
    statement = (
        # The number of parts is NULL where the record of the upload is not there.
        sa.select(Batch.station_id, Batch.parts, *_COUNTS)
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .where(*wanted)
        .group_by(Part.batch_id, Batch.station_id, Batch.parts)
    )
    for row in session.execute(statement):
        found = sums[row.station_id]
        found.valid += int(row.valid)
        found.invalid += int(row.invalid)
        found.duplicate += int(row.duplicate)
        found.uploads += 1
        found.is_complete &= row.recorded >= (row.parts or 0)
    return sums


def _votes(election_id: int, poll_numbers: Sequence[int]) -> "sa.Select[*tuple[Any, ...]]":
    """A row for each station with the votes of each of these: one for each list would take twice as long."""
    of_list = (sa.func.sum(sa.case((Tally.poll_number == number, Tally.votes))) for number in poll_numbers)
    return (
        sa.select(Batch.station_id, *of_list)
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .join(Tally, tallies.IS_OF_PART)
        .where(Part.election_id == election_id)
        .group_by(Batch.station_id)
    )
