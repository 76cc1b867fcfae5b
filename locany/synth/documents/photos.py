"""Photographs as pages carry them, painted: hills, houses, still lifes, and faces for CVs."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Size = tuple[int, int]
_SUPER = 1.5  # painted larger and shrunk, for smooth edges


def photo(rng: np.random.Generator, size_wh: Size) -> Image.Image:
    """One of the kinds, with grain; sometimes without colour."""
    large = (int(size_wh[0] * _SUPER), int(size_wh[1] * _SUPER))
    painter = (_hills, _hills, _houses, _houses, _still_life)[int(rng.integers(5))]
    image = painter(rng, large).resize(size_wh, Image.Resampling.BOX)
    return _finished(rng, image)


def portrait(rng: np.random.Generator, size_wh: Size) -> Image.Image:
    """Head and shoulders before a plain wall."""
    width, height = (int(side * _SUPER) for side in size_wh)
    image = _sky(rng, (width, height), low=150)
    draw = ImageDraw.Draw(image)
    skin = _shade(rng, [(238, 203, 176), (205, 158, 122), (141, 96, 70), (96, 65, 49)])
    hair, coat = _dull(rng, 20, 110), _dull(rng, 20, 160)
    middle = width / 2 + float(rng.uniform(-0.04, 0.04)) * width
    head = 0.19 * width
    top = 0.22 * height
    draw.ellipse((middle - 0.44 * width, 0.66 * height, middle + 0.44 * width, 1.4 * height), fill=coat)
    draw.rectangle((middle - 0.5 * head, top + 1.8 * head, middle + 0.5 * head, top + 3.1 * head), fill=skin)
    draw.ellipse((middle - 1.18 * head, top - 0.35 * head, middle + 1.18 * head, top + 2.1 * head), fill=hair)
    draw.ellipse((middle - head, top, middle + head, top + 2.6 * head), fill=skin)
    eye = top + 1.15 * head
    for side in (-1, 1):
        x = middle + side * 0.4 * head
        draw.ellipse((x - 0.11 * head, eye, x + 0.11 * head, eye + 0.15 * head), fill=(40, 32, 30))
    mouth = (middle - 0.35 * head, top + 1.6 * head, middle + 0.35 * head, top + 2.05 * head)
    draw.arc(mouth, 20, 160, fill=(140, 70, 66), width=max(2, int(head / 12)))
    image = image.filter(ImageFilter.GaussianBlur(1.2)).resize(size_wh, Image.Resampling.BOX)
    return _finished(rng, image)


def _hills(rng: np.random.Generator, size: Size) -> Image.Image:
    """Ridges one behind the other under a sky, perhaps with a sun or water."""
    width, height = size
    image = _sky(rng, size, low=140)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:
        x, y, r = (
            rng.uniform(0.1, 0.9) * width,
            rng.uniform(0.1, 0.35) * height,
            rng.uniform(0.03, 0.09) * width,
        )
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 244, 214))
    count = int(rng.integers(2, 5))
    base = np.array(_dull(rng, 30, 120), float)
    haze = np.array(image.getpixel((0, int(height * 0.4))), float)[:3]
    for i in range(count):
        nearness = (i + 1) / count
        color = tuple((haze + (base - haze) * nearness**0.8).astype(int).tolist())
        level = height * (0.35 + 0.5 * nearness * float(rng.uniform(0.75, 1.0)))
        draw.polygon(_ridge(rng, width, height, level, height * 0.14 / (i + 1)), fill=color)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _ridge(
    rng: np.random.Generator, width: int, height: int, level: float, rough: float
) -> list[tuple[float, float]]:
    xs = np.linspace(0, width, 60)
    ys = np.full(60, level)
    for k in (1, 2, 4, 9, 17):
        ys += rough / k * np.sin(xs / width * np.pi * 2 * k * rng.uniform(0.6, 1.2) + rng.uniform(0, 6.3))
    return [(0.0, float(height)), *zip(xs.tolist(), ys.tolist(), strict=True), (float(width), float(height))]


def _houses(rng: np.random.Generator, size: Size) -> Image.Image:
    """Fronts with windows along a street."""
    width, height = size
    image = _sky(rng, size, low=150)
    draw = ImageDraw.Draw(image)
    ground = height * float(rng.uniform(0.8, 0.9))
    x = -0.05 * width
    while x < width:
        wide = width * float(rng.uniform(0.12, 0.28))
        top = height * float(rng.uniform(0.15, 0.55))
        wall = _dull(rng, 70, 215)
        draw.rectangle((x, top, x + wide, ground), fill=wall)
        if rng.random() < 0.5:
            draw.polygon(
                [(x, top), (x + wide / 2, top - 0.35 * wide), (x + wide, top)], fill=_dull(rng, 50, 130)
            )
        glass = tuple(int(c * 0.45) for c in wall)
        columns, rows = int(rng.integers(2, 5)), max(1, int((ground - top) / (height * 0.13)))
        for column in range(columns):
            for row in range(rows):
                wx = x + wide * (column + 0.25) / columns
                wy = top + (ground - top) * (row + 0.22) / rows
                draw.rectangle(
                    (wx, wy, wx + 0.5 * wide / columns, wy + 0.5 * (ground - top) / rows), fill=glass
                )
        x += wide + width * 0.004
    draw.rectangle((0, ground, width, height), fill=_dull(rng, 60, 140))
    return image.filter(ImageFilter.GaussianBlur(0.7))


def _still_life(rng: np.random.Generator, size: Size) -> Image.Image:
    """Shaded balls and boxes on a table."""
    width, height = size
    image = _sky(rng, size, low=90)
    draw = ImageDraw.Draw(image)
    table = height * float(rng.uniform(0.55, 0.72))
    draw.rectangle((0, table, width, height), fill=_dull(rng, 90, 190))
    for _ in range(int(rng.integers(3, 7))):
        r = min(width, height) * float(rng.uniform(0.08, 0.2))
        x, y = float(rng.uniform(r, width - r)), table + float(rng.uniform(-0.3, 0.6)) * (height - table)
        color = np.array(rng.integers(40, 235, 3), float)
        draw.ellipse((x - r * 1.1, y + r * 0.7, x + r * 1.5, y + r * 1.15), fill=_dull(rng, 40, 80))
        if rng.random() < 0.65:
            for k in range(12):
                part = k / 12
                tone = tuple(np.clip(color * (0.55 + 0.6 * part), 0, 255).astype(int).tolist())
                q, shift = r * (1 - part * 0.9), r * 0.35 * part
                draw.ellipse((x - q - shift, y - q - shift, x + q - shift, y + q - shift), fill=tone)
        else:
            draw.rectangle((x - r, y - r * 1.3, x + r * 0.5, y + r), fill=tuple(color.astype(int).tolist()))
            side = [
                (x + r * 0.5, y - r * 1.3),
                (x + r, y - r * 1.55),
                (x + r, y + r * 0.7),
                (x + r * 0.5, y + r),
            ]
            draw.polygon(side, fill=tuple((color * 0.65).astype(int).tolist()))
    return image.filter(ImageFilter.GaussianBlur(1.0))


def _sky(rng: np.random.Generator, size: Size, *, low: int) -> Image.Image:
    """Two pale colours, one above the other."""
    ends = rng.integers(low, 250, (2, 3)).astype(np.uint8)
    ends[:, 2] = np.maximum(ends[:, 2], ends[:, 0])
    return Image.fromarray(ends[:, None]).resize(size, Image.Resampling.BILINEAR)


def _dull(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    tone = int(rng.integers(low, high))
    r, g, b = np.clip(tone + rng.integers(-26, 27, 3), 0, 255).tolist()
    return r, g, b


def _shade(rng: np.random.Generator, colors: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    return colors[int(rng.integers(len(colors)))]


def _finished(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    if rng.random() < 0.2:
        image = image.convert("L").convert("RGB")
    pixels = np.asarray(image).astype(np.int16)
    grain = rng.integers(-3, 4, pixels.shape[:2], dtype=np.int16)
    return Image.fromarray(np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8))
