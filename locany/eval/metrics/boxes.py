"""Scores of boxes outside COCO and LVIS, averaged over images: detection, referring, visual prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.names import DETECTION_TASKS, letters_only, without_separators
from locany.eval.metrics.profile import (
    THRESHOLDS,
    Profile,
    account,
    answer_of,
    average_rows,
    is_numbers,
    unreadable,
)
from locany.eval.metrics.rows import DroppedRowError, Regions, Shape, fixed_row, published_row
from locany.eval.metrics.side_outputs import (
    count_error,
    instruction_following,
    is_silent,
    wrong_rejection,
)
from locany.geometry import iou_matrix

BOX = Shape(
    is_valid=lambda place: is_numbers(place, 4),
    similarity=lambda found, true: iou_matrix(found, true),
    raises=True,
)
DEFAULT_TASK = DETECTION_TASKS[0]  # of sets whose examples do not say it in groups["task_name"]


def score_boxes(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """F1 of boxes with names, every image weighing the same.

    Profile `published`: names are compared as the example's groups["task_name"] has it (without one, by
    letters alone), decide only whether a box takes part, and equal ones overwrite each other; images with a
    place that is no box, without a prediction, or with a failed one are left out. Profile `fixed`: names are
    equal or not, boxes match one to one within a name, a place that is no box and a box that could not be
    read are wrong, crowds are ignored, and nothing is left out.

    Returns:
        precision, recall and f1 @0.5, @0.95 and @mean; num_scored and num_dropped examples;
        instruction_following and wrong_rejection (see `side_outputs`); and what `account` says.
    """
    return score_places(examples, predictions, profile, BOX, truth_boxes, key_of=name_key)


def score_referring(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """`score_boxes` for one expression per image: every box is an answer to it, whatever its label says.

    In profile `fixed` an example with several expressions is matched by name.
    """
    return score_places(examples, predictions, profile, BOX, truth_boxes, key_of=None)


def score_visual(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """`score_boxes` with `mae`, the mean difference between the number of boxes found and there."""
    numbers = score_boxes(examples, predictions, profile)
    errors = [
        count_error(example.truth.boxes, answer.found if answer is not None else {})
        for example in examples
        if (answer := answer_of(example, predictions)) is not None or profile is Profile.FIXED
    ]
    return {**numbers, "mae": float(np.mean(errors)) if errors else 0.0}


def score_hallucination(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """`accuracy`: the share of images about which nothing was said to be there, where nothing is."""
    silent = []
    for example in examples:
        answer = answer_of(example, predictions)
        if answer is not None:
            silent.append(is_silent(answer.found))
        elif profile is Profile.FIXED:
            silent.append(0.0)  # no answer is not the answer "nothing"
    accuracy = float(np.mean(silent)) if silent else 0.0
    num_dropped = len(examples) - len(silent)
    return {"accuracy": accuracy, **account(examples, predictions, profile), "num_dropped": num_dropped}


def score_places(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    shape: Shape,
    truth_of: Callable[[Example], Regions],
    key_of: Callable[[Example], Callable[[str], str]] | None,
) -> dict[str, Any]:
    """`score_boxes` for any kind of place.

    Args:
        examples, predictions, profile: as everywhere.
        shape: what the places are.
        truth_of: true places of an example by name.
        key_of: how the published script makes names of an example equal; None for referring.
    """
    rows, following, rejected = [], [], []
    num_dropped = num_no_shape = 0
    for example in examples:
        truth, answer = truth_of(example), answer_of(example, predictions)
        found: Mapping[str, Sequence[Place]] = answer.found if answer is not None else {}
        num_no_shape += sum(not shape.is_valid(place) for places in found.values() for place in places)
        if profile is Profile.PUBLISHED:
            if answer is None:
                num_dropped += 1
                continue
            key = None if key_of is None else key_of(example)
            try:
                rows.append(published_row(truth, found, shape, THRESHOLDS, key=key))
            except DroppedRowError:
                num_dropped += 1
            following.append(instruction_following(truth, found, key if key is letters_only else None))
            rejected.append(0.0)  # the published parser drops what says that nothing is there
        else:
            pooled = key_of is None and len(truth) <= 1
            row = fixed_row(truth, found, shape, THRESHOLDS, example.truth, unreadable(answer), pooled)
            rows.append(row if answer is not None else np.zeros_like(row))  # no answer is not a right one
            following.append(instruction_following(truth, found, None))
            rejected.append(wrong_rejection(truth, answer.absent if answer is not None else ()))
    result = account(examples, predictions, profile)
    result["num_malformed"] += num_no_shape
    asked = [share for share in following if share is not None]
    return {
        **average_rows(rows),
        "instruction_following": float(np.mean(asked)) if asked else 0.0,
        "wrong_rejection": float(np.mean(rejected)) if rejected else 0.0,
        **result,
        "num_scored": len(rows),
        "num_dropped": num_dropped,
    }


def truth_boxes(example: Example) -> Regions:
    """True boxes of an example by name."""
    return example.truth.boxes


def name_key(example: Example) -> Callable[[str], str]:
    """How the published script makes names of this example equal."""
    task = example.groups.get("task_name", DEFAULT_TASK)
    return letters_only if task in DETECTION_TASKS else without_separators
