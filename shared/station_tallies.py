"""What was counted from the files of each polling station in an election.

Sums over the rows that the daemon has recorded, as in ``shared.tallies``: nothing here reads a ballot or unpacks a
part. An upload says which station it is of, so the sums go by the stations of the uploads; ballots whose upload says
none stand under None. Sessions come from the caller, who asks in one snapshot where sums have to fit to each other.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Batch, Part, Tally
from shared.sheets.reconciliation import NOTHING_COUNTED, Counted


def of_station(session: Session, election_id: int, station_id: int) -> Counted:
    """What came of the files of one station; costs the number of its parts."""
    return of_stations(session, election_id, [station_id]).get(station_id, NOTHING_COUNTED)


def of_stations(session: Session, election_id: int, station_ids: Collection[int]) -> dict[int, Counted]:
    """The same for a few hundred stations at most; those without a file are left out."""
    if not station_ids:
        return {}
    # The sum hides the election from the index on it, which would lead to all parts instead of those of the stations.
    found = _read(session, election_id, Part.election_id + 0 == election_id, Batch.station_id.in_(station_ids))
    return {station_id: counted for station_id, counted in found.items() if station_id is not None}


def by_station(session: Session, election_id: int) -> dict[int | None, Counted]:
    """What came of the files of every station that sent one; under None the ballots that are of no station."""
    return _read(session, election_id, Part.election_id == election_id)


@dataclass
class _Sum:
    votes: dict[int, int] = field(default_factory=dict)
    valid: int = 0
    invalid: int = 0
    duplicate: int = 0
    uploads: int = 0
    is_complete: bool = True


def _read(session: Session, election_id: int, *wanted: sa.ColumnElement[bool]) -> dict[int | None, Counted]:
    sums: defaultdict[int | None, _Sum] = defaultdict(_Sum)
    recorded = (
        sa.select(
            Batch.station_id,
            # NULL where the record of the upload is not there.
            Batch.parts,
            sa.func.count(),
            sa.func.sum(Part.counted),
            sa.func.sum(Part.invalid),
            sa.func.sum(Part.duplicate),
        )
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .where(*wanted)
        .group_by(Part.batch_id, Batch.station_id, Batch.parts)
    )
    for station_id, parts, there, valid, invalid, duplicate in session.execute(recorded):
        # MySQL and PostgreSQL sum integers to decimals.
        found = sums[station_id]
        found.valid += int(valid)
        found.invalid += int(invalid)
        found.duplicate += int(duplicate)
        found.uploads += 1
        found.is_complete &= there >= (parts or 0)
    voted = (
        sa.select(Batch.station_id, Tally.poll_number, sa.func.sum(Tally.votes))
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .join(
            Tally,
            sa.and_(
                Tally.election_id == Part.election_id,
                Tally.partition == Part.partition,
                Tally.sequence == Part.sequence,
            ),
        )
        .where(*wanted)
        .group_by(Batch.station_id, Tally.poll_number)
    )
    for station_id, poll_number, votes in session.execute(voted):
        if votes:
            sums[station_id].votes[poll_number] = int(votes)
    return {station_id: Counted(**vars(found)) for station_id, found in sums.items()}
