"""Between published conversations and samples.

A line becomes a sample when it is about one image and every prompt is in one of our wordings; several turns
give several questions. What has no place in a sample (text alone, several images, other prompts, a system
text) is a `Dialogue` for training, which takes it as it is, and a fault for everything else.

A sample becomes lines with its answers in the one form that we write: boxes of a label together, sorted,
labelled. Bins survive the way there and back exactly; pixels are those of the bins. Layout comes back as
detection and a click as pointing, since they are worded alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from locany.codec.prompts import SYSTEM_TEXT, question_text
from locany.data.conversation import render_conversation
from locany.data.converters.answer_text import read_answer_text, write_answer_text
from locany.data.converters.chat import MAX_BIN, ChatRecord, exchange_faults, read_checked
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.fields import reserved_in, spelling
from locany.data.converters.files import write_json_lines
from locany.data.converters.images import image_ref, images_beside, located, name_beside
from locany.data.converters.wording import read_prompt
from locany.data.dialogue import Dialogue
from locany.data.encode import answer_groups
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.geometry import from_bins
from locany.tasks import Task, TaskKind


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of an annotation file, one per line.

    Args:
        path: a file of JSON lines.
        root: the folder that image paths are relative to; by default that of the file.
        report: takes the fault of a line, which is then left out; by default the first one is an error.

    Raises:
        DataError: a line has a fault, or is a conversation that is no sample.
    """
    for record, found in _read(path, path.parent if root is None else root, report):
        if isinstance(found, Sample):
            yield found
        else:
            report(found.at(record.file, record.line))


def read_for_training(
    path: Path, root: Path | None = None, report: Report = refuse
) -> Iterator[Sample | Dialogue]:
    """As `read`, but conversations that are no sample come as they are.

    Raises:
        DataError: a line has a fault.
    """
    root = path.parent if root is None else root
    for record, found in _read(path, root, report):
        if isinstance(found, Sample):
            yield found
        else:
            images = tuple(image_ref(root, name) for name in record.image_names())
            yield Dialogue(tuple(record.turns), images, {"file": record.file, "line": record.line})


def lines(path: Path, root: Path | None, report: Report, base: Path) -> Iterator[ChatRecord]:
    """The records without a fault, word for word, their images named relative to `base`; see `read`."""
    root = path.parent if root is None else root
    return (_moved(record, root, base) for record, _ in _read(path, root, report))


def _read(path: Path, root: Path, report: Report) -> Iterator[tuple[ChatRecord, Sample | RecordError]]:
    """The records without a fault, each with its sample, or with why there is none."""
    for record in read_checked(path, root, report, MAX_BIN):
        try:
            yield record, record_to_sample(record, root)
        except RecordError as error:
            if error.kind is FaultKind.NO_SAMPLE:
                yield record, error
            else:
                report(error.at(record.file, record.line))


def record_to_sample(record: ChatRecord, root: Path) -> Sample:
    """The sample of a record without faults.

    Raises:
        RecordError: it is a conversation that no sample can hold.
    """
    names, turns = record.image_names(), record.turns
    if len(names) != 1:
        raise _no_sample(f"it has {len(names) or 'no'} images, a sample has one")
    if turns[0]["from"] == "system":
        if turns[0]["value"].strip() != SYSTEM_TEXT.strip():
            raise _no_sample("it has a system text of its own")
        turns = turns[1:]
    image = image_ref(root, names[0])
    if render_conversation(turns, 1).image_order != (0,):
        raise _no_sample("its image stands in several places")
    questions = tuple(
        _question(turn["value"], answer["value"], image)
        for turn, answer in zip(turns[::2], turns[1::2], strict=True)
    )
    return Sample(image, questions, provenance={"file": record.file, "line": record.line})


def _question(text: str, answer: str, image: ImageRef) -> Question:
    prompt = read_prompt(text)
    if prompt is None:
        raise _no_sample(f"the prompt {shorten(text)!r} is in none of our wordings")
    names = tuple(spelling(name) for name in prompt.names)
    if len(set(names)) < len(names):  # only blanks or the composition of characters set them apart
        raise RecordError(FaultKind.PROMPT, f"a category is asked for twice: {shorten(prompt.filling)!r}")
    if prompt.kind is TaskKind.TEXT:
        task = Task.text()
    elif prompt.kind in (TaskKind.DETECT, TaskKind.LAYOUT):
        task = Task(prompt.kind, categories=names)
    else:
        task = Task(prompt.kind, phrase=names[0])
    targets = []
    for item in read_answer_text(answer, MAX_BIN).items:
        if not item.bins:
            continue
        pixels = tuple(float(v) for v in from_bins(item.bins, image.size_wh, MAX_BIN + 1))
        if task.kind is TaskKind.TEXT:
            label, written = item.label or "", item.label
        else:
            label, written = names[0] if item.label is None else spelling(item.label), None
        xyxy = (pixels[0], pixels[1], pixels[2], pixels[3]) if len(pixels) == 4 else None
        point = (pixels[0], pixels[1]) if len(pixels) == 2 else None
        targets.append(Target(label, xyxy, point, text=written))
    return Question(task, tuple(targets))


def sample_to_records(sample: Sample, image: str, *, multi_turn: bool = False) -> list[dict[str, Any]]:
    """The lines of a sample, one for each question, or with `multi_turn` one for all of them.

    Targets of one label that fall on the same bins are written once.

    Args:
        sample: what to write.
        image: the path of its image, as it is to stand in the lines.

    Raises:
        DataError: an answer does not fit its question, or words contain tokens of the template.
    """
    turns = [_turns(question, sample.size_wh) for question in sample.questions]
    groups = [[turn for pair in turns for turn in pair]] if multi_turn and turns else turns
    return [{"image": image, "conversations": _with_placeholder(group)} for group in groups]


def write(samples: Iterable[Sample], path: Path, *, multi_turn: bool = False) -> None:
    """Write samples as JSON lines; images that are not files go into a folder beside it.

    Raises:
        DataError: see `sample_to_records`.
    """
    write_json_lines(path, _records(samples, path, multi_turn))


def _moved(record: ChatRecord, root: Path, base: Path) -> ChatRecord:
    """A record without faults as it stands, its images named relative to another folder.

    Args:
        record: the record.
        root: the folder that its image paths are relative to.
        base: the folder that they are to be relative to.
    """
    names = [name_beside(located(root, name), base) for name in record.image_names()]
    places: dict[str, Any] = {"image": names[0]} if "image" in record.fields else {"image_list": names}
    fields = {name: places.get(name, value) for name, value in record.fields.items()}
    return replace(record, fields=fields)


def _records(samples: Iterable[Sample], path: Path, multi_turn: bool) -> Iterator[dict[str, Any]]:
    with images_beside(path) as placer:
        for sample in samples:
            if sample.questions:
                yield from sample_to_records(sample, placer.place(sample), multi_turn=multi_turn)


def _turns(question: Question, size_wh: tuple[int, int]) -> list[dict[str, str]]:
    task = question.task
    groups = answer_groups(question, size_wh, MAX_BIN)
    if task.kind is TaskKind.TEXT:  # blanks around a transcription do not come back from an answer
        pairs = dict.fromkeys((label.strip(), bins) for label, boxes in groups for bins in boxes)
        groups = [(label, [bins]) for label, bins in pairs]
    for words in (*task.categories, task.phrase, *(label for label, _ in groups)):
        if token := reserved_in(words):
            raise DataError(
                f"{shorten(words)!r} contains {token}, which has a meaning in conversations; rename it"
            )
    asked, answer = question_text(task), write_answer_text(groups or [("", [])])
    if faults := exchange_faults(asked, answer, MAX_BIN):  # what we would not read, we do not write
        raise DataError(f"{shorten(asked)!r} cannot be written as a conversation: {faults[0]}")
    return [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]


def _with_placeholder(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    first = {**turns[0], "value": f"<image-1>{turns[0]['value']}"}
    return [first, *turns[1:]]


def _no_sample(message: str) -> RecordError:
    return RecordError(FaultKind.NO_SAMPLE, f"this conversation is no sample: {message}")
