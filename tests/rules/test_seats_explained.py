"""Why a seat went where it did, and how certain it is, as the pages say it."""

from fractions import Fraction

from results_service.rules import ListVotes
from results_service.rules.certainty import NO_SEATS, NO_STATIONS_KNOWN, OVER_WHOLE, Basis, certainty_of_seats
from results_service.rules.quotient_table import quotient_table, step_of
from results_service.rules.seats import Parts, apportion_whole, explained
from shared.apportionment import SERBIA_2014, Constituency, Entry, Rules, apportion, seat_certainty
from shared.terms import Method, Scope, State, ThresholdBase, TiePolicy

RULES = Rules(8, Method.DHONDT, Fraction(0), ThresholdBase.VALID_VOTES)
LISTED = [ListVotes(1, "One", False, 100), ListVotes(2, "Two", False, 80), ListVotes(3, "Three", False, 30)]


def basis(**values: object) -> Basis:
    known = {
        "state": State.OPEN,
        "listed": tuple(LISTED),
        "ballots_cast": 210,
        "rules": RULES,
        "lots": (),
        "parts": None,
        "outstanding": 60,
        "outstanding_in": {},
    }
    return Basis(**{**known, **values})  # type: ignore[arg-type]  # The names are those of the class.


def test_the_table_of_quotients_has_each_seat_once_and_marks_the_last_and_the_next() -> None:
    found, lots = apportion_whole(LISTED, RULES, 210, ())
    why = explained(found, RULES, 8, 210, 0, LISTED, lots)
    rows = quotient_table(why.awards, why.next_quotients)
    cells = [cell for row in rows for cell in row.cells]
    assert sorted(cell.seat for cell in cells if cell.seat) == list(range(1, 9))
    for row, one in zip(rows, LISTED, strict=True):
        assert [cell.divisor for cell in row.cells] == list(range(1, found.seats[one.poll_number] + 2))
        assert [cell.quotient * cell.divisor for cell in row.cells] == [one.votes] * len(row.cells)
    (last,) = [cell for cell in cells if cell.is_last]
    (following,) = [cell for cell in cells if cell.is_next]
    assert (last.seat, following.seat) == (8, None)
    assert last.quotient >= following.quotient == max(cell.quotient for cell in cells if not cell.seat)


def test_a_seat_is_told_with_what_it_was_ahead_of() -> None:
    found, lots = apportion_whole(LISTED, RULES, 210, ())
    why = explained(found, RULES, 8, 210, 0, LISTED, lots)
    # The quotients are 100, 80, 50, 40, 33⅓, 30, 26⅔, 25; the next ones are 20, 20 and 15.
    step = step_of(8, why.awards, why.next_quotients)
    assert step is not None
    assert (step.poll_number, step.award.divisor, step.award.is_last) == (1, 4, True)
    assert (step.next_poll_number, step.ahead) == (2, Fraction(5))
    first = step_of(1, why.awards, why.next_quotients)
    assert first is not None
    assert (first.poll_number, first.award.quotient, first.award.is_last) == (1, Fraction(100), False)
    for seat in (0, -1, 9):
        assert step_of(seat, why.awards, why.next_quotients) is None


def test_what_is_certain_is_that_of_the_apportionment() -> None:
    found = certainty_of_seats(basis())
    entries = [Entry(one.poll_number, one.votes, one.exempt) for one in LISTED]
    expected = seat_certainty(entries, RULES, 210, outstanding=60)
    assert [(one.poll_number, one.seats, one.least, one.most) for one in found.lists] == [
        (one.poll_number, one.seats, one.least, one.most) for one in expected.lists
    ]
    assert (found.certain, found.open, found.outstanding) == (expected.certain, expected.open, 60)
    assert 0 < found.open < 8
    (closeness,) = found.closeness
    assert closeness.last_seat is not None
    assert closeness.last_seat.award.seat == 8


def test_what_nobody_can_know_is_said_in_a_sentence() -> None:
    assert certainty_of_seats(basis(rules=None)).unknown == NO_SEATS
    assert certainty_of_seats(basis(state=State.CANCELLED)).unknown == NO_SEATS
    unknown = certainty_of_seats(basis(outstanding=None))
    assert (unknown.unknown, unknown.lists) == (NO_STATIONS_KNOWN, ())
    # Who was nearest to the last seat is known all the same.
    assert unknown.closeness[0].last_seat is not None


def test_each_constituency_is_certain_by_its_own_outstanding_ballots() -> None:
    rules = Rules(
        *(5, Method.DHONDT, Fraction(3, 100), ThresholdBase.VALID_VOTES),
        apportioned=Scope.CONSTITUENCY,
        threshold_over=Scope.CONSTITUENCY,
    )
    parts = Parts(
        [Constituency(7, 3, {1: 60, 2: 30, 3: 10}, 100), Constituency(9, 2, {1: 40, 2: 50, 3: 20}, 110)],
        {7: "North", 9: "South"},
        {},
    )
    found = certainty_of_seats(basis(rules=rules, parts=parts, outstanding=30, outstanding_in={9: 30}))
    north, south = found.closeness
    assert (north.constituency, south.constituency) == (7, 9)
    assert all(one.least == one.most for one in north.lists)
    assert any(one.least < one.most for one in south.lists)
    for one in found.lists:
        own = [bounds for part in (north, south) for bounds in part.lists if bounds.poll_number == one.poll_number]
        assert (one.seats, one.least, one.most) == tuple(
            sum(values) for values in zip(*((each.seats, each.least, each.most) for each in own), strict=True)
        )
    over_whole = Rules(*(5, Method.DHONDT, Fraction(3, 100), ThresholdBase.VALID_VOTES), apportioned=Scope.CONSTITUENCY)
    open_yet = certainty_of_seats(basis(rules=over_whole, parts=parts, outstanding=30))
    assert (open_yet.unknown, open_yet.lists) == (OVER_WHOLE, ())
    over = certainty_of_seats(basis(rules=over_whole, parts=parts, outstanding=0, state=State.FINAL))
    assert (over.unknown, over.certain, over.open) == ("", 5, 0)


def test_lots_that_decide_nothing_any_more_are_left_aside() -> None:
    rules = Rules(2, Method.DHONDT, Fraction(0), ThresholdBase.VALID_VOTES, tie_policy=TiePolicy.LOTS)
    found = certainty_of_seats(basis(rules=rules, lots=(2,), outstanding=0, state=State.FINAL))
    seats = apportion([Entry(one.poll_number, one.votes, one.exempt) for one in LISTED], rules).seats
    assert {one.poll_number: one.seats for one in found.lists} == seats


def test_the_last_seat_of_2014_is_as_far_from_the_next_as_the_votes_say() -> None:
    votes = {1: 1736920, 2: 484607, 5: 75294, 8: 216634, 10: 35157, 11: 204767, 19: 24301}
    exempt = (5, 10, 19)
    listed = tuple(ListVotes(number, str(number), number in exempt, count) for number, count in votes.items())
    found = certainty_of_seats(
        basis(listed=listed, rules=SERBIA_2014, ballots_cast=3590717, outstanding=0, state=State.FINAL)
    )
    assert (found.certain, found.open) == (250, 0)
    last = found.closeness[0].last_seat
    assert last is not None
    assert last.closest is not None
    entries = [Entry(one.poll_number, one.votes, one.exempt) for one in listed]
    before = apportion(entries, SERBIA_2014, 3590717).seats[last.closest.poll_number]
    for more, expected in ((last.closest.votes, before + 1), ((last.closest.votes or 0) - 1, before)):
        changed = [
            Entry(one.poll_number, one.votes + (more or 0) * (one.poll_number == last.closest.poll_number), one.exempt)
            for one in entries
        ]
        assert apportion(changed, SERBIA_2014, 3590717 + (more or 0)).seats[last.closest.poll_number] == expected
