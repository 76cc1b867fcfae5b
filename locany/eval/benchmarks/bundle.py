"""The bundle Rex-Omni-EvalData: one JSON object a line, for every benchmark and kind of evaluation.

    box_eval/COCO.jsonl    {"image_path": ..., "categories": [...], "gt": {name: [[x0, y0, x1, y1]]}}
    point_eval/COCO.jsonl  "gt": {"gt_mask": {name: [{"counts": ..., "size": [height, width]}]}}
    gui_eval/...jsonl      "gt": [x0, y0, x1, y1]

These lie in `_annotations`, in some places called `annotations` (spec `evaluation` 2 and 9; the guide of the
Rex-Omni repository). `image_path` is relative to the folder above, where the archives of images are unpacked.
Text has its transcription as name, and flat outlines of three corners and more in place of boxes where it is
about polygons. Names of the files of `gui_eval` are not known to us: they are compared by letters and digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locany.data.converters.faults import shorten
from locany.data.converters.fields import as_object, malformed, numbers, optional, spelling
from locany.data.converters.fields import field as item
from locany.data.converters.files import parse_json
from locany.eval.benchmarks.rows import box_of, each_line, image_file, mask_of, transcription
from locany.eval.example import Box, Truth

FOLDERS = ("_annotations", "annotations")
GET = (
    "Get the bundle Rex-Omni-EvalData (Hugging Face data set Mountchicken/Rex-Omni-EvalData), unpack its "
    "archives of images, and give the folder that _annotations lies in"
)


@dataclass(frozen=True)
class BundleRow:
    """A line of the bundle.

    Attributes:
        image: the file.
        image_name: its path as it stands there.
        names: categories, or the one expression, in the spelling of tasks.
        truth: where they are.
        box: of the control, in rows about screens.
        fields: the whole object.
    """

    image: Path
    image_name: str
    names: tuple[str, ...]
    truth: Truth
    box: Box | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def groups(self) -> dict[str, str]:
        """The row's task and data set, which decide how the published script compares names."""
        known = {name: self.fields.get(name) for name in ("task_name", "dataset_name")}
        return {name: value for name, value in known.items() if isinstance(value, str)}


def find_file(folder: Path, kind: str, name: str) -> Path | None:
    """The file of a benchmark, or None.

    Args:
        folder: of the bundle, or that of its annotations.
        kind: "box_eval", "point_eval" or "gui_eval".
        name: of the file without suffix.
    """
    for inner in (folder / part / kind for part in ("", *FOLDERS)):
        if (inner / f"{name}.jsonl").is_file():
            return inner / f"{name}.jsonl"
        wanted = _letters(name)
        found = [path for path in sorted(inner.glob("*.jsonl")) if _letters(path.stem) == wanted]
        if found:
            return found[0]
    return None


def read_rows(path: Path, *, is_text: bool = False) -> Iterator[BundleRow]:
    """The rows of a file of the bundle.

    Args:
        path: `<folder>/_annotations/<kind>/<name>.jsonl`; images are looked for in `<folder>`.
        is_text: names are transcriptions.

    Raises:
        DataError: a line is damaged or its image is missing.
    """
    kind = path.parent
    root = kind.parent.parent if kind.parent.name in FOLDERS else kind.parent
    return each_line(path, lambda line: _row(parse_json(line), root, is_text))


def wanted(kind: str, name: str) -> str:
    """The place of a file in the bundle, for messages."""
    return f"{FOLDERS[0]}/{kind}/{name}.jsonl"


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _row(value: Any, root: Path, is_text: bool) -> BundleRow:
    fields = as_object(value, "a row")
    name = item(fields, "image_path", str)
    image = image_file(root, name)
    listed = optional(fields, "categories", list, [])
    if not all(isinstance(text, str) for text in listed):
        raise malformed(f"'categories' is a list of texts, got {shorten(repr(listed))}")
    names = tuple(dict.fromkeys(spelling(text) for text in listed))
    if "gt" not in fields:
        raise malformed("has no field 'gt'")
    truth = fields["gt"]
    if isinstance(truth, list):
        if len(names) != 1:
            raise malformed("'gt' is one box, so 'categories' is one instruction")
        box = box_of(truth, "'gt'")
        return BundleRow(image, name, names, Truth({names[0]: (box,)}), box, fields)
    found = _truth(as_object(truth, "'gt'"), is_text)
    if not (names or found.boxes or found.masks or found.polygons):
        raise malformed("names nothing that could be asked for: 'categories' and 'gt' are empty")
    return BundleRow(image, name, names, found, None, fields)


def _truth(values: Mapping[str, Any], is_text: bool) -> Truth:
    boxes: dict[str, tuple[Any, ...]] = {}
    polygons: dict[str, tuple[Any, ...]] = {}
    if "gt_mask" in values:
        masks: dict[str, tuple[Any, ...]] = {}
        for raw, found in as_object(values["gt_mask"], "'gt_mask'").items():
            name = spelling(raw)
            masks[name] = masks.get(name, ()) + tuple(mask_of(mask) for mask in _list(found, raw))
        return Truth(masks=masks)
    for raw, found in values.items():
        name = transcription(raw) if is_text else spelling(raw)
        for place in (numbers(value, f"a place of {shorten(raw)!r}") for value in _list(found, raw)):
            if len(place) == 4:
                boxes[name] = (*boxes.get(name, ()), tuple(place))
            elif len(place) >= 6 and len(place) % 2 == 0:
                polygons[name] = (*polygons.get(name, ()), tuple(place))
            else:
                raise malformed(f"a place of {shorten(raw)!r} has 4 numbers, or 6 and more, got {place}")
        if not found:
            boxes.setdefault(name, ())
    return Truth(boxes, polygons=polygons)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise malformed(f"places of {shorten(name)!r} are a list, got {type(value).__name__}")
    return value
