"""A question of our own samples as an example: what is asked, and the truth its targets tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from locany.data.sample import Question, Target
from locany.errors import DataError
from locany.eval.benchmarks.rows import gather, transcription
from locany.eval.detection import around_point
from locany.eval.example import Box, Example, Query, Truth
from locany.tasks import Task, TaskKind


def asked_names(task: Task) -> tuple[str, ...]:
    """What is asked for by name; nothing for all text."""
    return task.categories if task.takes_categories else (task.phrase,) if task.phrase else ()


def question_query(task: Task) -> Query:
    """Answers about a phrase are filed under it, others under their labels."""
    return Query(task, task.phrase)


def question_truth(question: Question, size_wh: tuple[int, int]) -> Truth:
    """Boxes by name, for points, too; names asked for without a target are absent.

    Args:
        size_wh: of the image, for what is around a bare point.
    """
    is_text, points = question.task.kind is TaskKind.TEXT, question.task.expects_points
    pairs = [
        (_name(question.task, target, is_text), box_of_target(target, size_wh if points else None))
        for target in question.targets
    ]
    return Truth({**dict.fromkeys(asked_names(question.task), ()), **gather(pairs)})


def question_example(
    id: str,
    image: Path | bytes | np.ndarray,
    image_name: str,
    question: Question,
    size_wh: tuple[int, int],
    groups: Mapping[str, str] = MappingProxyType({}),
) -> Example:
    """One question as an example of its own."""
    queries = (question_query(question.task),)
    return Example(id, image, image_name, queries, question_truth(question, size_wh), dict(groups))


def box_of_target(target: Target, around: tuple[int, int] | None = None) -> Box:
    """The box, or else that around the outline, or around a bare point.

    Args:
        around: size of the image where a point may be known alone; None where a box is needed.

    Raises:
        DataError: the target has no place.
    """
    if target.xyxy is not None:
        return target.xyxy
    if target.polygon:
        xs, ys = zip(*target.polygon, strict=True)
        return (min(xs), min(ys), max(xs), max(ys))
    if target.point is not None and around is not None:
        return around_point(target.point, around)
    raise DataError(f"the target {target.label!r} has no box, so no answer can be held against it")


def _name(task: Task, target: Target, is_text: bool) -> str:
    if is_text:
        return transcription(target.label)
    return task.phrase or target.label
