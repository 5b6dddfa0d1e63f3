"""A map of points without a map's pictures: where each is on a drawing, and what is drawn there. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, floor, log10, radians

WIDTH, TALLEST, MARGIN = 1000.0, 1100.0, 24.0
KILOMETRES_OF_A_DEGREE = 111.195
"""Of latitude, on a sphere of 6,371 km."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """A drawing ``WIDTH`` wide and ``height`` high; ``places`` are its points in the order that was given.

    ``bar`` is how long on the drawing so many ``kilometres`` are.
    """

    height: float
    places: Sequence[Point]
    kilometres: float
    bar: float


def draw(points: Sequence[Point]) -> Drawing:
    """Where points of latitude and longitude, in degrees, lie on a drawing that they fill; at least one.

    Degrees of longitude are as long as they are in the middle, so that a country has its shape.
    """
    south, north = min(point[0] for point in points), max(point[0] for point in points)
    west, east = min(point[1] for point in points), max(point[1] for point in points)
    narrowing = max(cos(radians((south + north) / 2)), 0.01)
    # A single building is in the middle of two kilometres.
    least = 2 / KILOMETRES_OF_A_DEGREE
    wide, high = max((east - west) * narrowing, least), max(north - south, least)
    scale = min((WIDTH - 2 * MARGIN) / wide, (TALLEST - 2 * MARGIN) / high)
    height = high * scale + 2 * MARGIN
    middle_x, middle_y = (west + east) / 2, (south + north) / 2

    def place(point: Point) -> Point:
        x = WIDTH / 2 + (point[1] - middle_x) * narrowing * scale
        return round(x, 1), round(height / 2 - (point[0] - middle_y) * scale, 1)

    kilometre = scale / KILOMETRES_OF_A_DEGREE
    kilometres = _round_below(WIDTH / 4 / kilometre)
    return Drawing(round(height, 1), [place(point) for point in points], kilometres, round(kilometres * kilometre, 1))


def path(shape: str, places: Iterable[Point], size: float) -> str:
    """The data of one path that draws ``shape`` at each place; ``size`` is half of its width."""
    outline = _OUTLINES[shape](round(size, 1))
    return "".join(f"M{x:g} {y:g}{outline}" for x, y in places)


def _round_below(value: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten that is not above."""
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= value)


def _circle(size: float) -> str:
    return f"m-{size} 0a{size} {size} 0 1 0 {2 * size:g} 0a{size} {size} 0 1 0 -{2 * size:g} 0z"


def _square(size: float) -> str:
    return f"m-{size} -{size}h{2 * size:g}v{2 * size:g}h-{2 * size:g}z"


def _triangle(size: float) -> str:
    return f"m0 -{size}l{size} {2 * size:g}h-{2 * size:g}z"


def _diamond(size: float) -> str:
    half = f"{1.3 * size:g}"
    return f"m0 -{half}l{half} {half}l-{half} {half}l-{half} -{half}z"


def _cross(size: float) -> str:
    return f"m-{size} -{size}l{2 * size:g} {2 * size:g}m-{2 * size:g} 0l{2 * size:g} -{2 * size:g}"


# A ring is drawn as a line and not filled, and so is a cross: the style says that by the shape.
_OUTLINES: Mapping[str, Callable[[float], str]] = {
    "circle": _circle,
    "ring": _circle,
    "square": _square,
    "triangle": _triangle,
    "diamond": _diamond,
    "cross": _cross,
}
