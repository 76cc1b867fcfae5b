"""Answers that run away: a box again and again, or one box over everything; and scores without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from locany.eval.example import Example, Prediction
from locany.eval.metrics.places import boxes_of_places, boxes_of_truth
from locany.eval.metrics.profile import Profile, is_numbers
from locany.geometry import box_area, clip_boxes, iou_matrix

MIN_RUN = 10  # equal coordinates in a row (spec `rex-omni` 16)
MAX_TIMES_TARGETS = 2  # and more boxes than so many times what is there
LARGE_SHARE = 0.95  # of the image, by a single box
SAME_IOU = 0.9

Scorer = Callable[[Sequence[Example], Mapping[str, Prediction], Profile], Mapping[str, Any]]


def is_repetitive(example: Example, prediction: Prediction) -> bool:
    """Whether an answer repeats itself, by the rule of the Rex-Omni analysis.

    There are more than twice as many boxes as targets, and some coordinate (the left edge, the top edge,
    x of a point ...) has the same value in at least 10 boxes in a row. What "in a row" runs over was not
    published; here it is the order of the answer, names one after the other.
    """
    places = [place for name in prediction.found for place in prediction.found[name]]
    num_targets = sum(map(len, boxes_of_truth(example).values())) + sum(
        map(len, example.truth.masks.values())
    )
    if len(places) <= MAX_TIMES_TARGETS * num_targets:
        return False
    return any(_longest_run(places, axis) >= MIN_RUN for axis in range(4))


def has_large_box(prediction: Prediction) -> bool:
    """Whether the only box of an answer covers more than 95 % of the image, whose size must be known."""
    places = [place for found in prediction.found.values() for place in found]
    if len(places) != 1 or prediction.size_wh is None:
        return False
    width, height = prediction.size_wh
    box = clip_boxes(boxes_of_places(places), prediction.size_wh)
    return bool(box_area(box)[0] > LARGE_SHARE * width * height)


def share_of_doubles(predictions: Mapping[str, Prediction], iou: float = SAME_IOU) -> float:
    """Of all boxes, the share that overlaps an earlier one of the same name by at least `iou`.

    0 where there is no box.
    """
    num = num_doubles = 0
    for prediction in predictions.values():
        for places in prediction.found.values():
            boxes = boxes_of_places([place for place in places if not is_numbers(place, 2)])
            num += len(boxes)
            if len(boxes) > 1:
                num_doubles += int(np.tril(iou_matrix(boxes, boxes) >= iou, -1).any(axis=1).sum())
    return num_doubles / num if num else 0.0


def score_duplicates(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    *,
    scorer: Scorer | None = None,
) -> dict[str, Any]:
    """How often answers run away, and what a score is without the images on which they do.

    Args:
        examples, predictions, profile: as for every scorer.
        scorer: what to measure before and after; None only counts.

    Returns:
        `repetitive`, `large_box`: shares of the examples; `num_repetitive`, `num_large_box`,
        `num_examples`; `doubles`, see `share_of_doubles`. With a scorer its numbers three times:
        `all/...`, `without_repetitive/...`, `without_large_box/...`, each over the examples that are left;
        a part with no example left is left out.
    """
    answered = {e.id: predictions[e.id] for e in examples if e.id in predictions}
    nothing = Prediction("")
    parts = {
        "repetitive": [e for e in examples if is_repetitive(e, answered.get(e.id, nothing))],
        "large_box": [e for e in examples if has_large_box(answered.get(e.id, nothing))],
    }
    result: dict[str, Any] = {"num_examples": len(examples), "doubles": share_of_doubles(answered)}
    for what, caught in parts.items():
        result[f"num_{what}"] = len(caught)
        result[what] = len(caught) / len(examples) if examples else 0.0
    if scorer is None:
        return result
    kept = {"all": list(examples)}
    for what, caught in parts.items():
        out = {example.id for example in caught}
        kept[f"without_{what}"] = [example for example in examples if example.id not in out]
    for what, left in kept.items():
        if left:
            scores = scorer(left, {e.id: answered[e.id] for e in left if e.id in answered}, profile)
            result |= {f"{what}/{key}": value for key, value in scores.items()}
    return result


def _longest_run(places: Sequence[tuple[float, ...]], axis: int) -> int:
    """Places in a row with the same value of one coordinate; one that lacks it ends the run."""
    longest = length = 0
    last: float | None = None
    for place in places:
        value = place[axis] if place is not None and axis < len(place) else None
        length = length + 1 if value is not None and value == last else int(value is not None)
        longest, last = max(longest, length), value
    return longest
