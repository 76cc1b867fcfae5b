"""LabelMe: one JSON file of shapes per image.

By hand, not through `supervision`: that skips circles and points with a warning, turns polygons into pixel
masks, and reads a whole data set at once.

Rectangles, polygons, circles and the frames of masks become boxes; shapes of one label and group are one
object. Points become a pointing question for each label. Lines have no place in a sample.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from locany.data.converters.detection import (
    boxes_to_write,
    checked_box,
    detection_sample,
    one_per_image,
    one_record_each,
    outline_to_write,
    repeated,
)
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse
from locany.data.converters.fields import (
    Box,
    Polygon,
    as_object,
    corners,
    extent,
    field,
    malformed,
    optional,
    spelling,
    whole_numbers,
)
from locany.data.converters.files import read_json, whole_folder, write_json
from locany.data.converters.images import ROOT_HINT, ImagePlacer, check_size, image_ref
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.tasks import Task, TaskKind

_LEAST_POINTS = {"rectangle": 2, "polygon": 3, "circle": 2, "mask": 2, "point": 1}


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a folder, by name of the JSON files.

    An image with a faulty shape, or with two files about it, is left out as a whole.

    Args:
        path: the folder, or one JSON file.
        root: the folder that image paths are relative to; by default that of the JSON files.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: a file is wrong.
    """
    return one_record_each(_records(path, root, report), report)


def _records(path: Path, root: Path | None, report: Report) -> Iterator[Sample]:
    for file, document in _documents(path, report):
        try:
            record = as_object(whole_numbers(document, ("imageWidth", "imageHeight")), "the file")
            shapes = field(record, "shapes", list)
            image = _image(record, file.parent if root is None else root)
        except RecordError as fault:
            report(fault.at(str(file)))
            continue
        objects: dict[Any, Target] = {}
        points: list[Target] = []
        faults = []
        for number, shape in enumerate(shapes, start=1):
            try:
                target, group = _target(as_object(shape, "a shape"), image)
                if target.point is not None:
                    points.append(target)
                    continue
                key = number if group is None else (target.label, group)
                objects[key] = _together(objects[key], target) if key in objects else target
            except RecordError as fault:
                faults.append(fault.at(str(file), record=f"shape {number}"))
        found = list(objects.values())
        faults += [fault.at(str(file)) for fault in repeated(found)]
        for fault_found in faults:
            report(fault_found)
        if not faults:
            yield _with_points(detection_sample(image, found, {"file": str(file)}), points)


def categories(path: Path) -> tuple[str, ...]:
    """All labels that occur, sorted: the format has no list. Files that cannot be read are passed over."""
    names: set[str] = set()
    for file in _files(path, lambda fault: None):
        with suppress(RecordError):  # reading the samples tells
            shapes = field(as_object(read_json(file), "the file"), "shapes", list)
            names |= {spelling(field(as_object(shape, "a shape"), "label", str)) for shape in shapes}
    return tuple(sorted(names))


def write(samples: Iterable[Sample], path: Path, names: Sequence[str] = ()) -> None:
    """Write samples into a new folder, one JSON file each; images are named relative to it.

    An object with an outline becomes a polygon if the outline's extent is its box, else a rectangle. Points
    of pointing questions become points. Crowd regions are not kept.

    Raises:
        DataError: the folder is not empty, or a sample has nothing that the format can hold.
    """
    taken: set[str] = set()
    with whole_folder(path) as folder:
        placer = ImagePlacer(folder, folder)
        for sample in one_per_image(samples):
            name = placer.place(sample)
            stem, number = Path(name).stem, 1
            while stem in taken:
                number += 1
                stem = f"{Path(name).stem}_{number}"
            taken.add(stem)
            write_json(folder / f"{stem}.json", _document(sample, name), indent=2)


def _document(sample: Sample, image_name: str) -> dict[str, Any]:
    """The file of a sample."""
    points = [
        target
        for question in sample.questions
        for target in question.targets
        if question.task.kind is TaskKind.POINT and target.point is not None
    ]
    only_points = not sample.objects and all(q.task.kind is TaskKind.POINT for q in sample.questions)
    targets = [] if only_points else boxes_to_write(sample)
    shapes = [shape for number, target in enumerate(targets) for shape in _shapes(target, number)]
    shapes += [_shape(target.label, "point", [target.point]) for target in points]
    width, height = sample.size_wh
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": image_name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _files(path: Path, report: Report) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(file for file in path.glob("*.json") if not file.name.startswith("."))  # macOS: "._a.json"
    if not files:
        report(RecordError(FaultKind.UNREADABLE, "there is no JSON file").at(str(path)))
    return files


def _documents(path: Path, report: Report) -> Iterator[tuple[Path, Any]]:
    """Every file with what is in it; other JSON files of a folder are passed over."""
    files = _files(path, report)
    num_others = 0
    for file in files:
        try:
            document = read_json(file)
        except RecordError as fault:
            report(fault.at(str(file)))
            continue
        is_other = not isinstance(document, dict) or not {"shapes", "imagePath"} & document.keys()
        if is_other and path.is_dir():
            num_others += 1
        else:
            yield file, document
    if files and num_others == len(files):
        message = f"none of the {num_others} JSON files has 'shapes', as LabelMe writes them"
        report(malformed(message).at(str(path)))


def _image(record: Mapping[str, Any], root: Path) -> ImageRef:
    name = optional(record, "imagePath", str, "").replace("\\", "/")  # written on Windows
    data = optional(record, "imageData", str, "")
    if data and not (name and (root / name).is_file()):
        image = _embedded(data)
    elif name:
        image = image_ref(root, name, ROOT_HINT)
    else:
        raise malformed("has neither 'imagePath' nor 'imageData'")
    if record.get("imageWidth") is not None and record.get("imageHeight") is not None:
        check_size(image, field(record, "imageWidth", int), field(record, "imageHeight", int))
    return image


def _embedded(data: str) -> ImageRef:
    try:
        encoded = base64.b64decode(data, validate=True)
        with Image.open(io.BytesIO(encoded)) as image:
            return ImageRef(encoded, image.size)
    except (binascii.Error, OSError, ValueError) as error:
        raise RecordError(FaultKind.UNREADABLE_IMAGE, f"'imageData' is no image in base64: {error}") from None


def _target(shape: Mapping[str, Any], image: ImageRef) -> tuple[Target, int | None]:
    """The target of a shape and its group."""
    label = spelling(field(shape, "label", str), "the label")
    kind = optional(shape, "shape_type", str, "polygon")
    points = corners(field(shape, "points", list), "points")
    if kind not in _LEAST_POINTS:
        known = ", ".join(_LEAST_POINTS)
        raise RecordError(
            FaultKind.UNSUPPORTED, f"{label!r} is a {kind}, which has no box; known shapes: {known}"
        )
    if len(points) < _LEAST_POINTS[kind]:
        raise malformed(
            f"the {kind} {label!r} has {len(points)} points, at least {_LEAST_POINTS[kind]} are needed"
        )
    group = whole_numbers(shape, ("group_id",)).get("group_id")
    if group is not None and (isinstance(group, bool) or not isinstance(group, int)):
        raise malformed(f"group_id is a whole number, got {group!r}")
    if kind == "point":
        x, y = points[0]
        checked_box((x - 0.5, y - 0.5, x + 0.5, y + 0.5), image.size_wh)
        return Target(label, point=(x, y)), group
    if kind == "circle":
        (x, y), edge = points[0], points[1]
        radius = math.dist((x, y), edge)
        box: Box = (x - radius, y - radius, x + radius, y + radius)
    else:
        box = extent(points)
    outline: Polygon = points if kind == "polygon" else ()
    return Target(label, checked_box(box, image.size_wh), polygon=outline), group


def _together(first: Target, second: Target) -> Target:
    """One object of two shapes; its outlines are parts in an attribute."""
    assert first.xyxy is not None
    assert second.xyxy is not None
    box = extent((first.xyxy[:2], first.xyxy[2:], second.xyxy[:2], second.xyxy[2:]))
    parts = [*first.attributes.get("parts", [_part(first)]), _part(second)]
    return Target(first.label, box, attributes={"parts": parts})


def _part(target: Target) -> list[list[float]]:
    """The outline of a shape, or two opposite corners of its box."""
    assert target.xyxy is not None
    return [list(corner) for corner in target.polygon or (target.xyxy[:2], target.xyxy[2:])]


def _with_points(sample: Sample, points: Sequence[Target]) -> Sample:
    labels = dict.fromkeys(target.label for target in points)
    questions = tuple(
        Question(Task.point(label), tuple(target for target in points if target.label == label))
        for label in labels
    )
    return Sample(sample.image, (*sample.questions, *questions), sample.objects, sample.provenance)


def _shapes(target: Target, group: int) -> Iterator[dict[str, Any]]:
    """The shapes of an object; `group` holds several together."""
    assert target.xyxy is not None
    parts = target.attributes.get("parts", ())
    for part in parts:
        yield _shape(target.label, "rectangle" if len(part) == 2 else "polygon", part, group)
    if parts:
        return
    if outline := outline_to_write(target):
        yield _shape(target.label, "polygon", outline)
    else:
        yield _shape(target.label, "rectangle", (target.xyxy[:2], target.xyxy[2:]))


def _shape(label: str, kind: str, points: Iterable[Any], group: int | None = None) -> dict[str, Any]:
    pairs = [list(point) for point in points]
    return {"label": label, "points": pairs, "group_id": group, "shape_type": kind, "flags": {}}
