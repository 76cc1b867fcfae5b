"""The picture in the making: signs find their place, are drawn into it, and their words are measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageChops

from locany.synth import assets, lexicon
from locany.synth.scene_text.colors import color_name, luma, luma_range, readable, scheme
from locany.synth.scene_text.config import SceneTextConfig
from locany.synth.scene_text.dressing import Dressing, dress, flat_size
from locany.synth.scene_text.layout import (
    Outline,
    Setting,
    Word,
    as_drawn,
    measure,
    outline_of,
    pick_setting,
    set_text,
    written,
)
from locany.synth.scene_text.typefaces import pick_language
from locany.synth.scene_text.warps import Bend, Bounds, Region, Warp, frame_zoom, rim, straight, tilted
from locany.synth.textures import Color

_TRIES = 10  # places tried for a sign
_SHRINK = 0.7  # and then it is tried smaller
_EDGE = 2  # pixels that stay free at the image's border


@dataclass(frozen=True)
class Pose:
    """How a sign stands to the camera, in degrees; `bend` as in `warps.Bend`, a wave's height per width."""

    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    bend: str = ""
    amount: float = 0.0
    phase: float = 0.0

    def warp(self, size_wh: tuple[float, float]) -> Warp:
        """The map of a flat plane of this size, its centre at (0, 0)."""
        bend = None
        if self.bend:
            scale = size_wh[0] if self.bend == "wave" else 1.0
            bend = Bend(self.bend, (round(size_wh[0]), round(size_wh[1])), self.amount * scale, self.phase)
        if bend is None and not (self.roll or self.yaw or self.pitch):
            return straight(-(round(size_wh[0]) // 2), -(round(size_wh[1]) // 2))
        return tilted(size_wh, roll=self.roll, yaw=self.yaw, pitch=self.pitch, bend=bend)


@dataclass(frozen=True)
class Order:
    """A sign that a scene wants.

    Attributes:
        kind: a key of `lexicon.KINDS`.
        colors: a key of `colors.SCHEMES`.
        height: of its letters in pixels, range; what fits the slot and the config is taken.
        body: see `Dressing`.
        effects: of its letters, one by chance.
        styles: of its font; empty for all.
        pose: how it stands.
        paint: the colour of its body and letters where the scene has decided.
        details: further fields of `Dressing`.
        rows: of a dot matrix, 0 for letters as they are.
    """

    kind: str
    colors: str
    height: tuple[float, float]
    body: str = "board"
    effects: tuple[str, ...] = ("flat",)
    styles: tuple[str, ...] = ()
    pose: Pose = Pose()
    paint: tuple[Color, Color] | None = None
    details: Mapping[str, float | str | bool] = field(default_factory=dict)
    rows: int = 0


@dataclass(frozen=True)
class _Sketch:
    """A sign before it is drawn, of which only the size is open."""

    pose: Pose
    wording: lexicon.Wording
    setting: Setting
    dressing: Dressing
    text: Outline

    def bounds(self, height: float) -> Bounds:
        """Its extent around its middle, about, with letters of this height."""
        width, tall = flat_size(measure(self.text, height), self.dressing, height)
        return self.pose.warp((width, tall)).bounds(0, 0, width, tall)


@dataclass(frozen=True)
class Written:
    """A word in the image.

    Attributes:
        word: what was set; `at` is its place on the flat plane of the sign.
        ink: tight box of it on that plane.
        sign: number of its sign.
        region: of the image, holds the word.
        alpha: mode L of the region's size: the word's coverage, drawn alone.
        xyxy: tight box of the coverage that is seen, in pixels of the image.
        polygon: outline of the word's ink, along its baseline.
        warp: from the flat plane into the image.
    """

    word: Word
    ink: Region
    sign: int
    region: Region
    alpha: Image.Image
    xyxy: tuple[float, float, float, float]
    polygon: tuple[tuple[float, float], ...]
    warp: Warp


@dataclass(frozen=True)
class Sign:
    """A sign in the image.

    Attributes:
        wording: what it says, as drawn.
        body_color: the name of its body's colour; empty without a body, None where it has no one name.
        may_be: names that someone might give its body as it is seen.
    """

    wording: lexicon.Wording
    body_color: str | None
    may_be: frozenset[str] = frozenset()


class Stage:
    """An image that signs are put into."""

    def __init__(self, rng: np.random.Generator, config: SceneTextConfig, image: Image.Image, script: str):
        self.rng = rng
        self.config = config
        self.image = image
        self.script = script
        self.language = pick_language(rng, config, script)
        low, high = config.num_words
        self.words_left = round(low * (high / low) ** float(rng.random() ** 0.7))
        self._larger = max(1.0, 6.0 / self.words_left)  # a lone sign is taken from near
        self._smaller = min(1.0, float(np.sqrt(15 / self.words_left)))  # many signs leave little room to each
        self.view: Warp | None = None
        self.taken: list[Region] = []
        self.signs: list[Sign] = []
        self.words: list[Written] = []

    @property
    def size_wh(self) -> tuple[int, int]:
        """Of the image."""
        return self.image.size

    def look(self, yaw: float, pitch: float, roll: float) -> None:
        """See the backdrop and what is put on it later at an angle; places stay those of the backdrop."""
        size = self.size_wh
        tilt = tilted(size, roll=roll, yaw=yaw, pitch=pitch)
        corners = tilt.forward(rim(0, 0, *size, per_side=2))  # around (0, 0)
        # Come near enough that the backdrop fills the image: the largest centred frame in the quadrilateral.
        zoom = max(frame_zoom(corners, size), 1.0)
        view = straight(size[0] / 2, size[1] / 2).matrix @ np.diag([zoom, zoom, 1.0]) @ tilt.matrix
        self.image = Warp(view).apply(self.image, (0, 0), (0, 0, *size))
        self.view = Warp(view)

    def put(self, order: Order, slot: Region | None = None) -> bool:
        """Draw a sign; False where there is no room for it, or no word left.

        Args:
            order: what to draw.
            slot: where, in pixels; None for any free place.
        """
        if self.words_left < 1:
            return False
        rng, config = self.rng, self.config
        foreign = rng.random() < (0.12 if self.script == "latin" else 0.25)
        language = "en" if foreign and not config.languages else self.language
        wording = self._wording(order.kind, language)
        setting = pick_setting(rng, config, wording.lines[0].language, order.kind, order.styles)
        effect = order.effects[int(rng.integers(len(order.effects)))]
        setting = replace(setting, stroke=0.09 if effect == "outline" else 0.0, rows=order.rows)
        lies = slot is not None and slot[2] - slot[0] > 1.3 * (slot[3] - slot[1])
        if order.pose.bend or lies:
            setting = replace(setting, downwards=False, align="center" if order.pose.bend else setting.align)
        wording = written(wording, setting)
        body, ink = order.paint or scheme(rng, order.colors, config.min_contrast)
        slim = order.body in ("pill", "arrow") and (len(wording.lines) > 1 or setting.downwards)
        dressing = Dressing("rounded" if slim else order.body, body, ink, effect, **order.details)  # type: ignore[arg-type]

        text = outline_of(wording, setting, config)
        if not text.lines:
            return False
        sketch = _Sketch(order.pose, wording, setting, dressing, text)
        height, bounds = self._height(order, slot, sketch)
        for _ in range(4):
            if height < config.text_height[0]:
                return False
            move = self._place(bounds, slot)
            if move is not None and self._try(order, slot, sketch, height, move):
                return True
            height *= 0.85 if slot else _SHRINK
            bounds = sketch.bounds(height)
        return False

    def _wording(self, kind: str, language: str) -> lexicon.Wording:
        rng, config = self.rng, self.config
        new = lexicon.wording(rng, kind, language, max_words=self.words_left)
        roll = rng.random()
        before = [s.wording for s in self.signs if s.wording.num_words <= min(3, self.words_left)]
        if not before or roll >= config.repeat_rate + config.decoy_rate:
            return new
        old = before[int(rng.integers(len(before)))]
        if roll < config.repeat_rate:
            return old
        line = old.lines[int(rng.integers(len(old.lines)))]
        words = line.words
        i = int(rng.integers(len(words)))
        words[i] = lexicon.lookalike(rng, words[i], line.language)
        return replace(old, lines=(replace(line, text=" ".join(words)),))

    def _height(self, order: Order, slot: Region | None, sketch: _Sketch) -> tuple[float, Bounds]:
        """Height of letters, by chance, no more than fits; and the bounds of the sign."""
        width, height = self.size_wh
        room_w, room_h = (slot[2] - slot[0], slot[3] - slot[1]) if slot else (width - 8, height - 8)
        low, high = (
            min(max(v, self.config.text_height[0]), self.config.text_height[1]) for v in order.height
        )
        low = min(low * self._larger, high)
        high = high if slot else max(low, high * self._smaller)
        tall = float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
        bounds = sketch.bounds(tall)
        for _ in range(3):  # not linear: letters have a least height, and margins none
            x0, y0, x1, y1 = bounds
            fits = min(room_w / max(x1 - x0, 1), room_h / max(y1 - y0, 1))
            if fits >= 1:
                break
            tall *= 0.98 * fits
            bounds = sketch.bounds(tall)
        return tall, bounds

    def _try(
        self, order: Order, slot: Region | None, sketch: _Sketch, height: float, move: tuple[int, int]
    ) -> bool:
        """Draw a sign with its middle at `move`, or near it."""
        wording, dressing = sketch.wording, sketch.dressing
        block = set_text(wording, sketch.setting, self.config, height)
        flat = flat_size(block.size_wh, dressing, height)
        size_wh = (round(flat[0]), round(flat[1]))
        warp = order.pose.warp(size_wh)
        bounds = warp.bounds(0, 0, *size_wh)
        if slot or not self._is_free(_outer(bounds, move)):  # the sketch was a little smaller
            again = self._place(bounds, slot)
            if again is None:
                return False
            move = again
        warp = warp.moved(*move)
        spot = _outer(warp.bounds(0, 0, *size_wh))
        if self.view is not None:
            warp = replace(warp, matrix=self.view.matrix @ warp.matrix)
        block.move((size_wh[0] - block.size_wh[0]) // 2, (size_wh[1] - block.size_wh[1]) // 2)
        words = []
        for word in block.words:
            measured = self._measured(word, warp)
            if measured is None:
                return False
            words.append(measured)
        region = spot if self.view is None else _outer(warp.bounds(0, 0, *size_wh))
        seen = (
            max(0, region[0]),
            max(0, region[1]),
            min(region[2], self.size_wh[0]),
            min(region[3], self.size_wh[1]),
        )
        dressing = self._readable(dressing, seen)
        drawn = warp.apply(dress(self.rng, block, size_wh, dressing, height), (0, 0), seen)
        if drawn.mode == "L":  # letters of one colour
            self.image.paste(Image.new("RGB", drawn.size, dressing.ink), seen, drawn)
        else:
            self.image.paste(drawn.convert("RGB"), seen, drawn.getchannel("A"))
        shown = as_drawn(wording, block.words)
        bare = dressing.body == "none"
        name = "" if bare and order.paint is None else None if bare else color_name(dressing.color)
        self.signs.append(Sign(shown, name))
        self.words += words
        self.words_left -= len(words)
        self.taken.append(spot)
        return True

    def _place(self, bounds: Bounds, slot: Region | None) -> tuple[int, int] | None:
        """How far to move a sign of these bounds (around 0) to a place that is free, or None."""
        x0, y0, x1, y1 = _outer(bounds)
        width, height = x1 - x0, y1 - y0
        left, top, right, bottom = slot or (_EDGE, _EDGE, self.size_wh[0] - _EDGE, self.size_wh[1] - _EDGE)
        free_x, free_y = right - left - width, bottom - top - height
        if free_x < 0 or free_y < 0:
            return None
        if slot:
            x, y = left + free_x // 2, top + free_y // 2
            return (x - x0, y - y0) if self._is_free((x, y, x + width, y + height)) else None
        for u, v in self.rng.random((_TRIES, 2)).tolist():
            x, y = left + int(u * (free_x + 1)), top + int(v * (free_y + 1))
            if self._is_free((x, y, x + width, y + height)):
                return x - x0, y - y0
        return None

    def _is_free(self, box: Region) -> bool:
        """Whether it is within the backdrop, nothing stands there yet, and it can be seen."""
        x0, y0, x1, y1 = box
        width, height = self.size_wh
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            return False
        if any(x1 > a0 and x0 < a1 and y1 > b0 and y0 < b1 for a0, b0, a1, b1 in self.taken):
            return False
        if self.view is None:
            return True
        slack = 0.04
        least = -slack * min(width, height)
        most_x, most_y = width * (1 + slack), height * (1 + slack)
        return all(least < x < most_x and least < y < most_y for x, y in self.view.corners(*box))

    def _readable(self, dressing: Dressing, region: Region) -> Dressing:
        """The same, or with another ink or a body where letters on what is behind could not be read."""
        if dressing.body != "none":
            return dressing
        need = self.config.min_contrast
        low, high = luma_range(self.image, region)
        if not low - need < luma(dressing.ink) < high + need:
            return dressing
        ink = readable(self.rng, low, high, need)
        if ink is not None:
            return replace(dressing, ink=ink)
        body, ink = scheme(self.rng, "shop", need)
        return replace(dressing, body="rounded", color=body, ink=ink, effect="flat")

    def _measured(self, word: Word, warp: Warp) -> Written | None:
        """A word where it came to stand; None where it leaves the image."""
        width, height = word.mask.size
        outer = (word.at[0], word.at[1], word.at[0] + width, word.at[1] + height)
        ink = _seen(word.mask, word.at)
        if warp.shift is not None:
            dx, dy = warp.shift
            region = (outer[0] + dx, outer[1] + dy, outer[2] + dx, outer[3] + dy)
            alpha = word.mask
            box = ink and (ink[0] + dx, ink[1] + dy, ink[2] + dx, ink[3] + dy)
        else:
            x0, y0, x1, y1 = warp.bounds(*outer)
            region = (math.floor(x0) - 1, math.floor(y0) - 1, math.ceil(x1) + 1, math.ceil(y1) + 1)
            alpha = warp.apply(word.mask, word.at, region)
            box = _seen(alpha, region[:2])
        if box is None or ink is None:
            return None
        if box[0] < 0 or box[1] < 0 or box[2] > self.size_wh[0] or box[3] > self.size_wh[1]:
            return None
        polygon = outline(warp, ink, per_side=_points_per_side(warp, ink))
        xyxy = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        return Written(word, ink, len(self.signs), region, alpha, xyxy, polygon, warp)


def _seen(mask: Image.Image, at: tuple[int, int]) -> Region | None:
    """The tight box of what is visible of a coverage whose top left corner is `at`."""
    # (mask + mask) / 2 - offset, cut off at 0: one pass in C, where a look-up table costs its own length
    box = ImageChops.add(mask, mask, 2, 1 - assets.VISIBLE_ALPHA).getbbox()
    return box and (box[0] + at[0], box[1] + at[1], box[2] + at[0], box[3] + at[1])


def outline(
    warp: Warp, ink: tuple[float, float, float, float], *, per_side: int
) -> tuple[tuple[float, float], ...]:
    """The polygon in the image of a box on the flat plane: its upper edge, then back along the lower one."""
    spread = 0.0 if warp.shift is not None else 0.5  # interpolation carries ink half a pixel outwards
    grown = (ink[0] - spread, ink[1] - spread, ink[2] + spread, ink[3] + spread)
    corners = warp.corners(*grown) if per_side == 2 else warp.forward(rim(*grown, per_side=per_side)).tolist()
    return tuple((round(x, 2), round(y, 2)) for x, y in corners)


def _points_per_side(warp: Warp, ink: tuple[int, int, int, int]) -> int:
    """Two for a straight word, four to seven for one on a curve, by how much of the curve it takes."""
    if warp.bend is None:
        return 2
    share = (ink[2] - ink[0]) / warp.bend.size_wh[0]
    return 4 if share < 0.25 else 5 if share < 0.5 else 7


def _outer(bounds: Bounds, move: tuple[int, int] = (0, 0)) -> Region:
    x0, y0, x1, y1 = bounds
    dx, dy = move
    return math.floor(x0) + dx, math.floor(y0) + dy, math.ceil(x1) + dx, math.ceil(y1) + dy
