"""From any colour mode or array to 8-bit RGB.

Two sets of rules. The published pipeline (spec `locateanything` 3 step 1; `parity=True`) composites RGBA
on white and plainly converts everything else. Ours, the default, differs where that gives a picture the
user would not recognise:

1. Every kind of transparency, not only RGBA, is composited on white (grey with alpha, palette entries,
   a transparent colour).
2. 16-bit grey keeps its upper 8 bits, where a plain conversion of some modes saturates to white.
3. 32-bit grey (modes I and F) is scaled by its range, see `_scale_to_bytes`.

CMYK is converted by Pillow's plain formula, without the file's colour profile; so is everything else.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from locany.errors import ImageLoadError

_EXPECTED_ARRAY = (
    "expected [height, width], [height, width, 1], [height, width, 3] RGB or [height, width, 4] RGBA "
    "of dtype uint8, bool, uint16, or float in 0..1"
)
# An interpolated picture may leave 0..1 by a rounding error; a picture in 0..255 leaves it by far.
_FLOAT_SLACK = 1e-3


def image_to_rgb(image: Image.Image, name: str, *, parity: bool = False) -> np.ndarray:
    """A decoded Pillow image of any mode to [H, W, 3] uint8 RGB.

    Args:
        image: left as it is.
        name: for messages.
        parity: follow the published rule instead of ours, see the head of this file.

    Raises:
        ImageLoadError: 32-bit grey holds values below 0 or not finite.
    """
    mode = image.mode
    if mode == "RGBA":
        return _on_white(image)
    if mode == "La":  # Pillow converts premultiplied grey to nothing but LA
        image = image.convert("LA")
    if parity:
        return np.asarray(image.convert("RGB"))
    if mode.startswith("I;16"):
        return _grey_to_rgb((np.asarray(image) >> 8).astype(np.uint8))
    if mode in ("I", "F"):
        return _grey_to_rgb(_scale_to_bytes(np.asarray(image), name))
    if _is_stale(image):
        image = image.copy()
        del image.info["transparency"]
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _is_stale(image: Image.Image) -> bool:
    """Whether a transparent colour is noted that this mode cannot have: Pillow keeps it through conversions.

    One that fits by chance (a number, on grey that was a palette before) cannot be told from a real one.
    """
    noted = image.info.get("transparency")
    fitting: dict[str, tuple[type, ...]] = {"1": (int,), "L": (int,), "P": (int, bytes), "RGB": (tuple,)}
    return noted is not None and not isinstance(noted, fitting.get(image.mode, ()))


def array_to_rgb(array: np.ndarray, name: str) -> np.ndarray:
    """A user's array to [H, W, 3] uint8 RGB, never sharing memory with it.

    uint8 is taken as it is, bool as black and white, uint16 loses its lower 8 bits, float is 0 (black) to
    1 (white). Four channels are RGBA, composited on white. One channel is grey.

    Raises:
        ImageLoadError: any other shape or dtype, or floats outside 0..1.
    """
    check_array_shape(array, name)
    pixels = array[..., None] if array.ndim == 2 else array
    pixels = _array_to_bytes(pixels, name)
    if pixels.shape[2] == 4:
        return _on_white(Image.fromarray(np.ascontiguousarray(pixels)))
    return np.array(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def check_array_shape(array: np.ndarray, name: str) -> None:
    """Refuse an array that is not one non-empty image (ImageLoadError)."""
    shape = array.shape
    fits = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if fits and array.size > 0:
        return
    if array.size == 0:
        advice = "it holds no pixels: check how it was made"
    elif len(shape) == 3 and shape[0] in (1, 3, 4):
        advice = "its channels come first: pass array.transpose(1, 2, 0)"
    elif len(shape) == 4:
        advice = "it is a batch: pass its images one at a time"
    else:
        advice = "reshape it"
    raise ImageLoadError(
        f"{name}: the array has shape {shape} and dtype {array.dtype}, {_EXPECTED_ARRAY}; {advice}"
    )


def _array_to_bytes(pixels: np.ndarray, name: str) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:  # of either byte order
        return (pixels >> 8).astype(np.uint8)
    described = f"{name}: the array has shape {pixels.shape} and dtype {pixels.dtype}"
    if pixels.dtype.kind != "f":
        raise ImageLoadError(
            f"{described}, {_EXPECTED_ARRAY}; if it holds 0..255, pass array.astype(numpy.uint8)"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if np.isnan(low):
        raise ImageLoadError(
            f"{described} holds NaN, {_EXPECTED_ARRAY}; put numbers there (numpy.nan_to_num)"
        )
    if not (low >= -_FLOAT_SLACK and high <= 1 + _FLOAT_SLACK):
        raise ImageLoadError(
            f"{described} with values {low:g} to {high:g}, {_EXPECTED_ARRAY}; "
            "if it holds 0..255, pass array.astype(numpy.uint8)"
        )
    return np.rint(np.clip(pixels, 0, 1).astype(np.float32) * 255).astype(np.uint8)


def _scale_to_bytes(values: np.ndarray, name: str) -> np.ndarray:
    """32-bit grey, which has no agreed white, to bytes; the white is guessed from the largest value.

    Up to 1 (floats only): 1 is white. Up to 255: bytes already. Up to 65535: 16-bit grey, of which the
    upper 8 bits are kept. More: the largest value becomes white.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and np.isfinite(high)):  # written so that NaN fails
        raise ImageLoadError(
            f"{name}: 32-bit grey with values {low:g} to {high:g}, expected finite values of at least 0; "
            "scale them to 0..1 and pass the float array"
        )
    if values.dtype.kind == "f" and high <= 1:
        return np.rint(values * 255).astype(np.uint8)
    if high <= 255:
        return np.rint(values).astype(np.uint8)
    if high <= 65535:
        return (values.astype(np.uint16) >> 8).astype(np.uint8)
    return np.rint(values * (255.0 / high)).astype(np.uint8)


def _on_white(image: Image.Image) -> np.ndarray:
    """Composite RGBA on opaque white. Pillow's paste is the published arithmetic, to the byte."""
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return np.asarray(white)


def _grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)
