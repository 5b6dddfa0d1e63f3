"""What the pages draw: seats as half a circle, and bars of votes, as numbers that templates write into SVG."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from results_service.pages.ground import Look, looks_of
from results_service.rules import ListResult, Result
from results_service.rules.certainty import SeatBounds, SeatsCertainty
from results_service.rules.hemicycle import Block, Hemicycle, hemicycle, wedges

# A wedge is numbered when it has at least this share of the seats.
_NUMBERED = 0.015
ORDERS = ("ballot", "votes", "seats", "name")


@dataclass(frozen=True)
class Line:
    """A list of the result with its look, its bar (hundredths of the longest one), and what is certain of its seats."""

    list: ListResult
    look: Look
    bar: float
    bounds: SeatBounds | None


@dataclass(frozen=True)
class DrawnWedge:
    """The seats of a list as the paths of its dots: of those that are certain, and of the others."""

    poll_number: int
    name: str
    look: Look
    certain: str
    unsettled: str
    label: tuple[float, float] | None


@dataclass(frozen=True)
class Assembly:
    """All seats; ``vacant`` are those that nobody has."""

    picture: Hemicycle
    total: int
    wedges: tuple[DrawnWedge, ...]
    vacant: str

    @property
    def looks(self) -> list[Look]:
        """The looks with a pattern, each once."""
        return list({wedge.look.name: wedge.look for wedge in self.wedges if wedge.look.pattern}.values())


def lines_of(result: Result, certainty: SeatsCertainty, order: str = "ballot") -> list[Line]:
    """The lists in an order of ``ORDERS``."""
    looks = looks_of([one.poll_number for one in result.lists])
    most = max((one.votes for one in result.lists), default=0) or 1
    found = [
        Line(one, looks[one.poll_number], round(100 * one.votes / most, 2), certainty.of(one.poll_number))
        for one in result.lists
    ]
    if order == "votes":
        found.sort(key=lambda line: -line.list.votes)
    elif order == "seats":
        found.sort(key=lambda line: (-(line.list.seats or 0), -line.list.votes))
    elif order == "name":
        found.sort(key=lambda line: line.list.name.casefold())
    return found


def mark_of(result: Result) -> float | None:
    """Where the threshold stands on the bars; None where none can be drawn."""
    threshold = result.apportionment.threshold if result.apportionment else None
    most = max((one.votes for one in result.lists), default=0)
    # While hardly anything is counted, the mark would say nothing.
    if threshold is None or not most or not Fraction(threshold.share) or threshold.votes_needed > most:
        return None
    return round(100 * threshold.votes_needed / most, 2)


def assembly_of(result: Result, certainty: SeatsCertainty) -> Assembly | None:
    """The seats as a picture; None where the election gives none, or more than can be drawn."""
    seats = result.apportionment
    if seats is None:
        return None
    picture = hemicycle(seats.seats)
    if not picture.seats:
        return None
    names = {one.poll_number: one.name for one in result.lists}
    looks = looks_of(list(names))
    blocks = []
    for one in result.lists:
        bounds = certainty.of(one.poll_number)
        own = one.seats or 0
        certain = own if bounds is None else min(own, bounds.least)
        blocks.append(Block(one.poll_number, certain, own - certain))
    given = sum(block.certain + block.unsettled for block in blocks)
    drawn = tuple(
        DrawnWedge(
            wedge.key,
            names[wedge.key],
            looks[wedge.key],
            _dots(wedge.certain),
            _dots(wedge.unsettled),
            wedge.label if len(wedge.certain + wedge.unsettled) >= _NUMBERED * seats.seats else None,
        )
        for wedge in wedges(picture, blocks)
    )
    return Assembly(picture, seats.seats, drawn, _dots(picture.seats[given:]))


def shown(result: Any, certainty: SeatsCertainty, order: str = "ballot") -> dict[str, Any]:
    """What the templates of a result draw."""
    leading = sorted(result.lists, key=lambda one: -one.votes)
    tied = len(leading) > 1 and leading[0].votes == leading[1].votes
    return {
        "lines": lines_of(result, certainty, order),
        "mark": mark_of(result),
        "assembly": assembly_of(result, certainty),
        "certainty": certainty,
        "leader": leading[0] if leading and leading[0].votes and not tied else None,
        "second": leading[1] if len(leading) > 1 else None,
        "order": order,
    }


def _dots(places: tuple[tuple[float, float], ...]) -> str:
    """A path of lines without length, which are dots when their ends are round."""
    return "".join(f"M{x:g} {y:g}h0" for x, y in places)
