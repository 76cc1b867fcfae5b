"""The grey tiles that surfaces are cut from: plaster, brick, wood and the like, made by formula."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 640  # pixels of a tile


@cache
def tile(kind: str, variant: int) -> Image.Image:
    """[SIDE, SIDE] mode L of a kind; the same in every process."""
    rng = np.random.default_rng((0x7E47, _KINDS.index(kind), variant))
    values = _TILES[kind](rng)
    low, high = np.percentile(values[::4, ::4], (0.5, 99.5))
    return Image.fromarray(np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8))


def _smooth(rng: np.random.Generator, cells_xy: tuple[int, int], side: int = SIDE) -> np.ndarray:
    """[side, side] smooth noise with about so many cells across and down."""
    return _enlarged(rng.standard_normal((cells_xy[1], cells_xy[0]), dtype=np.float32), side)


def _enlarged(grid: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC))


def _octaves(rng: np.random.Generator, first: int, count: int, fade: float = 0.55) -> np.ndarray:
    """[SIDE, SIDE] noise at several scales. The coarse ones are added up small, where that costs little."""
    total = _smooth(rng, (first, first), 4 * first)
    for i in range(1, count):
        cells = first << i
        side = min(4 * cells, SIDE)
        grown = total if len(total) == side else _enlarged(total, side)
        total = grown + _smooth(rng, (cells, cells), side) * np.float32(fade**i)
    return total if len(total) == SIDE else _enlarged(total, SIDE)


def _grain(rng: np.random.Generator, sigma: float) -> np.ndarray:
    shift = rng.integers(0, SIDE, 2).tolist()
    return np.roll(_white(), shift, axis=(0, 1)) * np.float32(sigma)


@cache
def _white() -> np.ndarray:
    """[SIDE, SIDE] normal noise. One is enough: no image shows the grain of two tiles in the same place."""
    return np.random.default_rng((0x7E47, 98)).standard_normal((SIDE, SIDE), dtype=np.float32)


def _axes() -> tuple[np.ndarray, np.ndarray]:
    """[1, SIDE] x and [SIDE, 1] y."""
    y, x = np.ogrid[0:SIDE, 0:SIDE]
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
    tone = rng.normal(0, 0.28, (SIDE // h + 2, SIDE // w + 3))[row, column]
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
    tone = rng.normal(0, 0.35, SIDE // h + 2)[plank]
    warp = _smooth(rng, (4, 24)) * 5
    rings = np.sin((y + warp + plank * 37) * rng.uniform(0.25, 0.5) + _smooth(rng, (3, 10)) * 2.5)
    fibres = _smooth(rng, (14, SIDE // 2)) * 0.3
    gap = np.where((y % h) < 3, -1.8, np.where((y % h) < 5, 0.3, 0.0))
    return tone + 0.3 * rings + fibres + gap + _grain(rng, 0.06)


def _metal(rng: np.random.Generator) -> np.ndarray:
    streaks = _smooth(rng, (5, SIDE)) * 0.25
    return streaks + 0.8 * _octaves(rng, 2, 3) + _grain(rng, 0.05)


def _shutter(rng: np.random.Generator) -> np.ndarray:
    _, y = _axes()
    pitch = int(rng.integers(18, 40))
    wave = np.sin(2 * np.pi * y / pitch)
    lip = np.where(y % pitch < 2, -1.2, 0.0)
    return 0.8 * wave + lip + 0.35 * _octaves(rng, 3, 6) + _grain(rng, 0.08)


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    stones = _smooth(rng, (SIDE // 3, SIDE // 3))
    return stones + 0.35 * _octaves(rng, 3, 4) + _grain(rng, 0.3)


def _cloth(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    weave = 0.12 * (np.sin(x * 2.1) + np.sin(y * 2.1))
    folds = np.sin((x + 0.4 * y) / rng.uniform(25, 60) + 1.6 * _smooth(rng, (3, 3)))
    return weave + 0.5 * folds + 0.4 * _octaves(rng, 3, 3) + _grain(rng, 0.06)


def _foliage(rng: np.random.Generator) -> np.ndarray:
    image = Image.new("L", (SIDE, SIDE), 20)
    draw = ImageDraw.Draw(image)
    for i in range(2600):
        x, y = rng.uniform(-10, SIDE + 10, 2)
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
    crease = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(3):
        angle = rng.uniform(0, np.pi)
        at = (x - rng.uniform(0, SIDE)) * np.cos(angle) + (y - rng.uniform(0, SIDE)) * np.sin(angle)
        crease += np.tanh(at / 60) * 0.3 - 0.5 * np.exp(-((at / 1.5) ** 2))
    return crease + 0.5 * _octaves(rng, 3, 4) + 0.2 * _octaves(rng, 60, 3) + _grain(rng, 0.1)


def _tiles(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    side = int(rng.integers(36, 90))
    tone = rng.normal(0, 0.1, (SIDE // side + 1, SIDE // side + 1))[y // side, x // side]
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
_KINDS = tuple(_TILES)
