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
from locany.errors import DataError

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
        for signature, suffix in _SIGNATURES:
            if self.image.startswith(signature):
                return suffix
        raise DataError(
            f"sample {self.key}: a shard holds JPEG, PNG or WebP images, this one is none of them"
        )


def pack(key: str, sample: Sample) -> Entry:
    """A sample as bytes; pixels that are not encoded yet become a PNG.

    Raises:
        DataError: the image is of a kind that shards do not hold, cannot be read, or the record holds what
            JSON cannot.
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


def _image_bytes(key: str, image: np.ndarray | ImageRef) -> bytes:
    if isinstance(image, ImageRef):
        try:
            return image.source if isinstance(image.source, bytes) else image.source.read_bytes()
        except OSError as error:
            raise DataError(f"sample {key}: the image cannot be read: {error}") from error
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()
