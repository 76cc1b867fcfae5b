"""What light, lens, sensor and file do to a finished picture. Nothing moves, so boxes stay true."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from PIL import Image, ImageFilter

from locany.synth.textures import Color, shade_field, with_sensor_noise

_DIM = 70  # mean level below which a picture is dark enough as it is


def photograph(rng: np.random.Generator, image: Image.Image, amount: float) -> Image.Image:
    """A picture as a camera would have taken it. `amount` from 0 (untouched) to 1."""
    bright = _brightness(image)
    if rng.random() < 0.85 * amount:
        strength = float(rng.uniform(0.2, 0.9)) * amount * (1.0 if bright > _DIM else 0.5)
        tint = cast(Color, tuple(rng.integers(0, 22, 3).tolist()))  # what light there is in the shade
        shade = Image.new("RGB", image.size, tint)
        image = Image.composite(shade, image, shade_field(rng, image.size, strength))
    if rng.random() < 0.08 * amount and bright > _DIM:  # too little light, as at dusk or indoors
        image = Image.blend(Image.new("RGB", image.size), image, float(rng.uniform(0.45, 0.7)))
    roll = rng.random()
    if roll < 0.12 * amount:
        image = image.filter(ImageFilter.BoxBlur(float(rng.uniform(0.2, 0.9))))
    elif roll < 0.18 * amount:
        image = _shaken(rng, image)
    if rng.random() < 0.7 * amount:
        image = with_sensor_noise(rng, image, int(rng.integers(0, 4, 2).min()))
    if rng.random() < 0.15 * amount:
        image = _saved(image, quality=int(rng.integers(35, 92)))
    return image


def _brightness(image: Image.Image) -> float:
    """Mean level of a few pixels spread over an image, 0 to 255."""
    return float(np.mean(np.asarray(image.resize((24, 24), Image.Resampling.NEAREST))))


def _shaken(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """The camera moved: the mean of copies to both sides, so that the middle stays where it is."""
    dx, dy = ((1, 0), (0, 1), (1, 1), (1, -1))[int(rng.integers(4))]
    x, y = image.size
    sides = [
        image.transform(image.size, Image.Transform.AFFINE, (1, 0, k * dx, 0, 1, k * dy)) for k in (-1, 1)
    ]
    both = Image.blend(sides[0], sides[1], 0.5)
    out = image.copy()
    inner = (1, 1, x - 1, y - 1)
    out.paste(Image.blend(image, both, 2 / 3).crop(inner), inner)
    return out


def _saved(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    again = Image.open(stream)
    again.load()
    return again
