"""Which election a ballot belongs to, and what becomes of it."""

from array import array
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.rules import Poll, judge, outside, poll_at
from shared.terms import Refusal

START = datetime(2026, 11, 20, 6, tzinfo=UTC)
END = datetime(2026, 11, 20, 19, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def poll(number: int = 1, jurisdiction: int = 1, start: datetime = START, end: datetime = END) -> Poll:
    return Poll(number, jurisdiction, start, end, frozenset({1, 2}))


def guids(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(16, "big") for number in numbers)


def test_an_election_is_open_from_its_start_until_just_before_its_end() -> None:
    assert poll_at([poll()], START, None) == poll()
    assert poll_at([poll()], END - MICROSECOND, None) == poll()
    assert poll_at([poll()], START - MICROSECOND, None) is None
    assert poll_at([poll()], END, None) is None


def test_ballots_that_name_an_election_belong_to_it_or_to_none() -> None:
    both = [poll(1, 1), poll(2, 2)]
    assert poll_at(both, START, 2) == poll(2, 2)
    assert poll_at(both, START, 3) is None
    assert poll_at([poll(1, end=END), poll(2, 2, end=END - MICROSECOND)], END - MICROSECOND, 2) is None


def test_ballots_that_name_no_election_belong_to_the_only_open_one_or_to_the_countrys() -> None:
    assert poll_at([poll(2, 2)], START, None) == poll(2, 2)
    assert poll_at([poll(2, 2), poll(1, 1)], START, None) == poll(1, 1)
    assert poll_at([poll(2, 2), poll(3, 3)], START, None) is None


def test_ballots_without_an_open_election_are_outside_all_of_them() -> None:
    judgement = outside(7)
    assert (judgement.received, judgement.outside, judgement.counted, judgement.tally) == (7, 7, 0, {})


def test_a_duplicate_with_a_wrong_poll_number_is_a_duplicate() -> None:
    judgement = judge(
        guids(1, 2, 1),
        array("Q", [1, 9, 9]),
        array("I", [4, 5, 6]),
        frozenset({1, 2}),
        {guids(1): True, guids(2): True},
    )
    assert [(line.line, line.reason) for line in judgement.refused] == [
        (5, Refusal.INVALID_POLL_NUMBER),
        (6, Refusal.DUPLICATE),
    ]
    assert judgement.tally == {1: 1}


def test_a_guid_that_another_part_brought_first_is_a_duplicate_on_every_line() -> None:
    judgement = judge(guids(1, 1), array("Q", [1, 2]), array("I", [0, 1]), frozenset({1, 2}), {guids(1): False})
    assert (judgement.duplicate, judgement.counted, judgement.tally) == (2, 0, {})


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), max_size=30), st.sets(st.integers(0, 6)))
def test_every_line_ends_in_one_way_and_the_first_of_a_guid_wins(
    ballots: list[tuple[int, int]], earlier: set[int]
) -> None:
    lines = array("I", range(10, 10 + len(ballots)))
    firsts = {guids(number): number not in earlier for number, _ in ballots}
    judgement = judge(
        guids(*(number for number, _ in ballots)),
        array("Q", (number for _, number in ballots)),
        lines,
        frozenset({1, 2}),
        firsts,
    )

    seen, expected = set(earlier), []
    tally: dict[int, int] = {}
    for line, (number, poll_number) in zip(lines, ballots, strict=True):
        if number in seen:
            expected.append((line, Refusal.DUPLICATE))
        elif poll_number > 2:
            expected.append((line, Refusal.INVALID_POLL_NUMBER))
        else:
            tally[poll_number] = tally.get(poll_number, 0) + 1
        seen.add(number)
    assert [(line.line, line.reason) for line in judgement.refused] == expected
    assert judgement.tally == tally
    assert judgement.received == judgement.counted + judgement.duplicate + judgement.invalid + judgement.outside
