"""Three counts of one polling station held against each other: voters, ballots counted from its files, its sheet.

See docs/tally-sheets.md. What is declared is never changed by what is counted, nor the other way round: a difference
is listed, and stays open until somebody says why it is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from shared.sheets.numbers import Numbers
from shared.terms import Lacking

VOTERS_BALLOTS = "voters_ballots"
VOTERS_SHEET = "voters_sheet"
SHEET_BALLOTS = "sheet_ballots"
INVALID = "invalid"
LIST = "list."
"""How the codes of the lists begin; the poll number follows."""

_SAID = {
    VOTERS_BALLOTS: "{} voters voted by the sheet, and {} ballots were counted from the files.",
    VOTERS_SHEET: "{} voters voted by the sheet, and it says that {} ballots were in the box.",
    SHEET_BALLOTS: "The sheet has {} valid votes, and {} were counted from the files.",
    INVALID: "The sheet has {} invalid and blank ballots, and the files have {} with a poll number of nobody.",
    LIST: "The sheet has {} votes for this list, and {} were counted from the files.",
}


@dataclass(frozen=True)
class Counted:
    """What became of the ballots in the files of one polling station.

    ``votes`` go by poll number, without zeros, and add up to the valid ballots. ``invalid`` have the poll number of
    nobody, ``duplicate`` a GUID that was there before; those are nobody's ballots a second time. ``is_complete``: every
    part of its ``uploads`` is recorded.
    """

    votes: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    valid: int = 0
    invalid: int = 0
    duplicate: int = 0
    uploads: int = 0
    is_complete: bool = True

    @property
    def ballots(self) -> int:
        """Ballots that are in the box by the files: valid and invalid ones."""
        return self.valid + self.invalid


NOTHING_COUNTED = Counted()


@dataclass(frozen=True)
class Note:
    """Why the counts of the ``difference`` of this code are the two ``figures``; said by ``actor``."""

    difference: str
    figures: Mapping[str, int]
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class Difference:
    """Two counts that should be one.

    ``figures`` are the two by their names, in the order of the sentence. ``explanation`` is the last note about exactly
    these, None while nobody has explained them.
    """

    code: str
    figures: Mapping[str, int]
    explanation: Note | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to say why."""
        return self.explanation is None

    @property
    def delta(self) -> int:
        """How many more the second figure is than the first."""
        first, second = self.figures.values()
        return second - first

    @property
    def message(self) -> str:
        """The same as a sentence."""
        return _SAID[LIST if self.code.startswith(LIST) else self.code].format(*self.figures.values())


@dataclass(frozen=True)
class Reconciliation:
    """How the counts of one station stand to each other. Where something is ``lacking`` nothing is compared."""

    lacking: tuple[Lacking, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def open(self) -> tuple[Difference, ...]:
        """The differences that nobody has explained."""
        return tuple(one for one in self.differences if one.is_open)


def reconcile(declared: Numbers | None, counted: Counted, notes: Iterable[Note] = ()) -> Reconciliation:
    """Hold the declared result of a station, None where none is accepted, against what was counted from its files.

    ``notes`` are all that were made about the station, in their order.
    """
    lacking = tuple(_lacking(declared, counted))
    if declared is None or lacking:
        return Reconciliation(lacking)
    # Nearly everywhere everything is the same, and nothing more has to be made.
    if (
        declared.voted == declared.in_box == counted.ballots
        and declared.invalid + declared.blank == counted.invalid
        and {number: votes for number, votes in declared.votes.items() if votes} == counted.votes
    ):
        return Reconciliation()
    said = {(note.difference, tuple(sorted(note.figures.items()))): note for note in notes}
    return Reconciliation(
        differences=tuple(
            Difference(code, figures, said.get((code, tuple(sorted(figures.items())))))
            for code, figures in _compared(declared, counted)
            if len(set(figures.values())) > 1
        )
    )


def _lacking(declared: Numbers | None, counted: Counted) -> Iterable[Lacking]:
    if declared is None:
        yield Lacking.SHEET
    # A box without a ballot makes no file.
    if not counted.uploads and (declared is None or declared.in_box):
        yield Lacking.FILES
    if not counted.is_complete:
        yield Lacking.COUNT


def _compared(declared: Numbers, counted: Counted) -> Iterable[tuple[str, dict[str, int]]]:
    yield VOTERS_BALLOTS, {"voted": declared.voted, "counted": counted.ballots}
    yield VOTERS_SHEET, {"voted": declared.voted, "in_box": declared.in_box}
    yield SHEET_BALLOTS, {"declared": declared.valid, "counted": counted.valid}
    yield INVALID, {"declared": declared.invalid + declared.blank, "counted": counted.invalid}
    for number in sorted({*declared.votes, *counted.votes}):
        yield f"{LIST}{number}", {"declared": declared.votes.get(number, 0), "counted": counted.votes.get(number, 0)}
