"""YOLO: a folder with data.yaml, images, and beside each a text file of boxes relative to the image's size.

By hand, not through `supervision`: that turns all boxes of a file with a polygon into pixel masks and back
into traced outlines, takes categories that are not in the list, and does not say which line is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from locany.data.converters.detection import (
    Numbering,
    boxes_to_write,
    checked_box,
    detection_sample,
    repeated,
)
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.fields import Box, Polygon, as_object, extent, malformed, spelling
from locany.data.converters.files import read_text, whole_folder, write_text
from locany.data.converters.images import ImagePlacer, image_ref
from locany.data.sample import ImageRef, Sample, Target

_FILES = ("data.yaml", "data.yml", "dataset.yaml")
_SPLITS = ("train", "val", "test")
_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of all splits, images by name; `provenance["split"]` says which.

    A label file that is not there means an image without objects; one at least must be there. Polygons give
    their extent as box.

    Args:
        path: the folder, or its data.yaml.
        root: in place of the folder that data.yaml names.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: a file is wrong.
    """
    file = _yaml_file(path)
    try:
        settings = as_object(_yaml(file), "the file")
        names = _names(settings)
        if settings.get("kpt_shape"):
            raise RecordError(FaultKind.UNSUPPORTED, "has 'kpt_shape': keypoints are not supported")
        base = _base(file, settings) if root is None else root
        images = [(split, image) for split in _SPLITS for image in _images(base, settings, split)]
        if not images:
            raise malformed("names no image: none of train, val and test leads to one")
        if not any(_label_path(image).is_file() for _, image in images):
            raise malformed(
                f"leads to images ({len(images)}), but to no label file: for {images[0][1].name} it would be "
                f"{_label_path(images[0][1])}; a data set without a single object is not likely meant"
            )
    except RecordError as fault:
        report(fault.at(str(file)))
        return
    for split, image_path in images:
        label_path = _label_path(image_path)
        try:
            image = image_ref(image_path.parent, image_path.name)
        except RecordError as fault:
            report(fault.at(str(file), record=split))
            continue
        objects, num_faults = _objects(label_path, names, image, report)
        if not num_faults:
            yield detection_sample(image, objects, {"file": str(label_path), "split": split})


def categories(path: Path) -> tuple[str, ...]:
    """The names in data.yaml, in its order; what is wrong there, reading tells."""
    with suppress(RecordError):
        return tuple(_names(as_object(_yaml(_yaml_file(path)), "the file")).values())
    return ()


def write(samples: Iterable[Sample], path: Path, names: Sequence[str] = ()) -> None:
    """Write samples into a new folder, as one split "train", with copies of the images.

    Coordinates have ten digits. An outline is written if its extent is the box; other outlines are not kept.

    Raises:
        DataError: the folder is not empty, or a sample has nothing that the format can hold.
    """
    numbering = Numbering(names)
    with whole_folder(path) as folder:
        placer = ImagePlacer(folder, folder / "images" / "train", copy=True)
        for sample in samples:
            targets = boxes_to_write(sample)
            label_path = folder / _label_path(Path(placer.place(sample)))
            lines = [_line(target, numbering.number(target.label), sample.size_wh) for target in targets]
            write_text(label_path, "".join(f"{line}\n" for line in lines))
        listed = {number: name for name, number in numbering.numbers.items()}
        settings = {"path": ".", "train": "images/train", "names": listed}
        write_text(folder / _FILES[0], yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _yaml_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    return next((path / name for name in _FILES if (path / name).is_file()), path / _FILES[0])


def _yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        raise RecordError(FaultKind.UNREADABLE, f"not YAML: {' '.join(str(error).split())}") from None


def _names(settings: Mapping[str, Any]) -> dict[int, str]:
    names = settings.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise malformed(
            f"'names' is a list of categories or an object from number to name, got {shorten(repr(names))}"
        )
    numbered: dict[int, str] = {}
    for number, name in names.items():
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(name, str | int | float):
            raise malformed(f"'names' goes from number to name, got {number!r}: {name!r}")
        numbered[number] = spelling(str(name))
    if len(set(numbered.values())) < len(numbered):
        raise RecordError(FaultKind.DUPLICATE_ID, "'names' has a name twice")
    return numbered


def _base(file: Path, settings: Mapping[str, Any]) -> Path:
    named = settings.get("path") or "."
    if not isinstance(named, str):
        raise malformed(f"'path' is a folder, got {shorten(repr(named))}")
    return file.parent / named


def _images(base: Path, settings: Mapping[str, Any], split: str) -> Iterator[Path]:
    places = settings.get(split) or []
    places = [places] if isinstance(places, str) else places
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise malformed(f"{split!r} is a folder, a list file, or several, got {shorten(repr(places))}")
    for place in places:
        path = base / place
        if not path.exists() and place.startswith("../"):  # a common exporter writes one level too many
            path = base / place[3:]
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES)
        elif path.is_file():
            lines = (line.strip() for line in read_text(path).splitlines())
            yield from (path.parent / line for line in lines if line)
        else:
            raise RecordError(FaultKind.UNREADABLE, f"{split!r} leads to {path}, where nothing is")


def _label_path(image: Path) -> Path:
    """Of images/a/b.jpg labels/a/b.txt; where no folder is called images, beside the image."""
    parts = list(image.parts)
    places = [i for i, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _objects(
    path: Path, names: Mapping[int, str], image: ImageRef, report: Report
) -> tuple[list[Target], int]:
    """The objects of a label file, and how many faults were reported."""
    objects: list[Target] = []
    num_faults = 0
    try:
        lines = read_text(path).splitlines() if path.is_file() else []
    except RecordError as fault:
        report(fault.at(str(path)))
        return [], 1
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            target = _target(line.split(), names, image)
            if again := repeated([*objects, target]):
                raise again[-1]
            objects.append(target)
        except RecordError as fault:
            report(fault.at(str(path), number))
            num_faults += 1
    return objects, num_faults


def _target(words: Sequence[str], names: Mapping[int, str], image: ImageRef) -> Target:
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise malformed(f"a line is a category and numbers, got {shorten(' '.join(words))!r}") from None
    if not all(math.isfinite(v) for v in values):
        raise malformed(f"a line has what is no number: {shorten(' '.join(words))!r}")
    if len(values) < 5 or len(values) % 2 == 0:
        raise malformed(
            "a line is a category with x, y, width, height (5 numbers) or with three or more corners "
            f"(7, 9, ...), got {len(values)}"
        )
    if values[0] not in names:
        raise RecordError(FaultKind.UNKNOWN_CATEGORY, f"category {words[0]} is not in 'names' of data.yaml")
    width, height = image.size_wh
    polygon: Polygon = ()
    if len(values) == 5:
        x, y, w, h = values[1:]
        box: Box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
    else:
        polygon = tuple((x * width, y * height) for x, y in zip(values[1::2], values[2::2], strict=True))
        box = extent(polygon)
    return Target(names[int(values[0])], checked_box(box, image.size_wh), polygon=polygon)


def _line(target: Target, number: int, size_wh: tuple[int, int]) -> str:
    assert target.xyxy is not None
    width, height = size_wh
    x0, y0, x1, y1 = target.xyxy
    values = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
    if len(target.polygon) >= 3:
        off = max(abs(a - b) for a, b in zip(extent(target.polygon), target.xyxy, strict=True))
        if off < 0.5:  # else the box, which is what we learn, would come back as another one
            values = [v for x, y in target.polygon for v in (x / width, y / height)]
    return " ".join([str(number), *(f"{v:.10g}" for v in values)])
