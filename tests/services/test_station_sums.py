"""Sums per polling station that are kept and added to are the sums over all rows, on every engine."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from shared import station_sums, tallies
from shared.schema.election import Batch, Part, Partition, Tally
from shared.station_history import History, history, history_since
from shared.station_sums import Count, Reports, StationVotes
from shared.terms import Refusal
from tests.services.recorded import NOON, Recorded

REFUSALS = [Refusal.DUPLICATE, Refusal.INVALID_POLL_NUMBER]
LISTS = (1, 2, 3)


@pytest.fixture
def night(election_database_url: str) -> Iterator[Recorded]:
    recorded = Recorded(election_database_url)
    yield recorded
    recorded.close()


def both(night: Recorded, election: int) -> tuple[Reports, StationVotes]:
    with night.database.reading() as session:
        return station_sums.reports(session, election), station_sums.votes(session, election, LISTS)


def past_of(night: Recorded, election: int, kept: History | None = None) -> History:
    with night.database.reading() as session:
        if kept is None:
            return history(session, election, LISTS)
        reached = dict(session.execute(sa.select(Partition.partition, Partition.sequence)).all())
        return history_since(session, election, kept, reached)


def since(night: Recorded, election: int, kept: tuple[Reports, StationVotes]) -> tuple[Reports, StationVotes]:
    with night.database.reading() as session:
        reached = dict(session.execute(sa.select(Partition.partition, Partition.sequence)).all())
        return (
            station_sums.reports_since(session, election, kept[0], reached),
            station_sums.votes_since(session, election, kept[1], reached),
        )


def by_hand(night: Recorded, election: int, until: datetime | None) -> tuple[dict[int, Count], dict[int, list[int]]]:
    """The ballots and the votes of each station, from every row one by one."""
    counts: dict[int, Count] = {}
    votes: dict[int, list[int]] = {}
    with night.database.reading() as session:
        station_of = dict(session.execute(sa.select(Batch.id, Batch.station_id)).all())
        rows = session.execute(sa.select(Tally.partition, Tally.sequence, Tally.poll_number, Tally.votes)).all()
        for part in session.scalars(sa.select(Part).where(Part.election_id == election)):
            station = station_of.get(part.batch_id)
            if station is None or (until is not None and part.received_at > until):
                continue
            count = Count(part.counted, part.duplicate, part.invalid)
            counts[station] = counts.get(station, Count()) + count
            for partition, sequence, poll_number, found in rows:
                if (partition, sequence) == (part.partition, part.sequence):
                    votes.setdefault(station, [0, 0, 0])[poll_number - 1] += found
    return counts, votes


def assert_by_hand(night: Recorded, election: int, found: tuple[Reports, StationVotes], until: datetime | None) -> None:
    counts, votes = by_hand(night, election, until)
    assert found[0].stations == counts
    assert {number: list(row) for number, row in found[1].stations.items()} == votes


@pytest.mark.parametrize("seed", range(3))
def test_what_is_added_to_kept_sums_of_stations_makes_the_sums_over_all_rows(night: Recorded, seed: int) -> None:
    """Parts of two elections, in any partition, of stations and of none, recorded before their part 0 and after it."""
    chance = random.Random(seed)
    elections = [night.election(["A", "B", "C"]), night.election(["D", "E", "F"])]
    kept = {election: both(night, election) for election in elections}
    past = {election: past_of(night, election) for election in elections}
    begun: list[tuple[str, int, int | None, datetime]] = []
    for step in range(20):
        for _ in range(chance.randint(0, 4)):
            votes = {number: chance.randint(1, 50) for number in chance.sample(LISTS, chance.randint(0, 3))}
            refused = [(number, chance.choice(REFUSALS)) for number in range(chance.randint(0, 3))]
            partition = chance.randrange(2)
            if begun and chance.random() < 0.5:
                batch, election, station, moment = begun.pop(chance.randrange(len(begun)))
                # Its lines have the numbers of those of its other part otherwise.
                number, with_batch, refused = 0, True, []
            else:
                batch, election = f"{chance.getrandbits(128):032x}", chance.choice(elections)
                station, moment = chance.choice([None, 4, 5, 70]), NOON + timedelta(seconds=step, microseconds=5)
                number, with_batch = 0, True
                if chance.random() < 0.5:
                    begun.append((batch, election, station, moment))
                    number, with_batch = 1, False
            night.part(
                *(election, votes, refused),
                partition=partition,
                number=number,
                received_at=moment,
                batch_id=batch,
                with_batch=with_batch,
                station=station,
            )
        for election in elections:
            if chance.random() < 0.7:
                kept[election] = since(night, election, kept[election])
                assert_by_hand(night, election, kept[election], None)
                past[election] = past_of(night, election, past[election])
    for election in elections:
        kept[election] = since(night, election, kept[election])
        assert_by_hand(night, election, kept[election], None)
        found = both(night, election)
        assert found[1] == kept[election][1]
        assert found[0] == kept[election][0]
        for told in (past_of(night, election), past_of(night, election, past[election])):
            for second in (-1, 3, 9, 14, 99):
                moment = NOON + timedelta(seconds=second, microseconds=5)
                at = told.at(moment)
                assert_by_hand(night, election, (at.reports, at.votes), moment)
            assert (at.reports, at.votes) == kept[election]
            with night.database.reading() as session:
                assert at.everybody == tallies.votes(session, election)
                assert at.count.duplicate == tallies.counts(session, election).duplicate


def test_what_was_received_when_is_told_to_the_second(night: Recorded) -> None:
    election = night.election(["A", "B", "C"])
    for second, micro, station in ((1, 900_000, 4), (1, 100_000, None), (3, 0, 4), (2, 5, 5)):
        night.part(election, {1: 10}, received_at=NOON + timedelta(seconds=second, microseconds=micro), station=station)
    night.part(election, {}, [(9, Refusal.INVALID_POLL_NUMBER)], received_at=NOON + timedelta(seconds=7), station=6)
    found, _ = both(night, election)
    at = {second: NOON + timedelta(seconds=second) for second in range(8)}
    assert found.seconds == {at[1]: 20, at[2]: 10, at[3]: 10}
    assert found.first == {4: at[1], 5: at[2], 6: at[7]}
    assert found.last == at[7]


def test_votes_of_stations_are_added_up(night: Recorded) -> None:
    election = night.election(["A", "B", "C"])
    night.part(election, {1: 10, 3: 1}, station=4)
    night.part(election, {1: 5, 2: 2}, station=5)
    _, votes = both(night, election)
    assert votes.of([4, 5, 99]) == {1: 15, 2: 2, 3: 1}
    assert votes.of([99]) == {1: 0, 2: 0, 3: 0}
