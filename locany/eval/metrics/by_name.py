"""F1 of every name, and the accuracy of first answers, for referring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from locany.eval.detection import Counts
from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.judged import judge, matched
from locany.eval.metrics.places import boxes_of_truth
from locany.eval.metrics.profile import Profile, account, answer_of


def scores_by_name(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], iou: float = 0.5
) -> dict[str, Counts]:
    """Counts of each name that is there or was found, the most frequent first (see `judge`)."""
    found: dict[str, Counts] = {}
    for judged in judge(examples, predictions, iou):
        counts = Counts(int(judged.right.sum()), int((~judged.ignored).sum()), judged.num_targets)
        found[judged.name] = found.get(judged.name, Counts()) + counts
    there = {name: c for name, c in found.items() if c.num_detections or c.num_targets}
    return dict(sorted(there.items(), key=lambda item: (-item[1].num_targets, item[0])))


def score_first(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """Accuracy of referring: the share of examples whose first place is right at IoU 0.5.

    Names do not count. Right is a box with IoU at least 0.5 with any target, or a point inside one; where
    nothing is to be found, no answer is right.

    Args:
        examples, predictions: as for every scorer.
        profile: has no say here: the published metric is F1.

    Returns:
        `accuracy@0.5`; `only@0.5`, the share whose first place is right and the only one; and `account`.
    """
    num_right = num_only = 0
    for example in examples:
        prediction = answer_of(example, predictions)
        if prediction is None:
            continue
        places: list[Place] = [place for found in prediction.found.values() for place in found]
        targets = [box for boxes in boxes_of_truth(example).values() for box in boxes.tolist()]
        right = bool(matched(places[:1], targets, 0.5).any()) if targets else not places
        num_right += right
        num_only += right and len(places) <= 1
    num = max(len(examples), 1)
    return {
        "accuracy@0.5": num_right / num,
        "only@0.5": num_only / num,
        **account(examples, predictions, profile),
    }
