"""Sentences with values in them: English wherever they are written, and said again in the language of a page.

``say("The file has more than {most} lines.", most=7)`` is the English text. It also knows its template and its values,
so that a page looks the template up in its catalogue and fills in the values anew (``shared.web.pages.said``).
tests/messages.py finds the templates where they are said, so each is written as one constant text.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from string import Formatter
from typing import Any

Value = str | int
"""A count is a number, and pages write it as their language does. What is only named by a number comes as text."""


class Sentence(str):
    """An English text, with the ``template`` and the ``values`` that it was made of.

    ``many`` is the template for more than one where ``values["number"]`` decides the wording, else empty.
    """

    template: str
    many: str
    values: Mapping[str, Value]

    def __new__(
        cls, text: str, template: str = "", many: str = "", values: Mapping[str, Value] | None = None
    ) -> "Sentence":
        made = super().__new__(cls, text)
        made.template, made.many, made.values = template or text, many, values or {}
        return made

    @property
    def number(self) -> int:
        """Which decides the wording."""
        return int(self.values["number"])

    @property
    def message(self) -> str | tuple[str, str]:
        """By which the catalogues have it."""
        return (self.template, self.many) if self.many else self.template


def say(template: str, /, **values: Value) -> Sentence:
    """The template with its values; a value may be such a sentence itself."""
    return Sentence(template.format(**values), template, values=values)


def say_number(one: str, many: str, /, number: int, **values: Value) -> Sentence:
    """A sentence whose wording depends on ``{number}``: ``one`` for exactly one, ``many`` for all others in English."""
    told = {**values, "number": number}
    return Sentence((one if number == 1 else many).format(**told), one, many, told)


def listed(texts: Sequence[str]) -> str:
    """Several names or sentences in one, with commas between them."""
    return reduce(lambda before, text: say("{before}, {text}", before=before, text=text), texts)


def packed(text: str) -> dict[str, Any]:
    """A sentence as JSON can hold it, for ``heard``."""
    said = text if isinstance(text, Sentence) else Sentence(text)
    values = {name: packed(one) if isinstance(one, Sentence) else one for name, one in said.values.items()}
    return {"refused": str(said), "template": said.template, "many": said.many, "values": values}


def heard(said: Mapping[str, Any]) -> Sentence:
    """The sentence that somebody else has packed, who may be in the power of a hostile file.

    ``refused`` is its text; templates and values are taken only where they fit each other, and a template that asks for
    more than a value as it is, such as a part of it, is none.
    """
    text, template, many = (str(said.get(name) or "") for name in ("refused", "template", "many"))
    given = said.get("values")
    if not isinstance(given, dict) or set(given) != _placeholders(template, many):
        return Sentence(text)
    if many and not isinstance(given.get("number"), int):
        return Sentence(text)
    return Sentence(text, template, many, {name: _heard_value(one) for name, one in given.items()})


def _placeholders(*templates: str) -> set[str] | None:
    """The names of the values that templates want; None where one wants anything else."""
    found: set[str] = set()
    try:
        wanted = [part[1:] for template in templates for part in Formatter().parse(template)]
    except ValueError:
        return None
    for name, form, conversion in wanted:
        if name is None:
            continue
        if not name.isidentifier() or conversion or "{" in (form or ""):
            return None
        found.add(name)
    return found


def _heard_value(value: object) -> Value:
    if isinstance(value, dict):
        return heard(value)
    return value if isinstance(value, int) else str(value)
