"""What an election may be and become: dates, periods, kinds, ballots, states, lots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_service.rules import elections as rules
from admin_service.rules.elections import NOTICE, Period, Place
from shared.apportionment import CLASSIC, SERBIA_2014, SPAIN_CONGRESS, Entry, Rules, apportion
from shared.errors import Conflict, InvalidInput
from shared.terms import Kind, Method, State, ThresholdBase, TiePolicy

BELGRADE = ZoneInfo("Europe/Belgrade")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LOTS = Rules(
    seats=1,
    method=Method.DHONDT,
    threshold=Fraction(0),
    threshold_base=ThresholdBase.VALID_VOTES,
    tie_policy=TiePolicy.LOTS,
)


def read(text: object) -> datetime:
    return rules.read_moment(text, BELGRADE, "start")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-06-16T15:55:46+0100", datetime(2021, 6, 16, 14, 55, 46, tzinfo=UTC)),
        ("2021-07-04T15:38:53", datetime(2021, 7, 4, 13, 38, 53, tzinfo=UTC)),
        ("2021-01-04T15:38:53", datetime(2021, 1, 4, 14, 38, 53, tzinfo=UTC)),
        ("2021-07-04T15:38", datetime(2021, 7, 4, 13, 38, tzinfo=UTC)),
        ("2021-07-04T15:38:53.25Z", datetime(2021, 7, 4, 15, 38, 53, 250_000, tzinfo=UTC)),
        ("2021-07-04T15:38:53,123456Z", datetime(2021, 7, 4, 15, 38, 53, 123_456, tzinfo=UTC)),
        ("2021-07-04T15:38:53Z", datetime(2021, 7, 4, 15, 38, 53, tzinfo=UTC)),
        ("2021-07-04T15:38:53-05:30", datetime(2021, 7, 4, 21, 8, 53, tzinfo=UTC)),
        ("2021-07-04T15:38:53+02", datetime(2021, 7, 4, 13, 38, 53, tzinfo=UTC)),
        ("20210704T153853Z", datetime(2021, 7, 4, 15, 38, 53, tzinfo=UTC)),
        ("20210704T1538+0200", datetime(2021, 7, 4, 13, 38, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_date_and_time_of_iso_8601_is_a_moment(text: str, moment: datetime) -> None:
    assert read(text) == moment
    assert read(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "202106-16T15:55:46+0100",
        "2021-06-16T1555460100",
        " ",
        "",
        "2021-06-16",
        "2021-06-16 15:55:46",
        "2021-06-16t15:55:46",
        "2021-06-16T15",
        "2021-06-16T15:55:46z",
        " 2021-06-16T15:55:46",
        "2021-06-16T15:55:46\n",
        "2021-06-16T15:55:46+1",
        "2021-06-16T15:55:46+24:00",
        "2021-06-16T15:55:46+01:60",
        "2021-06-16T15:55:46 +0100",
        "2021-06-16T15:55:46.",
        "2021-06-16T15:55:46.1234567",
        "2021-06-16T15:5546",
        "2021-0616T15:55:46",
        "20210616T15:55:46",
        "2021-W24-3T15:55:46",
        "2021-167T15:55:46",
        "2021-6-16T15:55:46",
        "2021-13-01T00:00:00",
        "2021-02-29T00:00:00",
        "2021-06-31T00:00:00",
        "2021-06-16T24:00:00",
        "2021-06-16T15:60:00",
        "2021-06-16T15:55:60",
        "+2021-06-16T15:55:46",
        "0000-01-01T00:00:00",
        "1582-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "٢٠٢١-06-16T15:55:46",
        "16.06.2021. 15:55:46",
        "now",
        "1623858946",
        1623858946,
        1.5,
        None,
        True,
        [],
        {},
        ["2021-06-16T15:55:46"],
    ],
)
def test_anything_else_is_no_date_and_time(text: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(text)
    assert refusal.value.field == "start"


def test_a_local_time_that_the_clocks_skip_in_spring_is_refused() -> None:
    assert read("2021-03-28T01:59:59") == datetime(2021, 3, 28, 0, 59, 59, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="skip"):
        read("2021-03-28T02:30:00")
    assert read("2021-03-28T03:00:00") == datetime(2021, 3, 28, 1, tzinfo=UTC)


def test_a_local_time_that_comes_twice_in_autumn_is_the_first_of_the_two() -> None:
    assert read("2021-10-31T02:30:00") == datetime(2021, 10, 31, 0, 30, tzinfo=UTC)
    assert rules.write_local(read("2021-10-31T02:30:00"), BELGRADE) == "2021-10-31T02:30:00"


@given(
    st.datetimes(min_value=datetime(1600, 1, 1), max_value=datetime(9990, 1, 1)),  # noqa: DTZ001 -- local times.
    st.sampled_from(["Europe/Belgrade", "UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_a_local_time_is_answered_as_it_was_sent(sent: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    text = sent.isoformat()
    try:
        moment = rules.read_moment(text, zone, "start")
    except InvalidInput:
        # The one kind that is refused: no clock of the zone ever showed it.
        aware = sent.replace(tzinfo=zone)
        assert aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != sent
        return
    assert rules.write_local(moment, zone) == text


def test_every_moment_that_is_read_can_be_written_in_every_zone() -> None:
    for text in ("1583-01-01T00:00:00Z", "9998-12-31T23:59:59.999999Z", "9998-12-31T23:59:59-23:59"):
        moment = read(text)
        for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
            assert rules.write_local(moment, ZoneInfo(name))


def test_an_election_ends_after_it_has_started() -> None:
    with pytest.raises(InvalidInput):
        Period(NOW, NOW)
    with pytest.raises(InvalidInput):
        Period(NOW, NOW - timedelta(microseconds=1))
    Period(NOW, NOW + timedelta(microseconds=1))


def test_the_kind_says_who_stands_where_it_says_it() -> None:
    assert not rules.are_individuals(Kind.PARLIAMENTARY, None)
    assert rules.are_individuals(Kind.PRESIDENTIAL, None)
    for kind in (Kind.MUNICIPAL, Kind.REGIONAL, Kind.LOCAL):
        assert not rules.are_individuals(kind, None)
        assert rules.are_individuals(kind, True)
    for kind, wished in ((Kind.PARLIAMENTARY, True), (Kind.PRESIDENTIAL, False)):
        with pytest.raises(InvalidInput) as refusal:
            rules.are_individuals(kind, wished)
        assert refusal.value.field == "individual"


def test_rules_are_named_written_out_or_those_of_the_kind() -> None:
    assert rules.settle_rules(Kind.PARLIAMENTARY, None) == CLASSIC.to_dict()
    assert rules.settle_rules(Kind.PARLIAMENTARY, "serbia_2014") == SERBIA_2014.to_dict()
    written = {"seats": 75, "method": "sainte_lague", "threshold": "3/100", "threshold_base": "valid_votes"}
    assert rules.settle_rules(Kind.REGIONAL, written)["seats"] == 75
    assert rules.settle_rules(Kind.MUNICIPAL, None) == {}
    assert rules.settle_rules(Kind.MUNICIPAL, {}) == {}
    assert rules.settle_rules(Kind.PRESIDENTIAL, None) == {}


@pytest.mark.parametrize(
    ("kind", "wished", "field"),
    [
        (Kind.PRESIDENTIAL, "classic", "rules"),
        (Kind.PARLIAMENTARY, "serbia_1990", "rules"),
        (Kind.PARLIAMENTARY, {}, "rules.seats"),
        (Kind.MUNICIPAL, {"seats": 0}, "rules.method"),
        (Kind.MUNICIPAL, {**CLASSIC.to_dict(), "seats": True}, "rules.seats"),
        (Kind.MUNICIPAL, {**CLASSIC.to_dict(), "threshold": 0.05}, "rules.threshold"),
        (Kind.MUNICIPAL, {**CLASSIC.to_dict(), "colour": "red"}, "rules.colour"),
    ],
)
def test_rules_that_cannot_be_are_refused_with_their_field(kind: Kind, wished: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.settle_rules(kind, wished)  # type: ignore[arg-type]  # Also what a caller could not write.
    assert refusal.value.field == field


def test_a_ballot_has_known_different_participants_of_the_right_sort() -> None:
    known = {1: False, 2: False, 3: True}
    rules.check_places([Place(2), Place(1)], known, individuals=False)
    for wrong in ([Place(1), Place(9)], [Place(1), Place(1)], [Place(1), Place(3)]):
        with pytest.raises(InvalidInput) as refusal:
            rules.check_places(wrong, known, individuals=False)
        assert refusal.value.field == "entries.1.participant_id"


def test_at_least_two_stand_in_an_election_but_a_draft_may_still_grow() -> None:
    rules.check_size([], complete=False)
    rules.check_size([Place(1), Place(2)], complete=True)
    with pytest.raises(InvalidInput):
        rules.check_size([Place(1)], complete=True)
    with pytest.raises(InvalidInput):
        rules.check_size([Place(1)] * 1001, complete=False)


def test_every_step_is_possible_in_its_states_only() -> None:
    later = NOW + timedelta(days=1)
    allowed = {
        "change": {State.DRAFT, State.SCHEDULED},
        "delete": {State.DRAFT},
        "publish": {State.DRAFT},
        "close": {State.OPEN},
        "cancel": {State.SCHEDULED, State.OPEN, State.COUNTING},
        "draw": {State.FINAL},
    }
    steps = {
        "change": lambda state: rules.check_may_change(state, later, NOW),
        "delete": rules.check_may_delete,
        "publish": rules.check_may_publish,
        "close": rules.check_may_close,
        "cancel": rules.check_may_cancel,
        "draw": rules.check_may_draw,
    }
    for step, check in steps.items():
        for state in State:
            if state in allowed[step]:
                check(state)
            else:
                with pytest.raises(Conflict):
                    check(state)


def test_a_ballot_is_frozen_a_moment_before_the_election_opens() -> None:
    rules.check_may_change(State.SCHEDULED, NOW + NOTICE + timedelta(microseconds=1), NOW)
    with pytest.raises(Conflict, match="opens in a moment"):
        rules.check_may_change(State.SCHEDULED, NOW + NOTICE, NOW)
    rules.check_may_change(State.DRAFT, NOW - NOTICE, NOW)


def test_an_election_closes_on_a_full_second_and_never_after_its_end() -> None:
    end = NOW + timedelta(hours=1)
    assert rules.closing_end(NOW, end) == NOW + timedelta(seconds=5)
    assert rules.closing_end(NOW + timedelta(microseconds=1), end) == NOW + timedelta(seconds=6)
    assert rules.closing_end(end - timedelta(seconds=1), end) == end


def check_lots(votes: list[int], poll_numbers: list[int], drawn: tuple[int, ...] = ()) -> None:
    standings = [Entry(number, count) for number, count in enumerate(votes, 1)]
    rules.check_lots(lambda lots: apportion(standings, LOTS, lots=lots).tie, drawn, poll_numbers)


def test_a_lot_of_the_tied_lists_settles_the_tie() -> None:
    check_lots([7, 7, 3], [2])
    check_lots([7, 7, 3], [1])


@pytest.mark.parametrize("poll_numbers", [[3], [], [1, 2], [9], [1, 1]])
def test_lots_that_do_not_settle_the_tie_are_refused(poll_numbers: list[int]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_lots([7, 7, 3], poll_numbers)
    assert refusal.value.field == "poll_numbers"


def test_where_nothing_is_tied_nothing_is_drawn() -> None:
    with pytest.raises(Conflict, match="No seats are tied"):
        check_lots([8, 7], [1])


def test_lots_are_drawn_once_unless_the_tie_they_settled_is_gone() -> None:
    with pytest.raises(Conflict, match="drawn already"):
        check_lots([7, 7, 3], [1], drawn=(2,))
    check_lots([7, 5, 7], [3], drawn=(2,))


def test_constituencies_that_elect_none_or_another_number_than_the_rules_say_are_named() -> None:
    by = replace(SPAIN_CONGRESS, seats=10)
    rules.check_seats({"Ada": 4, "Bač": 6}, by)
    for seats, field, words in (
        ({"Ada": 4, "Bač": 7}, "rules.seats", "10 seats, but the constituencies elect 11"),
        ({"Ada": 10, "Bač": None}, "rules.apportioned", "“Bač” have no seats"),
        (dict.fromkeys("ABCDEFGH"), "rules.apportioned", "“E” and 3 more have no seats"),
        ({}, "rules.apportioned", "there is no constituency"),
    ):
        with pytest.raises(InvalidInput, match=words) as refused:
            rules.check_seats(seats, by)
        assert refused.value.field == field
