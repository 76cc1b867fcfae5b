"""SOURCE on the command line: what it stands for, and where annotated images go.

A file that exists by exactly this name wins over every other reading.
"""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from locany.errors import RequestError

# What a folder is searched for, by file name. Whether a file is an image is decided by its content.
IMAGE_SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm"),
        *(".pbm", ".pnm", ".ico", ".jp2", ".j2k", ".avif", ".heic", ".heif", ".qoi", ".sgi", ".pcx"),
    }
)
OUT_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|data:", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One image.

    Attributes:
        name: for people.
        given: what `load_image` takes.
        path: of a file, else None.
    """

    name: str
    given: Any
    path: Path | None = None

    @property
    def is_url(self) -> bool:
        return self.path is None and isinstance(self.given, str)


@dataclass(frozen=True)
class Sources:
    """All images of a SOURCE. `several` says what was asked for: a folder of one image is still a folder."""

    images: tuple[Source, ...]
    several: bool


def find_sources(source: str) -> Sources:
    """The images that SOURCE stands for, those of folders and patterns sorted by path.

    Raises:
        RequestError: it stands for nothing.
    """
    if source == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise RequestError("SOURCE is '-', but nothing is piped in; pipe an image in, or name a file")
        return Sources((Source("<stdin>", sys.stdin.buffer),), several=False)
    if not source.strip() or "\0" in source:
        raise RequestError("SOURCE is empty; name an image file, folder, quoted pattern or URL")
    path = _expand_user(source)
    try:
        exists, inside = path.exists(), list(path.iterdir()) if path.is_dir() else None
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise RequestError(f"SOURCE '{source[:200]}' cannot be looked at: {error.strerror}") from None
    if inside is not None:
        found = sorted(p for p in inside if _is_image_name(p) and not p.is_dir())
        if not found:
            raise RequestError(f"no image in the folder '{source}' (folders inside it are not searched)")
    elif exists:
        return Sources((Source(source, path, path),), several=False)
    elif _URL.match(source):
        return Sources((Source(_shown(source), source),), several=False)
    elif glob.has_magic(source):
        names = glob.glob(str(path), recursive=True)
        found = sorted(p for p in map(Path, names) if not p.is_dir())
        if not found:
            raise RequestError(f"no file matches the pattern '{source}'")
    elif source.startswith("-"):
        raise RequestError(f"unknown option or file '{source}'")
    else:
        raise RequestError(f"no such file or folder: '{source}'")
    return Sources(tuple(Source(str(p), p, p) for p in found), several=True)


def check_categories(categories: Sequence[str]) -> None:
    """Refuse image files among the categories: the shell has expanded an unquoted pattern.

    Raises:
        RequestError: one of the categories is an image file.
    """
    for word in categories:
        path = Path(word)
        if len(word) < 255 and _is_image_name(path) and path.is_file():
            raise RequestError(
                f"'{word}' is an image file, but what to look for is expected here; "
                "give several images as a folder or as a quoted pattern such as '*.jpg'"
            )


def plan_outputs(out: Path | None, sources: Sources) -> list[Path | None]:
    """Where the annotated image of every source goes; folders that are missing are made.

    Raises:
        RequestError: it cannot be written there, or it would overwrite an image that is read.
    """
    if out is None:
        return [None] * len(sources.images)
    out = _expand_user(str(out))
    if sources.several and out.exists() and not out.is_dir():
        raise RequestError(f"--out '{out}' is a file; several images need a folder")
    if out.is_dir() or sources.several:
        if out.suffix.lower() in OUT_SUFFIXES and not out.is_dir():
            raise RequestError(f"--out '{out}' is a file name; several images need a folder")
        _make_folder(out)
        planned = _names_in(out, sources.images)
    else:
        if out.suffix.lower() not in OUT_SUFFIXES:
            raise RequestError(f"--out '{out}' must end in .png or .jpg, or be an existing folder")
        if not out.parent.is_dir():
            raise RequestError(f"--out '{out}': there is no folder '{out.parent}'")
        planned = [out]
    inputs = {_identity(image.path) for image in sources.images if image.path}
    for path in planned:
        if path.exists() and _identity(path) in inputs:
            raise RequestError(f"--out would overwrite the input '{path}'; choose another place")
    return list(planned)


def _names_in(folder: Path, images: Sequence[Source]) -> list[Path]:
    """A file per image, named after it; of equal names the later ones get a number."""
    taken: set[str] = set()
    planned = []
    for image in images:
        name = image.path.name if image.path else PurePosixPath(urlsplit(image.name).path).name
        name = re.sub(r"[<>:\"/\\|?*\x00-\x1f]", "", name) or "image"
        if Path(name).suffix.lower() not in OUT_SUFFIXES:
            name += ".png"
        stem, suffix, number = Path(name).stem, Path(name).suffix, 2
        while name.lower() in taken:  # file systems may not tell cases apart
            name, number = f"{stem}-{number}{suffix}", number + 1
        taken.add(name.lower())
        planned.append(folder / name)
    return planned


def _identity(path: Path) -> tuple[int, int] | None:
    """What two names of one file have in common; None for a link to nothing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out '{folder}' cannot be made: {error.strerror}") from None


def _is_image_name(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _expand_user(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # '~name' without such a user is a plain name
        return Path(text)


def _shown(url: str) -> str:
    from locany.image.fetch import shown_url  # late: brings numpy and Pillow

    return shown_url(url)
