"""How many votes flip the last seat, held against apportioning again with one vote after the other."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given

from cli.demo import facts
from shared.apportionment import CLASSIC, SERBIA_2014, Award, Entry, Gain, Rules, apportion, last_seat
from shared.terms import FactorScope, Method, ThresholdBase, TiePolicy
from tests.rules.test_apportionment_certainty import Election, always_the_same, elections

FAR = 250


def seats_with(election: Election, number: int, more: int) -> int:
    """The seats of a list when it has so many votes more, or fewer."""
    entries, rules, cast = election
    changed = [replace(entry, votes=entry.votes + more) if entry.poll_number == number else entry for entry in entries]
    return apportion(changed, rules, cast + more).seats[number]


@always_the_same
@given(elections())
def test_the_fewest_votes_are_those_that_counting_up_finds(election: Election) -> None:
    entries, rules, cast = election
    now = apportion(entries, rules, cast)
    found = last_seat(entries, rules, cast)
    if found is None:
        assert not now.awards
        return
    assert found.award == now.awards[-1]
    assert [gain.poll_number for gain in found.gains] == sorted(
        entry.poll_number for entry in entries if entry.poll_number != found.award.poll_number
    )
    for gain in found.gains:
        wanted = now.seats[gain.poll_number] + 1
        reached = (more for more in range(1, FAR) if seats_with(election, gain.poll_number, more) >= wanted)
        counted = next(reached, None)
        if counted is None and gain.votes is not None:
            assert gain.votes >= FAR
            assert seats_with(election, gain.poll_number, gain.votes) >= wanted
            assert seats_with(election, gain.poll_number, gain.votes - 1) < wanted
        else:
            assert gain.votes == counted
    holder = found.award.poll_number
    had = now.seats[holder]
    assert seats_with(election, holder, -found.holder_loses) < had
    assert all(seats_with(election, holder, -fewer) >= had for fewer in range(1, found.holder_loses))
    nearest = min((gain.votes for gain in found.gains if gain.votes is not None), default=None)
    assert (found.closest.votes if found.closest else None) == nearest


@always_the_same
@given(elections(plain=True))
def test_without_waiver_and_changing_factors_more_votes_keep_the_seat(election: Election) -> None:
    entries, rules, cast = election
    found = last_seat(entries, rules, cast)
    now = apportion(entries, rules, cast).seats
    for gain in found.gains if found else ():
        if gain.votes is not None:
            more = [seats_with(election, gain.poll_number, gain.votes + further) for further in range(0, 40, 3)]
            assert all(seats > now[gain.poll_number] for seats in more)


def test_where_a_factor_ends_at_the_threshold_more_votes_can_lose_the_seat_again() -> None:
    rules = Rules(
        1,
        Method.DHONDT,
        Fraction(1, 4),
        ThresholdBase.VALID_VOTES,
        exempt_factor=Fraction(2),
        factor_scope=FactorScope.EXEMPT_BELOW_THRESHOLD,
    )
    election = [Entry(1, 43), Entry(2, 20, True), Entry(3, 37)], rules, 100
    found = last_seat(*election)
    assert found is not None
    assert found.gains[0] == Gain(2, 2)
    # 20 and 7 more of 107 are a quarter, and then count once.
    assert [seats_with(election, 2, more) for more in (1, 2, 6, 7)] == [0, 1, 1, 0]


def test_a_list_under_the_threshold_has_to_reach_it_first_and_it_rises_meanwhile() -> None:
    rules = Rules(10, Method.DHONDT, Fraction(1, 10), ThresholdBase.BALLOTS_CAST)
    found = last_seat([Entry(1, 900), Entry(2, 90)], rules, 1000)
    assert found is not None
    # 90 and 11 more of 1,011 do not reach a tenth, 90 and 12 more of 1,012 do.
    assert found.gains == (Gain(2, 12),)


def test_a_list_that_can_have_no_seat_more_has_no_number() -> None:
    whole = Rules(1, Method.DHONDT, Fraction(1), ThresholdBase.VALID_VOTES, tie_policy=TiePolicy.LOTS)
    found = last_seat([Entry(1, 5), Entry(2, 0)], whole)
    assert found is not None
    assert found.gains == (Gain(2, None),)
    assert found.closest is None
    assert found.holder_loses == 5
    assert last_seat([Entry(1, 0)], CLASSIC) is None


def test_serbia_2014_says_how_near_its_last_seat_was() -> None:
    entries = [Entry(one.poll_number, one.votes, one.minority) for one in facts.LISTS]
    election = entries, SERBIA_2014, facts.BALLOTS_IN_BOX
    found = last_seat(*election)
    assert found is not None
    assert found.award == Award(250, 1, 158, Fraction(1_736_920, 158))
    assert len(found.gains) == 18
    for gain in found.gains:
        assert gain.votes is not None
        seats = [seats_with(election, gain.poll_number, more) for more in (0, gain.votes - 1, gain.votes)]
        assert seats[0] == seats[1] == seats[2] - 1 or (seats[1] == 0 < seats[2])
    assert found.closest == min(found.gains, key=lambda gain: gain.votes or 0)
    assert seats_with(election, 1, -found.holder_loses) == 157
    assert seats_with(election, 1, 1 - found.holder_loses) == 158
