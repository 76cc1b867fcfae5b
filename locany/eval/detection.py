"""Precision, recall and F1 of boxes and points, counted per label with the one matcher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from locany.data.sample import Question
from locany.geometry import iou_matrix, match, points_in_boxes
from locany.results import Detections


@dataclass
class Counts:
    """True positives, detections and targets; and of absent names, how many were answered empty."""

    num_matched: int = 0
    num_detections: int = 0
    num_targets: int = 0
    num_absent: int = 0
    num_absent_right: int = 0

    @property
    def precision(self) -> float:
        return self.num_matched / self.num_detections if self.num_detections else 0.0

    @property
    def recall(self) -> float:
        return self.num_matched / self.num_targets if self.num_targets else 0.0

    @property
    def f1(self) -> float:
        """2 TP / (detections + targets); 1 where nothing was to be found and nothing was."""
        total = self.num_detections + self.num_targets
        return 2 * self.num_matched / total if total else 1.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def count(question: Question, answer: Detections, iou: float = 0.5) -> Counts:
    """Hold one answer against one question.

    A box is right when its IoU with a target of the same label is at least `iou`; a point when it lies in the
    target's box. Every target counts once.
    """
    targets = question.targets
    asked = question.task.categories or ((question.task.phrase,) if question.task.phrase else ())
    labels = sorted({*answer.labels, *(t.label for t in targets), *asked})
    counts = Counts(num_detections=len(answer), num_targets=len(targets))
    for label in labels:
        found = np.asarray([i for i, name in enumerate(answer.labels) if name == label], dtype=int)
        wanted = np.asarray([t.xyxy for t in targets if t.label == label], dtype=np.float64).reshape(-1, 4)
        if not len(wanted) and label in asked:
            counts.num_absent += 1
            counts.num_absent_right += not len(found)
        if not len(found) or not len(wanted):
            continue
        if question.task.expects_points:
            similarity = points_in_boxes(answer.points[found], wanted).astype(np.float64)
            counts.num_matched += len(match(similarity, 0.5))
        else:
            counts.num_matched += len(match(iou_matrix(answer.xyxy[found], wanted), iou))
    return counts


def total(counts: Iterable[Counts]) -> Counts:
    """Sum of counts (micro average)."""
    result = Counts()
    for one in counts:
        result = result + one
    return result
