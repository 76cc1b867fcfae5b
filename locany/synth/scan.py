"""A clean page as paper shows it: scanned, copied, faxed, aged or photographed. Boxes go along exactly.

    made = scan(rng, pixels, strength=0.6)
    made.warp.polygon(box)      # where the four corners of a box came to lie
    made.warp.box(box)          # the upright box around them

Geometry is one projective map for the whole page (a small turn, perhaps perspective), so that four
corners say
everything; what changes tones and grain moves nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from locany.errors import DataError

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels


@dataclass(frozen=True)
class Warp:
    """Where the points of a page lie in its scan.

    Attributes:
        matrix: [3, 3], from points (x, y, 1) of the page to those of the scan, up to a factor; pixel
        edges, not
            centres, are whole numbers.
        size_wh: of the scan, in pixels.
    """

    matrix: np.ndarray
    size_wh: tuple[int, int]

    def points(self, xy: np.ndarray) -> np.ndarray:
        """[n, 2] points of the page to [n, 2] points of the scan."""
        mapped = np.column_stack([xy, np.ones(len(xy))]) @ self.matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:])

    def polygon(self, box: Box) -> tuple[tuple[float, float], ...]:
        """The corners of a box, from the page's top left clockwise; empty if nothing moved."""
        if np.array_equal(self.matrix, np.eye(3)):
            return ()
        x0, y0, x1, y1 = box
        corners = self.points(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float))
        return tuple((round(x, 2), round(y, 2)) for x, y in corners.tolist())

    def box(self, box: Box) -> Box:
        """The upright box around a box's corners, inside the scan."""
        corners = self.polygon(box)
        if not corners:
            return box
        width, height = self.size_wh
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return max(0.0, min(xs)), max(0.0, min(ys)), min(float(width), max(xs)), min(float(height), max(ys))


@dataclass(frozen=True)
class Scan:
    """A page as scanned: pixels [height, width, 3] uint8, where things lie, and the name of its look."""

    pixels: np.ndarray
    warp: Warp
    look: str


def scan(rng: np.random.Generator, pixels: np.ndarray, *, strength: float, keep: Sequence[Box] = ()) -> Scan:
    """A page as scanned.

    Args:
        rng: the only source of chance.
        pixels: [height, width, 3] uint8, the clean page.
        strength: from 0, hardly to be seen, to 1, as bad as can still be read.
        keep: boxes that stay inside the image.
    """
    if not 0 <= strength <= 1:
        raise DataError(f"the strength of a scan is from 0 to 1, got {strength}")
    names = list(LOOKS)
    look = names[int(rng.integers(len(names)))]
    height, width = pixels.shape[:2]
    perspective = 0.035 * strength if look == "photographed" else 0.0
    turn = strength * (4.0 if look == "photographed" else 2.0)
    matrix = np.eye(3)
    if rng.random() < 0.8:
        matrix = _draw_matrix(rng, (width, height), turn, perspective)
        matrix = _fit(matrix, (width, height), keep)
    made = LOOKS[look](rng, pixels, matrix, strength)
    return Scan(made, Warp(matrix, (width, height)), look)


def warp_image(image: Image.Image, matrix: np.ndarray, fill: int | tuple[int, int, int]) -> Image.Image:
    """An image through a projective map [3, 3] of its points, same size; `fill` where it does not reach."""
    if np.array_equal(matrix, np.eye(3)):
        return image
    back = np.linalg.inv(matrix)
    back = back / back[2, 2]
    data = tuple(back.ravel()[:8].tolist())
    return image.transform(
        image.size, Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC, fillcolor=fill
    )


def _draw_matrix(
    rng: np.random.Generator, size_wh: tuple[int, int], turn: float, perspective: float
) -> np.ndarray:
    """A turn of at most `turn` degrees, a shift of a hundredth, corners moved by the perspective's share."""
    width, height = size_wh
    angle = np.deg2rad(rng.uniform(-turn, turn))
    cos, sin = np.cos(angle), np.sin(angle)
    centre = np.array([width / 2, height / 2])
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    moved = (corners - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre
    moved += rng.uniform(-0.01, 0.01, 2) * [width, height]
    moved += rng.uniform(-perspective, perspective, (4, 2)) * [width, height]
    return _projection(corners, moved)


def _projection(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The map [3, 3] that takes four points to four points."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source.tolist(), target.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def _fit(matrix: np.ndarray, size_wh: tuple[int, int], keep: Sequence[Box]) -> np.ndarray:
    """The map, shrunk and shifted as little as needed for the boxes to stay inside with a pixel to spare."""
    if not keep:
        return matrix
    corners = np.array([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in keep], float).reshape(
        -1, 2
    )
    placed = Warp(matrix, size_wh).points(corners)
    low, high = placed.min(axis=0), placed.max(axis=0)
    room = np.array(size_wh, float) - 2
    scale = float(min(1.0, (room / np.maximum(high - low, 1)).min()))
    low, high = low * scale, high * scale
    shift = np.where(low < 1, 1 - low, np.where(high > room + 1, room + 1 - high, 0.0))
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]]) @ matrix


def _scanned(rng: np.random.Generator, pixels: np.ndarray, matrix: np.ndarray, strength: float) -> np.ndarray:
    """A flatbed scan in colour: a tint, a little blur and grain, the lid's white or shadow at the edges."""
    bed = 255 if rng.random() < 0.6 else int(rng.integers(30, 200))
    image = warp_image(Image.fromarray(pixels), matrix, (bed, bed, bed))
    image = _blurred(rng, image, 0.3 + 0.6 * strength)
    rgb = _toned(np.asarray(image), rng.uniform(255 - 14 * strength, 255, 3), 40 * strength * rng.random())
    return _jpeg(rng, _grained(rng, rgb, 2 + 6 * strength), strength)


def _aged(rng: np.random.Generator, pixels: np.ndarray, matrix: np.ndarray, strength: float) -> np.ndarray:
    """Old paper: yellow, blotched, faded ink."""
    bed = int(rng.integers(20, 120))
    image = warp_image(Image.fromarray(pixels), matrix, (bed, bed, bed))
    image = _blurred(rng, image, 0.3 + 0.5 * strength)
    paper = 255 - np.array([18, 32, 68]) * strength * rng.uniform(0.6, 1.1)
    rgb = _toned(np.asarray(image), paper, 20 + 60 * strength * rng.random())
    rgb = _lit(rgb, _clouds(rng, rgb.shape, cells=int(rng.integers(4, 9)), depth=0.12 * strength))
    return _jpeg(rng, _grained(rng, rgb, 3 + 8 * strength), strength)


def _copied(rng: np.random.Generator, pixels: np.ndarray, matrix: np.ndarray, strength: float) -> np.ndarray:
    """A photocopy: grey, high contrast, toner missing in specks and present in others."""
    gray = warp_image(Image.fromarray(pixels).convert("L"), matrix, 255 if rng.random() < 0.7 else 40)
    gray = _blurred(rng, gray, 0.4 + 0.5 * strength)
    tone = np.asarray(gray).astype(np.int16)
    mottle = _grain(rng, tone.shape, 10 + 34 * strength)
    gain = float(rng.uniform(1.2, 1.3 + 0.9 * strength))
    tone = ((tone + mottle - 128) * gain + 128 + rng.uniform(-10, 30)).clip(0, 255)
    copy = tone.astype(np.uint8)
    _speckle(rng, copy, strength)
    return _jpeg(rng, _rgb(copy), strength)


def _faxed(rng: np.random.Generator, pixels: np.ndarray, matrix: np.ndarray, strength: float) -> np.ndarray:
    """A fax or a scan in black and white: one threshold, ragged edges, specks, perhaps fewer rows."""
    gray = warp_image(Image.fromarray(pixels).convert("L"), matrix, 255)
    width, height = gray.size
    tone = np.asarray(_blurred(rng, gray, 0.3 + 0.3 * strength)).astype(np.int16)
    tone += _grain(rng, tone.shape, 8 + 16 * strength)
    black = tone < int(rng.integers(150, 200))
    fax = np.where(black, np.uint8(0), np.uint8(255))
    _speckle(rng, fax, 0.6 * strength)
    image = Image.fromarray(fax)
    if rng.random() < 0.5:  # shown by a viewer at another scale: edges turn grey again
        small = (round(width * 0.8), round(height * 0.8))
        image = image.resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BILINEAR)
    return _rgb(np.asarray(image))


def _photographed(
    rng: np.random.Generator, pixels: np.ndarray, matrix: np.ndarray, strength: float
) -> np.ndarray:
    """A page before a camera: perspective, uneven light, a shadow's edge, blur."""
    table = rng.integers(40, 190, 3)
    fill = (int(table[0]), int(table[1]), int(table[2]))
    image = warp_image(Image.fromarray(pixels), matrix, fill)
    image = _blurred(rng, image, 0.4 + 0.8 * strength)
    white = 255 - rng.uniform(0, 30, 3) * strength - 25 * strength * rng.random()
    rgb = _toned(np.asarray(image), white, 10 + 40 * strength * rng.random())
    light = _gradient(rng, rgb.shape, 0.35 * strength)
    if rng.random() < 0.5 * strength + 0.2:
        light = light * _shadow(rng, rgb.shape, 0.12 + 0.3 * strength)
    return _jpeg(rng, _grained(rng, _lit(rgb, light), 2 + 6 * strength), strength)


Look = Callable[[np.random.Generator, np.ndarray, np.ndarray, float], np.ndarray]
LOOKS: dict[str, Look] = {
    "scanned": _scanned,
    "aged": _aged,
    "copied": _copied,
    "faxed": _faxed,
    "photographed": _photographed,
}


def _blurred(rng: np.random.Generator, image: Image.Image, most: float) -> Image.Image:
    radius = float(rng.uniform(0.0, most))
    return image.filter(ImageFilter.GaussianBlur(radius)) if radius > 0.2 else image


def _toned(rgb: np.ndarray, white: np.ndarray, black: float) -> np.ndarray:
    """Levels stretched from `black` to `white` in each channel: a table, since there are only 256."""
    steps = np.arange(256)[:, None] / 255
    table = np.clip(black + steps * (white - black), 0, 255).astype(np.uint8)
    return np.stack([table[:, c][rgb[..., c]] for c in range(3)], axis=2)


def _lit(rgb: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Pixels times a field [height, width] of about 0 to 1, in whole numbers: the same on every machine."""
    factor = (np.clip(light, 0, 1.2) * 256).astype(np.uint32)
    return np.minimum((rgb * factor[..., None]) >> 8, 255).astype(np.uint8)


def _small_field(shape: Sequence[int], values: np.ndarray) -> np.ndarray:
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _clouds(rng: np.random.Generator, shape: Sequence[int], *, cells: int, depth: float) -> np.ndarray:
    return _small_field(shape, 1 - depth * rng.random((cells, cells)))


def _gradient(rng: np.random.Generator, shape: Sequence[int], depth: float) -> np.ndarray:
    """Light that falls off to one side, bent a little."""
    y, x = np.mgrid[0:1:6j, 0:1:6j]
    angle = rng.uniform(0, 2 * np.pi)
    fall = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    return _small_field(shape, 1 - depth * np.clip(fall + 0.5 + rng.normal(0, 0.05, x.shape), 0, 1))


def _shadow(rng: np.random.Generator, shape: Sequence[int], depth: float) -> np.ndarray:
    """The soft edge of a shadow across the page."""
    y, x = np.mgrid[0:1:48j, 0:1:48j]
    angle = rng.uniform(0, 2 * np.pi)
    across = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.06 * np.sin(5 * (x + y))
    return _small_field(shape, 1 - depth / (1 + np.exp(-(across - rng.uniform(-0.2, 0.4)) * 40)))


def _grain(rng: np.random.Generator, shape: Sequence[int], sigma: float) -> np.ndarray:
    """[height, width] int16 noise: a tile of a fixed one, turned over and shifted by chance."""
    tile = _TILE[:: 1 if rng.random() < 0.5 else -1, :: 1 if rng.random() < 0.5 else -1]
    height, width = shape[:2]
    y, x = (int(v) for v in rng.integers(0, _TILE_SIDE, 2))
    rows, columns = (np.arange(height) + y) % _TILE_SIDE, (np.arange(width) + x) % _TILE_SIDE
    return (tile[rows][:, columns].astype(np.int16) * int(sigma * 4)) >> 7


_TILE_SIDE = 641  # prime, so that the repeat falls on no pattern of the page
_TILE = np.clip(np.random.default_rng(11).normal(0, 32, (_TILE_SIDE, _TILE_SIDE)), -127, 127).astype(np.int8)


def _grained(rng: np.random.Generator, rgb: np.ndarray, sigma: float) -> np.ndarray:
    noise = _grain(rng, rgb.shape, sigma)
    return np.clip(rgb + noise[..., None], 0, 255).astype(np.uint8)


def _speckle(rng: np.random.Generator, gray: np.ndarray, strength: float) -> None:
    """Dust and holes in the toner, in place."""
    height, width = gray.shape
    for level, rate in ((0, 2e-5), (255, 6e-5)):
        count = int(height * width * rate * strength)
        ys, xs = rng.integers(0, height - 2, count), rng.integers(0, width - 2, count)
        for dy, dx in ((0, 0), (0, 1), (1, 0)):
            gray[ys + dy, xs + dx] = level


def _rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=2)


def _jpeg(rng: np.random.Generator, rgb: np.ndarray, strength: float) -> np.ndarray:
    """Saved once as a camera or scanner saves."""
    quality = int(rng.integers(round(90 - 50 * strength), 95))
    if rng.random() < 0.3:
        return rgb
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as image:
        return np.array(image)
