"""The colours of lists and series are told apart by everybody, in light and dark, and from the ground they are on."""

import re
from itertools import combinations

import pytest

from tests.rules.colour_vision import VISIONS, contrast, distance, lab, linear, seen
from tests.source import ROOT

# Of CIEDE2000. Areas of colour that are looked at in turn, as in a legend and a map, want about ten times what is just
# seen side by side.
_APART = 10.0
# WCAG 2.2, 1.4.11: parts of a picture against what is beside them.
_CONTRAST = 3.0
_GROUNDS = ("paper", "card", "sunk")


def schemes() -> dict[str, dict[str, str]]:
    """The named colours of the style sheet, in light and in dark."""
    sheet = (ROOT / "shared" / "web" / "pages" / "static" / "pages.css").read_text(encoding="utf-8")
    # The third is that of paper, where there are no other series.
    light, dark, _ = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    named = re.compile(r"--([\w-]+): (#[0-9a-f]{3,6});")
    found = dict(named.findall(light))
    return {"light": found, "dark": found | dict(named.findall(dark))}


def series(scheme: str) -> dict[str, str]:
    found = {name: code for name, code in schemes()[scheme].items() if name.startswith("series-")}
    assert sorted(found) == [f"series-{place}" for place in range(8)]
    return found


def too_near(colours: dict[str, str], vision: str) -> list[str]:
    """The pairs that who sees so takes for one another."""
    shown = {name: lab(seen(linear(code), VISIONS[vision])) for name, code in colours.items()}
    measured = {pair: distance(shown[pair[0]], shown[pair[1]]) for pair in combinations(shown, 2)}
    return [f"{one} and {other}: {apart:.1f}" for (one, other), apart in measured.items() if apart < _APART]


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_tells_each_series_from_each_other(scheme: str, vision: str) -> None:
    assert too_near(series(scheme), vision) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_series_stands_out_from_every_ground(scheme: str) -> None:
    grounds = {name: linear(schemes()[scheme][name]) for name in _GROUNDS}
    pale = [
        f"{name} on {ground}: {contrast(linear(code), colour):.2f}"
        for name, code in series(scheme).items()
        for ground, colour in grounds.items()
        if contrast(linear(code), colour) < _CONTRAST
    ]
    assert pale == []


def test_an_orange_and_a_yellow_of_the_same_lightness_are_one_colour_without_red() -> None:
    pair = {"orange": "#e69f00", "yellow": "#b8a900"}
    assert too_near(pair, "all colours") == []
    assert too_near(pair, "no red (protanopia)") == ["orange and yellow: 0.2"]


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        # Of the data that the authors of the formula publish to try programs with.
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_distance_is_that_of_the_published_data(
    one: tuple[float, float, float], other: tuple[float, float, float], apart: float
) -> None:
    assert distance(one, other) == pytest.approx(apart, abs=1e-4)
    assert distance(other, one) == pytest.approx(apart, abs=1e-4)
