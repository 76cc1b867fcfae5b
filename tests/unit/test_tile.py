"""Tiles: they cover the image, overlap as asked, need no shrinking, and lead back to the user's pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locany.errors import RequestError
from locany.geometry import to_bins
from locany.image import PreprocessConfig, plan_size
from locany.image.tile import (
    MAX_GRID,
    auto_grid,
    cut,
    cut_sides,
    from_window_bins,
    tile_windows,
    unshrunk_side,
    window_size,
)

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
overlaps = st.floats(0, 0.5)


@given(sizes, st.integers(1, 9), st.integers(1, 9), overlaps, st.sampled_from([1, 28]))
def test_tiles_cover_the_image_with_the_overlap(
    size_wh: tuple[int, int], columns: int, rows: int, overlap: float, multiple: int
) -> None:
    width, height = size_wh
    if columns > width or rows > height:
        with pytest.raises(RequestError, match=r"of tiles for an image of .* expected at most one per pixel"):
            tile_windows(size_wh, (columns, rows), overlap)
        return
    windows = tile_windows(size_wh, (columns, rows), overlap, multiple=multiple)
    assert len(set(windows)) == len(windows) <= columns * rows
    assert len({window_size(window) for window in windows}) == 1, "all of one size"
    for axis, count, length in ((0, columns, width), (1, rows, height)):
        spans = sorted({(w[axis], w[axis + 2]) for w in windows})
        assert (spans[0][0], spans[-1][1]) == (0, length)
        side = spans[0][1] - spans[0][0]
        for (_, end), (start, _) in pairwise(spans):
            assert end - start >= overlap * side - 1, "starts are whole pixels"
        assert len(spans) <= count
    assert windows[0][:2] == (0, 0)
    assert windows == sorted(windows, key=lambda w: (w[1], w[0])), "row by row"


@given(sizes, overlaps, st.sampled_from([256, 1024, 4096, 25600]))
def test_auto_is_the_fewest_tiles_that_are_not_shrunk(
    size_wh: tuple[int, int], overlap: float, limit: int
) -> None:
    config = PreprocessConfig(in_token_limit=limit)
    grid = auto_grid(size_wh, overlap, config)
    side = unshrunk_side(config)
    for window in tile_windows(size_wh, grid, overlap, multiple=config.cell_size):
        tile = window_size(window)
        plan = plan_size(tile, patch_size=14, merge_size=2, max_patches=limit)
        assert plan.limited_wh == tile or MAX_GRID in grid
    for axis, (count, length) in enumerate(zip(grid, size_wh, strict=True)):
        if 1 < count < MAX_GRID:
            fewer = [n - (k == axis) for k, n in enumerate(grid)]
            wider = tile_windows(size_wh, (fewer[0], fewer[1]), overlap, multiple=config.cell_size)
            assert window_size(wider[0])[axis] > side
        else:
            assert count == 1 or length > side
    if max(size_wh) <= side:
        assert grid == (1, 1)


def test_tiles_of_usual_images() -> None:
    mini, published = PreprocessConfig(in_token_limit=256), PreprocessConfig()
    assert (unshrunk_side(mini), unshrunk_side(published)) == (224, 2240)
    assert auto_grid((448, 448), 0.2, mini) == (3, 3)
    assert auto_grid((448, 224), 0.0, mini) == (2, 1)
    assert auto_grid((1920, 1080), 0.2, published) == (1, 1)
    assert auto_grid((4000, 3000), 0.2, published) == (2, 2)
    assert tile_windows((448, 224), (2, 1), 0.0) == [(0, 0, 224, 224), (224, 0, 448, 224)]
    assert tile_windows((10, 1), (3, 1), 0.5) == [(0, 0, 5, 1), (2, 0, 7, 1), (5, 0, 10, 1)]


@given(st.data(), st.floats(0.2, 4))
def test_the_way_back(data: st.DataObject, scale: float) -> None:
    width, height = data.draw(st.integers(2, 300)), data.draw(st.integers(2, 300))
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    window = (x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height)))
    pixels = np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)
    part = cut(pixels, window)
    np.testing.assert_array_equal(part, pixels[window[1] : window[3], window[0] : window[2]])
    assert np.shares_memory(part, pixels), "a tile is no copy"
    size = window_size(window)
    shown = cut(pixels, window, scale)
    assert shown.shape == (max(round(size[1] * scale), 1), max(round(size[0] * scale), 1), 3)
    # However large it is shown, bins lead back to the pixels of the image.
    corners = np.sort(
        np.array(data.draw(st.lists(st.floats(0, 1), min_size=4, max_size=4))).reshape(2, 2), axis=0
    )
    inside = corners.ravel() * np.tile(size, 2)
    back = from_window_bins(to_bins(inside, size), window)
    assert (np.abs(back - (inside + np.tile(window[:2], 2))) <= np.tile(size, 2) / 2000 + 1e-6).all()


def test_sides_that_an_edge_may_have_cut() -> None:
    window, size_wh = (100, 0, 200, 100), (200, 300)
    boxes = [(100, 0, 150, 50), (120, 20, 180, 80), (101, 50, 199, 99), (90, 0, 200, 120), (103, 3, 197, 97)]
    assert cut_sides(boxes, window, size_wh, 0.01).tolist() == [
        [True, False, False, False],
        [False, False, False, False],
        [True, False, False, True],
        [True, False, False, True],
        [False, False, False, False],
    ]
    assert cut_sides([], window, size_wh, 0.01).shape == (0, 4)


@pytest.mark.parametrize(
    ("size_wh", "limit"), [((3440, 1440), 25600), ((896, 224), 1024), ((700, 250), 1024)]
)
def test_no_tiles_for_an_image_that_is_seen_whole(size_wh: tuple[int, int], limit: int) -> None:
    assert auto_grid(size_wh, 0.2, PreprocessConfig(in_token_limit=limit)) == (1, 1)
