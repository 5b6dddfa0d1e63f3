"""Where a tally sheet stands: whatever is done with it, two officials declare a result, or a third person decides."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Conflict, Forbidden, InvalidInput, UrnaError
from shared.sheets import Event, Numbers, Person, Sheet, advance, differing, replay
from shared.sheets.states import may_reopen
from shared.sheets.windows import TAKEN_AFTER_END, is_taken, require_taken
from shared.terms import SheetAct, SheetState
from tests.services.sheets import OTHER, SHEET
from tests.source import ROOT

NOW = datetime(2030, 5, 1, 20, tzinfo=UTC)
ONE, TWO = (Numbers.from_dict(body, (1, 2, 3)) for body in (SHEET, OTHER))
VERA, MILAN, ANA = "vera@example.org", "milan@example.org", "ana@example.org"


def event(number: int, act: SheetAct, actor: str, **how: Any) -> Event:
    return Event(number, act, actor, NOW, **how)


def entry(number: int, actor: str, numbers: Numbers = ONE, **how: Any) -> Event:
    return event(number, SheetAct.ENTRY, actor, numbers=numbers, **how)


WHY = {"W206": "Ten were torn."}
FIRST = entry(1, VERA)
# A history that leads to each state.
STATES: dict[SheetState, list[Event]] = {
    SheetState.EMPTY: [],
    SheetState.ENTERED_ONCE: [FIRST],
    SheetState.DIFFERING: [FIRST, entry(2, MILAN, TWO)],
    SheetState.WAITING_FOR_REVIEW: [FIRST, entry(2, MILAN, explanations=WHY)],
    SheetState.ACCEPTED: [FIRST, entry(2, MILAN)],
    SheetState.REOPENED: [FIRST, event(2, SheetAct.REOPENING, ANA, reason="Counted anew.")],
}
ACTS: dict[str, Callable[[int], Event]] = {
    "entry": lambda number: entry(number, MILAN),
    "entry, by another official, the same numbers, nothing to explain": lambda number: entry(number, MILAN),
    "the same numbers, explained": lambda number: entry(number, MILAN, explanations=WHY),
    "other numbers": lambda number: entry(number, MILAN, TWO),
    "resolution: one of the two": lambda number: event(number, SheetAct.RESOLUTION, ANA, chosen=2, reason="By paper."),
    "resolution: neither": lambda number: event(number, SheetAct.RESOLUTION, ANA, reason="Neither is right."),
    "acceptance": lambda number: event(number, SheetAct.ACCEPTANCE, ANA),
    "reopening": lambda number: event(number, SheetAct.REOPENING, ANA, reason="Counted anew."),
}
S = SheetState
# The arrows of the picture in docs/tally-sheets.md; whatever else is tried in a state is refused.
ARROWS: dict[tuple[SheetState, str], SheetState] = {
    (S.EMPTY, "entry"): S.ENTERED_ONCE,
    (S.REOPENED, "entry"): S.ENTERED_ONCE,
    (S.ENTERED_ONCE, "entry, by another official, the same numbers, nothing to explain"): S.ACCEPTED,
    (S.ENTERED_ONCE, "the same numbers, explained"): S.WAITING_FOR_REVIEW,
    (S.ENTERED_ONCE, "other numbers"): S.DIFFERING,
    (S.DIFFERING, "resolution: one of the two"): S.ACCEPTED,
    (S.DIFFERING, "resolution: neither"): S.REOPENED,
    (S.WAITING_FOR_REVIEW, "acceptance"): S.ACCEPTED,
    **{(state, "reopening"): S.REOPENED for state in S if state not in (S.EMPTY, S.REOPENED)},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("act", ACTS)
def test_each_arrow_of_the_picture_leads_where_it_says_and_there_is_no_other(state: SheetState, act: str) -> None:
    before = replay(STATES[state])
    assert before.state is state
    one = ACTS[act](before.last + 1)
    is_entry = one.act is SheetAct.ENTRY
    if is_entry and state in (S.EMPTY, S.REOPENED):
        assert advance(before, one).state is ARROWS[state, "entry"]
    elif (state, act) == (S.ENTERED_ONCE, "entry"):
        assert advance(before, one).state is S.ACCEPTED
    elif (state, act) in ARROWS:
        after = advance(before, one)
        assert (after.state, after.last) == (ARROWS[state, act], before.last + 1)
    else:
        with pytest.raises(Conflict):
            advance(before, one)


def test_the_picture_has_these_states_and_acts() -> None:
    picture = (ROOT / "docs" / "tally-sheets.md").read_text(encoding="utf-8").split("```")[1]
    words = set(re.findall("[a-z_]+", picture))
    assert {state.value for state in S} <= words
    assert set(SheetAct) <= words
    joined = re.sub(r"[^a-z:,_]+", " ", picture)
    for act in ("entry, by another official, the same numbers,", "resolution: one of the two", "resolution: neither"):
        assert act in joined


@pytest.mark.parametrize("actor", [VERA, VERA.upper()])
def test_nobody_enters_twice_or_decides_about_an_own_entry(actor: str) -> None:
    with pytest.raises(Forbidden):
        advance(replay([FIRST]), entry(2, actor))
    for state, act in ((S.DIFFERING, "resolution: one of the two"), (S.WAITING_FOR_REVIEW, "acceptance")):
        before = replay(STATES[state])
        assert advance(before, ACTS[act](3)).state is S.ACCEPTED
        with pytest.raises(Forbidden):
            advance(before, replace(ACTS[act](3), actor=actor))


def test_who_somebody_is_says_the_national_id_and_only_where_it_is_lacking_the_address() -> None:
    vera, milan, ana = "0101990710008", "0101990710016", "0101990710024"
    first = replace(FIRST, actor_jmbg=vera)
    # The address of a deleted account may be another person's by now, and a person may have another address.
    assert advance(replay([first]), replace(entry(2, VERA), actor_jmbg=milan)).state is S.ACCEPTED
    with pytest.raises(Forbidden):
        advance(replay([first]), replace(entry(2, MILAN), actor_jmbg=vera))
    waits = replay([first, replace(entry(2, MILAN, explanations=WHY), actor_jmbg=milan)])
    assert advance(waits, replace(ACTS["acceptance"](3), actor=MILAN, actor_jmbg=ana)).state is S.ACCEPTED
    for actor, jmbg in ((ANA, vera), (ANA, milan), (MILAN.upper(), "")):
        with pytest.raises(Forbidden):
            advance(waits, replace(ACTS["acceptance"](3), actor=actor, actor_jmbg=jmbg))


def test_a_decision_has_a_reason_and_chooses_an_entry_of_this_round() -> None:
    differing_sheet = replay(STATES[S.DIFFERING])
    for wrong in ({"chosen": 2}, {"chosen": 3, "reason": "By paper."}, {"chosen": 2, "reason": " "}):
        with pytest.raises(InvalidInput):
            advance(differing_sheet, event(3, SheetAct.RESOLUTION, ANA, **wrong))
    with pytest.raises(InvalidInput):
        advance(differing_sheet, event(3, SheetAct.REOPENING, ANA))
    with pytest.raises(InvalidInput):
        advance(Sheet(), event(1, SheetAct.ENTRY, VERA))


def test_an_act_on_an_older_state_is_refused() -> None:
    with pytest.raises(Conflict):
        advance(replay([FIRST]), entry(1, MILAN))
    with pytest.raises(Conflict):
        advance(replay([FIRST]), entry(3, MILAN))


def test_what_differs_is_named_in_the_order_of_the_paper() -> None:
    other = replace(TWO, voted=1, blank=3)
    assert differing(entry(1, VERA), entry(2, MILAN, other)) == ("voted", "blank", "votes.1", "votes.2")


acts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        dict,
        act=st.just(SheetAct.ENTRY),
        numbers=st.sampled_from([ONE, TWO]),
        explanations=st.sampled_from([{}, WHY]),
    ),
    st.builds(
        dict,
        act=st.just(SheetAct.RESOLUTION),
        chosen=st.none() | st.integers(0, 8),
        reason=st.sampled_from(["", "By paper."]),
    ),
    st.builds(dict, act=st.just(SheetAct.ACCEPTANCE)),
    st.builds(dict, act=st.just(SheetAct.REOPENING), reason=st.sampled_from(["", "Counted anew."])),
)
people = st.sampled_from(
    [
        *(Person(VERA), Person("Vera@Example.org", "1"), Person("new@example.org", "1"), Person(VERA, "2")),
        *(Person(MILAN), Person(ANA, "3")),
    ]
)


@settings(max_examples=400)
@given(st.lists(st.tuples(people, acts), max_size=25))
def test_whatever_is_tried_no_sheet_is_accepted_without_two_different_people(tried: list[tuple[Person, Any]]) -> None:
    sheet, kept = Sheet(), list[Event]()
    for actor, how in tried:
        one = Event(sheet.last + 1, actor=actor.email, actor_jmbg=actor.jmbg, at=NOW, **how)
        try:
            sheet = advance(sheet, one)
        except UrnaError:
            # What is refused leaves no trace, and what is kept can be replayed at any time.
            assert replay(kept) == sheet
            continue
        kept.append(one)
        assert replay(kept) == sheet
        assert sheet.last == len(kept)
        assert (sheet.declared is not None) == (sheet.state is S.ACCEPTED)
        if sheet.state is not S.ACCEPTED:
            continue
        entries = [sheet.first, sheet.second]
        assert sheet.standing in entries
        first, second = (one.person for one in entries if one is not None)
        assert not first.is_same(second)
        explained = any(one.explanations for one in entries if one is not None)
        if sheet.differing or explained:
            assert kept[-1].act in (SheetAct.RESOLUTION, SheetAct.ACCEPTANCE)
            assert not any(kept[-1].person.is_same(one) for one in (first, second))


def test_sheets_are_taken_from_the_opening_until_seven_days_after_the_end() -> None:
    start, end = NOW - timedelta(hours=13), NOW
    for moment in (start, end, end + TAKEN_AFTER_END):
        require_taken(start, end, moment)
    instant = timedelta(microseconds=1)
    for moment in (start - instant, end + TAKEN_AFTER_END + instant):
        with pytest.raises(Conflict):
            require_taken(start, end, moment)


def test_a_sheet_that_was_opened_again_is_taken_for_seven_days_more_and_never_for_less_than_the_others() -> None:
    start, end, instant = NOW - timedelta(hours=13), NOW, timedelta(microseconds=1)
    late = end + timedelta(days=8)
    for reopened in (late, start, None):
        last = (late if reopened == late else end) + TAKEN_AFTER_END
        require_taken(start, end, last, reopened)
        assert not is_taken(start, end, start - instant, reopened)
        with pytest.raises(Conflict, match="open it once more" if reopened == late else "The election ended more than"):
            require_taken(start, end, last + instant, reopened)


@pytest.mark.parametrize("how", ["reopening", "resolution: neither"])
def test_a_round_begins_when_the_sheet_is_opened_again_and_one_that_lapsed_can_be_opened_once_more(how: str) -> None:
    history = STATES[S.DIFFERING]
    reopened = replay([*history, ACTS[how](3)])
    assert (reopened.state, reopened.reopened_at) == (S.REOPENED, NOW)
    # Its entries belong to the same round.
    entered = advance(advance(reopened, entry(4, VERA)), entry(5, MILAN))
    assert (entered.state, entered.reopened_at) == (S.ACCEPTED, NOW)
    assert replay(STATES[S.ACCEPTED]).reopened_at is None

    again = replace(ACTS["reopening"](4), at=NOW + TAKEN_AFTER_END + timedelta(microseconds=1))
    assert may_reopen(reopened, again.at)
    assert advance(reopened, again).reopened_at == again.at
    early = replace(again, at=NOW + TAKEN_AFTER_END)
    assert not may_reopen(reopened, early.at)
    with pytest.raises(Conflict, match="Nothing has been entered"):
        advance(reopened, early)
    assert not may_reopen(Sheet(), again.at)
