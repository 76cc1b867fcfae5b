"""Images of data sets: found and measured without decoding, and laid beside what is written."""

from __future__ import annotations

import io
import os
import shutil
import stat
from functools import lru_cache
from pathlib import Path

from PIL import Image

from locany.data.converters.faults import FaultKind, RecordError, shorten
from locany.data.converters.files import whole_file
from locany.data.sample import ImageRef, Sample

_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "JPEG2000": ".jp2"}


def image_ref(root: Path, name: str) -> ImageRef:
    """A reference to the image `root / name`, with the size of the upright image from its header.

    Raises:
        RecordError: it is missing or no image.
    """
    path = root / name
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise RecordError(FaultKind.MISSING_IMAGE, f"image {shorten(name)!r} is not a file")
    except (OSError, ValueError):  # ValueError: a NUL in the name
        raise RecordError(
            FaultKind.MISSING_IMAGE,
            f"image {shorten(name)!r} is missing: there is no {shorten(str(path), 200)}",
        ) from None
    try:
        return ImageRef(path, _upright_size(str(path), status.st_mtime_ns))
    except Exception as error:  # decoders raise anything on damaged headers
        raise RecordError(
            FaultKind.UNREADABLE_IMAGE, f"image {shorten(name)!r} cannot be read as an image: {error}"
        ) from None


def check_size(image: ImageRef, width: float, height: float) -> None:
    """Hold the size that a record states against the image.

    Raises:
        RecordError: it is another one, so that boxes would be misplaced.
    """
    if (width, height) != image.size_wh:
        turned = (height, width) == image.size_wh
        hint = "; its EXIF orientation turns it, the record is about the image as stored" if turned else ""
        raise RecordError(
            FaultKind.IMAGE_SIZE,
            f"the record is about an image of {width:g} x {height:g}, the image is "
            f"{image.size_wh[0]} x {image.size_wh[1]}{hint}",
        )


@lru_cache(maxsize=4096)  # lines about one image usually follow each other
def _upright_size(path: str, _mtime: int) -> tuple[int, int]:
    with Image.open(path) as image:
        if image.format == "TIFF":  # Pillow states the upright size of these itself
            return image.size
        # Not the format's own method: that of PNG decodes the image to look for EXIF data behind it. Where a
        # PNG is really turned by such data, loading it says that the size differs.
        orientation = Image.Image.getexif(image).get(_ORIENTATION, 1)
        width, height = image.size
        return (height, width) if orientation in _TURNED else (width, height)


class ImagePlacer:
    """Where the images of written samples lie.

    Files stay where they are and are named relative to `base`, unless `copy_to` is given; pixels and encoded
    bytes are written as files.

    Args:
        base: the folder that names are relative to.
        new: the folder for images that are not files yet.
        copy: put files there as well, under names of their own.
    """

    def __init__(self, base: Path, new: Path, *, copy: bool = False):
        self.base, self.new, self.copy = base, new, copy
        self._number = 0
        self._taken: set[str] = set()

    def place(self, sample: Sample) -> str:
        """The name of the image relative to `base`, with forward slashes."""
        source = sample.image.source if isinstance(sample.image, ImageRef) else None
        if isinstance(source, Path):
            path = self._copied(source) if self.copy else source.absolute()
        else:
            self._number += 1
            data, suffix = (source, _suffix(source)) if source is not None else (_png(sample), ".png")
            path = (self.new / self._free(f"{self._number:08d}", suffix)).absolute()
            with whole_file(path) as file:
                file.write(data)
        return Path(os.path.relpath(path, self.base.absolute())).as_posix()

    def _copied(self, source: Path) -> Path:
        self.new.mkdir(parents=True, exist_ok=True)
        target = (self.new / self._free(source.stem, source.suffix)).absolute()
        shutil.copyfile(source, target)
        return target

    def _free(self, stem: str, suffix: str) -> str:
        """A name whose stem no other image has: labels are found by stem."""
        name, number = stem, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name.lower())
        return name + suffix


def _suffix(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        return _SUFFIXES.get(str(image.format), f".{image.format}".lower())


def _png(sample: Sample) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(sample.pixels()).save(buffer, "PNG")
    return buffer.getvalue()
