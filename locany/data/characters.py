"""Which character stands where: the part of the dense truth that teaches to read.

A visual token's cell is cut into slots, about as wide as a letter of small print. Each slot is labelled with
the character at its centre, in lower case. Where a character lies inside its word is estimated from usual
widths of letters: engines know words exactly, single letters only roughly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locany.data.sample import Target

SLOTS_XY = (4, 2)  # of a cell: 7 x 14 pixels each where a visual token covers 28 x 28
NUM_SLOTS = SLOTS_XY[0] * SLOTS_XY[1]
BLANK, OTHER = 0, 1  # no character here; one that is not in the list
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,:;-/'\"&()@%$€£+?!#"
NUM_CLASSES = 2 + len(ALPHABET)
NOT_KNOWN = -1

_CLASS = {character: 2 + number for number, character in enumerate(ALPHABET)}
_WIDTH = {
    **dict.fromkeys("iljI.,:;'|!", 0.5),
    **dict.fromkeys('ftr()-/" ', 0.65),
    **dict.fromkeys("mwMW@%", 1.5),
    **dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ&", 1.25),
}


def class_of(character: str) -> int:
    """The class of a character, whatever its case; a blank is `BLANK`."""
    return BLANK if character.isspace() else _CLASS.get(character.lower(), OTHER)


def cell_characters(
    texts: Sequence[Target], size_wh: tuple[int, int], grid_hw: tuple[int, int], merge_size: int
) -> np.ndarray:
    """[visual tokens, slots] int64 classes; slots of a cell row by row.

    Args:
        texts: words and lines that are known to be in the image; where they overlap, later ones count.
        size_wh: of the image that their boxes refer to.
        grid_hw: rows and columns of patches.
        merge_size: patches per side of a visual token.
    """
    rows, columns = grid_hw[0] // merge_size, grid_hw[1] // merge_size
    height, width = rows * SLOTS_XY[1], columns * SLOTS_XY[0]
    classes = np.full((height, width), BLANK, np.int64)
    scale = np.asarray([width / size_wh[0], height / size_wh[1]])
    for target in texts:
        if not target.text or target.xyxy is None:
            continue
        widths = np.cumsum([_WIDTH.get(character, 1.0) for character in target.text])
        of_text = np.asarray([class_of(character) for character in target.text], np.int64)
        parts = _parallelograms(target)
        for number, part in enumerate(parts):
            corners = part * scale  # in slots
            low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
            high = np.minimum(np.ceil(corners.max(axis=0)).astype(int), (width, height))
            if (low >= high).any():
                continue
            y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
            along, across = _inside(corners, x, y)
            held = (along >= 0) & (along < 1) & (across >= 0) & (across < 1)
            share = (number + along[held]) / len(parts)
            place = np.searchsorted(widths / widths[-1], share, side="right").clip(max=len(widths) - 1)
            classes[low[1] : high[1], low[0] : high[0]][held] = of_text[place]
    cells = classes.reshape(rows, SLOTS_XY[1], columns, SLOTS_XY[0])
    return cells.transpose(0, 2, 1, 3).reshape(rows * columns, NUM_SLOTS)


def _parallelograms(target: Target) -> list[np.ndarray]:
    """[4, 2] each: upper left, upper right, lower right, lower left, as the text is read; one if straight."""
    assert target.xyxy is not None
    x0, y0, x1, y1 = target.xyxy
    outline = target.polygon if len(target.polygon) >= 4 else ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    half = len(outline) // 2  # along the upper edge, and back along the lower one
    upper, lower = outline[:half], outline[: -half - 1 : -1]
    return [np.asarray([upper[k], upper[k + 1], lower[k + 1], lower[k]], np.float64) for k in range(half - 1)]


def _inside(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the way along the line and across it, taking the text for a parallelogram."""
    origin = corners[0]
    right = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    down = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    determinant = right[0] * down[1] - right[1] * down[0]
    if abs(determinant) < 1e-9:
        return np.full(x.shape, -1.0), np.full(x.shape, -1.0)
    dx, dy = x - origin[0], y - origin[1]
    return (dx * down[1] - dy * down[0]) / determinant, (dy * right[0] - dx * right[1]) / determinant
