"""Small examples and predictions for the tests of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from locany.eval.example import Example, Prediction, Query, Truth
from locany.tasks import Task

Boxes = Mapping[str, Sequence[Sequence[float]]]
PIXELS = np.zeros((8, 8, 3), np.uint8)

A, B, FAR = (0, 0, 100, 100), (200, 200, 300, 300), (600, 600, 700, 700)
B_NEAR = (210, 200, 310, 300)  # IoU with B 0.8182
A_HALF = (0, 0, 100, 50)  # IoU with A 0.5


def example(
    boxes: Boxes | None = None,
    *,
    id: str = "1",
    crowd: Boxes | None = None,
    partial: Sequence[str] = (),
    task: Task | None = None,
) -> Example:
    names = tuple(boxes or {"thing": ()})
    truth = Truth(boxes=_places(boxes), crowd=_places(crowd), partial=frozenset(partial))
    return Example(id, PIXELS, f"{id}.png", (Query(task or Task.detect(names)),), truth)


def prediction(
    found: Boxes | None = None,
    scores: Mapping[str, Sequence[float]] | None = None,
    *,
    id: str = "1",
    absent: Sequence[str] = (),
    size_wh: tuple[int, int] | None = (1000, 1000),
    error: str = "",
) -> Prediction:
    given = {name: tuple(values) for name, values in (scores or {}).items()}
    return Prediction(id, _places(found), given, absent=tuple(absent), size_wh=size_wh, error=error)


def by_id(*predictions: Prediction) -> dict[str, Prediction]:
    return {one.id: one for one in predictions}


def _places(boxes: Boxes | None) -> dict[str, tuple[tuple[float, ...], ...]]:
    return {name: tuple(tuple(map(float, box)) for box in places) for name, places in (boxes or {}).items()}
