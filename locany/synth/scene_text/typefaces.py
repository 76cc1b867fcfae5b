"""The fonts that scene text writes with, by script, and what each of them can write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont, features

from locany.errors import DataError, MissingAssetsError
from locany.synth import assets, fonts, lexicon
from locany.synth.lexicon_words import LANGUAGES
from locany.synth.scene_text.config import SceneTextConfig

_SHAPED = frozenset({"arabic", "hebrew", "devanagari", "thai"})  # letters join, stack or run leftwards
_CAPITALS_ONLY = frozenset({"bebas-neue"})  # its small letters look like capitals
_ABSENT = "\U0010fffd"  # no font has it, so it shows what a font draws for what it lacks
_SKETCH = 64  # em size at which words are measured before they are drawn
MARGIN = 2  # empty pixels around the ink of a mask, so that interpolation fades at its rim

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


@dataclass(frozen=True, eq=False)  # each is made once and is the key of many caches
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
        mask: mode L, with `MARGIN` empty pixels around the ink.
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


@lru_cache(maxsize=100_000)
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
    # One call for shape and place: asking for the box first would lay out and load every glyph again.
    ink, (x, y) = _load(face, size, shaped).getmask2(text, "L", anchor="ls", stroke_width=stroke)
    width, height = ink.size
    mask = Image.new("L", (width + 2 * MARGIN, height + 2 * MARGIN))
    if width and height:
        mask.im.paste(ink, (MARGIN, MARGIN, MARGIN + width, MARGIN + height))
    return Drawn(mask, (int(x) - MARGIN, int(y) - MARGIN))


@lru_cache(maxsize=100_000)
def extent(face: Face, text: str, script: str) -> tuple[float, float, float]:
    """Width of a word's ink, its top and its bottom from the baseline downwards, about, in em."""
    if script in _SHAPED:
        x0, top, x1, bottom = _load(face, _SKETCH, True).getbbox(text, anchor="ls")
        return (x1 - x0) / _SKETCH, top / _SKETCH, bottom / _SKETCH
    glyphs = [_glyph(face, character) for character in text]
    width = sum(advance for advance, _ in glyphs[:-1]) + glyphs[-1][1][2] - glyphs[0][1][0]
    return width, min(box[1] for _, box in glyphs), max(box[3] for _, box in glyphs)


@lru_cache(maxsize=100_000)
def _glyph(face: Face, character: str) -> tuple[float, tuple[float, ...]]:
    """How far a character moves the pen, and the box of its ink around the pen, in em."""
    font = _load(face, _SKETCH, False)
    box = font.getbbox(character, anchor="ls")
    return font.getlength(character) / _SKETCH, tuple(side / _SKETCH for side in box)


def em_for(face: Face, script: str, height: float) -> int:
    """The em size whose letters are about so high; large ones in steps, as fonts are slow to open."""
    size = max(6, round(height / _letter_height(face, script)))
    step = 1 if size < 20 else 2 if size < 48 else 4
    return size // step * step


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
    length, box, ink = _absent_glyph(face)
    font = _load(face, 20, False)
    if font.getlength(character) != length or font.getbbox(character) != box:
        return True  # the common case, known without drawing
    return bytes(font.getmask(character)) != ink


@cache
def _absent_glyph(face: Face) -> tuple[float, tuple[float, ...], bytes]:
    font = _load(face, 20, False)
    return font.getlength(_ABSENT), font.getbbox(_ABSENT), bytes(font.getmask(_ABSENT))


def _bundled_style(family: str) -> str:
    for style, names in (("serif", ("lora", "noto-serif", "roboto-slab")), ("mono", ("jetbrains-mono",))):
        if family in names:
            return style
    return "display" if family == "oswald" else "sans"
