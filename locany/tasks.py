"""What can be asked of an image: a question about categories, about a phrase, or about all text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from enum import Enum

from locany.errors import RequestError
from locany.numeric import check_flags

MAX_PHRASE_LEN = 2000  # characters; the longest published referring expressions stay below 500


class TaskKind(str, Enum):
    """The task families (spec `locateanything` 7.1)."""

    DETECT = "detect"  # all instances of each category
    GROUND = "ground"  # all matches of a phrase
    REFER = "refer"  # the one thing that a phrase refers to
    POINT = "point"  # a point on each thing that a phrase names
    FIND_TEXT = "find_text"  # where a given text is written
    TEXT = "text"  # all text, with its transcription as label
    LAYOUT = "layout"  # regions of a page by category
    GUI = "gui"  # the region of a control
    GUI_POINT = "gui_point"  # where to click on a control


_CATEGORY_TASKS = frozenset({TaskKind.DETECT, TaskKind.LAYOUT})
_POINT_TASKS = frozenset({TaskKind.POINT, TaskKind.GUI_POINT})


@dataclass(frozen=True)
class Task:
    """One question. The class methods are the short way to build it; what is asked is checked in any case.

    Attributes:
        kind: the task family, or its name.
        categories: for `detect` and `layout`, the categories asked for, each once; otherwise empty. A set
            is asked in the order of the alphabet: its own differs from run to run, and answers with it.
        phrase: for the other tasks except `text`, the description; otherwise empty.

    Raises:
        RequestError: an unknown kind, words that it does not take, or none where it needs some.
    """

    kind: TaskKind
    categories: tuple[str, ...] = ()
    phrase: str = ""

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "kind", TaskKind(self.kind))
        except ValueError:
            kinds = ", ".join(kind.value for kind in TaskKind)
            raise RequestError(f"the kind of task is {self.kind!r}, expected one of {kinds}") from None
        wants = "categories" if self.takes_categories else "" if self.kind is TaskKind.TEXT else "phrase"
        given = [name for name in ("categories", "phrase") if not _is_empty(getattr(self, name))]
        if set(given) - {wants}:
            raise RequestError(
                f"a {self.kind.value} task takes {wants or 'no words'}, got {' and '.join(given)}; "
                "build it with a class method such as Task.detect(['cat'])"
            )
        categories = _check_categories(self.categories) if wants == "categories" else ()
        object.__setattr__(self, "categories", categories)
        object.__setattr__(self, "phrase", _check_phrase(self.phrase) if wants == "phrase" else "")

    @classmethod
    def detect(cls, categories: str | Sequence[str]) -> Task:
        """All instances of each category."""
        return cls(TaskKind.DETECT, _check_categories(categories))

    @classmethod
    def layout(cls, categories: str | Sequence[str]) -> Task:
        """Page regions of each category."""
        return cls(TaskKind.LAYOUT, _check_categories(categories))

    @classmethod
    def ground(cls, phrase: str) -> Task:
        """All matches of a phrase."""
        return cls(TaskKind.GROUND, phrase=phrase)

    @classmethod
    def refer(cls, phrase: str) -> Task:
        """The one thing that a phrase refers to."""
        return cls(TaskKind.REFER, phrase=phrase)

    @classmethod
    def point(cls, phrase: str) -> Task:
        """A point on each thing that a phrase names."""
        return cls(TaskKind.POINT, phrase=phrase)

    @classmethod
    def find_text(cls, phrase: str) -> Task:
        """Where a given text is written."""
        return cls(TaskKind.FIND_TEXT, phrase=phrase)

    @classmethod
    def text(cls) -> Task:
        """All text in the image; the label of each box is its transcription."""
        return cls(TaskKind.TEXT)

    @classmethod
    def gui(cls, phrase: str, *, point: bool = False) -> Task:
        """The region of a control, or with `point` the place to click."""
        check_flags(point=point)
        return cls(TaskKind.GUI_POINT if point else TaskKind.GUI, phrase=phrase)

    @property
    def expects_points(self) -> bool:
        """Whether the answer is made of points rather than boxes."""
        return self.kind in _POINT_TASKS

    @property
    def takes_categories(self) -> bool:
        """Whether the question is a list of categories."""
        return self.kind in _CATEGORY_TASKS


def one_spelling(phrase: str) -> str:
    """A category or phrase as it is asked for and comes back as a label.

    Blanks count once, and characters are composed (NFC), as the vocabulary composes them.
    """
    return unicodedata.normalize("NFC", " ".join(phrase.split()))


def _is_empty(words: object) -> bool:
    return isinstance(words, Sized) and not len(words)


def _check_phrase(phrase: str) -> str:
    if not isinstance(phrase, str):
        raise RequestError(f"a phrase is a string, got {type(phrase).__name__}: {phrase!r}")
    phrase = one_spelling(phrase)
    if not phrase.isprintable() and any(unicodedata.category(c) == "Cs" for c in phrase):
        raise RequestError(
            f"the phrase {phrase!r} has half a surrogate pair, which is no character; decode it again"
        )
    if not phrase:
        raise RequestError("the phrase is empty; describe what to find, for example 'the red button'")
    if len(phrase) > MAX_PHRASE_LEN:
        raise RequestError(f"the phrase has {len(phrase)} characters; at most {MAX_PHRASE_LEN} are allowed")
    return phrase


def _check_categories(categories: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(categories, str):
        categories = [categories]
    try:
        items = list(categories)
    except TypeError:
        raise RequestError(
            f"categories are a list of strings, got {type(categories).__name__}: {categories!r}"
        ) from None
    if not items:
        raise RequestError("no category given; name at least one, for example ['cat', 'dog']")
    names = [_check_phrase(c) for c in items]
    if isinstance(categories, set | frozenset):
        names.sort()
    seen: dict[str, None] = dict.fromkeys(names)  # a category asked twice is asked once, order kept
    return tuple(seen)
