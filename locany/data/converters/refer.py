"""Referring expressions with boxes, a JSON list as RefCOCO has it.

A record has

- `file_name` (or `image`, `img_path`): the image, relative to the root;
- `expression`, a text, or `sentences`, a list of texts or of objects with `sent`: each one is a question;
- `bbox`: [x, y, width, height] of the one thing meant, or null for none: a question for a single instance;
- or `bboxes`: a list of such boxes, also an empty one: a question for all matches, as in gRefCOCO;
- or `ann_id`, a number or a list of numbers (-1: nothing is meant), looked up in `instances.json` beside the
  file.

The list may stand under the key `refs`. Other fields are passed over. The published refs are pickles, which
can run any code and are not read here: load the ones you trust yourself and store the list with `json.dump`,
beside the `instances.json` that comes with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from locany.data.converters.faults import RecordError, Report, refuse, shorten
from locany.data.converters.fields import as_object, field, malformed, spelling
from locany.data.converters.files import read_json, write_json
from locany.data.converters.images import images_beside
from locany.data.converters.phrases import Record, box_field, samples_by_image
from locany.data.sample import ImageRef, Question, Sample, Target, place_of
from locany.errors import DataError
from locany.tasks import Task, TaskKind

_IMAGE_FIELDS = ("file_name", "image", "img_path")
_INSTANCES = "instances.json"


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a file, one for each image.

    Args:
        path: the JSON file.
        root: the folder that image paths are relative to; by default that of the file.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: the file or a record is wrong.
    """
    try:
        document = read_json(path)
        records = document.get("refs") if isinstance(document, dict) else document
        if not isinstance(records, list):
            raise malformed("expected a list of records, or one under 'refs'")
        by_id = _instances(path.parent / _INSTANCES) if any(_needs_instances(r) for r in records) else {}
    except RecordError as fault:
        report(fault.at(str(path)))
        return
    folder = path.parent if root is None else root
    find = _finder(by_id)
    yield from samples_by_image(
        path, folder, records, report, _image_name, lambda r, image: _questions(r, image, find)
    )


def write(samples: Iterable[Sample], path: Path) -> None:
    """Write the questions for one instance and for all matches of a phrase, one record each.

    Raises:
        DataError: a sample has other questions, or targets without a box.
    """
    records: list[dict[str, Any]] = []
    with images_beside(path) as placer:
        for sample in samples:
            name = placer.place(sample)
            for question in sample.questions:
                if question.task.kind not in (TaskKind.REFER, TaskKind.GROUND):
                    raise DataError(
                        f"{place_of(sample.provenance)} has a question of kind {question.task.kind.value}, "
                        "but this format holds phrases with boxes; write jsonl"
                    )
                sentences = [{"sent": question.task.phrase}]
                records.append({"file_name": name, **_boxes_to_json(question), "sentences": sentences})
    write_json(path, records)


def _needs_instances(record: Any) -> bool:
    return isinstance(record, dict) and "ann_id" in record and not {"bbox", "bboxes"} & record.keys()


def _instances(path: Path) -> dict[Any, Any]:
    """Boxes by the id of their annotation."""
    try:
        annotations = field(as_object(read_json(path), "the file"), "annotations", list)
    except RecordError as fault:
        raise RecordError(fault.kind, f"{path.name}, which its 'ann_id' refer to: {fault.message}") from None
    records = [as_object(annotation, "an annotation") for annotation in annotations]
    return {record.get("id"): record.get("bbox") for record in records}


def _finder(by_id: dict[Any, Any]) -> Callable[[Any], Any]:
    def find(ann_id: Any) -> Any:
        if isinstance(ann_id, bool) or not isinstance(ann_id, int) or ann_id not in by_id:
            raise malformed(f"ann_id {shorten(repr(ann_id))} is no annotation of {_INSTANCES}")
        return by_id[ann_id]

    return find


def _image_name(record: Record) -> str:
    for name in _IMAGE_FIELDS:
        if name in record:
            return field(record, name, str)
    raise malformed(f"has no image: none of {', '.join(_IMAGE_FIELDS)}")


def _questions(record: Record, image: ImageRef, find: Callable[[Any], Any]) -> list[Question]:
    is_single, values = _box_values(record, find)
    boxes = [box_field(value, "bbox", image, is_xyxy=False) for value in values]
    make = Task.refer if is_single else Task.ground
    phrases = dict.fromkeys(spelling(text, "the expression") for text in _expressions(record))
    return [
        Question(make(phrase), tuple(Target(phrase, box) for box in dict.fromkeys(boxes)))
        for phrase in phrases
    ]


def _box_values(record: Record, find: Callable[[Any], Any]) -> tuple[bool, list[Any]]:
    """Whether a single thing is meant, and the values of its boxes."""
    if "bbox" in record:
        return True, [] if record["bbox"] is None else [record["bbox"]]
    if "bboxes" in record:
        return False, field(record, "bboxes", list)
    if "ann_id" not in record:
        raise malformed("has no box: none of bbox, bboxes, ann_id")
    ids = record["ann_id"]
    is_single = not isinstance(ids, list)
    return is_single, [find(ann_id) for ann_id in ([ids] if is_single else ids) if ann_id != -1]


def _expressions(record: Record) -> list[str]:
    if "expression" in record:
        return [field(record, "expression", str)]
    texts = [
        field(as_object(item, "a sentence"), "sent", str) if not isinstance(item, str) else item
        for item in field(record, "sentences", list)
    ]
    if not texts:
        raise malformed("'sentences' is empty")
    return texts


def _boxes_to_json(question: Question) -> dict[str, Any]:
    boxes = [_xywh(target) for target in question.targets]
    if question.task.kind is TaskKind.REFER:
        if len(boxes) > 1:
            raise DataError(f"{question.task.phrase!r} asks for a single instance and has {len(boxes)} boxes")
        return {"bbox": boxes[0] if boxes else None}
    return {"bboxes": boxes}


def _xywh(target: Target) -> list[float]:
    if target.xyxy is None:
        raise DataError(f"target {target.label!r} has no box, and this format holds nothing else")
    x0, y0, x1, y1 = target.xyxy
    return [x0, y0, x1 - x0, y1 - y0]
