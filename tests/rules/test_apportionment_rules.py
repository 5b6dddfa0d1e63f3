"""The rules of an election: their JSON form, what is refused, and the named packs."""

import json
from fractions import Fraction

import pytest

from shared.apportionment import CLASSIC, MAXIMUM_SEATS, RULE_PACKS, SERBIA_2014, SERBIA_2020, SPAIN_CONGRESS, Rules
from shared.errors import InvalidInput
from shared.terms import FactorScope, Method, ThresholdBase, TiePolicy

CLASSIC_JSON: dict[str, object] = {
    "seats": 250,
    "method": "dhondt",
    "threshold": "0.05",
    "threshold_base": "valid_votes",
    "exempt_factor": "1",
    "factor_scope": "all_exempt",
    "tie_policy": "lower_poll_number",
    "waive_if_none_reach": False,
}


def test_the_classic_rules_have_this_json_form() -> None:
    assert CLASSIC.to_dict() == CLASSIC_JSON


@pytest.mark.parametrize("name", sorted(RULE_PACKS))
def test_a_pack_survives_its_json_form(name: str) -> None:
    pack = RULE_PACKS[name]
    assert Rules.from_dict(json.loads(json.dumps(pack.to_dict()))) == pack


def test_the_packs_are_selected_by_name() -> None:
    serbian = {"serbia_2014": SERBIA_2014, "serbia_2020": SERBIA_2020}
    assert dict(RULE_PACKS) == {"classic": CLASSIC, **serbian, "spain_congress": SPAIN_CONGRESS}
    assert SERBIA_2020.exempt_factor == Fraction("1.35")
    assert SERBIA_2020.threshold == Fraction("0.03")
    assert SERBIA_2014.threshold_base is ThresholdBase.BALLOTS_CAST


def test_rules_that_may_be_left_out_have_plain_values() -> None:
    short = {key: CLASSIC_JSON[key] for key in ("seats", "method", "threshold", "threshold_base")}
    assert Rules.from_dict(short) == CLASSIC


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("0.05", Fraction(1, 20), "0.05"),
        ("1/20", Fraction(1, 20), "0.05"),
        ("1/3", Fraction(1, 3), "1/3"),
        ("2/6", Fraction(1, 3), "1/3"),
        ("0", Fraction(0), "0"),
        (0, Fraction(0), "0"),
        (1, Fraction(1), "1"),
        ("0.50", Fraction(1, 2), "0.5"),
        ("1/1024", Fraction(1, 1024), "0.0009765625"),
        ("0.001", Fraction(1, 1000), "0.001"),
    ],
)
def test_fractions_are_read_and_written_exactly(text: object, value: Fraction, written: str) -> None:
    rules = Rules.from_dict(CLASSIC_JSON | {"threshold": text})
    assert rules.threshold == value
    assert rules.to_dict()["threshold"] == written


def test_a_factor_above_one_is_written_as_a_decimal() -> None:
    assert SERBIA_2020.to_dict()["exempt_factor"] == "1.35"
    assert Rules.from_dict(CLASSIC_JSON | {"exempt_factor": "20"}).to_dict()["exempt_factor"] == "20"


BAD_VALUES: dict[str, list[object]] = {
    "seats": [0, -1, MAXIMUM_SEATS + 1, "250", 2.5, True, None],
    "method": ["hare", "DHONDT", None, 1, []],
    "threshold": [
        *(0.05, True, 2, None, "", "2", "1.1", "-0.1", "0,05", "5 %", " 0.05", "0.05\n"),
        *("1/0", "1e-2", "0.0_5", "٠.٥", ".5", "1/2/3", "0." + "1" * 39),
    ],
    "threshold_base": ["voters", None, {}],
    "exempt_factor": ["0", 0, "-1", 1.35, "x", False, None],
    "factor_scope": ["none", None],
    "tie_policy": ["coin", None],
    "waive_if_none_reach": ["false", 0, None],
    "quota": [1],
    "Seats": [250],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD_VALUES.items() for value in values]
)
def test_a_bad_or_unknown_rule_names_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        Rules.from_dict(CLASSIC_JSON | {field: value})
    assert refused.value.field == field
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("field", ["seats", "method", "threshold", "threshold_base"])
def test_a_missing_rule_names_its_field(field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Rules.from_dict({key: value for key, value in CLASSIC_JSON.items() if key != field})
    assert refused.value.field == field


@pytest.mark.parametrize("data", [None, [], "classic", 5])
def test_rules_that_are_no_object_are_refused(data: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        Rules.from_dict(data)
    assert refused.value.field == "rules"


def test_rules_made_in_code_are_checked_too() -> None:
    with pytest.raises(InvalidInput) as refused:
        Rules(250, Method.DHONDT, Fraction(6, 5), ThresholdBase.VALID_VOTES)
    assert refused.value.field == "threshold"
    with pytest.raises(InvalidInput) as refused:
        Rules(250, Method.DHONDT, Fraction(1, 20), ThresholdBase.VALID_VOTES, Fraction(0))
    assert refused.value.field == "exempt_factor"


def test_every_choice_of_the_terms_can_be_stored() -> None:
    for field, choices in (
        ("method", Method),
        ("threshold_base", ThresholdBase),
        ("factor_scope", FactorScope),
        ("tie_policy", TiePolicy),
    ):
        for choice in choices:
            assert Rules.from_dict(CLASSIC_JSON | {field: choice.value}).to_dict()[field] == choice.value
