"""What benchmarks of text share: places by transcription, and regions that are left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Contents
from locany.eval.benchmarks.rows import ANY_NAME, ask_text, extent, gather, transcription, unique
from locany.eval.example import Example, Place, Truth


@dataclass(frozen=True)
class Written:
    """One word or line.

    Attributes:
        text: what is written; empty where it cannot be read, and it counts neither for nor against.
        polygon: flat outline.
    """

    text: str
    polygon: Place


def text_example(image: Path, image_name: str, written: Iterable[Written]) -> Example | None:
    """An image with all its text; None where nothing can be read."""
    read, left_out = [], []
    for item in written:
        if text := transcription(item.text):
            read.append((text, item.polygon))
        else:
            left_out.append((ANY_NAME, extent(item.polygon)))
    if not read:
        return None
    truth = Truth(gather((text, extent(polygon)) for text, polygon in read), crowd=gather(left_out))
    return Example(image.name, image, image_name, ask_text(), truth)


def from_bundle(folder: Path, name: str) -> Contents | None:
    """The rows of the bundle, where it is there.

    Raises:
        DataError: a line is damaged or its image is missing.
    """
    path = bundle.find_file(folder, "box_eval", name)
    if path is None:
        return None
    rows = bundle.read_rows(path, is_text=True)
    examples, remarks = unique(
        Example(row.image.name, row.image, row.image_name, ask_text(), row.truth, row.groups) for row in rows
    )
    return Contents(tuple(examples), tuple(remarks), path)


def from_images(found: Iterable[Example | None], source: Path) -> Contents:
    """Contents without the images where nothing can be read."""
    listed = list(found)
    examples, remarks = unique(example for example in listed if example is not None)
    if left := sum(example is None for example in listed):
        remarks.append(f"{left} images where nothing can be read are not asked about")
    return Contents(tuple(examples), tuple(remarks), source)
