"""Three counts of a station held against each other."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sheets import COUNTS, Counted, Note, Numbers, reconcile
from shared.terms import Lacking

always_the_same = settings(deadline=None, derandomize=True, max_examples=200)
AT = datetime(2026, 3, 1, 20, tzinfo=UTC)

# Few make agreement common.
few = st.integers(0, 3)
votes = st.dictionaries(st.integers(1, 3), few)


@st.composite
def sheets(draw: st.DrawFn) -> Numbers:
    return Numbers(**{name: draw(few) for name in COUNTS}, votes=draw(votes))


@st.composite
def files(draw: st.DrawFn) -> Counted:
    found = {number: cast for number, cast in draw(votes).items() if cast}
    return Counted(found, sum(found.values()), draw(few), draw(few), uploads=1)


def agreeing(sheet: Numbers) -> tuple[Numbers, Counted]:
    """The sheet with all its counts the same, and files of just these ballots."""
    invalid = sheet.invalid + sheet.blank
    box = sheet.valid + invalid
    found = {number: cast for number, cast in sheet.votes.items() if cast}
    return replace(sheet, voted=box, in_box=box), Counted(found, sheet.valid, invalid, uploads=1)


def explained(figures: Mapping[str, int], code: str, reason: str = "So it was.") -> Note:
    return Note(code, dict(sorted(figures.items(), reverse=True)), reason, "administrator@example.org", AT)


@always_the_same
@given(sheets())
def test_counts_that_are_the_same_differ_nowhere(sheet: Numbers) -> None:
    assert reconcile(*agreeing(sheet)).differences == ()


@always_the_same
@given(sheets(), files())
def test_there_is_a_difference_where_and_only_where_two_counts_are_not_the_same(sheet: Numbers, found: Counted) -> None:
    differences = {one.code: one for one in reconcile(sheet, found).differences}
    invalid = sheet.invalid + sheet.blank
    by_hand = {
        "voters_ballots": (sheet.voted, found.valid + found.invalid),
        "voters_sheet": (sheet.voted, sheet.in_box),
        "sheet_ballots": (sheet.valid, found.valid),
        "invalid": (invalid, found.invalid),
        **{f"list.{number}": (sheet.votes.get(number, 0), found.votes.get(number, 0)) for number in (1, 2, 3)},
    }
    assert {code: tuple(one.figures.values()) for code, one in differences.items()} == {
        code: figures for code, figures in by_hand.items() if figures[0] != figures[1]
    }
    for one in differences.values():
        first, second = one.figures.values()
        assert first + one.delta == second
        assert (str(first) in one.message, str(second) in one.message) == (True, True)


@always_the_same
@given(sheets(), files(), st.data())
def test_a_note_explains_its_own_figures_and_changes_nothing_else(
    sheet: Numbers, found: Counted, data: st.DataObject
) -> None:
    before = reconcile(sheet, found)
    if not before.differences:
        return
    chosen = data.draw(st.sampled_from(before.differences))
    note = explained(chosen.figures, chosen.code)
    wrong = explained({name: value + 1 for name, value in chosen.figures.items()}, chosen.code)
    assert reconcile(sheet, found, [wrong]) == before
    after = reconcile(sheet, found, [note, wrong])
    assert after.open == tuple(one for one in before.differences if one != chosen)
    assert [replace(one, explanation=None) for one in after.differences] == list(before.differences)


def test_the_last_note_about_the_same_figures_counts() -> None:
    sheet, found = agreeing(Numbers(**dict.fromkeys(COUNTS, 0), votes={1: 5}))
    found = replace(found, votes={1: 4}, valid=4)
    (first, *_) = reconcile(sheet, found).differences
    notes = [explained(first.figures, first.code, reason) for reason in ("Once.", "Twice.")]
    (said, *_) = reconcile(sheet, found, notes).differences
    assert said.explanation is notes[1]


def test_what_is_lacking_is_said_and_nothing_compared() -> None:
    sheet, found = agreeing(Numbers(**dict.fromkeys(COUNTS, 0), votes={1: 5}))
    other = replace(sheet, voted=9)
    assert reconcile(None, found).lacking == (Lacking.SHEET,)
    assert reconcile(None, Counted()).lacking == (Lacking.SHEET, Lacking.FILES)
    assert reconcile(other, Counted()).lacking == (Lacking.FILES,)
    partly = reconcile(other, replace(found, is_complete=False))
    assert (partly.lacking, partly.differences) == ((Lacking.COUNT,), ())
    assert reconcile(other, found).differences
    nobody = Numbers(**dict.fromkeys(COUNTS, 0), votes={1: 0})
    assert reconcile(nobody, Counted()) == reconcile(sheet, found)
