"""From pixels to what the vision encoder eats (spec `locateanything` 3, steps 5 and 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locany.image.config import PreprocessConfig
from locany.image.load import LoadedImage
from locany.image.resize import ResizePlan, check_pixels, plan_size, resize


@dataclass(frozen=True, eq=False)
class Patches:
    """One image, cut into patches.

    Attributes:
        pixel_values: [grid_h * grid_w, 3, patch_size, patch_size] float32, row-major over the grid, each
            patch (channel R G B, y, x), normalised to (p / 255 - mean) / std.
        grid_hw: (rows, columns) of patches.
        merge_size: patches per side of a visual token.
        plan: how the image got to this size; knows the way back to the user's pixels.
    """

    pixel_values: np.ndarray
    grid_hw: tuple[int, int]
    merge_size: int
    plan: ResizePlan

    @property
    def num_visual_tokens(self) -> int:
        """How many visual tokens the decoder sees."""
        return self.grid_hw[0] * self.grid_hw[1] // self.merge_size**2


def patchify(pixels: np.ndarray, config: PreprocessConfig, plan: ResizePlan | None = None) -> Patches:
    """Normalise and cut an image that has its final size.

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
    bytes_ncyx = np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3)).reshape(-1, 3, side, side)
    # Three float32 roundings, in this order, are the published values to the bit. The move into
    # patch order comes first, while a value is one byte and not four.
    pixel_values = np.divide(bytes_ncyx, np.float32(255), dtype=np.float32)
    pixel_values -= np.asarray(config.mean, dtype=np.float32)[:, None, None]
    pixel_values /= np.asarray(config.std, dtype=np.float32)[:, None, None]
    return Patches(pixel_values, grid_hw, config.merge_size, plan)


def preprocess(image: LoadedImage | np.ndarray, config: PreprocessConfig) -> Patches:
    """Resize and cut: from a loaded image, or [H, W, 3] uint8 RGB pixels, to patches.

    Raises:
        ImageLoadError: `image` is an array of another shape or dtype.
        ImageTooLargeError: a side has more patches than the encoder has positions.
    """
    pixels = image.pixels if isinstance(image, LoadedImage) else image
    check_pixels(pixels)
    plan = plan_size(
        (pixels.shape[1], pixels.shape[0]),
        patch_size=config.patch_size,
        merge_size=config.merge_size,
        max_patches=config.in_token_limit,
        max_side_patches=config.max_side_patches,
    )
    return patchify(resize(pixels, plan), config, plan)
