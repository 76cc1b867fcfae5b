"""The as-scanned looks: what moves, moves with its box."""

from __future__ import annotations

import numpy as np
import pytest

from locany.errors import DataError
from locany.synth import scan as scans
from locany.synth.scan import Box, Warp, scan


def dotted(size_wh: tuple[int, int]) -> tuple[np.ndarray, list[Box]]:
    """A white page with black discs, and their boxes."""
    width, height = size_wh
    y, x = np.mgrid[0:height, 0:width] + 0.5
    pixels = np.full((height, width, 3), 255, np.uint8)
    boxes = []
    for cy in range(40, height - 30, 60):
        for cx in range(40, width - 30, 60):
            pixels[(x - cx) ** 2 + (y - cy) ** 2 <= 36] = 0
            boxes.append((cx - 6.0, cy - 6.0, cx + 6.0, cy + 6.0))
    return pixels, boxes


@pytest.mark.parametrize("look", list(scans.LOOKS))
@pytest.mark.parametrize("seed", range(3))
def test_dots_land_in_their_boxes(look: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "LOOKS", {look: scans.LOOKS[look]})
    pixels, boxes = dotted((300, 420))
    made = scan(np.random.default_rng(seed), pixels, strength=0.8, keep=boxes)
    assert made.pixels.shape == pixels.shape
    assert made.pixels.dtype == np.uint8
    gray = made.pixels.mean(axis=2)
    for box in boxes:
        x0, y0, x1, y1 = made.warp.box(box)
        assert 0 <= x0 < x1 <= 300
        assert 0 <= y0 < y1 <= 420
        left, top = int(x0) - 6, int(y0) - 6
        window = gray[max(0, top) : int(y1) + 7, max(0, left) : int(x1) + 7]
        dark = np.clip(np.median(window) - 40 - window, 0, None)
        rows, columns = np.indices(window.shape) + 0.5
        cx = (dark * columns).sum() / dark.sum() + max(0, left)
        cy = (dark * rows).sum() / dark.sum() + max(0, top)
        assert abs(cx - (x0 + x1) / 2) < 1.2
        assert abs(cy - (y0 + y1) / 2) < 1.2


def test_the_same_chance_gives_the_same_scan() -> None:
    pixels, _ = dotted((200, 160))
    first, second = (scan(np.random.default_rng(5), pixels, strength=0.5) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.warp.matrix, second.warp.matrix)


def test_nothing_moved_keeps_boxes_and_needs_no_polygon() -> None:
    warp = Warp(np.eye(3), (100, 100))
    assert warp.polygon((1.0, 2.0, 3.0, 4.0)) == ()
    assert warp.box((1.0, 2.0, 3.0, 4.0)) == (1.0, 2.0, 3.0, 4.0)


def test_a_strength_beyond_one_is_refused() -> None:
    with pytest.raises(DataError, match="from 0 to 1"):
        scan(np.random.default_rng(0), np.zeros((8, 8, 3), np.uint8), strength=2.0)
