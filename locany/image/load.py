"""From anything a user has to upright RGB pixels.

    from locany.image import load_image

    image = load_image("photo.jpg")
    image.pixels        # [H, W, 3] uint8
    image.size_wh       # of the upright image: the frame of reference of every answer

Differences from the published loader, all off with `parity=True`: the EXIF orientation is honoured, and
colours follow `colour.py`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import threading
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from PIL import Image

from locany.errors import ImageError, ImageFetchError, ImageLoadError, ImageTooLargeError, RequestError
from locany.image import kinds
from locany.image.colour import array_to_rgb, check_array_shape, image_to_rgb
from locany.image.fetch import DEFAULT_MAX_BYTES, fetch_url, shown_url
from locany.numeric import check_flags, plain_number

ImageSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | np.ndarray | Image.Image"
)

# Raster formats whose decoders run in this process. Not on the list though Pillow knows them: EPS (starts
# Ghostscript), WMF, and those without a signature, which take any bytes for an image. HEIF is there for
# users who registered pillow-heif.
_FORMATS = (
    *("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "ICO", "JPEG2000", "AVIF", "QOI"),
    *("HEIF", "SGI", "PCX"),
)
_SOURCES = "a path, bytes, a binary file, a numpy array or a PIL image"
_HEAD_LEN = 1024  # bytes that name a kind of file
_MAX_SHOWN = 200  # characters of a name in a message

_ORIENTATION_TAG = 0x0112
_TRANSPOSES = {  # EXIF orientation -> what makes it upright; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# warnings.catch_warnings changes the filters of the whole process; two threads that interleave inside it
# would leave one's filters behind. So only one of our threads is inside, and only while a header is read.
_WARNINGS_LOCK = threading.Lock()


@dataclass(frozen=True)
class ImageLimits:
    """What is refused before it is decoded.

    Attributes:
        max_pixels: width * height. The default is where Pillow itself refuses; a greater value here does
            not move Pillow's own limit, which is a global of the process and not ours to change.
        max_bytes: of the encoded file.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes"):
            given = getattr(self, name)
            value = plain_number(given)
            if not isinstance(value, int) or value < 1:
                raise RequestError(f"{name} is {given!r}, expected an integer of at least 1")
            object.__setattr__(self, name, value)


DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An upright image.

    Attributes:
        pixels: [H, W, 3] uint8 RGB, read-only, owned by this object.
        size_wh: (width, height), pixels.
        name: the path or URL, or "<bytes>", "<file>", "<array>", "<image>" for what has none.
        exif_transposed: whether an EXIF orientation turned or mirrored the pixels here. (TIFF is turned by
            Pillow while it decodes, always, and says False.)
    """

    pixels: np.ndarray = field(repr=False)
    size_wh: tuple[int, int]
    name: str
    exif_transposed: bool = False


def check_image_options(*, limits: Any = DEFAULT_LIMITS, **flags: Any) -> None:
    """Refuse options of `load_image` of a wrong type (RequestError)."""
    check_flags(**flags)
    if not isinstance(limits, ImageLimits):
        raise RequestError(
            f"limits is {limits!r}, expected an ImageLimits such as ImageLimits(max_pixels=10**8)"
        )


def load_image(
    source: ImageSource,
    *,
    exif: bool = True,
    allow_url: bool = False,
    parity: bool = False,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> LoadedImage:
    """Load an image from whatever the user has. Of an animation, the first frame.

    Args:
        source: path; http(s) URL (with `allow_url`); encoded bytes; binary file, read from its start where it
            can seek and left open; array [H, W], [H, W, 1], [H, W, 3] RGB or [H, W, 4] RGBA of uint8, bool,
            uint16, or float in 0..1; PIL image (its current frame).
        exif: turn the image upright as its EXIF orientation says.
        allow_url: fetch URLs. Off by default: no network call that nobody asked for.
        parity: the published rules (spec `locateanything` 3 step 1), for comparing numbers: EXIF ignored
            whatever `exif` says, only RGBA composited on white, the rest plainly converted.
        limits: pixels and bytes.

    Raises:
        ImageLoadError: not found, not an image, damaged, an array or object of a wrong kind.
        ImageTooLargeError: over one of the limits.
        ImageFetchError: a URL that may not or could not be fetched.
        RequestError: see `check_image_options`.
    """
    check_image_options(exif=exif, allow_url=allow_url, parity=parity, limits=limits)
    if isinstance(source, np.ndarray):
        check_array_shape(source, "<array>")
        _check_size((source.shape[1], source.shape[0]), "<array>", limits)
        return _loaded(array_to_rgb(source, "<array>"), "<array>")
    if isinstance(source, Image.Image):
        image, name = source, _shorten(str(getattr(source, "filename", "") or "<image>"))
    else:
        data, name = _read(source, allow_url, limits)
        image = _open(data, name)
    _check_size(image.size, name, limits)
    _decode(image, name)
    turned = None if parity or not exif else _TRANSPOSES.get(_orientation(image, name))
    try:
        upright = image if turned is None else image.transpose(turned)
        pixels = image_to_rgb(upright, name, parity=parity)
    except ImageError:
        raise
    except MemoryError as error:
        raise _out_of_memory(image, name) from error
    except (ValueError, TypeError, OSError, ImportError) as error:  # the last: LAB needs ImageCms
        raise ImageLoadError(
            f"{name}: colour mode {image.mode} could not be converted to RGB ({error}); expected a mode that "
            "Pillow converts; convert it with another program and pass that"
        ) from error
    return _loaded(pixels, name, exif_transposed=turned is not None)


def _loaded(pixels: np.ndarray, name: str, exif_transposed: bool = False) -> LoadedImage:
    pixels.setflags(write=False)  # one image serves many prompts
    return LoadedImage(pixels, (pixels.shape[1], pixels.shape[0]), name, exif_transposed)


# -- from a source to bytes ----------------------------------------------------------------------------


def _read(source: Any, allow_url: bool, limits: ImageLimits) -> tuple[bytes, str]:
    """The encoded bytes of any source that is not pixels already, and a name for them."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _check_bytes(bytes(source), "<bytes>", limits), "<bytes>"
    if isinstance(source, str):
        scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*)://|(data):", source)
        if scheme:
            return _read_url(source, (scheme[1] or scheme[2]).lower(), allow_url, limits)
        return _read_path(source, limits), _shorten(source)
    if isinstance(source, os.PathLike):
        return _read_path(os.fspath(source), limits), _shorten(str(source))
    if hasattr(source, "read"):
        return _read_file(source, limits)
    raise ImageLoadError(
        f"cannot load an image from an object of type {type(source).__name__}, expected {_SOURCES}; "
        "convert it to one of these (a tensor: to a numpy array [height, width, channels]); for several "
        "images there are Locator.stream and Locator.locate_many"
    )


def _read_url(url: str, scheme: str, allow_url: bool, limits: ImageLimits) -> tuple[bytes, str]:
    name = shown_url(url)
    if scheme == "data":
        raise ImageLoadError(
            f"{name}: a data URL, expected {_SOURCES}; decode its base64 part and pass the bytes"
        )
    if scheme == "file":
        raise ImageLoadError(f"{name}: a file URL, expected {_SOURCES}; pass the plain path")
    if scheme not in ("http", "https"):
        raise ImageFetchError(
            f"{name}: a URL with scheme '{scheme}', expected http or https; "
            "download it and pass the path or bytes"
        )
    if not allow_url:
        raise ImageFetchError(
            f"{name}: a URL, and fetching is off, expected {_SOURCES}; pass allow_url=True to let "
            "locany fetch it, or download it and pass the path or bytes"
        )
    max_bytes = min(limits.max_bytes, DEFAULT_MAX_BYTES)
    return _check_bytes(fetch_url(url, max_bytes=max_bytes), name, limits), name


def _read_path(path: str, limits: ImageLimits) -> bytes:
    name = _shorten(path)
    if not path:
        raise ImageLoadError("the path is an empty string, expected the path of an image file; name the file")
    try:
        expanded = Path(path).expanduser()
        status = expanded.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageLoadError(f"{name}: a folder, expected an image file; name one of the files in it")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or device could block for ever
            raise ImageLoadError(
                f"{name}: a pipe, socket or device, expected an image file; "
                "read it yourself and pass the bytes"
            )
        if status.st_size > limits.max_bytes:
            raise _too_many_bytes(name, f"{status.st_size:,}", limits)
        with expanded.open("rb") as file:
            return _check_bytes(file.read(limits.max_bytes + 1), name, limits)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageLoadError(
            f"{name}: no such file, expected the path of an image; check the spelling (a relative path "
            "starts at the current folder)"
        ) from error
    except PermissionError as error:
        raise ImageLoadError(
            f"{name}: no permission to read it, expected a readable image file; "
            "change its permissions or copy it"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:  # too long, NUL inside, link loop, no home folder
        reason = error.strerror if isinstance(error, OSError) else error  # an OSError repeats the path
        raise ImageLoadError(
            f"{name!r}: not a usable path ({reason}), expected the path of an image; "
            "if the string is base64, decode it and pass the bytes"
        ) from error


def _read_file(file: Any, limits: ImageLimits) -> tuple[bytes, str]:
    given_name = getattr(file, "name", None)
    name = _shorten(given_name) if isinstance(given_name, str) else "<file>"
    chunks: list[bytes] = []
    num_bytes = 0
    try:
        if getattr(file, "seekable", lambda: False)():
            file.seek(0)  # a buffer that was just written to stands at its end
        while num_bytes <= limits.max_bytes:  # an unbuffered file may return less than asked
            chunk = file.read(limits.max_bytes + 1 - num_bytes)
            if not chunk:
                break
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                raise ImageLoadError(
                    f"{name}: the file gives {type(chunk).__name__}, expected bytes; "
                    "open it in binary mode ('rb')"
                )
            chunks.append(bytes(chunk))
            num_bytes += len(chunks[-1])
    except (OSError, ValueError) as error:  # ValueError: the file is closed, or text that does not decode
        raise ImageLoadError(
            f"{name}: the file cannot be read ({error}), expected an open binary file; open it with 'rb' "
            "and pass it before it is closed"
        ) from error
    return _check_bytes(b"".join(chunks), name, limits), name


def _check_bytes(data: bytes, name: str, limits: ImageLimits) -> bytes:
    if not data:
        raise ImageLoadError(
            f"{name}: empty, 0 bytes, expected an image; check how it was written or downloaded"
        )
    if len(data) > limits.max_bytes:
        raise _too_many_bytes(name, f"more than {limits.max_bytes:,}", limits)
    return data


# -- from bytes to an image ----------------------------------------------------------------------------


def _open(data: bytes, name: str) -> Image.Image:
    """Read the header; no pixel is decoded."""
    Image.init()  # registers what this Pillow can read; asking it for more is a KeyError
    if kinds.is_heic(data[:_HEAD_LEN]):
        _register_heif()
    formats = [known for known in _FORMATS if known in Image.OPEN]
    try:
        with _WARNINGS_LOCK, warnings.catch_warnings():
            # Between once and twice its limit Pillow warns; we have a limit of our own, checked next.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError as error:
        raise _pillow_refuses(name, error) from error
    except Exception as error:  # decoders raise anything on damaged headers
        known = kinds.readable_format(data[:_HEAD_LEN])
        if known:
            raise _damaged(name, known, "its header cannot be read") from error
        if not isinstance(error, Image.UnidentifiedImageError):
            raise _damaged(name, "image", str(error)) from error
        what, advice = kinds.describe(data[:_HEAD_LEN])
        raise ImageLoadError(
            f"{name}: {what}, which locany does not read, expected an image such as PNG, JPEG, WebP, GIF, "
            f"BMP or TIFF; {advice}"
        ) from error


@cache
def _register_heif() -> None:
    """Let Pillow read the photos of phones, where the package for that is installed."""
    if "HEIF" in Image.OPEN:  # somebody did
        return
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def _decode(image: Image.Image, name: str) -> None:
    try:
        image.load()
    except Image.DecompressionBombError as error:
        raise _pillow_refuses(name, error) from error
    except MemoryError as error:
        raise _out_of_memory(image, name) from error
    except Exception as error:  # as in _open
        raise _damaged(name, image.format or "image", str(error) or type(error).__name__) from error


def _orientation(image: Image.Image, name: str) -> int:
    """The EXIF orientation, 1 (upright) to 8; a value that EXIF does not define counts as upright."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception as error:  # EXIF is a small TIFF written by every camera in its own way
        warnings.warn(
            f"{name}: the EXIF data is damaged ({error}), so the image is taken as upright", stacklevel=3
        )
        return 1
    return value if isinstance(value, int) else 1


# -- refusals ------------------------------------------------------------------------------------------


def _check_size(size_wh: tuple[int, int], name: str, limits: ImageLimits) -> None:
    width, height = size_wh
    num_pixels = width * height
    if width <= 0 or height <= 0:
        raise ImageLoadError(
            f"{name}: {width} x {height} pixels, expected at least one each way; check how the image was made"
        )
    if num_pixels > limits.max_pixels:
        raise ImageTooLargeError(
            f"{name}: {width} x {height} = {num_pixels:,} pixels, expected at most {limits.max_pixels:,}; "
            "make it smaller, or pass limits=ImageLimits(max_pixels=...) if you trust it"
        )


def _too_many_bytes(name: str, given: str, limits: ImageLimits) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{name}: {given} bytes, expected at most {limits.max_bytes:,}; make it smaller, or pass "
        "limits=ImageLimits(max_bytes=...) if you trust it"
    )


def _pillow_refuses(name: str, error: Exception) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{name}: refused by Pillow ({error}), expected an image within its own limit; make it smaller, "
        "or open it with Pillow under a limit of your choice and pass the PIL image"
    )


def _out_of_memory(image: Image.Image, name: str) -> ImageTooLargeError:
    width, height = image.size
    return ImageTooLargeError(
        f"{name}: {width} x {height} pixels do not fit into memory, expected an image that does; "
        "make it smaller"
    )


def _damaged(name: str, what: str, cause: str) -> ImageLoadError:
    return ImageLoadError(
        f"{name}: the {what} data is cut short or damaged ({_shorten(cause)}), expected a whole image; "
        "copy or download it again"
    )


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
