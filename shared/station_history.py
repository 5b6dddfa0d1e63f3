"""Every upload of an election with its votes, so that the sums of any moment that has passed are added up in memory.

Of ballots with the same GUID the one that was received first counts, so what was received later changes nothing of
what was counted before. Only a part that was laid aside and replayed stands here by its receipt, although it was
counted later.

An upload takes some hundred bytes, however many ballots it has; what was recorded since is added as in
``station_sums``.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from operator import add
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared import station_sums, tallies
from shared.schema.election import Batch, Part, Tally
from shared.station_sums import Count, Reports, StationVotes, second_of

# A statement may have so many values in every database.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Filed:
    """What is recorded of an upload; ``votes`` are in the order of ``History.poll_numbers``."""

    received_at: datetime
    station_id: int | None
    count: Count
    votes: "array[int]"


@dataclass(frozen=True)
class History:
    """The uploads of an election by the ids of their batches, as far as ``places`` says."""

    places: Mapping[int, int]
    poll_numbers: tuple[int, ...]
    uploads: Mapping[str, Filed]

    def at(self, moment: datetime | None = None) -> "Past":
        """What had been received by ``moment``, inclusive; None: everything."""
        stations: dict[int, Count] = {}
        seconds: Counter[datetime] = Counter()
        first: dict[int, datetime] = {}
        votes: dict[int, array[int]] = {}
        known = [upload for upload in self.uploads.values() if moment is None or upload.received_at <= moment]
        for upload in known:
            second = second_of(upload.received_at)
            if upload.count.counted:
                seconds[second] += upload.count.counted
            number = upload.station_id
            if number is None:
                continue
            earlier = stations.get(number)
            stations[number] = upload.count if earlier is None else earlier + upload.count
            if upload.count.cast:
                first[number] = min(first.get(number, second), second)
            if upload.count.counted:
                # Nobody changes these; most stations have one upload.
                more = votes.get(number)
                votes[number] = upload.votes if more is None else array("q", map(add, more, upload.votes))
        total = sum((upload.count for upload in known), Count())
        columns = zip(*(upload.votes for upload in known), strict=True)
        everybody = [sum(column) for column in columns] or [0] * len(self.poll_numbers)
        last = max((upload.received_at for upload in known), default=None)
        return Past(
            total,
            dict(zip(self.poll_numbers, everybody, strict=True)),
            Reports(self.places, stations, seconds, first, last),
            StationVotes(self.places, self.poll_numbers, votes),
        )


@dataclass(frozen=True)
class Past:
    """The sums of a moment: ballots and votes of everybody, and of each station."""

    count: Count
    everybody: Mapping[int, int]
    reports: Reports
    votes: StationVotes


def history(session: Session, election_id: int, poll_numbers: Sequence[int]) -> History:
    """All uploads of an election; costs the number of their parts."""
    parts = session.execute(
        sa.select(
            *(Part.batch_id, Part.received_at, Batch.station_id),
            *(sa.func.sum(Part.counted), sa.func.sum(Part.duplicate), sa.func.sum(Part.invalid)),
        )
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .where(Part.election_id == election_id)
        .group_by(Part.batch_id, Part.received_at, Batch.station_id)
    )
    votes = session.execute(
        sa.select(Part.batch_id, Tally.poll_number, sa.func.sum(Tally.votes))
        .select_from(Part)
        .join(Tally, tallies.IS_OF_PART)
        .where(Part.election_id == election_id)
        .group_by(Part.batch_id, Tally.poll_number)
    )
    nothing = History({}, tuple(sorted(poll_numbers)), {})
    found = ((batch, moment, station, Count(*map(int, counts))) for batch, moment, station, *counts in parts)
    return _with(nothing, tallies.places(session), found, votes)


def history_since(session: Session, election_id: int, kept: History, reached: Mapping[int, int]) -> History:
    """``kept`` and what was recorded up to the places that are ``reached``, which were read in the same snapshot."""
    bounds = station_sums.bounds_of(election_id, kept.places, reached)
    if bounds is None:
        return kept
    stretches = station_sums.stretches_in(bounds)
    new = session.execute(_new_parts(stretches), station_sums.without_election(bounds)).all()
    # The row of a batch comes with its part 0, which may be of no election.
    station_of = dict(_stations(session, sorted({row.batch_id for row in new})))
    batch_of = {(row.partition, row.sequence): row.batch_id for row in new}
    votes = session.execute(station_sums.new_tallies(stretches), bounds)
    parts = (
        (row.batch_id, row.received_at, station_of.get(row.batch_id), Count(row.counted, row.duplicate, row.invalid))
        for row in new
        if row.election_id == election_id
    )
    found = _with(
        *(kept, station_sums.grown_to(bounds), parts),
        ((batch_of[partition, sequence], number, count) for partition, sequence, number, count in votes),
    )
    late = {
        batch: replace(found.uploads[batch], station_id=station)
        for batch, station in station_of.items()
        if batch in found.uploads
    }
    return replace(found, uploads={**found.uploads, **late})


def _with(
    kept: History,
    reached: Mapping[int, int],
    parts: Iterable[tuple[str, datetime, int | None, Count]],
    votes: Iterable[Any],
) -> History:
    uploads = dict(kept.uploads)
    for batch, moment, station, count in parts:
        known = uploads.get(batch)
        if known is None:
            uploads[batch] = Filed(moment, station, count, array("q", bytes(8 * len(kept.poll_numbers))))
        else:
            # What is kept belongs to others, too.
            uploads[batch] = replace(known, count=known.count + count, votes=array("q", known.votes))
    column = {number: position for position, number in enumerate(kept.poll_numbers)}
    for batch, number, found in votes:
        uploads[batch].votes[column[number]] += int(found)
    return History({**kept.places, **reached}, kept.poll_numbers, uploads)


def _stations(session: Session, batches: Sequence[str]) -> Iterator[tuple[str, int | None]]:
    for start in range(0, len(batches), _AT_ONCE):
        some = batches[start : start + _AT_ONCE]
        for row in session.execute(sa.select(Batch.id, Batch.station_id).where(Batch.id.in_(some))):
            yield row.id, row.station_id


@lru_cache(maxsize=256)
def _new_parts(stretches: int) -> "sa.CompoundSelect[Any]":
    return sa.union_all(
        *(
            sa.select(
                *(Part.batch_id, Part.election_id, Part.partition, Part.sequence, Part.received_at),
                *(Part.counted, Part.duplicate, Part.invalid),
            ).where(tallies.is_in_stretch(number, Part))
            for number in range(stretches)
        )
    )
