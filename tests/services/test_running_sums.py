"""Sums that are kept and added to are the plain sums after every part, on every engine."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from shared import tallies
from shared.schema.election import Partition
from shared.tallies import Sums
from shared.terms import Refusal
from tests.services.recorded import EVENING, NOON, Recorded

SECOND = timedelta(seconds=1)
REFUSALS = [Refusal.DUPLICATE, Refusal.INVALID_POLL_NUMBER]


@pytest.fixture
def night(election_database_url: str) -> Iterator[Recorded]:
    recorded = Recorded(election_database_url)
    yield recorded
    recorded.close()


def plain(night: Recorded, election: int) -> tuple[dict[int, int], tallies.Counts, int]:
    """The sums over all rows, without zeros."""
    with night.database.reading() as session:
        votes = {number: votes for number, votes in tallies.votes(session, election).items() if votes}
        return votes, tallies.counts(session, election), tallies.outside(session, election)


def everything(night: Recorded, election: int) -> Sums:
    with night.database.reading() as session:
        return tallies.sums(session, election)


def since(night: Recorded, election: int, kept: Sums) -> Sums:
    with night.database.reading() as session:
        reached = session.execute(sa.select(Partition.partition, Partition.sequence)).all()
        return tallies.sums_since(session, election, kept, dict(reached))


def assert_plain(night: Recorded, election: int, sums: Sums) -> None:
    votes, counts, outside = plain(night, election)
    assert (sums.votes, sums.counts, sums.outside) == (votes, counts, outside)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_added_to_kept_sums_makes_the_plain_sums_after_any_parts(night: Recorded, seed: int) -> None:
    """Parts of two elections and of none, in any partition, some at once, their batches before or after them."""
    chance = random.Random(seed)
    elections = [night.election(["A", "B", "C"]), night.election(["D", "E", "F"])]
    kept = {election: everything(night, election) for election in elections}
    without_first_part: list[tuple[str, int, datetime]] = []
    for _ in range(25):
        for _ in range(chance.randint(0, 3)):
            partition = chance.randrange(2)
            if without_first_part and chance.random() < 0.5:
                batch, named, moment = without_first_part.pop(chance.randrange(len(without_first_part)))
                night.part(
                    None,
                    outside=chance.randint(1, 9),
                    named=named,
                    partition=partition,
                    batch_id=batch,
                    received_at=moment,
                )
            elif chance.random() < 0.4:
                named = chance.choice(elections)
                later = chance.random() < 0.5
                # Before the start, or at the end, from which on nothing is outside of it any more.
                moment = chance.choice([NOON - SECOND, EVENING])
                batch = night.part(
                    None,
                    outside=chance.randint(1, 9),
                    named=named,
                    partition=partition,
                    number=int(later),
                    with_batch=not later,
                    received_at=moment,
                )
                if later:
                    without_first_part.append((batch, named, moment))
            else:
                votes = {number: chance.randint(1, 50) for number in chance.sample([1, 2, 3], chance.randint(0, 3))}
                refused = [(number, chance.choice(REFUSALS)) for number in range(chance.randint(0, 3))]
                night.part(chance.choice(elections), votes, refused, partition=partition)
        for election in elections:
            if chance.random() < 0.7:
                kept[election] = since(night, election, kept[election])
                assert_plain(night, election, kept[election])
    for election in elections:
        assert_plain(night, election, since(night, election, kept[election]))


def test_sums_that_are_up_to_date_cost_no_query(night: Recorded) -> None:
    election = night.election()
    night.part(election, {1: 2})
    kept = everything(night, election)
    statements: list[str] = []
    with night.database.reading() as session:
        reached = dict(kept.places)
        sa.event.listen(night.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        assert tallies.sums_since(session, election, kept, reached) is kept
    assert not [statement for statement in statements if "SELECT" in statement]


def test_parts_of_a_partition_that_was_taken_away_stay_in_the_sums(night: Recorded) -> None:
    election = night.election()
    night.part(election, {1: 5}, partition=1)
    kept = everything(night, election)
    night.repartition(1)
    assert_plain(night, election, everything(night, election))
    night.part(election, {1: 1})
    kept = since(night, election, kept)
    assert_plain(night, election, kept)
    night.repartition(2)
    night.part(election, {2: 7}, partition=1)
    kept = since(night, election, kept)
    assert_plain(night, election, kept)
    assert kept.votes == {1: 6, 2: 7}


def test_a_part_that_is_replayed_from_the_dead_letters_has_a_place_of_its_own_and_is_added(night: Recorded) -> None:
    election = night.election()
    buried = night.dead_letter(None)
    night.part(election, {1: 5})
    kept = everything(night, election)
    night.part(election, {1: 3}, batch_id=buried)
    kept = since(night, election, kept)
    assert_plain(night, election, kept)
    assert kept.votes == {1: 8}
