"""A question of our own samples as an example: what is asked, and the truth its targets tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from locany.data.sample import Question, Target
from locany.errors import DataError
from locany.eval.benchmarks.rows import gather, transcription
from locany.eval.example import Box, Example, Query, Truth
from locany.tasks import Task, TaskKind


def asked_names(task: Task) -> tuple[str, ...]:
    """What is asked for by name; nothing for all text."""
    return task.categories if task.takes_categories else (task.phrase,) if task.phrase else ()


def question_query(task: Task) -> Query:
    """Answers about a phrase are filed under it, others under their labels."""
    return Query(task, task.phrase)


def question_truth(question: Question) -> Truth:
    """Boxes by name, for points, too; names asked for without a target are absent."""
    is_text = question.task.kind is TaskKind.TEXT
    pairs = [(_name(question.task, target, is_text), box_of_target(target)) for target in question.targets]
    return Truth({**dict.fromkeys(asked_names(question.task), ()), **gather(pairs)})


def question_example(
    id: str,
    image: Path | bytes | np.ndarray,
    image_name: str,
    question: Question,
    groups: Mapping[str, str] = MappingProxyType({}),
) -> Example:
    """One question as an example of its own."""
    queries = (question_query(question.task),)
    return Example(id, image, image_name, queries, question_truth(question), dict(groups))


def box_of_target(target: Target) -> Box:
    """The box, or else that around the outline.

    Raises:
        DataError: the target has no place.
    """
    if target.xyxy is not None:
        return target.xyxy
    if target.polygon:
        xs, ys = zip(*target.polygon, strict=True)
        return (min(xs), min(ys), max(xs), max(ys))
    raise DataError(f"the target {target.label!r} has no box, so no answer can be held against it")


def _name(task: Task, target: Target, is_text: bool) -> str:
    if is_text:
        return transcription(target.label)
    return task.phrase or target.label
