"""What is wrong with a record, said with file and line: the one list of kinds that readers refuse.

Every reader reports through a `Report`. Reading calls `refuse`, so the first fault is an error; checking
collects them all; a build may keep the reason and go on without the record. So what the check finds and what
readers refuse is the same by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from locany.errors import DataError
from locany.wording import counted


class FaultKind(str, Enum):
    """Kinds of faults."""

    # Of any file.
    UNREADABLE = "unreadable"  # not JSON, XML, YAML, UTF-8, or not there
    MALFORMED = "malformed"  # a field is missing or of a wrong type
    UNKNOWN_FIELD = "unknown-field"
    UNSUPPORTED = "unsupported"  # legal, but nothing that can be trained here
    MISSING_IMAGE = "missing-image"
    UNREADABLE_IMAGE = "unreadable-image"
    IMAGE_SIZE = "image-size"  # the record is about an image of another size
    INVERTED_BOX = "inverted-box"
    DUPLICATE_BOX = "duplicate-box"

    # Of conversations.
    CONVERSATION = "conversation"  # turns are missing, in a wrong order, or no text
    PLACEHOLDER = "placeholder"  # image placeholders and images do not fit together
    PROMPT = "prompt"  # one of our wordings, but wrong in itself
    SEPARATOR = "separator"  # </c>, comma or blank where none belongs
    SPECIAL_TOKEN = "special-token"  # a token of the template inside a text
    TEXT_COORDINATES = "text-coordinates"  # digits instead of coordinate tokens
    COORDINATES = "coordinates"  # neither two nor four, or outside of a box
    OUT_OF_RANGE = "out-of-range"  # a coordinate that is no token
    UNCLOSED = "unclosed"  # <ref> or <box> that is not closed, or closed without being open
    CUT_ANSWER = "cut-answer"  # the answer ends in the middle
    STRAY_TEXT = "stray-text"  # words between boxes
    NO_LABEL = "no-label"  # a box without <ref> where the label is part of the answer
    DISAGREEMENT = "disagreement"  # the answer is not one to this prompt
    NONE_AND_BOX = "none-and-box"  # "None" beside boxes of the same label
    NO_SAMPLE = "no-sample"  # fine as a conversation, but not one image with questions of ours

    # Of detection data sets.
    OUTSIDE_IMAGE = "outside-image"
    EMPTY_BOX = "empty-box"  # no width or no height
    UNKNOWN_CATEGORY = "unknown-category"
    DUPLICATE_ID = "duplicate-id"
    DUPLICATE_IMAGE = "duplicate-image"  # two records about one: each says that the other's is not there


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        file: the annotation file.
        line: its line, from 1; None where the format has no lines, the message then names the record.
        message: what was given, what was expected.
        kind: what kind of fault.
    """

    file: str
    line: int | None
    message: str
    kind: FaultKind

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


Report = Callable[[Fault], None]


def refuse(fault: Fault) -> NoReturn:
    """The report of a reader that nobody gave another.

    Raises:
        DataError: always.
    """
    raise DataError(str(fault))


class RecordError(DataError):
    """What is wrong with one record. Readers catch it and report it with its place."""

    def __init__(self, kind: FaultKind, message: str):
        super().__init__(message)
        self.kind, self.message = kind, message

    def at(self, file: str, line: int | None = None, record: str = "") -> Fault:
        """With its place; `record` goes before the message."""
        return Fault(file, line, f"{record}: {self.message}" if record else self.message, self.kind)


def passed_over(talks: Sequence[Fault]) -> str:
    """The note about conversations that are no sample."""
    are = "is" if len(talks) == 1 else "are"
    return f"{counted(len(talks), 'conversation')} {are} no sample and passed over; the first: {talks[0]}"


def shorten(text: str, length: int = 80) -> str:
    """A text that fits into a message."""
    return text if len(text) <= length else f"{text[: length - 3]}..."
