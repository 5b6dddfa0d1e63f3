"""In which language a page is, and how the catalogues are read.

A page for who is signed in is in the language of the cookie. A public page, which proxies may keep for everybody, knows
no cookie: its language stands in its address, else the browser's preference decides, which ``Vary`` then says.
"""

import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, Response, current_app, g, request
from flask_babel import Babel, Domain, get_locale

from shared.sentences import Sentence
from shared.web.pages.transliteration import as_latin

# Which language somebody has chosen; it says nothing else, no script reads it, and no other host gets it.
COOKIE = "__Host-urna-language"
ARGUMENT = "language"
TRANSLATIONS = Path(__file__).parent / "translations"
_FORMAT = re.compile(r"{(\w+):[^{}]*}")
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Language:
    """``code`` in catalogues and addresses, ``tag`` in HTML, ``locale`` of numbers and dates, and its own ``name``."""

    code: str
    tag: str
    locale: str
    name: str


LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "en", "en_GB", "English"),
        Language("sr_Cyrl", "sr-Cyrl", "sr_Cyrl", "Српски"),
        Language("sr_Latn", "sr-Latn", "sr_Latn", "Srpski"),
        Language("fr", "fr", "fr", "Français"),
    )
}
ENGLISH = LANGUAGES["en"]
# Serbian in Latin letters is written from the Cyrillic catalogue.
KEPT_BY_HAND = ("sr_Cyrl", "fr")


def preferred(accepted: list[str]) -> Language:
    """The first of a browser's languages, in the order of its preference, that there are pages in; else English."""
    for tag in accepted:
        first, *rest = tag.lower().replace("_", "-").split("-")
        code = first if first != "sr" else "sr_Latn" if "latn" in rest else "sr_Cyrl"
        if code in LANGUAGES:
            return LANGUAGES[code]
    return ENGLISH


def is_public_page() -> bool:
    """Whether the page that was asked for is the same for everybody (``public_page``)."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "is_public_page", False)


def asked_for() -> Language | None:
    """The language that the address of this page names."""
    return LANGUAGES.get(request.args.get(ARGUMENT, ""))


def chosen() -> Language | None:
    """The language that somebody has chosen, by the address or, where a page may know it, by the cookie."""
    remembered = None if is_public_page() else LANGUAGES.get(request.cookies.get(COOKIE, ""))
    return asked_for() or remembered


def current() -> Language:
    """The language of this request's page."""
    if "language" not in g:
        g.language = chosen() or preferred([tag for tag, quality in request.accept_languages if quality > 0])
    language: Language = g.language
    return language


def remember(response: Response) -> None:
    """Let the browser remember a language that the address names, or say that the answer depends on the browser."""
    language = asked_for()
    if is_public_page():
        if language is None:
            response.vary.add("Accept-Language")
    elif language is not None and request.cookies.get(COOKIE) != language.code:
        response.set_cookie(COOKIE, language.code, max_age=_YEAR, path="/", secure=True, httponly=True, samesite="Lax")


def is_translated(message: str | tuple[str, str]) -> bool:
    """Whether the catalogue of this page's language has a message, or need not have it."""
    return current() is ENGLISH or Catalogues.of(current_app).has(current().code, message)


def template_of(sentence: Sentence) -> str:
    """The template of a sentence in this page's language, for its number; without its values yet."""
    known = Catalogues.of(current_app).get_translations()
    found = (
        known.ungettext(sentence.template, sentence.many, sentence.number)
        if sentence.many
        else known.ugettext(sentence.template)
    )
    # How a number is written is for the page to say.
    return _FORMAT.sub(r"{\1}", str(found))


class Catalogues(Domain):  # type: ignore[misc]  # The library says no types.
    """The messages of a service: those of all pages and its own, read from the text files when it starts."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        super().__init__()
        self._by_locale = {
            language.locale: read_catalogue(language.code, parts)
            for language in LANGUAGES.values()
            if language is not ENGLISH
        }
        self._messages = {code: messages(code, parts) for code in LANGUAGES if code != ENGLISH.code}
        self._none = read_catalogue(ENGLISH.code, ())

    @staticmethod
    def of(app: Flask) -> "Catalogues":
        """Those of a service."""
        found = app.extensions["catalogues"]
        assert isinstance(found, Catalogues)  # noqa: S101 -- put there below.
        return found

    def get_translations(self) -> Translations:
        """Those of the request's language."""
        return self._by_locale.get(str(get_locale()), self._none)

    def has(self, code: str, message: str | tuple[str, str]) -> bool:
        """Whether a catalogue has this message."""
        return message in self._messages[code]


class _Languages(Babel):  # type: ignore[misc]  # The library says no types.
    @property
    def domain_instance(self) -> Catalogues:
        return Catalogues.of(current_app)


def install(app: Flask, parts: tuple[str, ...]) -> None:
    """Let the pages of ``app`` speak every language; ``parts`` are the names of its catalogues."""
    app.extensions["catalogues"] = Catalogues(parts)
    _Languages(app, default_locale=ENGLISH.locale, locale_selector=lambda: current().locale)


Messages = dict[str | tuple[str, str], str | tuple[str, ...]]


@cache
def messages(code: str, parts: tuple[str, ...]) -> Messages:
    """What some parts' catalogues of a language say, by message: a text, or the forms of number."""
    if code == "sr_Latn":
        return {
            message: as_latin(text) if isinstance(text, str) else tuple(as_latin(form) for form in text)
            for message, text in messages("sr_Cyrl", parts).items()
        }
    found: Messages = {}
    for part in parts:
        path = TRANSLATIONS / code / f"{part}.po"
        if path.is_file():
            with path.open("rb") as file:
                for message in read_po(file, locale=code):
                    text = message.string
                    if isinstance(message.id, str) and isinstance(text, str) and message.id and text:
                        found[message.id] = text
                    elif isinstance(message.id, tuple) and isinstance(text, tuple | list) and all(text):
                        found[(message.id[0], message.id[1])] = tuple(text)
    return found


@cache
def read_catalogue(code: str, parts: tuple[str, ...]) -> Translations:
    """The catalogue of a language as gettext takes it; made once in a process, for all its services."""
    catalogue = Catalog(locale=code, charset="utf-8")
    for message, text in messages(code, parts).items():
        catalogue.add(message, text)
    written = BytesIO()
    write_mo(written, catalogue)
    written.seek(0)
    return Translations(written)
