"""What the terms of places and tally sheets are called on pages, with the kind of badge and the shape on a map."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_babel import gettext, lazy_gettext

from shared.sheets import SHARE_TO_EXPLAIN, Difference, Finding, Numbers
from shared.terms import Disabling, Lacking, SheetAct, SheetState, StationStatus
from shared.web.pages.numbers import number


class Word(NamedTuple):
    """A term as people say it, and the kind of its badge (``parts.badge``)."""

    title: Any
    kind: str = ""


STATES: Mapping[SheetState, Word] = {
    SheetState.EMPTY: Word(lazy_gettext("missing"), "bad"),
    SheetState.REOPENED: Word(lazy_gettext("reopened"), "warning"),
    SheetState.ENTERED_ONCE: Word(lazy_gettext("entered once"), "busy"),
    SheetState.DIFFERING: Word(lazy_gettext("entries differ"), "warning"),
    SheetState.WAITING_FOR_REVIEW: Word(lazy_gettext("waiting for review"), "warning"),
    SheetState.ACCEPTED: Word(lazy_gettext("accepted"), "good"),
}
STATUSES: Mapping[StationStatus, Word] = {
    StationStatus.ACTIVE: Word(lazy_gettext("active"), "good"),
    StationStatus.DISABLED: Word(lazy_gettext("disabled"), "warning"),
}
DISABLING: Mapping[Disabling, Any] = {
    Disabling.MERGED: lazy_gettext("merged with another station"),
    Disabling.MOVED: lazy_gettext("moved to another building"),
    Disabling.NO_VOTERS: lazy_gettext("no voters on the roll"),
    Disabling.UNUSABLE: lazy_gettext("the building cannot be used"),
    Disabling.UNSAFE: lazy_gettext("the place is not safe"),
    Disabling.OTHER: lazy_gettext("another reason, which the note says"),
}
LACKING: Mapping[Lacking, Any] = {
    Lacking.SHEET: lazy_gettext("no accepted tally sheet"),
    Lacking.FILES: lazy_gettext("no file of ballots"),
    Lacking.COUNT: lazy_gettext("files are still being counted"),
}
ACTS: Mapping[SheetAct, Any] = {
    SheetAct.ENTRY: lazy_gettext("Entry"),
    SheetAct.RESOLUTION: lazy_gettext("Resolution"),
    SheetAct.ACCEPTANCE: lazy_gettext("Acceptance"),
    SheetAct.REOPENING: lazy_gettext("Reopening"),
}
# The counts of a sheet in the order of the paper.
COUNTS: Mapping[str, Any] = {
    "registered": lazy_gettext("Registered voters"),
    "voted": lazy_gettext("Voters who voted"),
    "received": lazy_gettext("Ballots received"),
    "unused": lazy_gettext("Unused ballots"),
    "in_box": lazy_gettext("Ballots in the box"),
    "invalid": lazy_gettext("Invalid ballots"),
    "blank": lazy_gettext("Blank ballots"),
}
# Without the lists' numbers: all differences of lists are one code to choose by.
DIFFERENCES: Mapping[str, Any] = {
    "voters_ballots": lazy_gettext("Voters and ballots counted"),
    "voters_sheet": lazy_gettext("Voters and ballots in the box"),
    "sheet_ballots": lazy_gettext("Valid votes on the sheet and counted"),
    "invalid": lazy_gettext("Invalid ballots on the sheet and counted"),
}
# What is drawn on a map at the place of a station.
SHAPES: Mapping[str, str] = {
    SheetState.EMPTY: "cross",
    SheetState.REOPENED: "ring",
    SheetState.ENTERED_ONCE: "triangle",
    SheetState.DIFFERING: "diamond",
    SheetState.WAITING_FOR_REVIEW: "square",
    SheetState.ACCEPTED: "circle",
    StationStatus.ACTIVE: "circle",
    StationStatus.DISABLED: "cross",
}


def list_title(poll_number: int, lists: Mapping[int, str]) -> str:
    """A list by its poll number and name; ``lists`` are the names by poll number."""
    return (
        f"{poll_number} {lists[poll_number]}"
        if poll_number in lists
        else gettext("List %(number)s", number=poll_number)
    )


def difference_title(code: str, lists: Mapping[int, str]) -> str:
    """What a difference is about; ``lists`` are the names by poll number."""
    if code.startswith("list."):
        return list_title(int(code.removeprefix("list.")), lists)
    return str(DIFFERENCES[code])


def difference_sentence(difference: Difference) -> str:
    """A difference as a sentence with its two figures."""
    first, second = (number(figure) for figure in difference.figures.values())
    return str(_OF_DIFFERENCES[difference.code.partition(".")[0]]) % {"first": first, "second": second}


def finding_sentence(finding: Finding, numbers: Numbers, roll: int) -> str:
    """A finding about an entry as a sentence with its figures; ``roll``: the voters on the station's electoral roll."""
    figures = {
        **{name: getattr(numbers, name) for name in COUNTS},
        "valid": numbers.valid,
        "parts": numbers.invalid + numbers.blank + numbers.valid,
        "handed_out": numbers.received - numbers.unused,
        "gap": abs(numbers.in_box - numbers.voted),
        "roll": roll,
        "most": int(SHARE_TO_EXPLAIN * 100),
    }
    return str(_OF_FINDINGS[finding.code]) % {name: number(figure) for name, figure in figures.items()}


# By the code without the list's number; the figures in the order in which a difference has them.
_OF_DIFFERENCES: Mapping[str, Any] = {
    "voters_ballots": lazy_gettext(
        "%(first)s voters voted by the sheet, and %(second)s ballots were counted from the files."
    ),
    "voters_sheet": lazy_gettext(
        "%(first)s voters voted by the sheet, and it says that %(second)s ballots were in the box."
    ),
    "sheet_ballots": lazy_gettext("The sheet has %(first)s valid votes, and %(second)s were counted from the files."),
    "invalid": lazy_gettext(
        "The sheet has %(first)s invalid and blank ballots, and the files have %(second)s with a poll number of nobody."
    ),
    "list": lazy_gettext("The sheet has %(first)s votes for this list, and %(second)s were counted from the files."),
}
_OF_FINDINGS: Mapping[str, Any] = {
    "E101": lazy_gettext(
        "The ballots in the box (%(in_box)s) are not the invalid (%(invalid)s), the blank (%(blank)s) and the valid "
        "ones (%(valid)s) together, which are %(parts)s."
    ),
    "E102": lazy_gettext("More ballots were left over (%(unused)s) than received (%(received)s)."),
    "W201": lazy_gettext(
        "More than %(most)s per cent of the ballots in the box are invalid (%(invalid)s of %(in_box)s)."
    ),
    "W202": lazy_gettext("More than %(most)s per cent of the ballots in the box are blank (%(blank)s of %(in_box)s)."),
    "W203": lazy_gettext("There are %(gap)s ballots fewer in the box (%(in_box)s) than voters who voted (%(voted)s)."),
    "W204": lazy_gettext("There are more ballots in the box (%(in_box)s) than voters who voted (%(voted)s)."),
    "W205": lazy_gettext("More voters voted (%(voted)s) than are registered (%(registered)s)."),
    "W206": lazy_gettext(
        "The ballots received (%(received)s) without the unused ones (%(unused)s) are %(handed_out)s, and %(voted)s "
        "voters voted."
    ),
    "W207": lazy_gettext(
        "The electoral roll of this polling station has %(roll)s voters, and the sheet says %(registered)s."
    ),
}
