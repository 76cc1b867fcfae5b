"""From pixels to what the vision encoder eats (spec `locateanything` 3, steps 5 and 6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from locany.errors import ImageTooLargeError
from locany.image.config import PreprocessConfig
from locany.image.load import LoadedImage
from locany.image.resize import ResizePlan, check_pixels, plan_size, resize


@dataclass(frozen=True, eq=False)
class Patches:
    """One image, cut into patches.

    Attributes:
        pixels: [grid_h * grid_w, 3, patch_size, patch_size] uint8, row-major over the grid, each patch
            (channel R G B, y, x).
        grid_hw: (rows, columns) of patches.
        merge_size: patches per side of a visual token.
        plan: how the image got to this size; knows the way back to the user's pixels.
        mean, std: of each channel, for normalising.
    """

    pixels: np.ndarray
    grid_hw: tuple[int, int]
    merge_size: int
    plan: ResizePlan
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @cached_property
    def pixel_values(self) -> np.ndarray:
        """What the encoder eats: `pixels` as float32, normalised to (p / 255 - mean) / std."""
        # Three float32 roundings, in this order, are the published values to the bit.
        values = np.divide(self.pixels, np.float32(255), dtype=np.float32)
        values -= np.asarray(self.mean, dtype=np.float32)[:, None, None]
        values /= np.asarray(self.std, dtype=np.float32)[:, None, None]
        return values

    @property
    def num_visual_tokens(self) -> int:
        """How many visual tokens the decoder sees."""
        return self.grid_hw[0] * self.grid_hw[1] // self.merge_size**2


def patchify(pixels: np.ndarray, config: PreprocessConfig, plan: ResizePlan | None = None) -> Patches:
    """Cut an image that has its final size.

    Args:
        pixels: [H, W, 3] uint8 RGB, both sides multiples of `config.cell_size`.
        config: sizes and normalisation of the checkpoint.
        plan: how `pixels` came about; without one they count as the user's own image.

    Raises:
        ImageLoadError: `pixels` is not an [H, W, 3] uint8 array.
    """
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    cell, side = config.cell_size, config.patch_size
    assert height % cell == width % cell == 0, f"{width} x {height} is not a multiple of {cell}: resize first"
    if plan is None:
        plan = ResizePlan((width, height), (width, height), (width, height), side, config.merge_size)
    assert plan.resized_wh == (width, height), f"planned {plan.resized_wh}, got {(width, height)}"

    grid_hw = (height // side, width // side)
    cut = pixels.reshape(grid_hw[0], side, grid_hw[1], side, 3)
    patches = np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3)).reshape(-1, 3, side, side)
    return Patches(patches, grid_hw, config.merge_size, plan, config.mean, config.std)


def preprocess(image: LoadedImage | np.ndarray, config: PreprocessConfig) -> Patches:
    """Resize and cut: from a loaded image, or [H, W, 3] uint8 RGB pixels, to patches.

    Raises:
        ImageLoadError: `image` is an array of another shape or dtype.
        ImageTooLargeError: a side has more patches than the encoder has positions.
    """
    pixels = image.pixels if isinstance(image, LoadedImage) else image
    check_pixels(pixels)
    plan = plan_for((pixels.shape[1], pixels.shape[0]), config)
    return patchify(resize(pixels, plan), config, plan)


def plan_for(size_wh: tuple[int, int], config: PreprocessConfig) -> ResizePlan:
    """How an image of a size is resized.

    Raises:
        ImageTooLargeError: see `plan_size`.
    """
    return plan_size(
        size_wh,
        patch_size=config.patch_size,
        merge_size=config.merge_size,
        max_patches=config.in_token_limit,
        max_side_patches=config.max_side_patches,
    )


def can_be_seen(size_wh: tuple[int, int], config: PreprocessConfig, *, unshrunk: bool = False) -> bool:
    """Whether the encoder takes an image of a size in one piece; `unshrunk`: every pixel of it."""
    try:
        plan = plan_for(size_wh, config)
    except ImageTooLargeError:
        return False
    return plan.limited_wh == plan.size_wh if unshrunk else True
