"""Object keypoint similarity (OKS): how near keypoints are for the size of their thing.

Works on plain values: no benchmark of ours asks for keypoints yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locany.eval.metrics.matching import num_matched
from locany.eval.metrics.profile import THRESHOLDS, Profile, average_rows
from locany.geometry import box_area

SIGMA = 0.025  # the same for every keypoint
_PUBLISHED_LIMITS = (0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.9, 0.9, 0.9, 0.95)  # of OKS, for each of `THRESHOLDS`


@dataclass(frozen=True)
class Pose:
    """One thing with its keypoints.

    Attributes:
        box: pixels, xyxy.
        keypoints: (x, y) in pixels by name. Anything else, such as "unvisible", cannot be read.
    """

    box: tuple[float, float, float, float]
    keypoints: Mapping[str, Any]


def oks(truth: Pose, found: Pose, *, missing_counts: bool) -> float:
    """Mean over keypoints of exp(-d^2 / (2 * SIGMA^2 * area of the true box)), 0..1.

    Args:
        truth, found: what to compare.
        missing_counts: whether a true keypoint that was not found counts 0; published, it is skipped.

    Raises:
        TypeError, ValueError: a keypoint in question is not two numbers.
    """
    area = max(float(box_area(truth.box)), np.finfo(np.float64).tiny)
    values = []
    for name, place in truth.keypoints.items():
        if name in found.keypoints:
            (x, y), (found_x, found_y) = place, found.keypoints[name]
            distance = (float(x) - float(found_x)) ** 2 + (float(y) - float(found_y)) ** 2
            values.append(float(np.exp(-distance / (2 * SIGMA**2 * area))))
        elif missing_counts:
            values.append(0.0)
    return float(np.mean(values)) if values else 0.0


def score_keypoints(
    rows: Sequence[tuple[Sequence[Pose], Sequence[Pose]]], profile: Profile
) -> dict[str, Any]:
    """Precision, recall and F1 by OKS, every image weighing the same.

    Profile `published`: both are the share of true things that some found thing resembles, so one may serve
    many and further ones are free; missing keypoints are skipped; OKS thresholds are 0.5, 0.75, 0.9 and
    0.95; an image with an unreadable keypoint is left out. Profile `fixed`: one to one, missing and
    unreadable keypoints count 0, thresholds as for IoU.

    Args:
        rows: of each image the true and the found things.
        profile: how to count.

    Returns:
        precision, recall and f1 @0.5, @0.95 and @mean; num_examples, num_scored, num_dropped.
    """
    scored = []
    for truth, found in rows:
        if profile is Profile.FIXED:
            scored.append(_fixed_row(truth, [_readable(pose) for pose in found]))
            continue
        try:
            scored.append(_published_row(truth, found))
        except (TypeError, ValueError):  # the published script fails on the image
            continue
    counts = {"num_examples": len(rows), "num_scored": len(scored), "num_dropped": len(rows) - len(scored)}
    return {**average_rows(scored), "profile": profile.value, **counts}


def _published_row(truth: Sequence[Pose], found: Sequence[Pose]) -> np.ndarray:
    wanted = [pose for pose in truth if pose.keypoints]
    if not wanted:
        return np.ones((2, len(THRESHOLDS)))
    best = np.asarray([max((oks(t, f, missing_counts=False) for f in found), default=0.0) for t in wanted])
    share = (best[:, None] >= np.asarray(_PUBLISHED_LIMITS)).mean(axis=0)
    return np.stack([share, share])


def _fixed_row(truth: Sequence[Pose], found: Sequence[Pose]) -> np.ndarray:
    if not truth or not found:
        return np.full((2, len(THRESHOLDS)), float(not truth and not found))
    similarity = np.asarray([[oks(t, f, missing_counts=True) for t in truth] for f in found])
    right = num_matched(similarity, THRESHOLDS)
    return np.stack([right / len(found), right / len(truth)])


def _readable(pose: Pose) -> Pose:
    """Without the keypoints that are not two numbers."""
    places = {
        name: place
        for name, place in pose.keypoints.items()
        if not isinstance(place, str) and len(place) == 2 and np.isfinite(place).all()
    }
    return Pose(pose.box, places)
