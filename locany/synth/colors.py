"""Colours that everybody would call by the same name, and whether one stands out from another."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np

Color = tuple[int, int, int]


class _Range(NamedTuple):
    """Where a name is beyond doubt: hue in degrees (may pass 360), saturation and value in hundredths."""

    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]


_RANGES = {
    "red": _Range((353, 363), (85, 98), (74, 92)),
    "orange": _Range((24, 31), (90, 100), (94, 100)),
    "yellow": _Range((50, 56), (80, 98), (94, 100)),
    "green": _Range((115, 142), (65, 95), (45, 68)),
    "blue": _Range((212, 228), (75, 98), (72, 95)),
    "purple": _Range((272, 285), (60, 85), (52, 72)),
    "pink": _Range((326, 342), (38, 56), (95, 100)),
    "brown": _Range((18, 27), (62, 80), (36, 48)),
    "black": _Range((0, 360), (0, 20), (0, 9)),
    "white": _Range((0, 360), (0, 2), (97, 100)),
    "gray": _Range((0, 360), (0, 4), (47, 58)),
}
COLOR_NAMES = tuple(_RANGES)

CLEAR_DIFFERENCE = 28.0  # of CIE 1976: plain to see, for thin lines, too

_TO_XYZ = np.array(  # sRGB, over the white of D65
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ]
)


def draw_color(rng: np.random.Generator, name: str) -> Color:
    """A shade of a named colour."""
    hue, saturation, value = _RANGES[name]
    r, g, b = colorsys.hsv_to_rgb(
        rng.uniform(*hue) % 360 / 360, rng.uniform(*saturation) / 100, rng.uniform(*value) / 100
    )
    return round(r * 255), round(g * 255), round(b * 255)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of [..., 3] values from 0 to 255; distances there are roughly what an eye sees."""
    unit = np.asarray(rgb, np.float64) / 255
    linear = np.where(unit > 0.04045, ((unit + 0.055) / 1.055) ** 2.4, unit / 12.92)
    xyz = linear @ _TO_XYZ.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def difference(color: Color, ground: np.ndarray) -> float:
    """Least difference between a colour and any of the colours [..., 3] of a ground."""
    return float(np.sqrt(((lab(ground) - lab(np.asarray(color))) ** 2).sum(axis=-1)).min())
