"""Backgrounds to draw on: plain, gradients, noise, patterns, screens. None holds anything nameable."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from locany.synth.screens import screen

Color = tuple[int, int, int]

_GRAIN_SIDE = 512  # pixels of the shared grain tile, longer than any image side plus an offset


def background(
    rng: np.random.Generator, size_wh: tuple[int, int], *, busy: float = 1.0, screens: float = 0.0
) -> np.ndarray:
    """A background.

    Args:
        rng: the only source of chance.
        size_wh: width and height in pixels.
        busy: from 0 (plain and gradients only) to 1 (every kind alike).
        screens: share of screenshot-like ones, whatever `busy` says.

    Returns:
        [height, width, 3] uint8 RGB, writeable.
    """
    if screens and rng.random() < screens:
        return screen(rng, size_wh)
    kinds = CALM if rng.random() >= busy else CALM + BUSY
    rgb = kinds[int(rng.integers(len(kinds)))](rng, size_wh)
    if rng.random() < 0.3:
        rgb = _add_grain(rng, rgb)
    return rgb


def plain(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """One colour."""
    width, height = size_wh
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = _color(rng)
    return rgb


def linear_gradient(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Two or three colours along a direction."""
    x, y = _unit_axes(size_wh)
    angle = rng.uniform(0, 2 * np.pi)
    t = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    return _palette_image(rng, t, num_colors=int(rng.integers(2, 4)))


def radial_gradient(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Two or three colours around a centre."""
    x, y = _unit_axes(size_wh)
    cx, cy = rng.random(2, dtype=np.float32)
    t = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
    return _palette_image(rng, t, num_colors=int(rng.integers(2, 4)))


def value_noise(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Soft clouds: one to three octaves of smooth noise through a palette."""
    t = np.zeros((size_wh[1], size_wh[0]), np.float32)
    cells = int(rng.integers(2, 6))
    for octave in range(int(rng.integers(1, 4))):
        values = rng.random((cells << octave, cells << octave), dtype=np.float32)
        smooth = Image.fromarray(values).resize(size_wh, Image.Resampling.BICUBIC)
        t += np.asarray(smooth) * np.float32(0.5**octave)
    return _palette_image(rng, t, num_colors=int(rng.integers(2, 4)))


def color_noise(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Soft blotches of several colours."""
    side = int(rng.integers(2, 8))
    blotches = _near_grid(rng, _color(rng), int(rng.integers(20, 90)), side)
    return np.array(Image.fromarray(blotches).resize(size_wh, Image.Resampling.BICUBIC))


def stripes(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Two colours in bands, at any angle."""
    x, y = _unit_axes(size_wh)
    angle = rng.uniform(0, np.pi)
    period = rng.uniform(10, 48) / max(size_wh)
    t = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / np.float32(period)
    return _two_colors(rng, (t - np.floor(t)) < 0.5)


def checker(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Two colours in squares."""
    side = int(rng.integers(8, 40))
    x, y = np.arange(size_wh[0]) // side, np.arange(size_wh[1]) // side
    return _two_colors(rng, ((x[None, :] + y[:, None]) & 1).astype(bool))


def grid(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Thin lines, as on squared paper."""
    pitch, line = int(rng.integers(10, 40)), int(rng.integers(1, 3))
    x, y = np.arange(size_wh[0]) % pitch < line, np.arange(size_wh[1]) % pitch < line
    return _two_colors(rng, x[None, :] | y[:, None])


def rectangles(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Large overlapping rectangles and ellipses."""
    image = Image.new("RGB", size_wh, _color(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 9))):
        box = _inner_box(rng, size_wh, min_share=0.15)
        shape = draw.ellipse if rng.random() < 0.3 else draw.rectangle
        shape(box, fill=_color(rng))
    return np.array(image)


def paper(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Off-white, often ruled."""
    width, height = size_wh
    tone = int(rng.integers(215, 256))
    image = Image.new("RGB", size_wh, (tone, tone - int(rng.integers(0, 8)), tone - int(rng.integers(0, 25))))
    if rng.random() < 0.6:
        draw = ImageDraw.Draw(image)
        ink = _near(rng, (150, 170, 200), 30)
        pitch = int(rng.integers(12, 32))
        for y in range(int(rng.integers(4, pitch)), height, pitch):
            draw.line((0, y, width, y), fill=ink)
    return _add_grain(rng, np.array(image))


def panels(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """The look of a program window: a bar, a column, rounded cards."""
    width, height = size_wh
    dark = rng.random() < 0.4
    base = int(rng.integers(20, 60)) if dark else int(rng.integers(225, 256))

    def shade(steps: int) -> Color:
        level = min(255, max(0, base + (steps if dark else -steps)))
        return level, level, level

    image = Image.new("RGB", size_wh, shade(0))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 5))):
        box = _inner_box(rng, size_wh, min_share=0.2)
        fill = _color(rng) if rng.random() < 0.25 else shade(int(rng.integers(6, 30)))
        draw.rounded_rectangle(box, radius=int(rng.integers(2, 12)), fill=fill, outline=shade(45))
    if rng.random() < 0.6:
        accent = _color(rng) if rng.random() < 0.6 else shade(30)
        draw.rectangle((0, 0, width, int(rng.integers(12, 32))), fill=accent)
    if rng.random() < 0.3:
        draw.rectangle((0, 0, int(rng.integers(16, 50)), height), fill=shade(18))
    return np.array(image)


CALM = (plain, linear_gradient, radial_gradient)
BUSY = (value_noise, color_noise, stripes, checker, grid, rectangles, paper, panels)


def _color(rng: np.random.Generator) -> Color:
    """Any colour, pale ones a little more often, as in interfaces and print."""
    r, g, b = rng.integers(0, 256, 3).tolist()
    if rng.random() < 0.35:
        r, g, b = (170 + c // 3 for c in (r, g, b))
    return r, g, b


def _near(rng: np.random.Generator, color: Color, spread: int) -> Color:
    """A colour at most `spread` steps away in each channel."""
    r, g, b = _near_grid(rng, color, spread, 1)[0, 0].tolist()
    return r, g, b


def _near_grid(rng: np.random.Generator, color: Color, spread: int, side: int) -> np.ndarray:
    """[side, side, 3] uint8 of such colours."""
    noise = rng.integers(-spread, spread + 1, (side, side, 3))
    return np.clip(noise + np.asarray(color), 0, 255).astype(np.uint8)


def _unit_axes(size_wh: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Broadcastable x [1, width] and y [height, 1] in units of the longer side, float32."""
    scale = np.float32(1 / max(size_wh))
    return (
        np.arange(size_wh[0], dtype=np.float32)[None, :] * scale,
        np.arange(size_wh[1], dtype=np.float32)[:, None] * scale,
    )


def _palette_image(rng: np.random.Generator, t: np.ndarray, *, num_colors: int) -> np.ndarray:
    """Colour a field [height, width] by its value: a table look-up, a third of the cost of blending."""
    low, high = float(t.min()), float(t.max())
    index = ((t - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    stops = np.array([_color(rng) for _ in range(num_colors)], np.float32)
    if rng.random() < 0.5:  # pull the colours together: most real backgrounds are quiet
        stops = stops[0] + (stops - stops[0]) * 0.35
    at = np.linspace(0, num_colors - 1, 256)
    table = np.stack([np.interp(at, np.arange(num_colors), stops[:, c]) for c in range(3)], axis=1)
    return table.astype(np.uint8)[index]


def _two_colors(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    first = _color(rng)
    second = _near(rng, first, int(rng.integers(15, 80)))
    return np.array([first, second], np.uint8)[mask.astype(np.uint8)]


def _inner_box(
    rng: np.random.Generator, size_wh: tuple[int, int], *, min_share: float
) -> tuple[int, int, int, int]:
    """A box (x0, y0, x1, y1) whose sides are at least `min_share` of the image's; may leave the image."""
    width, height = (int(side * rng.uniform(min_share, 0.9)) for side in size_wh)
    x = int(rng.integers(-width // 4, size_wh[0] - width // 2))
    y = int(rng.integers(-height // 4, size_wh[1] - height // 2))
    return x, y, x + width, y + height


@cache
def _grain() -> np.ndarray:
    """[side, side] int8 noise, the same in every process; a crop of it is new enough and costs nothing."""
    noise = np.random.default_rng(7).normal(0, 16, (_GRAIN_SIDE, _GRAIN_SIDE))
    return np.clip(noise, -60, 60).astype(np.int8)


def _add_grain(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    tile = _grain()
    if height > _GRAIN_SIDE or width > _GRAIN_SIDE:
        tile = np.tile(tile, (-(-height // _GRAIN_SIDE), -(-width // _GRAIN_SIDE)))
    y = int(rng.integers(tile.shape[0] - height + 1))
    x = int(rng.integers(tile.shape[1] - width + 1))
    strength = int(rng.integers(1, 4))  # quarters; integer arithmetic is exact on every machine
    noise = (tile[y : y + height, x : x + width].astype(np.int16) * strength) >> 2
    return np.clip(rgb.astype(np.int16) + noise[..., None], 0, 255).astype(np.uint8)
