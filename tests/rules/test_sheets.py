"""What stands on a tally sheet, and what is found about it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.sheets import COUNTS, MOST, Numbers, check, settle_explanations
from shared.terms import Severity
from tests.services.sheets import SHEET, sheet

LISTS = (1, 2, 3)

counts = st.integers(0, MOST)
numbers_of_a_sheet = st.builds(
    Numbers,
    **dict.fromkeys(COUNTS, counts),
    votes=st.fixed_dictionaries(dict.fromkeys(LISTS, counts)),
)


def numbers(**changed: Any) -> Numbers:
    return Numbers.from_dict(sheet(**changed), LISTS)


def codes(found: Numbers, roll: int | None = 500) -> list[str]:
    return [finding.code for finding in check(found, roll)]


@given(numbers_of_a_sheet)
def test_numbers_survive_json(found: Numbers) -> None:
    assert Numbers.from_dict(found.to_dict(), LISTS) == found


def test_a_sheet_of_zeros_is_as_valid_as_any_other() -> None:
    nothing = dict.fromkeys(COUNTS, 0) | {"votes": {"1": 0, "2": 0, "3": 0}}
    assert codes(Numbers.from_dict(nothing, LISTS), roll=0) == []
    assert codes(Numbers.from_dict(nothing, LISTS), roll=None) == []


@pytest.mark.parametrize("name", [*COUNTS, "votes.2"])
@pytest.mark.parametrize("value", [None, -1, MOST + 1, 1.0, "1", True, [1]], ids=repr)
def test_a_number_is_a_whole_one_and_the_first_wrong_field_is_named(name: str, value: object) -> None:
    body = sheet(votes={"1": 150, "2": value, "3": 44}) if "." in name else sheet(**{name: value})
    with pytest.raises(InvalidInput) as refusal:
        Numbers.from_dict(body, LISTS)
    assert refusal.value.field == name


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "numbers"),
        (None, "numbers"),
        (sheet(comment=""), "comment"),
        ({**SHEET, "votes": None}, "votes"),
        (sheet(votes={"1": 1, "2": 2}), "votes.3"),
        (sheet(votes={"1": 1, "2": 2, "3": 3, "04": 4}), "votes.04"),
    ],
)
def test_what_is_no_sheet_of_this_election_is_refused(body: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Numbers.from_dict(body, LISTS)
    assert refusal.value.field == field


# What is found, just below the limit and just above it.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "E101": (codes(numbers()), codes(numbers(invalid=5))),
    "E102": (
        codes(numbers(received=200, unused=200)),
        codes(numbers(received=200, unused=201)),
    ),
    "W201": (
        codes(numbers(invalid=9, blank=2, votes={"1": 150, "2": 100, "3": 39})),
        codes(numbers(invalid=10, blank=2, votes={"1": 150, "2": 100, "3": 38})),
    ),
    "W202": (
        codes(numbers(invalid=4, blank=9, votes={"1": 150, "2": 100, "3": 37})),
        codes(numbers(invalid=4, blank=10, votes={"1": 150, "2": 100, "3": 36})),
    ),
    "W203": (codes(numbers(voted=305, unused=195)), codes(numbers(voted=306, unused=194))),
    "W204": (codes(numbers(voted=300)), codes(numbers(voted=299, unused=201))),
    "W205": (codes(numbers(registered=300), 300), codes(numbers(registered=299), 299)),
    "W206": (codes(numbers(unused=200)), codes(numbers(unused=199))),
    "W207": (codes(numbers(registered=500)), codes(numbers(registered=501))),
}


@pytest.mark.parametrize("code", CASES)
def test_each_finding_is_made_above_its_limit_and_not_at_it(code: str) -> None:
    at_limit, above = CASES[code]
    assert code not in at_limit
    assert above == [code]
    severities = {finding.code: finding.severity for finding in check(numbers(invalid=5, voted=299), 1)}
    assert severities["E101"] is Severity.ERROR
    assert severities["W204"] is severities["W207"] is Severity.WARNING


def test_without_a_known_roll_nothing_is_said_of_it() -> None:
    assert codes(numbers(registered=501), roll=None) == []


@given(numbers_of_a_sheet, st.none() | counts)
def test_findings_are_errors_first_each_once_with_fields_of_the_sheet_and_a_sentence(
    found: Numbers, roll: int | None
) -> None:
    made = check(found, roll)
    assert [finding.code for finding in made] == sorted({finding.code for finding in made})
    for finding in made:
        assert set(finding.fields) <= {*COUNTS, "votes"}
        assert finding.message.endswith(".")
        assert (finding.severity is Severity.ERROR) == finding.code.startswith("E")


def test_explanations_are_asked_for_all_at_once_and_errors_cannot_be_explained() -> None:
    made = check(numbers(invalid=5, unused=600, registered=299), 300)
    with pytest.raises(InvalidInput) as refusal:
        settle_explanations(made, {"E101": "It is so.", "W205": "They were not on the roll."})
    assert [field for field, _ in refusal.value.faults] == ["in_box", "unused", "explanations.W207"]
    assert refusal.value.field == "in_box"


@settings(max_examples=50)
@given(numbers_of_a_sheet, st.dictionaries(st.sampled_from(["W201", "W204", "W206", "W999"]), st.text(max_size=20)))
def test_what_is_settled_explains_each_warning_and_nothing_else(found: Numbers, given_texts: dict[str, str]) -> None:
    made = check(found)
    try:
        settled = settle_explanations(made, given_texts)
    except InvalidInput:
        return
    assert list(settled) == [finding.code for finding in made]
    assert all(text == " ".join(text.split()) != "" for text in settled.values())
    assert all(finding.severity is Severity.WARNING for finding in made)


@pytest.mark.parametrize("text", ["", " \n", "x" * 1025, "a\0b", "\ud800"], ids=repr)
def test_an_explanation_is_a_text_that_somebody_can_read(text: str) -> None:
    made = check(numbers(unused=190))
    assert settle_explanations(made, {"W206": " Ten\nwere torn. "}) == {"W206": "Ten were torn."}
    with pytest.raises(InvalidInput):
        settle_explanations(made, {"W206": text})
