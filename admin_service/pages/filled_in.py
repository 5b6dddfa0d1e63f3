"""What was filled in on a form of places, field by field, or the refusal that names the field."""

from collections.abc import Container
from typing import Any

from flask import request
from flask_babel import gettext

from admin_service.pages.frame import spoken
from shared.errors import InvalidInput


def line(name: str, most: int = 256, *, required: bool = True) -> str:
    """A text of ``most`` characters at most."""
    value = " ".join(request.form.get(name, "").split())
    if required and not value:
        raise InvalidInput(spoken(gettext("Fill this in.")), field=name)
    if len(value) > most:
        words = gettext("At most %(most)s characters; these are %(length)s.", most=most, length=len(value))
        raise InvalidInput(spoken(words), field=name)
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise InvalidInput(spoken(gettext("There is a character in it that is no text.")), field=name)
    return value


def reason(name: str = "reason") -> str:
    """Why something is done, for whoever reads it later."""
    value = line(name, 1024, required=False)
    if not value:
        raise InvalidInput(spoken(gettext("Say why, for whoever reads it later.")), field=name)
    return value


def whole(name: str, least: int, most: int, *, required: bool = True) -> int | None:
    """A whole number from ``least`` to ``most``; None where nothing is filled in that need not be."""
    # People group digits as they read them.
    value = "".join(request.form.get(name, "").split()).replace("\u202f", "")
    if not value and not required:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most):
        words = gettext("This is a whole number from %(least)s to %(most)s, in digits.", least=least, most=most)
        raise InvalidInput(spoken(words), field=name)
    return int(value)


def number_of(name: str) -> int:
    """The number of a row that was chosen from a list."""
    found = whole(name, 1, 2**31 - 1)
    assert found is not None  # noqa: S101 -- required.
    return found


def degrees(name: str) -> float | None:
    """A number of degrees with a point or a comma, or None where nothing is filled in."""
    value = request.form.get(name, "").strip().replace(",", ".")
    if not value:
        return None
    try:
        if not set(value) <= set("+-.0123456789"):
            raise ValueError(value)
        return float(value)
    except ValueError as error:
        words = gettext("This is a number of degrees such as 44.81; it is '%(value)s'.", value=value[:40])
        raise InvalidInput(spoken(words), field=name) from error


def one_of(name: str, known: Container[Any], missing: str = "") -> str:
    """One of some code words; ``missing`` where nothing was chosen."""
    value = request.form.get(name, "") or missing
    if value not in known:
        raise InvalidInput(spoken(gettext("Choose one of the list.")), field=name)
    return value


def page_number() -> int:
    """Which page of a list is asked for, from 1."""
    return number_in_address("page") or 1


def number_in_address(name: str) -> int | None:
    """A number of the page's address; whatever is none is as good as nothing."""
    value = request.args.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 and int(value) else None


def text_in_address(name: str) -> str:
    """A text of the page's address as it can be looked for."""
    value = request.args.get(name, "")[:256]
    return " ".join("".join(one for one in value if one != "\0" and not 0xD800 <= ord(one) <= 0xDFFF).split())
