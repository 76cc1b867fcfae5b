"""Labels on pictures of results: their colours, their words, their places."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

import numpy as np

# Okabe and Ito's palette for colour-blind readers, then colours close to Paul Tol's "muted" scheme.
PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
    "#f0e442", "#5b4fc4", "#44aa99", "#a02c6b", "#999933", "#aa4499",
)  # fmt: skip


def label_colors(labels: Iterable[str]) -> dict[str, str]:
    """A colour, '#rrggbb', for each distinct label.

    A label's colour comes from its text, so it is the same in every picture. When two labels of one
    picture want the same colour, the later one takes the next free; beyond 12 labels colours repeat.
    """
    colors: dict[str, str] = {}
    for label in labels:
        if label not in colors:
            start = zlib.crc32(label.encode("utf-8", "replace"))
            wanted = [PALETTE[(start + i) % len(PALETTE)] for i in range(len(PALETTE))]
            taken = set(colors.values())
            colors[label] = next((color for color in wanted if color not in taken), wanted[0])
    return colors


def text_color(background: str) -> str:
    """Black or white, whichever reads better on '#rrggbb' (by the WCAG contrast ratio)."""
    channels = [int(background[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def fitting_line(text: str, score: str, room: float, width_of: Callable[[str], float]) -> str:
    """Text and score as one line, the text shortened to a width of `room`; the score always stays whole."""

    def line(num_chars: int) -> str:
        shown = text if num_chars >= len(text) else text[:num_chars].rstrip() + "…"
        return f"{shown}  {score}".strip()  # two blanks: in small print one is easily overlooked

    # The most characters that fit, by bisection: a phrase may have thousands.
    fits, too_many = 0, len(text) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        fits, too_many = (middle, too_many) if width_of(line(middle)) <= room else (fits, middle)
    return line(fits)


def place_tag(
    frames: np.ndarray,
    index: int,
    is_point: bool,
    taken: np.ndarray,
    tag_wh: tuple[int, int],
    size_wh: tuple[int, int],
) -> np.ndarray:
    """Where the tag of frame `index` goes, (x0, y0, x1, y1): the place that hides least.

    Places are tried in the order in which readers expect them, all moved inside the image. Covering another
    tag is worst, then hiding a large part of some detection, then an unusual place.
    """
    (left, top, right, bottom), (w, h) = frames[index], tag_wh
    if is_point:
        y = (top + bottom - h) / 2
        corners = [(right, y), (left - w, y), (left, top - h), (left, bottom)]
    else:
        corners = [(left, top - h), (left, top), (left, bottom), (right - w, top - h)]
        corners += [(right - w, bottom), (left, bottom - h), (right - w, top), (right, top), (left - w, top)]
    limit = np.maximum(np.subtract(size_wh, tag_wh), 0)
    first = np.clip(np.round(corners), 0, limit)
    places = np.concatenate([first, first + tag_wh], axis=1)

    tag_area = w * h
    on_tags = _overlap(places, taken).sum(axis=1) / tag_area
    on_tags += 0.2 * (on_tags > 0)  # even a touch makes a letter hard to read
    areas = np.maximum(np.prod(frames[:, 2:] - frames[:, :2], axis=1), 1.0)
    hidden = (_overlap(places, frames) / areas).sum(axis=1)  # as parts of the detections
    return places[np.argmin(3 * on_tags + hidden + 0.03 * np.arange(len(places)))]


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Common area of every box of `a` [N, 4] and `b` [M, 4], [N, M] square pixels."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return np.prod(np.maximum(sides, 0), axis=-1)
