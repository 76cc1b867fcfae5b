"""A data set of the user's own, in any format that `data.converters` reads (as the sets of ODinW are).

    locany eval folder --data data/aquarium

Images with boxes are asked for the categories that they have, or with `ask="all"` for all of the data set in
one question, which is how a detector is used. Images without a box are asked for absent names alone, and for
none unless `negatives` or `ask` says so. Expressions, instructions and other questions are asked one by one.
Here the readers are the strict ones, unless `skip_faults` says otherwise: what is wrong in one's own files
should be mended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from locany.data.converters import Dataset, Fault, open_dataset
from locany.data.converters.detection import INCOMPLETE
from locany.data.sample import ImageRef, Sample, Target
from locany.data.splits import of_split
from locany.errors import DataError
from locany.eval.benchmarks.benchmark import Benchmark, Contents, OwnDataError
from locany.eval.benchmarks.categories import OPTIONS
from locany.eval.benchmarks.questions import box_of_target, question_example
from locany.eval.benchmarks.rows import add_absent, ask_all, gather, unique
from locany.eval.example import Example, Query, Truth
from locany.tasks import Task

ASK = ("present", "all")
_ONE_SPLIT = ("val", "test", "train")
SPLITS = (*_ONE_SPLIT, "all")
GET = (
    "Give the file or folder of a data set in one of the formats of `locany data check`: COCO, LVIS, YOLO, "
    "Pascal VOC, LabelMe, RefCOCO, ScreenSpot, conversations as JSON lines, or shards; for COCO the JSON "
    "file, with root= the folder of the images"
)


def load(
    folder: Path,
    *,
    negatives: int,
    format: str | None,
    root: str | Path | None,
    ask: str,
    split: str | None,
    skip_faults: bool,
) -> Contents:
    """A data set of any format.

    Args:
        folder: its file or folder.
        negatives: absent categories that each image is asked for, one by one.
        format: name of the format; recognised if None.
        root: the folder that image paths are relative to; None for where the format expects images.
        ask: "present" or "all".
        split: of a data set that knows its splits (YOLO), "train", "val", "test", or "all"; None for the
            first there is of val, test and train, as training measures.
        skip_faults: leave faulty records out.

    Raises:
        DataError: a file is wrong, or an option is.
    """
    if ask not in ASK:
        raise DataError(f"ask is one of {', '.join(ASK)}, got {ask!r}")
    if split not in (None, *SPLITS):
        raise DataError(f"split is one of {', '.join(SPLITS)}, got {split!r}")
    dataset = open_dataset(folder, format, root, split if split in _ONE_SPLIT else None)
    faults: list[Fault] = []
    every = list(dataset.samples(faults.append if skip_faults else _refuse))  # their images stay on disk
    samples = of_split(every, _ONE_SPLIT, str(folder)) if split is None else every
    names = _names(samples)
    found = [
        example
        for sample, name in zip(samples, names, strict=True)
        for example in (
            [_detection(sample, name, dataset, ask)]
            if dataset.format.has_categories
            else _questions(sample, name)
        )
    ]
    examples, remarks = unique(found)
    if faults:
        remarks.append(f"{len(faults)} faults, their records are left out; the first: {faults[0]}")
    if len(samples) < len(every):
        chosen = samples[0].provenance["split"]
        remarks.append(
            f"the {len(samples)} images for {chosen} are measured, of {len(every)} in all; "
            f"--option split={'|'.join(SPLITS)} says otherwise"
        )
    absent = {name: _absent(sample, dataset) for sample, name in zip(samples, names, strict=True)}
    if ask == "all" or not any(absent.values()):
        absent = {}
    examples = add_absent(examples, negatives, lambda example: absent.get(example.image_name, ()), ask_all)
    if negatives and not absent:
        why = "ask=all asks for every name already" if ask == "all" else "the data do not say what is absent"
        remarks.append(f"negatives={negatives} adds nothing: {why}")
    asked = [example for example in examples if example.queries]
    if left := len(examples) - len(asked):
        advice = " (--negatives N asks them for absent names)" if absent and not negatives else ""
        if not asked:
            raise OwnDataError(f"none of its {left} images has a box of one thing to ask for{advice}")
        remarks.append(f"{left} images without a box of one thing are not asked about{advice}")
    if dataset.format.has_categories and (points := sum(len(_points(sample)) for sample in samples)):
        remarks.append(f"{points} points are left out: of a data set of boxes only boxes are measured")
    return Contents(tuple(asked), tuple(remarks), folder)


def _refuse(fault: Fault) -> None:
    raise OwnDataError(
        f"{fault}; `locany data check` lists all that is wrong; mend it, or leave such records out with "
        "--option skip_faults=true"
    )


def _absent(sample: Sample, dataset: Dataset) -> Sequence[str]:
    """Names known to be absent from an image: of the data set, or of its own list (LVIS)."""
    if dataset.absent or not dataset.format.has_categories:
        return dataset.absent
    asked = (name for question in sample.questions for name in question.task.categories)
    there = {target.label for target in (*sample.objects, *_points(sample))}
    return tuple(dict.fromkeys(name for name in asked if name not in there))


def _detection(sample: Sample, name: str, dataset: Dataset, ask: str) -> Example:
    """One image; without a query where there is nothing to ask for, since absent names may come later."""
    things = [target for target in sample.objects if not target.attributes.get("iscrowd")]
    crowd = [target for target in sample.objects if target.attributes.get("iscrowd")]
    present = tuple(dict.fromkeys(target.label for target in things))
    pointed = {target.label for target in _points(sample)}  # there, so neither absent nor all boxed
    everything = tuple(name for name in dataset.absent if name in present or name not in pointed)
    asked = everything if ask == "all" and dataset.absent else present
    boxes = {**dict.fromkeys(asked, ()), **gather(_pairs(things))}
    incomplete = frozenset(sample.provenance.get(INCOMPLETE, ())) - {target.label for target in crowd}
    truth = Truth(boxes, crowd=gather(_pairs(crowd)), partial=incomplete | pointed)
    return Example(name, _image(sample), name, (Query(Task.detect(asked)),) if asked else (), truth)


def _points(sample: Sample) -> list[Target]:
    """What a data set of boxes knows by a point alone (LabelMe)."""
    return [target for question in sample.questions for target in question.targets if target.xyxy is None]


def _questions(sample: Sample, name: str) -> Iterator[Example]:
    image = _image(sample)
    for number, question in enumerate(sample.questions):
        yield question_example(f"{name}#{number}", image, name, question, sample.size_wh)


def _pairs(targets: list[Target]) -> list[tuple[str, tuple[float, float, float, float]]]:
    return [(target.label, box_of_target(target)) for target in targets]


def _image(sample: Sample) -> Path | bytes:
    assert isinstance(sample.image, ImageRef)
    return sample.image.source


def _names(samples: Sequence[Sample]) -> list[str]:
    """What the image of each sample is called: its file, with folders where several files have one name."""
    sources = [_image(sample) for sample in samples]
    paths = {source for source in sources if isinstance(source, Path)}
    if len({path.name for path in paths}) < len(paths):
        shared = os.path.commonpath([path.absolute().parent for path in paths])
        called = {path: path.absolute().relative_to(shared).as_posix() for path in paths}
    else:
        called = {path: path.name for path in paths}
    return [
        called[source]
        if isinstance(source, Path)
        else str(sample.provenance.get("key", sample.provenance.get("seed", "image")))
        for source, sample in zip(sources, samples, strict=True)
    ]


BENCHMARKS = (
    Benchmark(
        "folder",
        "a data set of your own",
        "mixed",
        GET,
        load,
        {**OPTIONS, "format": None, "root": None, "ask": "present", "split": None, "skip_faults": False},
    ),
)
