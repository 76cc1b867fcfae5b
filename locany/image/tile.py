"""Parts of an image: a grid of overlapping tiles, any window cut out, and the way back.

A window is (x0, y0, x1, y1) in whole pixels of the user's upright image, x1 and y1 exclusive. What is found
in a window comes back to the image by adding (x0, y0): bins count along the window's own sides, whatever size
it was shown at.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from locany import geometry
from locany.errors import RequestError
from locany.image.config import PreprocessConfig
from locany.image.patchify import can_be_seen
from locany.image.resize import check_pixels

Window: TypeAlias = tuple[int, int, int, int]

MAX_GRID = 64  # tiles along a side


def whole(size_wh: tuple[int, int]) -> Window:
    """The window that is the image itself."""
    return (0, 0, int(size_wh[0]), int(size_wh[1]))


def window_size(window: Window) -> tuple[int, int]:
    """(width, height) of a window, pixels."""
    return window[2] - window[0], window[3] - window[1]


def unshrunk_side(config: PreprocessConfig) -> int:
    """Side of the largest square that the encoder sees without shrinking it, pixels; whole visual tokens."""
    tokens = math.isqrt(config.in_token_limit) // config.merge_size
    return max(tokens, 1) * config.cell_size


def auto_grid(size_wh: tuple[int, int], overlap: float, config: PreprocessConfig) -> tuple[int, int]:
    """(columns, rows) of the fewest tiles that are all seen without shrinking; (1, 1) where the image is.

    At most `MAX_GRID` each way: the tiles of a larger image are larger, and shrunk.
    """
    if can_be_seen(size_wh, config, unshrunk=True):
        return (1, 1)
    side, cell = unshrunk_side(config), config.cell_size
    columns, rows = (
        next((n for n in range(1, MAX_GRID) if _side(length, n, overlap, cell) <= side), MAX_GRID)
        for length in size_wh
    )
    return columns, rows


def tile_windows(
    size_wh: tuple[int, int], grid: tuple[int, int], overlap: float, *, multiple: int = 1
) -> list[Window]:
    """Tiles of equal size that cover the image, row by row; fewer than asked for where two would be the same.

    Args:
        size_wh: (width, height) of the image, pixels.
        grid: (columns, rows).
        overlap: share of a tile's side that it has in common with the next tile, at least.
        multiple: sides are rounded up to whole multiples where the image has room; the side of a visual
            token makes tiles that need no resizing.

    Raises:
        RequestError: more columns or rows than pixels.
    """
    for count, length, what in zip(grid, size_wh, ("columns", "rows"), strict=True):
        if count > length:
            raise RequestError(
                f"{count} {what} of tiles for an image of {size_wh[0]} x {size_wh[1]} pixels; "
                "expected at most one per pixel; give fewer tiles"
            )
    columns, rows = (
        _spans(length, count, overlap, multiple) for length, count in zip(size_wh, grid, strict=True)
    )
    return [(x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns]


def _side(length: int, count: int, overlap: float, multiple: int) -> int:
    """Side of `count` equal tiles along `length`, pixels."""
    # Without the small number a quotient that is whole but for rounding would be one more.
    least = math.ceil(length / (count - (count - 1) * overlap) - 1e-9)
    rounded = -(-least // multiple) * multiple
    return rounded if rounded <= length else least


def _spans(length: int, count: int, overlap: float, multiple: int) -> list[tuple[int, int]]:
    side = _side(length, count, overlap, multiple)
    starts = dict.fromkeys(round(i * (length - side) / max(count - 1, 1)) for i in range(count))
    return [(start, start + side) for start in starts]


def cut(pixels: np.ndarray, window: Window, scale: float = 1.0) -> np.ndarray:
    """The pixels of a window.

    Args:
        pixels: [H, W, 3] uint8 RGB.
        window: inside the image.
        scale: how many times larger than it is the window is shown, by Pillow's bicubic filter.

    Returns:
        [h, w, 3] uint8; not a copy when the scale is 1.
    """
    check_pixels(pixels)
    x0, y0, x1, y1 = window
    height, width = pixels.shape[:2]
    assert 0 <= x0 < x1 <= width, f"{window} is not inside {width} x {height}"
    assert 0 <= y0 < y1 <= height, f"{window} is not inside {width} x {height}"
    part = pixels[y0:y1, x0:x1]
    if scale == 1:
        return part
    size = (max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1))
    image = Image.fromarray(np.ascontiguousarray(part))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def from_window_bins(bins: ArrayLike, window: Window, num_bins: int = geometry.NUM_BINS) -> np.ndarray:
    """Bins of an answer about a window, [..., 2] or [..., 4], to pixels of the image (float64)."""
    coords = geometry.from_bins(bins, window_size(window), num_bins)
    return coords + np.tile(np.array(window[:2], dtype=np.float64), coords.shape[-1] // 2)


def cut_sides(xyxy: ArrayLike, window: Window, size_wh: tuple[int, int], reach: float) -> np.ndarray:
    """Which sides of boxes the edge of their window may have cut.

    Args:
        xyxy: [N, 4] pixels of the image.
        window: where they were found.
        size_wh: (width, height) of the image; its own borders cut nothing.
        reach: share of the window's side within which a side counts as lying on the edge.

    Returns:
        [N, 4] bool in the order x0, y0, x1, y1.
    """
    boxes = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    edges, borders = np.array(window, np.float64), np.array(whole(size_wh), np.float64)
    near = np.abs(boxes - edges) <= reach * np.tile(window_size(window), 2)
    beyond = np.concatenate([boxes[:, :2] < edges[:2], boxes[:, 2:] > edges[2:]], axis=1)
    return (near | beyond) & (edges != borders)
