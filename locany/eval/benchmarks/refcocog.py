"""RefCOCOg, the split of UMD: expressions for one thing, val and test, boxes and points.

    refs.json and instances.json with train2014/

The published refs are a pickle, which can run any code and is not read: load the one you trust yourself and
store the list with `json.dump` as refs.json. A ref has `ann_id`, `image_id`, `split` and `sentences`, each
with `sent`; its own `file_name` ends in the number of the annotation and names no image, so the image is
looked up in instances.json. Refs with `file_name` and `bbox` (x, y, width, height), which
`data.converters.refer` reads, are read, too. Verified: fields from public notes about the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from locany.data.converters.faults import RecordError, refuse
from locany.data.converters.fields import as_object, field, malformed, numbers, spelling
from locany.data.converters.files import read_json
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.phrases import AskPhrase, from_bundle
from locany.eval.benchmarks.rows import ask_one, ask_points, first_of, image_file, missing, phrase_id, unique
from locany.eval.example import Box, Example, Truth

REFS = ("refs.json", "refs(umd).json", "refcocog/refs.json", "refcocog/refs(umd).json")
IMAGES = ("train2014", "images/mscoco/images/train2014", "images/train2014", "images", "")
BOXES_FOR_MASKS = "points are held against boxes; the published numbers are about the masks of the bundle"
GET = (
    f"{bundle.GET}; or get refcocog.zip from the pages of the Referring Expression Datasets API "
    "(github.com/lichengunc/refer) and the images train2014 of COCO, store the list of refs(umd).p as "
    "refs.json (json.dump), and give the folder that refs.json, instances.json and train2014/ lie in"
)


def load(folder: Path, *, split: str, kind: str, ask: AskPhrase) -> Contents:
    """The rows of the bundle, or else the original files."""
    name = f"RefCOCOg_{split}"
    if contents := from_bundle(folder, kind, name, ask):
        return contents
    path = first_of(folder, *REFS)
    if path is None:
        raise missing(folder, bundle.wanted(kind, name), *REFS)
    examples, remarks = unique(_original(path, folder, split, ask))
    if kind == "point_eval":
        remarks.append(BOXES_FOR_MASKS)
    return Contents(tuple(examples), tuple(remarks), path)


def _original(path: Path, folder: Path, split: str, ask: AskPhrase) -> Iterator[Example]:
    where = ""
    try:
        document = read_json(path)
        records = document.get("refs") if isinstance(document, dict) else document
        if not isinstance(records, list):
            raise malformed("expected a list of refs, or one under 'refs'")
        names, boxes = _instances(path.parent / "instances.json")
        for number, record in enumerate(records, start=1):
            where = f"ref {number} of the list"
            fields = as_object(record, "a ref")
            if field(fields, "split", str) == split:
                name = names.get(fields.get("image_id")) or field(fields, "file_name", str)
                inner = next((f for f in IMAGES if (folder / f / name).is_file()), IMAGES[0])
                image = image_file(folder / inner, name)
                box = _box(fields, boxes)
                for phrase in _phrases(fields):
                    truth = Truth({phrase: (box,)})
                    yield Example(phrase_id(name, phrase), image, name, ask(phrase), truth)
    except RecordError as fault:
        refuse(fault.at(str(path), record=where))


def _instances(path: Path) -> tuple[dict[Any, str], dict[Any, Any]]:
    """Names of images and boxes of annotations by id; nothing where the file is not there."""
    if not path.is_file():
        return {}, {}
    try:
        document = as_object(read_json(path), "the file")
        images = [as_object(image, "an image") for image in field(document, "images", list)]
        found = [as_object(a, "an annotation") for a in field(document, "annotations", list)]
        return {i.get("id"): field(i, "file_name", str) for i in images}, {a.get("id"): a for a in found}
    except RecordError as fault:
        raise RecordError(fault.kind, f"{path.name}: {fault.message}") from None


def _box(fields: Mapping[str, Any], boxes: Mapping[Any, Any]) -> Box:
    source, known = fields, "bbox" in fields
    if not known:
        if fields.get("ann_id") not in boxes:
            raise malformed(f"ann_id {fields.get('ann_id')!r} is no annotation of instances.json")
        source = boxes[fields["ann_id"]]
    x, y, width, height = numbers(source.get("bbox"), "bbox", 4)
    return (x, y, x + width, y + height)


def _phrases(fields: Mapping[str, Any]) -> list[str]:
    if "expression" in fields:
        return [spelling(field(fields, "expression", str), "the expression")]
    texts = [
        item if isinstance(item, str) else field(as_object(item, "a sentence"), "sent", str)
        for item in field(fields, "sentences", list)
    ]
    return list(dict.fromkeys(spelling(text, "the expression") for text in texts))


def _benchmark(split: str, kind: str, num_rows: int) -> Benchmark:
    is_point = kind == "point_eval"
    return Benchmark(
        f"refcocog-{split}{'-point' * is_point}",
        f"RefCOCOg {split}{' pointing' * is_point}",
        "points_referring" if is_point else "referring",
        GET,
        partial(load, split=split, kind=kind, ask=ask_points if is_point else ask_one),
        num_rows=num_rows,
    )


BENCHMARKS = (
    _benchmark("val", "box_eval", 4889),
    _benchmark("test", "box_eval", 9577),
    _benchmark("val", "point_eval", 4875),
    _benchmark("test", "point_eval", 9559),
)
