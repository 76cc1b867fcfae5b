"""Emoji of the system's colour font: what they are called and how they look."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from locany.errors import MissingAssetsError
from locany.synth import assets, svg
from locany.synth.colors import COLOR_NAMES
from locany.synth.fonts import SETUP_HINT
from locany.synth.icon_names import read_names
from locany.synth.render_assets import assets_folder

_FONT_NAME = "Noto Color Emoji"
_STRIKE = 109  # the only bitmap size in the font
_NEWEST = 15.0  # version of the emoji standard that every set we draw with covers
_GROUPS = frozenset({3, 4, 5, 6, 7})  # animals and nature, food, travel, activities, objects
_SHORTCODES = ("github", "joypixels", "emojibase")


@dataclass(frozen=True)
class EmojiName:
    """What an emoji is called.

    Attributes:
        code: its code points in hexadecimal, upper case, joined with "-", without U+FE0F.
        name: what questions call it.
        synonyms: other names for it.
        words: words that go with it ("bird" with a duck); nothing else may be asked for by them beside it.
    """

    code: str
    name: str
    synonyms: tuple[str, ...]
    words: frozenset[str]


@cache
def emoji_names() -> tuple[EmojiName, ...]:
    """The emoji that we draw, in the order of the standard; several may share a name (a dog and its face).

    Raises:
        MissingAssetsError: emojibase is not installed.
    """
    names = read_names()
    ours = {
        _code([ord(c) for c in entry.char]): (entry.name, entry.synonyms) for entry in assets.sprite_entries()
    }
    shortcodes = [_read(f"shortcodes/{source}.json") for source in _SHORTCODES]
    found = []
    for entry in _read("data.json"):
        label, code = entry["label"], entry["hexcode"].replace("-FE0F", "")
        # A sequence of several code points is a flag, a family, a tone of skin: not one thing to name.
        if "-" in code or entry.get("version", 99) > _NEWEST:
            continue
        extra = names.emoji_extra.get(label)
        if extra is None and (entry.get("group") not in _GROUPS or names.leaves_out(label)):
            continue
        if code in ours:
            name, given = ours[code]
        else:
            name = extra or names.emoji_called.get(label) or _plain(label)
            given = _shortcode_names(label, [source.get(entry["hexcode"], ()) for source in shortcodes])
        synonyms = tuple(s for s in given if s != name and _usable(s))
        words = frozenset(w for tag in (label, *entry.get("tags", ())) for w in _plain(tag).split())
        found.append(EmojiName(code, name, synonyms, words))
    return tuple(found)


@cache
def picture_files(set_name: str) -> dict[str, Path]:
    """The files of a set of emoji by code, see `EmojiName`; none for a set that is a font.

    Raises:
        MissingAssetsError: the set is not installed.
    """
    if set_name == "twemoji":
        return {path.stem.upper().replace("-FE0F", ""): path for path in svg.emoji_files(set_name)}
    if set_name not in svg.EMOJI_FOLDERS:
        return {}
    # Other sets call them what the standard does, with hyphens, without spaces or marks.
    by_letters = {_letters(path.stem): path for path in svg.emoji_files(set_name)}
    labels = {entry["hexcode"].replace("-FE0F", ""): _letters(entry["label"]) for entry in _read("data.json")}
    return {code: by_letters[label] for code, label in labels.items() if label in by_letters}


@lru_cache(maxsize=1024)
def noto_picture(code: str) -> Image.Image:
    """An emoji of the font as RGBA, cut to its visible pixels, about 128 wide; callers do not change it."""
    canvas = Image.new("RGBA", (2 * _STRIKE, 2 * _STRIKE))
    ImageDraw.Draw(canvas).text(
        (_STRIKE // 2, _STRIKE // 2), chr(int(code, 16)), font=_font(), embedded_color=True
    )
    box = canvas.getchannel("A").point(lambda a: 255 if a >= assets.VISIBLE_ALPHA else 0).getbbox()
    if box is None:
        raise MissingAssetsError(f"{_FONT_NAME} has no U+{code}; {SETUP_HINT}")
    return canvas.crop(box)


@cache
def _font() -> ImageFont.FreeTypeFont:
    if shutil.which("fc-list") is None:
        raise MissingAssetsError(f"fontconfig (fc-list) is not installed; {SETUP_HINT}")
    listed = subprocess.run(
        ["fc-list", f":family={_FONT_NAME}", "file"], capture_output=True, text=True, check=True
    )
    paths = sorted(line.split(": ")[0].rstrip(":") for line in listed.stdout.splitlines() if line)
    if not paths:
        raise MissingAssetsError(f"the font {_FONT_NAME} is not installed; {SETUP_HINT}")
    return ImageFont.truetype(paths[0], _STRIKE, layout_engine=ImageFont.Layout.BASIC)


def _shortcode_names(label: str, given: list[Any]) -> tuple[str, ...]:
    """The standard's own name and those that chat programs use, each once."""
    codes = [code for value in given for code in ([value] if isinstance(value, str) else value)]
    return tuple(dict.fromkeys(_plain(text) for text in (label, *codes)))


def _usable(synonym: str) -> bool:
    """Whether it is words, not known as misleading, and not to be taken for a description by colour."""
    is_words = re.fullmatch(r"[a-z][a-z' -]{2,}", synonym)
    unwanted = synonym in read_names().emoji_not_called or synonym.split()[0] in COLOR_NAMES
    return bool(is_words) and not unwanted


def _plain(label: str) -> str:
    return re.sub(r"[_\s]+", " ", label.replace("’", "'").replace(":", "")).strip().lower()


def _letters(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())


def _code(points: list[int]) -> str:
    return "-".join(f"{point:04X}" for point in points if point != 0xFE0F)


def _read(name: str) -> Any:
    path: Path = assets_folder() / "node_modules" / "emojibase-data" / "en" / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingAssetsError(f"{path} is missing; {SETUP_HINT}") from None
