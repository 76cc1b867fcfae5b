"""Planning sizes, resizing, cutting into patches, and the way back to the user's pixels (spec 3)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.errors import ImageTooLargeError
from locany.image import PreprocessConfig, ResizePlan, load_image, patchify, plan_size, preprocess, resize


def make_pixels(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plan(width: int, height: int, max_patches: int = 25600) -> ResizePlan:
    return plan_size((width, height), patch_size=14, merge_size=2, max_patches=max_patches)


# -- sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size_wh", "limited_wh", "resized_wh", "grid_hw", "num_visual_tokens"),
    [
        ((448, 448), (448, 448), (448, 448), (32, 32), 256),
        ((640, 480), (640, 480), (644, 504), (36, 46), 414),
        ((810, 1080), (810, 1080), (812, 1092), (78, 58), 1131),
        ((1024, 768), (1024, 768), (1036, 784), (56, 74), 1036),
        ((1920, 1080), (1920, 1080), (1932, 1092), (78, 138), 2691),
        ((2253, 2253), (2253, 2253), (2268, 2268), (162, 162), 6561),
        ((3840, 2160), (2990, 1682), (2996, 1708), (122, 214), 6527),
        ((4000, 3000), (2591, 1943), (2604, 1960), (140, 186), 6510),
        ((1, 1), (1, 1), (28, 28), (2, 2), 1),
    ],
)
def test_sizes_of_the_spec(
    size_wh: tuple[int, int],
    limited_wh: tuple[int, int],
    resized_wh: tuple[int, int],
    grid_hw: tuple[int, int],
    num_visual_tokens: int,
) -> None:
    made = plan(*size_wh)
    assert (made.limited_wh, made.resized_wh, made.grid_hw) == (limited_wh, resized_wh, grid_hw)
    assert made.num_visual_tokens == num_visual_tokens


@pytest.mark.parametrize("size_wh", [(13, 20000), (20000, 13), (7141, 14), (7168, 14)])
def test_too_long_a_side_is_refused(size_wh: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLargeError, match=r"at most 7140 pixels.*cut it into pieces"):
        plan(*size_wh)


def test_shrinking_to_nothing_is_refused() -> None:
    with pytest.raises(ImageTooLargeError, match="too long and thin"):
        plan(14, 14 * 200, max_patches=1)


def test_longest_side_that_is_taken() -> None:
    assert plan(7140, 14).grid_hw == (2, 510)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(16, 30000))
def test_plan_invariants(width: int, height: int, max_patches: int) -> None:
    made = plan(width, height, max_patches)
    (limited_w, limited_h), (resized_w, resized_h) = made.limited_wh, made.resized_wh
    assert resized_w % 28 == resized_h % 28 == 0
    assert 0 <= resized_w - limited_w < 28
    assert 0 <= resized_h - limited_h < 28
    assert 1 <= limited_w <= width
    assert 1 <= limited_h <= height
    fits = (width // 14) * (height // 14) <= max_patches
    assert fits == (made.limited_wh == (width, height))
    # The budget is soft by what both roundings add: less than two patches and a half cell per side.
    rows, columns = made.grid_hw
    assert (rows - 3) * (columns - 3) <= max_patches or min(rows, columns) <= 3
    assert made.num_visual_tokens * 4 == made.num_patches == rows * columns
    assert max(rows, columns) < 512


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 120), st.integers(1, 120))
def test_image_that_fits_keeps_its_size(columns: int, rows: int) -> None:
    size_wh = (28 * columns, 28 * rows)
    made = plan(*size_wh, max_patches=4 * 120 * 120)
    assert made.size_wh == made.limited_wh == made.resized_wh == size_wh


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0, 1), st.floats(0, 1))
def test_way_back(width: int, height: int, x: float, y: float) -> None:
    made = plan(width, height, 4096)
    np.testing.assert_allclose(made.from_bins([x * 1000, y * 1000]), [x * width, y * height], atol=1e-9)
    on_resized = [x * made.resized_wh[0], y * made.resized_wh[1]]
    np.testing.assert_allclose(made.from_resized(on_resized * 2), [x * width, y * height] * 2, atol=1e-6)


def test_resize_twice() -> None:
    pixels = make_pixels(300, 200)
    made = plan(300, 200, max_patches=64)
    image = Image.fromarray(pixels)
    for step_wh in ((139, 93), (140, 112)):
        image = image.resize(step_wh, Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resize(pixels, made), np.asarray(image))


# -- patches -------------------------------------------------------------------------------------------


def test_patches_by_definition() -> None:
    pixels = make_pixels(28 * 3, 28 * 2)
    config = PreprocessConfig(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))
    patches = patchify(pixels, config)
    assert patches.grid_hw == (4, 6)
    assert patches.pixel_values.shape == (24, 3, 14, 14)
    assert patches.pixel_values.dtype == np.float32
    assert patches.num_visual_tokens == 6
    mean, std = np.array(config.mean, np.float32), np.array(config.std, np.float32)
    values = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    for row, column in [(0, 0), (1, 4), (3, 5)]:
        square = values[14 * row : 14 * row + 14, 14 * column : 14 * column + 14]
        np.testing.assert_array_equal(patches.pixel_values[row * 6 + column], square.transpose(2, 0, 1))


def test_values_equal_the_short_formula() -> None:
    grey = np.zeros((28, 28, 3), dtype=np.uint8)
    grey.reshape(-1)[:256] = np.arange(256)
    values = patchify(grey, PreprocessConfig()).pixel_values
    short = (grey.astype(np.float32) / np.float32(127.5) - np.float32(1)).reshape(2, 14, 2, 14, 3)
    np.testing.assert_array_equal(values, short.transpose(0, 2, 4, 1, 3).reshape(4, 3, 14, 14))


def test_preprocess_takes_images_and_arrays() -> None:
    pixels = make_pixels(100, 37)
    from_array = preprocess(pixels, PreprocessConfig())
    from_image = preprocess(load_image(pixels), PreprocessConfig())
    np.testing.assert_array_equal(from_array.pixel_values, from_image.pixel_values)
    assert from_image.plan.size_wh == (100, 37)
    assert from_image.grid_hw == (4, 8)
    assert from_image.num_visual_tokens == 8


def test_other_patch_sizes() -> None:
    patches = preprocess(make_pixels(50, 20), PreprocessConfig(patch_size=8, merge_size=3))
    assert patches.plan.resized_wh == (72, 24)
    assert patches.pixel_values.shape == (27, 3, 8, 8)
    assert patches.num_visual_tokens == math.prod(patches.grid_hw) // 9


# -- config --------------------------------------------------------------------------------------------


def test_config_defaults_are_the_published_ones() -> None:
    config = PreprocessConfig.from_json({"in_token_limit": 25600, "image_processor_type": "Any"})
    assert config == PreprocessConfig(14, 2, 25600, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert PreprocessConfig.from_json({}).in_token_limit == 4096  # the class default, not the release's file


def test_config_reads_every_field() -> None:
    fields = {"patch_size": 16, "merge_kernel_size": [3, 3], "in_token_limit": 9}
    fields |= {"image_mean": [0, 0.1, 0.2], "image_std": [1, 2, 3]}
    assert PreprocessConfig.from_json(fields) == PreprocessConfig(16, 3, 9, (0.0, 0.1, 0.2), (1.0, 2.0, 3.0))
