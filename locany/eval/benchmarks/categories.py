"""Benchmarks of images with boxes of categories: from the bundle, from the original files, or from both.

Where both are there, images and their order, boxes, crowds and LVIS's lists come from the original file, as
in the published metric, and the bundle only says where images lie. Every image is asked for the categories
that it has, nothing else (spec `evaluation` 2), unless absent names are asked for, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from locany.data.converters.faults import RecordError
from locany.errors import DataError
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Contents
from locany.eval.benchmarks.instances import Annotated, Annotations, Spell, as_it_is, read_instances
from locany.eval.benchmarks.rows import (
    Ask,
    add_absent,
    ask_all,
    first_of,
    gather,
    image_file,
    missing,
    truth_names,
    unique,
)
from locany.eval.example import Example, Truth

BOXES, POINTS = "box_eval", "point_eval"
OPTIONS = {"negatives": 0}  # how many absent names each image is asked for, one by one


@dataclass(frozen=True)
class CategorySet:
    """Where the files of a benchmark lie.

    Attributes:
        bundle: name of its file in the bundle.
        files: where the original annotation may lie in the folder.
        images: folders that its images may lie in.
        spell: see `read_instances`.
        read: reads the original annotation; by default COCO's form.
        is_exhaustive: False where a name without a box may still be in the image (LVIS).
    """

    bundle: str
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ("",)
    spell: Spell = as_it_is
    read: Callable[[Path, Spell], Annotations] = read_instances
    is_exhaustive: bool = True

    def boxes(self, folder: Path, *, negatives: int = 0) -> Contents:
        """Boxes of all categories of an image, in one question.

        Raises:
            DataError: a file is missing or damaged.
        """
        rows = bundle.find_file(folder, BOXES, self.bundle)
        original = first_of(folder, *self.files)
        if original is not None and rows is not None and rows.is_relative_to(original):
            original = None  # the bundle's own folder has the same name
        if original is not None:
            return self._original(folder, original, rows, negatives)
        if rows is None:
            raise missing(folder, *self.files, bundle.wanted(BOXES, self.bundle))
        contents = self._bundle(rows, negatives, ask_all)
        if not self.files:
            return contents
        remark = (
            f"the original annotation ({self.files[0]}) is not there, so what it alone says (groups that "
        )
        remark += "were not taken apart, what was not looked for) is not known"
        return replace(contents, remarks=(*contents.remarks, remark))

    def points(self, folder: Path, *, negatives: int = 0, ask: Ask) -> Contents:
        """Points on the instances of each category, held against masks, or boxes where only those are there.

        Raises:
            DataError: a file is missing or damaged.
        """
        rows = bundle.find_file(folder, POINTS, self.bundle)
        if rows is not None:
            return self._bundle(rows, negatives, ask)
        original = first_of(folder, *self.files)
        if original is None:
            raise missing(folder, bundle.wanted(POINTS, self.bundle), *self.files)
        contents = self._original(folder, original, None, negatives, ask)
        remark = "points are held against boxes; the published numbers are about the masks of the bundle"
        return replace(contents, remarks=(*contents.remarks, remark))

    def _bundle(self, path: Path, negatives: int, ask: Ask) -> Contents:
        if negatives and not self.is_exhaustive:
            raise DataError(f"absent names are known from {self.files[0]} alone, which is not there")
        found = []
        for row in bundle.read_rows(path):
            names = row.names or tuple(truth_names(row.truth))
            name = PurePosixPath(row.image_name).name
            found.append(Example(name, row.image, row.image_name, ask(names), row.truth, row.groups))
        examples, remarks = unique(found)
        pool = sorted({name for example in examples for name in truth_names(example.truth)})
        asked = add_absent(examples, negatives, lambda example: pool, ask)
        return Contents(tuple(asked), tuple(remarks), path)

    def _original(
        self, folder: Path, path: Path, rows: Path | None, negatives: int, ask: Ask = ask_all
    ) -> Contents:
        annotations = self.read(path, self.spell)
        places = {} if rows is None else {row.image.name: row.image for row in bundle.read_rows(rows)}
        found, absent = [], {}
        for image in annotations.images:
            names = tuple(dict.fromkeys(name for name, _ in image.boxes))
            if names:
                where = self._image(folder, path, image, places)
                name = PurePosixPath(image.name).name
                found.append(Example(name, where, image.name, ask(names), _truth(image, names)))
                absent[where] = image.absent if annotations.lists_absent else annotations.names
        examples, remarks = unique(found)

        def pool(example: Example) -> Sequence[str]:
            assert isinstance(example.image, Path)
            return absent[example.image]

        asked = add_absent(examples, negatives, pool, ask)
        if left := len(annotations.images) - len(found):
            remarks.append(f"{left} images without a box of one thing are not asked about")
        return Contents(tuple(asked), tuple(remarks), path, annotations.names)

    def _image(self, folder: Path, file: Path, image: Annotated, places: dict[str, Path]) -> Path:
        if known := places.get(PurePosixPath(image.name).name):
            return known
        for inner in self.images:
            if (folder / inner / image.name).is_file():
                return folder / inner / image.name
        try:
            return image_file(folder / self.images[0], image.name)
        except RecordError as fault:
            raise DataError(str(fault.at(str(file)))) from None


def _truth(image: Annotated, names: Sequence[str]) -> Truth:
    """Ignored regions without a name of their own count for every name."""
    truth = image.truth()
    anywhere = truth.crowd.get("", ())
    if not anywhere:
        return truth
    regions = [(name, box) for name in names for box in anywhere]
    named = [(name, box) for name, boxes in truth.crowd.items() if name for box in boxes]
    return Truth(truth.boxes, crowd=gather([*named, *regions]), partial=truth.partial)
