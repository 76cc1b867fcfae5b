"""Masks as COCO run lengths, asked point by point without painting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from locany.errors import DataError

Rle = Mapping[str, Any]


def read_counts(counts: str | bytes | Sequence[int]) -> list[int]:
    """Lengths of the runs outside, inside, outside ..., column by column from the upper left.

    Args:
        counts: COCO's compressed text, or the lengths themselves. In the text each length is written in
            groups of five bits, lowest first, as characters from "0" on; a sixth bit says that more groups
            follow. From the fourth length on what is written is the difference from the length two before.

    Raises:
        DataError: the text ends within a length or has other characters.
    """
    if not isinstance(counts, (str, bytes)):
        return [int(length) for length in counts]
    codes = counts.encode("utf-8") if isinstance(counts, str) else counts
    lengths: list[int] = []
    value = shift = 0
    for code in codes:
        group = code - 48
        if not 0 <= group < 64:
            raise DataError(f"run lengths have the characters '0' to 'o', got {chr(code)!r} in {counts!r}")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    if shift:
        raise DataError(f"run lengths end within a number: {counts!r}; the file is cut or damaged")
    return lengths


def check_rle(rle: Rle) -> None:
    """Raise DataError where run lengths do not add up to the mask's size [height, width]."""
    if not isinstance(rle, Mapping) or not {"counts", "size"} <= set(rle):
        raise DataError(f'a mask is {{"counts": ..., "size": [height, width]}}, got {rle!r}')
    height, width = rle["size"]
    lengths = read_counts(rle["counts"])
    if min(lengths, default=0) < 0 or sum(lengths) != height * width:
        raise DataError(
            f"run lengths cover {sum(lengths)} pixels and the mask has {height} x {width}; "
            "the annotation is damaged"
        )


def cells_in_mask(xy: ArrayLike, rle: Rle) -> np.ndarray:
    """Whether each pixel cell (x, y) of `xy` [P, 2], int, is in the image and in the mask; [P] bool.

    Raises:
        DataError: as `check_rle`.
    """
    check_rle(rle)
    height, width = rle["size"]
    x, y = np.asarray(xy, dtype=np.int64).reshape(-1, 2).T
    ends = np.cumsum(read_counts(rle["counts"]))
    run = np.searchsorted(ends, x * height + y, side="right")
    return (x >= 0) & (x < width) & (y >= 0) & (y < height) & (run % 2 == 1)
