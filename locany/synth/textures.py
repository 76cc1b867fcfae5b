"""Surfaces as a camera sees them: brick, wood, metal, paper, glass, foliage, and places out of focus.

Each kind is a grey tile, made once per process from a fixed seed; an image takes a piece of it, turned,
mirrored, scaled and coloured by chance. A tile costs much and a piece of it little, and no piece is alike.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Color = tuple[int, int, int]

_SIDE = 640  # pixels of a tile
_VARIANTS = 3  # tiles of a kind
_SHADE = 24  # pixels in which light is laid out

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
    grey = grey_piece(rng, size_wh, kind)
    palettes = _PALETTES[kind]
    dark, light = palettes[int(rng.integers(len(palettes)))]
    return colored(grey, _shifted(rng, dark), _shifted(rng, light))


def grey_piece(rng: np.random.Generator, size_wh: tuple[int, int], kind: str) -> Image.Image:
    """The same without colour, mode L: the full range from black to white."""
    tile = _tile(kind, int(rng.integers(_VARIANTS)))
    upright = kind in ("brick", "wood", "shutter", "tiles")  # courses and slats lie level
    longest = max(size_wh)
    scale = max(float(rng.uniform(0.8, 1.6)), (longest + 1) / _SIDE)
    width, height = (min(_SIDE, max(1, round(side / scale))) for side in size_wh)
    x = int(rng.integers(0, _SIDE - width + 1))
    y = int(rng.integers(0, _SIDE - height + 1))
    piece = tile.resize(size_wh, Image.Resampling.BILINEAR, box=(x, y, x + width, y + height))
    if rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if not upright and rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return piece


def colored(grey: Image.Image, dark: Color, light: Color) -> Image.Image:
    """A grey image with its black and white replaced by two colours, RGB."""
    bands = [
        grey.point([d + (w - d) * i // 255 for i in range(256)]) for d, w in zip(dark, light, strict=True)
    ]
    return Image.merge("RGB", bands)


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
    image = image.resize(size_wh, Image.Resampling.BICUBIC)
    if night or rng.random() < 0.25:
        _lights(rng, image, night)
    return image


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
    half = (size_wh[0] // 2 + 1, size_wh[1] // 2 + 1)  # nothing in it is sharp
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
    lit = field / np.quantile(field, 0.9)  # lit well somewhere
    small = Image.fromarray(np.clip((1 - lit) * 255, 0, 235).astype(np.uint8))
    return small.resize(size_wh, Image.Resampling.BILINEAR)


@cache
def _shade_axes() -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-1, 1, _SHADE)
    return line[None, :], line[:, None]


def sensor_noise(rng: np.random.Generator, size_wh: tuple[int, int], variant: int) -> Image.Image:
    """RGB around the middle grey 128, to be added with an offset of -128. `variant` 0 weak to 3 strong."""
    tile = _noise_tile(variant)
    x = int(rng.integers(0, max(1, tile.width - size_wh[0] + 1)))
    y = int(rng.integers(0, max(1, tile.height - size_wh[1] + 1)))
    piece = tile.crop((x, y, min(tile.width, x + size_wh[0]), min(tile.height, y + size_wh[1])))
    return piece if piece.size == size_wh else piece.resize(size_wh, Image.Resampling.NEAREST)


@cache
def _noise_tile(variant: int) -> Image.Image:
    rng = np.random.default_rng((0x7E47, 99, variant))
    sigma = (3.0, 5.0, 8.0, 12.0)[variant]
    grey = rng.normal(0, sigma, (_SIDE, _SIDE, 1))
    color = rng.normal(0, sigma * 0.5, (_SIDE, _SIDE, 3))
    image = Image.fromarray(np.clip(128 + grey + color, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.BoxBlur(0.4)) if variant else image


def _tinted(rng: np.random.Generator, level: int, spread: int) -> Color:
    r, g, b = np.clip(level + rng.integers(-spread, spread + 1, 3), 0, 255).tolist()
    return r, g, b


def _shifted(rng: np.random.Generator, color: Color) -> Color:
    r, g, b = np.clip(np.array(color) + int(rng.integers(-14, 15)) + rng.integers(-5, 6, 3), 0, 255).tolist()
    return r, g, b


def _lights(rng: np.random.Generator, image: Image.Image, night: bool) -> None:
    """Discs of unsharp lamps."""
    width, height = image.size
    layer = Image.new("RGB", (width // 2, height // 2))
    draw = ImageDraw.Draw(layer)
    for _ in range(int(rng.integers(3, 16))):
        x, y = int(rng.integers(0, width // 2)), int(rng.integers(0, height // 2))
        r = int(rng.integers(2, 14))
        tone = ((255, 190, 90), (255, 240, 210), (240, 70, 50), (110, 190, 255), (120, 230, 140))[
            int(rng.integers(5))
        ]
        dim = float(rng.uniform(0.15, 0.6 if night else 0.3))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(c * dim) for c in tone))
    soft = layer.filter(ImageFilter.BoxBlur(1)).resize(image.size, Image.Resampling.BILINEAR)
    image.paste(ImageChops.screen(image, soft))


# --- tiles ---


@cache
def _tile(kind: str, variant: int) -> Image.Image:
    """[_SIDE, _SIDE] mode L of a kind; the same in every process."""
    rng = np.random.default_rng((0x7E47, SURFACES.index(kind), variant))
    values = _TILES[kind](rng)
    low, high = np.percentile(values, (0.5, 99.5))
    return Image.fromarray(np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8))


def _smooth(rng: np.random.Generator, cells_xy: tuple[int, int]) -> np.ndarray:
    """Smooth noise with about so many cells across and down."""
    grid = rng.standard_normal((cells_xy[1], cells_xy[0])).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))


def _octaves(rng: np.random.Generator, first: int, count: int, fade: float = 0.55) -> np.ndarray:
    parts = [_smooth(rng, (first << i, first << i)) * fade**i for i in range(count)]
    return np.sum(parts, axis=0)


def _grain(rng: np.random.Generator, sigma: float) -> np.ndarray:
    return rng.normal(0, sigma, (_SIDE, _SIDE)).astype(np.float32)


def _axes() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    return x, y


def _plaster(rng: np.random.Generator) -> np.ndarray:
    return _octaves(rng, 3, 8, 0.62) + _grain(rng, 0.12)


def _brick(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    h = int(rng.integers(20, 34))
    w = int(h * rng.uniform(2.2, 3.0))
    row = y // h
    shifted = x + (row % 2) * (w // 2)
    column = shifted // w
    tone = rng.normal(0, 0.28, (_SIDE // h + 2, _SIDE // w + 3))[row, column]
    u, v = shifted % w, y % h
    joint = np.minimum(np.minimum(u, w - 1 - u), np.minimum(v, h - 1 - v))
    mortar = np.clip(1.6 - joint / 1.6, 0, 1)
    rim = np.where(v > h - 5, -0.25, 0.0) + np.where(v < 4, 0.12, 0.0)
    body = -0.4 + tone + rim + 0.25 * _octaves(rng, 8, 5)
    return body * (1 - mortar) + (0.9 + 0.15 * _octaves(rng, 16, 3)) * mortar + _grain(rng, 0.08)


def _wood(rng: np.random.Generator) -> np.ndarray:
    _, y = _axes()
    h = int(rng.integers(50, 130))
    plank = y // h
    tone = rng.normal(0, 0.35, _SIDE // h + 2)[plank]
    warp = _smooth(rng, (4, 24)) * 5
    rings = np.sin((y + warp + plank * 37) * rng.uniform(0.25, 0.5) + _smooth(rng, (3, 10)) * 2.5)
    fibres = _smooth(rng, (14, _SIDE // 2)) * 0.3
    gap = np.where((y % h) < 3, -1.8, np.where((y % h) < 5, 0.3, 0.0))
    return tone + 0.3 * rings + fibres + gap + _grain(rng, 0.06)


def _metal(rng: np.random.Generator) -> np.ndarray:
    streaks = _smooth(rng, (5, _SIDE)) * 0.25
    return streaks + 0.8 * _octaves(rng, 2, 3) + _grain(rng, 0.05)


def _shutter(rng: np.random.Generator) -> np.ndarray:
    _, y = _axes()
    pitch = int(rng.integers(18, 40))
    wave = np.sin(2 * np.pi * y / pitch)
    lip = np.where(y % pitch < 2, -1.2, 0.0)
    return 0.8 * wave + lip + 0.35 * _octaves(rng, 3, 6) + _grain(rng, 0.08)


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    stones = _smooth(rng, (_SIDE // 3, _SIDE // 3))
    return stones + 0.35 * _octaves(rng, 3, 4) + _grain(rng, 0.3)


def _cloth(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    weave = 0.12 * (np.sin(x * 2.1) + np.sin(y * 2.1))
    folds = np.sin((x + 0.4 * y) / rng.uniform(25, 60) + 1.6 * _smooth(rng, (3, 3)))
    return weave + 0.5 * folds + 0.4 * _octaves(rng, 3, 3) + _grain(rng, 0.06)


def _foliage(rng: np.random.Generator) -> np.ndarray:
    image = Image.new("L", (_SIDE, _SIDE), 20)
    draw = ImageDraw.Draw(image)
    for i in range(2600):
        x, y = rng.uniform(-10, _SIDE + 10, 2)
        length, angle = rng.uniform(8, 24), rng.uniform(0, 2 * np.pi)
        dx, dy = np.cos(angle) * length, np.sin(angle) * length
        side = rng.uniform(0.2, 0.4)
        shade = int(np.clip(rng.normal(40 + 150 * i / 2600, 32), 5, 255))
        tip, end = (x + dx, y + dy), (x - dx, y - dy)
        draw.polygon([tip, (x - dy * side, y + dx * side), end, (x + dy * side, y - dx * side)], fill=shade)
        draw.line([tip, end], fill=min(255, shade + 20))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float32) + 20 * _octaves(rng, 4, 3)


def _paper(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    crease = np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(3):
        angle = rng.uniform(0, np.pi)
        at = (x - rng.uniform(0, _SIDE)) * np.cos(angle) + (y - rng.uniform(0, _SIDE)) * np.sin(angle)
        crease += np.tanh(at / 60) * 0.3 - 0.5 * np.exp(-((at / 1.5) ** 2))
    return crease + 0.5 * _octaves(rng, 3, 4) + 0.2 * _octaves(rng, 60, 3) + _grain(rng, 0.1)


def _tiles(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    side = int(rng.integers(36, 90))
    tone = rng.normal(0, 0.1, (_SIDE // side + 1, _SIDE // side + 1))[y // side, x // side]
    u, v = x % side, y % side
    grout = np.where((u < 3) | (v < 3), -1.2, 0.0)
    bevel = np.where((u == 3) | (v == 3), 0.5, 0.0) - np.where((u == side - 1) | (v == side - 1), 0.4, 0.0)
    return tone + grout + bevel + 0.3 * _octaves(rng, 2, 3) + _grain(rng, 0.03)


def _stone(rng: np.random.Generator) -> np.ndarray:
    veins = np.abs(_octaves(rng, 3, 6, 0.6))
    return np.sqrt(veins) + 0.25 * _octaves(rng, 10, 4) + _grain(rng, 0.06)


_TILES = {
    "plaster": _plaster,
    "brick": _brick,
    "wood": _wood,
    "metal": _metal,
    "shutter": _shutter,
    "asphalt": _asphalt,
    "cloth": _cloth,
    "foliage": _foliage,
    "paper": _paper,
    "tiles": _tiles,
    "stone": _stone,
}
