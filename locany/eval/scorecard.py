"""A model on sets of samples: which questions it is asked, what came back, and the lines of a scorecard.

asked = choose_questions(samples, most=2)
answers = ask(locator, asked, "hybrid", max_new_tokens=512)
counts = score(LINES, answers)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from locany.data.sample import Question, Sample
from locany.errors import DataError
from locany.eval.detection import Counts, count, total
from locany.locator import Locator
from locany.results import Detections
from locany.tasks import Task, TaskKind

STREAM, VERSION = 1101, 1  # of the chance that chooses questions

Measure = Literal["f1", "accuracy", "absent_right"]


@dataclass(frozen=True)
class Line:
    """One line of a scorecard: some kinds of questions about some sets of samples, and what is read off them.

    Attributes:
        name: what people call it.
        sets: names of sets; see `set_of`.
        kinds: task families.
        measure: "f1" at IoU 0.5, points counted inside the box; "accuracy", the share of questions whose
            first place is in the box; "absent_right", the share of absent names answered with nothing.
        labels: False counts boxes whatever they are called; see `detection.count`.
        goal: what it should reach, or None.
    """

    name: str
    sets: tuple[str, ...]
    kinds: tuple[TaskKind, ...]
    measure: Measure = "f1"
    labels: bool = True
    goal: float | None = None

    def takes(self, asked: Asked) -> bool:
        """Whether a question counts here."""
        return asked.set in self.sets and asked.question.task.kind in self.kinds


@dataclass(frozen=True)
class Asked:
    """One question that is put to the model.

    Attributes:
        sample: the image it is about.
        question: with its targets.
        set: name of the set that the sample is of.
        number: of the sample among all, counted over the sets.
    """

    sample: Sample
    question: Question
    set: str
    number: int


@dataclass(frozen=True)
class Answers:
    """What came back in one mode.

    Attributes:
        asked: the questions, in order.
        answers: theirs.
        seconds: wall time by set; each set is answered as one batch.
    """

    asked: tuple[Asked, ...]
    answers: tuple[Detections, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    def pairs(self) -> Iterator[tuple[Asked, Detections]]:
        """Questions with their answers."""
        return zip(self.asked, self.answers, strict=True)


def set_of(sample: Sample) -> str:
    """The set of a sample: the source of the build that it comes from, else its renderer or data set."""
    return str(sample.provenance.get("source") or sample.provenance.get("renderer") or "samples")


def choose_questions(
    samples: Iterable[Sample], *, most: int = 2, images: int | None = None, sets: Sequence[str] = ()
) -> list[Asked]:
    """At most `most` questions of each task family about every image, by chance but always the same ones.

    Pages carry twenty questions, and most of them of one family; rare families are kept this way.

    Args:
        samples: of any sets, which stay in the order of their first sample.
        most: questions of one task family about one image.
        images: the first so many of each set; None for all.
        sets: names of those to take; empty for all.

    Raises:
        DataError: a name in `sets` is not there.
    """
    by_set: dict[str, list[Asked]] = {}
    seen: dict[str, int] = {}
    for number, sample in enumerate(samples):
        name = set_of(sample)
        seen[name] = seen.get(name, 0) + 1
        if (sets and name not in sets) or (images is not None and seen[name] > images):
            continue
        rng = np.random.default_rng((STREAM, VERSION, number))
        by_kind: dict[TaskKind, list[int]] = {}
        for i in rng.permutation(len(sample.questions)):
            by_kind.setdefault(sample.questions[i].task.kind, []).append(int(i))
        chosen = sorted(i for indices in by_kind.values() for i in indices[:most])
        by_set.setdefault(name, []).extend(Asked(sample, sample.questions[i], name, number) for i in chosen)
    if missing := [name for name in sets if name not in seen]:
        raise DataError(f"there are no samples of {', '.join(missing)}; there are: {', '.join(seen)}")
    return [asked for group in by_set.values() for asked in group]


def ask(
    locator: Locator, asked: Sequence[Asked], mode: str, *, max_new_tokens: int, presence: float = 0.5
) -> Answers:
    """Put questions to the model, set by set.

    Args:
        locator: the model.
        asked: the answers have the questions of one set beside each other, in this order.
        mode: the decode mode.
        max_new_tokens: of one answer; those that would be longer are cut and count as truncated.
        presence: see `Params`.

    Raises:
        LocanyError: that of the first question that failed.
    """
    ordered: list[Asked] = []
    answers: list[Detections] = []
    seconds: dict[str, float] = {}
    for name in dict.fromkeys(a.set for a in asked):
        group = [a for a in asked if a.set == name]
        ordered += group
        began = time.perf_counter()
        answers += locator.locate_many(
            _with_pixels(group), mode=mode, max_new_tokens=max_new_tokens, presence=presence
        )
        seconds[name] = time.perf_counter() - began
    return Answers(tuple(ordered), tuple(answers), seconds)


def _with_pixels(asked: Sequence[Asked]) -> Iterator[tuple[np.ndarray, Task]]:
    """Image and task of each; an image is decoded once for the questions that follow each other."""
    number, pixels = -1, np.zeros((0, 0, 3), np.uint8)
    for one in asked:
        if one.number != number:
            number, pixels = one.number, one.sample.pixels()
        yield pixels, one.question.task


def score(lines: Sequence[Line], answers: Answers) -> dict[str, Counts]:
    """Counts by the name of the line; lines without a question are left out."""
    found: dict[str, Counts] = {}
    for line in lines:
        counts = [
            count(a.question, answer, labels=line.labels) for a, answer in answers.pairs() if line.takes(a)
        ]
        if counts:
            found[line.name] = total(counts)
    return found


def facts(counts: Counts) -> dict[str, Any]:
    """Everything about some counts that JSON can hold."""
    return {
        "questions": counts.num_questions,
        "targets": counts.num_targets,
        "f1": round(counts.f1, 4),
        "precision": round(counts.precision, 4),
        "recall": round(counts.recall, 4),
        "accuracy": round(counts.accuracy, 4),
        "absent": counts.num_absent,
        "absent_right": round(counts.absent_right, 4) if counts.num_absent else None,
        "truncated": counts.num_truncated,
    }


def cost(answers: Answers) -> dict[str, dict[str, Any]]:
    """By set: images, questions, and what they took."""
    found = {}
    for name, seconds in answers.seconds.items():
        numbers = [a.number for a in answers.asked if a.set == name]
        images = len(set(numbers))
        found[name] = {
            "images": images,
            "questions": len(numbers),
            "seconds_an_image": round(seconds / images, 4),
            "seconds_a_question": round(seconds / len(numbers), 4),
        }
    return found
