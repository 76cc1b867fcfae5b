"""From an image of any size to sides of whole visual tokens (spec `locateanything` 3, steps 2 to 4).

The published rule stretches the image a little in each direction; nothing is padded or cropped. So a
position as a fraction of the side is the same before and after, and the way back from bins to the user's
pixels needs the original size and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from locany import geometry
from locany.errors import ImageLoadError, ImageTooLargeError

DEFAULT_MAX_SIDE_PATCHES = 512  # sides of the published encoder's rotary table


@dataclass(frozen=True)
class ResizePlan:
    """The sizes an image passes through, all (width, height) in pixels.

    Attributes:
        size_wh: the user's upright image.
        limited_wh: after shrinking to the patch limit; equal to `size_wh` where that was not needed.
        resized_wh: both sides multiples of patch_size * merge_size; what the encoder sees.
        patch_size: side of a patch, pixels.
        merge_size: patches per side of a visual token.
    """

    size_wh: tuple[int, int]
    limited_wh: tuple[int, int]
    resized_wh: tuple[int, int]
    patch_size: int
    merge_size: int

    @property
    def grid_hw(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        return self.resized_wh[1] // self.patch_size, self.resized_wh[0] // self.patch_size

    @property
    def num_patches(self) -> int:
        """Patches of the resized image, before merging."""
        return self.grid_hw[0] * self.grid_hw[1]

    @property
    def num_visual_tokens(self) -> int:
        """Visual tokens that the decoder sees: one per merge_size x merge_size patches."""
        return self.num_patches // self.merge_size**2

    def from_bins(self, bins: ArrayLike, num_bins: int = geometry.NUM_BINS) -> np.ndarray:
        """Bins of an answer, [..., 2] points or [..., 4] boxes, to pixels of the user's image (float64)."""
        return geometry.from_bins(bins, self.size_wh, num_bins)

    def from_resized(self, xy: ArrayLike) -> np.ndarray:
        """Pixels of the resized image, [..., 2] or [..., 4], to pixels of the user's image (float64)."""
        coords = np.asarray(xy, dtype=np.float64)
        assert coords.shape[-1:] in ((2,), (4,)), f"expected [..., 2] or [..., 4], got {coords.shape}"
        factor = np.divide(self.size_wh, self.resized_wh)
        return coords * np.tile(factor, coords.shape[-1] // 2)


def plan_size(
    size_wh: tuple[int, int],
    *,
    patch_size: int,
    merge_size: int,
    max_patches: int,
    max_side_patches: int = DEFAULT_MAX_SIDE_PATCHES,
) -> ResizePlan:
    """Decide the sizes, without touching pixels.

    The number of patches for the limit is counted with both sides rounded down, as published: a side
    shorter than a patch makes the count 0, so a sliver of any length is never shrunk, and the rounding
    up afterwards may exceed `max_patches` a little.

    Args:
        size_wh: (width, height) of the upright image, pixels.
        patch_size: side of a patch, pixels.
        merge_size: patches per side of a visual token.
        max_patches: shrink when the image has more (the published `in_token_limit`).
        max_side_patches: refuse when the resized image has as many along a side.

    Raises:
        ImageTooLargeError: a side has too many patches, or shrinking leaves a side without a pixel.
    """
    width, height = int(size_wh[0]), int(size_wh[1])
    assert min(width, height) > 0, f"an image has at least one pixel, got {size_wh}"
    assert min(patch_size, merge_size, max_patches) > 0, "sizes and limits are positive"
    limited_wh = (width, height)
    num_patches = (width // patch_size) * (height // patch_size)
    if num_patches > max_patches:
        scale = math.sqrt(max_patches / num_patches)
        limited_wh = (int(width * scale), int(height * scale))  # int() cuts, as published
        if min(limited_wh) == 0:
            raise ImageTooLargeError(
                f"the image is {width} x {height} pixels, too long and thin: shrunk to {max_patches} patches "
                f"it would be {limited_wh[0]} x {limited_wh[1]}; expected at least one pixel a side; "
                "look at it in tiles (tiles='auto'), or cut it into pieces and ask about each"
            )
    cell = patch_size * merge_size
    resized_wh = (math.ceil(limited_wh[0] / cell) * cell, math.ceil(limited_wh[1] / cell) * cell)
    if max(resized_wh) // patch_size >= max_side_patches:
        longest = (max_side_patches - 1) // merge_size * cell
        raise ImageTooLargeError(
            f"the image is {width} x {height} pixels, {resized_wh[0]} x {resized_wh[1]} after resizing; "
            f"expected sides of at most {longest} pixels there; make it smaller, "
            "look at it in tiles (tiles='auto'), or cut it into pieces and ask about each"
        )
    return ResizePlan((width, height), limited_wh, resized_wh, patch_size, merge_size)


def resize(pixels: np.ndarray, plan: ResizePlan) -> np.ndarray:
    """Resize as planned, with Pillow's 8-bit bicubic filter (antialiased when shrinking).

    Two resizes and not one: the intermediate 8-bit image is part of the published result.

    Args:
        pixels: [H, W, 3] uint8 RGB of size `plan.size_wh`.
        plan: from `plan_size`.

    Returns:
        [H', W', 3] uint8 of size `plan.resized_wh`; may be `pixels` itself when nothing changes.

    Raises:
        ImageLoadError: `pixels` is not an [H, W, 3] uint8 array.
    """
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    assert (width, height) == plan.size_wh, f"planned for {plan.size_wh}, got {(width, height)}"
    if plan.size_wh == plan.limited_wh == plan.resized_wh:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    for step_wh in (plan.limited_wh, plan.resized_wh):
        if image.size != step_wh:
            image = image.resize(step_wh, Image.Resampling.BICUBIC)
    return np.asarray(image)


def check_pixels(pixels: object) -> None:
    """Refuse what is not an [H, W, 3] uint8 array with at least one pixel (ImageLoadError)."""
    if isinstance(pixels, np.ndarray):
        if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size > 0:
            return
        given = f"an array of shape {pixels.shape} and dtype {pixels.dtype}"
    else:
        given = f"an object of type {type(pixels).__name__}"
    raise ImageLoadError(
        f"cannot cut {given} into patches, expected RGB pixels [height, width, 3] of dtype uint8; "
        "pass it through locany.image.load_image first"
    )
