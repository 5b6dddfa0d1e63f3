"""What is counted, and how certain that is, on every engine."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from shared import tallies
from shared.database import Database
from shared.schema.election import CANCELLED, DRAFT, Election
from shared.terms import Refusal, State
from tests.services.migrated import have_tables
from tests.services.recorded import EVENING, JMBG, NOON, Recorded

SECOND = timedelta(seconds=1)


@pytest.fixture
def night(election_database_url: str) -> Iterator[Recorded]:
    recorded = Recorded(election_database_url)
    yield recorded
    recorded.close()


def test_votes_are_the_sums_of_the_tallies_with_zeros_for_who_has_none(night: Recorded) -> None:
    election = night.election(["Left", "Right", "Nobody"])
    night.part(election, {1: 20_000, 2: 3})
    night.part(election, {1: 1}, partition=1)
    night.part(night.election(hours=(EVENING, EVENING + SECOND)), {1: 7}, received_at=EVENING)
    with night.database.reading() as session:
        assert tallies.votes(session, election) == {1: 20_001, 2: 3, 3: 0}
        assert all(type(total) is int for total in tallies.votes(session, election).values())


def test_counts_add_up_over_parts_and_leave_out_other_elections(night: Recorded) -> None:
    election = night.election()
    other = night.election(hours=(EVENING, EVENING + SECOND))
    night.part(election, {1: 5}, [(1, Refusal.DUPLICATE), (99, Refusal.INVALID_POLL_NUMBER)])
    night.part(election, {2: 2}, [(2, Refusal.DUPLICATE)], partition=1)
    night.part(other, {1: 100}, received_at=EVENING)
    with night.database.reading() as session:
        assert tallies.counts(session, election) == tallies.Counts(received=10, counted=7, duplicate=2, invalid=1)


def test_an_election_without_ballots_has_zeros(night: Recorded) -> None:
    election = night.election()
    with night.database.reading() as session:
        assert tallies.votes(session, election) == {1: 0, 2: 0}
        assert tallies.counts(session, election) == tallies.Counts(0, 0, 0, 0)
        assert tallies.outside(session, election) == 0
        assert tallies.refused_ballots(session, election) == []


def test_ballots_sent_by_name_before_the_end_when_the_election_was_not_open_are_outside(night: Recorded) -> None:
    election = night.election()
    night.part(None, outside=4, named=election, received_at=NOON - SECOND)
    night.part(None, outside=8, named=election, received_at=EVENING)
    night.part(None, outside=9, received_at=NOON - SECOND)
    with night.database.reading() as session:
        assert tallies.outside(session, election) == 4
        assert tallies.counts(session, election).received == 0


def test_refused_ballots_come_in_the_order_of_receipt_batch_and_line(night: Recorded) -> None:
    election = night.election()
    duplicate, invalid = Refusal.DUPLICATE, Refusal.INVALID_POLL_NUMBER
    night.part(election, refused=[(31, invalid)], received_at=NOON + 2 * SECOND, batch_id="a" * 32)
    night.part(election, refused=[(21, invalid)], received_at=NOON, batch_id="c" * 32)
    night.part(election, refused=[(11, invalid), (1, duplicate)], received_at=NOON, batch_id="b" * 32, partition=1)
    night.part(election, refused=[(41, invalid)], batch_id="0" * 32, with_batch=False)
    night.part(election, refused=[(2, Refusal.OUTSIDE_ELECTION)], batch_id="d" * 32)
    with night.database.reading() as session:
        refused = tallies.refused_ballots(session, election)
        page = tallies.refused_ballots(session, election, limit=2, offset=1)
    assert [(ballot.poll_number, ballot.reason) for ballot in refused] == [
        (11, invalid),
        (1, duplicate),
        (21, invalid),
        (31, invalid),
        (41, invalid),
    ]
    assert page == refused[1:3]
    assert [ballot.official_jmbg for ballot in refused] == [JMBG, JMBG, JMBG, JMBG, ""]
    assert all(len(ballot.guid) == 16 for ballot in refused)


def test_everything_is_drained_up_to_the_least_watermark(night: Recorded) -> None:
    with night.database.reading() as session:
        assert tallies.drained_until(session) is None
    night.drained(NOON, None)
    with night.database.reading() as session:
        assert tallies.drained_until(session) is None
    night.drained(EVENING, NOON + timedelta(microseconds=1))
    with night.database.reading() as session:
        assert tallies.drained_until(session) == NOON + timedelta(microseconds=1)


def test_without_partitions_nothing_is_drained(election_database_url: str) -> None:
    have_tables(election_database_url, "election")
    database = Database(election_database_url)
    with database.reading() as session:
        assert tallies.drained_until(session) is None
    database.close()


@pytest.mark.parametrize(
    ("received_at", "concerns"),
    [
        (None, True),
        (NOON - timedelta(microseconds=1), False),
        (NOON, True),
        (EVENING - timedelta(microseconds=1), True),
        (EVENING, False),
    ],
)
def test_a_dead_letter_concerns_the_election_in_whose_hours_it_was_received(
    night: Recorded, received_at: datetime | None, concerns: bool
) -> None:
    election = night.election()
    batch = night.dead_letter(received_at)
    assert _has_dead_letter(night, election) is concerns
    night.part(election, {1: 1}, batch_id=batch)
    assert not _has_dead_letter(night, election), "A dead letter is settled by the row of its part."


def test_the_standings_of_several_elections_take_as_many_queries_as_that_of_one(night: Recorded) -> None:
    first = night.election()
    second = night.election(hours=(EVENING, EVENING + timedelta(days=1)))
    night.dead_letter(NOON)
    night.drained(EVENING, EVENING)
    queries: list[str] = []
    with night.database.reading() as session:
        elections = session.scalars(sa.select(Election).order_by(Election.id)).all()
        sa.event.listen(night.database.engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
        standings = tallies.standings(session, elections, EVENING)
        assert tallies.standings(session, [], EVENING) == {}
    assert standings == {
        first: tallies.Standing(State.COUNTING, EVENING, dead_letter=True),
        second: tallies.Standing(State.OPEN, EVENING, dead_letter=False),
    }
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("now", "drained", "dead_letter", "state"),
    [
        (NOON - SECOND, EVENING, False, State.SCHEDULED),
        (NOON, None, False, State.OPEN),
        (EVENING - SECOND, EVENING, False, State.OPEN),
        (EVENING, None, False, State.COUNTING),
        (EVENING, EVENING - timedelta(microseconds=1), False, State.COUNTING),
        (EVENING, EVENING, True, State.COUNTING),
        (EVENING, EVENING, False, State.FINAL),
    ],
)
def test_an_election_is_final_when_it_has_ended_and_everything_is_counted(
    now: datetime, drained: datetime | None, dead_letter: bool, state: State
) -> None:
    election = Election(start=NOON, end=EVENING, stage="published")
    assert tallies.state_of(election, now, drained, dead_letter) is state


@pytest.mark.parametrize(("stage", "state"), [(DRAFT, State.DRAFT), (CANCELLED, State.CANCELLED)])
def test_drafts_and_cancelled_elections_stay_so_whatever_the_time(stage: str, state: State) -> None:
    election = Election(start=NOON, end=EVENING, stage=stage)
    assert tallies.state_of(election, EVENING, EVENING, has_dead_letter=False) is state


def _has_dead_letter(night: Recorded, election_id: int) -> bool:
    with night.database.reading() as session:
        return tallies.has_dead_letter(session, session.get_one(Election, election_id))
