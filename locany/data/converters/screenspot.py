"""Instructions on screenshots with boxes, a JSON list as ScreenSpot has it.

A record has an image, an `instruction` and a box of what to act on, in one of three forms:

- ScreenSpot and V2: `img_filename`, `bbox` as [x, y, width, height];
- Pro, known by its `img_size`: `img_filename`, `bbox` as [x0, y0, x1, y1];
- `file_name`, `answer` as [x0, y0, x1, y1] (spec `evaluation` 2).

`data_type`, `data_source`, `ui_type`, `group`, `application` and `platform` become attributes of the target,
other fields are passed over. Each record is a question for the region (`gui`); its centre is where to click.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from locany.data.converters.faults import RecordError, Report, refuse
from locany.data.converters.fields import as_object, field, malformed, numbers, spelling
from locany.data.converters.files import read_json, write_json
from locany.data.converters.images import check_size, images_beside
from locany.data.converters.phrases import Record, box_field, samples_by_image
from locany.data.sample import ImageRef, Question, Sample, Target, place_of
from locany.errors import DataError
from locany.tasks import Task, TaskKind

_ATTRIBUTES = ("data_type", "data_source", "ui_type", "group", "application", "platform")


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a file, one for each screenshot.

    Args:
        path: the JSON file.
        root: the folder that file names are relative to; by default that of the file.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: the file or a record is wrong.
    """
    try:
        records = read_json(path)
        if not isinstance(records, list):
            raise malformed("expected a list of records")
    except RecordError as fault:
        report(fault.at(str(path)))
        return
    yield from samples_by_image(
        path, path.parent if root is None else root, records, report, _image_name, _questions
    )


def write(samples: Iterable[Sample], path: Path) -> None:
    """Write the questions about controls as ScreenSpot V2, one record each.

    Raises:
        DataError: a sample has other questions, or one whose answer is not exactly one box.
    """
    records: list[dict[str, Any]] = []
    with images_beside(path) as placer:
        for sample in samples:
            name = placer.place(sample)
            for question in sample.questions:
                boxes = [target.xyxy for target in question.targets]
                box = boxes[0] if len(boxes) == 1 else None
                if question.task.kind not in (TaskKind.GUI, TaskKind.GUI_POINT) or box is None:
                    raise DataError(
                        f"{place_of(sample.provenance)} has a {question.task.kind.value} question with "
                        f"{len(boxes)} targets, but this format holds instructions (questions of kind gui) "
                        "with one box each; write jsonl"
                    )
                x0, y0, x1, y1 = box
                known = question.targets[0].attributes
                more = {key: known[key] for key in _ATTRIBUTES if key in known}
                located = {"img_filename": name, "bbox": [x0, y0, x1 - x0, y1 - y0]}
                records.append({**located, "instruction": question.task.phrase, **more})
    write_json(path, records)


def _image_name(record: Record) -> str:
    return field(record, "img_filename" if "img_filename" in record else "file_name", str)


def _questions(record: Record, image: ImageRef) -> list[Question]:
    record = as_object(record, "a record")
    phrase = spelling(field(record, "instruction", str), "the instruction")
    is_pro = "img_size" in record
    if is_pro:
        width, height = numbers(record["img_size"], "img_size", 2)
        check_size(image, width, height)
    if "bbox" in record:
        box = box_field(record["bbox"], "bbox", image, is_xyxy=is_pro)
    elif "answer" in record:
        box = box_field(record["answer"], "answer", image, is_xyxy=True)
    else:
        raise malformed("has no box: neither bbox nor answer")
    attributes = {key: field(record, key, str) for key in _ATTRIBUTES if record.get(key) is not None}
    return [Question(Task.gui(phrase), (Target(phrase, box, attributes=attributes),))]
