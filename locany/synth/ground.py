"""Where objects go: no place is taken twice beyond a limit."""

from __future__ import annotations

import numpy as np

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, x1 and y1 exclusive

_TRIES = 12  # places tried for one object before it is left out


class Ground:
    """What is already drawn, and where one more object may go."""

    def __init__(self, size_wh: tuple[int, int], max_overlap: float):
        self.size_wh = size_wh
        self.max_overlap = max_overlap
        self._boxes: list[Box] = []
        self._spare: list[float] = []  # area of each box that later objects may still cover

    def find(self, rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[int, int] | None:
        """Top left corner of a free place for a box of this size, or None."""
        width, height = size_wh
        free_x, free_y = self.size_wh[0] - width, self.size_wh[1] - height
        if free_x < 0 or free_y < 0:
            return None
        xs = rng.integers(0, free_x + 1, _TRIES).tolist()
        ys = rng.integers(0, free_y + 1, _TRIES).tolist()
        for x, y in zip(xs, ys, strict=True):
            if self._allows((x, y, x + width, y + height)):
                return x, y
        return None

    def take(self, box: Box, *, solid: bool = False) -> None:
        """Occupy a box; nothing may touch it later if `solid`."""
        for i, other in enumerate(self._boxes):
            self._spare[i] -= _shared(box, other)
        self._boxes.append(box)
        self._spare.append(0.0 if solid else self.max_overlap * _area(box))

    def _allows(self, box: Box) -> bool:
        # The newcomer's own share counts too: a small object inside a large one hides little of it,
        # yet boxes nested in each other are ambiguous to look at.
        limit = self.max_overlap * _area(box)
        for other, spare in zip(self._boxes, self._spare, strict=True):
            shared = _shared(box, other)
            if shared > spare or shared > limit:
                return False
        return True


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(a: Box, b: Box) -> int:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0
