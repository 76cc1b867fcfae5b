"""HierText validation: paragraphs, lines and words of text-rich photographs.

    gt/validation.jsonl (or validation.jsonl.gz) with validation/<image_id>.jpg

Despite its suffix the file is one JSON object with `annotations`, a list of images with `paragraphs`, their
`lines` and the `words` of these; each has `vertices`, `text` and `legible`. What is not legible is left out.
Verified: form and names of files from the data set's own guide; the published 1,723 rows fit `validation`
(1,724 images). Not verified: whether those rows are words or lines (option `level`).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from locany.data.converters.faults import FaultKind, RecordError, refuse
from locany.data.converters.fields import as_object, corners, field, malformed, optional
from locany.data.converters.files import parse_json, read_json
from locany.errors import DataError
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.rows import first_of, image_file, missing
from locany.eval.benchmarks.text import Written, from_bundle, from_images, text_example
from locany.eval.example import Example

LEVELS = ("word", "line")
FILES = tuple(f"{folder}validation.jsonl{suffix}" for folder in ("gt/", "") for suffix in ("", ".gz"))
IMAGES = ("validation", "images/validation", "images")
GET = (
    f"{bundle.GET}; or get gt/validation.jsonl.gz and the images of validation from the pages of HierText "
    "(github.com/google-research-datasets/hiertext) and give the folder that gt/ and validation/ lie in"
)


def load(folder: Path, *, level: str) -> Contents:
    """The rows of the bundle, or else the original file."""
    if level not in LEVELS:
        raise DataError(f"level is one of {', '.join(LEVELS)}, got {level!r}")
    if contents := from_bundle(folder, "HierText"):
        return contents
    file, images = first_of(folder, *FILES), first_of(folder, *IMAGES)
    if file is None:
        raise missing(folder, bundle.wanted("box_eval", "HierText"), *FILES)
    if images is None:
        raise missing(folder, *(f"{image}/" for image in IMAGES))
    return from_images(_examples(file, images, level), file)


def _examples(file: Path, images: Path, level: str) -> Iterator[Example | None]:
    where = ""
    try:
        document = as_object(_read(file), "the file")
        for number, record in enumerate(field(document, "annotations", list), start=1):
            where = f"annotation {number} of the list"
            fields = as_object(record, "an annotation")
            name = f"{field(fields, 'image_id', str)}.jpg"
            where = f"image {name}"
            image = image_file(images, name)
            yield text_example(image, name, list(_written(fields, level)))
    except RecordError as fault:
        refuse(fault.at(str(file), record=where))


def _read(file: Path) -> Any:
    if file.suffix != ".gz":
        return read_json(file)
    try:
        return parse_json(gzip.decompress(file.read_bytes()))
    except (OSError, EOFError) as error:
        raise RecordError(FaultKind.UNREADABLE, f"cannot be unpacked: {error}") from None


def _written(image: Mapping[str, Any], level: str) -> Iterator[Written]:
    for paragraph in field(image, "paragraphs", list):
        for line in field(as_object(paragraph, "a paragraph"), "lines", list):
            for item in [line] if level == "line" else field(as_object(line, "a line"), "words", list):
                fields = as_object(item, f"a {level}")
                outline = corners(fields.get("vertices"), "'vertices'")
                if len(outline) < 3:
                    raise malformed(f"'vertices' of a {level} are at least three corners, got {len(outline)}")
                text = optional(fields, "text", str, "")
                flat = tuple(v for corner in outline for v in corner)
                yield Written(text if optional(fields, "legible", bool, True) else "", flat)


BENCHMARKS = (Benchmark("hiertext", "HierText", "text", GET, load, {"level": "word"}, num_rows=1723),)
