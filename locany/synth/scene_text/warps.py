"""From the plane that a sign is laid out on into the image: turned, in perspective, along a curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

Region = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels of the image, x1 and y1 exclusive
Bounds = tuple[float, float, float, float]  # the same, not rounded

# Pixels of the mesh that stands in for a curve. It is fixed to the image, so all of a sign is bent alike.
_CELLS = (8, 10, 12, 14, 16, 20, 24, 32)
_SAG = 0.35  # pixels that a curve may stray from its mesh


@dataclass(frozen=True)
class Bend:
    """A curve that lines follow, in a plane of its own whose origin is the centre of the sign.

    Attributes:
        kind: "arc" (rising in the middle), "bowl" (falling) or "wave".
        size_wh: of the flat sign.
        amount: for arcs the angle over the whole width, for waves the height of a crest, in pixels.
        phase: of a wave, radians.
        cycles: of a wave over the width.
    """

    kind: str
    size_wh: tuple[int, int]
    amount: float
    phase: float = 0.0
    cycles: float = 1.0

    @property
    def _radius(self) -> float:
        return self.size_wh[0] / self.amount

    @property
    def cell(self) -> int:
        """Side of the mesh that is fine enough for this curve, in pixels."""
        if self.kind == "wave":
            curvature = abs(self.amount) * (2 * np.pi * self.cycles / self.size_wh[0]) ** 2
        else:
            curvature = 1 / max(self._radius - self.size_wh[1] / 4, 1.0)
        side = float(np.sqrt(8 * _SAG / max(curvature, 1e-6)))
        return max((cell for cell in _CELLS if cell <= side), default=_CELLS[0])

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Flat points [..., 2] to bent ones."""
        x, y = points[..., 0] - self.size_wh[0] / 2, points[..., 1] - self.size_wh[1] / 2
        if self.kind == "wave":
            return np.stack([x, y + self._crest(x)], axis=-1)
        sign = 1.0 if self.kind == "arc" else -1.0
        radius = self._radius - sign * y
        angle = x / self._radius
        return np.stack([radius * np.sin(angle), sign * (self._radius - radius * np.cos(angle))], axis=-1)

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """Bent points [..., 2] to flat ones."""
        x, y = points[..., 0], points[..., 1]
        if self.kind == "wave":
            flat_x, flat_y = x, y - self._crest(x)
        else:
            sign = 1.0 if self.kind == "arc" else -1.0
            down = self._radius - sign * y
            flat_x = np.arctan2(x, down) * self._radius
            flat_y = sign * (self._radius - np.hypot(x, down))
        return np.stack([flat_x + self.size_wh[0] / 2, flat_y + self.size_wh[1] / 2], axis=-1)

    def _crest(self, x: np.ndarray) -> np.ndarray:
        return self.amount * np.sin(2 * np.pi * self.cycles * x / self.size_wh[0] + self.phase)


@dataclass(frozen=True)
class Warp:
    """A map from flat pixels to image pixels.

    Attributes:
        matrix: [3, 3] homography to image pixels, from flat pixels or, with a bend, from bent ones.
        bend: applied first, or None.
    """

    matrix: np.ndarray
    bend: Bend | None = None

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Flat points [..., 2] to image points."""
        bent = self.bend.forward(points) if self.bend else points
        return _project(self.matrix, bent)

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """Image points [..., 2] to flat points."""
        bent = _project(np.linalg.inv(self.matrix), points)
        return self.bend.inverse(bent) if self.bend else bent

    @cached_property
    def shift(self) -> tuple[int, int] | None:
        """The whole pixels that it shifts by, if that is all it does."""
        a, b, dx, c, d, dy, e, f, _ = self._entries
        if self.bend is not None or (a, b, c, d, e, f) != (1, 0, 0, 1, 0, 0):
            return None
        return (int(dx), int(dy)) if dx == int(dx) and dy == int(dy) else None

    # Points come in fours and signs in dozens: arithmetic on single numbers is faster there than arrays are.

    @cached_property
    def _entries(self) -> tuple[float, ...]:
        """The matrix row by row."""
        return tuple(self.matrix.ravel().tolist())

    @cached_property
    def _back(self) -> tuple[float, ...]:
        """The adjugate of the matrix row by row: the inverse but for a factor, which a homography ignores."""
        a, b, c, d, e, f, g, h, i = self._entries
        return (
            *(e * i - f * h, c * h - b * i, b * f - c * e),
            *(f * g - d * i, a * i - c * g, c * d - a * f),
            *(d * h - e * g, b * g - a * h, a * e - b * d),
        )

    def corners(self, x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
        """The image of a flat box without a bend, clockwise from its upper left corner."""
        a, b, c, d, e, f, g, h, i = self._entries
        found = []
        for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
            depth = g * x + h * y + i
            found.append(((a * x + b * y + c) / depth, (d * x + e * y + f) / depth))
        return found

    def moved(self, dx: float, dy: float) -> Warp:
        """The same, followed by a shift in the image."""
        a, b, c, d, e, f, g, h, i = self._entries
        rows = ((a + dx * g, b + dx * h, c + dx * i), (d + dy * g, e + dy * h, f + dy * i), (g, h, i))
        return Warp(np.array(rows), self.bend)

    def bounds(self, x0: float, y0: float, x1: float, y1: float) -> Bounds:
        """The extent in the image of a flat box."""
        if self.bend is None:
            xs, ys = zip(*self.corners(x0, y0, x1, y1), strict=True)
        else:
            xs, ys = self.forward(rim(x0, y0, x1, y1, per_side=9)).T.tolist()
        return min(xs), min(ys), max(xs), max(ys)

    def apply(self, flat: Image.Image, at: tuple[int, int], region: Region) -> Image.Image:
        """What a piece of the flat plane looks like in a region of the image; empty where it is not.

        Args:
            flat: the piece, L, RGB or RGBA.
            at: where on the flat plane its top left corner is.
            region: of the image; the result has its size.
        """
        size = (region[2] - region[0], region[3] - region[1])
        if (shift := self.shift) is not None:
            out = Image.new(flat.mode, size)
            out.paste(flat, (at[0] + shift[0] - region[0], at[1] + shift[1] - region[1]))
            return out
        if self.bend is None:
            a, b, c, d, e, f, g, h, i = self._back
            x, y = region[:2]
            c, f, i = a * x + b * y + c, d * x + e * y + f, g * x + h * y + i
            x, y = at
            top = ((a - x * g) / i, (b - x * h) / i, (c - x * i) / i)
            data = (*top, (d - y * g) / i, (e - y * h) / i, (f - y * i) / i, g / i, h / i)
            return flat.transform(size, Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)
        cell = self.bend.cell
        x0, y0 = (v // cell * cell for v in region[:2])
        x1, y1 = (-(-v // cell) * cell for v in region[2:])
        mesh = self._mesh(flat.size, at, (x0, y0, x1, y1), cell)
        whole = flat.transform((x1 - x0, y1 - y0), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
        return whole.crop((region[0] - x0, region[1] - y0, region[2] - x0, region[3] - y0))

    def _mesh(
        self, size_wh: tuple[int, int], at: tuple[int, int], region: Region, cell: int
    ) -> list[tuple[Region, tuple[float, ...]]]:
        x0, y0, x1, y1 = region
        xs, ys = np.arange(x0, x1 + 1, cell), np.arange(y0, y1 + 1, cell)
        flat = self.inverse(np.stack(np.meshgrid(xs, ys), axis=-1).astype(np.float64)) - np.array(at)
        # Corners of each cell in Pillow's order: upper left, lower left, lower right, upper right.
        quads = np.concatenate([flat[:-1, :-1], flat[1:, :-1], flat[1:, 1:], flat[:-1, 1:]], axis=-1)
        across, down = quads[..., 0::2], quads[..., 1::2]
        filled = (across.max(-1) > 0) & (across.min(-1) < size_wh[0])
        filled &= (down.max(-1) > 0) & (down.min(-1) < size_wh[1])
        filled &= np.ptp(across, axis=-1) < 16 * cell  # beyond an arc's centre, left and right meet
        cells = []
        for j, i in np.argwhere(filled).tolist():
            left, top = i * cell, j * cell
            cells.append(((left, top, left + cell, top + cell), tuple(quads[j, i].tolist())))
        return cells


def straight(dx: float, dy: float) -> Warp:
    """A shift alone."""
    return Warp(np.array([[1.0, 0, dx], [0, 1.0, dy], [0, 0, 1.0]]))


def tilted(
    size_wh: tuple[float, float],
    *,
    roll: float,
    yaw: float = 0.0,
    pitch: float = 0.0,
    bend: Bend | None = None,
) -> Warp:
    """How a camera sees a plane that is turned about its centre; the centre comes to (0, 0) at scale 1.

    Args:
        size_wh: of the flat sign.
        roll: turn in the image, degrees, clockwise.
        yaw: turn about the upright axis, degrees.
        pitch: turn about the level axis, degrees.
        bend: bends the sign first.
    """
    about_y, about_x, about_z = (math.radians(angle) for angle in (yaw, pitch, roll))
    cos_y, sin_y = math.cos(about_y), math.sin(about_y)
    cos_x, sin_x = math.cos(about_x), math.sin(about_x)
    cos_z, sin_z = math.cos(about_z), math.sin(about_z)
    # Where the plane's x and y axis point after a turn about y, then x, then z; z is away from the camera.
    x_axis = (cos_z * cos_y - sin_z * sin_x * sin_y, sin_z * cos_y + cos_z * sin_x * sin_y, -cos_x * sin_y)
    y_axis = (-sin_z * cos_x, cos_z * cos_x, sin_x)
    far = 2.2 * max(size_wh)  # a close look; farther away everything is flat
    middle = (0.0, 0.0) if bend else (size_wh[0] / 2, size_wh[1] / 2)
    depth = far - x_axis[2] * middle[0] - y_axis[2] * middle[1]
    rows = []
    for u, v, factor in zip(x_axis, y_axis, (far, far, 1.0), strict=True):
        rows.append(
            (u * factor / depth, v * factor / depth, -(u * middle[0] + v * middle[1]) * factor / depth)
        )
    rows[2] = (rows[2][0], rows[2][1], 1.0)
    return Warp(np.array(rows), bend)


def rim(x0: float, y0: float, x1: float, y1: float, *, per_side: int) -> np.ndarray:
    """[2 * per_side, 2] points along the upper edge of a box, then back along the lower one."""
    if per_side == 2:
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    x = np.linspace(x0, x1, per_side)
    upper = np.stack([x, np.full(per_side, y0)], axis=1)
    lower = np.stack([x[::-1], np.full(per_side, y1)], axis=1)
    return np.concatenate([upper, lower])


def frame_zoom(corners: np.ndarray, size_wh: tuple[int, int]) -> float:
    """By how much a convex quadrilateral around (0, 0) must grow to hold a frame of this size."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(size_wh) / 2
    along = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([along[:, 1], -along[:, 0]], axis=1)  # outwards, as the corners run clockwise
    reach = (normals * corners).sum(axis=1)  # of each side from the middle
    return float(((half @ normals.T).max(axis=0) / np.maximum(reach, 1e-6)).max())


def _project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]
