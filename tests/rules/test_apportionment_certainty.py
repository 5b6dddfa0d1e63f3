"""Which seats are certain, held against every way in which the outstanding ballots can come."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cli.demo import facts
from shared.apportionment import (
    CLASSIC,
    SERBIA_2014,
    SERBIA_2020,
    Entry,
    ListCertainty,
    Rules,
    SeatCertainty,
    apportion,
    seat_certainty,
)
from shared.apportionment.certainty import least_seats, most_seats
from shared.apportionment.duels import contest_of
from shared.errors import InvalidInput
from shared.terms import FactorScope, Method, ThresholdBase, TiePolicy

always_the_same = settings(
    deadline=None, derandomize=True, max_examples=120, suppress_health_check=[HealthCheck.too_slow]
)
THRESHOLDS = [
    Fraction(0),
    Fraction(1, 20),
    Fraction(1, 7),
    Fraction(2, 7),
    Fraction(3, 10),
    Fraction(1, 2),
    Fraction(1),
]

Election = tuple[list[Entry], Rules, int]


def ways(ballots: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way of sharing so many ballots out among so many parts."""
    if parts == 1:
        yield (ballots,)
        return
    for first in range(ballots + 1):
        for rest in ways(ballots - first, parts - 1):
            yield (first, *rest)


def by_brute_force(entries: list[Entry], rules: Rules, cast: int, outstanding: int) -> dict[int, tuple[int, int]]:
    """The least and the most seats of each list over all results that are possible; lots may fall either way."""
    bounds: dict[int, tuple[int, int]] = {}
    # Beside the lists, ballots may be invalid, or not come at all.
    for way in ways(outstanding, len(entries) + 2):
        grown = [replace(entry, votes=entry.votes + more) for entry, more in zip(entries, way, strict=False)]
        result = apportion(grown, rules, cast + sum(way[:-1]))
        for number, seats in result.seats.items():
            by_lot = result.tie is not None and number in result.tie.poll_numbers
            least, most = bounds.get(number, (seats, seats))
            bounds[number] = (min(least, seats), max(most, seats + by_lot))
    return bounds


def bounds_of(certainty: SeatCertainty) -> dict[int, tuple[int, int]]:
    return {one.poll_number: (one.least, one.most) for one in certainty.lists}


@st.composite
def elections(draw: st.DrawFn, *, plain: bool = False) -> Election:
    """A small election; a plain one has no waiver and no factor that exempt lists have below the threshold only."""
    largest = draw(st.sampled_from([4, 12, 40]))
    numbers = draw(st.permutations(range(1, 5)))[: draw(st.integers(1, 4))]
    entries = [Entry(number, draw(st.integers(0, largest)), draw(st.booleans())) for number in numbers]
    rules = Rules(
        seats=draw(st.integers(1, 9)),
        method=draw(st.sampled_from(list(Method))),
        threshold=draw(st.sampled_from(THRESHOLDS)),
        threshold_base=draw(st.sampled_from(list(ThresholdBase))),
        exempt_factor=draw(st.sampled_from([Fraction(1), Fraction(135, 100), Fraction(2), Fraction(2, 3)])),
        factor_scope=FactorScope.ALL_EXEMPT if plain else draw(st.sampled_from(list(FactorScope))),
        tie_policy=draw(st.sampled_from(list(TiePolicy))),
        waive_if_none_reach=False if plain else draw(st.booleans()),
    )
    return entries, rules, sum(entry.votes for entry in entries) + draw(st.integers(0, 10))


@always_the_same
@given(elections(), st.integers(1, 5))
# Each of these was called certain once, while the search was being written.
@example(
    (
        [Entry(4, 1), Entry(1, 0, True), Entry(3, 3, True), Entry(2, 0, True)],
        Rules(4, Method.SAINTE_LAGUE, Fraction(1, 20), ThresholdBase.BALLOTS_CAST, tie_policy=TiePolicy.MORE_VOTES),
        14,
    ),
    2,
)
@example(
    (
        [Entry(1, 3), Entry(2, 2, True), Entry(3, 3, True)],
        Rules(2, Method.SAINTE_LAGUE, Fraction(3, 10), ThresholdBase.VALID_VOTES, tie_policy=TiePolicy.MORE_VOTES),
        15,
    ),
    1,
)
# With one ballot fewer the threshold is a vote lower, and only so does list 1 lose its fourth seat.
@example(
    (
        [Entry(4, 8), Entry(2, 7), Entry(1, 10), Entry(3, 0)],
        Rules(8, Method.DHONDT, Fraction(3, 10), ThresholdBase.BALLOTS_CAST, tie_policy=TiePolicy.FEWER_VOTES),
        25,
    ),
    2,
)
# An exempt list loses by votes of its own that end its factor.
@example(
    (
        [Entry(3, 36), Entry(4, 16), Entry(1, 16), Entry(2, 29, True)],
        Rules(
            8,
            Method.SAINTE_LAGUE,
            Fraction(3, 10),
            ThresholdBase.VALID_VOTES,
            Fraction(2),
            FactorScope.EXEMPT_BELOW_THRESHOLD,
            TiePolicy.FEWER_VOTES,
        ),
        97,
    ),
    3,
)
# A list wins by votes for another one that end the factor of that.
@example(
    (
        [Entry(1, 10), Entry(4, 8), Entry(3, 6), Entry(2, 7, True)],
        Rules(
            9,
            Method.DHONDT,
            Fraction(2, 7),
            ThresholdBase.VALID_VOTES,
            Fraction(2),
            FactorScope.EXEMPT_BELOW_THRESHOLD,
            waive_if_none_reach=True,
        ),
        34,
    ),
    3,
)
def test_nothing_is_called_certain_that_can_still_change(election: Election, outstanding: int) -> None:
    entries, rules, cast = election
    found = bounds_of(seat_certainty(entries, rules, cast, outstanding=outstanding))
    for number, (least, most) in by_brute_force(entries, rules, cast, outstanding).items():
        assert found[number][0] <= least
        assert found[number][1] >= most


def test_where_the_search_is_cut_short_it_stays_on_the_safe_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.apportionment.overtaking.LARGEST_SEARCH", 0)
    monkeypatch.setattr("shared.apportionment.certainty.MOST_THRESHOLDS", 0)
    monkeypatch.setattr("shared.apportionment.certainty.MOST_LIFTED", 0)
    random = Random(6)
    for _ in range(150):
        entries = [Entry(number, random.randint(0, 30), random.random() < 0.5) for number in range(1, 4)]
        rules = Rules(
            random.randint(2, 9),
            random.choice(list(Method)),
            random.choice(THRESHOLDS),
            random.choice(list(ThresholdBase)),
            random.choice([Fraction(135, 100), Fraction(2)]),
            random.choice(list(FactorScope)),
            random.choice(list(TiePolicy)),
        )
        cast = sum(entry.votes for entry in entries) + random.randint(0, 5)
        found = bounds_of(seat_certainty(entries, rules, cast, outstanding=4))
        for number, (least, most) in by_brute_force(entries, rules, cast, 4).items():
            assert found[number][0] <= least
            assert found[number][1] >= most


@always_the_same
@given(elections(plain=True), st.integers(1, 5))
def test_without_waiver_and_changing_factors_the_bounds_are_exact(election: Election, outstanding: int) -> None:
    entries, rules, cast = election
    found = bounds_of(seat_certainty(entries, rules, cast, outstanding=outstanding))
    assert found == by_brute_force(entries, rules, cast, outstanding)


def test_by_the_rule_packs_the_bounds_are_almost_always_exact() -> None:
    random = Random(2014)
    loose = cases = 0
    for _ in range(60):
        entries = [Entry(number, random.randint(0, 40), random.random() < 0.4) for number in range(1, 4)]
        rules = replace(random.choice([CLASSIC, SERBIA_2014, SERBIA_2020]), seats=random.randint(3, 12))
        # With few votes only a high threshold is one that lists can be on either side of.
        rules = replace(rules, threshold=Fraction(random.randint(5, 30), 100))
        cast = sum(entry.votes for entry in entries) + random.randint(0, 5)
        found = bounds_of(seat_certainty(entries, rules, cast, outstanding=5))
        exact = by_brute_force(entries, rules, cast, 5)
        cases += len(entries)
        for number, (least, most) in exact.items():
            assert found[number][0] <= least
            assert found[number][1] >= most
            loose += found[number] != (least, most)
    assert loose * 100 <= cases


@always_the_same
@given(elections())
def test_with_nothing_outstanding_the_search_says_what_the_apportionment_says(election: Election) -> None:
    entries, rules, cast = election
    result = apportion(entries, rules, cast)
    contest = contest_of({entry.poll_number: entry for entry in entries}, rules, cast)
    for entry in entries:
        seats = result.seats[entry.poll_number]
        by_lot = result.tie is not None and entry.poll_number in result.tie.poll_numbers
        assert most_seats(contest, entry, 0) == seats + by_lot
        if len(entries) > 1 or seats == 0:
            assert least_seats(contest, entry, 0, seats) == seats
    found = seat_certainty(entries, rules, cast, outstanding=0)
    assert {one.poll_number: one.least for one in found.lists} == result.seats
    assert found.is_certain is result.is_complete


@always_the_same
@given(elections(), st.integers(0, 60), st.integers(1, 60))
def test_more_outstanding_ballots_never_make_more_seats_certain(
    election: Election, outstanding: int, more: int
) -> None:
    entries, rules, cast = election
    few = bounds_of(seat_certainty(entries, rules, cast, outstanding=outstanding))
    many = bounds_of(seat_certainty(entries, rules, cast, outstanding=outstanding + more))
    for number, (least, most) in few.items():
        assert many[number][0] <= least
        assert many[number][1] >= most


def test_a_seat_that_waits_for_a_lot_is_certain_for_nobody_until_it_is_drawn() -> None:
    rules = Rules(3, Method.DHONDT, Fraction(0), ThresholdBase.VALID_VOTES, tie_policy=TiePolicy.LOTS)
    entries = [Entry(1, 5), Entry(2, 5)]
    open_tie = seat_certainty(entries, rules, outstanding=0)
    assert open_tie.lists == (ListCertainty(1, 1, 1, 2), ListCertainty(2, 1, 1, 2))
    assert (open_tie.certain, open_tie.open, open_tie.is_certain) == (2, 1, False)
    drawn = seat_certainty(entries, rules, outstanding=0, lots=[2])
    assert drawn.lists == (ListCertainty(1, 1, 1, 1), ListCertainty(2, 2, 2, 2))
    assert (drawn.certain, drawn.open, drawn.is_certain) == (3, 0, True)
    # One more ballot can undo the tie, and the lot with it.
    assert seat_certainty(entries, rules, outstanding=1, lots=[2]).open == 1


def test_invalid_ballots_alone_can_push_a_list_under_a_threshold_of_the_ballots_cast() -> None:
    of_ballots = Rules(10, Method.DHONDT, Fraction(1, 10), ThresholdBase.BALLOTS_CAST)
    entries = [Entry(1, 90), Entry(2, 10)]
    assert seat_certainty(entries, of_ballots, 100, outstanding=0).lists[1].least == 1
    assert seat_certainty(entries, of_ballots, 100, outstanding=1).lists[1].least == 0
    alone = seat_certainty([Entry(2, 10)], of_ballots, 100, outstanding=1)
    assert (alone.certain, alone.open) == (0, 10)


def test_seats_that_nobody_can_take_are_neither_certain_nor_open() -> None:
    empty = seat_certainty([Entry(1, 0), Entry(2, 0)], CLASSIC, outstanding=0)
    assert (empty.certain, empty.open, empty.is_certain) == (0, 0, True)
    waiting = seat_certainty([Entry(1, 0), Entry(2, 0)], CLASSIC, outstanding=1)
    assert (waiting.certain, waiting.open, waiting.is_certain) == (0, 250, False)


@pytest.mark.parametrize("outstanding", [-1, True, 1.0])
def test_outstanding_ballots_are_a_whole_number(outstanding: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        seat_certainty([Entry(1, 1)], CLASSIC, outstanding=outstanding)
    assert refused.value.field == "outstanding"


def serbia(share: Fraction) -> tuple[list[Entry], int, int]:
    """Serbia 2014 when this share of every number was counted, and how many voters were registered elsewhere."""
    entries = [Entry(one.poll_number, int(one.votes * share), one.minority) for one in facts.LISTS]
    return entries, int(facts.BALLOTS_IN_BOX * share), int(6_765_998 * (1 - share))


OFFICIAL: Mapping[int, int] = {one.poll_number: one.seats for one in facts.LISTS}


@pytest.mark.parametrize(
    ("counted", "certain"),
    [
        (Fraction(1, 10), 0),
        (Fraction(1, 2), 43),
        (Fraction(9, 10), 138),
        (Fraction(99, 100), 229),
        (Fraction(999, 1000), 248),
        (Fraction(1), 250),
    ],
)
def test_serbia_2014_becomes_certain_as_its_stations_come_in(counted: Fraction, certain: int) -> None:
    entries, cast, outstanding = serbia(counted)
    found = seat_certainty(entries, SERBIA_2014, cast, outstanding=outstanding)
    assert found.certain == certain
    assert found.certain + found.open == 250
    assert found.is_certain is (counted == 1)
    for one in found.lists:
        assert one.least <= OFFICIAL[one.poll_number] <= one.most
        assert one.least <= one.seats <= one.most


@pytest.mark.parametrize("rules", [SERBIA_2014, SERBIA_2020], ids=["2014", "2020"])
def test_the_bounds_of_serbia_hold_for_nights_of_every_kind(rules: Rules) -> None:
    random = Random(16)
    entries, cast, _ = serbia(Fraction(19, 20))
    outstanding = 300_000
    found = bounds_of(seat_certainty(entries, rules, cast, outstanding=outstanding))
    for _ in range(60):
        # A few lists get most of what comes, as an adversary would have it.
        favourites = random.sample(range(len(entries)), random.randint(1, 4))
        left = random.choice([outstanding, random.randint(0, outstanding)])
        invalid = random.choice([0, random.randint(0, left), outstanding - left])
        shares = [random.random() if place in favourites else 0 for place in range(len(entries))]
        votes = [int((left - min(invalid, left)) * share / sum(shares)) for share in shares]
        grown = [replace(entry, votes=entry.votes + more) for entry, more in zip(entries, votes, strict=True)]
        seats = apportion(grown, rules, cast + sum(votes) + min(invalid, outstanding - sum(votes))).seats
        assert all(found[number][0] <= won <= found[number][1] for number, won in seats.items())
