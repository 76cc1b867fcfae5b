"""Colours of signs: schemes as they are common, and letters that can be read on what they stand on."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image

from locany.synth.textures import Color

_LUMA = (0.299, 0.587, 0.114)

# Body and letters, as enamel, print and paint have them.
SCHEMES: dict[str, tuple[tuple[Color, Color], ...]] = {
    "street": (
        ((22, 62, 140), (245, 245, 245)),
        ((10, 90, 60), (245, 245, 240)),
        ((248, 248, 245), (20, 20, 20)),
        ((95, 55, 30), (240, 235, 220)),
        ((15, 25, 45), (250, 250, 250)),
        ((240, 225, 150), (25, 25, 20)),
    ),
    "warning": (
        ((250, 205, 20), (15, 15, 15)),
        ((190, 20, 25), (250, 250, 250)),
        ((250, 250, 248), (185, 15, 20)),
        ((235, 110, 20), (20, 15, 10)),
        ((15, 15, 15), (250, 210, 40)),
        ((0, 105, 65), (250, 250, 250)),
    ),
    "price": (
        ((252, 222, 30), (200, 10, 20)),
        ((252, 252, 250), (25, 25, 25)),
        ((205, 15, 30), (255, 255, 250)),
        ((255, 225, 60), (20, 20, 20)),
        ((20, 20, 22), (250, 245, 230)),
        ((245, 120, 40), (255, 255, 255)),
    ),
    "shop": (
        ((30, 60, 50), (225, 200, 130)),
        ((90, 20, 30), (240, 225, 190)),
        ((20, 30, 60), (245, 240, 225)),
        ((235, 228, 210), (60, 40, 30)),
        ((245, 245, 245), (200, 20, 40)),
        ((25, 25, 27), (245, 245, 240)),
        ((240, 170, 40), (60, 25, 10)),
        ((0, 120, 130), (255, 255, 255)),
        ((150, 200, 185), (35, 55, 60)),
    ),
    "paper": (
        ((250, 249, 244), (25, 25, 28)),
        ((244, 236, 214), (60, 40, 25)),
        ((252, 252, 252), (30, 50, 120)),
        ((250, 240, 140), (40, 40, 50)),
        ((225, 240, 225), (25, 60, 40)),
        ((206, 176, 128), (45, 30, 18)),
    ),
    "plate": (
        ((248, 248, 246), (18, 18, 20)),
        ((250, 205, 50), (18, 18, 20)),
        ((20, 60, 150), (250, 250, 250)),
        ((15, 110, 70), (250, 250, 250)),
    ),
    "board": (((12, 12, 14), (255, 150, 20)), ((14, 10, 10), (250, 50, 40)), ((8, 14, 10), (90, 240, 90))),
}


def luma(color: Color) -> float:
    """Brightness from 0 to 255."""
    return sum(share * part for share, part in zip(_LUMA, color, strict=True))


def scheme(rng: np.random.Generator, kind: str, min_contrast: float) -> tuple[Color, Color]:
    """Body and letters of a sign, at least `min_contrast` luma steps apart."""
    if kind == "board" or rng.random() < 0.65:
        pairs = SCHEMES[kind]
        body, ink = pairs[int(rng.integers(len(pairs)))]
        body, ink = _near(rng, body), _near(rng, ink)
    else:
        body, ink = paint(rng), paint(rng)
    if abs(luma(body) - luma(ink)) < min_contrast:
        ink = readable(rng, luma(body), luma(body), min_contrast) or ink
    return body, ink


def paint(rng: np.random.Generator) -> Color:
    """A colour that things are painted in: seldom garish, often near white, black or grey."""
    roll = rng.random()
    if roll < 0.3:
        r, g, b = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.15), rng.uniform(0.75, 1))
    elif roll < 0.45:
        r, g, b = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.3), rng.uniform(0.05, 0.25))
    else:
        r, g, b = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.35, 0.9), rng.uniform(0.3, 0.95))
    return int(r * 255), int(g * 255), int(b * 255)


def readable(rng: np.random.Generator, low: float, high: float, min_contrast: float) -> Color | None:
    """A colour `min_contrast` darker than `low` or brighter than `high`, or None where there is no room."""
    for _ in range(6):
        color = paint(rng)
        if luma(color) <= low - min_contrast or luma(color) >= high + min_contrast:
            return color
    dark, light = low - min_contrast, 255 - high - min_contrast
    if max(dark, light) < 0:
        return None
    level = int(rng.uniform(0, dark)) if dark > light else 255 - int(rng.uniform(0, light))
    return level, level, level


def luma_range(image: Image.Image, box: tuple[int, int, int, int]) -> tuple[float, float]:
    """Brightness of the darkest and the brightest twentieth of a part of an image."""
    counts = np.cumsum(image.crop(box).convert("L").histogram())
    ranks = np.searchsorted(counts, (counts[-1] * 0.05, counts[-1] * 0.95))
    return float(ranks[0]), float(ranks[1])


# Hues from and to, of colours that everyone calls so, and of those that someone might.
_CLEAR_HUES = (
    (0.97, 1.0, "red"),
    (0.0, 0.025, "red"),
    (0.06, 0.1, "orange"),
    (0.13, 0.17, "yellow"),
    (0.25, 0.45, "green"),
    (0.55, 0.68, "blue"),
    (0.74, 0.82, "purple"),
)
_WIDE_HUES = (
    (0.92, 1.0, "red"),
    (0.0, 0.05, "red"),
    (0.02, 0.13, "orange"),
    (0.1, 0.2, "yellow"),
    (0.18, 0.52, "green"),
    (0.48, 0.74, "blue"),
    (0.68, 0.93, "purple"),
)
_VIVID = {"red": 0.55, "orange": 0.7, "yellow": 0.7}  # least value; less is brown or olive, pale is salmon


def color_name(color: Color) -> str | None:
    """What anyone would call a colour, or None where two names would do."""
    h, s, v = colorsys.rgb_to_hsv(*(part / 255 for part in color))
    if v < 0.16:
        return "black"
    if s < 0.05 and v > 0.9:
        return "white"
    if s < 0.1:
        return "gray" if 0.3 < v < 0.75 else None
    if s < 0.4 or v < 0.3:
        return None
    for low, high, name in _CLEAR_HUES:
        if low <= h <= high:
            return name if name not in _VIVID or (v > _VIVID[name] and s >= 0.6) else None
    return None


def possible_names(color: Color) -> frozenset[str]:
    """All that someone might call a colour."""
    h, s, v = colorsys.rgb_to_hsv(*(part / 255 for part in color))
    found = {name for low, high, name in _WIDE_HUES if low <= h <= high and s >= 0.1 and v >= 0.15}
    plain = (("white", v > 0.7), ("gray", 0.2 < v < 0.9), ("black", v < 0.35))
    return frozenset(found | {name for name, fits in plain if fits and (s < 0.3 or name == "black")})


def _near(rng: np.random.Generator, color: Color) -> Color:
    r, g, b = (
        min(255, max(0, part + by)) for part, by in zip(color, rng.integers(-12, 13, 3).tolist(), strict=True)
    )
    return r, g, b
