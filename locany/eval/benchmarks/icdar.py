"""ICDAR 2015 (incidental scene text) and SROIE (receipts): a text file beside each image.

    ch4_test_images/img_1.jpg with Challenge4_Test_Task4_GT/gt_img_1.txt    words
    fulltext_test(361p)/X000.jpg with text/X000.txt                         lines

A line is eight numbers, x and y of four corners clockwise, and the transcription, which may have commas in
it; `###` is text that is left out. Files begin with a byte order mark in places, and a line of SROIE is no
UTF-8: such lines are read as Latin-1. Verified: form and names of files from MMOCR, which reads both sets.
The published rows are boxes around the corners.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from locany.data.converters.faults import RecordError, refuse, shorten
from locany.data.converters.fields import malformed
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.rows import each_line, first_of, image_file, missing
from locany.eval.benchmarks.text import Written, from_bundle, from_images, text_example
from locany.eval.example import Example

LEFT_OUT = "###"
IC15_TEXTS = (
    "Challenge4_Test_Task4_GT",
    "Challenge4_Test_Task1_GT",
    "ch4_test_localization_transcription_gt",
)
IC15_IMAGES = ("ch4_test_images", "images")
SROIE_TEXTS = ("text", "task1&2_test(361p)/text", "annotations")
SROIE_IMAGES = (
    "fulltext_test(361p)",
    "task1&2_test(361p)/fulltext_test(361p)",
    "task1&2_test(361p)",
    "images",
)
GET_IC15 = (
    f"{bundle.GET}; or get the test images and ground truth of task 4 of Incidental Scene Text from the "
    f"Robust Reading Competition (rrc.cvc.uab.es) and give the folder that {IC15_IMAGES[0]}/ and "
    f"{IC15_TEXTS[0]}/ lie in"
)
GET_SROIE = (
    f"{bundle.GET}; or get the test images and texts of task 1 of SROIE from the Robust Reading Competition "
    f"(rrc.cvc.uab.es) and give the folder that {SROIE_IMAGES[0]}/ and {SROIE_TEXTS[0]}/ lie in"
)


def load(
    folder: Path, *, name: str, texts: tuple[str, ...], images: tuple[str, ...], prefix: str
) -> Contents:
    """The rows of the bundle, or else the original files."""
    if contents := from_bundle(folder, name):
        return contents
    text_folder, image_folder = first_of(folder, *texts), first_of(folder, *images)
    if text_folder is None:
        raise missing(folder, bundle.wanted("box_eval", name), *(f"{text}/" for text in texts))
    if image_folder is None:
        raise missing(folder, *(f"{image}/" for image in images))
    files = sorted(text_folder.glob(f"{prefix}*.txt"))
    if not files:
        raise missing(text_folder, f"{prefix}*.txt")
    found = (_example(file, image_folder, prefix) for file in files)
    return from_images(found, text_folder)


def _example(file: Path, images: Path, prefix: str) -> Example | None:
    name = f"{file.stem.removeprefix(prefix)}.jpg"
    try:
        image = image_file(images, name)
    except RecordError as fault:
        refuse(fault.at(str(file)))
    return text_example(image, name, list(read_texts(file)))


def read_texts(file: Path) -> Iterator[Written]:
    """The lines of a file.

    Raises:
        DataError: a line is damaged.
    """
    return each_line(file, _written)


def _written(line: bytes) -> Written:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    parts = text.split(",", 8)
    try:
        corners = tuple(float(part) for part in parts[:8])
    except ValueError:
        corners = ()
    if len(parts) < 9 or not all(math.isfinite(v) for v in corners) or not corners:
        raise malformed(f"a line is eight numbers and a transcription, got {shorten(repr(text))}")
    written = parts[8].strip()
    return Written("" if written == LEFT_OUT else written, corners)


BENCHMARKS = (
    Benchmark(
        "ic15",
        "ICDAR 2015",
        "text",
        GET_IC15,
        partial(load, name="IC15", texts=IC15_TEXTS, images=IC15_IMAGES, prefix="gt_"),
        num_rows=496,
    ),
    Benchmark(
        "sroie",
        "SROIE",
        "text",
        GET_SROIE,
        partial(load, name="SROIE", texts=SROIE_TEXTS, images=SROIE_IMAGES, prefix=""),
        num_rows=360,
    ),
)
