"""One thing as it was put into the image: its truth and the coverage that the truth was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from locany.data.sample import Target
from locany.synth.assets import VISIBLE_ALPHA
from locany.synth.ground import Box


@dataclass(frozen=True)
class Layer:
    """An object of an image; later ones lie over earlier ones.

    Attributes:
        target: name, box and attributes. The box is that of the whole visible outline, also of the part that
            later objects cover (at most `max_overlap` of the box).
        mask: coverage, mode L, 0 to 255.
        at: where its top left corner lies, (x, y) in pixels.
        synonyms: other names of it.
    """

    target: Target
    mask: Image.Image
    at: tuple[int, int]
    synonyms: tuple[str, ...] = ()


def visible_box(alpha: np.ndarray) -> Box | None:
    """The tight box of the visible part of a coverage map [height, width] uint8."""
    visible = alpha >= VISIBLE_ALPHA
    xs, ys = np.flatnonzero(visible.any(axis=0)), np.flatnonzero(visible.any(axis=1))
    if not len(xs):
        return None
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def target_at(label: str, box: Box, attributes: Mapping[str, Any]) -> Target:
    """The target of a box in whole pixels."""
    x0, y0, x1, y1 = box
    return Target(label, (float(x0), float(y0), float(x1), float(y1)), attributes=dict(attributes))
