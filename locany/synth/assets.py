"""The pictures, fonts and words that the renderers draw with: read once, kept in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFont

from locany.errors import DataError
from locany.synth.splits import in_split

ASSETS = Path(__file__).parent.parent / "assets" / "synth"

VISIBLE_ALPHA = 25  # of 255; a pixel below a tenth of full opacity is not seen and not boxed


@dataclass(frozen=True)
class Sprite:
    """One emoji.

    Attributes:
        name: what questions call it; lower case, one or two words.
        synonyms: other names, for rephrasing.
        rgba: [height, width, 4] uint8, straight alpha, cut to its visible pixels; read-only.
    """

    name: str
    synonyms: tuple[str, ...]
    rgba: np.ndarray


@dataclass(frozen=True)
class Font:
    """A font file.

    Attributes:
        name: family and weight, for example "inter-700".
        path: the file.
    """

    name: str
    path: Path

    @property
    def family(self) -> str:
        """The name without the weight."""
        return self.name.rpartition("-")[0]


@cache
def sprites() -> tuple[Sprite, ...]:
    """All sprites, in sheet order."""
    index = _read_json("emoji.json")
    sheet_path = _existing(ASSETS / "emoji.webp")
    try:
        cell, columns, entries = int(index["cell"]), int(index["columns"]), index["sprites"]
        with Image.open(sheet_path) as image:
            sheet = np.array(image.convert("RGBA"))
        return tuple(
            Sprite(entry["name"], tuple(entry["synonyms"]), _cut(sheet, i, cell, columns))
            for i, entry in enumerate(entries)
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(f"{sheet_path} and emoji.json do not fit together ({error}); {_REMEDY}") from error


@dataclass(frozen=True)
class SpriteEntry:
    """Names of a sprite, and the character that it draws."""

    name: str
    synonyms: tuple[str, ...]
    char: str


@cache
def sprite_entries() -> tuple[SpriteEntry, ...]:
    """What the sprites are called, in sheet order, without reading the sheet."""
    return tuple(
        SpriteEntry(
            entry["name"],
            tuple(entry["synonyms"]),
            "".join(chr(int(point.removeprefix("U+"), 16)) for point in entry["codepoint"].split()),
        )
        for entry in _read_json("emoji.json")["sprites"]
    )


@cache
def sprite_names() -> tuple[str, ...]:
    """Names of all sprites, in sheet order."""
    return tuple(sprite.name for sprite in sprites())


@cache
def fonts(split: str) -> tuple[Font, ...]:
    """The fonts of a split, "train" or "held-out", sorted by name."""
    found = [Font(path.stem, path) for path in sorted((ASSETS / "fonts").glob("*.woff"))]
    families = set(in_split("fonts", [font.family for font in found], split))
    chosen = tuple(font for font in found if font.family in families)
    if not chosen:
        raise DataError(f"no {split} fonts under {ASSETS / 'fonts'}; {_REMEDY}")
    return chosen


@lru_cache(maxsize=1024)
def load_font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font at an em size in pixels. Basic layout, so that no system library changes the pixels."""
    try:
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise DataError(f"the font {path} cannot be opened ({error}); {_REMEDY}") from error


@cache
def cap_height(path: Path) -> float:
    """Height of a capital letter as a share of the em size."""
    _, top, _, bottom = load_font(path, 200).getbbox("H")
    return (bottom - top) / 200


@cache
def words() -> tuple[str, ...]:
    """Words as they stand on signs and in interfaces.

    None is part of another and none names a sprite, so "where is `open`" has one answer.
    """
    items = _read_json("words.json")
    if not items or not all(isinstance(word, str) for word in items):
        raise DataError(f"{ASSETS / 'words.json'} should be a list of words; {_REMEDY}")
    return tuple(items)


_REMEDY = "reinstall locany, or run scripts/make_synth_assets.py in a checkout"


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"the asset {path} is missing; {_REMEDY}")
    return path


def read_text(name: str) -> str:
    """The text of an asset."""
    return _existing(ASSETS / name).read_text(encoding="utf-8")


def _read_json(name: str) -> Any:
    try:
        return json.loads(read_text(name))
    except ValueError as error:
        raise DataError(f"{ASSETS / name} is not JSON ({error}); {_REMEDY}") from error


def _cut(sheet: np.ndarray, i: int, cell: int, columns: int) -> np.ndarray:
    row, column = divmod(i, columns)
    rgba = sheet[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
    visible = rgba[..., 3] >= VISIBLE_ALPHA
    if not visible.any():
        raise ValueError(f"cell {i} is empty")
    ys, xs = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    cut = rgba[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].copy()
    cut.setflags(write=False)  # shared by every caller
    return cut
