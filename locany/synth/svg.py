"""Icon sets from npm: which files they have, what the files are called, and how they look at a size."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image

from locany.errors import DataError, MissingAssetsError, MissingExtraError
from locany.synth.fonts import SETUP_HINT
from locany.synth.render_assets import assets_folder

_STYLE_MARKS = re.compile(r"[-_](fill|bold)$")


@dataclass(frozen=True)
class IconSet:
    """One design, drawn in one colour.

    Attributes:
        name: what splits and provenance call it.
        folders: (style, folder under `node_modules`); a file that is marked as filled inside a folder of
            outlines counts as filled.
    """

    name: str
    folders: tuple[tuple[str, str], ...]


ICON_SETS = {
    icon_set.name: icon_set
    for icon_set in (
        IconSet("lucide", (("outline", "lucide-static/icons"),)),
        IconSet(
            "tabler", (("outline", "@tabler/icons/icons/outline"), ("filled", "@tabler/icons/icons/filled"))
        ),
        IconSet("bootstrap", (("outline", "bootstrap-icons/icons"),)),
        IconSet(
            "material",
            (
                ("filled", "@material-design-icons/svg/filled"),
                ("outline", "@material-design-icons/svg/outlined"),
            ),
        ),
        IconSet(
            "phosphor",
            (
                ("outline", "@phosphor-icons/core/assets/regular"),
                ("outline", "@phosphor-icons/core/assets/bold"),
                ("filled", "@phosphor-icons/core/assets/fill"),
            ),
        ),
        IconSet("heroicons", (("outline", "heroicons/24/outline"), ("filled", "heroicons/24/solid"))),
        IconSet("remix", (("outline", "unpacked/ri/outline"), ("filled", "unpacked/ri/filled"))),
        IconSet(
            "mingcute", (("outline", "unpacked/mingcute/outline"), ("filled", "unpacked/mingcute/filled"))
        ),
        IconSet("mdi", (("outline", "unpacked/mdi/outline"), ("filled", "unpacked/mdi/filled"))),
    )
}
# Sets that draw emoji; a file is called what the standard calls it, by code point (Twemoji) or name.
EMOJI_FOLDERS = {
    "twemoji": "@twemoji/svg",
    "fluent-flat": "unpacked/fluent-emoji-flat/filled",
    "fluent-mono": "unpacked/fluent-emoji-high-contrast/filled",
    "noto-v1": "unpacked/noto-v1/filled",
    "fxemoji": "unpacked/fxemoji/filled",
}


@dataclass(frozen=True)
class IconFile:
    """A file of an icon set. `style` is "outline" or "filled"."""

    path: Path
    style: str


@cache
def icon_files(set_name: str) -> dict[str, tuple[IconFile, ...]]:
    """The files of an icon set by plain name ("arrow up right"), in an order that no machine changes.

    Raises:
        MissingAssetsError: the icon sets are not installed.
    """
    found: dict[str, list[IconFile]] = {}
    for style, folder in ICON_SETS[set_name].folders:
        for path in _svg_files(folder):
            filled = path.stem.endswith("-fill")
            found.setdefault(plain_name(path.stem), []).append(IconFile(path, "filled" if filled else style))
    return {name: tuple(files) for name, files in found.items()}


def plain_name(stem: str) -> str:
    """A file name as words: "arrow-up-right", "arrow_up_right" and "arrow-up-right-fill" are one."""
    return re.sub(r"[-_]+", " ", _STYLE_MARKS.sub("", stem))


def emoji_files(set_name: str) -> list[Path]:
    """The files of a set of emoji, in an order that no machine changes.

    Raises:
        MissingAssetsError: the set is not installed.
    """
    return _svg_files(EMOJI_FOLDERS[set_name])


@lru_cache(maxsize=4096)
def picture(path: Path, side: int) -> Image.Image:
    """An icon as RGBA, straight alpha, its view box scaled to `side` pixels; callers do not change it.

    Raises:
        MissingExtraError: resvg_py is not installed.
        DataError: the file cannot be drawn.
    """
    try:
        import resvg_py
    except ImportError:
        raise MissingExtraError("resvg_py", "render", "drawing icon sets") from None
    try:
        # Without the system's fonts: icons hold no text, and searching for fonts costs more than drawing.
        png = resvg_py.svg_to_bytes(svg_path=str(path), width=side, height=side, skip_system_fonts=True)
    except ValueError as error:
        raise DataError(f"the icon {path} cannot be drawn ({error}); {SETUP_HINT}") from error
    return Image.open(io.BytesIO(png)).convert("RGBA")


@lru_cache(maxsize=8192)
def mask(path: Path, side: int) -> Image.Image:
    """The coverage of a one-coloured icon, mode L, cut to its visible part; callers do not change it."""
    alpha = picture.__wrapped__(path, side).getchannel("A")
    box = alpha.getbbox()
    if box is None:
        raise DataError(f"the icon {path} is empty; {SETUP_HINT}")
    return alpha.crop(box)


def _svg_files(folder: str) -> list[Path]:
    path = assets_folder() / "node_modules" / folder
    files = sorted(path.glob("*.svg"))
    if not files:
        raise MissingAssetsError(f"no icons in {path}; {SETUP_HINT}")
    return files
