"""Total-Text: words along curves, one text file for each image.

    Images/Test/img1.jpg with txt_format/Test/poly_gt_img1.txt

A word is `x: [[1 2 3]], y: [[4 5 6]], ornt: [u'c'], transcriptions: [u'word']`; long ones go over several
lines. `#` is text that is left out. Verified: form and names of files from the documentation of MMOCR and the
data set's own pages. The published rows are boxes around the outlines.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from locany.data.converters.faults import RecordError, refuse, shorten
from locany.data.converters.fields import malformed
from locany.data.converters.files import read_text
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Benchmark, Contents
from locany.eval.benchmarks.rows import first_of, image_file, missing
from locany.eval.benchmarks.text import Written, from_bundle, from_images, text_example
from locany.eval.example import Example

LEFT_OUT = "#"
TEXTS = ("txt_format/Test", "Groundtruth/Text/txt_format/Test", "annotations/test", "Test")
IMAGES = ("Images/Test", "totaltext/Images/Test", "images/test", "images")
GET = (
    f"{bundle.GET}; or get the images and the ground truth in .txt format from the pages of Total-Text "
    "(github.com/cs-chan/Total-Text-Dataset) and give the folder that Images/ and txt_format/ lie in"
)
_PREFIX = "poly_gt_"
_WORD = re.compile(
    r"x:\s*\[\[(?P<x>[^\]]*)\]\],\s*y:\s*\[\[(?P<y>[^\]]*)\]\],\s*ornt:\s*\[.*?\],"
    r"\s*transcriptions:\s*(?P<text>\[.*\])\s*",
    re.DOTALL,
)


def load(folder: Path) -> Contents:
    """The rows of the bundle, or else the original files."""
    if contents := from_bundle(folder, "TotalText"):
        return contents
    texts, images = first_of(folder, *TEXTS), first_of(folder, *IMAGES)
    if texts is None:
        raise missing(folder, bundle.wanted("box_eval", "TotalText"), *(f"{text}/" for text in TEXTS))
    if images is None:
        raise missing(folder, *(f"{image}/" for image in IMAGES))
    files = sorted(texts.glob(f"{_PREFIX}*.txt"))
    if not files:
        raise missing(texts, f"{_PREFIX}img*.txt")
    return from_images((_example(file, images) for file in files), texts)


def _example(file: Path, images: Path) -> Example | None:
    stem = file.stem.removeprefix(_PREFIX)
    name = f"{stem}.JPG" if (images / f"{stem}.JPG").is_file() else f"{stem}.jpg"
    try:
        image = image_file(images, name)
    except RecordError as fault:
        refuse(fault.at(str(file)))
    return text_example(image, name, list(read_words(file)))


def read_words(file: Path) -> Iterator[Written]:
    """The words of a file.

    Raises:
        DataError: a word is damaged.
    """
    try:
        entries = list(_entries(read_text(file)))
    except RecordError as fault:
        refuse(fault.at(str(file)))
    for number, entry in entries:
        try:
            yield _word(entry)
        except RecordError as fault:
            refuse(fault.at(str(file), number))


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """(line from 1, text) of each word, lines put together."""
    began, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("x:") and parts:
            yield began, "\n".join(parts)
            parts = []
        if line.strip():
            began = began if parts else number
            parts.append(line)
    if parts:
        yield began, "\n".join(parts)


def _word(entry: str) -> Written:
    match = _WORD.fullmatch(entry.strip())
    try:
        if match is None:
            raise ValueError
        xs, ys = ([float(v) for v in match[axis].replace(",", " ").split()] for axis in ("x", "y"))
        texts = ast.literal_eval(match["text"])
        if len(xs) != len(ys) or len(xs) < 3 or not all(isinstance(text, str) for text in texts):
            raise ValueError
    except (ValueError, SyntaxError):
        raise malformed(f"a word is x, y, ornt, transcriptions, got {shorten(repr(entry))}") from None
    text = ",".join(texts)
    outline = tuple(v for corner in zip(xs, ys, strict=True) for v in corner)
    return Written("" if text == LEFT_OUT else text, outline)


BENCHMARKS = (Benchmark("totaltext", "Total-Text", "text", GET, load, num_rows=300),)
