"""Surfaces as a camera sees them: brick, wood, metal, paper, glass, foliage, and places out of focus.

Each kind is a grey tile, made once per process from a fixed seed; an image takes a piece of it, turned,
mirrored, scaled and coloured by chance. A tile costs much and a piece of it little, and no piece is alike.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from locany.synth.texture_tiles import SIDE, tile

Color = tuple[int, int, int]

_VARIANTS = 3  # tiles of a kind
_SMALL = 240  # pixels of a piece that is shown at the size of the tile
_SHADE = 24  # pixels in which light is laid out
_GRAIN_SIGMA = (3.0, 5.0, 8.0, 12.0)  # levels of 255 of the noise of a sensor
_GRAIN_SHARE = (0.04, 0.06, 0.09, 0.13)
_LEVELS = np.arange(256)[:, None]

# Dark and light end of a surface's colours; the tile's grey runs between them.
_PALETTES: dict[str, tuple[tuple[Color, Color], ...]] = {
    "plaster": (
        ((150, 140, 125), (235, 228, 212)),
        ((120, 122, 125), (205, 207, 208)),
        ((150, 95, 70), (225, 165, 130)),
        ((165, 140, 80), (240, 215, 150)),
        ((85, 110, 125), (165, 190, 200)),
        ((200, 200, 196), (252, 252, 248)),
    ),
    "brick": (
        ((70, 30, 22), (190, 150, 130)),
        ((90, 50, 35), (215, 190, 170)),
        ((55, 50, 48), (160, 155, 150)),
        ((150, 145, 138), (240, 238, 232)),
        ((110, 80, 50), (220, 200, 165)),
    ),
    "wood": (
        ((60, 35, 18), (165, 115, 70)),
        ((95, 70, 45), (215, 180, 135)),
        ((45, 42, 40), (125, 118, 110)),
        ((30, 60, 55), (110, 150, 140)),
        ((120, 112, 100), (225, 218, 205)),
    ),
    "metal": (
        ((85, 88, 92), (205, 208, 212)),
        ((40, 44, 50), (120, 126, 134)),
        ((90, 75, 55), (190, 170, 140)),
    ),
    "shutter": (
        ((70, 74, 78), (190, 194, 198)),
        ((30, 55, 45), (95, 135, 115)),
        ((95, 30, 25), (190, 85, 70)),
        ((35, 50, 80), (110, 135, 175)),
    ),
    "asphalt": (((35, 36, 38), (130, 130, 130)), ((80, 78, 75), (180, 176, 170))),
    "cloth": (
        ((20, 25, 45), (90, 100, 140)),
        ((150, 145, 135), (245, 240, 230)),
        ((100, 20, 25), (200, 70, 70)),
        ((25, 60, 35), (95, 150, 105)),
        ((15, 15, 17), (75, 75, 80)),
    ),
    "foliage": (((8, 20, 6), (120, 165, 70)), ((15, 30, 15), (90, 140, 90)), ((40, 25, 8), (200, 150, 60))),
    "paper": (
        ((205, 198, 182), (252, 249, 240)),
        ((160, 125, 85), (215, 180, 135)),
        ((225, 225, 225), (255, 255, 255)),
    ),
    "tiles": (
        ((150, 165, 170), (240, 248, 250)),
        ((30, 80, 95), (130, 190, 200)),
        ((170, 160, 140), (250, 244, 230)),
        ((25, 28, 32), (105, 110, 118)),
    ),
    "stone": (
        ((90, 86, 80), (215, 210, 202)),
        ((50, 52, 56), (140, 144, 150)),
        ((185, 180, 175), (250, 248, 245)),
    ),
}
SURFACES = tuple(_PALETTES)

# What stands in a street, seen from afar.
_DISTANT: tuple[Color, ...] = (
    *((150, 145, 138), (105, 112, 120), (160, 128, 100), (85, 105, 70), (60, 82, 50), (195, 192, 185)),
    *(
        (58, 60, 64),
        (128, 84, 68),
        (205, 196, 175),
        (110, 95, 85),
        (170, 60, 50),
        (60, 85, 130),
        (225, 225, 222),
    ),
)


def surface(rng: np.random.Generator, size_wh: tuple[int, int], kind: str) -> Image.Image:
    """A piece of a surface, RGB. `kind` is one of `SURFACES`; width and height in pixels."""
    return in_its_colors(rng, grey_piece(rng, size_wh, kind), kind)


def in_its_colors(rng: np.random.Generator, grey: Image.Image, kind: str) -> Image.Image:
    """A grey piece of a surface in colours that this kind has, RGB."""
    palettes = _PALETTES[kind]
    dark, light = palettes[int(rng.integers(len(palettes)))]
    return colored(grey, _shifted(rng, dark), _shifted(rng, light))


def grey_piece(rng: np.random.Generator, size_wh: tuple[int, int], kind: str) -> Image.Image:
    """The same without colour, mode L: the full range from black to white."""
    whole = tile(kind, int(rng.integers(_VARIANTS)))
    upright = kind in ("brick", "wood", "shutter", "tiles")  # courses and slats lie level
    longest = max(size_wh)
    scale = max(float(rng.uniform(0.8, 1.6)), (longest + 1) / SIDE)
    if longest <= _SMALL:
        scale = 1.0  # nobody sees the grain of a sign enlarged
    width, height = (min(SIDE, max(1, round(side / scale))) for side in size_wh)
    x = int(rng.integers(0, SIDE - width + 1))
    y = int(rng.integers(0, SIDE - height + 1))
    box = (x, y, x + width, y + height)
    piece = whole.crop(box) if scale == 1.0 else whole.resize(size_wh, Image.Resampling.BILINEAR, box=box)
    if rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if not upright and rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return piece


def colored(grey: Image.Image, dark: Color, light: Color) -> Image.Image:
    """A grey image with its black and white replaced by two colours, RGB."""
    low, high = np.array(dark), np.array(light)
    image = grey.copy()
    image.putpalette((low + (high - low) * _LEVELS // 255).astype(np.uint8).tobytes())
    return image.convert("RGB")


def out_of_focus(rng: np.random.Generator, size_wh: tuple[int, int], *, night: bool = False) -> Image.Image:
    """A street or a room behind the plane of focus: masses of light and colour without edges."""
    small = (72, max(8, round(72 * size_wh[1] / size_wh[0])))
    width, height = small
    base = int(rng.integers(8, 40)) if night else int(rng.integers(90, 200))
    image = Image.new("RGB", small, _tinted(rng, base, 8))
    draw = ImageDraw.Draw(image)
    horizon = int(height * rng.uniform(0.5, 0.85))
    if not night and rng.random() < 0.6:  # sky
        draw.rectangle((0, 0, width, int(height * rng.uniform(0.15, 0.45))), fill=_tinted(rng, 220, 12))
    light = 0.25 if night else float(rng.uniform(0.6, 1.1))
    for _ in range(int(rng.integers(14, 34))):  # houses, trees, cars, people
        far = rng.random()
        w, h = int(3 + (1 - far) * rng.integers(4, 12) + far * 18), int(rng.integers(4, 16) + far * 26)
        x, y = int(rng.integers(-6, width)), horizon - h + int(rng.integers(-4, 8))
        color = _DISTANT[int(rng.integers(len(_DISTANT)))]
        shade = light * float(rng.uniform(0.5, 1.15))
        fill = tuple(min(255, int(c * shade)) for c in color)
        shape = draw.ellipse if rng.random() < 0.35 else draw.rectangle
        shape((x, y, x + w, y + h), fill=fill)
        if rng.random() < 0.4:  # rows of windows
            for j in range(y + 3, y + h - 2, 4):
                draw.line((x + 2, j, x + w - 2, j), fill=tuple(c * 3 // 4 for c in fill))
    floor = base // 2 + int(rng.integers(0, 40))
    draw.rectangle((0, min(horizon + 5, height), width, height), fill=_tinted(rng, floor, 6))
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.8, 2.2))))
    half = (size_wh[0] // 2 + 1, size_wh[1] // 2 + 1)  # nothing in it is sharp
    image = image.resize(half, Image.Resampling.BICUBIC)
    if night or rng.random() < 0.25:
        image = _with_lights(rng, image, night)
    return image.resize(size_wh, Image.Resampling.BILINEAR)


def sky(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image.Image:
    """Sky, clear to overcast."""
    clouds = grey_piece(rng, size_wh, "stone").resize((28, 28)).resize(size_wh, Image.Resampling.BICUBIC)
    top = (int(rng.integers(60, 150)), int(rng.integers(120, 185)), int(rng.integers(190, 235)))
    if rng.random() < 0.35:
        top = _tinted(rng, int(rng.integers(140, 215)), 8)
    light = _tinted(rng, 235, 10)
    return Image.blend(colored(ramp(size_wh), top, light), colored(clouds, top, light), 0.4)


def glass(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image.Image:
    """A window from outside: dark, with the street in it."""
    half = (size_wh[0] // 2 + 1, size_wh[1] // 2 + 1)
    behind = out_of_focus(rng, half, night=True)
    mirrored = out_of_focus(rng, half)
    both = Image.blend(behind, mirrored, float(rng.uniform(0.08, 0.3)))
    return both.resize(size_wh, Image.Resampling.BILINEAR)


def ramp(size_wh: tuple[int, int], top: int = 0, bottom: int = 255) -> Image.Image:
    """Grey levels from top to bottom, mode L."""
    column = np.linspace(top, bottom, size_wh[1]).astype(np.uint8)
    return Image.fromarray(column[:, None]).resize(size_wh, Image.Resampling.NEAREST)


def shade_field(rng: np.random.Generator, size_wh: tuple[int, int], strength: float) -> Image.Image:
    """How much light a scene lacks, mode L: a slow change, sometimes the edge of a shadow."""
    grid = rng.random((4, 4), dtype=np.float32)
    x, y = _shade_axes()
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    soft = np.asarray(Image.fromarray(grid).resize((_SHADE, _SHADE), Image.Resampling.BICUBIC))
    field = 1 - strength * (0.35 * (slope * 0.5 + 0.5) + 0.3 * soft + 0.25 * (x * x + y * y) / 2)
    if rng.random() < 0.25 * strength:
        edge = slope - rng.uniform(-0.6, 0.6)
        field = field * (1 - 0.4 * strength / (1 + np.exp(-14 * edge)))
    brightest = np.partition(field, -_SHADE * _SHADE // 10, axis=None)[-_SHADE * _SHADE // 10]
    lit = field / brightest  # lit well somewhere
    small = Image.fromarray(np.clip((1 - lit) * 255, 0, 235).astype(np.uint8))
    return small.resize(size_wh, Image.Resampling.BILINEAR)


@cache
def _shade_axes() -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-1, 1, _SHADE)
    return line[None, :], line[:, None]


def with_sensor_noise(rng: np.random.Generator, image: Image.Image, variant: int) -> Image.Image:
    """An RGB image with grain, and the little stray light that goes with it; `variant` 0 weak to 3 strong."""
    noise = _noise_tile(variant)
    x = int(rng.integers(0, max(1, noise.width - image.width + 1)))
    y = int(rng.integers(0, max(1, noise.height - image.height + 1)))
    grain = noise.crop((x, y, min(noise.width, x + image.width), min(noise.height, y + image.height)))
    if grain.size != image.size:
        grain = grain.resize(image.size, Image.Resampling.NEAREST)
    return Image.blend(image, grain, _GRAIN_SHARE[variant])


@cache
def _noise_tile(variant: int) -> Image.Image:
    """Noise so strong that its share in the mixture comes out at a few levels around the middle grey."""
    rng = np.random.default_rng((0x7E47, 99, variant))
    grey = rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
    color = rng.standard_normal((SIDE, SIDE, 3), dtype=np.float32)
    values = 128 + np.float32(_GRAIN_SIGMA[variant] / _GRAIN_SHARE[variant]) * (grey + color / 2)
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.BoxBlur(0.4)) if variant else image


def _tinted(rng: np.random.Generator, level: int, spread: int) -> Color:
    r, g, b = np.clip(level + rng.integers(-spread, spread + 1, 3), 0, 255).tolist()
    return r, g, b


def _shifted(rng: np.random.Generator, color: Color) -> Color:
    r, g, b = np.clip(np.array(color) + int(rng.integers(-14, 15)) + rng.integers(-5, 6, 3), 0, 255).tolist()
    return r, g, b


def _with_lights(rng: np.random.Generator, image: Image.Image, night: bool) -> Image.Image:
    """Discs of unsharp lamps added; the image is at half size."""
    width, height = image.size
    layer = Image.new("RGB", image.size)
    draw = ImageDraw.Draw(layer)
    for _ in range(int(rng.integers(3, 16))):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        r = int(rng.integers(2, 14))
        tone = ((255, 190, 90), (255, 240, 210), (240, 70, 50), (110, 190, 255), (120, 230, 140))[
            int(rng.integers(5))
        ]
        dim = float(rng.uniform(0.15, 0.6 if night else 0.3))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(c * dim) for c in tone))
    return ImageChops.screen(image, layer.filter(ImageFilter.BoxBlur(1)))
