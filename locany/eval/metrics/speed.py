"""Boxes per second: the published figure, and correct boxes per second from question to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from locany.eval.example import Example, Prediction
from locany.eval.metrics.boxes import BOX
from locany.eval.metrics.judged import judge
from locany.eval.metrics.matching import num_matched
from locany.eval.metrics.points import HIT, POINT, hits_matrix
from locany.eval.metrics.polygons import POLYGON
from locany.eval.metrics.profile import Profile, account, answer_of

BOX_TOKEN = "<box>"
_STEPS = (0, 1, 2, 6, 11, 21, 51, 101, 201, 301)  # where the bars of the histogram begin, boxes per image


def score_speed(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """Speed of the answers that there are and that took time.

    Returns:
        Profile `published`: bps@mean, bps@min, bps@max, the boxes written per second of each example, where
        everything that begins like a box counts and the image is there already; num_boxes@mean, tps@mean,
        steps@mean. Profile `fixed`: correct_bps, boxes at IoU 0.5 and points in their thing, all divided by
        all seconds; correct_bps@loaded, the same without the seconds in which images were read and resized;
        bps, of all readable places; bps@mean, its mean over examples; seconds@mean and @median;
        tokens_per_box, tokens_per_step; images@LOW-HIGH, the number of examples by places found. In both
        num_timed, seconds, and what `account` says.
    """
    timed = [
        (example, answer)
        for example in examples
        if (answer := answer_of(example, predictions)) is not None and answer.seconds > 0
    ]
    answers = [answer for _, answer in timed]
    count = published_speed if profile is Profile.PUBLISHED else _fixed_speed
    right = [_num_correct(example, answer) for example, answer in timed] if profile is Profile.FIXED else []
    total = {"num_timed": len(timed), "seconds": float(sum(answer.seconds for answer in answers))}
    return {**count(answers, right), **total, **account(examples, predictions, profile)}


def published_speed(answers: Sequence[Prediction], _right: Sequence[int] = ()) -> dict[str, float]:
    """The published log's figures: unweighted means over examples, the boxes counted in the text."""
    boxes = [answer.answer.count(BOX_TOKEN) for answer in answers]
    seconds = [_seconds_answering(answer) for answer in answers]
    bps = [num / time for num, time in zip(boxes, seconds, strict=True)]
    return {
        "bps@mean": _mean(bps),
        "bps@min": min(bps, default=0.0),
        "bps@max": max(bps, default=0.0),
        "num_boxes": sum(boxes),
        "num_boxes@mean": _mean(boxes),
        "tps@mean": _mean([answer.num_tokens / time for answer, time in zip(answers, seconds, strict=True)]),
        "steps@mean": _mean([answer.num_steps for answer in answers]),
    }


def _fixed_speed(answers: Sequence[Prediction], right: Sequence[int]) -> dict[str, float]:
    boxes = [num_readable(answer) for answer in answers]
    seconds = [answer.seconds for answer in answers]
    tokens, steps = sum(a.num_tokens for a in answers), sum(a.num_steps for a in answers)
    return {
        "correct_bps": _ratio(sum(right), sum(seconds)),
        "correct_bps@loaded": _ratio(sum(right), sum(map(_seconds_answering, answers))),
        "bps": _ratio(sum(boxes), sum(seconds)),
        "bps@mean": _mean([num / time for num, time in zip(boxes, seconds, strict=True)]),
        "num_correct": sum(right),
        "num_boxes": sum(boxes),
        "num_boxes@mean": _mean(boxes),
        "seconds@mean": _mean(seconds),
        "seconds@median": float(np.median(seconds)) if seconds else 0.0,
        "tokens_per_box": _ratio(tokens, sum(boxes)),
        "tokens_per_step": _ratio(tokens, steps),
        **_histogram(boxes),
    }


def _histogram(boxes: Sequence[int]) -> dict[str, int]:
    """Examples by number of boxes, bars without an example left out."""
    bars = [(low, high - 1) for low, high in pairwise(_STEPS)]
    counts = {
        f"images@{low}" if low == high else f"images@{low}-{high}": sum(low <= num <= high for num in boxes)
        for low, high in bars
    }
    counts[f"images@{_STEPS[-1]}+"] = sum(num >= _STEPS[-1] for num in boxes)
    return {name: num for name, num in counts.items() if num}


def _num_correct(example: Example, answer: Prediction) -> int:
    """Places of one answer that are right: boxes at IoU 0.5, points in their thing."""
    if not example.truth.masks:
        return sum(int(one.right.sum()) for one in judge([example], {example.id: answer}))
    num = 0
    for name, masks in example.truth.masks.items():
        points = [place for place in answer.found.get(name, ()) if POINT.is_valid(place)]
        if points and masks:
            num += int(num_matched(hits_matrix(points, masks), HIT)[0])
    return num


def num_readable(answer: Prediction) -> int:
    """Places that are a box, a point or a simple outline."""
    places = [place for found in answer.found.values() for place in found]
    return sum(any(shape.is_valid(place) for shape in (BOX, POINT, POLYGON)) for place in places)


def _seconds_answering(answer: Prediction) -> float:
    """Without loading the image, which the published clock leaves out."""
    return (
        answer.seconds - answer.seconds_loading if answer.seconds > answer.seconds_loading else answer.seconds
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
