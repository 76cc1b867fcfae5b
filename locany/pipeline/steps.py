"""Steps over samples: each takes a stream of items and yields those that go on, and says why others do not.

A step is a frozen dataclass: its fields are its settings, and stand in the manifest. Steps know nothing of
processes, machines or files. Write your own in an importable module, or in the recipe itself:

    @dataclass(frozen=True)
    class Landscape(Step):
        def apply(self, item):
            width, height = item.sample.size_wh
            if height > width:
                raise Dropped("taller than wide")
            return item
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from locany.data.sample import Question, Sample
from locany.errors import DataError


class Dropped(Exception):  # noqa: N818  (no error: what a step says of an item)
    """The item does not go on. The reason is one of few fixed texts, since drops are counted by it."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Item:
    """A sample on its way.

    Attributes:
        source: name of the source in the recipe.
        number: the seed of a rendered sample, or its index in a data set.
        sample: as the steps so far have made it.
        fingerprint: of the image, once `Deduplicate` has seen it.
        is_exhaustive: whether a category of its data set that has no box is absent.
    """

    source: str
    number: int
    sample: Sample
    fingerprint: str = ""
    is_exhaustive: bool = False


@dataclass(frozen=True)
class Drop:
    """An item that did not go on, and why."""

    source: str
    number: int
    step: str
    reason: str
    detail: str = ""


class Tally:
    """What the steps did: items forwarded and questions removed by step, and every drop."""

    def __init__(self) -> None:
        self.forwarded: Counter[str] = Counter()
        self.removed_questions: Counter[str] = Counter()
        self.drops: list[Drop] = []


@dataclass(frozen=True)
class Step:
    """One thing done to every item."""

    @property
    def name(self) -> str:
        """What manifests call it."""
        return type(self).__name__

    def apply(self, item: Item) -> Item:
        """The item as it goes on.

        Raises:
            Dropped: it does not.
        """
        raise NotImplementedError

    def run(self, items: Iterable[Item], tally: Tally) -> Iterator[Item]:
        """Apply the step to a stream."""
        for item in items:
            try:
                done = self.apply(item)
            except Dropped as drop:
                tally.drops.append(Drop(item.source, item.number, self.name, drop.reason, drop.detail))
                continue
            tally.forwarded[self.name] += 1
            removed = len(item.sample.questions) - len(done.sample.questions)
            if removed:
                tally.removed_questions[self.name] += removed
            yield done


def run_steps(steps: Iterable[Step], items: Iterable[Item], tally: Tally) -> Iterator[Item]:
    """Items after all steps, one at a time."""
    for step in steps:
        items = step.run(items, tally)
    return iter(items)


@dataclass(frozen=True)
class HasQuestions(Step):
    """Drop samples with fewer than `least` questions.

    With `least` 1, an image without any object stays if it is of a data set that is annotated exhaustively:
    training asks it for what is absent.
    """

    least: int = 1

    def apply(self, item: Item) -> Item:
        if self.least <= 1 and item.is_exhaustive and not item.sample.questions and not item.sample.objects:
            return item
        if len(item.sample.questions) < self.least:
            raise Dropped("no questions" if self.least == 1 else f"fewer than {self.least} questions")
        return item


@dataclass(frozen=True)
class TargetsPerQuestion(Step):
    """Remove questions with fewer than `least` or more than `most` targets.

    A sample that loses all its questions is dropped. With `least` 1 no negatives are left.
    """

    least: int = 0
    most: int = 200

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise DataError(f"TargetsPerQuestion needs 0 <= least <= most, got {self.least} and {self.most}")

    def apply(self, item: Item) -> Item:
        return keep_questions(
            item,
            lambda question: self.least <= len(question.targets) <= self.most,
            f"every question has fewer than {self.least} or more than {self.most} targets",
        )


@dataclass(frozen=True)
class BoxSide(Step):
    """Remove questions that ask for a box with a side shorter than `least` pixels.

    A sample that loses all its questions is dropped; one without questions is left alone.
    """

    least: float = 2.0

    def apply(self, item: Item) -> Item:
        return keep_questions(
            item,
            lambda question: all(
                min(t.xyxy[2] - t.xyxy[0], t.xyxy[3] - t.xyxy[1]) >= self.least
                for t in question.targets
                if t.xyxy is not None
            ),
            f"every question has a box with a side below {self.least:g} pixels",
        )


@dataclass(frozen=True)
class NotBlank(Step):
    """Drop images of nearly one colour: with a standard deviation below `least` of 255 in every channel."""

    least: float = 2.0

    def apply(self, item: Item) -> Item:
        pixels = item.sample.pixels()
        if float(pixels.std(axis=(0, 1), dtype=np.float64).max()) < self.least:
            raise Dropped("blank image")
        return item


def keep_questions(item: Item, wanted: Callable[[Question], bool], reason: str) -> Item:
    """The item with the questions that are wanted.

    Raises:
        Dropped: for this reason, if none of its questions is.
    """
    questions = tuple(question for question in item.sample.questions if wanted(question))
    if len(questions) == len(item.sample.questions):
        return item
    if not questions:
        raise Dropped(reason)
    return replace(item, sample=replace(item.sample, questions=questions))
