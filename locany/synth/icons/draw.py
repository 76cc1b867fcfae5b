"""Puts pictures into an image: scaled, turned, coloured, on free ground where they can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from PIL import Image

from locany.synth.colors import CLEAR_DIFFERENCE, Color, difference, draw_color, lab
from locany.synth.ground import Box, Ground
from locany.synth.icons.config import IconsConfig
from locany.synth.icons.layers import Layer, target_at, visible_box
from locany.synth.icons.plan import Plan
from locany.synth.icons.words import LUMA

_CELL_SHARE = 0.92  # of a grid cell's side, for the largest picture; the rest is air
_LOOSE = 0.1  # of a cell's side: so far may a picture reach into the next cell
_SHRINK = (1.0, 0.85, 0.72)  # tried in turn where neighbours reach in; the last always fits in the middle
_RIM_CELLS = 12  # along each side of a box, to compare an outline with the ground
_RIM_ALPHA = 96  # of 255: coverage from which on a cell belongs to the picture
_RIM_DIFFERENCE, _RIM_SHARE = (
    12.0,
    0.5,
)  # of CIE 1976, and of the outline, that must differ so from the ground
_SAMPLES = 4  # ground colours are compared at so many places along each side of a box


def scatter(
    rng: np.random.Generator, config: IconsConfig, plans: Sequence[Plan], image: Image.Image, ground: Ground
) -> list[Layer]:
    """Anywhere; what finds no free place, or none where it stands out, is left out."""
    drawn = []
    colors = _colors(plans)
    for plan in plans:
        sprite = transform(rng, config, plan.art.draw(plan.side), plan.side)
        if plan.color is None:
            suits = None if sprite.mode == "L" else partial(_rim_stands_out, image, _rim(sprite))
            place = ground.find(rng, sprite.size, suits)
            if place is not None:
                drawn.append(_paste(image, ground, plan, sprite, place, None, None))
            continue
        for name in _colors_to_try(rng, plan.color, colors):
            shade = draw_color(rng, name)
            place = ground.find(rng, sprite.size, partial(_stands_out, image, shade))
            if place is not None:
                drawn.append(_paste(image, ground, plan, sprite, place, name, shade))
                break
    return drawn


def in_cells(
    rng: np.random.Generator, config: IconsConfig, plans: Sequence[Plan], image: Image.Image, ground: Ground
) -> list[Layer]:
    """One in each cell of a grid, all of them: in the middle, or shifted, even a little into the next cell.

    Words must not be in the image yet.
    """
    width, height = ground.size_wh
    columns = max(1, min(len(plans), round(float(np.sqrt(len(plans) * width / height)))))
    rows = -(-len(plans) // columns)
    cell = min(width / columns, height / rows)
    largest = min(max(plan.side for plan in plans), cell * _CELL_SHARE)
    scale = largest / max(plan.side for plan in plans)
    smallest = min(config.sprite_side[0], 0.55 * cell)
    strict = rng.random() < 0.3
    drawn = []
    colors = _colors(plans)
    for i, plan in zip(rng.permutation(columns * rows).tolist(), plans, strict=False):
        middle = (i % columns + 0.5) * width / columns, (i // columns + 0.5) * height / rows
        side = max(smallest, plan.side * scale)
        sprite = transform(rng, config, plan.art.draw(side), side)
        sprite, place = _settle(rng, ground, sprite, middle, cell, strict=strict)
        name, shade = None, None
        if plan.color is not None:
            box = (*place, place[0] + sprite.width, place[1] + sprite.height)
            name, shade = _clearest(rng, image, box, _colors_to_try(rng, plan.color, colors))
        drawn.append(_paste(image, ground, plan, sprite, place, name, shade))
    return drawn


def _settle(
    rng: np.random.Generator,
    ground: Ground,
    sprite: Image.Image,
    middle: tuple[float, float],
    cell: float,
    *,
    strict: bool,
) -> tuple[Image.Image, tuple[int, int]]:
    """The picture, smaller if need be, and its place around the middle of its cell."""
    limit = cell * _CELL_SHARE
    if max(sprite.size) > limit:  # turning made it longer
        sprite = _smaller(sprite, limit / max(sprite.size))
    for shrink in _SHRINK:
        now = sprite if shrink == 1.0 else _smaller(sprite, shrink)
        free = [max(0.0, (cell - side) / 2 + cell * _LOOSE) * (not strict) for side in now.size]
        shifts = (
            [(0.0, 0.0)] if strict else [(rng.uniform(-free[0], free[0]), rng.uniform(-free[1], free[1]))]
        )
        for shift in (*shifts, (0.0, 0.0)):
            x, y = (
                int(np.clip(round(m + s - side / 2), 0, full - side))
                for m, s, side, full in zip(middle, shift, now.size, ground.size_wh, strict=True)
            )
            if ground.allows(np.array([[x, y, x + now.width, y + now.height]]))[0]:
                return now, (x, y)
    return now, (x, y)


def transform(
    rng: np.random.Generator, config: IconsConfig, picture: Image.Image, side: float
) -> Image.Image:
    """Scale, mirror, turn, tint and fade; cut to the pixels that are seen, so that size is the box.

    Args:
        picture: RGBA, or mode L for what takes a colour later; so is the result.
        side: of the longer side in pixels, before it is turned.
    """
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    out = picture.resize(size, Image.Resampling.BILINEAR)  # premultiplied alpha: no fringe
    if config.mirror and rng.random() < 0.5:
        out = out.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = float(rng.uniform(-config.rotation, config.rotation))
    if abs(angle) > 1 and rng.random() < 0.7:
        if out.mode == "L":
            out = out.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        else:
            out = out.convert("RGBa").rotate(angle, Image.Resampling.BILINEAR, expand=True).convert("RGBA")
    if out.mode == "RGBA" and config.jitter and rng.random() < 0.5:
        out = _tint(out, *(1 + rng.uniform(-config.jitter, config.jitter, 2)))
    opacity = int(rng.uniform(*config.opacity) * 256)
    # uint16 holds 255 * 256; numpy here because Pillow's look-up tables cost more than the sprite
    alpha = ((np.asarray(_alpha(out), np.uint16) * opacity) >> 8).astype(np.uint8)
    if out.mode == "L":
        out = Image.fromarray(alpha)
    else:
        out.putalpha(Image.fromarray(alpha))
    return _cut(out)


def _smaller(sprite: Image.Image, scale: float) -> Image.Image:
    size = (max(1, int(sprite.width * scale)), max(1, int(sprite.height * scale)))
    return _cut(sprite.resize(size, Image.Resampling.BILINEAR))


def _cut(sprite: Image.Image) -> Image.Image:
    box = visible_box(np.asarray(_alpha(sprite)))
    assert box is not None, "a sprite of this size has visible pixels"
    return sprite.crop(box)


def _alpha(sprite: Image.Image) -> Image.Image:
    return sprite if sprite.mode == "L" else sprite.getchannel("A")


def _tint(sprite: Image.Image, brightness: float, saturation: float) -> Image.Image:
    """Brightness and saturation in one colour matrix."""
    grey = (1 - saturation) * brightness * LUMA
    rows = [
        [float(grey[c]) + (saturation * brightness if c == r else 0.0) for c in range(3)] for r in range(3)
    ]
    matrix = tuple(value for row in rows for value in (*row, 0.0))
    out = sprite.convert("RGB").convert("RGB", matrix)
    out.putalpha(sprite.getchannel("A"))
    return out


def _paste(
    image: Image.Image,
    ground: Ground,
    plan: Plan,
    sprite: Image.Image,
    place: tuple[int, int],
    color: str | None,
    shade: Color | None,
) -> Layer:
    box = (*place, place[0] + sprite.width, place[1] + sprite.height)
    mask = _alpha(sprite)
    image.paste(shade if shade is not None else sprite.convert("RGB"), box, mask)
    ground.take(box)
    attributes = {"type": plan.art.kind, "icon_set": plan.art.set_name}
    if color is not None:
        attributes |= {"color": color, "style": plan.art.style}
    return Layer(target_at(plan.label, box, attributes), mask, place, plan.art.synonyms)


def _colors(plans: Sequence[Plan]) -> list[str]:
    """The colours that are meant for the image, each once."""
    return list(dict.fromkeys(plan.color for plan in plans if plan.color is not None))


def _colors_to_try(rng: np.random.Generator, meant: str, colors: Sequence[str]) -> list[str]:
    """The colour meant, then the others of the image, then what stands out from most grounds."""
    start = int(rng.integers(len(colors)))
    return list(dict.fromkeys([meant, *colors[start:], *colors[:start], "white", "black"]))


def _clearest(
    rng: np.random.Generator, image: Image.Image, box: Box, names: Sequence[str]
) -> tuple[str, Color]:
    """The first colour that stands out from the ground, or the one that does so most."""
    ground = _ground_colors(image, box)
    best: tuple[float, str, Color] | None = None
    for name in names:
        shade = draw_color(rng, name)
        found = difference(shade, ground)
        if found >= CLEAR_DIFFERENCE:
            return name, shade
        if best is None or found > best[0]:
            best = found, name, shade
    assert best is not None
    return best[1], best[2]


def _rim(sprite: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The outermost parts of a picture of many colours: which of the cells over its box, and their CIELAB."""
    small = sprite.convert("RGBa").resize((_RIM_CELLS, _RIM_CELLS), Image.Resampling.BOX).convert("RGBA")
    cells = np.asarray(small)
    full = np.pad(cells[..., 3] >= _RIM_ALPHA, 1)
    inner = full[:-2, 1:-1] & full[2:, 1:-1] & full[1:-1, :-2] & full[1:-1, 2:]
    rim = full[1:-1, 1:-1] & ~inner
    return rim, lab(cells[..., :3][rim])


def _rim_stands_out(image: Image.Image, rim: tuple[np.ndarray, np.ndarray], box: Box) -> bool:
    """Whether an outline can be seen on the ground: a white tooth on white paper has none."""
    where, colors = rim
    ground = image.resize((_RIM_CELLS, _RIM_CELLS), Image.Resampling.BOX, box=box)
    apart = np.sqrt(((lab(np.asarray(ground)[where]) - colors) ** 2).sum(axis=-1))
    return not apart.size or float((apart >= _RIM_DIFFERENCE).mean()) >= _RIM_SHARE


def _stands_out(image: Image.Image, shade: Color, box: Box) -> bool:
    return difference(shade, _ground_colors(image, box)) >= CLEAR_DIFFERENCE


def _ground_colors(image: Image.Image, box: Box) -> np.ndarray:
    return np.asarray(image.resize((_SAMPLES, _SAMPLES), Image.Resampling.BOX, box=box))
