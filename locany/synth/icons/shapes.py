"""Plain geometric shapes, filled."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

_FINER = 4  # drawn so many times larger, then averaged: smooth edges


def _regular(corners: int, *, inner: float = 1.0, turn: float = 0.0) -> list[tuple[float, float]]:
    """Corners on a circle, every second one on a smaller one; the first on top, but for a turn in steps."""
    angles = (np.arange(corners) + turn) * 2 * np.pi / corners - np.pi / 2
    radius = np.where(np.arange(corners) % 2, inner, 1.0)
    return [
        (float(x), float(y)) for x, y in zip(radius * np.cos(angles), radius * np.sin(angles), strict=True)
    ]


_POLYGONS = {
    "triangle": _regular(3),
    "square": [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)],
    "rectangle": [(-1.0, -0.55), (1.0, -0.55), (1.0, 0.55), (-1.0, 0.55)],
    "rhombus": [(0.0, -1.0), (0.66, 0.0), (0.0, 1.0), (-0.66, 0.0)],
    "pentagon": _regular(5),
    "hexagon": _regular(6, turn=0.5),
    "star": _regular(10, inner=0.4),
}
_ELLIPSES = {"circle": (1.0, 1.0, 0.0), "oval": (1.0, 0.6, 0.0), "ring": (1.0, 1.0, 0.62)}  # radii, hole

SHAPE_NAMES = (*_ELLIPSES, *_POLYGONS)
SHAPE_SYNONYMS = {"circle": ("disc",), "oval": ("ellipse",), "rhombus": ("diamond shape",)}


@lru_cache(maxsize=256)
def shape_mask(name: str, side: int) -> Image.Image:
    """Coverage of a shape, mode L, its longer side about `side` pixels; callers do not change it."""
    big = side * _FINER
    image = Image.new("L", (big, big))
    draw = ImageDraw.Draw(image)
    middle, scale = (big - 1) / 2, (big - 1) / 2
    if name in _ELLIPSES:
        rx, ry, hole = _ELLIPSES[name]
        draw.ellipse(_around(middle, rx * scale, ry * scale), fill=255)
        if hole:
            draw.ellipse(_around(middle, hole * scale, hole * scale), fill=0)
    else:
        draw.polygon([(middle + x * scale, middle + y * scale) for x, y in _POLYGONS[name]], fill=255)
    small = image.resize((side, side), Image.Resampling.BOX)
    box = small.getbbox()
    assert box is not None, "a shape has a surface"
    return small.crop(box)


def _around(middle: float, rx: float, ry: float) -> tuple[float, float, float, float]:
    return middle - rx, middle - ry, middle + rx, middle + ry
