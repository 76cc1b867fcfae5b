"""What scene text draws and asks, with its difficulty knobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from locany.errors import DataError
from locany.tasks import TaskKind

SCRIPTS = (
    *("latin", "cyrillic", "greek", "chinese", "japanese", "korean"),
    *("arabic", "hebrew", "devanagari", "thai"),
)
FONT_SOURCES = ("system", "bundled")
LEVELS = ("word", "line")

DEFAULT_SCRIPTS: tuple[tuple[str, float], ...] = (
    ("latin", 0.62),
    ("cyrillic", 0.07),
    ("greek", 0.03),
    ("chinese", 0.07),
    ("japanese", 0.05),
    ("korean", 0.04),
    ("arabic", 0.04),
    ("hebrew", 0.02),
    ("devanagari", 0.03),
    ("thai", 0.03),
)
DEFAULT_SCENES: tuple[tuple[str, float], ...] = (
    ("wall", 0.24),
    ("shopfront", 0.16),
    ("street", 0.16),
    ("poster", 0.10),
    ("shelf", 0.08),
    ("package", 0.08),
    ("desk", 0.10),
    ("night", 0.08),
)
DEFAULT_WEIGHTS: tuple[tuple[TaskKind, float], ...] = (
    (TaskKind.TEXT, 0.30),
    (TaskKind.FIND_TEXT, 0.45),
    (TaskKind.POINT, 0.13),
    (TaskKind.REFER, 0.12),
)


@dataclass(frozen=True)
class SceneTextConfig:
    """What is drawn and what is asked. Lengths in pixels; (a, b) is a range, both ends included.

    The default draws with the fonts of `fonts.FAMILIES` and the bundled ones, and refuses to run where any
    family of its scripts is not installed: a seed must not mean another image on another machine.
    `SceneTextConfig.bundled()` needs nothing but the package and writes Latin letters only.

    Attributes:
        split: "train" or "held-out": which fonts.
        font_source: "system" for all fonts, "bundled" for those of the package alone.
        scripts: what is written, with relative frequency; one script to an image, and Latin beside it.
        languages: codes of `lexicon.LANGUAGES` to keep to; empty for all languages of the scripts.
        scenes: a key of `scenes.SCENES` and its relative frequency.
        side: width and height of the image, each a multiple of `side_multiple` (a merged patch).
        num_patches: patches of `patch_size` in an image, fewest and most.
        blank_rate: share of images without a word.
        num_words: words to aim at in an image; small numbers come more often. Fewer where no room is left.
        text_height: height of a letter without ascender or descender marks, roughly that of a capital.
        rotation: degrees, at most, that a sign that hangs free is turned either way.
        perspective: degrees, at most, that a sign is turned out of the plane of the image.
        bend_rate: share of signs whose text follows an arc or a wave.
        vertical_rate: share of Chinese, Japanese and Korean signs that are written downwards.
        repeat_rate: share of signs that say the same as one before.
        decoy_rate: share of signs that say almost the same as one before.
        min_contrast: luma steps of 255 between letters and what they are drawn on, before light and noise.
        degrade: 0 clean to 1: how much light, blur, noise and JPEG loss there is.
        level: "word" or "line": what the objects and the targets of `text` are.
        num_questions: asked of one image, at most.
        weights: task families and their relative frequency.
        negative_rate: how often an asked text is absent.
    """

    split: str = "train"
    font_source: str = "system"
    scripts: tuple[tuple[str, float], ...] = DEFAULT_SCRIPTS
    languages: tuple[str, ...] = ()
    scenes: tuple[tuple[str, float], ...] = DEFAULT_SCENES
    side: tuple[int, int] = (336, 616)
    side_multiple: int = 28
    patch_size: int = 14
    num_patches: tuple[int, int] = (900, 1060)
    blank_rate: float = 0.03
    num_words: tuple[int, int] = (1, 60)
    text_height: tuple[int, int] = (7, 72)
    rotation: float = 30.0
    perspective: float = 45.0
    bend_rate: float = 0.12
    vertical_rate: float = 0.2
    repeat_rate: float = 0.06
    decoy_rate: float = 0.06
    min_contrast: float = 60.0
    degrade: float = 1.0
    level: str = "word"
    num_questions: int = 5
    weights: tuple[tuple[TaskKind, float], ...] = DEFAULT_WEIGHTS
    negative_rate: float = 0.2

    def __post_init__(self) -> None:
        for name in ("side", "num_patches", "num_words", "text_height"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                self._refuse(name, "a range 0 < low <= high")
        for name in (
            "bend_rate",
            "vertical_rate",
            "repeat_rate",
            "decoy_rate",
            "degrade",
            "negative_rate",
            "blank_rate",
        ):
            if not 0 <= getattr(self, name) <= 1:
                self._refuse(name, "a share from 0 to 1")
        for name, high in (("rotation", 180), ("perspective", 60), ("min_contrast", 110)):
            if not 0 <= getattr(self, name) <= high:
                self._refuse(name, f"from 0 to {high}")
        if self.text_height[0] < 5:
            self._refuse("text_height", "at least 5, smaller letters cannot be read")
        if self.num_questions < 1:
            self._refuse("num_questions", "at least 1")
        for name, known in (("font_source", FONT_SOURCES), ("level", LEVELS)):
            if getattr(self, name) not in known:
                self._refuse(name, f"one of {', '.join(known)}")
        for name in ("scripts", "scenes", "weights"):
            weights = [weight for _, weight in getattr(self, name)]
            if not weights or min(weights) < 0 or sum(weights) <= 0:
                self._refuse(name, "(name, weight) pairs with a positive sum and no negative part")
        unknown = {script for script, _ in self.scripts} - set(SCRIPTS)
        if unknown:
            self._refuse("scripts", f"of {', '.join(SCRIPTS)}")
        if self.font_source == "bundled" and {script for script, _ in self.scripts} != {"latin"}:
            self._refuse("scripts", "latin alone with bundled fonts, which have no other letters")

    def _refuse(self, name: str, expected: str) -> None:
        raise DataError(f"SceneTextConfig.{name} is {expected}; got {getattr(self, name)!r}")

    @classmethod
    def bundled(cls, **changes: Any) -> SceneTextConfig:
        """Latin letters in the fonts of the package: needs nothing installed."""
        return cls(**{"font_source": "bundled", "scripts": (("latin", 1.0),), **changes})

    def at(self, progress: float) -> SceneTextConfig:
        """The curriculum: this config at progress 1, an easier one before: large, few, straight, clean."""
        p = min(1.0, max(0.0, progress))
        if p == 1.0:
            return self

        def whole(easy: float, full: float) -> int:
            return round(easy + (full - easy) * p)

        low, high = self.text_height
        return replace(
            self,
            num_words=(
                self.num_words[0],
                whole(max(self.num_words[0], 0.1 * self.num_words[1]), self.num_words[1]),
            ),
            text_height=(whole(max(low, 0.4 * high), low), high),
            rotation=self.rotation * p,
            perspective=self.perspective * p,
            bend_rate=self.bend_rate * p,
            decoy_rate=self.decoy_rate * p,
            min_contrast=max(self.min_contrast, 110 - (110 - self.min_contrast) * p),
            degrade=self.degrade * p,
        )


@cache
def sizes(config: SceneTextConfig) -> Sequence[tuple[int, int]]:
    """Every (width, height) that a config allows.

    Raises:
        DataError: there is none.
    """
    multiple, (shortest, longest) = config.side_multiple, config.side
    sides = range(-(-shortest // multiple) * multiple, longest + 1, multiple)
    low, high = (count * config.patch_size**2 for count in config.num_patches)
    found = [(w, h) for w in sides for h in sides if low <= w * h <= high]
    if not found:
        raise DataError(
            f"no image size has sides in {config.side}, multiples of {multiple}, {config.num_patches} patches"
        )
    return found
