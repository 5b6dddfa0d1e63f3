"""Ties for the last seats under each policy, and lots that leave them open until they are drawn."""

from fractions import Fraction

import pytest

from shared.apportionment import Entry, Rules, Tie, apportion
from shared.errors import InvalidInput
from shared.terms import Method, ThresholdBase, TiePolicy


def rules(policy: TiePolicy, seats: int) -> Rules:
    return Rules(seats, Method.DHONDT, Fraction(0), ThresholdBase.VALID_VOTES, tie_policy=policy)


# With two seats the first quotient 200 is clear, and 200/2 ties with 100/1 for the second.
UNEVEN = [Entry(1, 100), Entry(2, 200)]
# Four equal lists and six seats: everybody has one, and four tie for two.
FOUR = [Entry(number, 100) for number in (3, 5, 7, 9)]


@pytest.mark.parametrize(
    ("policy", "seats"),
    [
        (TiePolicy.LOWER_POLL_NUMBER, {1: 1, 2: 1}),
        (TiePolicy.MORE_VOTES, {1: 0, 2: 2}),
        (TiePolicy.FEWER_VOTES, {1: 1, 2: 1}),
    ],
)
def test_a_policy_decides_between_lists_with_different_votes(policy: TiePolicy, seats: dict[int, int]) -> None:
    result = apportion(UNEVEN, rules(policy, 2))
    assert result.seats == seats
    assert result.is_complete


def test_fewer_votes_win_even_with_the_higher_poll_number() -> None:
    turned = [Entry(1, 200), Entry(2, 100)]
    assert apportion(turned, rules(TiePolicy.FEWER_VOTES, 2)).seats == {1: 1, 2: 1}
    assert apportion(turned, rules(TiePolicy.LOWER_POLL_NUMBER, 2)).seats == {1: 2, 2: 0}


@pytest.mark.parametrize("policy", [TiePolicy.MORE_VOTES, TiePolicy.FEWER_VOTES, TiePolicy.LOWER_POLL_NUMBER])
def test_equal_votes_fall_back_to_the_lower_poll_number(policy: TiePolicy) -> None:
    assert apportion(FOUR, rules(policy, 6)).seats == {3: 2, 5: 2, 7: 1, 9: 1}


@pytest.mark.parametrize("policy", [TiePolicy.MORE_VOTES, TiePolicy.FEWER_VOTES])
def test_votes_are_compared_as_cast_without_the_factor(policy: TiePolicy) -> None:
    # 100 votes with the factor 2 make the same quotient as 200 votes.
    doubled = Rules(1, Method.DHONDT, Fraction(0), ThresholdBase.VALID_VOTES, Fraction(2), tie_policy=policy)
    result = apportion([Entry(1, 200), Entry(2, 100, exempt=True)], doubled)
    winner = 1 if policy is TiePolicy.MORE_VOTES else 2
    assert result.seats[winner] == 1
    assert result.awards[0].tied_with == (3 - winner,)


def test_only_a_seat_that_a_policy_decided_names_the_lists_it_was_tied_with() -> None:
    result = apportion(FOUR, rules(TiePolicy.LOWER_POLL_NUMBER, 6))
    assert [award.tied_with for award in result.awards] == [(), (), (), (), (7, 9), (7, 9)]


def test_a_tie_in_which_everybody_gets_a_seat_needs_no_decision() -> None:
    result = apportion(FOUR, rules(TiePolicy.LOTS, 8))
    assert result.seats == {3: 2, 5: 2, 7: 2, 9: 2}
    assert result.is_complete
    assert all(award.tied_with == () for award in result.awards)


def test_lots_leave_the_tie_open_and_name_the_lists_and_seats() -> None:
    result = apportion(FOUR, rules(TiePolicy.LOTS, 6))
    assert result.seats == {3: 1, 5: 1, 7: 1, 9: 1}
    assert result.tie == Tie((3, 5, 7, 9), 2)
    assert not result.is_complete
    assert len(result.awards) == 4
    assert [following.quotient for following in result.next_quotients] == [Fraction(50)] * 4


def test_a_clear_list_keeps_its_seats_while_others_wait_for_lots() -> None:
    result = apportion([Entry(1, 300), *FOUR], rules(TiePolicy.LOTS, 5))
    assert result.seats == {1: 2, 3: 0, 5: 0, 7: 0, 9: 0}
    assert result.tie == Tie((1, 3, 5, 7, 9), 3)


def test_drawn_lots_close_the_tie() -> None:
    result = apportion(FOUR, rules(TiePolicy.LOTS, 6), lots=[9, 5])
    assert result.seats == {3: 1, 5: 2, 7: 1, 9: 2}
    assert result.is_complete
    assert [(award.seat, award.poll_number, award.tied_with) for award in result.awards[4:]] == [
        (5, 9, (3, 7)),
        (6, 5, (3, 7)),
    ]


def test_a_whole_drawn_order_is_as_good_as_the_winners_alone() -> None:
    by_lots = rules(TiePolicy.LOTS, 6)
    assert apportion(FOUR, by_lots, lots=[9, 5, 7, 3]) == apportion(FOUR, by_lots, lots=[9, 5])


def test_fewer_lots_than_open_seats_leave_the_rest_open() -> None:
    result = apportion(FOUR, rules(TiePolicy.LOTS, 6), lots=[7])
    assert result.seats == {3: 1, 5: 1, 7: 2, 9: 1}
    assert result.tie == Tie((3, 5, 9), 1)


@pytest.mark.parametrize("lots", [[4], [9, 4], [9, 9], [9, 5, 9], [True]])
def test_a_wrong_lot_is_refused(lots: list[int]) -> None:
    with pytest.raises(InvalidInput) as refused:
        apportion(FOUR, rules(TiePolicy.LOTS, 6), lots=lots)
    assert refused.value.field == "lots"


@pytest.mark.parametrize(
    ("policy", "seats"), [(TiePolicy.LOTS, 8), (TiePolicy.MORE_VOTES, 6), (TiePolicy.LOWER_POLL_NUMBER, 6)]
)
def test_lots_without_a_tie_that_asks_for_them_are_refused(policy: TiePolicy, seats: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        apportion(FOUR, rules(policy, seats), lots=[3])
    assert refused.value.field == "lots"
