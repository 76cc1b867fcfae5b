"""From the words of a prompt back to what it asks: the inverse of `codec/prompts.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from locany.codec.prompts import WORDING
from locany.codec.vocab import CATEGORY_SEPARATOR
from locany.tasks import TaskKind

# Layout reads back as detection and a click as pointing: they are worded alike.
_KINDS = [kind for kind in WORDING if kind not in (TaskKind.LAYOUT, TaskKind.GUI_POINT)]
_PLACEHOLDER = re.compile(r"<image(?:-\d+)?>")


def _with_slot(wording: str) -> re.Pattern[str]:
    before, slot, after = wording.partition("{}")
    return re.compile(re.escape(before) + ("(.*)" if slot else "") + re.escape(after), re.DOTALL)


_PATTERNS: list[tuple[TaskKind, re.Pattern[str]]] = [(kind, _with_slot(WORDING[kind])) for kind in _KINDS]
# The paper's wording for layout; the release was documented with that of detection, which is what we write.
_PATTERNS.append(
    (
        TaskKind.LAYOUT,
        _with_slot("Detect all the objects in the image that belong to the category set: {}."),
    )
)


@dataclass(frozen=True)
class Prompt:
    """A prompt in one of our wordings.

    Attributes:
        kind: detection for layout, and pointing for a click, where the words are the same.
        filling: the phrase, or the categories with their separators; empty for all text.
    """

    kind: TaskKind
    filling: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Categories as they stand there, or the phrase; empty for all text."""
        if self.kind is TaskKind.TEXT:
            return ()
        if self.kind is TaskKind.LAYOUT and CATEGORY_SEPARATOR not in self.filling:
            return tuple(self.filling.split(", "))
        if self.kind in (TaskKind.DETECT, TaskKind.LAYOUT):
            return tuple(self.filling.split(CATEGORY_SEPARATOR))
        return (self.filling,)


def without_placeholders(text: str) -> str:
    """A user's turn without its image placeholders and the blanks around."""
    return _PLACEHOLDER.sub("", text).strip()


def read_prompt(text: str) -> Prompt | None:
    """The prompt of a user's turn, or None if its words are none of ours."""
    words = without_placeholders(text)
    for kind, pattern in _PATTERNS:
        if match := pattern.fullmatch(words):
            return Prompt(kind, match[1] if pattern.groups else "")
    return None


def lacks_full_stop(text: str) -> bool:
    """Whether a turn is one of our wordings but for the full stop at its end."""
    return read_prompt(text) is None and read_prompt(without_placeholders(text) + ".") is not None
