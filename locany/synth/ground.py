"""Where objects go: no place is taken twice beyond a limit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, x1 and y1 exclusive

_TRIES = 12  # places tried for one object before it is left out


class Ground:
    """What is already drawn, and where one more object may go."""

    def __init__(self, size_wh: tuple[int, int], max_overlap: float):
        self.size_wh = size_wh
        self.max_overlap = max_overlap
        self._boxes = np.zeros((0, 4), np.int64)
        self._spare = np.zeros(0)  # area of each box that later objects may still cover

    def find(
        self, rng: np.random.Generator, size_wh: tuple[int, int], suits: Callable[[Box], bool] | None = None
    ) -> tuple[int, int] | None:
        """Top left corner of a free place for a box of this size that `suits`, or None."""
        width, height = size_wh
        free_x, free_y = self.size_wh[0] - width, self.size_wh[1] - height
        if free_x < 0 or free_y < 0:
            return None
        x = rng.integers(0, free_x + 1, _TRIES)
        y = rng.integers(0, free_y + 1, _TRIES)
        for i in np.flatnonzero(self.allows(np.stack([x, y, x + width, y + height], axis=1))).tolist():
            corner = int(x[i]), int(y[i])
            if suits is None or suits((*corner, corner[0] + width, corner[1] + height)):
                return corner
        return None

    def take(self, box: Box, *, solid: bool = False) -> None:
        """Occupy a box; nothing may touch it later if `solid`."""
        area = (box[2] - box[0]) * (box[3] - box[1])
        self._spare -= _shared(np.array([box]), self._boxes)[0]
        self._boxes = np.concatenate([self._boxes, np.array([box], np.int64)])
        self._spare = np.append(self._spare, 0.0 if solid else self.max_overlap * area)

    def allows(self, boxes: np.ndarray) -> np.ndarray:
        """Which of the boxes [n, 4] could be taken; bool [n]."""
        shared = _shared(boxes, self._boxes)
        # The newcomer's own share counts too: a small object inside a large one hides little of it,
        # yet boxes nested in each other are ambiguous to look at.
        limit = self.max_overlap * ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        return ((shared <= self._spare) & (shared <= limit[:, None])).all(axis=1)


def _shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Area that each of `a` [n, 4] has in common with each of `b` [m, 4]; [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)
