"""F1 of every name, and the accuracy of first answers, for referring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.judged import judge, matched
from locany.eval.metrics.places import boxes_of_truth
from locany.eval.metrics.profile import Profile, account, answer_of


@dataclass(frozen=True)
class NameScore:
    """How one name fared over all examples.

    Attributes:
        name: the category.
        num_matched, num_found, num_targets: right places, all places that count, what was there.
    """

    name: str
    num_matched: int
    num_found: int
    num_targets: int

    @property
    def precision(self) -> float:
        """0 where nothing was found."""
        return self.num_matched / self.num_found if self.num_found else 0.0

    @property
    def recall(self) -> float:
        """0 where nothing was there."""
        return self.num_matched / self.num_targets if self.num_targets else 0.0

    @property
    def f1(self) -> float:
        """2 TP / (found + targets)."""
        total = self.num_found + self.num_targets
        return 2 * self.num_matched / total if total else 0.0


def scores_by_name(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], iou: float = 0.5
) -> list[NameScore]:
    """One line for each name that is there or was found, the most frequent first (see `judge`)."""
    counts: dict[str, list[int]] = {}
    for judged in judge(examples, predictions, iou):
        line = counts.setdefault(judged.name, [0, 0, 0])
        line[0] += int(judged.right.sum())
        line[1] += int((~judged.ignored).sum())
        line[2] += judged.num_targets
    lines = [NameScore(name, *numbers) for name, numbers in counts.items() if numbers[1] or numbers[2]]
    return sorted(lines, key=lambda line: (-line.num_targets, line.name))


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
