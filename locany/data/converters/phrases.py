"""What formats of phrases share: records of a JSON list, gathered by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from locany.data.converters.detection import checked_box
from locany.data.converters.faults import FaultKind, RecordError, Report, shorten
from locany.data.converters.fields import Box, as_object, numbers
from locany.data.converters.images import ROOT_HINT, image_ref
from locany.data.sample import ImageRef, Question, Sample
from locany.tasks import Task

Record = Mapping[str, Any]


def box_field(value: Any, what: str, image: ImageRef, *, is_xyxy: bool) -> Box:
    """Four numbers as a box in the image: x, y, width, height, or both corners.

    Raises:
        RecordError: they are no such box.
    """
    x0, y0, x1, y1 = numbers(value, what, 4)
    return checked_box((x0, y0, x1, y1) if is_xyxy else (x0, y0, x0 + x1, y0 + y1), image.size_wh)


def samples_by_image(
    file: Path,
    root: Path,
    records: Sequence[Any],
    report: Report,
    image_name: Callable[[Record], str],
    questions: Callable[[Record, ImageRef], list[Question]],
) -> Iterator[Sample]:
    """One sample for each image, in the order of the first record about it.

    A faulty record is left out alone: questions do not depend on each other.

    Args:
        file: where the records are from.
        root: the folder of the images.
        records: a JSON list.
        report: takes faults.
        image_name: the path of the image of a record.
        questions: those of a record.
    """
    by_image: dict[str, list[tuple[int, Record]]] = {}
    for number, raw in enumerate(records, start=1):
        try:
            record = as_object(raw, "a record")
            by_image.setdefault(image_name(record), []).append((number, record))
        except RecordError as fault:
            report(fault.at(str(file), record=f"record {number}"))
    for name, numbered in by_image.items():
        asked: dict[Task, Question] = {}
        disputed: set[Task] = set()
        image: ImageRef | None = None
        for number, record in numbered:
            try:
                image = image_ref(root, name, ROOT_HINT)
                for question in questions(record, image):
                    _add(asked, disputed, question)
            except RecordError as fault:
                report(fault.at(str(file), record=f"record {number}"))
        if image is not None and asked:
            provenance = {"file": str(file), "records": [number for number, _ in numbered]}
            yield Sample(image, tuple(asked.values()), provenance=provenance)


def _add(asked: dict[Task, Question], disputed: set[Task], question: Question) -> None:
    """Keep a question once, and none of two with other answers: at least one would be learnt wrongly."""
    task = question.task
    if task in disputed or asked.setdefault(task, question).targets != question.targets:
        asked.pop(task, None)
        disputed.add(task)
        raise RecordError(
            FaultKind.DISAGREEMENT,
            f"another record answers {shorten(repr(question.task.phrase))} with other boxes",
        )
