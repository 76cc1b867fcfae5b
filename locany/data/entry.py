"""A sample as bytes: the image as encoded, and the record as JSON. What shards of every format hold."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from locany.data.record import sample_from_json, sample_to_json
from locany.data.sample import ImageRef, Sample
from locany.errors import DataError, ImageError

_SIGNATURES = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))


@dataclass(frozen=True)
class Entry:
    """A sample as bytes.

    Attributes:
        key: unique in a folder; letters, digits, "-" and "_", since WebDataset cuts names at the first dot.
        image: the encoded image, JPEG, PNG or WebP.
        record: the JSON of `record.py`, UTF-8.
    """

    key: str
    image: bytes
    record: bytes

    def __post_init__(self) -> None:
        if not self.key or not all(c.isascii() and (c.isalnum() or c in "-_") for c in self.key):
            raise DataError(f"a key is made of letters, digits, '-' and '_', got {self.key!r}")

    @property
    def suffix(self) -> str:
        """Of the image file: "jpg", "png" or "webp"."""
        suffix = _held_suffix(self.image)
        if suffix is None:
            raise DataError(
                f"sample {self.key}: a shard holds JPEG, PNG or WebP images, this one is none of them"
            )
        return suffix


def pack(key: str, sample: Sample) -> Entry:
    """A sample as bytes. JPEG, PNG and WebP images keep theirs; other kinds, and bare pixels, become PNG.

    Raises:
        DataError: the image cannot be read or has another size, or the record holds what JSON cannot.
    """
    try:
        record = json.dumps(
            sample_to_json(sample), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"sample {key} cannot be written as JSON: {error}") from error
    entry = Entry(key, _image_bytes(key, sample.image), record)
    assert entry.suffix
    return entry


def unpack(entry: Entry, where: str = "") -> Sample:
    """The sample of an entry, its image as a reference to the encoded bytes.

    Args:
        entry: of `pack`.
        where: the file, for messages.

    Raises:
        DataError: the record is damaged or does not belong to the image.
    """
    try:
        fields = json.loads(entry.record)
        width, height = (int(side) for side in fields["size_wh"])
        return sample_from_json(fields, ImageRef(entry.image, (width, height)))
    except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{where}: the record of sample {entry.key} is damaged ({error})") from error
    except DataError as error:
        raise DataError(f"{where}: sample {entry.key}: {error}") from error


def checked_entry(path: Path, key: str, image: bytes, record: bytes) -> Entry:
    """An entry read from a file, which errors name.

    Raises:
        DataError: key or image are no such thing.
    """
    try:
        entry = Entry(key, image, record)
        assert entry.suffix
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return entry


def _held_suffix(image: bytes) -> str | None:
    """What encoded images of this kind are called in a shard; None for kinds that shards do not hold."""
    return next((suffix for signature, suffix in _SIGNATURES if image.startswith(signature)), None)


def _image_bytes(key: str, image: np.ndarray | ImageRef) -> bytes:
    if isinstance(image, ImageRef):
        try:
            content = image.source if isinstance(image.source, bytes) else image.source.read_bytes()
            if _held_suffix(content) is not None:
                return content
            pixels = image.load()
        except (OSError, ImageError) as error:
            raise DataError(f"sample {key}: the image cannot be read: {error}") from error
        except DataError as error:  # it has another size than its record says
            raise DataError(f"sample {key}: {error}") from error
    else:
        pixels = image
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
