"""Overlap of polygons, exact, and the score of outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.boxes import score_places
from locany.eval.metrics.names import without_separators
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.rows import Regions, Shape


def score_polygons(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """`boxes.score_boxes` for outlines: flat (x, y, x, y, ...), three vertices or more.

    An outline that crosses or touches itself overlaps nothing, in both profiles.
    """
    return score_places(
        examples, predictions, profile, POLYGON, _truth_polygons, key_of=lambda _: without_separators
    )


def is_polygon(place: Place | None) -> bool:
    """Whether a place has three vertices or more, all numbers, with a simple outline."""
    if place is None or len(place) < 6 or len(place) % 2 or not np.isfinite(place).all():
        return False
    return _is_simple(_vertices(place))


def polygon_iou(a: Place, b: Place) -> float:
    """Intersection over union of two simple polygons, convex or not, either way round; 0..1."""
    corners = _vertices(a), _vertices(b)
    low = np.maximum(corners[0].min(axis=0), corners[1].min(axis=0))
    high = np.minimum(corners[0].max(axis=0), corners[1].max(axis=0))
    if (low >= high).any():
        return 0.0
    common = _intersection(*corners)
    union = _area(corners[0]) + _area(corners[1]) - common
    return common / union if union > 0 else 0.0


def _similarity(found: Sequence[Place], true: Sequence[Place]) -> np.ndarray:
    """[found, true] IoU; a true outline that is not simple overlaps nothing."""
    usable = [is_polygon(place) for place in true]
    rows = [[polygon_iou(a, b) if ok else 0.0 for b, ok in zip(true, usable, strict=True)] for a in found]
    return np.asarray(rows, dtype=np.float64).reshape(len(found), len(true))


POLYGON = Shape(is_valid=is_polygon, similarity=_similarity, raises=False)


def _truth_polygons(example: Example) -> Regions:
    return example.truth.polygons


def _vertices(place: Place) -> np.ndarray:
    """[V, 2], repeated vertices once."""
    points = np.asarray(place, dtype=np.float64).reshape(-1, 2)
    return points[(points != np.roll(points, 1, axis=0)).any(axis=1)]


def _area(corners: np.ndarray) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def _intersection(a: np.ndarray, b: np.ndarray) -> float:
    """Area that both cover.

    Between two neighbours among the x of all vertices and crossings no edge begins, ends or crosses another,
    so what both cover there is a stack of trapezoids; their area is the width times the height in the middle.
    """
    stops = np.unique(np.concatenate([a[:, 0], b[:, 0], _crossings(a, b)]))
    total = 0.0
    for left, right in pairwise(stops):
        middle = (left + right) / 2
        total += (right - left) * _common_length(_spans(a, middle), _spans(b, middle))
    return float(total)


def _crossings(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The x at which an edge of one crosses an edge of the other."""
    start_a, start_b = a[:, None], b[None]
    step_a, step_b = (np.roll(a, -1, axis=0) - a)[:, None], (np.roll(b, -1, axis=0) - b)[None]
    slope = _cross(step_a, step_b)
    safe = np.where(slope == 0, 1.0, slope)
    along_a = _cross(start_b - start_a, step_b) / safe
    along_b = _cross(start_b - start_a, step_a) / safe
    meets = (slope != 0) & (along_a >= 0) & (along_a <= 1) & (along_b >= 0) & (along_b <= 1)
    return (start_a[..., 0] + along_a * step_a[..., 0])[meets]


def _spans(corners: np.ndarray, x: float) -> np.ndarray:
    """[K, 2] the stretches of the vertical line at `x` that lie inside; no vertex lies on it."""
    after = np.roll(corners, -1, axis=0)
    hit = (corners[:, 0] < x) != (after[:, 0] < x)
    first, last = corners[hit], after[hit]
    y = first[:, 1] + (x - first[:, 0]) / (last[:, 0] - first[:, 0]) * (last[:, 1] - first[:, 1])
    return np.sort(y).reshape(-1, 2)


def _common_length(a: np.ndarray, b: np.ndarray) -> float:
    low = np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 1], b[None, :, 1])
    return float(np.maximum(high - low, 0.0).sum())


def _is_simple(corners: np.ndarray) -> bool:
    """Whether no two edges share a point except neighbours their common vertex."""
    num = len(corners)
    if num < 3 or _area(corners) == 0:
        return False
    after = np.roll(corners, -1, axis=0)
    for i in range(num):
        turn = _cross(after[i] - corners[i], after[(i + 1) % num] - after[i])
        if turn == 0 and np.dot(after[i] - corners[i], after[(i + 1) % num] - after[i]) < 0:
            return False  # the next edge runs back over this one
        others = [j for j in range(i + 2, num) if (j + 1) % num != i]
        if others and _touches(corners[i], after[i], corners[others], after[others]).any():
            return False
    return True


def _touches(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Whether the segment from p to q shares a point with each segment from r to s ([M, 2]); [M] bool."""
    side_r, side_s = _cross(q - p, r - p), _cross(q - p, s - p)
    side_p, side_q = _cross(s - r, p - r), _cross(s - r, q - r)
    # Segments on one line have all sides 0; they share a point if their extents do.
    low = np.maximum(np.minimum(p, q), np.minimum(r, s))
    high = np.minimum(np.maximum(p, q), np.maximum(r, s))
    return (side_r * side_s <= 0) & (side_p * side_q <= 0) & (low <= high).all(axis=-1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
