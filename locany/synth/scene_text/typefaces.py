"""The fonts that scene text writes with, by script, and what each of them can write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from locany.errors import DataError, MissingAssetsError
from locany.synth import assets, fonts, lexicon
from locany.synth.lexicon_words import LANGUAGES
from locany.synth.scene_text.config import SceneTextConfig

_SHAPED = frozenset({"arabic", "hebrew", "devanagari", "thai"})  # letters join, stack or run leftwards
_CAPITALS_ONLY = frozenset({"bebas-neue"})  # its small letters look like capitals
_ABSENT = "\U0010fffd"  # no font has it, so it shows what a font draws for what it lacks
_MARGIN = 2  # empty pixels around the ink of a mask, so that interpolation fades at its rim

_PROBES = {  # letters of the usual height
    "latin": "H",
    "cyrillic": "Н",
    "greek": "Η",
    "chinese": "国",
    "japanese": "国",
    "korean": "국",
    "arabic": "لط",
    "hebrew": "ב",
    "devanagari": "कम",
    "thai": "นล",
}


@dataclass(frozen=True)
class Face:
    """One font file at a weight.

    Attributes:
        name: the family and its weight, for provenance.
        family: what the splits know it by.
        style: see `fonts.Family.style`.
    """

    name: str
    family: str
    style: str
    path: Path
    index: int = 0

    @property
    def capitals_only(self) -> bool:
        """Whether lower-case text would look upper-case."""
        return self.family in _CAPITALS_ONLY


@dataclass(frozen=True)
class Drawn:
    """A word's coverage.

    Attributes:
        mask: mode L, with `_MARGIN` empty pixels around the ink.
        offset: of the mask's top left corner from the pen's place on the baseline.
    """

    mask: Image.Image
    offset: tuple[int, int]


@cache
def faces(split: str, font_source: str, script: str) -> tuple[Face, ...]:
    """The faces of a split that write a script.

    Raises:
        MissingAssetsError: one of the system's families for this script is not installed, or Pillow lacks
            the layout library that the script needs.
    """
    found = []
    if script == "latin":
        found = [Face(f.name, f.family, _bundled_style(f.family), f.path) for f in assets.fonts(split)]
    if font_source == "system":
        wanted = {family.name for family in fonts.FAMILIES if script in family.scripts}
        if missing := sorted(wanted & set(fonts.missing_families())):
            raise MissingAssetsError(
                f"fonts for {script} are not installed: {', '.join(missing)}; {fonts.SETUP_HINT}, "
                "or draw with SceneTextConfig.bundled()"
            )
        if script in _SHAPED and not features.check("raqm"):
            raise MissingAssetsError(
                f"to write {script}, Pillow needs the library libraqm; install Pillow from its wheel"
            )
        for family in fonts.families(split, script=script):
            for file in fonts.font_files(family):
                name = f"{family.name}-{700 if file.bold else 400}"
                found.append(Face(name, family.name, family.style, file.path, file.index))
    return tuple(found)


def names_used(config: SceneTextConfig) -> tuple[str, ...]:
    """Families that a config may draw with, sorted."""
    scripts = {"latin", *(script for script, weight in config.scripts if weight > 0)}
    every = [face for script in scripts for face in faces(config.split, config.font_source, script)]
    return tuple(sorted({face.family for face in every}))


@cache
def languages_of(face: Face, script: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Languages of a script, of those allowed (empty for all), whose letters a face has."""
    return tuple(
        code
        for code in lexicon.languages(script)
        if (not allowed or code in allowed) and covers(face, lexicon.characters(code))
    )


def covers(face: Face, text: str) -> bool:
    """Whether a face has a glyph for every character."""
    return all(character == " " or _has(face, character) for character in text)


def pick_language(rng: np.random.Generator, config: SceneTextConfig, script: str) -> str:
    """A language of a script that some font can write; English as often as on real signs.

    Raises:
        DataError: the config allows none.
    """
    every = faces(config.split, config.font_source, script)
    codes = sorted({code for face in every for code in languages_of(face, script, config.languages)})
    if not codes:
        raise DataError(f"no language of {config.languages} is written in {script} with the fonts at hand")
    return "en" if "en" in codes and rng.random() < 0.35 else codes[int(rng.integers(len(codes)))]


def pick_face(
    rng: np.random.Generator, config: SceneTextConfig, language: str, styles: tuple[str, ...] = ()
) -> Face:
    """A face that writes a language; of one of the styles if there is one."""
    able = _able(config.split, config.font_source, language)
    able = tuple(face for face in able if face.style in styles) or able
    families = tuple(dict.fromkeys(face.family for face in able))
    family = families[int(rng.integers(len(families)))]
    own = [face for face in able if face.family == family]
    return own[int(rng.integers(len(own)))]


@cache
def _able(split: str, font_source: str, language: str) -> tuple[Face, ...]:
    script = LANGUAGES[language].script
    return tuple(f for f in faces(split, font_source, script) if languages_of(f, script, (language,)))


def draw_word(face: Face, size: int, text: str, *, shaped: bool, stroke: int = 0) -> Drawn:
    """The coverage of a word at an em size in pixels.

    Args:
        face: where the glyphs come from.
        size: em size.
        text: one word in logical order.
        shaped: whether letters join, stack or run leftwards.
        stroke: pixels by which the letters are fattened.
    """
    font = _load(face, size, shaped)
    x0, y0, x1, y1 = (int(v) for v in font.getbbox(text, anchor="ls", stroke_width=stroke))
    mask = Image.new("L", (x1 - x0 + 2 * _MARGIN, y1 - y0 + 2 * _MARGIN))
    at = (_MARGIN - x0, _MARGIN - y0)
    ImageDraw.Draw(mask).text(at, text, fill=255, font=font, anchor="ls", stroke_width=stroke)
    return Drawn(mask, (x0 - _MARGIN, y0 - _MARGIN))


def word_length(face: Face, text: str, script: str) -> float:
    """Width of a word, about, in heights of a letter."""
    return _load(face, 32, script in _SHAPED).getlength(text) / 32 / _letter_height(face, script)


def em_for(face: Face, script: str, height: float) -> int:
    """The em size whose letters are about so high."""
    return max(6, round(height / _letter_height(face, script)))


@cache
def _letter_height(face: Face, script: str) -> float:
    probe = _PROBES[script] if covers(face, _PROBES[script]) else _PROBES["latin"]
    _, top, _, bottom = _load(face, 200, script in _SHAPED).getbbox(probe, anchor="ls")
    return (bottom - top) / 200


def needs_shaping(script: str) -> bool:
    """Whether words of a script must go through the layout library."""
    return script in _SHAPED


@lru_cache(maxsize=2048)
def _load(face: Face, size: int, shaped: bool) -> ImageFont.FreeTypeFont:
    if face.path.suffix == ".woff":
        return assets.load_font(face.path, size)
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    try:
        return ImageFont.truetype(str(face.path), size, index=face.index, layout_engine=engine)
    except OSError as error:
        raise MissingAssetsError(
            f"the font {face.path} cannot be opened ({error}); {fonts.SETUP_HINT}"
        ) from error


@lru_cache(maxsize=100_000)
def _has(face: Face, character: str) -> bool:
    font = _load(face, 20, False)
    return bytes(font.getmask(character)) != _absent_glyph(face)


@cache
def _absent_glyph(face: Face) -> bytes:
    return bytes(_load(face, 20, False).getmask(_ABSENT))


def _bundled_style(family: str) -> str:
    for style, names in (("serif", ("lora", "noto-serif", "roboto-slab")), ("mono", ("jetbrains-mono",))):
        if family in names:
            return style
    return "display" if family == "oswald" else "sans"
