"""The messages of the pages: what templates and code say, and the catalogues in which it is translated.

``python -m tests.messages`` writes what is new into the catalogues, without a translation yet, and takes out what
nobody says any more. tests/test_messages.py holds them against each other.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from shared.web.pages.language import KEPT_BY_HAND, TRANSLATIONS
from tests.source import ROOT, WEB_SERVICES

Message = str | tuple[str, str]

# A message that pages of all services show is in the catalogue `shared`, the others in that of their service.
PARTS = ("shared", *WEB_SERVICES)
# Where refusals by one constant sentence are shown on pages in every language, too: parts of paths.
TRANSLATED_REFUSALS = (
    *("authentication_service/", "shared/web/cookies.py", "shared/csv_lines.py"),
    # Polling stations, tally sheets and differences.
    *("admin_service/actions/sheets.py", "admin_service/actions/reconciliation.py", "admin_service/rules/sheets.py"),
    *("admin_service/actions/station_import.py", "admin_service/actions/photographs.py"),
    *("admin_service/rules/geography.py", "admin_service/rules/station_files.py", "admin_service/store/sheets.py"),
    "shared/sheets/states.py",
    *("voting_station_service/actions/", "voting_station_service/pages/", "voting_station_service/rules/sheets.py"),
    "voting_station_service/inspection.py",
)

Calls = dict[str, tuple[int, ...] | None]

_CALLS: Calls = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
}
_REFUSALS: Calls = dict.fromkeys(
    (
        *("InvalidInput", "Unauthenticated", "Forbidden", "NotFound", "Conflict", "TooLarge", "TooManyAttempts"),
        *("ChangedMeanwhile", "Unavailable"),
        # Photographs.
        "Refused",
    )
)
_TEMPLATE_OPTIONS = {"silent": "false", "trimmed": "true", "newstyle_gettext": "true"}
_WIDTH = 120


@dataclass(frozen=True)
class Said:
    """A message and where it is said."""

    message: Message
    place: str


def said_in(part: str) -> dict[Message, list[str]]:
    """Every message of a part, with the files that say it; what the part ``shared`` has is no other part's."""
    found: dict[Message, list[str]] = {}
    for one in _said_below(ROOT / part):
        found.setdefault(one.message, []).append(one.place)
    if part != "shared":
        common = said_in("shared")
        found = {message: places for message, places in found.items() if message not in common}
    return found


def catalogue_path(code: str, part: str) -> Path:
    """Where the catalogue of a part is in a language."""
    return TRANSLATIONS / code / f"{part}.po"


def read_catalogue(code: str, part: str) -> Catalog:
    """The catalogue as it is; an empty one where there is none."""
    path = catalogue_path(code, part)
    if not path.is_file():
        return Catalog(locale=code, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=code)


def update(code: str, part: str) -> list[Message]:
    """Write a catalogue anew, with the translations that it has; returns the messages that still need one."""
    before = {_key(message.id): message.string for message in read_catalogue(code, part) if message.id}
    after = Catalog(locale=code, charset="utf-8", fuzzy=False)
    waiting = []
    for message, places in sorted(said_in(part).items(), key=lambda item: str(item[0])):
        text = before.get(message, "")
        after.add(message, text, locations=[(place, 0) for place in sorted(set(places))])
        if not text or (isinstance(text, tuple | list) and not all(text)):
            waiting.append(message)
    path = catalogue_path(code, part)
    if len(after):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, after, width=_WIDTH, include_lineno=False, omit_header=True)
    else:
        path.unlink(missing_ok=True)
    return waiting


def _said_below(folder: Path) -> Iterator[Said]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".html" and "templates" in path.parts:
            yield from _said_by(path, name, "jinja2", _CALLS, _TEMPLATE_OPTIONS)
        elif path.suffix == ".py":
            calls = {**_CALLS, **(_REFUSALS if any(part in name for part in TRANSLATED_REFUSALS) else {})}
            yield from _said_by(path, name, "python", calls, {})


def _said_by(path: Path, name: str, method: str, calls: Calls, options: dict[str, str]) -> Iterator[Said]:
    with path.open("rb") as file:
        for _line, message, _comments, _context in extract(method, file, keywords=calls, options=options):
            if message:
                yield Said(_key(message), name)


def _key(message: object) -> Message:
    return (str(message[0]), str(message[1])) if isinstance(message, tuple | list) else str(message)


if __name__ == "__main__":
    missing = [(code, part, message) for code in KEPT_BY_HAND for part in PARTS for message in update(code, part)]
    for code, part, message in missing:
        print(f"{catalogue_path(code, part).relative_to(ROOT)}: to be translated: {message}")
    sys.exit(1 if missing else 0)
