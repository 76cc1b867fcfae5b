"""What detection data sets share: checked boxes, one question over what is there, categories by number."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from locany.data.converters.faults import Fault, FaultKind, RecordError, Report
from locany.data.converters.fields import Box, Polygon, extent
from locany.data.encode import answer_groups
from locany.data.sample import ImageRef, Question, Sample, Target, place_of
from locany.errors import DataError
from locany.geometry import NUM_BINS
from locany.tasks import Task, TaskKind

# Boxes stick out by less than this where formats round or count pixels from 1; they land on the edge.
_OVERHANG = 1.0
_OFF = 1e-3  # pixels by which the extent of an outline may differ from the box
INCOMPLETE = "incomplete"  # in provenance: categories of which not every instance has a box in this image


def checked_box(box: Box, size_wh: tuple[int, int]) -> Box:
    """The box, if it can be one in an image of this size.

    Raises:
        RecordError: it is inverted, empty, or sticks out by more than a pixel.
    """
    x0, y0, x1, y1 = box
    shown = "({:g}, {:g}, {:g}, {:g})".format(*box)
    if x0 > x1 or y0 > y1:
        raise RecordError(FaultKind.INVERTED_BOX, f"the box {shown} is inverted: its size is negative")
    if x0 == x1 or y0 == y1:
        raise RecordError(FaultKind.EMPTY_BOX, f"the box {shown} has no area")
    width, height = size_wh
    if x0 < -_OVERHANG or y0 < -_OVERHANG or x1 > width + _OVERHANG or y1 > height + _OVERHANG:
        message = f"the box {shown} sticks out of the image, which is {width} x {height}"
        raise RecordError(FaultKind.OUTSIDE_IMAGE, message)
    return box


def repeated(objects: Sequence[Target]) -> list[RecordError]:
    """Boxes that stand there twice under one label."""
    seen: set[Any] = set()
    faults = []
    for target in objects:
        key = (target.label, target.xyxy)
        if key in seen:
            box = "({:g}, {:g}, {:g}, {:g})".format(*(target.xyxy or ()))
            faults.append(
                RecordError(FaultKind.DUPLICATE_BOX, f"the box {box} of {target.label!r} stands there twice")
            )
        seen.add(key)
    return faults


def detection_sample(
    image: ImageRef,
    objects: Sequence[Target],
    provenance: dict[str, Any],
    *,
    negatives: Sequence[str] = (),
    incomplete: Iterable[str] = (),
) -> Sample:
    """A sample with one question over the categories that are there, in the order of their first box.

    Args:
        image: the image.
        objects: everything with a box.
        provenance: where it was read.
        negatives: categories known to be absent, asked for after the others.
        incomplete: categories of which some instances have no box of their own; they are not asked for, and
            noted in the provenance, since the answer would teach that the rest is not there.
    """
    partly = dict.fromkeys(incomplete)
    names = dict.fromkeys([target.label for target in objects] + list(negatives))
    asked = [name for name in names if name not in partly]
    questions: tuple[Question, ...] = ()
    if asked:
        targets = tuple(target for target in objects if target.label not in partly)
        questions = (Question(Task.detect(asked), targets),)
    more = {INCOMPLETE: list(partly)} if partly else {}
    return Sample(image, questions, tuple(objects), {**provenance, **more})


def sample_faults(sample: Sample) -> list[RecordError]:
    """What is wrong with a sample, wherever it is from: boxes that are none, answers that are none."""
    faults = [
        RecordError(FaultKind.MALFORMED, f"the object {target.label!r} has no box")
        for target in sample.objects
        if target.xyxy is None
    ]
    targets = [*sample.objects, *(target for question in sample.questions for target in question.targets)]
    for box in dict.fromkeys(target.xyxy for target in targets if target.xyxy is not None):
        try:
            if not all(math.isfinite(v) for v in box):
                raise RecordError(FaultKind.MALFORMED, f"a box holds what is no number: {box}")
            checked_box(box, sample.size_wh)
        except RecordError as fault:
            faults.append(fault)
    if faults:
        return faults
    for question in sample.questions:
        try:
            answer_groups(question, sample.size_wh, NUM_BINS - 1)
        except DataError as error:
            faults.append(RecordError(FaultKind.DISAGREEMENT, str(error)))
    return faults


def one_per_image(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples, those that only ask about one image file joined into one that asks all of it.

    Conversations ask about an image on several lines; a file of boxes for each line would say of every other
    line's objects that they are not there. Such samples come last, in the order of their images.
    """
    asking: dict[Path, list[Sample]] = {}
    for sample in samples:
        source = sample.image.source if isinstance(sample.image, ImageRef) else None
        if isinstance(source, Path) and sample.questions and not sample.objects:
            asking.setdefault(source, []).append(sample)
        else:
            yield sample
    for first, *others in asking.values():
        questions = list(first.questions)
        questions += [q for other in others for q in other.questions if q not in questions]
        yield replace(first, questions=tuple(questions))


def one_record_each(samples: Iterable[Sample], report: Report) -> Iterator[Sample]:
    """The samples, without those whose image file another one is about, too: each lacks the other's boxes.

    Args:
        samples: of one data set.
        report: takes a fault for each record but the first of an image.
    """
    first: dict[str, Sample] = {}
    disputed: set[str] = set()
    found: list[tuple[str, Sample]] = []
    for sample in samples:
        source = sample.image.source if isinstance(sample.image, ImageRef) else None
        key = os.path.realpath(source) if isinstance(source, Path) else ""
        found.append((key, sample))
        if key and (other := first.setdefault(key, sample)) is not sample:
            disputed.add(key)
            report(_two_records(Path(key).name, sample.provenance, other.provenance))
    yield from (sample for key, sample in found if key not in disputed)


def _two_records(image: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> Fault:
    message = (
        f"the image {image} is the one of {place_of(there)}, too, and each record says that what only the "
        "other has is not there; put all its boxes into one"
    )
    record = f"image {here['image_id']}" if "image_id" in here else ""
    return RecordError(FaultKind.DUPLICATE_IMAGE, message).at(str(here["file"]), record=record)


def boxes_to_write(sample: Sample, *, crowds: bool = False) -> list[Target]:
    """What a detection format can hold of a sample: its objects, or else the boxes of questions by category.

    Args:
        sample: what to write.
        crowds: whether the format can say that a box is a crowd region; elsewhere they are left out, since
            they would become objects like others.

    Raises:
        DataError: it has neither, but other questions.
    """
    if sample.objects:
        return [target for target in sample.objects if crowds or not target.attributes.get("iscrowd")]
    asked = [question for question in sample.questions if question.task.takes_categories]
    if not asked and any(question.targets for question in sample.questions):  # of nothing, nothing is lost
        points = any(target.xyxy is None for question in sample.questions for target in question.targets)
        raise DataError(
            f"{place_of(sample.provenance)} has no objects and asks for no categories, so a detection format "
            f"cannot hold it; write {'labelme, which has points, or ' * points}jsonl"
        )
    boxes = {(target.label, target.xyxy): target for question in asked for target in question.targets}
    return [target for target in boxes.values() if target.xyxy is not None]


def named_by(task: Task) -> tuple[str, ...]:
    """What a question asks boxes of: categories or a phrase; nothing where it asks for text or points."""
    if task.takes_categories:
        return task.categories
    return () if task.kind is TaskKind.TEXT or task.expects_points else (task.phrase,)


def outline_to_write(target: Target) -> Polygon:
    """The outline, if its extent is the box; else none: the box is learnt, and would come back as another."""
    assert target.xyxy is not None
    if len(target.polygon) < 3:
        return ()
    off = max(abs(a - b) for a, b in zip(extent(target.polygon), target.xyxy, strict=True))
    return target.polygon if off < _OFF else ()


class Numbering:
    """Numbers of categories: those given first, others as they occur."""

    def __init__(self, names: Iterable[str] = (), start: int = 0):
        self.start = start
        self.numbers: dict[str, int] = {}
        for name in names:
            self.number(name)

    def number(self, name: str) -> int:
        return self.numbers.setdefault(name, self.start + len(self.numbers))


def polygon_area(polygon: Polygon) -> float:
    """Area inside corners in order, square pixels."""
    after = (*polygon[1:], *polygon[:1])
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(polygon, after, strict=True))) / 2
