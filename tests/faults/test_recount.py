"""The recount of the fault machine on cases that are small enough to count by hand."""

from datetime import UTC, datetime, timedelta

from shared.terms import Refusal
from tests.faults.recount import Accepted, Poll, recount
from tests.services.counting import guid

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COUNTRY = Poll(1, 1, NOON, NOON + timedelta(hours=1), frozenset({1, 2}))
PROVINCE = Poll(2, 2, NOON + timedelta(minutes=30), NOON + timedelta(hours=2), frozenset({1}))


def file(batch: str, minutes: float, *ballots: tuple[int, int], election: int | None = 1) -> Accepted:
    lines = [(guid(number), choice) for number, choice in ballots]
    return Accepted(batch, NOON + timedelta(minutes=minutes), election, lines)


def test_the_first_received_wins_whatever_the_order_of_the_files() -> None:
    found = recount([COUNTRY], [file("late", 2, (7, 2), (8, 2)), file("early", 1, (7, 1))])
    assert found.elections[1].votes == {1: 1, 2: 1}
    assert found.elections[1].first == {guid(7): 1, guid(8): 2}
    assert found.batches["late"].refused == {0: Refusal.DUPLICATE}
    assert found.batches["early"].refused == {}


def test_within_a_file_the_first_line_wins() -> None:
    found = recount([COUNTRY], [file("one", 1, (7, 2), (7, 1), (7, 2))])
    assert found.elections[1].votes == {2: 1}
    assert found.batches["one"].refused == {1: Refusal.DUPLICATE, 2: Refusal.DUPLICATE}


def test_a_wrong_number_uses_its_guid_up() -> None:
    found = recount([COUNTRY], [file("one", 1, (7, 9)), file("two", 2, (7, 1))])
    assert found.elections[1].votes == {}
    assert (found.elections[1].invalid, found.elections[1].duplicate) == (1, 1)


def test_the_start_is_inside_and_the_end_is_outside() -> None:
    found = recount([COUNTRY], [file("start", 0, (1, 1)), file("end", 60, (2, 1)), file("before", -0.001, (3, 1))])
    assert found.elections[1].votes == {1: 1}
    # What came at the end stands in its batch alone.
    assert found.elections[1].outside == 1
    assert [found.batches[name].outside for name in ("start", "end", "before")] == [0, 1, 1]


def test_ballots_without_an_election_belong_to_the_only_open_one_or_to_the_countrys() -> None:
    files = [
        file("one open", 1, (1, 1), election=None),
        file("two open", 40, (2, 1), election=None),
        file("the other", 90, (3, 1), election=None),
        file("none", 150, (4, 1), election=None),
    ]
    found = recount([COUNTRY, PROVINCE], files)
    assert found.elections[1].first == {guid(1): 1, guid(2): 1}
    assert found.elections[2].first == {guid(3): 1}
    assert found.batches["none"].outside == 1
    assert found.elections[1].outside == found.elections[2].outside == 0


def test_the_same_guid_counts_once_in_each_election() -> None:
    found = recount([COUNTRY, PROVINCE], [file("a", 40, (1, 1)), file("b", 41, (1, 1), election=2)])
    assert found.elections[1].votes == found.elections[2].votes == {1: 1}
