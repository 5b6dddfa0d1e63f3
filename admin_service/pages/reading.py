"""What pages are asked for, and what is filled in on their forms; what is wrong gets a sentence and its field."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from flask import request
from flask_babel import gettext
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from admin_service.pages.frame import spoken
from admin_service.routes.fields import zone
from admin_service.rules.elections import read_moment, write_local
from shared.errors import InvalidInput
from shared.web.pages.language import ARGUMENT

M = TypeVar("M", bound=BaseModel)

# What any page may be asked with, besides what its own query has.
_OF_ALL_PAGES = {ARGUMENT, "notice", "resume"}


def asked(model: type[M]) -> M:
    """The query of this page. A filter that is left empty is none; an unknown one is refused."""
    values = {name: value for name, value in request.args.items() if value and name not in _OF_ALL_PAGES}
    return _checked(model, values)


def filled_in(model: type[M], **read: object) -> M:
    """What was filled in on a form, by the fields of ``model``; ``read`` are those that were read otherwise."""
    values = {name: request.form.get(name, "") for name in model.model_fields} | read
    return _checked(model, values)


def whole(field: str) -> int:
    """A number of a row that was chosen or typed."""
    text = request.form.get(field, "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise InvalidInput(spoken(gettext("Write a whole number.")), field=field)
    return int(text)


def decimal_of(field: str) -> Decimal:
    """A number with a point or a comma."""
    text = request.form.get(field, "").strip().replace(",", ".")
    try:
        # Without an exponent, which would make a number of a million digits of a few.
        found = Decimal(text if set(text) <= set("+-.0123456789") and len(text) <= 40 else "NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > 1_000_000:
        raise InvalidInput(spoken(gettext("Write a number, such as 5 or 3.25.")), field=field)
    return found


def moment_of(field: str, stored: datetime | None = None) -> datetime:
    """A local time. Where it is still the one that was shown, the moment that is stored, with parts of seconds."""
    text = request.form.get(field, "").strip()
    if not text:
        raise InvalidInput(spoken(gettext("Say the day and the time.")), field=field)
    if stored is not None and with_seconds(text) == local(stored):
        return stored
    return read_moment(text, zone(), field)


def local(moment: datetime | None) -> str:
    """A moment as a field for local times has it."""
    return write_local(moment.replace(microsecond=0), zone()) if moment else ""


def with_seconds(text: str) -> str:
    """A local time as browsers write it, which leave out seconds that are none."""
    return text if len(text) != len("2026-04-12T07:00") else f"{text}:00"


def _checked(model: type[M], values: object) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(_sentence(first), field=".".join(str(step) for step in first["loc"])) from None


def _sentence(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] in ("string_too_short", "missing"):
        return spoken(gettext("Fill this in."))
    if error["type"] == "string_too_long":
        return spoken(gettext("Write at most %(most)s characters.", most=context["max_length"]))
    if error["type"] == "extra_forbidden":
        return spoken(gettext("This page has no filter “%(name)s”.", name=error["loc"][-1]))
    return str(error["msg"]).removeprefix("Value error, ") + "."
