"""The two ways to count, the thresholds, and how precision and recall become named numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of IoU, 0.50 to 0.95


class Profile(str, Enum):
    """How to count. Numbers of the two are never put into one column."""

    PUBLISHED = (
        "published"  # as the published scripts count, defects included: to compare with printed tables
    )
    FIXED = "fixed"  # as one would expect it to be counted


def harmonic_mean(precision: float, recall: float) -> float:
    """F1; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def triple(suffix: str, precision: float, recall: float, f1: float | None = None) -> dict[str, float]:
    """The three numbers as `precision@suffix`, `recall@suffix`, `f1@suffix`."""
    score = harmonic_mean(precision, recall) if f1 is None else f1
    return {f"f1@{suffix}": score, f"precision@{suffix}": float(precision), f"recall@{suffix}": float(recall)}


def average_rows(rows: Sequence[np.ndarray]) -> dict[str, float]:
    """Numbers of a data set whose images all weigh the same.

    F1 at a threshold is the harmonic mean of the mean precision and the mean recall; F1@mean is the mean of
    F1 over the thresholds.

    Args:
        rows: of each image [2, 10], precision and recall at `THRESHOLDS`. What is NaN is in no mean; some
            image has each number.
    """
    if not len(rows):
        return {key: 0.0 for name in ("0.5", "0.95", "mean") for key in triple(name, 0.0, 0.0)}
    precision, recall = np.nanmean(rows, axis=0)
    f1 = [harmonic_mean(p, r) for p, r in zip(precision.tolist(), recall.tolist(), strict=True)]
    return {
        **triple("0.5", precision[0], recall[0]),
        **triple("0.95", precision[-1], recall[-1]),
        **triple("mean", precision.mean(), recall.mean(), float(np.mean(f1))),
    }


def answer_of(example: Example, predictions: Mapping[str, Prediction]) -> Prediction | None:
    """The prediction for an example, or None where there is none or where it failed."""
    prediction = predictions.get(example.id)
    return None if prediction is None or prediction.error else prediction


def unreadable(answer: Prediction | None) -> int:
    """How many boxes of an answer could not be read."""
    return 0 if answer is None else answer.num_malformed


def is_numbers(place: Place | None, *lengths: int) -> bool:
    """Whether a place is that many finite numbers; anything else is malformed."""
    return place is not None and len(place) in lengths and all(map(math.isfinite, place))


def account(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """What every result says beside its scores: how many examples there were and how their answers ended.

    Returns:
        profile; num_examples; num_missing, those without a prediction; num_failed, those whose prediction
        is an error; num_dropped, those that the published count leaves out (0 unless a scorer says more);
        num_malformed, boxes that could not be read; num_truncated, answers that a limit cut.
    """
    given = [predictions[example.id] for example in examples if example.id in predictions]
    return {
        "profile": profile.value,
        "num_examples": len(examples),
        "num_missing": len(examples) - len(given),
        "num_failed": sum(bool(one.error) for one in given),
        "num_dropped": 0,
        "num_malformed": sum(one.num_malformed for one in given),
        "num_truncated": sum(one.num_truncated for one in given),
    }
