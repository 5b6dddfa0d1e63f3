"""Where places stand on a map that is drawn from their coordinates alone, and how large each is."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, radians, sqrt

WIDTH = 720
"""The map is at most so wide, and at most as high, in units of its own."""

_LARGEST, _SMALLEST = 22.0, 4.5
_EDGE = _LARGEST + 4


@dataclass(frozen=True, slots=True)
class Spot:
    """A place to be drawn: degrees north and east (WGS 84), and how many voters it has."""

    latitude: float
    longitude: float
    voters: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A circle on the map; its area goes by the voters, but one that could not be seen is larger."""

    key: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Map:
    """A map with its symbols, the largest first, so that no small one is hidden under a large one."""

    width: int
    height: int
    symbols: tuple[Symbol, ...]


def map_of(spots: Mapping[str, Spot]) -> Map:
    """Lay the places out by their keys; north is up, and a degree east is shortened as it is at their middle."""
    if not spots:
        return Map(0, 0, ())
    north = max(spot.latitude for spot in spots.values())
    south = min(spot.latitude for spot in spots.values())
    shortened = cos(radians((north + south) / 2))
    west = min(spot.longitude for spot in spots.values()) * shortened
    east = max(spot.longitude for spot in spots.values()) * shortened
    room = WIDTH - 2 * _EDGE
    # Where all are at one spot, any scale will do.
    scale = room / (max(north - south, east - west) or 1.0)
    most = max(spot.voters for spot in spots.values()) or 1
    symbols = [
        Symbol(
            key,
            round(_EDGE + (spot.longitude * shortened - west) * scale, 1),
            round(_EDGE + (north - spot.latitude) * scale, 1),
            round(max(_SMALLEST, _LARGEST * sqrt(max(spot.voters, 0) / most)), 1),
        )
        for key, spot in spots.items()
    ]
    symbols.sort(key=lambda symbol: (-symbol.radius, symbol.key))
    width, height = round(2 * _EDGE + (east - west) * scale), round(2 * _EDGE + (north - south) * scale)
    return Map(width, height, tuple(symbols))
