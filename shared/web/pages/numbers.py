"""How numbers, shares and moments in UTC are written on a page, in the manner of its language."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, format_percent
from flask import Flask
from markupsafe import Markup, escape

from shared.web.pages.language import LANGUAGES, current

# A page of quotients has a thousand numbers, and to find a locale by its name takes longer than to write a number.
_LOCALES = {language.locale: Locale.parse(language.locale) for language in LANGUAGES.values()}

_SHARE_PATTERNS = {"en_GB": "#,##0.00%", "sr_Cyrl": "#,##0.00%", "sr_Latn": "#,##0.00%", "fr": "#,##0.00\u202f%"}


def number(value: int | float | Decimal) -> str:
    """12345 as 12,345 or 12.345, with the separators of the language."""
    return str(format_decimal(value, locale=_LOCALES[current().locale]))


def degrees(value: float) -> str:
    """The size of an angle with five decimals, which tell metres apart: 20.13000 or 20,13000; its sign is for words."""
    return str(format_decimal(abs(value), "0.00000", locale=_LOCALES[current().locale]))


def percent(share: str | Fraction | float) -> str:
    """A share of one such as 0.4835 or 1/30 in hundredths of a per cent, rounded exactly: 48.35%, 3.33%."""
    ten_thousandths = Decimal(round(Fraction(share) * 10_000))
    locale = current().locale
    return str(format_percent(ten_thousandths / 10_000, format=_SHARE_PATTERNS[locale], locale=_LOCALES[locale]))


def moment(value: datetime, seconds: bool = False) -> Markup:
    """An aware moment as a ``time`` element in UTC: 7 Dec 2026, 20:05 UTC."""
    in_utc = value.astimezone(UTC)
    locale = current().locale
    day = format_date(in_utc, "medium", locale=locale)
    text = f"{day}, {format_time(in_utc, 'HH:mm:ss' if seconds else 'HH:mm', locale=locale)} UTC"
    return _time(in_utc.isoformat(), text)


def day(value: date) -> Markup:
    """A day as a ``time`` element; of a moment its day in UTC."""
    if isinstance(value, datetime):
        value = value.astimezone(UTC).date()
    return _time(value.isoformat(), str(format_date(value, "long", locale=current().locale)))


def clock(value: datetime) -> Markup:
    """The time of day of a moment as a ``time`` element: 20:05 UTC."""
    in_utc = value.astimezone(UTC)
    return _time(in_utc.isoformat(), f"{format_datetime(in_utc, 'HH:mm', locale=current().locale)} UTC")


def install(app: Flask) -> None:
    """Give the templates of ``app`` these filters."""
    app.jinja_env.filters.update(number=number, degrees=degrees, percent=percent, moment=moment, day=day, clock=clock)


def _time(machine: str, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(escape(machine), text)
