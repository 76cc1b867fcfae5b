"""Slips: wrong boxes inside an answer, which the model sees and does not learn to write.

In training all boxes before the next one are right, so a model comes to trust them: what was boxed last tells
what is asked for. In its own answers one wrong box is then followed by every other thing of its kind, and
nothing stops it (docs/log.md). With some wrong boxes in front of it, it learns to look at the question again:
after a slip comes the next right box, or the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from locany.data.sample import Question, Target
from locany.data.truth import is_text, name_of
from locany.geometry import iou_matrix, points_in_boxes
from locany.tasks import TaskKind

KINDS = frozenset({TaskKind.DETECT, TaskKind.GROUND, TaskKind.POINT, TaskKind.FIND_TEXT, TaskKind.LAYOUT})
MOST = 5  # wrong boxes of one label
_STOP = 0.4  # chance after each wrong box that it was the last of its kind
_SECOND = 0.25  # chance that things of a second kind slip in, too
_TOO_NEAR = 0.4  # IoU with a right box; what is that near is hardly wrong


def add_slips(
    question: Question, objects: Sequence[Target], rate: float, rng: np.random.Generator
) -> Question:
    """The question with wrong boxes for some of its labels, absent ones included.

    Args:
        objects: everything in the image that has a box.
        rate: share of the labels that get any, where there is something else in the image.
        rng: the only source of chance.
    """
    task = question.task
    if task.kind not in KINDS or not rate:
        return question
    written = task.kind is TaskKind.FIND_TEXT
    others = [target for target in objects if target.xyxy is not None and is_text(target) == written]
    slips: list[Target] = []
    for label in task.categories if task.takes_categories else (task.phrase,):
        if rng.random() >= rate:
            continue
        right = [t.xyxy for t in question.targets if t.label == label and t.xyxy is not None]
        slips += [replace(t, label=label, point=None) for t in _drawn(rng, _wrong(others, right, label))]
    return replace(question, slips=tuple(slips))


def _wrong(
    others: Sequence[Target], right: Sequence[tuple[float, float, float, float]], label: str
) -> dict[str, list[Target]]:
    """What is clearly another thing, by name; things of the same name may differ by colour or place."""
    boxes = np.array([target.xyxy for target in others], np.float64).reshape(-1, 4)
    wanted = np.array(right, np.float64).reshape(-1, 4)
    inside = points_in_boxes((boxes[:, :2] + boxes[:, 2:]) / 2, wanted)
    near = ((iou_matrix(boxes, wanted) > _TOO_NEAR) | inside).any(axis=1)
    found: dict[str, list[Target]] = {}
    for target, is_near in zip(others, near.tolist(), strict=True):
        # Without a box to compare with, a target that is known by its point alone could be anything.
        if not is_near and (right or label not in (target.label, name_of(target))):
            found.setdefault(name_of(target), []).append(target)
    return found


def _drawn(rng: np.random.Generator, wrong: dict[str, list[Target]]) -> list[Target]:
    """Some things of one name, seldom of two, at most `MOST`."""
    names, drawn = list(wrong), list[Target]()
    for i in rng.permutation(len(names)).tolist()[: 1 + (rng.random() < _SECOND)]:
        things = wrong[names[i]]
        count = min(int(rng.geometric(_STOP)), len(things))
        drawn += [things[k] for k in rng.permutation(len(things)).tolist()[:count]]
    return drawn[:MOST]
