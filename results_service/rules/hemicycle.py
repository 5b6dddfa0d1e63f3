"""Where the seats of an assembly stand when they are drawn as half a circle.

The seats stand in rows, each on half a circle around the same middle. Counted from the left, whoever has many of
them has a wedge that goes through all rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, cos, floor, pi, sin

WIDTH = 400
"""The picture is so wide, in units of its own, and a little more than half as high."""

MOST_SEATS = 1500
"""More seats cannot be told apart in a picture of that width."""

# How far from the middle the innermost row is, as a share of the outermost.
_INNERMOST = 0.38
# The diameter of a seat, as a share of what is between the middles of two.
_FILLING = 0.82


@dataclass(frozen=True, slots=True)
class Hemicycle:
    """Seats as the middles of dots, from the left to the right, in a picture of ``width`` and ``height``.

    ``diameter`` is that of a dot; no two of them touch, and none is cut off.
    """

    width: int
    height: float
    diameter: float
    seats: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """The seats of one list. ``certain`` are its first ones, ``unsettled`` those that may still go elsewhere."""

    key: int
    certain: int
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class Wedge:
    """Where the seats of a list stand, and the middle of its outermost edge, at which its number can be written."""

    key: int
    certain: tuple[tuple[float, float], ...]
    unsettled: tuple[tuple[float, float], ...]
    label: tuple[float, float]


def hemicycle(seats: int) -> Hemicycle:
    """Places for so many seats, 1 to ``MOST_SEATS``; nothing where there is none or there are too many."""
    if not 1 <= seats <= MOST_SEATS:
        return Hemicycle(WIDTH, WIDTH / 2, 0.0, ())
    rows = 1
    while sum(_room(rows)) < seats:
        rows += 1
    counts = _spread(seats, _radii(rows))
    radii = _radii(rows)
    apart = min(
        [(1 - _INNERMOST) / (rows - 1) if rows > 1 else 1 - _INNERMOST]
        + [2 * radius * sin(pi / (count - 1) / 2) for radius, count in zip(radii, counts, strict=True) if count > 1]
    )
    # The outermost dots lie half a diameter over the circle through their middles.
    diameter = min(apart * _FILLING, 0.25)
    scale = WIDTH / (2 + diameter)
    across = scale * (1 + diameter / 2)
    found = []
    for radius, count in zip(radii, counts, strict=True):
        for number in range(count):
            angle = pi * (1 - number / (count - 1)) if count > 1 else pi / 2
            found.append((-angle, radius, across + scale * radius * cos(angle), across - scale * radius * sin(angle)))
    found.sort()
    places = tuple((round(x, 1), round(y, 1)) for _, _, x, y in found)
    return Hemicycle(WIDTH, round(across + scale * diameter / 2, 1), round(scale * diameter, 2), places)


def wedges(picture: Hemicycle, blocks: Iterable[Block]) -> tuple[Wedge, ...]:
    """Give the seats to the lists in their order, from the left; who has none has no wedge."""
    made = []
    start = 0
    for block in blocks:
        both = block.certain + block.unsettled
        own = picture.seats[start : start + both]
        start += both
        if own:
            made.append(Wedge(block.key, own[: block.certain], own[block.certain :], _middle(picture, own)))
    return tuple(made)


def _radii(rows: int) -> list[float]:
    if rows == 1:
        return [1.0]
    return [_INNERMOST + (1 - _INNERMOST) * row / (rows - 1) for row in range(rows)]


def _room(rows: int) -> list[int]:
    """How many seats each row has room for when they are as far apart as the rows are."""
    if rows == 1:
        return [3]
    between = (1 - _INNERMOST) / (rows - 1)
    return [floor(pi * radius / between) + 1 for radius in _radii(rows)]


def _spread(seats: int, radii: Sequence[float]) -> list[int]:
    """Seats for each row in proportion to its length; the largest remainders get what is left."""
    exact = [seats * radius / sum(radii) for radius in radii]
    counts = [floor(one) for one in exact]
    # The innermost row never has none while there are as many seats as rows.
    order = sorted(range(len(radii)), key=lambda row: (counts[row] - exact[row], -row))
    for row in order[: seats - sum(counts)]:
        counts[row] += 1
    return counts


def _middle(picture: Hemicycle, own: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A point on the outermost row at the middle angle of these seats."""
    across = picture.width / 2
    ground = picture.height - picture.diameter / 2
    outermost = across - picture.diameter / 2
    x, y = own[ceil(len(own) / 2) - 1]
    length = ((x - across) ** 2 + (ground - y) ** 2) ** 0.5 or 1.0
    return round(across + (x - across) / length * outermost, 1), round(ground - (ground - y) / length * outermost, 1)
