"""The messages of the pages: what templates and code say, and the catalogues in which it is translated.

``python -m tests.messages`` writes what is new into the catalogues, without a translation yet, and takes out what
nobody says any more. tests/test_messages.py holds them against each other.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from shared.web.pages.language import KEPT_BY_HAND, TRANSLATIONS
from tests.source import ROOT, WEB_SERVICES

Message = str | tuple[str, str]

# A message that pages of all services show is in the catalogue `shared`, the others in that of their service.
PARTS = ("shared", *WEB_SERVICES)
# Whose refusals no page shows, by the beginnings of paths in a part, and why; all others are in the catalogues.
NOT_ON_PAGES = {
    "routes/": "Programs alone ask them.",
    "classic.py": "The classic contract, which is English.",
    "sockets.py": "A handshake of WebSockets is a program's.",
    "live.py": "It refuses streams, which scripts open.",
    "actions/exports.py": "What is written into files for programs.",
    "rules/areas.py": "The making of such files.",
    "rules/election_report.py": "The making of such files.",
    "rules/tables.py": "The making of such files.",
    "blind_signatures.py": "Programs alone send keys and signatures.",
    "journal/": "The findings of `urna journal verify`.",
    "queue/parts.py": "What the daemon and recounts read.",
    "web/health.py": "Probes alone ask for it.",
    "web/requests.py": "If-Match and queries of programs.",
}

# What others tell the pages of a service, too: the daemon, what became of an entry or a photograph.
TOLD_BY_OTHERS = {"voting_station_service": ("daemon/actions/sheets.py", "daemon/rules/sheets.py")}

Calls = dict[str, tuple[int, ...] | None]

_CALLS: Calls = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "say": (1,),
    "say_number": (1, 2),
}
REFUSALS = (
    *("InvalidInput", "Unauthenticated", "Forbidden", "NotFound", "Conflict", "TooLarge", "TooManyAttempts"),
    *("ChangedMeanwhile", "Unavailable", "PreconditionMissing"),
    # Photographs and pictures.
    "Refused",
)
_REFUSALS: Calls = dict.fromkeys(REFUSALS)
_TEMPLATE_OPTIONS = {"silent": "false", "trimmed": "true", "newstyle_gettext": "true"}
_WIDTH = 120


@dataclass(frozen=True)
class Said:
    """A message and where it is said."""

    message: Message
    place: str


@cache
def said_in(part: str) -> Mapping[Message, list[str]]:
    """Every message of a part, with the files that say it; what the part ``shared`` has is no other part's.

    The files are read once, because tests ask for each part again and again.
    """
    found: dict[Message, list[str]] = {}
    others = (_said_in_module(ROOT / name) for name in TOLD_BY_OTHERS.get(part, ()))
    for one in chain(_said_below(ROOT / part), *others):
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


def may_be_on_pages(name: str) -> bool:
    """Whether a page may show what the module at this path refuses."""
    inside = name.partition("/")[2]
    return not any(inside.startswith(part) for part in NOT_ON_PAGES)


def _said_below(folder: Path) -> Iterator[Said]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".html" and "templates" in path.parts:
            yield from _said_by(path, name, "jinja2", _CALLS, _TEMPLATE_OPTIONS)
        elif path.suffix == ".py":
            yield from _said_in_module(path)


def _said_in_module(path: Path) -> Iterator[Said]:
    name = path.relative_to(ROOT).as_posix()
    # In two passes: a message is not found where it stands inside another call that is looked for.
    yield from _said_by(path, name, "python", _CALLS, {})
    if may_be_on_pages(name):
        yield from _said_by(path, name, "python", _REFUSALS, {})


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
