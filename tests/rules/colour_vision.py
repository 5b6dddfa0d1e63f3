"""How colours look to who sees no red, no green or no blue, and how far apart two of them are."""

import math
from collections.abc import Sequence

Colour = tuple[float, float, float]
Matrix = tuple[Colour, Colour, Colour]

# Machado, Oliveira and Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency (IEEE
# Transactions on Visualization and Computer Graphics 15, 2009), severity 1.0; for linear red, green and blue.
VISIONS: dict[str, Matrix] = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red (protanopia)": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green (deuteranopia)": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue (tritanopia)": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# IEC 61966-2-1: sRGB to CIE 1931 XYZ, and the white of D65 in it.
_TO_XYZ: Matrix = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_WHITE: Colour = (0.95047, 1.0, 1.08883)


def linear(code: str) -> Colour:
    """A colour of a style sheet, ``#1d4a80`` or ``#fff``, as linear red, green and blue from 0 to 1."""
    digits = code.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    shares = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return red, green, blue


def seen(colour: Colour, vision: Matrix) -> Colour:
    """The linear colour that somebody with all colours sees in the place of what others see."""
    red, green, blue = (min(1.0, max(0.0, one)) for one in _product(vision, colour))
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.2, relative luminance and contrast ratio of two linear colours: from 1 to 21."""
    dark, light = sorted(_product(_TO_XYZ, colour)[1] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: Colour) -> Colour:
    """A linear colour in CIE 1976 L*a*b*."""
    x, y, z = (_root(value / white) for value, white in zip(_product(_TO_XYZ, colour), _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: Colour, other: Colour) -> float:
    """CIEDE2000 of two colours in L*a*b*, with the weights of 1; about 1 is the least that is seen side by side.

    Steps and names of Sharma, Wu and Dalal: The CIEDE2000 Color-Difference Formula (Color Research and Application 30,
    2005).
    """
    (l_1, a_1, b_1), (l_2, a_2, b_2) = one, other
    g = 0.5 * (1 - _saturation((math.hypot(a_1, b_1) + math.hypot(a_2, b_2)) / 2))
    a_1, a_2 = a_1 * (1 + g), a_2 * (1 + g)
    c_1, c_2 = math.hypot(a_1, b_1), math.hypot(a_2, b_2)
    h_1, h_2 = math.degrees(math.atan2(b_1, a_1)) % 360, math.degrees(math.atan2(b_2, a_2)) % 360
    grey = c_1 * c_2 == 0
    turn = 0.0 if grey else (h_2 - h_1 + 180) % 360 - 180
    h = h_1 + h_2 if grey else (h_1 + turn / 2) % 360
    light, c = (l_1 + l_2) / 2, (c_1 + c_2) / 2
    t = 1 - 0.17 * _cos(h - 30) + 0.24 * _cos(2 * h) + 0.32 * _cos(3 * h + 6) - 0.2 * _cos(4 * h - 63)
    of_lightness = (l_2 - l_1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    of_chroma = (c_2 - c_1) / (1 + 0.045 * c)
    of_hue = 2 * math.sqrt(c_1 * c_2) * math.sin(math.radians(turn / 2)) / (1 + 0.015 * c * t)
    rotation = -2 * _saturation(c) * math.sin(math.radians(60 * math.exp(-(((h - 275) / 25) ** 2))))
    return math.sqrt(of_lightness**2 + of_chroma**2 + of_hue**2 + rotation * of_chroma * of_hue)


def _product(matrix: Matrix, colour: Sequence[float]) -> list[float]:
    return [sum(factor * value for factor, value in zip(row, colour, strict=True)) for row in matrix]


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116


def _saturation(chroma: float) -> float:
    return math.sqrt(chroma**7 / (chroma**7 + 25**7))


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))
