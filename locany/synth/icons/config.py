"""What the icons engine draws and asks: every knob, and the presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from locany.errors import DataError
from locany.synth import assets
from locany.synth.phrases import FORMS
from locany.synth.splits import SPLITS, Split, in_split
from locany.tasks import TaskKind

DEFAULT_WEIGHTS: tuple[tuple[TaskKind, float], ...] = (
    (TaskKind.DETECT, 0.40),
    (TaskKind.GROUND, 0.18),
    (TaskKind.REFER, 0.12),
    (TaskKind.POINT, 0.12),
    (TaskKind.FIND_TEXT, 0.12),
    (TaskKind.TEXT, 0.06),
)

# "noto-100" is the sheet in the package: it needs nothing else, it is what locany-mini knows, and it may be
# drawn in either split; the held-out side of that default are its fonts.
BUNDLED = "noto-100"
EMOJI_SETS = (BUNDLED, "noto", "twemoji")
MONO_SETS = ("lucide", "tabler", "bootstrap", "material", "phosphor", "heroicons")
# Drawn only where a config names them: what the presets give for a seed does not change.
MORE_EMOJI_SETS = ("fluent-flat", "noto-v1", "fxemoji")
MORE_MONO_SETS = ("fluent-mono", "remix", "mingcute", "mdi")
SHAPES = "shapes"  # circles, squares, stars: drawn, not installed
SETS = (*EMOJI_SETS, *MONO_SETS, *MORE_EMOJI_SETS, *MORE_MONO_SETS, SHAPES)
FAMILIES = ("emoji", "icons", "shapes", "mixed")

_PATCH = 14  # pixels; presets give areas as squares of pixels
_RICH_WEIGHTS: tuple[tuple[TaskKind, float], ...] = (
    (TaskKind.DETECT, 0.30),
    (TaskKind.GROUND, 0.24),
    (TaskKind.REFER, 0.22),
    (TaskKind.POINT, 0.16),
    (TaskKind.FIND_TEXT, 0.05),
    (TaskKind.TEXT, 0.03),
)


@dataclass(frozen=True)
class IconsConfig:
    """What is drawn and what is asked. Lengths in pixels; (a, b) is a range, both ends included.

    Attributes:
        side: width and height of the image, each a multiple of `side_multiple` (a merged patch).
        num_patches: patches of `patch_size` in an image, fewest and most.
        min_objects, max_objects: pictures in one image; fewer only where they find no room, never on a grid.
        max_kinds: different names in one image, at most; fewer kinds mean more of each.
        sprite_side: longer side of a picture before rotation; on a grid at most its cell.
        two_sizes: share of images whose pictures are either clearly small or clearly large.
        max_words: words in an image that has words, at most.
        word_share: share of images with words.
        word_height: height of a capital letter of the word's font.
        max_overlap: share of an object's box that later objects may cover, all together. Words are
            never covered.
        grid_share: share of images where pictures stand in rows and columns, shifted a little or not at all.
        rotation: degrees, at most, either way; words turn by a third of it, and rarely.
        mirror: whether pictures are mirrored; arrows and thumbs would change their name.
        opacity: of a picture.
        jitter: brightness and saturation change by at most this share; never of what has a named colour.
        blur_rate, jpeg_rate: share of images that are blurred a little, or saved as JPEG.
        busy: 0 plain backgrounds only, 1 every kind alike.
        screens: share of backgrounds that look like a screenshot.
        icon_sets: of `SETS`; what is drawn in one colour gets one with a name.
        families: "emoji", "icons" (of one colour), "shapes" or "mixed" (all but shapes) and how often an
            image holds that; empty for whatever `icon_sets` offers. Those without a set are passed over.
        max_colors: colours in one image, at most; few, so that one kind comes in several and one colour in
            several kinds.
        num_questions: asked of one image, at most.
        weights: task families and their relative frequency.
        forms: how things are described, of `phrases.FORMS`, and how often: "name", "color", "size", ...
        synonym_rate: how often another name is used.
        negative_rate: how often what is asked for is absent.
        max_categories: categories in one `detect`, at most.
        split: "train" or "held-out", of the fonts and icon sets.
        names: the names to draw and to ask for; None for all.
    """

    side: tuple[int, int] = (140, 336)
    side_multiple: int = 28
    patch_size: int = _PATCH
    num_patches: tuple[int, int] = (140, 256)
    min_objects: int = 1
    max_objects: int = 6
    max_kinds: int = 4
    sprite_side: tuple[int, int] = (28, 96)
    two_sizes: float = 0.0
    max_words: int = 3
    word_share: float = 0.5
    word_height: tuple[int, int] = (14, 36)
    max_overlap: float = 0.15
    grid_share: float = 0.0
    rotation: float = 20.0
    mirror: bool = True
    opacity: tuple[float, float] = (0.85, 1.0)
    jitter: float = 0.15
    blur_rate: float = 0.1
    jpeg_rate: float = 0.2
    busy: float = 0.75
    screens: float = 0.0
    icon_sets: tuple[str, ...] = (BUNDLED,)
    families: tuple[tuple[str, float], ...] = ()
    max_colors: int = 4
    num_questions: int = 4
    weights: tuple[tuple[TaskKind, float], ...] = DEFAULT_WEIGHTS
    forms: tuple[tuple[str, float], ...] = (("name", 1.0),)
    synonym_rate: float = 0.0
    negative_rate: float = 0.2
    max_categories: int = 3
    split: Split = "train"
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("side", "num_patches", "sprite_side", "word_height", "opacity"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise DataError(f"IconsConfig.{name} is a range 0 < low <= high, got {(low, high)}")
        shares = ("word_share", "max_overlap", "blur_rate", "jpeg_rate", "busy", "negative_rate")
        for name in (*shares, "two_sizes", "grid_share", "screens", "synonym_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"IconsConfig.{name} is a share from 0 to 1, got {getattr(self, name)}")
        for name in ("min_objects", "max_kinds", "max_categories", "num_questions", "max_colors"):
            if getattr(self, name) < 1:
                raise DataError(f"IconsConfig.{name} is at least 1, got {getattr(self, name)}")
        if self.max_objects < self.min_objects:
            raise DataError(
                f"IconsConfig.max_objects is at least min_objects, {self.min_objects}; got {self.max_objects}"
            )
        if self.max_words < 0:
            raise DataError(f"IconsConfig.max_words is at least 0, got {self.max_words}")
        if self.split not in SPLITS:
            raise DataError(f"IconsConfig.split is one of {', '.join(SPLITS)}, got {self.split!r}")
        _check_weights("weights", self.weights, tuple(TaskKind))
        _check_weights("forms", self.forms, FORMS)
        if self.families:
            _check_weights("families", self.families, FAMILIES)
        self._check_sets()
        if self.names is not None:
            # Of sets that may not be installed the names are checked when they are drawn.
            checked = self.icon_sets == (BUNDLED,)
            unknown = sorted(set(self.names) - set(assets.sprite_names())) if checked else []
            if unknown or not self.names:
                raise DataError(f"IconsConfig.names has no emoji, or unknown ones: {unknown}")

    def _check_sets(self) -> None:
        unknown = sorted(set(self.icon_sets) - set(SETS))
        if unknown or not self.icon_sets:
            raise DataError(f"IconsConfig.icon_sets has no set, or unknown ones {unknown}; there are {SETS}")
        either = (BUNDLED, SHAPES)
        wrong = set(self.icon_sets) - set(in_split("icon_sets", self.icon_sets, self.split)) - set(either)
        if wrong:
            raise DataError(
                f"IconsConfig.icon_sets: {sorted(wrong)} do not belong to the split {self.split!r}"
            )

    @classmethod
    def rich(cls, split: Split = "train", **changes: Any) -> IconsConfig:
        """About 448 x 448 pixels, every set of a split, colours, sizes, places and relations.

        Args:
            split: "train" or "held-out".
            changes: fields to set otherwise.
        """
        shapes = (SHAPES,) if split == "train" else ()  # neither kept from training nor unseen
        values: dict[str, Any] = {
            "side": (336, 616),
            "num_patches": (900, 1100),
            "max_objects": 14,
            "max_kinds": 6,
            "sprite_side": (24, 120),
            "two_sizes": 0.3,
            "max_words": 2,
            "word_share": 0.2,
            "max_overlap": 0.1,
            "grid_share": 0.25,
            "rotation": 12.0,
            "mirror": False,
            "opacity": (0.95, 1.0),
            "busy": 0.6,
            "screens": 0.35,
            "icon_sets": (*in_split("icon_sets", (*EMOJI_SETS[1:], *MONO_SETS), split), *shapes),
            "families": (
                ("emoji", 0.32),
                ("icons", 0.38),
                ("shapes", 0.08),
                ("mixed", 0.22),
            ),
            "num_questions": 6,
            "weights": _RICH_WEIGHTS,
            "forms": (
                *(("name", 0.28), ("color", 0.22), ("size", 0.12)),
                *(("place", 0.12), ("order", 0.12), ("relation", 0.14)),
            ),
            "synonym_rate": 0.25,
            "max_categories": 6,
            "split": split,
        }
        return cls(**values | changes)

    @classmethod
    def dense(cls, num_objects: int, split: Split = "train", **changes: Any) -> IconsConfig:
        """Exactly so many pictures, 20 to 300, in 448 x 448 pixels (up to 50) to 896 x 896 (from 151).

        Args:
            num_objects: in every image.
            split: "train" or "held-out".
            changes: fields to set otherwise.
        """
        side = 448 if num_objects <= 50 else 672 if num_objects <= 150 else 896
        patches = (side // _PATCH) ** 2
        values: dict[str, Any] = {
            "side": (side, side),
            "num_patches": (patches, patches),
            "min_objects": num_objects,
            "max_objects": num_objects,
            "max_kinds": 10,
            "sprite_side": (26, 64),
            "two_sizes": 0.0,
            "word_share": 0.0,
            "max_overlap": 0.06,
            "grid_share": 1.0,
            "busy": 0.3,
            "screens": 0.2,
            "max_colors": 5,
            "forms": (("name", 0.55), ("color", 0.45)),
            "weights": ((TaskKind.DETECT, 0.55), (TaskKind.GROUND, 0.25), (TaskKind.POINT, 0.20)),
            "max_categories": 8,
        }
        return cls.rich(split, **values | changes)

    def at(self, progress: float) -> IconsConfig:
        """The curriculum: this config at progress 1, an easier one before: large, few, upright, clean."""
        p = min(1.0, max(0.0, progress))
        if p == 1.0:
            return self

        def whole(easy: float, full: float) -> int:
            return round(easy + (full - easy) * p)

        low, high = self.sprite_side
        word_low, word_high = self.word_height
        return replace(
            self,
            min_objects=whole(min(1, self.min_objects), self.min_objects),
            max_objects=whole(min(2, self.max_objects), self.max_objects),
            max_kinds=whole(min(2, self.max_kinds), self.max_kinds),
            sprite_side=(whole(max(low, 0.6 * high), low), high),
            max_words=whole(min(1, self.max_words), self.max_words),
            word_height=(whole((word_low + word_high) / 2, word_low), word_high),
            max_overlap=self.max_overlap * p,
            rotation=self.rotation * p,
            opacity=(1 + (self.opacity[0] - 1) * p, self.opacity[1]),
            jitter=self.jitter * p,
            blur_rate=self.blur_rate * p,
            jpeg_rate=self.jpeg_rate * p,
            busy=self.busy * p,
            max_categories=whole(1, self.max_categories),
        )


def _check_weights(name: str, weights: Sequence[tuple[Any, float]], known: tuple[Any, ...]) -> None:
    if not weights or min(w for _, w in weights) < 0 or sum(w for _, w in weights) <= 0:
        raise DataError(f"IconsConfig.{name} need a positive sum and no negative part: {weights}")
    unknown = [item for item, _ in weights if item not in known]
    if unknown:
        raise DataError(f"IconsConfig.{name} has unknown parts {unknown}; there are {known}")
