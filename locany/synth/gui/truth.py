"""What a shown page really looks like: where elements and lines of text are, and what covers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locany.synth.browser import Browser
from locany.synth.gui.html import Element
from locany.synth.gui.resources import resource

Box = tuple[float, float, float, float]

MIN_SIDE = 3.0  # image pixels; less is nothing to point at
_MOSTLY = 0.7  # share that must be seen of something to be asked for
_RING = 3  # image pixels around a box that tell whether its ground is its own
_NEUTRAL = ("white", "black", "grey")
_GLIMPSE = 0.05  # share from which on something may be mistaken for what is asked


@dataclass(frozen=True)
class Thing:
    """An element in the picture.

    Attributes:
        element: what it is.
        xyxy: its visible part, in pixels of the image.
        point: where a click hits it, in pixels of the image.
        color: name of its colour, or empty where there is no single one.
        clear: whether it is seen well enough to be asked for; if not, it only counts against others.
    """

    element: Element
    xyxy: Box
    point: tuple[float, float]
    color: str
    clear: bool


@dataclass(frozen=True)
class Line:
    """A line of text: its box in pixels of the image, and whether all of it can be read."""

    text: str
    xyxy: Box
    clear: bool


@dataclass(frozen=True)
class Truth:
    """All that is known of a picture."""

    things: tuple[Thing, ...]
    lines: tuple[Line, ...]


def read_truth(
    browser: Browser, elements: Sequence[Element], size_wh: tuple[int, int], scale: float
) -> tuple[Truth, np.ndarray]:
    """Read the truth of the page that is shown, and take its picture.

    Args:
        browser: shows the page.
        elements: what was marked, by id.
        size_wh: the viewport in CSS pixels.
        scale: image pixels per CSS pixel.
    """
    facts = browser.evaluate(resource("truth.js"))
    pixels = browser.screenshot()
    height, width = pixels.shape[:2]
    modal = any(element.over and "dialog" in element.regions for element in elements)
    things = []
    for fact in facts["elements"]:
        element = elements[fact["id"]]
        box = _in_image(fact["box"], scale, width, height)
        large = min(box[2] - box[0], box[3] - box[1]) >= MIN_SIDE
        seen = fact["seen"] * fact["share"]
        if seen < _GLIMPSE and not (modal and fact["share"] > _GLIMPSE):
            continue
        clear = large and fact["point"] is not None and seen >= _MOSTLY and fact["seen"] >= 0.85
        x, y = fact["point"] or ((fact["box"][0] + fact["box"][2]) / 2, (fact["box"][1] + fact["box"][3]) / 2)
        color = _color(pixels, box, bool(element.icon) and not element.label) if clear else ""
        things.append(Thing(element, box, (_round(x * scale), _round(y * scale)), color, clear))
    lines = []
    for text, x0, y0, x1, y1, seen in facts["lines"]:
        if not any(c.isalnum() for c in text):  # an emoji or a row of stars: a picture
            continue
        box = _in_image((x0, y0, x1, y1), scale, width, height)
        large = min(box[2] - box[0], box[3] - box[1]) >= MIN_SIDE
        lines.append(Line(text, box, large and seen >= 0.97))
    return Truth(tuple(things), tuple(lines)), pixels


def _in_image(box: Sequence[float], scale: float, width: int, height: int) -> Box:
    x0, y0, x1, y1 = (_round(v * scale) for v in box)
    return max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)


def _round(value: float) -> float:
    return round(value * 4) / 4  # quarters of a pixel: exact in JSON, finer than any answer


def _color(pixels: np.ndarray, box: Box, icon: bool) -> str:
    """The name of the colour that fills most of a box; of what lies on plain ground or has none, its own."""
    x0, y0, x1, y1 = (int(v) for v in box)
    inner = pixels[y0 : y1 + 1, x0 : x1 + 1]
    if inner.size == 0:
        return ""
    patch = inner[:: max(1, inner.shape[0] // 24), :: max(1, inner.shape[1] // 24)].reshape(-1, 3).astype(int)
    ground = np.median(patch, axis=0)
    alike = (np.abs(patch - ground).max(axis=1) < 24).mean()
    if alike < 0.45:
        return ""
    name = color_name(ground)
    behind = _is_behind(pixels, (x0, y0, x1, y1), ground)
    if not behind and not (icon and name in _NEUTRAL):
        return name
    apart = patch[np.abs(patch - ground).max(axis=1) > 90]
    own = np.median(apart, axis=0) if len(apart) >= 6 else None
    if own is None or (behind and (np.abs(apart - own).max(axis=1) < 60).mean() < 0.5):
        return name if behind and not icon and name in _NEUTRAL else ""
    return color_name(own)


def _is_behind(pixels: np.ndarray, corners: tuple[int, int, int, int], ground: np.ndarray) -> bool:
    """Whether the ground of a box goes on around it: then it is that of what lies behind."""
    x0, y0, x1, y1 = corners
    left, top = max(0, x0 - _RING), max(0, y0 - _RING)
    around = pixels[top : y1 + 1 + _RING, left : x1 + 1 + _RING].astype(int)
    outside = np.ones(around.shape[:2], bool)
    # A pixel more on each side is left out: edges lie between pixels.
    outside[max(0, y0 - 1 - top) : y1 + 2 - top, max(0, x0 - 1 - left) : x1 + 2 - left] = False
    ring = around[outside]
    return len(ring) > 0 and bool((np.abs(ring - ground).max(axis=1) < 14).mean() > 0.6)


def color_name(rgb: np.ndarray) -> str:
    """The plain word for a colour; empty between two words."""
    red, green, blue = (float(v) / 255 for v in rgb)
    high, low = max(red, green, blue), min(red, green, blue)
    light, chroma = (high + low) / 2, high - low
    if chroma < 0.07:
        return "black" if light < 0.16 else "white" if light > 0.93 else "grey" if 0.3 < light < 0.8 else ""
    if chroma < 0.28 or not 0.16 < light < 0.86:
        return ""
    if high == red:
        hue = ((green - blue) / chroma * 60) % 360
    elif high == green:
        hue = (blue - red) / chroma * 60 + 120
    else:
        hue = (red - green) / chroma * 60 + 240
    for name, start, end in _HUES:
        if start <= hue <= end:
            return name if light >= 0.45 or name not in _LIGHT else ""
    return ""


_LIGHT = frozenset({"orange", "yellow", "pink"})  # when dark, they are brown, olive and wine red to people
# Gaps between the ranges: where people disagree.
_HUES = (
    ("red", 0, 9),
    ("orange", 20, 40),
    ("yellow", 47, 63),
    ("green", 85, 158),
    ("blue", 198, 246),
    ("purple", 260, 288),
    ("pink", 305, 338),
    ("red", 349, 360),
)
