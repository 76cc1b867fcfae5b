"""Images of data sets: found and measured without decoding, and laid beside what is written."""

from __future__ import annotations

import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from PIL import Image

from locany.data.converters.faults import FaultKind, RecordError, shorten
from locany.data.converters.files import refuse_other_than_file, whole_file
from locany.data.sample import ImageRef, Sample
from locany.errors import DataError

ROOT_HINT = "; give the folder that names are relative to with --root"
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "JPEG2000": ".jp2"}


def image_ref(root: Path, name: str, hint: str = "") -> ImageRef:
    """A reference to the image `root / name`, with the size of the upright image from its header.

    Args:
        root: the folder.
        name: a path in it.
        hint: what to do where it is missing, for the message.

    Raises:
        RecordError: it is missing or no image.
    """
    path = located(root, name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise RecordError(FaultKind.MISSING_IMAGE, f"image {shorten(name)!r} is not a file")
    except (OSError, ValueError):  # ValueError: a NUL in the name
        raise RecordError(
            FaultKind.MISSING_IMAGE,
            f"image {shorten(name)!r} is missing: there is no {shorten(str(path), 200)}{hint}",
        ) from None
    try:
        return ImageRef(path, _upright_size(str(path), status.st_mtime_ns))
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise RecordError(
            FaultKind.UNREADABLE_IMAGE,
            f"image {shorten(name)!r} has more than the {most:,} pixels that are opened; make it smaller, "
            "with its boxes, or cut it into parts",
        ) from None
    except Exception as error:  # decoders raise anything on damaged headers
        raise RecordError(
            FaultKind.UNREADABLE_IMAGE, f"image {shorten(name)!r} cannot be read as an image: {error}"
        ) from None


def located(root: Path, name: str) -> Path:
    """`root / name`; where nothing is there and the name is one of Windows, with its slashes turned."""
    path = root / name
    return root / name.replace("\\", "/") if "\\" in name and not os.path.exists(path) else path


def check_size(image: ImageRef, width: float, height: float) -> None:
    """Hold the size that a record states against the image.

    Raises:
        RecordError: it is another one, so that boxes would be misplaced.
    """
    if (width, height) != image.size_wh:
        turned = (height, width) == image.size_wh
        hint = "take the image that was annotated, or correct the record"
        if turned:
            hint = (
                "its EXIF orientation turns it, the record is about the image as stored; annotate it "
                "upright, or take the orientation out of the file"
            )
        raise RecordError(
            FaultKind.IMAGE_SIZE,
            f"the record is about an image of {width:g} x {height:g}, the image is "
            f"{image.size_wh[0]} x {image.size_wh[1]}; {hint}",
        )


def is_turned(path: Path) -> bool:
    """Whether an image that can be read is stored in another orientation than it is shown in."""
    with Image.open(path) as image:
        return Image.Image.getexif(image).get(_ORIENTATION, 1) != 1


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


def name_beside(path: Path, base: Path) -> str:
    """The name of a file relative to a folder, with forward slashes."""
    path = path.absolute()
    name = os.path.relpath(path, base.absolute())
    if name.startswith(os.pardir):  # behind a symbolic link ".." leads elsewhere than the name says
        there = os.path.join(os.path.realpath(path.parent), path.name)
        name = os.path.relpath(there, os.path.realpath(base))
    return Path(name).as_posix()


class ImagePlacer:
    """Where the images of written samples lie.

    Files stay where they are and are named relative to `base`, unless `copy_to` is given; pixels and encoded
    bytes are written as files.

    Args:
        base: the folder that names are relative to.
        new: the folder for images that are not files yet.
        copy: put files there as well, under names of their own.
        stage: where images that are to be in `new` are written meanwhile.
    """

    def __init__(self, base: Path, new: Path, *, copy: bool = False, stage: Path | None = None):
        self.base, self.new, self.copy, self.stage = base, new, copy, stage
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
            with whole_file(path if self.stage is None else self._staged(path)) as file:
                file.write(data)
        return name_beside(path, self.base)

    def _staged(self, path: Path) -> Path:
        assert self.stage is not None
        if self._number == 1 and self.new.exists() and (not self.new.is_dir() or any(self.new.iterdir())):
            raise DataError(
                f"the images would go into {self.new}, where something is already, perhaps the images of "
                "another data set; delete it, or name another file to write"
            )
        return self.stage / path.name

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


@contextmanager
def images_beside(path: Path) -> Iterator[ImagePlacer]:
    """Where the images of a data set of one file lie: those that are no files yet in a new folder beside it.

    The folder appears when the images are complete, and only if there are any.

    Raises:
        DataError: `path` cannot be a file, or the folder has something in it.
    """
    refuse_other_than_file(path)
    new = path.with_name(f"{path.stem}_images")
    stage = path.with_name(f".{new.name}.partial")
    shutil.rmtree(stage, ignore_errors=True)  # of a run that was killed
    try:
        yield ImagePlacer(path.parent, new, stage=stage)
        if stage.exists():
            os.replace(stage, new)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _suffix(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        return _SUFFIXES.get(str(image.format), f".{image.format}".lower())


def _png(sample: Sample) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(sample.pixels()).save(buffer, "PNG")
    return buffer.getvalue()
