"""Pascal VOC: one XML file per image.

By hand, not through `supervision`: that decodes every image to learn its size, drops the flags of objects
(difficult, truncated), rounds to whole pixels and writes another source into the file.

Coordinates count pixels from 1 and name the last pixel inside, as the devkit defines it: the box is xmin - 1
to xmax.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from locany.data.converters.detection import (
    boxes_to_write,
    checked_box,
    detection_sample,
    one_per_image,
    one_record_each,
    repeated,
)
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.fields import malformed, spelling
from locany.data.converters.files import read_text, whole_folder, write_text
from locany.data.converters.images import ROOT_HINT, ImagePlacer, check_size, image_ref
from locany.data.sample import ImageRef, Sample, Target

_FLAGS = ("pose", "truncated", "difficult", "occluded")
_LINE = "line"  # where an element began; VOC itself has no attributes


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a folder, by name of the XML files.

    An image with a faulty object, or with two files about it, is left out as a whole. `pose`, `truncated`,
    `difficult` and `occluded` become attributes.

    Args:
        path: the folder of XML files, one with a folder Annotations in it, or one XML file.
        root: the folder of the images; by default JPEGImages beside Annotations, or that of the XML files.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: a file is wrong.
    """
    return one_record_each(_records(path, root, report), report)


def _records(path: Path, root: Path | None, report: Report) -> Iterator[Sample]:
    for file in _files(path, report):
        try:
            tree = _parse(file)
            images = _images_folder(file.parent) if root is None else root
            image = image_ref(images, _text(tree, "filename"), ROOT_HINT)
            size = tree.find("size")
            if size is not None and _number(size, "width"):  # some tools write 0 for "not known"
                check_size(image, _number(size, "width"), _number(size, "height"))
        except RecordError as fault:
            report(fault.at(str(file)))
            continue
        objects: list[Target] = []
        faults = []
        for element in tree.findall("object"):
            try:
                target = _target(element, image)
                if again := repeated([*objects, target]):
                    raise again[-1]
                objects.append(target)
            except RecordError as fault:
                faults.append(fault.at(str(file), int(element.get(_LINE, "0"))))
        for fault_found in faults:
            report(fault_found)
        if not faults:
            yield detection_sample(image, objects, {"file": str(file)})


def categories(path: Path) -> tuple[str, ...]:
    """All names that occur, sorted: the format has no list. Files that cannot be read are passed over."""
    names: set[str] = set()
    for file in _files(path, lambda fault: None):
        with suppress(RecordError):  # reading the samples tells
            names |= {spelling(_text(element, "name")) for element in _parse(file).findall("object")}
    return tuple(sorted(names))


def write(samples: Iterable[Sample], path: Path, names: Sequence[str] = ()) -> None:
    """Write samples into a new folder: Annotations, and JPEGImages with copies of the images.

    Coordinates that are not whole are written with their fraction. Outlines and crowd regions are not kept.

    Raises:
        DataError: the folder is not empty, or a sample has nothing that the format can hold.
    """
    with whole_folder(path) as folder:
        (folder / "Annotations").mkdir()
        placer = ImagePlacer(folder / "JPEGImages", folder / "JPEGImages", copy=True)
        for sample in one_per_image(samples):
            name = placer.place(sample)
            tree = ElementTree.Element("annotation")
            _add(tree, "folder", "JPEGImages")
            _add(tree, "filename", name)
            size = ElementTree.SubElement(tree, "size")
            for tag, value in zip(("width", "height", "depth"), (*sample.size_wh, 3), strict=True):
                _add(size, tag, value)
            for target in boxes_to_write(sample):
                _add_object(tree, target)
            ElementTree.indent(tree)
            text = ElementTree.tostring(tree, encoding="unicode")
            write_text(folder / "Annotations" / f"{Path(name).stem}.xml", f"{text}\n")


def _files(path: Path, report: Report) -> list[Path]:
    if path.is_file():
        return [path]
    inner = path / "Annotations"
    found = (inner if inner.is_dir() else path).glob("*.xml")
    files = sorted(file for file in found if not file.name.startswith("."))  # macOS adds "._a.xml"
    if not files:
        report(RecordError(FaultKind.UNREADABLE, "there is no XML file").at(str(path)))
    return files


def _images_folder(folder: Path) -> Path:
    beside = folder.parent / "JPEGImages"
    return beside if beside.is_dir() else folder


def _parse(file: Path) -> ElementTree.Element:
    """The tree of a file; each element has the attribute "line"."""
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag, {**attributes, _LINE: str(parser.CurrentLineNumber)})

    def refuse_doctype(*_: object) -> None:
        raise RecordError(FaultKind.UNSUPPORTED, "has a DOCTYPE, which no annotation needs; remove it")

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(read_text(file), True)
    except (expat.ExpatError, ValueError) as error:
        raise RecordError(FaultKind.UNREADABLE, f"not XML: {error}") from None
    tree = builder.close()
    if tree.tag != "annotation":
        raise malformed(f"the outermost element is <annotation>, got <{shorten(tree.tag)}>")
    return tree


def _text(element: ElementTree.Element, name: str) -> str:
    text = (element.findtext(name) or "").strip()
    if not text:
        raise malformed(f"<{element.tag}> has no <{name}>")
    return text


def _number(element: ElementTree.Element, name: str) -> float:
    text = _text(element, name)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise malformed(f"<{name}> is a number, got {shorten(text)!r}")
    return value


def _target(element: ElementTree.Element, image: ImageRef) -> Target:
    label = spelling(_text(element, "name"))
    bounds = element.find("bndbox")
    if bounds is None:
        raise malformed(f"<object> of {label!r} has no <bndbox>")
    x0, y0, x1, y1 = (_number(bounds, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    box = checked_box((x0 - 1, y0 - 1, x1, y1), image.size_wh)
    attributes = {}
    for name in _FLAGS:
        if text := (element.findtext(name) or "").strip():
            attributes[name] = int(text) if text.isdecimal() else text
    return Target(label, box, attributes=attributes)


def _add(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = str(value)


def _add_object(tree: ElementTree.Element, target: Target) -> None:
    assert target.xyxy is not None
    element = ElementTree.SubElement(tree, "object")
    _add(element, "name", target.label)
    for name in _FLAGS:
        if name in target.attributes:
            _add(element, name, target.attributes[name])
    bounds = ElementTree.SubElement(element, "bndbox")
    x0, y0, x1, y1 = target.xyxy
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), (x0 + 1, y0 + 1, x1, y1), strict=True):
        _add(bounds, name, int(value) if float(value).is_integer() else float(value))
