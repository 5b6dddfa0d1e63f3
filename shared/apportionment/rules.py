"""The rules by which one election turns votes into seats, and the JSON form in which the election stores them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from shared.errors import InvalidInput
from shared.sentences import say
from shared.terms import FactorScope, Method, Scope, ThresholdBase, TiePolicy

MAXIMUM_SEATS = 10_000
"""No assembly has as many; the limit keeps a mistyped number from keeping a server busy for minutes."""

_LONGEST_FRACTION = 40
# Only ASCII digits: \d and Fraction() would also take Arabic digits, underscores, exponents and blanks.
_FRACTION = re.compile(r"[0-9]+(?:\.[0-9]+)?|[0-9]+/[0-9]+")

_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True)
class Rules:
    """The rules of one election, checked when made: InvalidInput names the field that is wrong.

    ``seats``            how many seats there are in all, 1 to ``MAXIMUM_SEATS``.
    ``method``           the divisors: D'Hondt 1, 2, 3 …; Sainte-Laguë 1, 3, 5 ….
    ``threshold``        the share, 0 to 1, that a list must at least reach to take part.
    ``threshold_base``   of what the threshold is a share.
    ``exempt_factor``    multiplies the quotients of exempt lists; more than 0, and 1 changes nothing.
    ``factor_scope``     whose quotients it multiplies: those of every exempt list, or only of those that are
                         under the threshold.
    ``tie_policy``       who gets the last seats when more lists have the same quotient than seats are left.
    ``waive_if_none_reach``  when no list at all reaches the threshold, exempt lists included, every list with
                         votes takes part; otherwise nobody but the exempt lists does.
    ``apportioned``      whether seats are given over the whole, or in each constituency those that it elects.
    ``threshold_over``   where seats are given per constituency: whether a list has to reach the threshold in each of
                         them for itself, or over the whole.
    """

    seats: int
    method: Method
    threshold: Fraction
    threshold_base: ThresholdBase
    exempt_factor: Fraction = Fraction(1)
    factor_scope: FactorScope = FactorScope.ALL_EXEMPT
    tie_policy: TiePolicy = TiePolicy.LOWER_POLL_NUMBER
    waive_if_none_reach: bool = False
    apportioned: Scope = Scope.WHOLE
    threshold_over: Scope = Scope.WHOLE

    @property
    def is_by_constituency(self) -> bool:
        """Whether each constituency elects for itself."""
        return self.apportioned is Scope.CONSTITUENCY

    def __post_init__(self) -> None:
        if not _is_whole(self.seats) or not 1 <= self.seats <= MAXIMUM_SEATS:
            raise InvalidInput(
                say("The number of seats is a whole number from 1 to {most}.", most=MAXIMUM_SEATS), field="seats"
            )
        _require(self.method, Method, "method")
        if not isinstance(self.threshold, Fraction) or not 0 <= self.threshold <= 1:
            raise InvalidInput("The threshold is a fraction from 0 to 1.", field="threshold")
        _require(self.threshold_base, ThresholdBase, "threshold_base")
        if not isinstance(self.exempt_factor, Fraction) or self.exempt_factor <= 0:
            raise InvalidInput("The factor of exempt lists is a fraction above 0.", field="exempt_factor")
        _require(self.factor_scope, FactorScope, "factor_scope")
        _require(self.tie_policy, TiePolicy, "tie_policy")
        if not isinstance(self.waive_if_none_reach, bool):
            raise InvalidInput("Whether the threshold is waived is true or false.", field="waive_if_none_reach")
        _require(self.apportioned, Scope, "apportioned")
        _require(self.threshold_over, Scope, "threshold_over")
        if self.threshold_over is Scope.CONSTITUENCY and not self.is_by_constituency:
            raise InvalidInput(
                "A threshold holds over the constituency only where seats are given per constituency.",
                field="threshold_over",
            )

    @classmethod
    def from_dict(cls, data: object) -> "Rules":
        """The rules that a JSON object states; its keys are the fields of this class.

        Fractions are strings ("0.05" or "1/20") or whole numbers, never JSON numbers with a point, because
        those have lost their exact value before they arrive here. ``seats``, ``method``, ``threshold`` and
        ``threshold_base`` must be there. InvalidInput names the first field that is missing, unknown or wrong.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput("The rules are a JSON object.", field="rules")
        for key in data:
            if key not in _FIELDS:
                raise InvalidInput(say("There is no rule of the name “{name}”.", name=str(key)), field=str(key))
        for key in _REQUIRED:
            if key not in data:
                raise InvalidInput(say("The rule “{name}” is missing.", name=key), field=key)
        return cls(
            seats=data["seats"],
            method=_choice(data["method"], Method, "method"),
            threshold=_fraction(data["threshold"], "threshold"),
            threshold_base=_choice(data["threshold_base"], ThresholdBase, "threshold_base"),
            exempt_factor=_fraction(data.get("exempt_factor", 1), "exempt_factor"),
            factor_scope=_choice(data.get("factor_scope", FactorScope.ALL_EXEMPT), FactorScope, "factor_scope"),
            tie_policy=_choice(data.get("tie_policy", TiePolicy.LOWER_POLL_NUMBER), TiePolicy, "tie_policy"),
            waive_if_none_reach=data.get("waive_if_none_reach", False),
            apportioned=_choice(data.get("apportioned", Scope.WHOLE), Scope, "apportioned"),
            threshold_over=_choice(data.get("threshold_over", Scope.WHOLE), Scope, "threshold_over"),
        )

    def to_dict(self) -> dict[str, int | str | bool]:
        """The JSON form, every field present; ``from_dict`` makes equal rules from it.

        What is said of constituencies is there only where they elect: a version that knows nothing of them refuses such
        rules, and can go on with all others.
        """
        by_constituency = {"apportioned": self.apportioned.value, "threshold_over": self.threshold_over.value}
        return {
            "seats": self.seats,
            "method": self.method.value,
            "threshold": _written(self.threshold),
            "threshold_base": self.threshold_base.value,
            "exempt_factor": _written(self.exempt_factor),
            "factor_scope": self.factor_scope.value,
            "tie_policy": self.tie_policy.value,
            "waive_if_none_reach": self.waive_if_none_reach,
            **(by_constituency if self.is_by_constituency else {}),
        }


_FIELDS = tuple(field.name for field in fields(Rules))
_REQUIRED = ("seats", "method", "threshold", "threshold_base")


def _is_whole(value: object) -> bool:
    """Whether it is an integer and not a truth value, which Python counts among the integers."""
    return isinstance(value, int) and not isinstance(value, bool)


def _require(value: object, choices: type[StrEnum], field: str) -> None:
    if not isinstance(value, choices):
        raise _none_of(choices, field)


def _choice(value: object, choices: type[_Choice], field: str) -> _Choice:
    if isinstance(value, str):
        for choice in choices:
            if choice.value == value:
                return choice
    raise _none_of(choices, field)


def _none_of(choices: type[StrEnum], field: str) -> InvalidInput:
    words = say("The {field} is one of: {choices}.", field=_spoken(field), choices=", ".join(choices))
    return InvalidInput(words, field=field)


def _fraction(value: object, field: str) -> Fraction:
    """The exact value of "0.05", "1/20" or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, str) and len(value) <= _LONGEST_FRACTION and _FRACTION.fullmatch(value):
        numerator, _, denominator = value.partition("/")
        if denominator and int(denominator) == 0:
            raise InvalidInput(say("The {field} has the denominator 0.", field=_spoken(field)), field=field)
        return Fraction(numerator) / int(denominator or 1)
    raise InvalidInput(say("The {field} is a text such as “0.05” or “1/20”.", field=_spoken(field)), field=field)


def _written(value: Fraction) -> str:
    """As a decimal if it has an end, because people write thresholds so; otherwise as numerator/denominator."""
    rest, places = value.denominator, 0
    while rest % 10 == 0:
        rest, places = rest // 10, places + 1
    for prime in (2, 5):
        while rest % prime == 0:
            rest, places = rest // prime, places + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    if places == 0:
        return str(value.numerator)
    digits = str(value.numerator * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"


def _spoken(field: str) -> str:
    return field.replace("_", " ")
