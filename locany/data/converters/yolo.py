"""YOLO: a folder with data.yaml, images, and beside each a text file of boxes relative to the image's size.

By hand, not through `supervision`: that turns all boxes of a file with a polygon into pixel masks and back
into traced outlines, takes categories that are not in the list, and does not say which line is wrong.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import yaml

from locany.data.converters.detection import (
    Numbering,
    boxes_to_write,
    checked_box,
    detection_sample,
    one_per_image,
    one_record_each,
    outline_to_write,
    repeated,
)
from locany.data.converters.faults import Fault, FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.fields import Box, Polygon, as_object, extent, malformed, optional, spelling
from locany.data.converters.files import read_text, whole_folder, write_text
from locany.data.converters.images import ImagePlacer, image_ref, located
from locany.data.sample import ImageRef, Sample, Target
from locany.data.yaml_values import Scalar, load, plain

_FILES = ("data.yaml", "data.yml", "dataset.yaml")
_SPLITS = ("train", "val", "test")
_DEMANDED = ("train", "val")  # by Ultralytics, in every data.yaml
_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def read(
    path: Path, root: Path | None = None, report: Report = refuse, split: str | None = None
) -> Iterator[Sample]:
    """The samples of all splits or of one, images by name; `provenance["split"]` says which.

    A label file that is not there means an image without objects; one at least must be there. Polygons give
    their extent as box. A place of "val" or "test" that is not there is passed over with a warning: many a
    data.yaml names a test split that was never handed out. An image that is named again counts once, for the
    first split; with other labels it is a fault.

    Args:
        path: the folder, or its data.yaml.
        root: in place of the folder that data.yaml names.
        report: takes faults; by default the first one is an error.
        split: "train", "val" or "test"; None for all.

    Raises:
        DataError: a file is wrong, or names no image of the split.
    """
    return one_record_each(_samples(_yaml_file(path), root, report, split), report)


def _samples(file: Path, root: Path | None, report: Report, split: str | None) -> Iterator[Sample]:
    try:
        settings = as_object(_yaml(file), "the file")
        names = _names(settings)
        if settings.get("kpt_shape"):
            raise RecordError(FaultKind.UNSUPPORTED, "has 'kpt_shape': keypoints are not supported")
        base = _base(file, settings) if root is None else root
        images = _images(file, base, settings, split)
        if not any(_label_path(image).is_file() for _, image in images):
            raise malformed(
                f"leads to images ({len(images)}), but to no label file: for {images[0][1].name} it would be "
                f"{_label_path(images[0][1])}; a data set without a single object is not likely meant"
            )
    except RecordError as fault:
        report(fault.at(str(file)))
        return
    for orphan in _without_image([image for _, image in images]):
        report(orphan)
    for named, image_path in images:
        label_path = _label_path(image_path)
        try:
            image = image_ref(image_path.parent, image_path.name)
        except RecordError as fault:
            report(fault.at(str(file), record=named))
            continue
        objects, num_faults = _objects(label_path, names, image, report)
        if not num_faults:
            yield detection_sample(image, objects, {"file": str(label_path), "split": named})


def categories(path: Path) -> tuple[str, ...]:
    """The names in data.yaml, in its order; what is wrong there, reading tells."""
    with suppress(RecordError):
        return tuple(_names(as_object(_yaml(_yaml_file(path)), "the file")).values())
    return ()


def write(samples: Iterable[Sample], path: Path, names: Sequence[str] = ()) -> None:
    """Write samples into a new folder with copies of the images, in the splits they are from, else "train".

    Coordinates have ten digits. An outline is written if its extent is the box; other outlines are not kept.
    Beside an outline the other boxes of an image are written as their four corners: Ultralytics reads a file
    as boxes or as outlines, never as both. Splits "train" and "val" are always named, as it demands; one that
    no image is of is an empty folder, and a comment in data.yaml says so. Crowd regions are not written.

    Raises:
        DataError: the folder is not empty, or a sample has nothing that the format can hold.
    """
    numbering = Numbering(names)
    with whole_folder(path) as folder:
        placers = {split: ImagePlacer(folder, folder / "images" / split, copy=True) for split in _SPLITS}
        filled: set[str] = set()
        for sample in one_per_image(samples):
            named = sample.provenance.get("split")
            split = named if named in _SPLITS else "train"
            filled.add(split)
            targets = boxes_to_write(sample)
            label_path = folder / _label_path(Path(placers[split].place(sample)))
            lines = _lines(targets, [numbering.number(target.label) for target in targets], sample.size_wh)
            write_text(label_path, "".join(f"{line}\n" for line in lines))
        head = ""
        for split in sorted({*_DEMANDED} - filled):
            (folder / "images" / split).mkdir(parents=True)
            head += f"# The data had no images of {split!r}: put some into images/{split}, labels/{split}\n"
        settings: dict[str, Any] = {
            split: f"images/{split}" for split in _SPLITS if split in filled or split in _DEMANDED
        }
        settings["names"] = {number: name for name, number in numbering.numbers.items()}
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        write_text(folder / _FILES[0], head + text)


def _yaml_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    return next((path / name for name in _FILES if (path / name).is_file()), path / _FILES[0])


def _yaml(file: Path) -> Any:
    """The settings; names of categories as they are written, for "no" is a name, and not False."""
    try:
        document = load(read_text(file))
    except (yaml.YAMLError, ValueError) as error:
        raise RecordError(FaultKind.UNREADABLE, f"not YAML: {' '.join(str(error).split())}") from None
    settings = plain(document)
    if isinstance(document, dict):
        names = next((value for key, value in document.items() if plain(key) == "names"), None)
        if isinstance(names, list):
            settings["names"] = [_as_written(name) for name in names]
        elif isinstance(names, dict):
            settings["names"] = {plain(number): _as_written(name) for number, name in names.items()}
    return settings


def _as_written(name: Any) -> Any:
    return name.written if isinstance(name, Scalar) and name.value is not None else plain(name)


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
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(name, str):
            raise malformed(f"'names' goes from number to name, got {number!r}: {name!r}")
        numbered[number] = spelling(name)
    if len(set(numbered.values())) < len(numbered):
        raise RecordError(FaultKind.DUPLICATE_ID, "'names' has a name twice")
    count = optional(settings, "nc", int, len(numbered))
    if count not in (len(numbered), max(numbered, default=-1) + 1):
        raise malformed(f"'nc' says {count} categories, 'names' has {len(numbered)}; correct one of them")
    return numbered


def _base(file: Path, settings: Mapping[str, Any]) -> Path:
    named = settings.get("path") or "."
    if not isinstance(named, str):
        raise malformed(f"'path' is a folder, got {shorten(repr(named))}")
    return located(file.parent, named)


def _images(file: Path, base: Path, settings: Mapping[str, Any], split: str | None) -> list[tuple[str, Path]]:
    """Split and file of every image of a split, or of all."""
    images: list[tuple[str, Path]] = []
    missing: list[str] = []
    for name in _SPLITS:
        for place in _places(settings, name):
            if split not in (None, name):
                continue
            path = _found(base, place)
            if path is not None:
                images += [(name, image) for image in _images_at(path)]
                continue
            missing.append(f"{name!r} leads to {base / place}, where nothing is")
            if name in ("train", split):
                raise RecordError(FaultKind.UNREADABLE, missing[-1])
    if not images and missing:
        raise RecordError(FaultKind.UNREADABLE, missing[0])
    if not images and split is None:
        raise malformed("names no image: none of train, val and test leads to one")
    if not images:
        named = [name for name in _SPLITS if _places(settings, name)]
        raise malformed(f"names no image of {split!r}; the splits it names: {', '.join(named) or 'none'}")
    for message in missing:
        warnings.warn(f"{file}: {message}; the others are read", stacklevel=2)
    return _once(file, images)


def _once(file: Path, images: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Without what is named again with the same labels; of several splits the first one counts."""
    kept: dict[str, list[tuple[str, Path]]] = {}
    num_split = 0
    for named, image in images:
        others = kept.setdefault(os.path.realpath(image), [])
        first = next((split for split, other in others if _same_labels(other, image)), None)
        if first is None:  # two of other labels are a fault, found on reading
            others.append((named, image))
        else:
            num_split += first != named
    if num_split:
        warnings.warn(
            f"{file}: {num_split} of its images are in several splits; they count once, for the first",
            stacklevel=2,
        )
    return [one for others in kept.values() for one in others]


def _same_labels(one: Path, other: Path) -> bool:
    labels = [_label_path(image) for image in (one, other)]
    if labels[0] == labels[1]:
        return True
    texts = [label.read_bytes() if label.is_file() else b"" for label in labels]
    return texts[0] == texts[1]


def _places(settings: Mapping[str, Any], split: str) -> list[str]:
    places = settings.get(split) or []
    places = [places] if isinstance(places, str) else places
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise malformed(f"{split!r} is a folder, a list file, or several, got {shorten(repr(places))}")
    return places


def _found(base: Path, place: str) -> Path | None:
    """Where a place of data.yaml is; a common exporter writes one level "../" too many."""
    places = (located(base, place), located(base, place.replace("\\", "/").removeprefix("../")))
    return next((path for path in places if path.exists()), None)


def _images_at(path: Path) -> list[Path]:
    """The images of a folder, or of a list file."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if not p.name.startswith("."))  # macOS adds "._a.jpg"
        kinds = {p.suffix.lower() for p in files if str(guess_type(p.name)[0]).startswith("image/")}
        if unknown := sorted(kinds - _SUFFIXES):
            warnings.warn(
                f"{path}: images with the suffix {', '.join(unknown)} are not read; "
                f"known: {', '.join(sorted(_SUFFIXES))}",
                stacklevel=2,
            )
        return [p for p in files if p.suffix.lower() in _SUFFIXES]
    lines = (line.strip() for line in read_text(path).splitlines())
    return [located(path.parent, line) for line in lines if line]


def _label_path(image: Path) -> Path:
    """Of images/a/b.jpg labels/a/b.txt; where no folder is called images, beside the image."""
    parts = list(image.parts)
    places = [i for i, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _without_image(images: Sequence[Path]) -> Iterator[Fault]:
    """A fault for each label file in the folders of these images' labels that has boxes, but no image."""
    taken = {_label_path(image) for image in images}
    for folder in dict.fromkeys(image.parent for image in images):
        labels = _label_path(folder / "a.png").parent
        if labels == folder or not labels.is_dir():  # beside images, other texts may lie
            continue
        found = {p.stem: p.name for p in folder.iterdir()}
        found |= {p.stem: "" for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES}
        for label in sorted(labels.glob("*.txt")):
            name = found.get(label.stem)
            hidden = label.name.startswith(".") or label.name == "classes.txt"
            if hidden or label in taken or name == "" or not label.read_bytes().strip():
                continue
            there = f"; {name} is there, which is no image by its suffix" if name else ""
            yield RecordError(
                FaultKind.MISSING_IMAGE,
                f"there is no image {folder / label.stem} with a suffix of {', '.join(sorted(_SUFFIXES))}"
                f"{there}; put it there, or delete this file",
            ).at(str(label))


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
    try:
        box = checked_box(box, image.size_wh)
    except RecordError as fault:
        if fault.kind is not FaultKind.OUTSIDE_IMAGE or max(values[1:]) <= 2:
            raise
        hint = "coordinates are shares of the image's width and height, from 0 to 1; these look like pixels"
        raise RecordError(fault.kind, f"{fault.message}; {hint}") from None
    return Target(names[int(values[0])], box, polygon=polygon)


def _lines(targets: Sequence[Target], numbers: Sequence[int], size_wh: tuple[int, int]) -> Iterator[str]:
    width, height = size_wh
    outlines = [outline_to_write(target) for target in targets]
    for target, number, outline in zip(targets, numbers, outlines, strict=True):
        assert target.xyxy is not None
        x0, y0, x1, y1 = target.xyxy
        if any(outlines):
            corners = outline or ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            values = [v for x, y in corners for v in (x / width, y / height)]
        else:
            values = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
        yield " ".join([str(number), *(f"{v:.10g}" for v in values)])
