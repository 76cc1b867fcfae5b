"""HumanRef: expressions for people, each for any number of them.

    annotations.jsonl with images/

A line has `image_name`, `referring` (the expression), `domain`, `sub_domain`, `answer_boxes` (both corners)
and `answer_segmentations` (run lengths). The sixth domain, rejection, asks for nobody; it is no part of the
published 5,000 rows and comes with the option `rejection`. Verified: fields, domains and folders from the
guide and the drawing script of the RexSeek repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from locany.data.converters.fields import as_object, field, spelling
from locany.data.converters.files import parse_json
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.phrases import AskPhrase, from_bundle
from locany.eval.benchmarks.rows import (
    ask_matches,
    ask_points,
    box_of,
    each_line,
    image_file,
    mask_of,
    missing,
    phrase_id,
    unique,
)
from locany.eval.example import Example, Truth

REJECTION = "rejection"
OPTIONS = {"rejection": False}
GET = (
    f"{bundle.GET}; or get the HumanRef benchmark (Hugging Face data set IDEA-Research/HumanRef), unpack its "
    "images, and give the folder that annotations.jsonl and images/ lie in"
)


def load(folder: Path, *, rejection: bool, kind: str, ask: AskPhrase) -> Contents:
    """The rows of the bundle, or else the original file."""
    if not rejection and (contents := from_bundle(folder, kind, "HumanRef", ask, _groups)):
        return contents
    path = folder / "annotations.jsonl"
    if not path.is_file():
        places = [path.name] if rejection else [bundle.wanted(kind, "HumanRef"), path.name]
        raise missing(folder, *places)
    examples, remarks = unique(_original(path, folder / "images", rejection, kind == "point_eval", ask))
    return Contents(tuple(examples), tuple(remarks), path)


def _groups(fields: Mapping[str, Any]) -> dict[str, str]:
    domain = fields.get("domain")
    return {"subset": domain} if isinstance(domain, str) and domain else {}


def _original(path: Path, images: Path, rejection: bool, masks: bool, ask: AskPhrase) -> Iterator[Example]:
    def read(line: bytes) -> Example | None:
        fields = as_object(parse_json(line), "a row")
        is_asked = rejection or fields.get("domain") != REJECTION
        return _example(fields, images, masks, ask) if is_asked else None

    return (example for example in each_line(path, read) if example is not None)


def _example(fields: Mapping[str, Any], images: Path, masks: bool, ask: AskPhrase) -> Example:
    name = field(fields, "image_name", str)
    image = image_file(images, name)
    phrase = spelling(field(fields, "referring", str), "the expression")
    boxes = tuple(box_of(box) for box in field(fields, "answer_boxes", list))
    if masks and boxes:
        regions = tuple(mask_of(mask) for mask in field(fields, "answer_segmentations", list))
        truth = Truth(masks={phrase: regions})
    else:
        truth = Truth({phrase: boxes})
    return Example(phrase_id(name, phrase), image, name, ask(phrase), truth, _groups(fields))


BENCHMARKS = (
    Benchmark(
        "humanref",
        "HumanRef",
        "referring",
        GET,
        partial(load, kind="box_eval", ask=ask_matches),
        OPTIONS,
        groups=("subset",),
        num_rows=5000,
    ),
    Benchmark(
        "humanref-point",
        "HumanRef pointing",
        "points_referring",
        GET,
        partial(load, kind="point_eval", ask=ask_points),
        OPTIONS,
        groups=("subset",),
        num_rows=4964,
    ),
)
