"""COCO instances (images, annotations, categories in one JSON file), and what LVIS adds to it.

By hand, not through `supervision`: that drops the lists of LVIS, holds a pixel mask of every object in memory
and traces outlines anew from them, rounds to float32, and writes a licence and today's date into the file.

Crowd regions (`iscrowd`) are kept among the objects, with that attribute; their category is not asked for in
that image, for its instances have no boxes of their own. Outlines of one part become polygons; of several
parts, or run lengths, they stay as they are in the attribute `segmentation`. Other fields are not kept;
`area` is computed anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from locany.data.converters.detection import (
    INCOMPLETE,
    Numbering,
    boxes_to_write,
    checked_box,
    detection_sample,
    named_by,
    one_per_image,
    one_record_each,
    polygon_area,
    repeated,
)
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.fields import (
    Polygon,
    as_object,
    field,
    malformed,
    numbers,
    optional,
    spelling,
    whole_numbers,
)
from locany.data.converters.files import read_json, write_json
from locany.data.converters.images import ROOT_HINT, check_size, image_ref, images_beside
from locany.data.sample import ImageRef, Sample, Target

_WHOLE = (
    *("id", "image_id", "category_id", "width", "height", "iscrowd"),
    *("neg_category_ids", "not_exhaustive_category_ids"),
)


@dataclass
class _Instances:
    """The three lists of a file, with what is needed to look things up."""

    images: list[Any]
    annotations: list[Any]
    names: dict[Any, str]  # of categories by id


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a file, one per image, in the order of its images.

    An image with a faulty annotation is left out as a whole: a category with a box missing would be learnt
    wrongly. So is one that two records are about.

    Args:
        path: the JSON file.
        root: the folder that file names are relative to; by default that of the file.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: the file or a record is wrong.
    """
    return read_instances(path, root, report, is_lvis=False)


def categories(path: Path) -> tuple[str, ...]:
    """The names of the categories, in the order of the file; what is wrong there, reading tells."""
    instances = _load(path, lambda fault: None)
    return tuple(instances.names.values()) if instances else ()


def write(samples: Iterable[Sample], path: Path, names: Sequence[str] = ()) -> None:
    """Write samples as COCO; boxes are exact but for the rounding of width = x1 - x0 in floating point.

    Raises:
        DataError: a sample has nothing that the format can hold.
    """
    write_instances(samples, path, names, is_lvis=False)


def read_instances(path: Path, root: Path | None, report: Report, *, is_lvis: bool) -> Iterator[Sample]:
    """`read`, with the lists that LVIS has for each image."""
    return one_record_each(_records(path, root, report, is_lvis=is_lvis), report)


def _records(path: Path, root: Path | None, report: Report, *, is_lvis: bool) -> Iterator[Sample]:
    instances = _load(path, report)
    if instances is None:
        return
    file, root = str(path), path.parent if root is None else root
    image_ids, twice = _image_ids(instances, file, report)
    of_image, spoiled = _by_image(instances, image_ids, file, report)
    for position, record in enumerate(instances.images):
        name = f"image {position + 1} of the list"
        try:
            image_fields = as_object(record, "an image")
            image_id = _id(image_fields, "id")
            name = f"image {image_id}"
            if image_id in twice:
                continue  # whose annotations these are, nobody knows
            for sample in _sample(instances, image_fields, of_image[image_id], file, root, report, is_lvis):
                if image_id not in spoiled:  # of such an image, too, all else that is wrong has been told now
                    yield sample
        except RecordError as fault:
            report(fault.at(file, record=name))


def _load(path: Path, report: Report) -> _Instances | None:
    names: dict[Any, str] = {}
    try:
        document = as_object(read_json(path), "the file")
        images, annotations = field(document, "images", list), field(document, "annotations", list)
        listed = field(document, "categories", list)
        images, annotations, listed = (
            [whole_numbers(record, _WHOLE) for record in records] for records in (images, annotations, listed)
        )
        headings = _headings(listed, annotations)
        for position, record in enumerate(listed, start=1):
            if position - 1 in headings:
                continue
            try:
                fields = as_object(record, "a category")
                category_id, name = _id(fields, "id"), spelling(field(fields, "name", str))
                if category_id in names or name in names.values():
                    message = f"the category {category_id} {name!r} has the id or name of an earlier one"
                    raise RecordError(FaultKind.DUPLICATE_ID, message)
                names[category_id] = name
            except RecordError as fault:
                report(fault.at(str(path), record=f"category {position} of the list"))
    except RecordError as fault:
        report(fault.at(str(path)))
        return None
    return _Instances(images, annotations, names)


def _headings(categories: Sequence[Any], annotations: Sequence[Any]) -> set[int]:
    """Places of categories that only stand above others: a common exporter puts one first that nothing has.

    Asked for as if it were a category, it would be absent from every image, those of its own kinds included.
    """
    fields = [c if isinstance(c, dict) else {} for c in categories]
    above = {c["supercategory"] for c in fields if isinstance(c.get("supercategory"), str)}
    used = [a.get("category_id") for a in annotations if isinstance(a, dict)]
    return {
        place
        for place, c in enumerate(fields)
        if isinstance(c.get("name"), str)
        and c["name"] in above
        and c.get("supercategory") in (None, "", "none")
        and c.get("id") not in used
    }


def _id(record: Mapping[str, Any], name: str) -> int | str:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise malformed(f"field {name!r} is a whole number or text, got {shorten(repr(value))}")
    return value


def _image_ids(instances: _Instances, file: str, report: Report) -> tuple[set[Any], set[Any]]:
    """All ids of images, and those that stand twice."""
    seen: set[Any] = set()
    twice: set[Any] = set()
    for record in instances.images:
        image_id = record.get("id") if isinstance(record, dict) else None
        if not isinstance(image_id, int | str):
            continue  # told when the image's turn comes
        if image_id in seen:
            fault = RecordError(FaultKind.DUPLICATE_ID, "this id stands twice")
            report(fault.at(file, record=f"image {image_id}"))
            twice.add(image_id)
        seen.add(image_id)
    return seen, twice


def _by_image(
    instances: _Instances, image_ids: set[Any], file: str, report: Report
) -> tuple[Mapping[Any, list[Mapping[str, Any]]], set[Any]]:
    """Annotations of each image, and the images with one that cannot be read at all."""
    found: defaultdict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    spoiled: set[Any] = set()
    seen: set[Any] = set()
    for position, record in enumerate(instances.annotations, start=1):
        name, image_id = f"annotation {position} of the list", None
        try:
            fields = as_object(record, "an annotation")
            image_id = _id(fields, "image_id")
            name = f"annotation {_id(fields, 'id')}"
            if image_id not in image_ids:
                raise malformed(f"there is no image {image_id}")
            if fields["id"] in seen:
                raise RecordError(FaultKind.DUPLICATE_ID, "this id stands twice")
            seen.add(fields["id"])
            found[image_id].append(fields)
        except RecordError as fault:
            spoiled.add(image_id)
            report(fault.at(file, record=name))
    return found, spoiled


def _sample(
    instances: _Instances,
    fields: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    file: str,
    root: Path,
    report: Report,
    is_lvis: bool,
) -> Iterator[Sample]:
    """The sample of an image, or none and a report for each fault."""
    record = f"image {fields['id']}"
    image = image_ref(root, _file_name(fields), ROOT_HINT)
    if "width" in fields and "height" in fields:
        check_size(image, field(fields, "width", int), field(fields, "height", int))
    objects: list[Target] = []
    faults = []
    for annotation in annotations:
        try:
            objects.append(_target(annotation, instances.names, image))
        except RecordError as fault:
            faults.append(fault.at(file, record=f"{record}, annotation {annotation['id']}"))
    faults += [again.at(file, record=record) for again in repeated(objects)]
    incomplete = [target.label for target in objects if target.attributes.get("iscrowd")]
    negatives: list[str] = []
    if is_lvis:
        try:
            negatives = _named(fields, "neg_category_ids", instances.names)
            incomplete += _named(fields, "not_exhaustive_category_ids", instances.names)
            _check_absent(objects, negatives)
        except RecordError as fault:
            faults.append(fault.at(file, record=record))
    for found in faults:
        report(found)
    if not faults:
        provenance = {"file": file, "image_id": fields["id"]}
        yield detection_sample(image, objects, provenance, negatives=negatives, incomplete=incomplete)


def _file_name(fields: Mapping[str, Any]) -> str:
    if "file_name" not in fields and "coco_url" in fields:  # LVIS names images by address: train2017/0001.jpg
        return "/".join(PurePosixPath(field(fields, "coco_url", str)).parts[-2:])
    return field(fields, "file_name", str)


def _check_absent(objects: Sequence[Target], negatives: Sequence[str]) -> None:
    if wrong := sorted({target.label for target in objects} & set(negatives)):
        raise RecordError(FaultKind.DISAGREEMENT, f"has boxes of {wrong[0]!r}, which it lists as absent")


def _named(fields: Mapping[str, Any], name: str, names: Mapping[Any, str]) -> list[str]:
    ids = optional(fields, name, list, [])
    if unknown := [i for i in ids if not isinstance(i, int | str) or i not in names]:
        raise RecordError(FaultKind.UNKNOWN_CATEGORY, f"{name} has {unknown[0]!r}, which is no category")
    return [names[i] for i in ids]


def _target(annotation: Mapping[str, Any], names: Mapping[Any, str], image: ImageRef) -> Target:
    category_id = _id(annotation, "category_id")
    if category_id not in names:
        raise RecordError(
            FaultKind.UNKNOWN_CATEGORY, f"category_id {category_id!r} is no category of the file"
        )
    x, y, width, height = numbers(annotation.get("bbox"), "bbox", 4)
    box = checked_box((x, y, x + width, y + height), image.size_wh)
    polygon, segmentation = _outline(annotation.get("segmentation"))
    attributes: dict[str, Any] = {} if segmentation is None else {"segmentation": segmentation}
    crowd = annotation.get("iscrowd")
    if crowd is True or (crowd is not False and optional(annotation, "iscrowd", int, 0)):
        attributes["iscrowd"] = 1
    return Target(names[category_id], box, polygon=polygon, attributes=attributes)


def _outline(value: Any) -> tuple[Polygon, Any]:
    """A polygon of one part, or what else describes the outline."""
    if not value:
        return (), None
    if isinstance(value, dict):  # run lengths
        if not {"counts", "size"} <= value.keys():
            raise malformed("segmentation is an object without 'counts' and 'size'")
        return (), value
    if not isinstance(value, list):
        raise malformed(f"segmentation is a list of polygons or run lengths, got {shorten(repr(value))}")
    value = [part for part in value if part != []]  # an outline that nobody drew; the box is there
    if not value:
        return (), None
    parts = [numbers(part, "a polygon of segmentation") for part in value]
    if wrong := [part for part in parts if len(part) % 2 or len(part) < 6]:
        raise malformed(
            f"a polygon of segmentation has pairs of numbers, at least three, got {shorten(repr(wrong[0]))}"
        )
    if len(parts) > 1:
        return (), value
    return tuple(zip(parts[0][::2], parts[0][1::2], strict=True)), None


def write_instances(samples: Iterable[Sample], path: Path, names: Sequence[str], *, is_lvis: bool) -> None:
    """`write`, with the lists that LVIS has for each image."""
    numbering = Numbering(names, start=1)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with images_beside(path) as placer:
        for image_id, sample in enumerate(one_per_image(samples), start=1):
            targets = boxes_to_write(sample, crowds=True)
            width, height = sample.size_wh
            image = {"id": image_id, "file_name": placer.place(sample), "width": width, "height": height}
            if is_lvis:
                present = {target.label for target in targets}
                asked = dict.fromkeys(
                    name
                    for question in sample.questions
                    for name in named_by(question.task)
                    if question.task.takes_categories or name in numbering.numbers
                )
                partly = sample.provenance.get(INCOMPLETE, [])
                image["neg_category_ids"] = [numbering.number(name) for name in asked if name not in present]
                image["not_exhaustive_category_ids"] = [numbering.number(name) for name in partly]
            images.append(image)
            for target in targets:
                common = {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": numbering.number(target.label),
                }
                annotations.append({**common, **_annotation(target)})
    listed = [{"id": number, "name": name} for name, number in numbering.numbers.items()]
    write_json(path, {"images": images, "annotations": annotations, "categories": listed})


def _annotation(target: Target) -> dict[str, Any]:
    assert target.xyxy is not None
    x0, y0, x1, y1 = target.xyxy
    segmentation = target.attributes.get("segmentation", [])
    area = (x1 - x0) * (y1 - y0)
    if target.polygon:
        segmentation = [[v for corner in target.polygon for v in corner]]
    if isinstance(segmentation, list) and segmentation:
        area = sum(polygon_area(tuple(zip(part[::2], part[1::2], strict=True))) for part in segmentation)
    return {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": area,
        "iscrowd": target.attributes.get("iscrowd", 0),
        "segmentation": segmentation,
    }
