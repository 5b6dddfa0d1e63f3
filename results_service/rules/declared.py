"""What accepted tally sheets declare. It stands beside what is counted from files, and is never added to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from results_service.rules.seats import share


class InBox(Protocol):
    """Ballots of a station that were counted from its files: all in the box, and those with a poll number of nobody."""

    @property
    def cast(self) -> int: ...
    @property
    def invalid(self) -> int: ...


@dataclass(frozen=True)
class Declared:
    """What the accepted tally sheet of a station declares, or those of several together.

    In the box are the valid, the ``invalid`` and the ``blank`` ballots, of which no one is another one, too. The shares
    have four decimals, are of ``in_box``, and None while that is 0.
    """

    sheets: int = 0
    voted: int = 0
    in_box: int = 0
    invalid: int = 0
    blank: int = 0

    @property
    def nobody_voted(self) -> bool:
        return self.sheets > 0 and self.voted == self.in_box == 0

    @property
    def invalid_share(self) -> str | None:
        return share(self.invalid, self.in_box) if self.in_box else None

    @property
    def blank_share(self) -> str | None:
        return share(self.blank, self.in_box) if self.in_box else None

    def is_of(self, counted: InBox | None) -> bool:
        """Whether these are the ballots that were counted from files, where a blank one has a poll number of nobody."""
        cast, invalid = (counted.cast, counted.invalid) if counted is not None else (0, 0)
        return (self.in_box, self.invalid + self.blank) == (cast, invalid)


def together(sheets: Iterable[Declared]) -> Declared | None:
    """The sums of some sheets; None where there is none."""
    found = list(sheets)
    if not found:
        return None
    return Declared(
        sheets=sum(one.sheets for one in found),
        voted=sum(one.voted for one in found),
        in_box=sum(one.in_box for one in found),
        invalid=sum(one.invalid for one in found),
        blank=sum(one.blank for one in found),
    )


def blank_among_counted(stations: Iterable[tuple[InBox | None, Declared | None]]) -> int | None:
    """How many of the ballots with a poll number of nobody were blank, of some stations by their files and sheets.

    Files do not tell blank ballots from invalid ones, sheets do. So it is known where every station with ballots in the
    box has an accepted sheet, and each sheet is of the ballots that were counted; otherwise None, for a sheet that
    declares other ballots says nothing of these. None, too, while no sheet is accepted.
    """
    blank: int | None = None
    for counted, declared in stations:
        if declared is None:
            if counted is not None and counted.cast:
                return None
        elif declared.is_of(counted):
            blank = (blank or 0) + declared.blank
        else:
            return None
    return blank
