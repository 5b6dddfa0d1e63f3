"""Sentences with values in them: English wherever they are written, and said again in the language of a page.

``say("The file has more than {most} lines.", most=7)`` is the English text. It also knows its template and its values,
so that a page looks the template up in its catalogue and fills in the values anew (``shared.web.pages.said``).
tests/messages.py finds the templates where they are said, so each is written as one constant text.
"""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

Value = str | int
"""A count is a number, and pages write it as their language does. What is only named by a number comes as text."""

_PLACEHOLDER = re.compile(r"{(\w+)}")


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


def heard(said: Mapping[str, Any]) -> Sentence:
    """The sentence of a program that has nothing of the suite, and may be in the power of a hostile file.

    ``refused`` is its text; ``template`` and ``values`` are taken only where they fit each other, and nothing is ever
    formatted by that template.
    """
    text, template, values = (said.get(name) for name in ("refused", "template", "values"))
    if isinstance(template, str) and isinstance(values, dict) and set(values) == set(_PLACEHOLDER.findall(template)):
        told = {name: value if isinstance(value, int) else str(value) for name, value in values.items()}
        return Sentence(str(text or ""), template, values=told)
    return Sentence(str(text or ""))
