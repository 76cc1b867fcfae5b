"""Bad images: each must raise the right error, name the thing, and say what to do."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.errors import (
    CheckpointConfigError,
    ImageError,
    ImageFetchError,
    ImageLoadError,
    ImageTooLargeError,
)
from locany.image import ImageLimits, PreprocessConfig, load_image, preprocess


def encode(fmt: str, width: int = 64, height: int = 64) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, fmt)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises any size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + encode("PNG")[33:]


def closed_file() -> io.BytesIO:
    file = io.BytesIO(encode("PNG"))
    file.close()
    return file


def closed_image() -> Image.Image:
    image = Image.open(io.BytesIO(encode("PNG")))
    image.close()
    return image


HEIC = b"\x00\x00\x00\x18ftypheic" + bytes(40)
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(40)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
WEBM = b"\x1a\x45\xdf\xa3" + bytes(40)
AVI = b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(20)

# (bytes, what the message must say); the name in the message is the file's when it comes from a file.
BAD_BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", r"empty, 0 bytes.*check how it was written"),
    "text": (b"just some words, no picture\n", r": text, which locany does not read.*passed as str"),
    "utf8 text": ("Zwölf Boxkämpfer jagen Viktor".encode() * 50, r": text, .*passed as str"),
    "html": (b"<!DOCTYPE html><html></html>", r"web page.*get the image itself"),
    "svg": (SVG, r"an SVG drawing.*render it to PNG"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", r"a PDF document.*render the page"),
    "heic": (HEIC, r"an HEIC photo.*convert it to JPEG"),
    "mp4": (MP4, r"a video.*take a still"),
    "webm": (WEBM, r"a video.*take a still"),
    "avi": (AVI, r"a video.*take a still"),
    "git lfs pointer": (LFS, r"Git LFS pointer.*git lfs pull"),
    "zip": (b"PK\x03\x04" + bytes(30), r"zip archive.*unpack it"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), r"gzip file.*unpack it"),
    "npy": (b"\x93NUMPY\x01\x00v\x00{'descr'", r"saved numpy array.*numpy.load"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", r"PostScript.*convert it to PNG"),
    "psd": (b"8BPS\x00\x01" + bytes(40), r"Photoshop.*convert it to PNG"),
    "jpeg xl": (b"\xff\x0a" + bytes(range(40)), r"JPEG XL.*convert it to PNG"),
    "dicom": (bytes(128) + b"DICM" + bytes(20), r"DICOM.*pydicom"),
    "random": (bytes(range(250, 0, -1)) + b"\x00" * 9, r"unknown kind.*convert it to PNG"),
    "png header alone": (b"\x89PNG\r\n\x1a\n" + bytes(9), r"PNG data is cut short or damaged.*again"),
    "jpeg start alone": (b"\xff\xd8\xff\xe0" + bytes(9), r"JPEG data is cut short or damaged.*again"),
    "webp start alone": (b"RIFF\x10\x00\x00\x00WEBPVP8 ", r"WebP data is cut short or damaged.*again"),
    "bmp bad header": (b"BM" + bytes(60), r"BMP data is cut short or damaged.*again"),
    "zero wide png": (png_claiming(0, 5), r"(at least one each way.*check how|damaged.*again)"),
}
TRUNCATED = ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "QOI"]


def assert_answers(message: str) -> None:
    """Every refusal says what was expected and, after a semicolon, what to do."""
    assert "expected" in message, message
    assert "; " in message, message
    assert len(message) < 700, message


@pytest.mark.parametrize("case", BAD_BYTES)
@pytest.mark.parametrize("form", ["bytes", "path", "file"])
def test_bad_bytes(case: str, form: str, tmp_path: Path) -> None:
    data, pattern = BAD_BYTES[case]
    path = tmp_path / "thing.jpg"
    path.write_bytes(data)
    sources: dict[str, tuple[Any, str]] = {
        "bytes": (data, "<bytes>"),
        "path": (path, str(path)),
        "file": (io.BytesIO(data), "<file>"),
    }
    source, name = sources[form]
    with pytest.raises(ImageLoadError, match=f"(?s){pattern}") as caught:
        load_image(source)
    assert str(caught.value).startswith(name)
    assert_answers(str(caught.value))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TRUNCATED), st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_loads_or_is_refused(fmt: str, position: int, damage: bytes) -> None:
    data = encode(fmt, 8, 8)
    damaged = data[:position] + damage + data[position + len(damage) :]
    with contextlib.suppress(ImageError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow remarks on what it finds
        assert load_image(damaged, limits=ImageLimits(max_pixels=10_000)).pixels.shape[2] == 3


@pytest.mark.parametrize("fmt", TRUNCATED)
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_truncated_file(fmt: str, kept: float, tmp_path: Path) -> None:
    data = encode(fmt)
    path = tmp_path / f"photo.{fmt.lower()}"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageLoadError, match=r"cut short or damaged.*copy or download it again") as caught:
        load_image(path)
    assert str(path) in str(caught.value)
    assert_answers(str(caught.value))


BAD_SOURCES: dict[str, tuple[Callable[[], Any], type[ImageError], str]] = {
    "none": (lambda: None, ImageLoadError, r"NoneType.*convert it"),
    "list": (lambda: [[1, 2], [3, 4]], ImageLoadError, r"type list.*convert it"),
    "number": (lambda: 7, ImageLoadError, r"type int.*convert it"),
    "empty path": (lambda: "", ImageLoadError, r"empty string.*name the file"),
    "missing file": (
        lambda: "no/such/photo.jpg",
        ImageLoadError,
        r"no/such/photo.jpg: no such file.*spelling",
    ),
    "missing Path": (lambda: Path("gone.png"), ImageLoadError, r"gone.png: no such file.*spelling"),
    "nul in path": (lambda: "a\x00b.png", ImageLoadError, r"not a usable path.*decode it"),
    "base64 as path": (lambda: "iVBORw0KGgo" * 500, ImageLoadError, r"not a usable path.*base64"),
    "unknown user": (lambda: "~nobody-of-this-name/a.png", ImageLoadError, r"not a usable path|no such file"),
    "data url": (lambda: "data:image/png;base64,iVBORw0=", ImageLoadError, r"data URL.*decode"),
    "file url": (lambda: "file:///tmp/a.png", ImageLoadError, r"file URL.*plain path"),
    "bucket url": (lambda: "s3://bucket/a.png", ImageFetchError, r"s3://bucket/a.png.*'s3'.*download it"),
    "url": (
        lambda: "https://example.com/a.png?key=5",
        ImageFetchError,
        r"example.com/a.png: .*allow_url=True",
    ),
    "closed file": (closed_file, ImageLoadError, r"cannot be read.*open it with 'rb'"),
    "text file": (lambda: io.StringIO("abc"), ImageLoadError, r"gives str.*binary mode"),
    "closed PIL image": (closed_image, ImageLoadError, r"<image>: the PNG data is cut short or damaged"),
    "empty PIL image": (lambda: Image.new("RGB", (0, 5)), ImageLoadError, r"0 x 5 pixels.*check how"),
    "1-D array": (lambda: np.zeros(9, np.uint8), ImageLoadError, r"shape \(9,\).*reshape"),
    "4-D array": (lambda: np.zeros((2, 4, 4, 3), np.uint8), ImageLoadError, r"\(2, 4, 4, 3\).*one at a time"),
    "channels first": (
        lambda: np.zeros((3, 8, 8), np.uint8),
        ImageLoadError,
        r"\(3, 8, 8\).*transpose\(1, 2, 0\)",
    ),
    "two channels": (lambda: np.zeros((8, 8, 2), np.uint8), ImageLoadError, r"\(8, 8, 2\).*reshape"),
    "empty array": (lambda: np.zeros((0, 8, 3), np.uint8), ImageLoadError, r"\(0, 8, 3\).*no pixels"),
    "int64 array": (lambda: np.zeros((8, 8, 3), int), ImageLoadError, r"dtype int64.*astype\(numpy.uint8\)"),
    "float 0..255": (lambda: np.full((8, 8), 200.0), ImageLoadError, r"200 to 200.*astype"),
    "float nan": (lambda: np.full((8, 8), np.nan), ImageLoadError, r"holds NaN.*float in 0..1"),
    "negative float": (lambda: np.full((8, 8, 3), -0.5), ImageLoadError, r"-0.5 to -0.5"),
    "objects": (lambda: np.full((8, 8), None), ImageLoadError, r"dtype object"),
    "complex": (lambda: np.zeros((8, 8), complex), ImageLoadError, r"dtype complex128"),
    "negative I": (lambda: Image.new("I", (4, 4), -3), ImageLoadError, r"values -3 to -3.*scale them"),
    "infinite F": (lambda: Image.new("F", (4, 4), float("inf")), ImageLoadError, r"inf to inf.*scale them"),
    "bomb header": (
        lambda: png_claiming(60_000, 60_000),
        ImageTooLargeError,
        r"refused by Pillow.*make it smaller",
    ),
    "huge header": (lambda: png_claiming(20_000, 10_000), ImageTooLargeError, r"make it smaller"),
}


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_bad_source(case: str) -> None:
    make, error_class, pattern = BAD_SOURCES[case]
    with pytest.raises(error_class, match=f"(?s){pattern}") as caught:
        load_image(make())
    assert type(caught.value) is error_class
    assert "key=5" not in str(caught.value)  # a query may be a secret
    assert_answers(str(caught.value))


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageLoadError, match=r"a folder.*name one of the files") as caught:
        load_image(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_file_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode("PNG"))
    with pytest.raises(ImageLoadError, match="no such file"):
        load_image(tmp_path / "a.png" / "b.png")


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageLoadError, match=r"a pipe, socket or device.*pass the bytes"):
        load_image(tmp_path / "pipe.png")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encode("PNG"))

    def refuse(*_: object, **__: object) -> None:  # chmod would not stop root, who may run the tests
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageLoadError, match=r"secret.png: no permission.*change its permissions"):
        load_image(path)


def test_too_many_bytes(tmp_path: Path) -> None:
    data = encode("PNG")
    path = tmp_path / "big.png"
    path.write_bytes(data)
    limits = ImageLimits(max_bytes=len(data) - 1)
    for source in (data, path, io.BytesIO(data)):
        with pytest.raises(ImageTooLargeError, match=r"bytes, expected at most .*ImageLimits\(max_bytes"):
            load_image(source, limits=limits)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    broken_after_header = encode("PNG", 100, 100)[:60]  # decoding this would be another error
    limits = ImageLimits(max_pixels=9_999)
    for source in (broken_after_header, np.zeros((100, 100, 3), np.uint8), Image.new("L", (100, 100))):
        with pytest.raises(ImageTooLargeError, match=r"100 x 100 = 10,000 pixels.*max_pixels"):
            load_image(source, limits=limits)


def test_url_is_not_fetched_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("network call")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ImageFetchError, match="allow_url=True"):
        load_image("http://example.com/a.png")


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ({"patch_size": "14"}, r"patch_size is '14'"),
        ({"patch_size": 0}, r"patch_size is 0"),
        ({"patch_size": True}, r"patch_size is True"),
        ({"in_token_limit": 2.5}, r"in_token_limit is 2.5"),
        ({"in_token_limit": None}, r"in_token_limit is None"),
        ({"merge_kernel_size": 2}, r"merge_kernel_size is 2"),
        ({"merge_kernel_size": [2, 3]}, r"merge_kernel_size is \[2, 3\]"),
        ({"image_mean": [0.5, 0.5]}, r"image_mean is \[0.5, 0.5\]"),
        ({"image_mean": 0.5}, r"image_mean is 0.5"),
        ({"image_std": [0.5, 0.5, 0]}, r"image_std is .*positive"),
        ({"image_std": [0.5, 0.5, float("nan")]}, r"image_std is .*nan"),
        (["patch_size"], r"expected a JSON object"),
    ],
)
def test_bad_config(fields: Any, pattern: str) -> None:
    with pytest.raises(CheckpointConfigError, match=pattern) as caught:
        PreprocessConfig.from_json(fields, source="my/preprocessor_config.json")
    assert str(caught.value).startswith("my/preprocessor_config.json: ")
    assert_answers(str(caught.value))


@pytest.mark.parametrize("pixels", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), [[0]]])
def test_preprocess_wants_rgb_bytes(pixels: Any) -> None:
    with pytest.raises(ImageLoadError, match=r"load_image first"):
        preprocess(pixels, PreprocessConfig())
