"""Places of any kind as boxes, and which of them lie in a crowd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locany.eval.example import Example, Place
from locany.eval.metrics.profile import is_numbers
from locany.geometry import box_area, points_in_boxes

CROWD_SHARE = 0.5  # of a box in a region of a crowd: then it counts neither for nor against


def in_crowd(places: Sequence[Place], crowd: Sequence[Place]) -> np.ndarray:
    """[N] bool: which places lie in one of the regions, a box with at least half of its area."""
    boxes, regions = boxes_of_places(places), np.asarray(crowd, dtype=np.float64).reshape(-1, 4)
    is_point = np.asarray([is_numbers(place, 2) for place in places], dtype=bool)
    inside = np.zeros((len(places), len(regions)), dtype=bool)
    if inside.size:
        upper_left = np.maximum(boxes[:, None, :2], regions[None, :, :2])
        lower_right = np.minimum(boxes[:, None, 2:], regions[None, :, 2:])
        shared = np.prod(np.maximum(lower_right - upper_left, 0.0), axis=-1)
        area = box_area(boxes)[:, None]
        inside = (shared >= CROWD_SHARE * area) & (area > 0)
        points = [place for place in places if is_numbers(place, 2)]
        inside[is_point] = points_in_boxes(np.asarray(points), regions) if points else False
    return np.asarray(inside.any(axis=1))


def boxes_of_places(places: Sequence[Place]) -> np.ndarray:
    """[N, 4] pixels: a box as it is, around an outline; empty for what is neither and can match nothing."""
    boxes = np.zeros((len(places), 4))
    for row, place in enumerate(places):
        if is_numbers(place, 4):
            boxes[row] = place
        elif place is not None and len(place) % 2 == 0 and len(place) >= 6 and is_numbers(place, len(place)):
            xs, ys = place[0::2], place[1::2]
            boxes[row] = min(xs), min(ys), max(xs), max(ys)
    return boxes


def boxes_of_truth(example: Example) -> dict[str, np.ndarray]:
    """[N, 4] pixels by name: boxes and the boxes around outlines. A name that is absent has N = 0."""
    truth = example.truth
    places = {
        name: (*truth.boxes.get(name, ()), *truth.polygons.get(name, ()))
        for name in (*truth.boxes, *(n for n in truth.polygons if n not in truth.boxes))
    }
    return {name: boxes_of_places(found) for name, found in places.items()}
