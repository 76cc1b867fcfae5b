"""Right or wrong, place by place: what calibration and the tables by name count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.places import boxes_of_places, boxes_of_truth, in_crowd
from locany.eval.metrics.points import hits_matrix
from locany.eval.metrics.profile import answer_of, is_numbers
from locany.geometry import iou_matrix, match
from locany.tasks import TaskKind


@dataclass(frozen=True)
class Judged:
    """The places that one example got under one name.

    Attributes:
        example: id.
        name: "" where names do not count (all text of an image).
        scores: [N], 0..1; NaN where the model gave none.
        right: [N] bool, matched one to one with what is there.
        ignored: [N] bool, counts neither for nor against.
        num_targets: what is there.
    """

    example: str
    name: str
    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    num_targets: int


def judge(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], iou: float = 0.5
) -> Iterator[Judged]:
    """Hold predictions against the truth, by name, each target counted once.

    A box is right when its IoU with a target of its name is at least `iou`, a point when it lies in the
    target; what is neither is wrong. Of two boxes on one target the better one is right. Ignored is what
    is not right and lies in a crowd's region, or has a name of which not everything was annotated. Where
    the question was for all text, names do not count: a score is about the place. Targets are boxes, or
    the boxes around outlines; in an example with masks they are those, and only a point can be right.

    Args:
        examples: with their truth.
        predictions: by id of the example; none, or one that failed, is nothing found.
        iou: least IoU of a box that is right.
    """
    for example in examples:
        prediction = answer_of(example, predictions) or Prediction(example.id)
        crowd = example.truth.crowd
        targets: Mapping[str, Sequence[Any] | np.ndarray] = example.truth.masks or boxes_of_truth(example)
        found = dict(prediction.found)
        scores = {name: _scores(prediction, name) for name in found}
        partial = example.truth.partial
        if any(query.task.kind is TaskKind.TEXT for query in example.queries):
            targets = {"": [target for group in targets.values() for target in group]}
            found = {"": tuple(p for ps in found.values() for p in ps)}
            scores = {"": np.concatenate([*scores.values(), np.zeros(0)])}
            crowd, partial = {"": tuple(b for bs in crowd.values() for b in bs)}, frozenset[str]()
        for name in sorted({*targets, *found}):
            wanted = targets.get(name, ())
            places = found.get(name, ())
            right = matched(places, wanted, iou)
            ignored = ~right & (in_crowd(places, crowd.get(name, ())) | (name in partial))
            yield Judged(example.id, name, scores.get(name, np.zeros(0)), right, ignored, len(wanted))


def matched(places: Sequence[Place], targets: Sequence[Any] | np.ndarray, iou: float) -> np.ndarray:
    """[N] bool: which of the places are one of M targets, all boxes in pixels or all masks, one to one."""
    similarity = np.zeros((len(places), len(targets)))
    is_point = np.asarray([is_numbers(place, 2) for place in places], dtype=bool)
    if similarity.size:
        if not isinstance(targets[0], Mapping):
            similarity = iou_matrix(boxes_of_places(places), targets)
            similarity[similarity < iou] = 0.0
        points = [place for place in places if is_numbers(place, 2)]
        similarity[is_point] = hits_matrix(points, list(targets))
    right = np.zeros(len(places), dtype=bool)
    right[[row for row, _ in match(similarity, np.nextafter(0.0, 1.0))]] = True
    return right


def _scores(prediction: Prediction, name: str) -> np.ndarray:
    num = len(prediction.found[name])
    given = prediction.scores.get(name, ())
    return np.asarray(given if len(given) == num else [np.nan] * num, dtype=np.float64)
