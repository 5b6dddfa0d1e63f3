"""What the pages say about states, fields, findings and lines, in the terms of election law."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext, lazy_gettext, ngettext

from shared.sheets import GAP_TOLERANCE, Finding, Numbers
from shared.terms import Progress, Refusal, SheetState
from shared.web.pages.numbers import number

STATES: Mapping[SheetState, tuple[Any, str]] = {
    SheetState.EMPTY: (lazy_gettext("not entered"), ""),
    SheetState.ENTERED_ONCE: (lazy_gettext("entered once"), "busy"),
    SheetState.DIFFERING: (lazy_gettext("entries differ"), "bad"),
    SheetState.WAITING_FOR_REVIEW: (lazy_gettext("waits for review"), "warning"),
    SheetState.ACCEPTED: (lazy_gettext("accepted"), "good"),
    SheetState.REOPENED: (lazy_gettext("opened again"), "warning"),
}
STATES_AT_LENGTH: Mapping[SheetState, Any] = {
    SheetState.EMPTY: lazy_gettext("Nobody has entered this tally sheet yet."),
    SheetState.ENTERED_ONCE: lazy_gettext(
        "One official has entered this tally sheet. A second one enters it again from the paper."
    ),
    SheetState.DIFFERING: lazy_gettext(
        "The two entries of this tally sheet differ. The electoral commission has to say which one stands."
    ),
    SheetState.WAITING_FOR_REVIEW: lazy_gettext(
        "This tally sheet was entered twice, the same both times. It waits for the electoral commission's review, "
        "because something in it had to be explained."
    ),
    SheetState.ACCEPTED: lazy_gettext(
        "This tally sheet is accepted. To correct it, the electoral commission has to open it again."
    ),
    SheetState.REOPENED: lazy_gettext(
        "The electoral commission has opened this tally sheet again. It is entered anew, by two officials, within "
        "seven days."
    ),
}
SENT: Mapping[str, tuple[Any, str]] = {
    "waiting": (lazy_gettext("waits to be recorded"), "busy"),
    "recorded": (lazy_gettext("recorded"), "good"),
    "refused": (lazy_gettext("refused"), "bad"),
}
PROGRESS: Mapping[Progress, tuple[Any, str]] = {
    Progress.QUEUED: (lazy_gettext("waits to be counted"), "busy"),
    Progress.COUNTING: (lazy_gettext("being counted"), "busy"),
    Progress.COUNTED: (lazy_gettext("counted"), "good"),
}
FIELDS: Mapping[str, Any] = {
    "registered": lazy_gettext("Voters on the electoral roll"),
    "voted": lazy_gettext("Voters who voted"),
    "received": lazy_gettext("Ballot papers received"),
    "unused": lazy_gettext("Unused ballot papers"),
    "in_box": lazy_gettext("Ballot papers in the box"),
    "invalid": lazy_gettext("Invalid ballot papers"),
    "blank": lazy_gettext("Blank ballot papers"),
}
FIELD_HINTS: Mapping[str, Any] = {
    "voted": lazy_gettext("by the marks on the roll"),
    "received": lazy_gettext("before the polls opened"),
    "invalid": lazy_gettext("without the blank ones"),
    "blank": lazy_gettext("without any mark"),
}
# What was wrong with a line of an accepted file, and what to do about it.
REFUSALS: Mapping[str, tuple[Any, Any]] = {
    Refusal.DUPLICATE: (
        lazy_gettext("This ballot was received before."),
        lazy_gettext("Nothing, if the file or a part of it was sent twice. Else tell the electoral commission."),
    ),
    Refusal.INVALID_POLL_NUMBER: (
        lazy_gettext("The election has no list with this poll number."),
        lazy_gettext("Compare the line with the ballot paper, and tell the electoral commission."),
    ),
    Refusal.INVALID_SIGNATURE: (
        lazy_gettext("Its signature is not one of this election."),
        lazy_gettext("Tell the electoral commission."),
    ),
    Refusal.OUTSIDE_ELECTION: (
        lazy_gettext("It was received while the election was not open."),
        lazy_gettext("Tell the electoral commission."),
    ),
}
# Why a line makes a station refuse its whole file, in the words of the reader of files, and what to do.
PROBLEMS: Mapping[str, tuple[Any, Any]] = {
    "Incorrect number of values": (
        lazy_gettext("The line has not exactly two values."),
        lazy_gettext("Write the GUID, a comma and the poll number, and nothing else."),
    ),
    "Incorrect poll number": (
        lazy_gettext("The second value is no poll number."),
        lazy_gettext("Write a whole number above 0 after the comma."),
    ),
    "Incorrect ballot GUID": (
        lazy_gettext("The first value is no GUID of a ballot."),
        lazy_gettext("Copy the GUID of the ballot again: 32 hexadecimal digits, with hyphens or without."),
    ),
}


def size(count: int) -> str:
    """So many bytes, as people read them."""
    for unit, name in ((1024**2, "MB"), (1024, "kB")):
        if count >= unit:
            return f"{number(round(count / unit, 1))} {name}"
    return str(ngettext("%(num)s byte", "%(num)s bytes", count))


def lines(some: Sequence[int], total: int) -> str:
    """Lines as editors count them, from 1."""
    return ", ".join(number(line + 1) for line in some) + (" …" if total > len(some) else "")


def field(name: str, lists: Mapping[int, str]) -> str:
    """What a field of a sheet is called, that of a list as ``votes.3``."""
    sort, _, place = name.partition(".")
    if sort == "votes" and place:
        return list_name(int(place), lists)
    return str(FIELDS[name]) if name in FIELDS else str(gettext("Valid votes"))


def list_name(poll_number: int, lists: Mapping[int, str]) -> str:
    """What a list is called, with its poll number."""
    name = lists.get(poll_number)
    return f"{poll_number}. {name}" if name else str(gettext("List %(number)s", number=poll_number))


def finding(found: Finding, numbers: Numbers, roll: int | None) -> str:
    """The sentence of a finding in the language of the page."""
    shown = {name: number(getattr(numbers, name)) for name in FIELDS}
    parts = numbers.invalid + numbers.blank + numbers.valid
    handed_out = numbers.received - numbers.unused
    gap = abs(numbers.in_box - numbers.voted)
    sentences: Mapping[str, Any] = {
        "E101": lazy_gettext(
            "The ballot papers in the box (%(in_box)s) are not the invalid (%(invalid)s), the blank (%(blank)s) and "
            "the valid ones (%(valid)s) together, which are %(parts)s.",
            **_only(shown, "in_box", "invalid", "blank"),
            valid=number(numbers.valid),
            parts=number(parts),
        ),
        "E102": lazy_gettext(
            "More ballot papers were left over (%(unused)s) than received (%(received)s).",
            **_only(shown, "unused", "received"),
        ),
        "W201": lazy_gettext(
            "More than 3 %% of the ballot papers in the box are invalid (%(invalid)s of %(in_box)s).",
            **_only(shown, "invalid", "in_box"),
        ),
        "W202": lazy_gettext(
            "More than 3 %% of the ballot papers in the box are blank (%(blank)s of %(in_box)s).",
            **_only(shown, "blank", "in_box"),
        ),
        "W203": lazy_gettext(
            "There are %(gap)s ballot papers fewer in the box (%(in_box)s) than voters who voted (%(voted)s); up to "
            "%(tolerance)s need no explanation.",
            gap=number(gap),
            tolerance=number(GAP_TOLERANCE),
            **_only(shown, "in_box", "voted"),
        ),
        "W204": lazy_gettext(
            "There are more ballot papers in the box (%(in_box)s) than voters who voted (%(voted)s).",
            **_only(shown, "in_box", "voted"),
        ),
        "W205": lazy_gettext(
            "More voters voted (%(voted)s) than are on the electoral roll (%(registered)s).",
            **_only(shown, "voted", "registered"),
        ),
        "W206": lazy_gettext(
            "The ballot papers received (%(received)s) without the unused ones (%(unused)s) are %(handed_out)s, and "
            "%(voted)s voters voted.",
            handed_out=number(handed_out),
            **_only(shown, "received", "unused", "voted"),
        ),
        "W207": lazy_gettext(
            "The electoral roll of this polling station has %(roll)s voters, and the sheet says %(registered)s.",
            roll=number(roll or 0),
            **_only(shown, "registered"),
        ),
    }
    return str(sentences.get(found.code, found.message))


def _only(shown: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: shown[name] for name in names}
