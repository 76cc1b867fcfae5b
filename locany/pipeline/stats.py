"""What is in a data set, in numbers: for people before they train on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from locany.data.sample import Question, Sample

_PERCENTILES = (0, 5, 25, 50, 75, 95, 100)
_TOP_LABELS = 40
# Of COCO: an area in square pixels below which a box counts as small, and as medium.
_SMALL, _MEDIUM = 32**2, 96**2

UNKNOWN = "unknown"  # the source of samples that do not name one


class Stats:
    """Counts over samples, one at a time."""

    def __init__(self, samples: Iterable[Sample] = ()):
        self.num_samples = 0
        self.by_source: dict[str, Counter[str]] = {}
        self.by_task: dict[str, Counter[str]] = {}
        self.targets_per_question: list[int] = []
        self.words_per_question: list[int] = []
        self.questions_per_image: list[int] = []
        self.objects_per_image: list[int] = []
        self.image_sizes: list[tuple[int, int]] = []
        self.box_sizes: list[tuple[float, float]] = []
        self.box_shares: list[float] = []
        self.labels: Counter[str] = Counter()
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Count a sample; its image is not read."""
        width, height = sample.size_wh
        self.num_samples += 1
        self.image_sizes.append((width, height))
        self.questions_per_image.append(len(sample.questions))
        self.objects_per_image.append(len(sample.objects))
        source = self.by_source.setdefault(source_of(sample), Counter())
        source.update(samples=1, questions=len(sample.questions), objects=len(sample.objects))
        for question in sample.questions:
            num_targets, words = len(question.targets), num_words(question)
            self.targets_per_question.append(num_targets)
            self.words_per_question.append(words)
            source.update(targets=num_targets, negatives=not num_targets)
            task = self.by_task.setdefault(question.task.kind.value, Counter())
            task.update(questions=1, targets=num_targets, negatives=not num_targets, words=words)
            asked = question.task.categories
            task.update(categories=len(asked))
            task.update(absent_categories=len(set(asked) - {target.label for target in question.targets}))
            for target in question.targets:
                self.labels[target.label] += 1
                if target.xyxy is not None:
                    x0, y0, x1, y1 = target.xyxy
                    self.box_sizes.append((x1 - x0, y1 - y0))
                    self.box_shares.append((x1 - x0) * (y1 - y0) / (width * height))

    @property
    def num_questions(self) -> int:
        return len(self.targets_per_question)

    @property
    def num_targets(self) -> int:
        return sum(self.targets_per_question)

    @property
    def negatives_share(self) -> float:
        """Share of questions to which nothing is the answer."""
        return self.targets_per_question.count(0) / max(1, self.num_questions)

    def to_data(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        images = np.asarray(self.image_sizes, float).reshape(-1, 2)
        boxes = np.asarray(self.box_sizes, float).reshape(-1, 2)
        areas = boxes.prod(axis=1)
        num_boxes = max(1, len(boxes))
        return {
            "samples": self.num_samples,
            "questions": self.num_questions,
            "targets": self.num_targets,
            "negatives_share": round(self.negatives_share, 4),
            "sources": {name: dict(counts) for name, counts in sorted(self.by_source.items())},
            "tasks": {name: dict(counts) for name, counts in sorted(self.by_task.items())},
            "questions_per_image": spread(self.questions_per_image),
            "objects_per_image": spread(self.objects_per_image),
            "targets_per_question": spread(self.targets_per_question),
            "words_per_question": spread(self.words_per_question),
            "image_width": spread(images[:, 0]),
            "image_height": spread(images[:, 1]),
            "box_width": spread(boxes[:, 0]),
            "box_height": spread(boxes[:, 1]),
            "box_share_of_image": spread(self.box_shares),
            "boxes_small": round(float((areas < _SMALL).sum()) / num_boxes, 4),
            "boxes_medium": round(float(((areas >= _SMALL) & (areas < _MEDIUM)).sum()) / num_boxes, 4),
            "boxes_large": round(float((areas >= _MEDIUM).sum()) / num_boxes, 4),
            "distinct_labels": len(self.labels),
            "labels": dict(sorted(self.labels.items(), key=lambda item: (-item[1], item[0]))[:_TOP_LABELS]),
        }


def source_of(sample: Sample) -> str:
    """The source in the recipe, else the renderer, else nothing known."""
    return str(sample.provenance.get("source") or sample.provenance.get("renderer") or UNKNOWN)


def num_words(question: Question) -> int:
    """Words of what is asked: of the phrase, or of all categories together; 0 where all text is asked for.

    Words are what blanks separate, so a sentence in Chinese or Japanese counts as one.
    """
    task = question.task
    return sum(len(text.split()) for text in (*task.categories, task.phrase))


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Mean and percentiles; empty if there are no values."""
    if not len(values):
        return {}
    array = np.asarray(values, float)
    percentiles = np.percentile(array, _PERCENTILES).tolist()
    named = {f"p{rank}": round(value, 4) for rank, value in zip(_PERCENTILES, percentiles, strict=True)}
    return {"mean": round(float(array.mean()), 4), **named}
