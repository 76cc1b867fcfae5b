"""ScreenSpot-V2 and ScreenSpot-Pro: instructions on screenshots with the box of what to act on.

    screenspot_desktop_v2.json, screenspot_mobile_v2.json, screenspot_web_v2.json with screenspotv2_image/
    annotations/*.json, one for each application, with images/

V2: `img_filename`, `bbox` (x, y, width, height), `instruction`, `data_type`, `data_source`. Pro:
`img_filename` with its folder, `bbox` (both corners), `instruction`, `ui_type`, `group`, and `img_size`, by
which it is known. `file_name` and `answer` (both corners) are read, too. Groups are source and type by the
published rules (spec `evaluation` 8). What the published LocateAnything gives are points; `boxes=True` asks
for the region instead, its centre then counts. Verified: names of files, folders and fields from public
readers of both sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from locany.data.converters.faults import RecordError, refuse
from locany.data.converters.fields import as_object, field, malformed, numbers, spelling
from locany.data.converters.files import read_json
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.rows import box_of, first_of, image_file, missing, phrase_id, unique
from locany.eval.example import Box, Example, Query, Truth
from locany.eval.metrics.gui import group_of
from locany.tasks import Task

OPTIONS = {"boxes": False}
V2_FILES = tuple(f"screenspot_{source}_v2.json" for source in ("desktop", "mobile", "web"))
V2_IMAGES = ("screenspotv2_image", "images", "")
GET_V2 = (
    f"{bundle.GET}; or get ScreenSpot-v2 (Hugging Face data set OS-Copilot/ScreenSpot-v2), unpack "
    "screenspotv2_image.zip, and give the folder that it and the three JSON files lie in"
)
GET_PRO = (
    f"{bundle.GET}; or get ScreenSpot-Pro (Hugging Face data set likaixin/ScreenSpot-Pro) and give the "
    "folder that annotations/ and images/ lie in"
)


def load_v2(folder: Path, *, boxes: bool) -> Contents:
    """The three files, or else the rows of the bundle: those have no groups."""
    files = [folder / name for name in V2_FILES if (folder / name).is_file()]
    if not files:
        return _bundle(folder, "ScreenSpot-V2", boxes, *V2_FILES)
    if len(files) < len(V2_FILES):
        raise missing(folder, *(name for name in V2_FILES if folder / name not in files))
    return _files(files, first_of(folder, *V2_IMAGES) or folder, boxes, folder)


def load_pro(folder: Path, *, boxes: bool) -> Contents:
    """The files of the applications, or else the rows of the bundle."""
    files = sorted((folder / "annotations").glob("*.json"))
    if not files:
        return _bundle(folder, "ScreenSpot-Pro", boxes, "annotations/*.json")
    images = folder / "images"
    return _files(files, images if images.is_dir() else folder, boxes, folder / "annotations")


def _bundle(folder: Path, name: str, boxes: bool, *others: str) -> Contents:
    path = bundle.find_file(folder, "gui_eval", name)
    if path is None:
        raise missing(folder, *others, bundle.wanted("gui_eval", name))
    examples, remarks = unique(
        _example(row.image, row.image_name, row.names[0], row.box, row.fields, boxes)
        for row in bundle.read_rows(path)
        if row.box is not None
    )
    return Contents(tuple(examples), tuple(remarks), path)


def _files(files: list[Path], images: Path, boxes: bool, source: Path) -> Contents:
    examples, remarks = unique(e for file in files for e in _records(file, images, boxes))
    return Contents(tuple(examples), tuple(remarks), source)


def _records(file: Path, images: Path, boxes: bool) -> Iterator[Example]:
    where = ""
    try:
        records = read_json(file)
        if not isinstance(records, list):
            raise malformed("expected a list of records")
        for number, record in enumerate(records, start=1):
            where = f"record {number}"
            fields = as_object(record, "a record")
            name = field(fields, "img_filename" if "img_filename" in fields else "file_name", str)
            phrase = spelling(field(fields, "instruction", str), "the instruction")
            yield _example(image_file(images, name), name, phrase, _box(fields), fields, boxes)
    except RecordError as fault:
        refuse(fault.at(str(file), record=where))


def _box(fields: Mapping[str, Any]) -> Box:
    if "bbox" not in fields:
        if "answer" not in fields:
            raise malformed("has no box: neither bbox nor answer")
        return box_of(fields["answer"], "answer")
    if "img_size" in fields:
        return box_of(fields["bbox"], "bbox")
    x, y, width, height = numbers(fields["bbox"], "bbox", 4)
    return (x, y, x + width, y + height)


def _example(
    image: Path, name: str, phrase: str, box: Box, fields: Mapping[str, Any], boxes: bool
) -> Example:
    query = Query(Task.gui(phrase, point=not boxes), phrase)
    groups = groups_of(PurePosixPath(name).name, fields)
    return Example(phrase_id(name, phrase), image, name, (query,), Truth({phrase: (box,)}), groups)


def groups_of(file_name: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Source and type of a row, see `metrics.gui.group_of`."""
    texts = {key: value for key, value in fields.items() if isinstance(value, str)}
    return group_of(file_name, texts.get("data_type", ""), {file_name: texts})


BENCHMARKS = (
    Benchmark(
        "screenspot-v2",
        "ScreenSpot-V2",
        "gui",
        GET_V2,
        load_v2,
        OPTIONS,
        groups=("source", "type"),
        num_rows=1272,
    ),
    Benchmark(
        "screenspot-pro",
        "ScreenSpot-Pro",
        "gui",
        GET_PRO,
        load_pro,
        OPTIONS,
        groups=("source", "type"),
        num_rows=1581,
    ),
)
