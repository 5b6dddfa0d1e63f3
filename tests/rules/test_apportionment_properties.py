"""What holds for every election: found by searching for one in which it does not."""

from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.apportionment import Apportionment, Entry, Rules, Tie, apportion
from shared.apportionment.quotients import divisor
from shared.terms import FactorScope, Method, ThresholdBase, TiePolicy

# The same examples on every run and no limit on time, so that a busy machine cannot turn a test red.
always_the_same = settings(
    deadline=None, derandomize=True, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)

# Few votes make ties common; many votes are like real elections.
vote_counts = st.one_of(st.integers(0, 12), st.integers(0, 5_000_000))


@st.composite
def elections(draw: st.DrawFn) -> tuple[list[Entry], int]:
    """Lists in any order, and the ballots cast, with some invalid ballots among them."""
    numbers = draw(st.lists(st.integers(1, 40), min_size=1, max_size=8, unique=True))
    entries = [Entry(number, draw(vote_counts), draw(st.booleans())) for number in numbers]
    return entries, sum(entry.votes for entry in entries) + draw(st.integers(0, 1_000))


@st.composite
def rule_sets(draw: st.DrawFn, *, only_monotone: bool = False) -> Rules:
    """Any rules; or those of them by which more votes can never hurt (see ``docs/apportionment.md``)."""
    scopes = [FactorScope.ALL_EXEMPT] if only_monotone else list(FactorScope)
    return Rules(
        seats=draw(st.integers(1, 60)),
        method=draw(st.sampled_from(list(Method))),
        threshold=draw(st.sampled_from([Fraction(0), Fraction(1, 20), Fraction(1, 7), Fraction(3, 10)])),
        threshold_base=draw(st.sampled_from(list(ThresholdBase))),
        exempt_factor=draw(st.sampled_from([Fraction(1), Fraction(135, 100), Fraction(2), Fraction(2, 3)])),
        factor_scope=draw(st.sampled_from(scopes)),
        tie_policy=draw(st.sampled_from(list(TiePolicy))),
        waive_if_none_reach=False if only_monotone else draw(st.booleans()),
    )


def guaranteed_by_the_whole_table(entries: list[Entry], rules: Rules, result: Apportionment) -> dict[int, int]:
    """The seats that no tie can take away, from writing out every quotient and counting the larger ones."""
    table: list[tuple[Fraction, int]] = []
    for entry in entries:
        if entry.poll_number in result.excluded or entry.votes == 0:
            continue
        reaches = entry.votes >= result.votes_needed
        with_factor = entry.exempt and (rules.factor_scope is FactorScope.ALL_EXEMPT or not reaches)
        votes = entry.votes * (rules.exempt_factor if with_factor else Fraction(1))
        table += [(votes / divisor(rules.method, won), entry.poll_number) for won in range(rules.seats)]
    seats = dict.fromkeys((entry.poll_number for entry in entries), 0)
    for quotient, poll_number in table:
        if sum(other >= quotient for other, _ in table) <= rules.seats:
            seats[poll_number] += 1
    return seats


@always_the_same
@given(elections(), rule_sets())
def test_the_seats_are_those_of_the_written_out_table(election: tuple[list[Entry], int], rules: Rules) -> None:
    entries, ballots_cast = election
    by_lots = replace(rules, seats=min(rules.seats, 12), tie_policy=TiePolicy.LOTS)
    result = apportion(entries, by_lots, ballots_cast)
    assert result.seats == guaranteed_by_the_whole_table(entries, by_lots, result)


@always_the_same
@given(elections(), rule_sets(), st.randoms(use_true_random=False))
def test_the_order_of_the_lists_does_not_matter(
    election: tuple[list[Entry], int], rules: Rules, random: Random
) -> None:
    entries, ballots_cast = election
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert apportion(shuffled, rules, ballots_cast) == apportion(entries, rules, ballots_cast)


@always_the_same
@given(elections(), rule_sets(only_monotone=True), st.integers(0, 7), vote_counts)
def test_more_votes_never_lose_a_list_a_seat(
    election: tuple[list[Entry], int], rules: Rules, index: int, more: int
) -> None:
    entries, ballots_cast = election
    chosen = entries[index % len(entries)]
    grown = [replace(entry, votes=entry.votes + more) if entry is chosen else entry for entry in entries]
    before = apportion(entries, rules, ballots_cast).seats[chosen.poll_number]
    # Whoever votes for the list also casts a ballot, so both bases of the threshold grow with its votes.
    assert apportion(grown, rules, ballots_cast + more).seats[chosen.poll_number] >= before


@always_the_same
@given(elections(), rule_sets(), st.integers(1, 5))
def test_more_seats_never_lose_a_list_a_seat(election: tuple[list[Entry], int], rules: Rules, more: int) -> None:
    entries, ballots_cast = election
    before = apportion(entries, rules, ballots_cast).seats
    after = apportion(entries, replace(rules, seats=rules.seats + more), ballots_cast).seats
    assert all(after[poll_number] >= seats for poll_number, seats in before.items())


@always_the_same
@given(elections(), rule_sets())
def test_the_seats_add_up(election: tuple[list[Entry], int], rules: Rules) -> None:
    entries, ballots_cast = election
    result = apportion(entries, rules, ballots_cast)
    seats_open = result.tie.seats_open if result.tie else 0
    somebody = any(entry.votes and entry.poll_number not in result.excluded for entry in entries)
    assert sum(result.seats.values()) + seats_open == (rules.seats if somebody else 0)
    assert len(result.awards) == sum(result.seats.values())
    assert result.is_complete or rules.tie_policy is TiePolicy.LOTS


@always_the_same
@given(elections(), rule_sets(), st.integers(2, 1_000))
def test_multiplying_all_votes_changes_nothing(election: tuple[list[Entry], int], rules: Rules, times: int) -> None:
    entries, ballots_cast = election
    one = apportion(entries, rules, ballots_cast)
    many = apportion([replace(entry, votes=entry.votes * times) for entry in entries], rules, ballots_cast * times)
    assert (many.seats, many.tie, many.excluded) == (one.seats, one.tie, one.excluded)


@always_the_same
@given(elections(), rule_sets())
def test_no_losing_quotient_is_larger_than_a_winning_one(election: tuple[list[Entry], int], rules: Rules) -> None:
    entries, ballots_cast = election
    result = apportion(entries, rules, ballots_cast)
    won = [award.quotient for award in result.awards]
    lost = [following.quotient for following in result.next_quotients]
    assert won == sorted(won, reverse=True)
    assert lost == sorted(lost, reverse=True)
    assert not won or won[-1] >= lost[0]


@always_the_same
@given(
    st.integers(2, 9),
    st.integers(1, 5_000_000),
    st.integers(0, 5),
    st.sampled_from(list(Method)),
    st.data(),
)
def test_drawn_lots_always_close_a_tie_and_change_nobody_else(
    lists: int, votes: int, rounds: int, method: Method, data: st.DataObject
) -> None:
    entries = [Entry(number, votes) for number in range(1, lists + 1)]
    seats_open = data.draw(st.integers(1, lists - 1))
    seats = lists * rounds + seats_open
    by_lots = Rules(seats, method, Fraction(0), ThresholdBase.VALID_VOTES, tie_policy=TiePolicy.LOTS)
    before = apportion(entries, by_lots)
    assert before.tie == Tie(tuple(range(1, lists + 1)), seats_open)
    lots = data.draw(st.permutations(before.tie.poll_numbers))[:seats_open]
    after = apportion(entries, by_lots, lots=lots)
    assert after.is_complete
    assert after.seats == {number: won + (number in lots) for number, won in before.seats.items()}


@always_the_same
@given(
    st.lists(st.integers(1, 2_000_000), min_size=1, max_size=10),
    st.integers(1, 100),
    st.sampled_from([(Method.DHONDT, "dhondt"), (Method.SAINTE_LAGUE, "saintelague")]),
)
def test_another_program_gives_the_same_seats_when_nothing_is_tied(
    votes: list[int], seats: int, method: tuple[Method, str]
) -> None:
    # The package compares floats and settles ties by order, so it can judge only what is clear.
    other = import_module("apportionment.methods")
    rules = Rules(seats, method[0], Fraction(0), ThresholdBase.VALID_VOTES, tie_policy=TiePolicy.LOTS)
    result = apportion([Entry(number, count) for number, count in enumerate(votes, start=1)], rules)
    assume(result.is_complete)
    assert list(result.seats.values()) == other.compute(method[1], votes, seats)
