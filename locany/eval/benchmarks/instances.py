"""Images with named boxes from original annotation files, and files of COCO's form, read as they are.

Unlike `data.converters.coco`, which refuses what must not be trained on, this keeps boxes that stand there
twice, have no area or stick out: the published numbers were measured on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from locany.data.converters.faults import FaultKind, RecordError, refuse
from locany.data.converters.fields import as_object, field, malformed, numbers, optional, spelling
from locany.data.converters.files import read_json
from locany.eval.benchmarks.rows import gather
from locany.eval.example import Box, Truth

Spell = Callable[[str], str]


@dataclass(frozen=True)
class Annotated:
    """An image with what its annotation says.

    Attributes:
        name: path of the image as it stands there.
        boxes: (name, box) of single things.
        crowd: (name, box) of groups and ignored regions.
        absent: names known to be absent.
        partial: names of which there may be more.
    """

    name: str
    boxes: tuple[tuple[str, Box], ...] = ()
    crowd: tuple[tuple[str, Box], ...] = ()
    absent: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()

    def truth(self) -> Truth:
        """The truth about it."""
        return Truth(gather(self.boxes), crowd=gather(self.crowd), partial=frozenset(self.partial))


@dataclass(frozen=True)
class Annotations:
    """What an annotation file or folder says.

    Attributes:
        path: the file or folder.
        images: in its order.
        names: all categories.
        lists_absent: absent names are listed for each image; otherwise a name without a box is absent.
    """

    path: Path
    images: tuple[Annotated, ...]
    names: tuple[str, ...]
    lists_absent: bool = False


def as_it_is(name: str) -> str:
    """A name in the spelling of tasks."""
    return spelling(name)


def without_underscores(name: str) -> str:
    """A name of LVIS as words: aerosol_can is asked for as "aerosol can"."""
    return spelling(name.replace("_", " "))


def read_instances(path: Path, spell: Spell = as_it_is) -> Annotations:
    """A file of COCO's form, LVIS's lists for each image included.

    Args:
        path: the JSON file.
        spell: from a category's name to the name that is asked for.

    Raises:
        DataError: the file is damaged.
    """
    where = ""
    try:
        document = as_object(read_json(path), "the file")
        names: dict[Any, str] = {}
        for number, record in enumerate(field(document, "categories", list), start=1):
            where = f"category {number} of the list"
            fields = as_object(record, "a category")
            names[_id(fields, "id")] = spell(field(fields, "name", str))
        found: dict[Any, list[tuple[bool, str, Box]]] = {}
        where = ""
        images = field(document, "images", list)
        for number, record in enumerate(images, start=1):
            where = f"image {number} of the list"
            found[_id(as_object(record, "an image"), "id")] = []
        where = ""
        for number, record in enumerate(field(document, "annotations", list), start=1):
            where = f"annotation {number} of the list"
            fields = as_object(record, "an annotation")
            image_id = _id(fields, "image_id")
            if image_id not in found:
                raise malformed(f"there is no image {image_id}")
            found[image_id].append(_instance(fields, names))
        annotated = []
        for number, record in enumerate(images, start=1):
            where = f"image {number} of the list"
            annotated.append(_annotated(record, found[record["id"]], names))
    except RecordError as fault:
        refuse(fault.at(str(path), record=where))
    lists_absent = any(isinstance(i, dict) and "neg_category_ids" in i for i in images)
    return Annotations(path, tuple(annotated), tuple(dict.fromkeys(names.values())), lists_absent)


def _id(record: Mapping[str, Any], name: str) -> int | str:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise malformed(f"field {name!r} is a number or text, got {value!r}")
    return value


def _instance(fields: Mapping[str, Any], names: Mapping[Any, str]) -> tuple[bool, str, Box]:
    category = _id(fields, "category_id")
    if category not in names:
        raise RecordError(FaultKind.UNKNOWN_CATEGORY, f"category_id {category!r} is no category of the file")
    x, y, width, height = numbers(fields.get("bbox"), "bbox", 4)
    is_crowd = bool(optional(fields, "iscrowd", int, 0))
    return is_crowd, names[category], (x, y, x + width, y + height)


def _annotated(
    record: Mapping[str, Any], found: Iterable[tuple[bool, str, Box]], names: Mapping[Any, str]
) -> Annotated:
    if "file_name" not in record and "coco_url" in record:  # LVIS names images by address: val2017/0001.jpg
        name = "/".join(PurePosixPath(field(record, "coco_url", str)).parts[-2:])
    else:
        name = field(record, "file_name", str)
    found = tuple(found)
    return Annotated(
        name,
        tuple((label, box) for is_crowd, label, box in found if not is_crowd),
        tuple((label, box) for is_crowd, label, box in found if is_crowd),
        _named(record, "neg_category_ids", names),
        _named(record, "not_exhaustive_category_ids", names),
    )


def _named(record: Mapping[str, Any], name: str, names: Mapping[Any, str]) -> tuple[str, ...]:
    ids = optional(record, name, list, [])
    if unknown := [i for i in ids if not isinstance(i, int | str) or i not in names]:
        raise RecordError(FaultKind.UNKNOWN_CATEGORY, f"{name} has {unknown[0]!r}, which is no category")
    return tuple(names[i] for i in ids)
