"""What a result says, decided from numbers alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results_service.rules import (
    Ballots,
    Certainty,
    ListVotes,
    Name,
    Result,
    counted_until,
    fingerprint,
    result_of,
    rounded,
    share,
)
from shared.apportionment import CLASSIC, SERBIA_2014, Rules
from shared.terms import Method, State, ThresholdBase, TiePolicy

END = datetime(2026, 3, 1, 20, tzinfo=UTC)
LOTS = Rules(
    seats=1,
    method=Method.DHONDT,
    threshold=Fraction(0),
    threshold_base=ThresholdBase.VALID_VOTES,
    tie_policy=TiePolicy.LOTS,
)


def result(
    votes: Sequence[int],
    rules: Rules | None = CLASSIC,
    *,
    state: State = State.FINAL,
    exempt: Sequence[int] = (),
    duplicate: int = 0,
    invalid: int = 0,
    outside: int = 0,
    **values: Any,
) -> Result:
    listed = [ListVotes(number, f"List {number}", number in exempt, cast) for number, cast in enumerate(votes, start=1)]
    ballots = Ballots(counted=sum(votes), duplicate=duplicate, invalid=invalid, outside=outside)
    facts: dict[str, Any] = {"end": END, "drained": END, "dead_letter": False, "lots": ()}
    return result_of(state=state, listed=listed, ballots=ballots, rules=rules, **{**facts, **values})


def test_the_classic_example_gets_its_seats_and_shares() -> None:
    found = result([20, 80, 100, 100, 200])
    assert [line.seats for line in found.lists] == [0, 42, 52, 52, 104]
    assert [line.share for line in found.lists] == ["0.0400", "0.1600", "0.2000", "0.2000", "0.4000"]
    assert [line.excluded for line in found.lists] == [True, False, False, False, False]
    assert found.certainty is Certainty.FINAL
    assert found.waits_for == ()


def test_the_awards_are_the_quotients_in_order_and_exact() -> None:
    found = result([473, 261, 159, 107]).apportionment
    assert found is not None
    assert found.awarded == found.seats == len(found.awards) == 250
    assert found.awards[0].quotient == "473"
    quotients = [Fraction(award.quotient) for award in found.awards]
    assert quotients == sorted(quotients, reverse=True)
    assert all(award.seat == place for place, award in enumerate(found.awards, start=1))
    assert {following.poll_number for following in found.next_quotients} == {1, 2, 3, 4}


def test_ballots_cast_are_valid_and_invalid_ones_but_no_duplicates_and_none_from_outside() -> None:
    found = result([900, 46, 44], SERBIA_2014, duplicate=500, invalid=10, outside=700)
    assert found.apportionment is not None
    threshold = found.apportionment.threshold
    assert threshold is not None
    assert (threshold.base, threshold.base_ballots, threshold.votes_needed) == ("ballots_cast", 1000, 50)
    assert threshold.excluded == (Name(2, "List 2"), Name(3, "List 3"))
    assert found.ballots.cast == 1000
    assert found.ballots.received == 2200


def test_an_invalid_ballot_can_keep_a_list_under_a_threshold_of_ballots_cast() -> None:
    reached = result([95, 5], SERBIA_2014)
    missed = result([95, 5], SERBIA_2014, invalid=1)
    assert [line.excluded for line in reached.lists] == [False, False]
    assert [line.excluded for line in missed.lists] == [False, True]


def test_an_exempt_list_needs_no_threshold() -> None:
    found = result([960, 10, 30], exempt=[2])
    assert [line.excluded for line in found.lists] == [False, False, True]
    assert found.lists[1].seats


def test_an_election_that_gives_no_seats_has_shares_alone() -> None:
    found = result([1, 2], None)
    assert found.apportionment is None
    assert [(line.share, line.seats) for line in found.lists] == [("0.3333", None), ("0.6667", None)]


def test_without_votes_everything_is_zero_and_nothing_fails() -> None:
    found = result([0, 0])
    assert [(line.votes, line.share, line.seats) for line in found.lists] == [(0, "0.0000", 0)] * 2
    assert found.apportionment is not None
    assert found.apportionment.awards == ()


def test_a_cancelled_election_keeps_its_votes_and_gives_no_seats() -> None:
    found = result([10, 20], state=State.CANCELLED)
    assert found.certainty is Certainty.VOID
    assert found.apportionment is None
    assert [(line.votes, line.seats) for line in found.lists] == [(10, None), (20, None)]
    assert found.waits_for == ()


def test_a_tie_keeps_the_result_open_until_a_lot_is_drawn() -> None:
    tied = result([5, 5, 1], LOTS)
    assert tied.certainty is Certainty.PROVISIONAL
    assert tied.apportionment is not None
    assert tied.apportionment.tie is not None
    assert tied.apportionment.tie.lists == (Name(1, "List 1"), Name(2, "List 2"))
    assert tied.waits_for == ("One seat is tied between the lists 1 (List 1), 2 (List 2); a lot has to be drawn.",)
    drawn = result([5, 5, 1], LOTS, lots=[2])
    assert drawn.certainty is Certainty.FINAL
    assert drawn.apportionment is not None
    assert drawn.apportionment.lots == (2,)
    assert [line.seats for line in drawn.lists] == [0, 1, 0]


def test_a_tie_of_several_seats_says_how_many() -> None:
    rules = Rules(**{**vars(LOTS), "seats": 2})
    assert result([5, 5, 5], rules).waits_for[0].startswith("2 seats are tied between the lists 1 (List 1), 2")


def test_a_tie_is_no_news_while_votes_are_still_counted() -> None:
    found = result([5, 5], LOTS, state=State.COUNTING, drained=END - timedelta(seconds=1))
    assert found.waits_for == ("Ballots received before the end of the election are still being counted.",)


def test_lots_that_decide_nothing_any_more_are_passed_over() -> None:
    found = result([5, 6], LOTS, lots=[1])
    assert [line.seats for line in found.lists] == [0, 1]
    assert found.apportionment is not None
    assert found.apportionment.lots == ()
    assert found.certainty is Certainty.FINAL


@pytest.mark.parametrize(
    ("state", "drained", "dead_letter", "sentences"),
    [
        (State.SCHEDULED, END, False, ["The election has not begun."]),
        (State.OPEN, None, False, ["The election is open."]),
        (State.COUNTING, None, False, ["Ballots received before the end of the election are still being counted."]),
        (State.COUNTING, END, True, ["Ballots that could not be recorded have to be replayed by the operators."]),
        (State.FINAL, END, False, []),
    ],
)
def test_a_result_says_what_it_waits_for(
    state: State, drained: datetime | None, dead_letter: bool, sentences: list[str]
) -> None:
    found = result([5, 6], state=state, drained=drained, dead_letter=dead_letter)
    assert list(found.waits_for) == sentences
    assert (found.certainty is Certainty.FINAL) == (not sentences)


@pytest.mark.parametrize(
    ("state", "drained", "moment"),
    [
        (State.SCHEDULED, END - timedelta(days=1), None),
        (State.CANCELLED, END, None),
        (State.OPEN, None, None),
        (State.OPEN, END - timedelta(hours=1), END - timedelta(hours=1)),
        (State.FINAL, END + timedelta(days=1), END),
    ],
)
def test_the_moment_of_the_count_stops_at_the_end(
    state: State, drained: datetime | None, moment: datetime | None
) -> None:
    assert counted_until(state, END, drained) == moment


@pytest.mark.parametrize(
    ("votes", "of", "written"),
    [
        (0, 0, "0.0000"),
        (0, 9, "0.0000"),
        (9, 9, "1.0000"),
        (1, 3, "0.3333"),
        (1_736_920, 3_476_716, "0.4996"),
        (1, 20_000, "0.0000"),
        (3, 20_000, "0.0002"),
    ],
)
def test_shares_are_rounded_half_to_even(votes: int, of: int, written: str) -> None:
    assert share(votes, of) == written


@given(st.fractions(min_value=0, max_value=10**9))
def test_a_rounded_number_is_within_half_of_the_last_decimal(value: Fraction) -> None:
    assert abs(Fraction(rounded(value)) - value) <= Fraction(1, 20_000)


def test_a_fingerprint_names_a_state_and_no_other() -> None:
    assert fingerprint(1, ["a"]) == fingerprint(1, ["a"])
    assert len({fingerprint(1, 23), fingerprint(12, 3), fingerprint("1", 23), fingerprint(None, 23)}) == 4
