"""Answers as `locany detect --json` prints them: findings to be corrected into labels.

The document of one image (also that of `Detections.to_json`) or of several: its `results` are read, its
`errors` passed over, since those images have no answer. `docs/answers.md` has the fields.

Boxes become objects. A category or phrase is asked for where the answer says where it is or that it is
absent; not where it says nothing, and not where the answer was cut, since there may be more. Points become
a pointing question for each label, of a cut answer too: they have no other place in a sample. A click is
pointing and layout detection: they are worded alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from locany.data.converters.detection import INCOMPLETE, checked_box, detection_sample, named_by
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.fields import as_object, field, malformed, numbers, optional, spelling
from locany.data.converters.files import read_json
from locany.data.converters.images import check_size, image_ref, is_turned, located
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import RequestError
from locany.tasks import Task, TaskKind

Record = Mapping[str, Any]


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a document, one for each image that was answered, in its order.

    An image with a faulty detection is left out as a whole. An image is looked for by the path that the
    document has, and where there is none, by its bare name, if no other image of the document has the same.

    Args:
        path: the JSON file.
        root: the folder that image paths are relative to; by default that of the file.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: the file or a record is wrong.
    """
    file, root = str(path), path.parent if root is None else root
    try:
        document = as_object(read_json(path), "the file")
        records = _records(document)
        as_stored = optional(document, "settings", dict, {}).get("exif") is False
    except RecordError as fault:
        report(fault.at(file))
        return
    names = Counter(_bare(str(one.get("image"))) for one in records if isinstance(one, dict))
    for number, raw in enumerate(records, start=1):
        where = f"result {number}" if "results" in document else ""
        try:
            record = as_object(raw, "a result")
            image = _image(record, root, names, as_stored=as_stored)
            items, task = field(record, "detections", list), _task(record)
        except RecordError as fault:
            report(fault.at(file, record=where))
            continue
        targets: list[Target] = []
        faults = []
        for position, item in enumerate(items, start=1):
            try:
                targets.append(_target(as_object(item, "a detection"), image, task))
            except RecordError as fault:
                place = f"{where}, detection {position}" if where else f"detection {position}"
                faults.append(fault.at(file, record=place))
        targets = _once(targets)
        try:
            absent, unanswered = (
                [spelling(name) for name in _texts(record, key)] for key in ("absent", "unanswered")
            )
            # Ended where it began to repeat itself, an answer may lack as much as one that a limit cut.
            stats = optional(record, "stats", dict, {})
            cut = optional(record, "truncated", bool, False) or stats.get("finish") == "repeat"
        except RecordError as fault:
            faults.append(fault.at(file, record=where))
        for fault_found in faults:
            report(fault_found)
        if not faults:
            provenance = {"file": file, "image": record["image"]}
            yield _sample(image, targets, task, absent, unanswered, provenance, cut=cut)


def categories(path: Path) -> tuple[str, ...]:
    """What boxes were asked of, in the order of the document; what is wrong there, reading tells."""
    names: dict[str, None] = {}
    with suppress(RecordError):
        for raw in _records(as_object(read_json(path), "the file")):
            with suppress(RecordError):
                task = _task(as_object(raw, "a result"))
                names |= dict.fromkeys(named_by(task) if task else ())
    return tuple(names)


def _records(document: Record) -> list[Any]:
    """The documents of single images."""
    if "results" in document:
        return field(document, "results", list)
    if "detections" not in document and "error" in document:
        raise malformed(f"the image was not answered: {shorten(str(document['error']), 200)}")
    return [document]


def _image(record: Record, root: Path, names: Counter[str], *, as_stored: bool) -> ImageRef:
    name = field(record, "image", str)
    if not name or name.startswith("<"):  # an array, bytes, stdin
        raise RecordError(
            FaultKind.MISSING_IMAGE,
            f"the answer is about {name or 'an image without a name'}, which is no file; save that image, "
            "and put its name in the field 'image'",
        )
    bare = _bare(name)
    with suppress(OSError, ValueError):  # too long a name, a NUL in it: looking it up in earnest says so
        if not located(root, name).exists() and (root / bare).is_file():
            if names[bare] > 1:
                raise RecordError(
                    FaultKind.MISSING_IMAGE,
                    f"image {shorten(name)!r} is missing in {root}, and its bare name {bare!r} stands for "
                    "several; give --root, the folder that the names are relative to",
                )
            name = bare
    try:
        image = image_ref(root, name)
    except RecordError as fault:
        if fault.kind is not FaultKind.MISSING_IMAGE:
            raise
        hint = "names are relative to the JSON file, or to the folder given with --root"
        raise RecordError(fault.kind, f"{fault.message}; {hint}") from None
    width, height = numbers(field(record, "size", list), "size", 2)
    check_size(image, width, height)
    if as_stored and is_turned(located(root, name)):
        raise RecordError(
            FaultKind.IMAGE_SIZE,
            f"image {shorten(name)!r} is turned by its EXIF orientation, but --no-exif asked about it as it "
            "is stored, so that boxes would be misplaced; ask without --no-exif",
        )
    return image


def _bare(name: str) -> str:
    """The last part of a path or URL; of Windows, too."""
    return PurePosixPath(PureWindowsPath(name).as_posix()).name


def _task(record: Record) -> Task | None:
    """What was asked; None where the document does not say."""
    given = optional(record, "task", dict, {})
    if not given:
        return None
    kind = field(given, "kind", str)
    if kind not in {known.value for known in TaskKind}:
        raise malformed(f"the task is {shorten(repr(kind))}; known: {', '.join(k.value for k in TaskKind)}")
    names = tuple(spelling(name) for name in _texts(given, "categories"))
    phrase = optional(given, "phrase", str, "")
    try:
        return Task(TaskKind(kind), names, phrase and spelling(phrase, "the phrase"))
    except RequestError as error:
        raise malformed(str(error)) from None


def _target(item: Record, image: ImageRef, task: Task | None) -> Target:
    """A detection; of a phrase its label is the phrase, whatever the model wrote."""
    written = field(item, "label", str)
    label = (task.phrase if task else "") or spelling(written, "the label")
    text = label if task and task.kind in (TaskKind.TEXT, TaskKind.FIND_TEXT) else None
    score = item.get("score")
    attributes = {} if score is None else {"score": numbers([score], "score")[0]}
    if ("box" in item) == ("point" in item):
        raise malformed("a detection has either 'box' or 'point'")
    if "point" in item:
        x, y = numbers(item["point"], "point", 2)
        checked_box((x - 0.5, y - 0.5, x + 0.5, y + 0.5), image.size_wh)
        return Target(label, point=(x, y), text=text, attributes=attributes)
    x0, y0, x1, y1 = numbers(item["box"], "box", 4)
    return Target(label, checked_box((x0, y0, x1, y1), image.size_wh), text=text, attributes=attributes)


def _once(targets: Sequence[Target]) -> list[Target]:
    """Without what a model says again: as a label it is one thing."""
    kept: dict[object, Target] = {}
    for target in targets:
        kept.setdefault((target.label, target.xyxy, target.point), target)
    return list(kept.values())


def _texts(record: Record, name: str) -> list[str]:
    values = optional(record, name, list, [])
    if not all(isinstance(value, str) for value in values):
        raise malformed(f"field {name!r} is a list of texts, got {shorten(repr(values))}")
    return values


def _sample(
    image: ImageRef,
    targets: Sequence[Target],
    task: Task | None,
    absent: Sequence[str],
    unanswered: Sequence[str],
    provenance: dict[str, Any],
    *,
    cut: bool,
) -> Sample:
    boxes = [target for target in targets if target.xyxy is not None]
    points = [target for target in targets if target.xyxy is None]
    pointed = dict.fromkeys(target.label for target in points)
    if task is None or task.takes_categories:
        negatives = [name for name in absent if name not in pointed]
        partly = [target.label for target in boxes if cut or target.label in pointed]
        sample = detection_sample(
            image, boxes, provenance, negatives=negatives, incomplete=[*partly, *unanswered]
        )
    else:
        partly = [target.label for target in targets if cut]
        more = {INCOMPLETE: list(dict.fromkeys(partly))} if partly else {}
        is_known = bool(boxes) or task.phrase in absent
        asks_boxes = is_known and not cut and not points and not task.expects_points
        questions = (Question(task, tuple(boxes)),) if asks_boxes else ()
        sample = Sample(image, questions, tuple(boxes), {**provenance, **more})
        if task.expects_points and task.phrase in absent:
            pointed.setdefault(task.phrase)
    pointing = tuple(
        Question(Task.point(label), tuple(target for target in points if target.label == label))
        for label in pointed
    )
    return Sample(image, (*sample.questions, *pointing), sample.objects, sample.provenance)
