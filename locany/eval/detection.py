"""Precision, recall and F1 of boxes and points, counted per label with the one matcher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from locany.data.sample import Question, Target
from locany.geometry import iou_matrix, match, points_in_boxes
from locany.results import Detections

POINT_REACH = 0.02  # of the image's longer side: how far an answer may be from a point without a box


@dataclass
class Counts:
    """What one or many answers came to. Counts are added; shares are read off the sum (micro average).

    Attributes:
        num_matched, num_detections, num_targets: true positives, what was found, what was there.
        num_absent, num_absent_right: names asked for that are not in the image, and how many of them were
            answered with nothing.
        num_questions, num_hits: questions, and those whose first place is right; see `hits`.
        num_truncated: answers that a limit cut.
    """

    num_matched: int = 0
    num_detections: int = 0
    num_targets: int = 0
    num_absent: int = 0
    num_absent_right: int = 0
    num_questions: int = 0
    num_hits: int = 0
    num_truncated: int = 0

    @property
    def precision(self) -> float:
        """Of what was found, the share that is right; 0 where nothing was found."""
        return self.num_matched / self.num_detections if self.num_detections else 0.0

    @property
    def recall(self) -> float:
        """Of what was there, the share that was found; 0 where nothing was there."""
        return self.num_matched / self.num_targets if self.num_targets else 0.0

    @property
    def f1(self) -> float:
        """2 TP / (detections + targets); 1 where nothing was to be found and nothing was."""
        total = self.num_detections + self.num_targets
        return 2 * self.num_matched / total if total else 1.0

    @property
    def accuracy(self) -> float:
        """Share of questions that `hits`; 0 without questions."""
        return self.num_hits / self.num_questions if self.num_questions else 0.0

    @property
    def absent_right(self) -> float:
        """Of the absent names, the share answered with nothing; 1 where no name was absent."""
        return self.num_absent_right / self.num_absent if self.num_absent else 1.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def count(question: Question, answer: Detections, iou: float = 0.5, *, labels: bool = True) -> Counts:
    """Hold one answer against one question.

    A box is right when its IoU with a target of the same label is at least `iou`; a point when it lies in the
    target's box. Every target counts once.

    Args:
        question: what was asked, with its targets. Of one known by its point alone a point is right within
            `POINT_REACH`, to the left and right, above and below; a box cannot match it.
        answer: what came back.
        iou: least IoU of a box that is right.
        labels: whether labels have to agree. False measures where something is, not what it is called: all
            text as boxes, without reading it.
    """
    parts = count_labels(question, answer, iou) if labels else {"": _count(question, answer, None, iou)}
    result = total(parts.values())
    result.num_questions = 1
    result.num_hits = int(hits(question, answer))
    result.num_truncated = int(answer.truncated)
    return result


def count_labels(question: Question, answer: Detections, iou: float = 0.5) -> dict[str, Counts]:
    """`count` by label: of everything asked for, there, or answered. Questions and hits are not counted."""
    names = {*answer.labels, *(t.label for t in question.targets), *_asked(question)}
    return {name: _count(question, answer, name, iou) for name in sorted(names)}


def hits(question: Question, answer: Detections) -> bool:
    """Whether the first place of an answer is in a target's box: the point, or the centre of the box.

    Where nothing is to be found, nothing may be answered. Labels do not count.
    """
    if not question.targets or not len(answer):
        return not question.targets and not len(answer)
    return bool(points_in_boxes(answer.points[:1], _boxes(question, answer.size_wh)).any())


def total(counts: Iterable[Counts]) -> Counts:
    """Sum of counts (micro average)."""
    result = Counts()
    for one in counts:
        result = result + one
    return result


def _count(question: Question, answer: Detections, label: str | None, iou: float) -> Counts:
    """Of one label, or of everything as if it had the same."""
    found = np.asarray([label in (None, name) for name in answer.labels], dtype=bool)
    wanted = _boxes(question, answer.size_wh if question.task.expects_points else None)[
        [label in (None, t.label) for t in question.targets]
    ]
    counts = Counts(num_detections=int(found.sum()), num_targets=len(wanted))
    if not len(wanted) and label in _asked(question):
        counts.num_absent = 1
        counts.num_absent_right = int(not found.any())
    if found.any() and len(wanted):
        if question.task.expects_points:
            similarity = points_in_boxes(answer.points[found], wanted).astype(np.float64)
            counts.num_matched = len(match(similarity, 0.5))
        else:
            counts.num_matched = len(match(iou_matrix(answer.xyxy[found], wanted), iou))
    return counts


def _asked(question: Question) -> tuple[str, ...]:
    """The names in the question; none where all text is asked for."""
    return question.task.categories or ((question.task.phrase,) if question.task.phrase else ())


def around_point(point: tuple[float, float], size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """What is within `POINT_REACH` of a point."""
    (x, y), reach = point, POINT_REACH * max(size_wh)
    return x - reach, y - reach, x + reach, y + reach


def _boxes(question: Question, around: tuple[int, int] | None) -> np.ndarray:
    """[N, 4] pixels of the targets; of bare points what is around them, given the image's size."""
    return np.asarray([_box(t, around) for t in question.targets], dtype=np.float64).reshape(-1, 4)


def _box(target: Target, around: tuple[int, int] | None) -> tuple[float, ...]:
    if target.xyxy is not None:
        return target.xyxy
    assert target.point is not None, "a target has a box or a point"
    return target.point * 2 if around is None else around_point(target.point, around)
