"""The table of quotients as people read it: a row for each list, a column for each divisor."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from results_service.rules.seats import Quotient


@dataclass(frozen=True, slots=True)
class Cell:
    """A quotient; ``seat`` is the number of the seat that it won, None where it won none.

    ``is_last`` marks the last seat that was given, ``is_next`` the largest quotient that won nothing.
    """

    divisor: int
    quotient: Fraction
    seat: int | None
    is_last: bool = False
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The quotients of a list, from its first divisor to the first one that won nothing."""

    poll_number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A seat with the largest quotient that had to stand back for good, and by how much it was smaller."""

    award: Cell
    poll_number: int
    tied_with: tuple[int, ...]
    next_poll_number: int | None
    ahead: Fraction | None


def quotient_table(awards: Sequence[Quotient], following: Sequence[Quotient]) -> tuple[Row, ...]:
    """The rows by poll number. ``awards`` are in the order of their seats, ``following`` the largest first."""
    cells: dict[int, list[Cell]] = {}
    last = awards[-1].seat if awards else None
    for one in awards:
        cell = Cell(one.divisor, Fraction(one.quotient), one.seat, is_last=one.seat == last)
        cells.setdefault(one.poll_number, []).append(cell)
    for place, one in enumerate(following):
        cells.setdefault(one.poll_number, []).append(
            Cell(one.divisor, Fraction(one.quotient), None, is_next=place == 0)
        )
    return tuple(Row(number, tuple(found)) for number, found in sorted(cells.items()))


def step_of(seat: int, awards: Sequence[Quotient], following: Sequence[Quotient]) -> Step | None:
    """How a seat was won; None where there is no seat of that number."""
    if not 1 <= seat <= len(awards):
        return None
    award = awards[seat - 1]
    quotient = Fraction(award.quotient)
    behind = [one for one in following if one.poll_number != award.poll_number]
    best = behind[0] if behind else None
    return Step(
        Cell(award.divisor, quotient, award.seat, is_last=seat == len(awards)),
        award.poll_number,
        award.tied_with,
        best.poll_number if best else None,
        quotient - Fraction(best.quotient) if best else None,
    )
