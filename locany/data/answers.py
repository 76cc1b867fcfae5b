"""Which questions of a sample are asked this time, with which negatives; a function of (seed, index, epoch).

A sample knows everything that can be asked of its image. What is learnt from it in one epoch is decided here:
a part of its questions, categories in a new order, names that are absent, no answer longer than the limit.
The order of the boxes inside an answer is `BoxOrder`, applied where the answer is written (`data/encode.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from locany.data.sample import Question, Sample
from locany.errors import DataError
from locany.tasks import Task, TaskKind

_STREAM = 0xA25


class BoxOrder(str, Enum):
    """In which order the boxes of one label are written (spec `training` 2.3). Ties go on by x, then y."""

    CORNER = "corner"  # x of the top-left corner, then its y: the default, learns best
    CENTER = "center"  # distance of the box's centre from the image's top-left corner, nearest first
    AREA = "area"  # largest first
    RANDOM = "random"  # shuffled anew every epoch


@dataclass(frozen=True)
class AnswerConfig:
    """How questions are chosen and answered.

    Attributes:
        shuffle_categories: ask for categories in a new order each time; otherwise as the sample has them.
        negative_rate: for each task family, the share of absent names among all names asked for, from 0 up to
            but not 1. Negatives that the sample brings count; missing ones are added, none is removed.
            For families that ask for categories they join a question; for the others they are questions of
            their own.
        max_questions: of one sample, at most; chosen by chance. None for all.
        max_categories: in one question, at most; chosen by chance, present and absent alike. None for all.
        max_targets: of one question, at most. Whole categories are left out until it fits; a single label
            with more is not asked, since an answer cut short would teach that the rest is not there.
    """

    shuffle_categories: bool = True
    negative_rate: Mapping[TaskKind, float] = field(default_factory=dict)
    max_questions: int | None = None
    max_categories: int | None = None
    max_targets: int | None = None

    def __post_init__(self) -> None:
        for kind, rate in self.negative_rate.items():
            if not 0 <= rate < 1:
                raise DataError(f"the negative rate of {kind.value} is a share from 0 to below 1, got {rate}")
            if kind is TaskKind.TEXT and rate:
                raise DataError("a text task names nothing, so it has no negatives; remove its rate")
        for name in ("max_questions", "max_categories", "max_targets"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise DataError(f"AnswerConfig.{name} is at least 1, or None for no limit; got {value}")


@dataclass(frozen=True)
class Chosen:
    """What is asked.

    Attributes:
        sample: the same image with the questions of this time.
        dropped: for each question that could not be asked, why.
    """

    sample: Sample
    dropped: tuple[str, ...] = ()


def answer_rng(seed: int, index: int, time: int) -> np.random.Generator:
    """The chance of one sample the `time`-th time, whatever was asked before it and by which worker."""
    return np.random.default_rng((_STREAM, seed, index, time))


def choose_questions(
    sample: Sample, config: AnswerConfig, rng: np.random.Generator, absent: Sequence[str] = ()
) -> Chosen:
    """Choose, shuffle, add negatives, and keep within the limits.

    Args:
        sample: everything that can be asked.
        config: the rules.
        rng: see `answer_rng`.
        absent: names that negatives may use, such as the categories of the data set. Those of a target or
            object of this sample are passed over, whatever their case. Leave it empty for an image that is
            not annotated exhaustively: what is not annotated there may be present.
    """
    dropped: list[str] = []
    questions: list[Question] = []
    names = _Absent(sample, absent)
    brought = Counter(q.task.kind for q in sample.questions if not q.targets)
    added: dict[TaskKind, list[str]] = {}
    order = rng.permutation(len(sample.questions)).tolist()
    for number in order:
        if config.max_questions is not None and len(questions) >= config.max_questions:
            break
        question = sample.questions[number]
        rate = config.negative_rate.get(question.task.kind, 0.0)
        if question.task.takes_categories:
            found = _categories(question, config, rng, names, rate)
            if found is None:
                dropped.append(_too_many(question, config))
            else:
                questions.append(found)
        elif config.max_targets is not None and len(question.targets) > config.max_targets:
            dropped.append(_too_many(question, config))
        else:
            questions.append(question)
            for _ in range(_negatives(question, rate, rng)):
                kind = question.task.kind
                if brought[kind]:
                    brought[kind] -= 1
                elif name := names.draw(rng, but=added.setdefault(kind, [])):
                    added[kind].append(name)
                    questions.append(Question(replace(question.task, phrase=name)))
    questions = list({question.task: question for question in questions}.values())[: config.max_questions]
    return Chosen(replace(sample, questions=tuple(questions)), tuple(dropped))


def _extra(rate: float) -> float:
    """Negatives per positive so that their share of all is `rate`."""
    return rate / (1 - rate)


def _negatives(question: Question, rate: float, rng: np.random.Generator) -> int:
    """How many questions for absent phrases belong to this one, rounded by chance."""
    if not question.targets or not rate:
        return 0
    whole, part = divmod(_extra(rate), 1)
    return int(whole) + bool(rng.random() < part)


def _categories(
    question: Question, config: AnswerConfig, rng: np.random.Generator, names: _Absent, rate: float
) -> Question | None:
    """The question with its categories of this time, or None where even one of them has too many targets."""
    counts = dict.fromkeys(question.task.categories, 0)
    for target in question.targets:
        if target.label not in counts:
            raise DataError(
                f"target {target.label!r} answers none of the categories asked for: {', '.join(counts)}"
            )
        counts[target.label] += 1
    categories = list(counts)
    if config.shuffle_categories or (config.max_categories or len(categories)) < len(categories):
        kept = rng.permutation(len(categories)).tolist()[: config.max_categories]
        categories = [categories[i] for i in (kept if config.shuffle_categories else sorted(kept))]
    if config.max_targets is not None:
        room, fitting = config.max_targets, []
        for name in categories:
            if counts[name] <= room:
                fitting.append(name)
                room -= counts[name]
        if not fitting or (any(counts[n] for n in categories) and not any(counts[n] for n in fitting)):
            return None
        categories = fitting
    present = sum(counts[name] > 0 for name in categories)
    wanted = present * _extra(rate) + rng.random()  # rounded by chance, so that the mean is exact
    for _ in range(int(wanted) - (len(categories) - present)):
        if len(categories) == config.max_categories:
            break
        absent = names.draw(rng, but=categories)
        if absent is None:
            break
        place = int(rng.integers(len(categories) + 1)) if config.shuffle_categories else len(categories)
        categories.insert(place, absent)
    kept_names = set(categories)
    task = Task(question.task.kind, tuple(categories))
    return Question(task, tuple(target for target in question.targets if target.label in kept_names))


def _too_many(question: Question, config: AnswerConfig) -> str:
    what = question.task.phrase or ", ".join(question.task.categories) or "all text"
    return f"{question.task.kind.value} {what!r}: more than {config.max_targets} targets"


class _Absent:
    """Names that are not in an image."""

    def __init__(self, sample: Sample, names: Sequence[str]):
        self.names = names
        self.present = {target.label.lower() for target in sample.objects}
        for question in sample.questions:
            self.present |= {target.label.lower() for target in question.targets}

    def draw(self, rng: np.random.Generator, but: Sequence[str] = ()) -> str | None:
        """A name by chance, or None where there is none left."""
        taken = self.present | {name.lower() for name in but}
        for _ in range(16):  # most names are absent, so listing them all is seldom worth it
            if not self.names:
                return None
            name = self.names[int(rng.integers(len(self.names)))]
            if name.lower() not in taken:
                return name
        left = [name for name in self.names if name.lower() not in taken]
        return left[int(rng.integers(len(left)))] if left else None
