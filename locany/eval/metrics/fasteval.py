"""Category-averaged precision and recall on COCO and LVIS rules, over plain pictures.

Precision and recall are taken per category and then averaged over categories. Both profiles agree on that
and on little else; see `score_published` and `score_fixed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from locany.eval.metrics.matching import num_matched
from locany.eval.metrics.profile import THRESHOLDS, triple
from locany.geometry import box_area, iou_matrix

MOST_BOXES = 100  # COCO's limit per image and category
Boxes = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Picture:
    """One image: boxes by category, pixels, xyxy.

    Attributes:
        truth: what is there.
        found: what was predicted, in order.
        crowd: boxes of groups; a detection that lies in one is ignored.
        judged: categories of which it is known whether they are there; None for all. Detections of
            others are left out.
        partial: categories of which there may be more than `truth` says; their unmatched detections are
            ignored.
        malformed: detections by category that have no readable box. Only `score_fixed` counts them.
        ids: annotation ids beside `truth`. Only `score_published` looks at them.
    """

    truth: Mapping[str, Boxes] = field(default_factory=dict)
    found: Mapping[str, Boxes] = field(default_factory=dict)
    crowd: Mapping[str, Boxes] = field(default_factory=dict)
    judged: frozenset[str] | None = None
    partial: frozenset[str] = frozenset()
    malformed: Mapping[str, int] = field(default_factory=dict)
    ids: Mapping[str, Sequence[int]] = field(default_factory=dict)


def score_published(
    pictures: Sequence[Picture], categories: Sequence[str], most_boxes: int | None = MOST_BOXES
) -> dict[str, float]:
    """As published: every detection has the same confidence, so order decides.

    Detections take the best free box greedily. Precision of a category is read at its last true positive, so
    what comes after is free; a category without any true positive repeats the precision before it and leaves
    the mean of recall.

    Args:
        pictures: in the order of the annotation file.
        categories: in its order too.
        most_boxes: of one category in one image; the rest is cut. None for LVIS.
    """
    precision = np.full((len(categories), len(THRESHOLDS)), np.nan)
    recall = np.full_like(precision, -1.0)
    cells = _cells(pictures)
    for row, category in enumerate(categories):
        num_truth, right, counted = 0, [], []
        for picture in cells.get(category, ()):
            num_truth += len(picture.truth.get(category, ()))
            if picture.judged is None or category in picture.judged:
                one_right, one_counted = _take_greedily(picture, category, most_boxes)
                right.append(one_right)
                counted.append(one_counted)
        if num_truth and right:
            hits, used = np.concatenate(right, axis=1), np.concatenate(counted, axis=1)
            for t in range(len(THRESHOLDS)):
                precision[row, t], recall[row, t] = _end_of_curve(hits[t][used[t]], num_truth)
        elif num_truth:
            recall[row] = 0.0
    numbers: dict[str, float] = {}
    for name, columns in (("0.5", [0]), ("0.95", [-1]), ("mean", list(range(len(THRESHOLDS))))):
        carried = _carry_on(precision[:, columns])
        numbers |= triple(name, _mean_positive(carried), _mean_positive(recall[:, columns]))
    return {**numbers, "num_categories": len(categories)}


def score_fixed(pictures: Sequence[Picture], categories: Sequence[str]) -> dict[str, float]:
    """As expected: one-to-one matching of most pairs per image and category; no order matters.

    Per category that is somewhere in the truth: recall = TP / true boxes, precision = TP / (TP + FP), left
    out where nothing was found. Both are averaged over categories, zeros included, and the means over
    thresholds are of these averages.
    """
    rows = []
    cells = _cells(pictures)
    for category in categories:
        num_truth, right, wrong = 0, np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
        for picture in cells.get(category, ()):
            num_truth += len(picture.truth.get(category, ()))
            if picture.judged is None or category in picture.judged:
                one_right, one_wrong = _count_matches(picture, category)
                right += one_right
                wrong += one_wrong
        if num_truth:
            found = right + wrong
            share = np.divide(right, found, out=np.full_like(found, np.nan), where=found > 0)
            rows.append((share, right / num_truth))
    table = np.asarray(rows).reshape(-1, 2, len(THRESHOLDS))
    defined = ~np.isnan(table)
    means = np.where(defined, table, 0.0).sum(axis=0) / np.maximum(defined.sum(axis=0), 1)
    numbers: dict[str, float] = {}
    for name, values in (("0.5", means[:, 0]), ("0.95", means[:, -1]), ("mean", means.mean(axis=1))):
        numbers |= triple(name, *values.tolist())
    return {**numbers, "num_categories": len(rows)}


def _cells(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """By category the pictures in which it is there, was found, or should have been."""
    cells: dict[str, list[Picture]] = {}
    for picture in pictures:
        for category in dict.fromkeys((*picture.truth, *picture.found, *picture.malformed)):
            cells.setdefault(category, []).append(picture)
    return cells


def _take_greedily(picture: Picture, category: str, most_boxes: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Of each detection at each threshold whether it is right, and whether it counts; two [T, N] bool."""
    found = _array(picture.found.get(category, ()))[:most_boxes]
    truth = _array(picture.truth.get(category, ()))
    # An annotation whose id is 0 reads as "not matched": it is taken, and its detection is wrong.
    has_id = np.asarray(picture.ids.get(category, (1,) * len(truth)), dtype=np.int64) != 0
    choice = _choose_greedily(iou_matrix(found, truth))
    taken = choice >= 0
    right = taken & has_id[choice] if len(truth) else taken
    ignored = _in_crowd(found, picture.crowd.get(category, ()))
    if category in picture.partial:
        ignored[:] = True
    return right, taken | ~ignored


def _choose_greedily(overlap: np.ndarray) -> np.ndarray:
    """Of each detection the true box that it takes at each threshold, or -1; [T, N] for an overlap [N, M]."""
    limits = np.asarray(THRESHOLDS)
    choice = np.full((len(limits), len(overlap)), -1)
    possible = overlap >= limits[0]
    if not possible.any():
        return choice
    if possible.sum(axis=0).max() == possible.sum(axis=1).max() == 1:  # nobody competes
        return np.where(overlap.max(axis=1) >= limits[:, None], overlap.argmax(axis=1), -1)
    free = np.ones((len(limits), overlap.shape[1]), dtype=bool)
    rows = np.arange(len(limits))
    for i in np.flatnonzero(possible.any(axis=1)):
        left = np.where(free, overlap[i], -1.0)
        best = overlap.shape[1] - 1 - left[:, ::-1].argmax(axis=1)  # of equal ones the later
        takes = left[rows, best] >= limits
        free[rows[takes], best[takes]] = False
        choice[takes, i] = best[takes]
    return choice


def _count_matches(picture: Picture, category: str) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives at each threshold, two [T]."""
    found = _array(picture.found.get(category, ()))
    truth = _array(picture.truth.get(category, ()))
    malformed = 0 if category in picture.partial else picture.malformed.get(category, 0)
    overlap = iou_matrix(found, truth)
    ignored = _in_crowd(found, picture.crowd.get(category, ()))
    if category in picture.partial:
        right = num_matched(overlap, THRESHOLDS)
        return right, np.zeros_like(right)
    if not ignored.any():
        right = num_matched(overlap, THRESHOLDS)
        return right, len(found) - right + malformed
    right, wrong = np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
    for t, limit in enumerate(THRESHOLDS):
        # Of equally many pairs take those that leave detections in a crowd over: the count is then unique.
        matched = num_matched(overlap, [limit])[0]
        outside = num_matched(overlap[~ignored[t]], [limit])[0]
        right[t] = matched
        wrong[t] = (~ignored[t]).sum() - outside + malformed
    return right, wrong


def _in_crowd(found: np.ndarray, crowd: Boxes) -> np.ndarray:
    """Whether that much of a detection lies in one crowd box; [T, N] bool."""
    boxes = _array(crowd)
    limits = np.asarray(THRESHOLDS)
    if not len(boxes) or not len(found):
        return np.zeros((len(limits), len(found)), dtype=bool)
    low = np.maximum(found[:, None, :2], boxes[None, :, :2])
    high = np.minimum(found[:, None, 2:], boxes[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=-1).max(axis=1)
    area = box_area(found)
    share = np.divide(common, area, out=np.zeros_like(area), where=area > 0)
    return share[None] >= limits[:, None]


def _end_of_curve(right: np.ndarray, num_truth: int) -> tuple[float, float]:
    """Precision at the last sample of the precision-recall curve, NaN without a hit; and the final recall."""
    if not right.any():
        return float("nan"), 0.0
    hits = np.cumsum(right)
    recall, precision = hits / num_truth, hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    grid = np.linspace(0.0, 1.0, 101)
    last = grid[np.searchsorted(grid, recall[-1], side="left") - 1]
    return float(envelope[np.searchsorted(recall, last, side="right")]), float(recall[-1])


def _carry_on(precision: np.ndarray) -> np.ndarray:
    """[C, T] with each NaN replaced by the value before it, in reading order, 0 before the first."""
    flat = precision.ravel()
    last = np.maximum.accumulate(np.where(np.isnan(flat), -1, np.arange(flat.size)))
    return np.where(last < 0, 0.0, flat[last]).reshape(precision.shape)


def _mean_positive(values: np.ndarray) -> float:
    """Mean over thresholds, then over the categories whose mean is above 0; 0 without any."""
    means = values.mean(axis=1)
    return float(means[means > 0].mean()) if (means > 0).any() else 0.0


def _array(boxes: Boxes) -> np.ndarray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
