"""Loading good images; bad ones are in test_image_refusals.py, patches in test_image_patches.py."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.image import ImageLimits, load_image

ORIENTATION = 0x0112


def make_pixels(width: int = 9, height: int = 5, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encode(image: Image.Image, fmt: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


# -- sources -------------------------------------------------------------------------------------------


class Unseekable(io.RawIOBase):
    """A stream like a pipe: reads a little at a time and cannot go back."""

    def __init__(self, data: bytes):
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._inner.read(min(7, len(buffer)))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def test_every_source_gives_the_same_pixels(tmp_path: Path) -> None:
    pixels = make_pixels()
    data = encode(Image.fromarray(pixels))
    path = tmp_path / "päth with spaces.png"
    path.write_bytes(data)
    at_its_end = io.BytesIO(data)
    at_its_end.seek(0, io.SEEK_END)
    with path.open("rb") as file:
        sources: list[Any] = [
            str(path),
            path,
            data,
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            at_its_end,
            file,
        ]
        sources += [Unseekable(data), pixels, Image.fromarray(pixels), Image.open(path)]
        for source in sources:
            image = load_image(source)
            np.testing.assert_array_equal(image.pixels, pixels)
            assert image.size_wh == (9, 5)
            assert image.exif_transposed is False
        assert not file.closed
    assert load_image(str(path)).name == str(path) == load_image(Image.open(path)).name
    assert [load_image(s).name for s in (data, io.BytesIO(data), pixels)] == ["<bytes>", "<file>", "<array>"]


def test_pixels_are_our_own_and_read_only() -> None:
    pixels = make_pixels()
    image = load_image(pixels)
    before = image.pixels.copy()
    pixels[:] = 0
    np.testing.assert_array_equal(image.pixels, before)
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0, 0] = 1
    assert "array" not in repr(image).replace("<array>", "")


def test_source_image_is_left_as_it_was() -> None:
    source = Image.fromarray(make_pixels(channels=4))
    before = source.copy()
    load_image(source)
    assert source.mode == "RGBA"
    assert source.tobytes() == before.tobytes()


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_common_formats(fmt: str) -> None:
    source = Image.new("RGB", (32, 16), (200, 30, 60))
    image = load_image(encode(source, fmt))
    assert image.size_wh == (32, 16)
    assert np.abs(image.pixels.astype(int) - (200, 30, 60)).max() <= 8  # JPEG and WebP lose a little


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data).pixels[0, 0].tolist() == [255, 0, 0]


def test_image_warned_about_by_pillow_loads_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)  # Pillow warns from 60 pixels, refuses from 120
    data = encode(Image.fromarray(make_pixels(10, 10)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(data).size_wh == (10, 10)


def test_threads_leave_the_warning_filters_alone() -> None:
    data = encode(Image.fromarray(make_pixels()))
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [load_image(data) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


# -- orientation ---------------------------------------------------------------------------------------


def with_orientation(pixels: np.ndarray, orientation: int, fmt: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(Image.fromarray(pixels), fmt, exif=exif)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.transpose(1, 0, 2)),
        (6, lambda p: np.rot90(p, -1)),  # stored lying on its left side: turn clockwise
        (7, lambda p: np.rot90(p, 2).transpose(1, 0, 2)),
        (8, lambda p: np.rot90(p, 1)),
        (0, lambda p: p),
        (99, lambda p: p),
    ],
)
def test_exif_orientation(orientation: int, upright: Callable[[np.ndarray], np.ndarray]) -> None:
    pixels = make_pixels()
    data = with_orientation(pixels, orientation)
    image = load_image(data)
    expected = upright(pixels)
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.size_wh == (expected.shape[1], expected.shape[0])
    assert image.exif_transposed is (2 <= orientation <= 8)
    np.testing.assert_array_equal(load_image(Image.open(io.BytesIO(data))).pixels, expected)
    for untouched in (load_image(data, exif=False), load_image(data, parity=True)):
        np.testing.assert_array_equal(untouched.pixels, pixels)


def test_tiff_is_turned_once() -> None:
    pixels = make_pixels()
    np.testing.assert_array_equal(
        load_image(with_orientation(pixels, 6, "TIFF")).pixels, np.rot90(pixels, -1)
    )


def test_damaged_exif_is_said_and_survived() -> None:
    data = encode(Image.new("RGB", (4, 4)), "PNG", exif=b"Exif\x00\x00XX*\x00nonsense")
    with pytest.warns(UserWarning, match="EXIF data is damaged"):
        assert load_image(data).size_wh == (4, 4)


# -- colour --------------------------------------------------------------------------------------------


def test_rgba_on_white() -> None:
    pixels = make_pixels(16, 16, 4)
    colour, alpha = pixels[..., :3].astype(float), pixels[..., 3:] / 255.0
    expected = colour * alpha + 255 * (1 - alpha)
    for source in (pixels, Image.fromarray(pixels), encode(Image.fromarray(pixels))):
        assert np.abs(load_image(source).pixels - expected).max() <= 1
    same = load_image(pixels, parity=True)
    np.testing.assert_array_equal(same.pixels, load_image(pixels).pixels)


def transparent_images() -> list[Image.Image]:
    """Images of different modes whose top left pixel is fully transparent black."""
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 250, 0, 0])
    palette.info["transparency"] = 0
    grey_key = Image.new("L", (4, 4), 0)
    grey_key.info["transparency"] = 0
    colour_key = Image.new("RGB", (4, 4))
    colour_key.info["transparency"] = (0, 0, 0)
    return [Image.new("LA", (4, 4)), Image.new("PA", (4, 4)), palette, grey_key, colour_key]


@pytest.mark.parametrize("image", transparent_images(), ids=lambda image: image.mode)
def test_other_transparency_on_white_unless_parity(image: Image.Image) -> None:
    assert load_image(image).pixels[0, 0].tolist() == [255, 255, 255]
    assert load_image(image, parity=True).pixels[0, 0].tolist() == [0, 0, 0]


MODES = ["1", "L", "P", "I", "F", "I;16", "I;16B", "LA", "La", "PA", "RGBA", "RGBa", "RGBX", "CMYK"]


@pytest.mark.parametrize("mode", [*MODES, "YCbCr", "LAB", "HSV"])
@pytest.mark.parametrize("parity", [False, True])
def test_every_mode_loads(mode: str, parity: bool) -> None:
    image = load_image(Image.new(mode, (6, 4)), parity=parity)
    assert image.pixels.shape == (4, 6, 3)
    assert image.pixels.dtype == np.uint8


def test_cmyk_white_is_white() -> None:
    assert (load_image(Image.new("CMYK", (2, 2))).pixels == 255).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 255, 256, 65535]], dtype=np.uint16), [0, 0, 1, 255]),
        (np.array([[0, 7, 255]], dtype=np.int32), [0, 7, 255]),
        (np.array([[0, 256, 65535]], dtype=np.int32), [0, 1, 255]),
        (np.array([[0, 500_000, 1_000_000]], dtype=np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0, 7.4, 200]], dtype=np.float32), [0, 7, 200]),
        (np.array([[0, 512, 65535]], dtype=np.float32), [0, 2, 255]),
        (np.array([[0, 1e6]], dtype=np.float32), [0, 255]),
    ],
)
def test_deep_grey(values: np.ndarray, expected: list[int]) -> None:
    pixels = load_image(Image.fromarray(values)).pixels
    assert pixels[0].tolist() == [[v, v, v] for v in expected]


def test_16_bit_png() -> None:
    values = np.array([[0, 256, 40000]], dtype=np.uint16)
    assert load_image(encode(Image.fromarray(values))).pixels[0, :, 0].tolist() == [0, 1, 156]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[True, False]]), [255, 0]),
        (np.array([[0.0, 1.0]]), [0, 255]),
        (np.array([[0.5, 1.0001]], dtype=np.float16), [128, 255]),
        (np.array([[0, 0x1234]], dtype=">u2"), [0, 0x12]),
        (np.array([[[3], [4]]], dtype=np.uint8), [3, 4]),
    ],
)
def test_grey_arrays(array: np.ndarray, expected: list[int]) -> None:
    assert load_image(array).pixels[0].tolist() == [[v, v, v] for v in expected]


def test_array_that_is_not_contiguous() -> None:
    pixels = make_pixels(8, 8)
    np.testing.assert_array_equal(load_image(pixels[::2, ::-1]).pixels, pixels[::2, ::-1])


def test_limits_can_be_raised_and_lowered() -> None:
    data = encode(Image.fromarray(make_pixels(10, 10)))
    assert load_image(data, limits=ImageLimits(max_pixels=100, max_bytes=len(data))).size_wh == (10, 10)
