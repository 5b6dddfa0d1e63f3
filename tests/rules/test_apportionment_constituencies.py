"""Seats per constituency: the statute's own example, thresholds over each or over the whole, ties and lots in each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.apportionment import (
    CLASSIC,
    SPAIN_CONGRESS,
    Constituency,
    Entry,
    Rules,
    apportion,
    apportion_constituencies,
    lots_drawn_in,
    lots_drawn_over_whole,
)
from shared.errors import InvalidInput
from shared.terms import Scope, ThresholdBase, TiePolicy

always_the_same = settings(
    deadline=None, derandomize=True, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)
OVER_WHOLE = replace(SPAIN_CONGRESS, threshold_over=Scope.WHOLE)
BY_LOTS = replace(SPAIN_CONGRESS, threshold=Fraction(0), tie_policy=TiePolicy.LOTS)


def over_all(constituencies: Sequence[Constituency], exempt: Sequence[int] = ()) -> list[Entry]:
    """The lists with the votes of all constituencies together."""
    total: Counter[int] = Counter()
    for one in constituencies:
        total.update(one.votes)
    return [Entry(number, votes, number in exempt) for number, votes in sorted(total.items())]


def test_the_example_of_the_spanish_law_gives_its_seats() -> None:
    """Ley Orgánica 5/1985, article 163.1 b): a constituency of 480,000 valid votes that elects eight."""
    votes = {1: 168_000, 2: 104_000, 3: 72_000, 4: 64_000, 5: 40_000, 6: 32_000}
    one = Constituency(28, 8, votes)
    found = apportion_constituencies(over_all([one]), [one], SPAIN_CONGRESS)
    assert found.seats == {1: 4, 2: 2, 3: 1, 4: 1, 5: 0, 6: 0}
    assert [award.quotient for award in found.constituencies[28].awards] == [
        *(168_000, 104_000, 84_000, 72_000, 64_000, 56_000, 52_000, 42_000)
    ]


def test_a_list_may_be_over_the_threshold_in_one_constituency_and_under_it_over_the_whole() -> None:
    # List 3 stands in the small constituency only.
    places = [Constituency(1, 100, {1: 60_000, 2: 40_000, 3: 0}), Constituency(2, 5, {1: 500, 2: 200, 3: 400})]
    in_each = apportion_constituencies(over_all(places), places, SPAIN_CONGRESS)
    assert in_each.threshold is None
    assert (in_each.constituencies[1].excluded, in_each.constituencies[2].excluded) == ((3,), ())
    assert (in_each.seats[3], in_each.constituencies[2].votes_needed) == (2, 33)
    over_whole = apportion_constituencies(over_all(places), places, OVER_WHOLE)
    assert over_whole.threshold is not None
    assert (over_whole.threshold.excluded, over_whole.threshold.votes_needed) == ((3,), 3033)
    assert (over_whole.seats[3], over_whole.constituencies[2].excluded) == (0, (3,))
    exempt = apportion_constituencies(over_all(places, exempt=[3]), places, OVER_WHOLE)
    assert exempt.seats == in_each.seats


def test_a_tie_waits_for_lots_in_its_own_constituency_only() -> None:
    places = [Constituency(1, 3, {1: 10, 2: 10}), Constituency(2, 2, {1: 10, 2: 10}), Constituency(3, 1, {1: 5, 2: 5})]
    entries = over_all(places)
    waiting = apportion_constituencies(entries, places, BY_LOTS)
    assert list(waiting.tied) == [1, 3]
    assert (waiting.seats, waiting.is_complete) == ({1: 2, 2: 2}, False)
    drawn = lots_drawn_in({"1": [2]})
    assert list(apportion_constituencies(entries, places, BY_LOTS, lots=drawn).tied) == [3]
    settled = apportion_constituencies(entries, places, BY_LOTS, lots={1: [2], 3: [1]})
    assert (settled.seats, settled.is_complete) == ({1: 3, 2: 3}, True)
    for lots, about in (({2: [1]}, "no tie"), ({9: [1]}, "no constituency 9"), ({1: [7]}, "tied lists only")):
        with pytest.raises(InvalidInput, match=about):
            apportion_constituencies(entries, places, BY_LOTS, lots=lots)


def test_lots_over_the_whole_and_in_constituencies_are_told_apart_as_they_are_stored() -> None:
    assert (lots_drawn_over_whole([3, 1]), lots_drawn_in([3, 1])) == ([3, 1], {})
    assert (lots_drawn_over_whole({"4": [3]}), lots_drawn_in({"4": [3]})) == ((), {4: [3]})


def test_a_constituency_without_votes_and_one_without_seats_give_nothing() -> None:
    places = [Constituency(1, 3, {}), Constituency(2, 0, {1: 7, 2: 3})]
    found = apportion_constituencies([Entry(1, 7), Entry(2, 3)], places, SPAIN_CONGRESS)
    assert (found.seats, found.is_complete) == ({1: 0, 2: 0}, True)


def test_rules_per_constituency_are_said_in_json_only_where_they_differ() -> None:
    assert SPAIN_CONGRESS.to_dict()["threshold_over"] == "constituency"
    assert not {"apportioned", "threshold_over"} & CLASSIC.to_dict().keys()
    assert Rules.from_dict({**CLASSIC.to_dict(), "apportioned": "whole", "threshold_over": "whole"}) == CLASSIC
    for wrong in ({"apportioned": "province"}, {"threshold_over": "constituency"}):
        with pytest.raises(InvalidInput) as refused:
            Rules.from_dict({**CLASSIC.to_dict(), **wrong})
        assert refused.value.field == next(iter(wrong))


@st.composite
def countries(draw: st.DrawFn) -> tuple[list[Constituency], list[Entry], int]:
    """Constituencies, the lists with their votes over the whole, and the ballots cast there."""
    numbers = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5, unique=True))
    votes = st.fixed_dictionaries({number: st.one_of(st.integers(0, 9), st.integers(0, 90_000)) for number in numbers})
    places = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        found = draw(votes)
        places.append(
            Constituency(number, draw(st.integers(0, 12)), found, sum(found.values()) + draw(st.integers(0, 9)))
        )
    exempt = [number for number in numbers if draw(st.booleans())]
    return places, over_all(places, exempt), sum(one.ballots_cast or 0 for one in places)


@always_the_same
@given(
    countries(),
    st.sampled_from(list(Scope)),
    st.sampled_from(list(ThresholdBase)),
    st.sampled_from(list(TiePolicy)),
    st.sampled_from([Fraction(0), Fraction(3, 100), Fraction(1, 5)]),
    st.booleans(),
)
def test_each_constituency_gives_its_seats_as_if_it_were_alone(
    country: tuple[list[Constituency], list[Entry], int],
    over: Scope,
    base: ThresholdBase,
    policy: TiePolicy,
    threshold: Fraction,
    waive: bool,
) -> None:
    places, entries, cast = country
    rules = replace(
        SPAIN_CONGRESS,
        threshold_over=over,
        threshold_base=base,
        tie_policy=policy,
        threshold=threshold,
        waive_if_none_reach=waive,
    )
    found = apportion_constituencies(entries, places, rules, cast)
    whole = apportion(entries, replace(rules, seats=1), cast)
    for one in places:
        got = found.constituencies[one.id]
        open_seats = got.tie.seats_open if got.tie else 0
        assert sum(got.seats.values()) == len(got.awards)
        takes_part = [
            entry for entry in entries if one.votes[entry.poll_number] and entry.poll_number not in got.excluded
        ]
        assert len(got.awards) + open_seats == (one.seats if takes_part else 0)
        if over is Scope.CONSTITUENCY and one.seats:
            alone = [Entry(entry.poll_number, one.votes[entry.poll_number], entry.exempt) for entry in entries]
            assert got == apportion(alone, replace(rules, seats=one.seats), one.ballots_cast)
        if over is Scope.WHOLE:
            assert (got.excluded, got.votes_needed) == (whole.excluded, whole.votes_needed)
    assert found.seats == {
        entry.poll_number: sum(one.seats[entry.poll_number] for one in found.constituencies.values())
        for entry in entries
    }


@always_the_same
@given(countries())
def test_one_constituency_that_is_the_whole_gives_the_seats_of_the_whole(
    country: tuple[list[Constituency], list[Entry], int],
) -> None:
    _, entries, cast = country
    votes = {entry.poll_number: entry.votes for entry in entries}
    for rules in (replace(SPAIN_CONGRESS, seats=17), replace(OVER_WHOLE, seats=17)):
        found = apportion_constituencies(entries, [Constituency(1, 17, votes, cast)], rules, cast)
        assert found.constituencies[1] == apportion(entries, rules, cast)
