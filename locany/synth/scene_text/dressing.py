"""What a sign is made of: its body with rim, screws and gloss, and the way its letters are put on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from locany.synth.scene_text.layout import Block
from locany.synth.textures import Color, colored, grey_piece, ramp

_SHINY = 24  # height from which letters are thick enough to have a lit edge and keep their colour
EFFECTS = ("flat", "shadow", "raised", "outline", "worn", "shaded", "neon", "lamps")
BODIES = ("none", "board", "rounded", "pill", "arrow", "tag")


@dataclass(frozen=True)
class Dressing:
    """How a sign looks.

    Attributes:
        body: one of `BODIES`; "none" for letters straight on what is behind.
        color: of the body.
        ink: of the letters.
        effect: one of `EFFECTS`.
        padding: around the text, in letter heights.
        rim: width of a line inside the edge, in letter heights; 0 for none.
        texture: a kind of `textures.SURFACES` that the body shows, or empty.
        gloss: 0 dull to 1: a band of reflected light.
        cast: 0 none to 1: the shadow that the body throws.
        screws: whether the body is screwed on.
    """

    body: str
    color: Color
    ink: Color
    effect: str = "flat"
    padding: float = 0.6
    rim: float = 0.0
    texture: str = ""
    gloss: float = 0.0
    cast: float = 0.0
    screws: bool = False

    @property
    def margin(self) -> float:
        """Room around the body for what goes beyond it, in letter heights."""
        return 0.5 if self.effect == "neon" else 0.3 if self.cast or self.body == "none" else 0.1


def flat_size(text_wh: tuple[float, float], dressing: Dressing, height: float) -> tuple[float, float]:
    """Width and height of the plane for a text of this size, all in pixels."""
    more = 2 * height * (dressing.padding + dressing.margin)
    wide = height * 0.9 if dressing.body in ("arrow", "tag") else 0.0
    return text_wh[0] + more + wide, text_wh[1] + more


def dress(
    rng: np.random.Generator,
    block: Block,
    size_wh: tuple[int, int],
    dressing: Dressing,
    height: float,
) -> Image.Image:
    """Draw a sign flat: RGBA, or L where it is nothing but letters of one colour, the dressing's ink.

    Args:
        rng: the only source of chance.
        block: its text, in place on the plane.
        size_wh: of the plane.
        dressing: its looks.
        height: of a letter, in pixels.
    """
    if dressing.body == "none" and dressing.effect in ("flat", "worn"):
        return _ink(rng, block, size_wh, dressing.effect)
    if dressing.body == "none":
        rgb, alpha = Image.new("RGB", size_wh, dressing.ink), Image.new("L", size_wh)
    else:
        rgb, alpha = _body(rng, size_wh, dressing, height)
    _letters(rng, rgb, alpha, block, dressing, height)
    if dressing.gloss and dressing.body != "none":  # over the letters too: they fade, they do not drown
        band = _gloss_band().resize(size_wh, Image.Resampling.BILINEAR)
        band = ImageChops.multiply(band.point([int(v * dressing.gloss) for v in range(256)]), alpha)
        _lay(rgb, (255, 255, 255), band)
    rgb.putalpha(alpha)
    return rgb


def _body(
    rng: np.random.Generator, size_wh: tuple[int, int], dressing: Dressing, height: float
) -> tuple[Image.Image, Image.Image]:
    margin = round(dressing.margin * height)
    box = (margin, margin, size_wh[0] - margin, size_wh[1] - margin)
    shape = _shape(size_wh, box, dressing.body, height)
    if dressing.texture:  # faint: it leaves the body's colour
        r, g, b = (part * 7 // 10 for part in dressing.color)
        rgb = colored(grey_piece(rng, size_wh, dressing.texture), (r, g, b), dressing.color)
    else:
        rgb = Image.new("RGB", size_wh, dressing.color)
    if dressing.rim:
        inset, width = round(height * dressing.rim * 1.2) + 1, max(1, round(height * dressing.rim))
        inner = (box[0] + inset, box[1] + inset, box[2] - 1 - inset, box[3] - 1 - inset)
        if inner[2] - inner[0] > 4 * width and inner[3] - inner[1] > 4 * width:
            radius = _radius(dressing.body, box, height) * 0.8
            ImageDraw.Draw(rgb).rounded_rectangle(inner, radius, outline=dressing.ink, width=width)
    if dressing.screws:
        _screws(rgb, box, height)
    edge = ImageChops.subtract(shape, ImageChops.offset(shape, -1, -1)).point([v // 2 for v in range(256)])
    _lay(rgb, (0, 0, 0), edge)  # the lower edge of a body lies in its own shade
    if not dressing.cast:
        return rgb, shape
    reach = max(1, round(height * 0.12))
    fallen = ImageChops.offset(shape, reach, reach + 1).filter(ImageFilter.BoxBlur(reach))
    fallen = fallen.point([int(v * 0.55 * dressing.cast) for v in range(256)])
    under = Image.new("RGB", size_wh)
    under.paste(rgb, (0, 0), shape)
    return under, ImageChops.lighter(shape, fallen)


def _radius(body: str, box: tuple[int, int, int, int], height: float) -> float:
    shorter = min(box[2] - box[0], box[3] - box[1])
    return {"rounded": min(height * 0.35, shorter / 3), "pill": shorter / 2}.get(body, 0.0)


def _shape(size_wh: tuple[int, int], box: tuple[int, int, int, int], body: str, height: float) -> Image.Image:
    """The outline of a body, mode L, smooth at its edge."""
    if body == "board":
        image = Image.new("L", size_wh)
        image.paste(255, box)
        return image
    image = Image.new("L", (size_wh[0] * 2, size_wh[1] * 2))
    draw = ImageDraw.Draw(image)
    x0, y0, x1, y1 = (2 * v for v in box)
    middle, tip = (y0 + y1) / 2, min(height * 0.9, (y1 - y0) / 4) * 2
    if body == "arrow":
        draw.polygon([(x0, y0), (x1 - tip, y0), (x1, middle), (x1 - tip, y1), (x0, y1)], fill=255)
    elif body == "tag":
        draw.polygon([(x0 + tip, y0), (x1, y0), (x1, y1), (x0 + tip, y1), (x0, middle)], fill=255)
        hole = height * 0.25
        draw.ellipse((x0 + tip - hole, middle - hole, x0 + tip + hole, middle + hole), fill=0)
    else:
        draw.rounded_rectangle((x0, y0, x1 - 1, y1 - 1), _radius(body, box, height) * 2, fill=255)
    return image.reduce(2)


def _screws(rgb: Image.Image, box: tuple[int, int, int, int], height: float) -> None:
    draw = ImageDraw.Draw(rgb)
    r = max(1.5, height * 0.09)
    inset = r * 2.2
    for x in (box[0] + inset, box[2] - inset):
        for y in (box[1] + inset, box[3] - inset):
            draw.ellipse((x - r, y - r, x + r, y + r), fill=(150, 150, 152), outline=(70, 70, 72))


def _letters(
    rng: np.random.Generator,
    rgb: Image.Image,
    alpha: Image.Image,
    block: Block,
    dressing: Dressing,
    height: float,
) -> None:
    """Put the letters on a body, both in place."""
    ink = _ink(rng, block, rgb.size, dressing.effect)
    bare = dressing.body == "none"
    reach = max(1, round(height * 0.07))
    effect = dressing.effect
    dark, light = (12, 12, 14), (250, 250, 248)
    if effect in ("shadow", "raised", "neon"):
        if effect == "neon":
            glow = ink.filter(ImageFilter.BoxBlur(height * 0.22)).filter(ImageFilter.BoxBlur(height * 0.12))
            glow = glow.point([min(150, v) for v in range(256)])
            _under(rgb, alpha, glow, dressing.ink, bare)
        else:
            soft = ImageChops.offset(ink, reach, reach)
            soft = soft.filter(ImageFilter.BoxBlur(reach * 0.6)) if effect == "shadow" else soft
            _under(rgb, alpha, soft.point([v * 6 // 10 for v in range(256)]), dark, bare)
    fill: Image.Image | Color = dressing.ink
    if effect == "outline":
        rim = dark if sum(dressing.ink) > 380 else light
        _over(rgb, alpha, ink, rim)
        ink = Image.new("L", rgb.size)
        for word in block.words:
            ink.paste(255, word.at, word.core)
    elif effect == "shaded":
        r, g, b = (part * 3 // 4 for part in dressing.ink)
        fill = colored(ramp(rgb.size), dressing.ink, (r, g, b))
    elif effect == "neon":
        r, g, b = (c + (255 - c) * 6 // 10 for c in dressing.ink)
        fill = (r, g, b)
    _over(rgb, alpha, ink, fill)
    if effect == "raised" and height > _SHINY:
        shine = ImageChops.subtract(ink, ImageChops.offset(ink, 1, 1)).point([v // 2 for v in range(256)])
        _over(rgb, alpha, shine, light)


def _ink(rng: np.random.Generator, block: Block, size_wh: tuple[int, int], effect: str) -> Image.Image:
    """The coverage of all words, mode L."""
    ink = Image.new("L", size_wh)
    for word in block.words:
        ink.paste(255, word.at, word.mask)
    if effect == "worn":
        ink = ImageChops.multiply(ink, grey_piece(rng, size_wh, "plaster").point(_WORN))
    return ink


def _over(rgb: Image.Image, alpha: Image.Image, mask: Image.Image, fill: Image.Image | Color) -> None:
    _lay(rgb, fill, mask)
    alpha.paste(ImageChops.lighter(alpha, mask))


def _lay(rgb: Image.Image, fill: Image.Image | Color, mask: Image.Image) -> None:
    """Pillow lays an image through a mask faster than it does a bare colour."""
    rgb.paste(Image.new("RGB", rgb.size, fill) if isinstance(fill, tuple) else fill, (0, 0), mask)


def _under(rgb: Image.Image, alpha: Image.Image, mask: Image.Image, color: Color, bare: bool) -> None:
    """Lay colour under letters to come; on nothing, it becomes the colour of the whole plane."""
    if bare:
        rgb.paste(color, (0, 0, *rgb.size))
        alpha.paste(ImageChops.lighter(alpha, mask))
    else:
        _lay(rgb, color, ImageChops.multiply(mask, alpha))


@cache
def _gloss_band() -> Image.Image:
    """A soft diagonal band of light, mode L, 64 x 64."""
    y, x = np.mgrid[0:64, 0:64] / 64
    at = x * 0.8 + y * 0.6 - 0.6
    band = np.exp(-((at / 0.16) ** 2)) * 110 + np.clip(0.5 - y, 0, 1) * 60
    return Image.fromarray(np.clip(band, 0, 255).astype(np.uint8))


_WORN = [max(110, min(255, 90 + v * 2)) for v in range(256)]  # paint that has gone in places, never wholly
