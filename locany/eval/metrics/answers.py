"""The published scripts' reading of an answer's text, and their splitting of category names.

Only for text of other models and for comparisons with the published scripts: our own answers are read by
`locany.codec.answer`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from locany.eval.example import Place

_RUN = re.compile(r"<ref>([^<]+)</ref>((?:<box>.*?</box>)+)")
_NUMBER = r"\s*<\s*([0-9]+(?:\.[0-9]+)?)\s*>\s*"
_BOX = re.compile(rf"<box>{_NUMBER * 4}</box>")
_POINT = re.compile(rf"<box>{_NUMBER * 2}</box>")
_LARGEST = 10000.0  # a number beyond it makes the whole box void


def parse_answer(text: str, size_wh: tuple[float, float], *, points: bool = True) -> dict[str, list[Place]]:
    """Places by name in an answer of LocateAnything, as the published scripts read them.

    A name counts when boxes follow it directly on the same line. Numbers are thousandths of the image,
    clamped to 0 .. size - 1; corners are put in order; the points of a name come before its boxes. What
    cannot be read vanishes, and a name of which nothing is left is not there.

    Args:
        text: the answer.
        size_wh: (width, height) of the image, pixels.
        points: whether 2 numbers are a point; the published detection script reads boxes alone.

    Returns:
        (x, y) or (x0, y0, x1, y1) in pixels.
    """
    found: dict[str, list[Place]] = {}
    for name, run in _RUN.findall(text):
        places: list[Place] = []
        for pattern in (_POINT, _BOX) if points else (_BOX,):
            for numbers in pattern.findall(run):
                values = [float(number) for number in numbers]
                if max(values) <= _LARGEST:
                    places.append(_to_pixels(values, size_wh))
        if places:
            found.setdefault(name, []).extend(places)
    return found


def split_categories(categories: Sequence[str]) -> list[str]:
    """The published grounding script's names: split at commas, each once."""
    parts = (part.strip() for name in categories for part in name.split(","))
    return list(dict.fromkeys(part for part in parts if part))


def _to_pixels(values: Sequence[float], size_wh: tuple[float, float]) -> Place:
    pixels = [min(max(v / 1000 * size_wh[i % 2], 0.0), size_wh[i % 2] - 1) for i, v in enumerate(values)]
    if len(pixels) == 2:
        return tuple(pixels)
    (x0, x1), (y0, y1) = sorted(pixels[0::2]), sorted(pixels[1::2])
    return (x0, y0, x1, y1)
