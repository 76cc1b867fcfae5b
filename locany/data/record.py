"""The record as JSON: what stands beside an image in a shard, and reads back to an equal sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError, RequestError
from locany.tasks import Task

FORMAT = 1  # of the JSON below; raise it when old files would be read wrongly

_TARGET_FIELDS = {"label", "xyxy", "point", "polygon", "text", "attributes"}
_SAMPLE_FIELDS = {"format", "size_wh", "questions", "objects", "provenance"}


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """Everything of a sample but its pixels. Fields that are empty are left out."""
    fields = {
        "format": FORMAT,
        "size_wh": list(sample.size_wh),
        "questions": [_question_to_json(question) for question in sample.questions],
        "objects": [_target_to_json(target) for target in sample.objects],
        "provenance": dict(sample.provenance),
    }
    return {name: value for name, value in fields.items() if value or name == "questions"}


def sample_from_json(fields: Mapping[str, Any], image: np.ndarray | ImageRef) -> Sample:
    """The sample of `sample_to_json` with its image.

    Raises:
        DataError: a field is missing, unknown, or of another form.
    """
    _check_fields("the record", fields, _SAMPLE_FIELDS, {"format", "size_wh", "questions"})
    if fields["format"] != FORMAT:
        raise DataError(f"the record has format {fields['format']!r}, this version reads {FORMAT}")
    sample = Sample(
        image,
        tuple(_question_from_json(q) for q in _list_of(fields["questions"], "questions")),
        tuple(_target_from_json(t) for t in _list_of(fields.get("objects", []), "objects")),
        dict(fields.get("provenance", {})),
    )
    if list(sample.size_wh) != list(fields["size_wh"]):
        raise DataError(f"the record is of an image {fields['size_wh']}, the image is {list(sample.size_wh)}")
    return sample


def task_to_json(task: Task) -> dict[str, Any]:
    """A task as {"kind", and "categories" or "phrase"}."""
    fields = {"kind": task.kind.value, "categories": list(task.categories), "phrase": task.phrase}
    return {name: value for name, value in fields.items() if value}


def task_from_json(fields: Mapping[str, Any]) -> Task:
    """The task of `task_to_json`.

    Raises:
        DataError: it names no task.
    """
    _check_fields("a task", fields, {"kind", "categories", "phrase"}, {"kind"})
    try:
        return Task(fields["kind"], fields.get("categories", ()), fields.get("phrase", ""))
    except RequestError as error:
        raise DataError(f"{dict(fields)} is no task: {error}") from error


def _question_to_json(question: Question) -> dict[str, Any]:
    targets = [_target_to_json(target) for target in question.targets]
    return {"task": task_to_json(question.task), "targets": targets}


def _question_from_json(fields: Mapping[str, Any]) -> Question:
    _check_fields("a question", fields, {"task", "targets"}, {"task", "targets"})
    targets = _list_of(fields["targets"], "targets")
    return Question(task_from_json(fields["task"]), tuple(_target_from_json(t) for t in targets))


def _target_to_json(target: Target) -> dict[str, Any]:
    fields: dict[str, Any] = {"label": target.label}
    if target.xyxy is not None:
        fields["xyxy"] = list(target.xyxy)
    if target.point is not None:
        fields["point"] = list(target.point)
    if target.polygon:
        fields["polygon"] = [list(corner) for corner in target.polygon]
    if target.text is not None:
        fields["text"] = target.text
    if target.attributes:
        fields["attributes"] = dict(target.attributes)
    return fields


def _target_from_json(fields: Mapping[str, Any]) -> Target:
    _check_fields("a target", fields, _TARGET_FIELDS, {"label"})
    xyxy, point = fields.get("xyxy"), fields.get("point")
    for name, value, length in (("xyxy", xyxy, 4), ("point", point, 2)):
        if value is not None and not _are_numbers(value, length):
            raise DataError(f"a target's {name} is {length} numbers, got {value!r}")
    polygon = _list_of(fields.get("polygon", []), "polygon")
    if not all(_are_numbers(corner, 2) for corner in polygon):
        raise DataError(f"a target's polygon is a list of [x, y], got {polygon!r}")
    return Target(
        fields["label"],
        None if xyxy is None else (xyxy[0], xyxy[1], xyxy[2], xyxy[3]),
        None if point is None else (point[0], point[1]),
        tuple((corner[0], corner[1]) for corner in polygon),
        fields.get("text"),
        dict(fields.get("attributes", {})),
    )


def _are_numbers(values: Any, length: int) -> bool:
    is_list = isinstance(values, list | tuple) and len(values) == length
    return is_list and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _list_of(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(f"{name} is a list, got {type(value).__name__}")
    return value


def _check_fields(what: str, fields: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(fields, Mapping):
        raise DataError(f"{what} is an object, got {type(fields).__name__}")
    if missing := sorted(needed - fields.keys()):
        raise DataError(f"{what} lacks {', '.join(missing)}")
    if unknown := sorted(fields.keys() - known):
        raise DataError(f"{what} has unknown fields: {', '.join(map(str, unknown))}; known: {sorted(known)}")
