"""Emoji and short words on a background, with their exact boxes: the first and cheapest renderer.

1. a background of a random size        backgrounds.py
2. words, on ground that contrasts      they come first because they are hardest to place
3. emoji, several of one kind           never hiding more than `max_overlap` of another
4. a little blur or JPEG loss           never so much that a box moves
5. questions                            questions.py
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from locany.data.sample import Sample, Target
from locany.errors import DataError
from locany.synth import assets
from locany.synth.backgrounds import background
from locany.synth.ground import Box, Ground
from locany.synth.questions import Scene, ask
from locany.tasks import TaskKind

VERSION = 1  # raise it when a seed no longer gives the same sample
NAME = "icons"

_STREAM = 0x1C0  # keeps our seeds apart from those of other renderers
_MIN_CONTRAST = 90.0  # luma steps of 255 between a word and nine tenths of the ground under it
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

DEFAULT_WEIGHTS: tuple[tuple[TaskKind, float], ...] = (
    (TaskKind.DETECT, 0.40),
    (TaskKind.GROUND, 0.18),
    (TaskKind.REFER, 0.12),
    (TaskKind.POINT, 0.12),
    (TaskKind.FIND_TEXT, 0.12),
    (TaskKind.TEXT, 0.06),
)


@dataclass(frozen=True)
class IconsConfig:
    """What is drawn and what is asked. Lengths in pixels; (a, b) is a range, both ends included.

    Attributes:
        side: width and height of the image, each a multiple of `side_multiple` (a merged patch).
        num_patches: patches of `patch_size` in an image, fewest and most.
        max_objects: emoji in one image, at most; at least one, but for images that words fill.
        max_kinds: different emoji in one image, at most; fewer kinds mean more of each.
        sprite_side: longer side of an emoji before rotation.
        max_words: words in an image that has words, at most.
        word_share: share of images with words.
        word_height: height of a capital letter of the word's font.
        max_overlap: share of an object's box that later objects may cover, all together. Words are
            never covered.
        rotation: degrees, at most, either way; words turn by a third of it, and rarely.
        opacity: of an emoji.
        jitter: brightness and saturation change by at most this share.
        blur_rate, jpeg_rate: share of images that are blurred a little, or saved as JPEG.
        busy: 0 plain backgrounds only, 1 every kind alike.
        num_questions: asked of one image, at most.
        weights: task families and their relative frequency.
        negative_rate: how often an asked name is absent.
        max_categories: categories in one `detect`, at most.
        font_split: "train" or "held-out".
        names: the emoji to draw and to ask for; None for all.
    """

    side: tuple[int, int] = (140, 336)
    side_multiple: int = 28
    patch_size: int = 14
    num_patches: tuple[int, int] = (140, 256)
    max_objects: int = 6
    max_kinds: int = 4
    sprite_side: tuple[int, int] = (28, 96)
    max_words: int = 3
    word_share: float = 0.5
    word_height: tuple[int, int] = (14, 36)
    max_overlap: float = 0.15
    rotation: float = 20.0
    opacity: tuple[float, float] = (0.85, 1.0)
    jitter: float = 0.15
    blur_rate: float = 0.1
    jpeg_rate: float = 0.2
    busy: float = 0.75
    num_questions: int = 4
    weights: tuple[tuple[TaskKind, float], ...] = DEFAULT_WEIGHTS
    negative_rate: float = 0.2
    max_categories: int = 3
    font_split: str = "train"
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("side", "num_patches", "sprite_side", "word_height", "opacity"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise DataError(f"IconsConfig.{name} is a range 0 < low <= high, got {(low, high)}")
        for name in ("word_share", "max_overlap", "blur_rate", "jpeg_rate", "busy", "negative_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"IconsConfig.{name} is a share from 0 to 1, got {getattr(self, name)}")
        for name in ("max_objects", "max_kinds", "max_categories", "num_questions"):
            if getattr(self, name) < 1:
                raise DataError(f"IconsConfig.{name} is at least 1, got {getattr(self, name)}")
        if self.max_words < 0:
            raise DataError(f"IconsConfig.max_words is at least 0, got {self.max_words}")
        if not self.weights or min(w for _, w in self.weights) < 0 or sum(w for _, w in self.weights) <= 0:
            raise DataError(f"IconsConfig.weights need a positive sum and no negative part: {self.weights}")
        if self.names is not None:
            unknown = sorted(set(self.names) - set(assets.sprite_names()))
            if unknown or not self.names:
                raise DataError(f"IconsConfig.names has no emoji, or unknown ones: {unknown}")

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


def render(seed: int, config: IconsConfig = IconsConfig(), *, step: float = 1.0) -> Sample:
    """The sample of a seed: the same seed, config and step give the same bytes.

    Args:
        seed: any integer from 0.
        config: what to draw and ask.
        step: progress of the curriculum from 0 to 1, see `IconsConfig.at`.
    """
    if seed < 0:
        raise DataError(f"a seed is an integer from 0, got {seed}")
    config = config.at(step)
    rng = np.random.default_rng((_STREAM, VERSION, seed))

    sizes = _sizes(config.side, config.side_multiple, config.patch_size, config.num_patches)
    size_wh = sizes[int(rng.integers(len(sizes)))]
    image = Image.fromarray(background(rng, size_wh, busy=config.busy))
    ground = Ground(size_wh, config.max_overlap)

    words: list[Target] = []
    if config.max_words and rng.random() < config.word_share:
        words = _draw_words(rng, config, image, ground)
    things = _draw_sprites(rng, config, image, ground)
    image = _degrade(rng, config, image)

    scene = Scene(things, words, config.names or assets.sprite_names(), assets.words())
    questions = ask(
        rng,
        scene,
        num_questions=config.num_questions,
        weights=config.weights,
        negative_rate=config.negative_rate,
        max_categories=config.max_categories,
    )
    provenance = {
        "renderer": NAME,
        "seed": seed,
        "version": VERSION,
        "kinds": sorted({thing.label for thing in things}),
        "object_kinds": ["word"] * len(words) + ["emoji"] * len(things),
    }
    # np.array, not asarray: the caller gets pixels that it may write to
    return Sample(np.array(image), questions, (*words, *things), provenance)


def _draw_sprites(
    rng: np.random.Generator, config: IconsConfig, image: Image.Image, ground: Ground
) -> list[Target]:
    by_name = _sprite_images()
    names = config.names or assets.sprite_names()
    num_objects = int(rng.integers(1, config.max_objects + 1))
    num_kinds = min(int(rng.integers(1, config.max_kinds + 1)), num_objects, len(names))
    kinds = [names[i] for i in rng.choice(len(names), num_kinds, replace=False).tolist()]
    # Every kind once, the rest shared out by chance: one kind may come several times.
    labels = kinds + [kinds[i] for i in rng.integers(0, num_kinds, num_objects - num_kinds).tolist()]
    # Large ones first: they find no room later.
    low, high = config.sprite_side
    sides = np.exp(rng.uniform(np.log(low), np.log(high), num_objects))  # small ones as often as large
    order = np.argsort(-sides, kind="stable").tolist()

    drawn = []
    for i in order:
        sprite = _transform(rng, config, by_name[labels[i]], float(sides[i]))
        place = ground.find(rng, sprite.size)
        if place is None:
            continue
        box = (*place, place[0] + sprite.width, place[1] + sprite.height)
        alpha = sprite.getchannel("A")
        image.paste(sprite.convert("RGB"), place, alpha)
        ground.take(box)
        drawn.append(_target(labels[i], box))
    return drawn


def _transform(
    rng: np.random.Generator, config: IconsConfig, sprite: Image.Image, side: float
) -> Image.Image:
    """Scale, mirror, turn, tint and fade; cut to the pixels that are seen, so that size is the box."""
    scale = side / max(sprite.size)
    size = (max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale)))
    out = sprite.resize(size, Image.Resampling.BILINEAR)  # premultiplied alpha: no fringe
    if rng.random() < 0.5:
        out = out.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = float(rng.uniform(-config.rotation, config.rotation))
    if abs(angle) > 1 and rng.random() < 0.7:
        out = out.convert("RGBa").rotate(angle, Image.Resampling.BILINEAR, expand=True).convert("RGBA")
    if config.jitter and rng.random() < 0.5:
        out = _tint(out, *(1 + rng.uniform(-config.jitter, config.jitter, 2)))
    opacity = int(rng.uniform(*config.opacity) * 256)
    # uint16 holds 255 * 256; numpy here because Pillow's look-up tables cost more than the sprite
    alpha = ((np.asarray(out.getchannel("A"), np.uint16) * opacity) >> 8).astype(np.uint8)
    out.putalpha(Image.fromarray(alpha))
    box = _seen(alpha)
    assert box is not None, "a sprite of this size has visible pixels"
    return out.crop(box)


def _tint(sprite: Image.Image, brightness: float, saturation: float) -> Image.Image:
    """Brightness and saturation in one colour matrix."""
    grey = (1 - saturation) * brightness * _LUMA
    rows = [
        [float(grey[c]) + (saturation * brightness if c == r else 0.0) for c in range(3)] for r in range(3)
    ]
    matrix = tuple(value for row in rows for value in (*row, 0.0))
    out = sprite.convert("RGB").convert("RGB", matrix)
    out.putalpha(sprite.getchannel("A"))
    return out


def _draw_words(
    rng: np.random.Generator, config: IconsConfig, image: Image.Image, ground: Ground
) -> list[Target]:
    lexicon, fonts = assets.words(), assets.fonts(config.font_split)
    num_words = int(rng.integers(1, config.max_words + 1))
    drawn = []
    for i in rng.choice(len(lexicon), num_words, replace=False).tolist():
        word = lexicon[i]
        font = fonts[int(rng.integers(len(fonts)))]
        height = float(rng.uniform(*config.word_height))
        angle = float(rng.uniform(-1, 1)) * config.rotation / 3 if rng.random() < 0.3 else 0.0
        ink = _ink(word, font, height, angle, ground.size_wh)
        if ink is None:
            continue
        margin = int(rng.integers(3, 9))  # room for a plate, and air around the word
        outer = (ink.width + 2 * margin, ink.height + 2 * margin)
        place = ground.find(rng, outer)
        if place is None:
            continue
        plate = (*place, place[0] + outer[0], place[1] + outer[1])
        at = (place[0] + margin, place[1] + margin)
        box = (*at, at[0] + ink.width, at[1] + ink.height)
        if rng.random() < 0.25:
            color = _draw_plate(rng, image, plate)
        else:
            color = _readable_color(rng, image, box) or _draw_plate(rng, image, plate)
        image.paste(color, box, ink)
        ground.take(plate, solid=True)
        drawn.append(_target(word, box))
    return drawn


def _ink(
    word: str, font: assets.Font, height: float, angle: float, limit_wh: tuple[int, int]
) -> Image.Image | None:
    """Coverage of a word, 8 bits a pixel, cut to its ink; smaller where it would not fit the image."""
    em = height / assets.cap_height(font.path)
    room = limit_wh[0] - 16
    length = assets.load_font(font.path, 100).getlength(word) / 100
    em = min(em, room / max(length, 1e-3))
    loaded = assets.load_font(font.path, max(8, int(em)))
    x0, y0, x1, y1 = loaded.getbbox(word)
    ink = Image.new("L", (int(x1 - x0) + 4, int(y1 - y0) + 4))
    ImageDraw.Draw(ink).text((2 - x0, 2 - y0), word, fill=255, font=loaded)
    if abs(angle) > 1:
        ink = ink.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    box = _seen(np.asarray(ink))
    return ink.crop(box) if box else None


def _readable_color(rng: np.random.Generator, image: Image.Image, box: Box) -> tuple[int, int, int] | None:
    """A colour that stands out from the ground under a box, or None where the ground is too mixed."""
    luma = np.asarray(image.crop(box).convert("L")).ravel()
    twentieth = len(luma) // 20  # a few odd pixels may be like the word, not more
    ranks = (twentieth, len(luma) - 1 - twentieth)
    low, high = np.partition(luma, ranks)[list(ranks)].tolist()
    return _color_away_from(rng, low, high)


def _color_away_from(rng: np.random.Generator, low: float, high: float) -> tuple[int, int, int] | None:
    candidates = rng.integers(0, 256, (8, 3))
    candidates[4:] = [[int(rng.integers(60))], [255 - int(rng.integers(40))], [0], [255]]
    for color, luma in zip(candidates.tolist(), (candidates @ _LUMA).tolist(), strict=True):
        if luma <= low - _MIN_CONTRAST or luma >= high + _MIN_CONTRAST:
            return color[0], color[1], color[2]
    return None


def _draw_plate(rng: np.random.Generator, image: Image.Image, box: Box) -> tuple[int, int, int]:
    """A button or label under a word; returns a colour that can be read on it."""
    fill = tuple(rng.integers(0, 256, 3).tolist())
    luma = float(np.dot(fill, _LUMA))
    color = _color_away_from(rng, luma, luma)
    assert color is not None, "black or white stands out from any single colour"
    radius = int(rng.integers(0, 8))
    ImageDraw.Draw(image).rounded_rectangle((box[0], box[1], box[2] - 1, box[3] - 1), radius, fill=fill)
    return color


def _degrade(rng: np.random.Generator, config: IconsConfig, image: Image.Image) -> Image.Image:
    """A little of what cameras and savers do."""
    if rng.random() < config.blur_rate:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.8))))
    if rng.random() < config.jpeg_rate:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(50, 95)))
        image = Image.open(stream)
        image.load()
    return image


def _seen(alpha: np.ndarray) -> Box | None:
    """The tight box of the visible part of a coverage map [height, width] uint8."""
    visible = alpha >= assets.VISIBLE_ALPHA
    xs, ys = np.flatnonzero(visible.any(axis=0)), np.flatnonzero(visible.any(axis=1))
    if not len(xs):
        return None
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


@cache
def _sprite_images() -> dict[str, Image.Image]:
    return {sprite.name: Image.fromarray(sprite.rgba) for sprite in assets.sprites()}


@cache
def _sizes(
    side: tuple[int, int], multiple: int, patch_size: int, num_patches: tuple[int, int]
) -> Sequence[tuple[int, int]]:
    """Every (width, height) that the ranges allow."""
    sides = range(-(-side[0] // multiple) * multiple, side[1] + 1, multiple)
    low, high = (count * patch_size**2 for count in num_patches)
    found = [(w, h) for w in sides for h in sides if low <= w * h <= high]
    if not found:
        raise DataError(f"no image size has sides in {side}, multiples of {multiple}, {num_patches} patches")
    return found


def _target(label: str, box: Box) -> Target:
    x0, y0, x1, y1 = box
    return Target(label, (float(x0), float(y0), float(x1), float(y1)))
