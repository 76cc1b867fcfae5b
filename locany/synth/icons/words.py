"""Single words as part of the picture, each on ground that it can be read on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from locany.data.sample import Target
from locany.synth import assets
from locany.synth.ground import Box, Ground
from locany.synth.icons.config import IconsConfig
from locany.synth.icons.layers import Layer, target_at, visible_box

_MIN_CONTRAST = 90.0  # luma steps of 255 between a word and nine tenths of the ground under it
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def draw_words(
    rng: np.random.Generator,
    config: IconsConfig,
    lexicon: Sequence[str],
    image: Image.Image,
    ground: Ground,
    *,
    plates: bool = True,
) -> list[Layer]:
    """Write words of the lexicon into the image where there is room.

    Without `plates`, for images that are asked for rectangles, only on ground that they can be read on.
    """
    fonts = assets.fonts(config.split)
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
        color = None if plates and rng.random() < 0.25 else _readable_color(rng, image, box)
        if color is None and not plates:
            continue
        color = color or _draw_plate(rng, image, plate)
        image.paste(color, box, ink)
        ground.take(plate, solid=True)
        drawn.append(Layer(_target(word, font, box), ink, at))
    return drawn


def _target(word: str, font: assets.Font, box: Box) -> Target:
    return target_at(word, box, {"type": "word", "font": font.name})


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
    box = visible_box(np.asarray(ink))
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
    for color, luma in zip(candidates.tolist(), (candidates @ LUMA).tolist(), strict=True):
        if luma <= low - _MIN_CONTRAST or luma >= high + _MIN_CONTRAST:
            return color[0], color[1], color[2]
    return None


def _draw_plate(rng: np.random.Generator, image: Image.Image, box: Box) -> tuple[int, int, int]:
    """A button or label under a word; returns a colour that can be read on it."""
    fill = tuple(rng.integers(0, 256, 3).tolist())
    luma = float(np.dot(fill, LUMA))
    color = _color_away_from(rng, luma, luma)
    assert color is not None, "black or white stands out from any single colour"
    radius = int(rng.integers(0, 8))
    ImageDraw.Draw(image).rounded_rectangle((box[0], box[1], box[2] - 1, box[3] - 1), radius, fill=fill)
    return color
