"""Boxes and points: pixels, bins, overlap, matching.

Conventions, everywhere in locany:

- A box is `xyxy`: (x0, y0, x1, y1) with x to the right and y down. Coordinates are continuous, so the
  image covers [0, width] x [0, height], a box is x1 - x0 wide, and nothing carries a "+ 1".
- A point is `xy`. Sizes are `size_wh`: (width, height).
- A `bin` is an integer on the model's grid, 0 to num_bins - 1 along each axis: 0 is the left or top edge,
  the last bin the right or bottom edge.

Functions take anything `numpy.asarray` takes and return fresh float64 arrays unless said otherwise. Wrong
shapes are our own mistakes and raise AssertionError.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

NUM_BINS = 1001  # of the published vocabulary, bins 0..1000; a checkpoint's config has the last word


def to_bins(xy: ArrayLike, size_wh: tuple[float, float], num_bins: int = NUM_BINS) -> np.ndarray:
    """Pixel coordinates to bins.

    How the published training data was rounded is not known. We take the nearest bin (halves go up, so
    the result does not depend on whether a bin is even) and clamp to the grid: a coordinate outside the
    image lands on its edge. The error is at most half a bin, size / (2 * (num_bins - 1)) pixels.

    Args:
        xy: [..., 2] points or [..., 4] boxes, pixels, finite.
        size_wh: (width, height) of the image, pixels, positive.
        num_bins: bins along each axis.

    Returns:
        int64 array of the shape of `xy`, values in 0..num_bins - 1.
    """
    pixels = np.asarray(xy, dtype=np.float64)
    assert np.isfinite(pixels).all(), "coordinates must be finite"
    nearest = np.floor(pixels / _axis_sizes(pixels, size_wh) * (num_bins - 1) + 0.5)
    return np.clip(nearest, 0, num_bins - 1).astype(np.int64)


def from_bins(bins: ArrayLike, size_wh: tuple[float, float], num_bins: int = NUM_BINS) -> np.ndarray:
    """Bins to pixel coordinates: bin / (num_bins - 1) * size. No clamping, no ordering of corners.

    Args:
        bins: [..., 2] points or [..., 4] boxes.
        size_wh: (width, height) of the image, pixels, positive.
        num_bins: bins along each axis.

    Returns:
        float64 array of the shape of `bins`, pixels.
    """
    grid = np.asarray(bins, dtype=np.float64)
    return grid * _axis_sizes(grid, size_wh) / (num_bins - 1)


def _axis_sizes(coords: np.ndarray, size_wh: tuple[float, float]) -> np.ndarray:
    """(w, h) for points, (w, h, w, h) for boxes."""
    assert coords.shape[-1:] in ((2,), (4,)), f"expected [..., 2] or [..., 4], got {coords.shape}"
    width, height = size_wh
    assert min(width, height) > 0, f"size_wh must be positive, got {size_wh}"
    return np.tile(np.array([width, height], dtype=np.float64), coords.shape[-1] // 2)


def order_corners(xyxy: ArrayLike) -> np.ndarray:
    """[..., 4] boxes with corners in any order to boxes with x0 <= x1 and y0 <= y1."""
    boxes = _boxes(xyxy)
    first, second = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], axis=-1)


def clip_boxes(xyxy: ArrayLike, size_wh: tuple[float, float]) -> np.ndarray:
    """[..., 4] boxes cut to the image [0, width] x [0, height]; one that lies outside gets area 0."""
    boxes = _boxes(xyxy)
    return np.clip(boxes, 0.0, _axis_sizes(boxes, size_wh))


def box_area(xyxy: ArrayLike) -> np.ndarray:
    """Area of [..., 4] boxes in square pixels, [...]; an inverted box has area 0."""
    boxes = _boxes(xyxy)
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1)


def iou_matrix(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Intersection over union of every box of `a` [N, 4] with every box of `b` [M, 4].

    Returns:
        [N, M] in 0..1. Two boxes without area have IoU 0, even when they are equal.
    """
    boxes_a, boxes_b = _boxes(a), _boxes(b)
    assert (boxes_a.ndim, boxes_b.ndim) == (2, 2), f"expected [N, 4], got {boxes_a.shape}, {boxes_b.shape}"
    upper_left = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    lower_right = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    intersection = np.prod(np.maximum(lower_right - upper_left, 0.0), axis=-1)
    union = box_area(boxes_a)[:, None] + box_area(boxes_b)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def points_in_boxes(points: ArrayLike, xyxy: ArrayLike) -> np.ndarray:
    """Whether each of `points` [P, 2] lies in each box of `xyxy` [N, 4]; [P, N] bool, edges included."""
    xy, boxes = np.asarray(points, dtype=np.float64).reshape(-1, 2)[:, None, :], _boxes(xyxy)
    inside = (xy >= boxes[None, :, :2]) & (xy <= boxes[None, :, 2:])
    return inside[..., 0] & inside[..., 1]


def nms(xyxy: ArrayLike, scores: ArrayLike, iou_threshold: float) -> np.ndarray:
    """Non-maximum suppression: drop a box that overlaps a better one by IoU > iou_threshold.

    Args:
        xyxy: [N, 4] boxes.
        scores: [N]; of equal scores the earlier box is the better one.
        iou_threshold: 0..1; 1 keeps everything.

    Returns:
        int64 indices of the kept boxes, best first.
    """
    boxes, ranks = _boxes(xyxy), np.asarray(scores, dtype=np.float64)
    assert boxes.shape == (*ranks.shape, 4), f"got boxes {boxes.shape}, scores {ranks.shape}"
    assert ranks.ndim == 1, f"scores must be [N], got {ranks.shape}"
    order = np.argsort(-ranks, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[iou_matrix(boxes[best : best + 1], boxes[rest])[0] <= iou_threshold]
    return np.asarray(kept, dtype=np.int64)


def match(similarity: ArrayLike, threshold: float) -> list[tuple[int, int]]:
    """The one matcher of score, reward and metric: pair rows with columns, one to one.

    Among the pairs with similarity >= threshold it chooses as many as possible, and of the choices that
    are equally many one with the greatest total similarity. Greedy matching does neither, and its result
    changes with the order of its input. Here the number of pairs and their total similarity do not depend
    on the order of rows and columns; which of several exactly tied matchings is returned may.

    Args:
        similarity: [N, M]; IoU, or anything where more is better (a negative distance, 1 for a hit).
            NaN is never matched.
        threshold: the least similarity of a pair, inclusive.

    Returns:
        (row, column) pairs, ascending by row.
    """
    matrix = np.asarray(similarity, dtype=np.float64)
    assert matrix.ndim == 2, f"similarity must be [N, M], got {matrix.shape}"
    allowed = matrix >= threshold
    row_degree, col_degree = allowed.sum(axis=1), allowed.sum(axis=0)

    # Nearly always a pair is the only choice of both its sides; only the rest needs the real algorithm.
    alone = allowed & (row_degree == 1)[:, None] & (col_degree == 1)[None, :]
    pairs = [(int(i), int(j)) for i, j in np.argwhere(alone)]
    rows = np.flatnonzero((row_degree > 0) & ~alone.any(axis=1))
    cols = np.flatnonzero((col_degree > 0) & ~alone.any(axis=0))
    if len(rows):
        pairs += [
            (int(rows[i]), int(cols[j]))
            for i, j in _match_dense(matrix[rows][:, cols], allowed[rows][:, cols])
        ]
    return sorted(pairs)


def _match_dense(similarity: np.ndarray, allowed: np.ndarray) -> list[tuple[int, int]]:
    """`match` for a matrix in which every row and column has an allowed pair."""
    if similarity.shape[0] > similarity.shape[1]:
        return [(i, j) for j, i in _match_dense(similarity.T, allowed.T)]
    values = similarity[allowed]
    low, high = values.min(), values.max()
    assert np.isfinite([low, high]).all(), "similarities at or above the threshold must be finite"
    # Gains in 0..1, plus a bonus per pair that outweighs the sum of all gains: cardinality comes first.
    gain = (similarity - low) / (high - low) if high > low else np.zeros_like(similarity)
    bonus = len(similarity) + 1.0
    cost = np.where(allowed, -(gain + bonus), 0.0)
    return [(row, int(col)) for row, col in enumerate(_assign(cost)) if allowed[row, col]]


def _assign(cost: np.ndarray) -> np.ndarray:
    """Give each row its own column at the least total cost; `cost` [n, m] with n <= m, returns [n].

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant 1987), O(n^2 m), with the
    loop over columns left to numpy.
    """
    num_rows, num_cols = cost.shape
    row_price, col_price = cost.min(axis=1), np.zeros(num_cols)  # feasible: no reduced cost below 0
    col_of_row = np.full(num_rows, -1)
    row_of_col = np.full(num_cols, -1)
    for start in range(num_rows):
        distance = np.full(num_cols, np.inf)  # from `start`, along reduced costs
        previous_row = np.full(num_cols, -1)
        open_distance = distance.copy()  # the same, infinite where the column is settled
        settled: list[int] = []
        row, reached = start, 0.0
        while True:
            through_row = cost[row] - col_price + (reached - row_price[row])
            nearer = through_row < open_distance
            nearer[settled] = False
            np.copyto(distance, through_row, where=nearer)
            np.copyto(open_distance, through_row, where=nearer)
            previous_row[nearer] = row
            reached = open_distance.min()
            # On a tie a free column ends the search at once; equal boxes would make it long otherwise.
            tied = np.flatnonzero(open_distance == reached)
            free = tied[row_of_col[tied] < 0]
            col = int(free[0] if len(free) else tied[0])
            settled.append(col)
            open_distance[col] = np.inf
            if len(free):
                break
            row = int(row_of_col[col])
        slack = reached - distance[settled]
        col_price[settled] -= slack
        row_price[start] += reached
        row_price[row_of_col[settled[:-1]]] += slack[:-1]
        while col >= 0:  # turn the path over: each row on it takes the column it was reached from
            row = int(previous_row[col])
            row_of_col[col] = row
            col, col_of_row[row] = int(col_of_row[row]), col
    return col_of_row


def _boxes(xyxy: ArrayLike) -> np.ndarray:
    boxes = np.asarray(xyxy, dtype=np.float64)
    if boxes.size == 0 and boxes.ndim < 2:
        boxes = boxes.reshape(0, 4)  # an empty list is no boxes
    assert boxes.shape[-1:] == (4,), f"boxes must be [..., 4], got {boxes.shape}"
    return boxes
