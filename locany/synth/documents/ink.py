"""Where ink is: the extent of drawn pixels inside a window of a rendered page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Box = tuple[float, float, float, float]

_COVERAGE = 0.2  # of the way from the ground's tone to the text's: fainter edges are not seen
_AIR = 1  # pixels around the ink of a word
_SLACK_X, _SLACK_Y = 0.5, 1.2  # pixels that glyphs may lie outside the place that the font's measures give
_DIFFERENT = 20  # levels of 255 in any channel between a drawing and the ground around it
_NUMBER = re.compile(r"[\d.]+")


class Looks:
    """Colours and sizes of the texts of one page, numbered as in its facts."""

    def __init__(self, looks: Sequence[Mapping[str, Any]]):
        self._sizes = [float(look["size"]) for look in looks]
        self._tones = [self._pair(look) for look in looks]

    @staticmethod
    def gray(pixels: np.ndarray) -> np.ndarray:
        """[height, width] uint8: one tone per pixel; green lies nearest to what is seen as light and dark."""
        return np.ascontiguousarray(pixels[..., 1])

    def tones(self, look: int) -> tuple[int, int] | None:
        """Tone of the text and of the ground under it, or None where they are unknown or alike."""
        return self._tones[look]

    def size(self, look: int) -> float:
        """Font size in CSS pixels."""
        return self._sizes[look]

    @staticmethod
    def _pair(look: Mapping[str, Any]) -> tuple[int, int] | None:
        if not look["ground"]:
            return None
        text, ground = color_of(look["color"])[1], color_of(look["ground"])[1]
        return (text, ground) if abs(text - ground) >= 40 else None


def color_of(css: str) -> tuple[int, int, int]:
    """A computed colour, "rgb(r, g, b)"."""
    red, green, blue = (round(float(part)) for part in _NUMBER.findall(css)[:3])
    return red, green, blue


def ink_extent(gray: np.ndarray, place: Sequence[float], tones: tuple[int, int] | None) -> Box:
    """The box of a word's ink, with air, inside the image.

    Args:
        gray: [height, width] uint8.
        place: where the font's measures put the ink, in pixels.
        tones: of text and ground; None to trust the measures.
    """
    height, width = gray.shape
    x0, y0 = max(0, int(place[0] - _SLACK_X)), max(0, int(place[1] - _SLACK_Y))
    x1, y1 = min(width, int(place[2] + _SLACK_X) + 1), min(height, int(place[3] + _SLACK_Y) + 1)
    if tones is not None:
        text, ground = tones
        limit = ground + _COVERAGE * (text - ground)
        window = gray[y0:y1, x0:x1]
        ink = window <= limit if text < ground else window >= limit
        columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.any(axis=1))
        if len(columns):
            left, right = x0 + int(columns[0]), x0 + int(columns[-1]) + 1
            top, bottom = y0 + int(rows[0]), y0 + int(rows[-1]) + 1
            return (
                float(max(0, left - _AIR)),
                float(max(0, top - _AIR)),
                float(min(width, right + _AIR)),
                float(min(height, bottom + _AIR)),
            )
    return (
        max(0.0, place[0] - _AIR),
        max(0.0, place[1] - _AIR),
        min(float(width), place[2] + _AIR),
        min(float(height), place[3] + _AIR),
    )


def drawn_extent(pixels: np.ndarray, area: Sequence[float], ground: str) -> Box | None:
    """The box of everything inside an area that differs from the ground around it, or None.

    Args:
        pixels: [height, width, 3] uint8.
        area: in pixels.
        ground: the colour around it; empty if it is not one colour: then the area itself is returned.
    """
    height, width = pixels.shape[:2]
    x0, y0 = max(0, int(area[0])), max(0, int(area[1]))
    x1, y1 = min(width, -int(-area[2] // 1)), min(height, -int(-area[3] // 1))
    if x1 <= x0 or y1 <= y0:
        return None
    if not ground:
        return float(x0), float(y0), float(x1), float(y1)
    window = pixels[y0:y1, x0:x1]
    color = np.array(color_of(ground), np.uint8)
    # The distance without a sign in unsigned bytes: the larger minus the smaller.
    drawn = ((np.maximum(window, color) - np.minimum(window, color)) > _DIFFERENT).any(axis=2)
    columns, rows = np.flatnonzero(drawn.any(axis=0)), np.flatnonzero(drawn.any(axis=1))
    if not len(columns):
        return None
    return (
        float(x0 + columns[0]),
        float(y0 + rows[0]),
        float(x0 + columns[-1] + 1),
        float(y0 + rows[-1] + 1),
    )
