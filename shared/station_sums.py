"""What was counted at each polling station: sums that are kept, and to which only what was recorded since is added.

As with ``shared.tallies.sums_since`` the places of the parts say how far sums go. A part belongs to the station that
its batch is from, and the row of the batch is written with its part 0: parts that were recorded before that one are of
no station until then. Sums over all parts cost the number of the parts; adding to them costs that of the new ones.

What was received by a moment that has passed is told by a ``History``, which has each upload for itself
(``shared/station_history.py``).
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from shared import tallies
from shared.apportionment import Constituency
from shared.electorate import Geography
from shared.schema.election import Batch, Part, Tally

# A statement may have so many values in every database.
_AT_ONCE = 200
_ELECTION = sa.bindparam("election", type_=sa.Integer)


@dataclass(frozen=True, slots=True)
class Count:
    """Ballots that were received from one station, by what became of them."""

    counted: int = 0
    duplicate: int = 0
    invalid: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.counted + other.counted, self.duplicate + other.duplicate, self.invalid + other.invalid)

    @property
    def cast(self) -> int:
        """Ballots in the box: a second one with the same GUID is not one."""
        return self.counted + self.invalid


@dataclass(frozen=True)
class Reports:
    """Which stations have reported, and when.

    ``stations`` has the ballots of each station by its number. ``seconds`` has the ballots counted of everybody by the
    moment of their receipt, cut to its second, and ``first`` the moment of each station's first ballots, cut in the
    same way; duplicates are none. ``last`` is the moment of the newest receipt.
    """

    places: Mapping[int, int]
    stations: Mapping[int, Count]
    seconds: Mapping[datetime, int]
    first: Mapping[int, datetime]
    last: datetime | None


@dataclass(frozen=True)
class StationVotes:
    """The votes of each station that has any, by its number; those of a station in the order of ``poll_numbers``."""

    places: Mapping[int, int]
    poll_numbers: tuple[int, ...]
    stations: "Mapping[int, array[int]]"

    def of(self, station_ids: Iterable[int]) -> dict[int, int]:
        """The votes of these stations together, by poll number; zeros included."""
        found = [self.stations[number] for number in station_ids if number in self.stations]
        return dict(zip(self.poll_numbers, map(sum, zip(*found, strict=True)), strict=True)) if found else self.none

    @property
    def none(self) -> dict[int, int]:
        """No vote for anybody."""
        return dict.fromkeys(self.poll_numbers, 0)


@dataclass(frozen=True)
class _Recorded:
    """A part with its place, and the station that it is from, if that is known."""

    election_id: int | None
    partition: int
    sequence: int
    received_at: datetime
    count: Count
    station_id: int | None


def reports(session: Session, election_id: int) -> Reports:
    """What all parts of an election say."""
    parts = (
        sa.select(
            *(sa.null(), sa.null(), sa.null(), Part.received_at),
            *(sa.func.sum(Part.counted), sa.func.sum(Part.duplicate), sa.func.sum(Part.invalid), Batch.station_id),
        )
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .where(Part.election_id == election_id)
        # By upload, of which there are fewer than parts.
        .group_by(Part.batch_id, Part.received_at, Batch.station_id)
    )
    nothing = Reports(tallies.places(session), {}, {}, {}, None)
    found = list(_recorded(session.execute(parts)))
    return _with(nothing, nothing.places, found, found)


def reports_since(session: Session, election_id: int, kept: Reports, reached: Mapping[int, int]) -> Reports:
    """``kept`` and what was recorded up to the places that are ``reached``, which were read in the same snapshot."""
    bounds = bounds_of(election_id, kept.places, reached)
    if bounds is None:
        return kept
    new = _recorded(session.execute(_new_parts(stretches_in(bounds)), without_election(bounds)))
    own = [part for part in new if part.election_id == election_id]
    return _with(kept, grown_to(bounds), own, _attributed(session, bounds))


def votes(session: Session, election_id: int, poll_numbers: Sequence[int]) -> StationVotes:
    """The votes of all stations, from all parts of an election."""
    statement = (
        sa.select(Batch.station_id, Tally.poll_number, sa.func.sum(Tally.votes))
        .select_from(Part)
        .join(Batch, Batch.id == Part.batch_id)
        .join(Tally, tallies.IS_OF_PART)
        .where(Part.election_id == election_id, Batch.station_id.is_not(None))
        .group_by(Batch.station_id, Tally.poll_number)
    )
    nothing = StationVotes(tallies.places(session), tuple(sorted(poll_numbers)), {})
    return _with_votes(nothing, nothing.places, session.execute(statement))


def votes_since(session: Session, election_id: int, kept: StationVotes, reached: Mapping[int, int]) -> StationVotes:
    """``kept`` and the votes of what was recorded up to the places that are ``reached``, as for ``reports_since``."""
    bounds = bounds_of(election_id, kept.places, reached)
    if bounds is None:
        return kept
    station_of = {(part.partition, part.sequence): part.station_id for part in _attributed(session, bounds)}
    found = [row for row in session.execute(new_tallies(stretches_in(bounds)), bounds) if row[:2] in station_of]
    known = {(row.partition, row.sequence) for row in found}
    # Parts that were recorded long before the part 0 of their batch, or that have no vote at all.
    missing = sorted(station_of.keys() - known)
    for start in range(0, len(missing), _AT_ONCE):
        some = missing[start : start + _AT_ONCE]
        found += session.execute(
            sa.select(Tally.partition, Tally.sequence, Tally.poll_number, Tally.votes).where(
                Tally.election_id == election_id,
                sa.or_(*(sa.and_(Tally.partition == place[0], Tally.sequence == place[1]) for place in some)),
            )
        )
    return _with_votes(kept, grown_to(bounds), ((station_of[row[0], row[1]], row[2], row[3]) for row in found))


def by_constituency(places: Geography, votes: StationVotes, reports: Reports) -> list[Constituency]:
    """The votes of each constituency of ``places``, with its seats; one that elects none has 0."""
    stations: dict[int, list[int]] = {number: [] for number in places.constituencies}
    for station in places.stations.values():
        stations[station.constituency_id].append(station.id)
    nothing = Count()
    return [
        Constituency(
            id=part.id,
            seats=part.seats or 0,
            votes=votes.of(stations[part.id]),
            ballots_cast=sum(reports.stations.get(number, nothing).cast for number in stations[part.id]),
        )
        for part in places.constituencies.values()
    ]


def _parts(part: Any = Part, station: Any = Batch.station_id) -> "sa.Select[Any]":
    return sa.select(
        *(part.election_id, part.partition, part.sequence, part.received_at),
        *(part.counted, part.duplicate, part.invalid, station),
    ).select_from(part)


def _recorded(rows: Iterable[Any]) -> Iterator[_Recorded]:
    for election_id, partition, sequence, received_at, counted, duplicate, invalid, station_id in rows:
        # MySQL and PostgreSQL sum integers to decimals.
        count = Count(int(counted), int(duplicate), int(invalid))
        yield _Recorded(election_id, partition, sequence, received_at, count, station_id)


def _with(
    kept: Reports, reached: Mapping[int, int], new: Iterable[_Recorded], attributed: Iterable[_Recorded]
) -> Reports:
    """``new`` are parts that nobody has looked at, ``attributed`` those whose station was not known before."""
    stations, seconds, first, last = dict(kept.stations), Counter(kept.seconds), dict(kept.first), kept.last
    for part in new:
        last = part.received_at if last is None else max(last, part.received_at)
        if part.count.counted:
            seconds[second_of(part.received_at)] += part.count.counted
    for part in attributed:
        number = part.station_id
        if number is None:
            continue
        stations[number] = stations.get(number, Count()) + part.count
        if part.count.cast:
            second = second_of(part.received_at)
            first[number] = min(first.get(number, second), second)
    return Reports({**kept.places, **reached}, stations, seconds, first, last)


def _with_votes(kept: StationVotes, reached: Mapping[int, int], rows: Iterable[Any]) -> StationVotes:
    stations = dict(kept.stations)
    column = {number: position for position, number in enumerate(kept.poll_numbers)}
    own: set[int] = set()
    for station_id, poll_number, votes_of in rows:
        if station_id not in own:
            own.add(station_id)
            # What is kept belongs to others, too; a column is eight bytes.
            known = stations.get(station_id)
            stations[station_id] = array("q", known) if known is not None else array("q", bytes(8 * len(column)))
        stations[station_id][column[poll_number]] += int(votes_of)
    return StationVotes({**kept.places, **reached}, kept.poll_numbers, stations)


def second_of(moment: datetime) -> datetime:
    """The moment, cut to its second."""
    return moment.replace(microsecond=0)


def bounds_of(election_id: int, kept: Mapping[int, int], reached: Mapping[int, int]) -> dict[str, int] | None:
    """What the queries for the new stretches are bound to; None where nothing is new."""
    grown = [(partition, place) for partition, place in reached.items() if place > kept.get(partition, 0)]
    bounds: dict[str, int] = {"election": election_id}
    for number, (partition, place) in enumerate(grown):
        bounds |= {f"partition{number}": partition, f"last{number}": place}
        bounds[f"after{number}"] = kept.get(partition, 0)
    return bounds if grown else None


def grown_to(bounds: Mapping[str, int]) -> dict[int, int]:
    """The new places; those that were reached before, by whoever looked later than this snapshot, stay."""
    return {bounds[f"partition{number}"]: bounds[f"last{number}"] for number in range(stretches_in(bounds))}


def stretches_in(bounds: Mapping[str, int]) -> int:
    """Of how many stretches these are the bounds."""
    return len(bounds) // 3


def _attributed(session: Session, bounds: Mapping[str, int]) -> list[_Recorded]:
    """The parts whose station is known now, each once, though it may come by itself and with its batch's part 0."""
    rows = set(map(tuple, session.execute(_newly_attributed(stretches_in(bounds)), without_election(bounds))))
    found = _recorded(rows)
    return [part for part in found if part.station_id is not None and part.election_id == bounds["election"]]


def without_election(bounds: Mapping[str, int]) -> dict[str, int]:
    """The bounds for a query that has no condition on the election."""
    return {name: value for name, value in bounds.items() if name != "election"}


# No condition on the election of a part, for which there is another index, that leads to all parts of the election.
@lru_cache(maxsize=256)
def _new_parts(stretches: int) -> "sa.CompoundSelect[Any]":
    nobody = sa.null().label("station_id")
    return sa.union_all(
        *(_parts(Part, nobody).where(tallies.is_in_stretch(number, Part)) for number in range(stretches))
    )


@lru_cache(maxsize=256)
def new_tallies(stretches: int) -> "sa.CompoundSelect[Any]":
    """The tallies of an election in these stretches: partition, sequence, poll number, votes."""
    return sa.union_all(
        *(
            sa.select(Tally.partition, Tally.sequence, Tally.poll_number, Tally.votes).where(
                Tally.election_id == _ELECTION, tallies.is_in_stretch(number, Tally)
            )
            for number in range(stretches)
        )
    )


@lru_cache(maxsize=256)
def _newly_attributed(stretches: int) -> "sa.CompoundSelect[Any]":
    new, of_batch = aliased(Part), aliased(Part)
    return sa.union_all(
        *(
            _parts(of_batch)
            .join(new, new.batch_id == of_batch.batch_id)
            .join(Batch, Batch.id == new.batch_id)
            .where(
                tallies.is_in_stretch(number, new),
                sa.or_(new.part == 0, of_batch.part == new.part),
            )
            for number in range(stretches)
        )
    )
