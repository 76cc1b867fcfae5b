"""Published conversations, JSON lines (spec `training` 3.1): each line verbatim, and what is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locany.codec.vocab import (
    CATEGORY_SEPARATOR,
    IMAGE,
    IMAGE_END,
    IMAGE_TOKEN,
    MASK,
    NULL,
    PAD,
    SWITCH,
    TURN,
    TURN_END,
)
from locany.data.conversation import render_conversation
from locany.data.converters.answer_text import TextAnswer, TextItem, read_answer_text
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse, shorten
from locany.data.converters.files import parse_json, read_lines, write_json_lines
from locany.data.converters.images import ROOT_HINT, image_ref
from locany.data.converters.wording import Prompt, lacks_full_stop, read_prompt, without_placeholders
from locany.errors import DataError
from locany.geometry import NUM_BINS
from locany.tasks import TaskKind

FIELDS = ("conversations", "image", "image_list", "video", "video_list", "id")
MAX_BIN = NUM_BINS - 1  # of the published vocabulary
_TEMPLATE = (TURN, TURN_END, PAD, IMAGE, IMAGE_END, IMAGE_TOKEN, MASK, NULL, SWITCH)
_POINTS = (TaskKind.POINT, TaskKind.GUI_POINT)
_CATEGORIES = (TaskKind.DETECT, TaskKind.LAYOUT)
_PLACEHOLDER = re.compile(r"<image(?:-\d+)?>")
_TWO_NUMBERS = re.compile(r"\d\s*,\s*\d")


@dataclass(frozen=True)
class ChatRecord:
    """One line of an annotation file, as it stands there.

    Attributes:
        fields: the JSON object; images in an LMDB file and nested lists are kept as they are.
        file, line: where it was read; line 0 for what was not read.
    """

    fields: Mapping[str, Any]
    file: str = ""
    line: int = 0

    @property
    def turns(self) -> list[Mapping[str, Any]]:
        """The turns, the system turn included, as they stand there."""
        return self.fields.get("conversations", [])

    def image_names(self) -> tuple[str, ...]:
        """Paths of its images, relative to the root of the data set.

        Raises:
            RecordError: its images are no files.
        """
        if {"video", "video_list"} & self.fields.keys():
            raise RecordError(FaultKind.UNSUPPORTED, "videos are not supported; give frames as images")
        if {"image", "image_list"} <= self.fields.keys():
            raise RecordError(FaultKind.MALFORMED, "has both 'image' and 'image_list'; keep one")
        images = [self.fields["image"]] if "image" in self.fields else self.fields.get("image_list", [])
        if not isinstance(images, list):
            raise RecordError(FaultKind.MALFORMED, f"'image_list' is a list, got {type(images).__name__}")
        for image in images:
            if isinstance(image, Mapping | list):
                raise RecordError(
                    FaultKind.UNSUPPORTED,
                    "an image in an LMDB file or a nested list is not read here; unpack it into files",
                )
            if not isinstance(image, str) or not image:
                raise RecordError(FaultKind.MALFORMED, f"an image is a path, got {shorten(repr(image))}")
        return tuple(images)


def read_records(path: Path, report: Report = refuse) -> Iterator[ChatRecord]:
    """Every line of a file, verbatim and in order; empty lines are passed over.

    Raises:
        DataError: a line is no JSON object, unless another `report` takes it.
    """
    number = None
    try:
        for number, line in read_lines(path):
            if line.strip():
                record = _parse_line(path, number, line, report)
                if record is not None:
                    yield record
    except RecordError as fault:
        report(fault.at(str(path)))


def _parse_line(path: Path, number: int, line: bytes, report: Report) -> ChatRecord | None:
    try:
        fields = parse_json(line)
        if not isinstance(fields, dict):
            raise RecordError(FaultKind.MALFORMED, f"a line is an object, got {type(fields).__name__}")
        return ChatRecord(fields, str(path), number)
    except RecordError as fault:
        report(fault.at(str(path), number))
        return None


def write_records(records: Iterable[ChatRecord], path: Path) -> None:
    """Write records so that they read back equal."""
    write_json_lines(path, (record.fields for record in records))


def read_checked(
    path: Path, root: Path, report: Report = refuse, max_bin: int = MAX_BIN
) -> Iterator[ChatRecord]:
    """The records without a fault: what training may take, whether or not a sample can hold them.

    Args:
        path: a file of JSON lines.
        root: the folder that image paths are relative to.
        report: takes every fault; by default the first one is an error.
        max_bin: the largest coordinate of the vocabulary.

    Raises:
        DataError: a line has a fault.
    """
    for record in read_records(path, report):
        faults = record_faults(record, root, max_bin)
        for fault in faults:
            report(fault.at(record.file, record.line))
        if not faults:
            yield record


def record_faults(record: ChatRecord, root: Path, max_bin: int = MAX_BIN) -> list[RecordError]:
    """Everything that is wrong with a record.

    Args:
        record: the record.
        root: the folder that image paths are relative to.
        max_bin: the largest coordinate of the vocabulary.
    """
    faults: list[RecordError] = []
    unknown = sorted(set(record.fields) - set(FIELDS))
    if unknown:
        names = ", ".join(map(repr, unknown))
        faults.append(
            RecordError(FaultKind.UNKNOWN_FIELD, f"unknown field {names}; known: {', '.join(FIELDS)}")
        )
    num_images = 0
    try:
        images = record.image_names()
        num_images = len(images)
        for name in images:
            faults += _image_faults(root, name)
    except RecordError as fault:
        return [*faults, fault]
    form = _form_fault(record, num_images)
    return [*faults, form] if form else faults + _text_faults(record, max_bin)


def _image_faults(root: Path, name: str) -> list[RecordError]:
    try:
        image_ref(root, name, ROOT_HINT)
    except RecordError as fault:
        return [fault]
    return []


def _form_fault(record: ChatRecord, num_images: int) -> RecordError | None:
    """What is wrong with turns and placeholders, as training would say it."""
    if "conversations" not in record.fields:
        return RecordError(FaultKind.CONVERSATION, "has no 'conversations'")
    turns: Any = record.turns
    try:
        if isinstance(turns, list):  # without placeholders first: what is wrong then is not about images
            render_conversation([_without_placeholders(turn) for turn in turns], 0)
    except DataError as error:
        return RecordError(FaultKind.CONVERSATION, str(error))
    try:
        render_conversation(turns, num_images)
    except DataError as error:
        kind = FaultKind.PLACEHOLDER if isinstance(turns, list) else FaultKind.CONVERSATION
        return RecordError(kind, str(error))
    return None


def _without_placeholders(turn: Any) -> Any:
    if isinstance(turn, Mapping) and isinstance(turn.get("value"), str):
        return {**turn, "value": _PLACEHOLDER.sub("", turn["value"])}
    return turn


def _text_faults(record: ChatRecord, max_bin: int) -> list[RecordError]:
    faults: list[RecordError] = []
    turns = record.turns
    for number, turn in enumerate(turns, start=1):
        if extra := sorted(set(turn) - {"from", "value"}):
            names = ", ".join(map(repr, extra))
            faults.append(
                RecordError(
                    FaultKind.UNKNOWN_FIELD,
                    f"turn {number} has the unknown field {names}; known: from, value",
                )
            )
        if token := next((t for t in _TEMPLATE if t in turn["value"]), None):
            faults.append(
                RecordError(
                    FaultKind.SPECIAL_TOKEN, f"turn {number} holds {token}, which only the template writes"
                )
            )
    talk = turns[1:] if turns and turns[0]["from"] == "system" else turns
    for question, answer in zip(talk[::2], talk[1::2], strict=True):
        faults += exchange_faults(question["value"], answer["value"], max_bin)
    return faults


def exchange_faults(question: str, answer: str, max_bin: int = MAX_BIN) -> list[RecordError]:
    """Everything that is wrong with the words of a question and its answer."""
    prompt, said = read_prompt(question), read_answer_text(answer, max_bin)
    wrong = [*prompt_faults(question, prompt), *said.faults]
    # What is not understood on one side cannot be held against the other.
    return wrong or list(answer_faults(prompt, said, answer))


def prompt_faults(text: str, prompt: Prompt | None) -> Iterator[RecordError]:
    """What is wrong with a user's turn in itself."""
    if lacks_full_stop(text):
        words = shorten(repr(without_placeholders(text)))
        yield RecordError(FaultKind.PROMPT, f"the prompt {words} lacks the full stop of the released wording")
    parts = without_placeholders(text).split(CATEGORY_SEPARATOR)
    if prompt is None:
        if len(parts) > 1 and not all(part.strip(" .,:") for part in parts):
            yield RecordError(FaultKind.SEPARATOR, f"{CATEGORY_SEPARATOR} at an end or doubled in the prompt")
        return
    names, shown = prompt.names, shorten(repr(prompt.filling))
    if prompt.kind in _CATEGORIES:
        if any(name != name.strip() or not name.strip(" ,") or name.endswith(",") for name in names):
            yield RecordError(
                FaultKind.SEPARATOR,
                f"a separator at an end, doubled, or with blanks in the categories {shown}; "
                f"expected A{CATEGORY_SEPARATOR}B",
            )
        elif len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            yield RecordError(FaultKind.PROMPT, f"the category {twice!r} is asked for twice")
    elif CATEGORY_SEPARATOR in prompt.filling:
        yield RecordError(
            FaultKind.SEPARATOR, f"{CATEGORY_SEPARATOR} in {shown}: this wording takes one phrase, not a list"
        )
    elif prompt.kind is not TaskKind.TEXT and not prompt.filling.strip():
        yield RecordError(FaultKind.PROMPT, "the prompt asks for nothing: its phrase is empty")


def answer_faults(prompt: Prompt | None, answer: TextAnswer, text: str) -> Iterator[RecordError]:
    """Where prompt and answer disagree, and where the answer disagrees with itself."""
    if prompt is not None and answer.is_plain:
        if _TWO_NUMBERS.search(text):
            message = f"coordinates in digits, {shorten(text)!r}, which would be learnt as text"
            yield RecordError(FaultKind.TEXT_COORDINATES, f"{message}; expected <box> and tokens")
        else:
            yield _disagreement(f"the prompt asks for places, the answer has none: {shorten(text)!r}")
        return
    yield from _repeats(answer.items)
    if prompt is None:
        return
    wrong_len = 4 if prompt.kind in _POINTS else 2
    if any(len(item.bins) == wrong_len for item in answer.items):
        asked, given = ("points", "boxes") if wrong_len == 4 else ("boxes", "points")
        yield _disagreement(f"the prompt asks for {asked}, the answer has {given}")
    needs_label = prompt.kind in _CATEGORIES or prompt.kind is TaskKind.TEXT
    labels = [item.label for item in answer.items]
    if needs_label and any(
        i.label is None and not (prompt.kind is TaskKind.TEXT and not i.bins) for i in answer.items
    ):
        yield RecordError(FaultKind.NO_LABEL, "a box without <ref>, though its label is part of the answer")
    if prompt.kind is TaskKind.TEXT:
        return
    for label in dict.fromkeys(labels):
        if label is not None and label not in prompt.names:
            yield _disagreement(f"the answer is about {shorten(label)!r}, which the prompt does not ask for")
    if prompt.kind in _CATEGORIES:
        for name in prompt.names:
            if name not in labels:
                yield _disagreement(
                    f"the prompt asks for {shorten(name)!r}, the answer says nothing about it"
                )
    if prompt.kind is TaskKind.REFER and len(answer.items) > 1:
        yield _disagreement(f"the prompt asks for a single instance, the answer has {len(answer.items)}")


def _repeats(items: tuple[TextItem, ...]) -> Iterator[RecordError]:
    seen: set[TextItem] = set()
    for item in items:
        name = "without a label" if item.label is None else f"of {shorten(item.label)!r}"
        if item in seen:
            what = "<box>" + ("".join(f"<{b}>" for b in item.bins) or "None") + "</box>"
            yield RecordError(FaultKind.DUPLICATE_BOX, f"{what} {name} stands there twice")
        seen.add(item)
    for label in dict.fromkeys(item.label for item in items):
        if len({bool(item.bins) for item in items if item.label == label}) == 2:
            yield RecordError(FaultKind.NONE_AND_BOX, f"the label {label!r} has both a box and None")


def _disagreement(message: str) -> RecordError:
    return RecordError(FaultKind.DISAGREEMENT, message)
