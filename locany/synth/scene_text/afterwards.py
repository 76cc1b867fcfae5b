"""Signs in the finished picture: what their colours are called there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from locany.synth.scene_text.colors import color_name, possible_names
from locany.synth.scene_text.stage import Sign, Written


def as_seen(image: Image.Image, words: Sequence[Written], signs: Sequence[Sign]) -> tuple[Sign, ...]:
    """Signs with the names of their colours in the finished image: light and lens change what was painted."""
    pixels = np.asarray(image)
    found = []
    for i, sign in enumerate(signs):
        if sign.body_color == "":
            found.append(sign)
            continue
        around = np.concatenate([_around(pixels, word) for word in words if word.sign == i])
        red, green, blue = np.median(around, axis=0).astype(int).tolist() if len(around) else (0, 0, 0)
        color = (red, green, blue)
        name = sign.body_color if len(around) and color_name(color) == sign.body_color else None
        found.append(replace(sign, body_color=name, may_be=possible_names(color)))
    return tuple(found)


def _around(pixels: np.ndarray, word: Written) -> np.ndarray:
    """[N, 3] of the pixels between and beside the letters of a word."""
    x0, y0, x1, y1 = (round(edge) for edge in word.xyxy)
    dx, dy = word.region[:2]
    bare = np.asarray(word.alpha)[y0 - dy : y1 - dy, x0 - dx : x1 - dx] == 0
    return pixels[y0:y1, x0:x1][bare]
